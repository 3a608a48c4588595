-- holds: c1 bea05593883e6995c95620315116c369 4 turns, closed None, from b1 at 4, foreigners ('Ada', 'chair'), calls [('failed', 3, 60), ('paused', 3, 60), ('left', 3, 60), ('open', 3, 0)]
-- holds: b1 b75b73e38b97cdb06a1b5c085a5b303a 4 turns, closed None, from a1 at 3, foreigners (), calls []
-- holds: a1 76ea454fb2903ed3f55eb13c3d47ea59 4 turns, closed 'all said', from None at 0, foreigners ('Bo',), calls [('done', 3, 0), ('done', 3, 0)]
BEGIN TRANSACTION;
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
INSERT INTO "calls" VALUES(1,'a1',2,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.430+00:00','done','','""','""','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
INSERT INTO "calls" VALUES(2,'a1',3,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.443+00:00','done','','""','""','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
INSERT INTO "calls" VALUES(3,'c1',4,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.490+00:00','failed','reset by 河','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
INSERT INTO "calls" VALUES(4,'c1',4,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.506+00:00','paused','reset by 河','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
INSERT INTO "calls" VALUES(5,'c1',4,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.521+00:00','left','reset by 河','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
INSERT INTO "calls" VALUES(6,'c1',4,'Ada','script:a','dddddddddddddddddddddddddddddddd','2026-11-24T20:26:35.542+00:00','open','','""','""','m-1','req',10,NULL,NULL,3,NULL,5,9,0,0);
CREATE TABLE spoken (
    id         INTEGER PRIMARY KEY,          -- the order in which turns were put on this record
    transcript TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    UNIQUE (transcript, seq)
) STRICT;
INSERT INTO "spoken" VALUES(1,'a1',0);
INSERT INTO "spoken" VALUES(2,'a1',1);
INSERT INTO "spoken" VALUES(3,'a1',2);
INSERT INTO "spoken" VALUES(4,'a1',3);
INSERT INTO "spoken" VALUES(5,'b1',3);
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
INSERT INTO "transcripts" VALUES('a1','{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"Rivers; and ''lakes'' -- as \"they\" are","topic":"Is a river alive?"}','3f16a0756cd5d025012bdfd17a5e4c5f','2026-11-24T20:26:35.426+00:00',3,NULL,0,'all said','["Bo"]');
INSERT INTO "transcripts" VALUES('b1','{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"otherwise","topic":"Is a river alive?"}','08cff30e8f3c6c9e70dcaed857cdbe28','2026-11-24T20:26:35.462+00:00',5,'a1',3,NULL,'[]');
INSERT INTO "transcripts" VALUES('c1','{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"Rivers; and ''lakes'' -- as \"they\" are","topic":"Is a river alive?"}','3f16a0756cd5d025012bdfd17a5e4c5f','2026-11-24T20:26:35.480+00:00',6,'b1',4,NULL,'["Ada", "chair"]');
CREATE TABLE turns (
    transcript TEXT NOT NULL REFERENCES transcripts (id),
    seq        INTEGER NOT NULL,             -- from 0, inherited turns counted
    turn       TEXT NOT NULL,                -- JSON, ASCII
    digest     TEXT NOT NULL,
    at         TEXT NOT NULL,
    PRIMARY KEY (transcript, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "turns" VALUES('a1',0,'{"heard_by":null,"parts":[{"kind":"thought","text":"Hm."},{"kind":"text","text":"A river is alive."}],"speaker":"Ada","stop":"end"}','26d3f79666ce219d8512c2600c9d4918','2026-11-24T20:26:35.426+00:00');
INSERT INTO "turns" VALUES('a1',1,'{"heard_by":["Ada"],"marks":["cut"],"parts":[{"kind":"text","text":"\ufffd NUL\ufffd \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"}],"speaker":"Bo","stop":"length"}','d4704d88ff3bc4c0a2a5a3e4d3a56dce','2026-11-24T20:26:35.426+00:00');
INSERT INTO "turns" VALUES('a1',2,'{"heard_by":null,"parts":[{"answer":"yes","how":"grammar","kind":"ballot","options":["yes","no"],"probabilities":[0.75,0.25],"question":"Alive?"}],"speaker":"Ada","stop":"end"}','b7e425bbb14e534faa69f787b7e84d59','2026-11-24T20:26:35.442+00:00');
INSERT INTO "turns" VALUES('a1',3,'{"heard_by":null,"parts":[],"speaker":"Bo","stop":"refusal"}','76ea454fb2903ed3f55eb13c3d47ea59','2026-11-24T20:26:35.450+00:00');
INSERT INTO "turns" VALUES('b1',3,'{"heard_by":["Ada"],"marks":["cut"],"parts":[{"kind":"text","text":"\ufffd NUL\ufffd \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"}],"speaker":"Bo","stop":"length"}','b75b73e38b97cdb06a1b5c085a5b303a','2026-11-24T20:26:35.471+00:00');
PRAGMA writable_schema=ON;
INSERT INTO sqlite_master(type,name,tbl_name,rootpage,sql)VALUES('table','words','words',0,'CREATE VIRTUAL TABLE words USING fts5 (
    said, content = '''', detail = none, tokenize = "unicode61 remove_diacritics 0 tokenchars ''_''"
)');
CREATE TABLE 'words_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO "words_config" VALUES('version',4);
CREATE TABLE 'words_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO "words_data" VALUES(1,X'0514');
INSERT INTO "words_data" VALUES(10,X'000000000102020002010101020101');
INSERT INTO "words_data" VALUES(137438953473,X'00000058043033316D0201065F366362335F020101610102046C697665010104626F6C6402010464726F7002010269730101036E756C02010572697665720101057461626C6502020475726E73020107756E69636F646502040609040707070506080807');
INSERT INTO "words_data" VALUES(274877906945,X'00000040043033316D0501065F366362335F050104626F6C6405010464726F700501036E756C0501057461626C6505020475726E73050107756E69636F6465050406090707060807');
CREATE TABLE 'words_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO "words_docsize" VALUES(1,X'04');
INSERT INTO "words_docsize" VALUES(2,X'08');
INSERT INTO "words_docsize" VALUES(3,X'00');
INSERT INTO "words_docsize" VALUES(4,X'00');
INSERT INTO "words_docsize" VALUES(5,X'08');
CREATE TABLE 'words_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO "words_idx" VALUES(1,X'',2);
INSERT INTO "words_idx" VALUES(2,X'',2);
CREATE INDEX calls_of ON calls (transcript, seq);
CREATE INDEX transcripts_touched ON transcripts (touched);
PRAGMA writable_schema=OFF;
COMMIT;
PRAGMA application_id = 1836019572;
PRAGMA user_version = 2;
