-- A conversation's heading, and where it was forked from: a fork is a pointer, nothing is copied.
CREATE TABLE transcripts (
    id          TEXT PRIMARY KEY,
    heading     TEXT NOT NULL,               -- JSON, ASCII
    digest      TEXT NOT NULL,               -- of the heading: the first link of the chain
    at          TEXT NOT NULL,               -- when it was put on record
    touched     INTEGER NOT NULL,            -- counts up with every change in this file: orders "last"
    forked_from TEXT REFERENCES transcripts (id),
    forked_at   INTEGER NOT NULL DEFAULT 0,  -- how many turns it has from there
    closed      TEXT,                        -- why its form closed it, as a memo: the form itself decides
    foreigners  TEXT NOT NULL DEFAULT '[]'   -- JSON names of participants whose voice a file has chosen, not its user
) STRICT;

-- The key is the lock: of two writers of one turn the second is refused.
CREATE TABLE turns (
    transcript TEXT NOT NULL REFERENCES transcripts (id),
    seq        INTEGER NOT NULL,             -- from 0, inherited turns counted
    turn       TEXT NOT NULL,                -- JSON, ASCII
    digest     TEXT NOT NULL,
    at         TEXT NOT NULL,
    PRIMARY KEY (transcript, seq)
) STRICT, WITHOUT ROWID;

-- One row a request, written before it is sent. An "open" row of no living process was sent and never answered to us.
CREATE TABLE calls (
    id          INTEGER PRIMARY KEY,
    transcript  TEXT NOT NULL REFERENCES transcripts (id),
    seq         INTEGER NOT NULL,            -- of the turn that it was for
    speaker     TEXT NOT NULL,
    voice       TEXT NOT NULL,
    request     TEXT NOT NULL,               -- digest of the exact request
    begun       TEXT NOT NULL,
    outcome     TEXT NOT NULL,               -- open, done, paused, failed, left
    error       TEXT NOT NULL DEFAULT '',
    partial     TEXT NOT NULL DEFAULT '',    -- words of an attempt that came to nothing, as a JSON string
    cut         TEXT NOT NULL DEFAULT '',    -- words cut off the turn, as a JSON string
    model       TEXT NOT NULL DEFAULT '',    -- as the provider named it
    request_id  TEXT NOT NULL DEFAULT '',
    input       INTEGER,                     -- tokens; NULL is unknown
    cached      INTEGER,
    cache_write INTEGER,
    output      INTEGER,
    reasoning   INTEGER,
    first_ms    INTEGER,                     -- to the first word
    total_ms    INTEGER,
    reserved_input  INTEGER NOT NULL DEFAULT 0, -- tokens at most, reckoned before the request was sent
    reserved_output INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX calls_of ON calls (transcript, seq);
CREATE INDEX transcripts_touched ON transcripts (touched);
