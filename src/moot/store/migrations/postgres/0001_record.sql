-- The same tables as in SQLite, in a schema of moot's own: other programs may share the database.
CREATE SEQUENCE moot.touches;

-- A conversation's heading, and where it was forked from: a fork is a pointer, nothing is copied.
CREATE TABLE moot.transcripts (
    id          text COLLATE "C" PRIMARY KEY,
    heading     text NOT NULL,               -- JSON, ASCII: there is no NUL in it
    digest      text NOT NULL,               -- of the heading: the first link of the chain
    at          text NOT NULL,               -- when it was put on record
    touched     bigint NOT NULL DEFAULT nextval('moot.touches'), -- counts up with every change: orders "last"
    forked_from text COLLATE "C" REFERENCES moot.transcripts (id),
    forked_at   integer NOT NULL DEFAULT 0,  -- how many turns it has from there
    closed      text,                        -- why its form closed it, as a memo: the form itself decides
    foreigners  text NOT NULL DEFAULT '[]'   -- JSON names of participants whose voice a file has chosen, not its user
);

-- The key is the lock: of two writers of one turn the second is refused.
CREATE TABLE moot.turns (
    transcript text COLLATE "C" NOT NULL REFERENCES moot.transcripts (id),
    seq        integer NOT NULL,             -- from 0, inherited turns counted
    turn       text NOT NULL,                -- JSON, ASCII
    digest     text NOT NULL,
    at         text NOT NULL,
    words      tsvector NOT NULL,            -- of what was said aloud, as store/words.py picks them
    recorded   bigint GENERATED ALWAYS AS IDENTITY, -- the order in which turns were put on this record
    PRIMARY KEY (transcript, seq)
);

-- One row a request, written before it is sent. An "open" row of no living process was sent and never answered to us.
CREATE TABLE moot.calls (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transcript  text COLLATE "C" NOT NULL REFERENCES moot.transcripts (id),
    seq         integer NOT NULL,            -- of the turn that it was for
    speaker     text NOT NULL,
    voice       text NOT NULL,
    request     text NOT NULL,               -- digest of the exact request
    begun       text NOT NULL,
    outcome     text NOT NULL,               -- open, done, paused, failed, left
    error       text NOT NULL DEFAULT '',
    partial     text NOT NULL DEFAULT '',  -- words of an attempt that came to nothing, as a JSON string
    cut         text NOT NULL DEFAULT '',  -- words cut off the turn, as a JSON string
    model       text NOT NULL DEFAULT '',  -- as the provider named it
    request_id  text NOT NULL DEFAULT '',
    input       bigint,                      -- tokens; NULL is unknown
    cached      bigint,
    cache_write bigint,
    output      bigint,
    reasoning   bigint,
    first_ms    bigint,                      -- to the first word
    total_ms    bigint,
    reserved_input  bigint NOT NULL DEFAULT 0, -- tokens at most, reckoned before the request was sent
    reserved_output bigint NOT NULL DEFAULT 0
);

-- How many groups of writes each open store has committed: after a lost connection it is looked up here
-- whether the last one was kept, before it is written again.
CREATE TABLE moot.writers (
    id     uuid PRIMARY KEY,
    groups bigint NOT NULL
);

CREATE INDEX turns_words ON moot.turns USING gin (words);
CREATE INDEX turns_recorded ON moot.turns (recorded);
CREATE INDEX calls_of ON moot.calls (transcript, seq);
CREATE INDEX transcripts_touched ON moot.transcripts (touched);
CREATE INDEX transcripts_forked ON moot.transcripts (forked_from);
