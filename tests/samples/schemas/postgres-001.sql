-- holds: c1 bea05593883e6995c95620315116c369 4 turns, closed None, from b1 at 4, foreigners ('Ada', 'chair'), calls [('failed', 3, 60), ('paused', 3, 60), ('left', 3, 60), ('open', 3, 0)]
-- holds: b1 b75b73e38b97cdb06a1b5c085a5b303a 4 turns, closed None, from a1 at 3, foreigners (), calls []
-- holds: a1 76ea454fb2903ed3f55eb13c3d47ea59 4 turns, closed 'all said', from None at 0, foreigners ('Bo',), calls [('done', 3, 0), ('done', 3, 0)]
CREATE SCHEMA moot;
CREATE TABLE moot.calls (
    id bigint NOT NULL,
    transcript text NOT NULL COLLATE pg_catalog."C",
    seq integer NOT NULL,
    speaker text NOT NULL,
    voice text NOT NULL,
    request text NOT NULL,
    begun text NOT NULL,
    outcome text NOT NULL,
    error text DEFAULT ''::text NOT NULL,
    partial text DEFAULT ''::text NOT NULL,
    cut text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    input bigint,
    cached bigint,
    cache_write bigint,
    output bigint,
    reasoning bigint,
    first_ms bigint,
    total_ms bigint,
    reserved_input bigint DEFAULT 0 NOT NULL,
    reserved_output bigint DEFAULT 0 NOT NULL
);
ALTER TABLE moot.calls ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME moot.calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE moot.migrations (
    number integer NOT NULL,
    at text NOT NULL
);
CREATE SEQUENCE moot.touches
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE moot.transcripts (
    id text NOT NULL COLLATE pg_catalog."C",
    heading text NOT NULL,
    digest text NOT NULL,
    at text NOT NULL,
    touched bigint DEFAULT nextval('moot.touches'::regclass) NOT NULL,
    forked_from text COLLATE pg_catalog."C",
    forked_at integer DEFAULT 0 NOT NULL,
    closed text,
    foreigners text DEFAULT '[]'::text NOT NULL
);
CREATE TABLE moot.turns (
    transcript text NOT NULL COLLATE pg_catalog."C",
    seq integer NOT NULL,
    turn text NOT NULL,
    digest text NOT NULL,
    at text NOT NULL,
    words tsvector NOT NULL,
    recorded bigint NOT NULL
);
ALTER TABLE moot.turns ALTER COLUMN recorded ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME moot.turns_recorded_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE moot.writers (
    id uuid NOT NULL,
    groups bigint NOT NULL
);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (1, 'a1', 2, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.514+00:00', 'done', '', '""', '""', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (2, 'a1', 3, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.537+00:00', 'done', '', '""', '""', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (3, 'c1', 4, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.586+00:00', 'failed', 'reset by 河', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (4, 'c1', 4, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.593+00:00', 'paused', 'reset by 河', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (5, 'c1', 4, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.610+00:00', 'left', 'reset by 河', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', '"\ud83d NUL\u0000 \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.calls OVERRIDING SYSTEM VALUE VALUES (6, 'c1', 4, 'Ada', 'script:a', 'dddddddddddddddddddddddddddddddd', '2026-11-24T20:26:37.624+00:00', 'open', '', '""', '""', 'm-1', 'req', 10, NULL, NULL, 3, NULL, 5, 9, 0, 0);
INSERT INTO moot.migrations VALUES (1, '2026-11-24T20:26:37.478+00:00');
INSERT INTO moot.transcripts VALUES ('a1', '{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"Rivers; and ''lakes'' -- as \"they\" are","topic":"Is a river alive?"}', '3f16a0756cd5d025012bdfd17a5e4c5f', '2026-11-24T20:26:37.495+00:00', 3, NULL, 0, 'all said', '["Bo"]');
INSERT INTO moot.transcripts VALUES ('b1', '{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"otherwise","topic":"Is a river alive?"}', '08cff30e8f3c6c9e70dcaed857cdbe28', '2026-11-24T20:26:37.564+00:00', 5, 'a1', 3, NULL, '[]');
INSERT INTO moot.transcripts VALUES ('c1', '{"form":"talk","participants":[{"brief":"You are Ada.","name":"Ada","voice":"script:a"},{"name":"Bo","voice":"script:b"}],"seed":7,"title":"Rivers; and ''lakes'' -- as \"they\" are","topic":"Is a river alive?"}', '3f16a0756cd5d025012bdfd17a5e4c5f', '2026-11-24T20:26:37.574+00:00', 6, 'b1', 4, NULL, '["Ada", "chair"]');
INSERT INTO moot.turns OVERRIDING SYSTEM VALUE VALUES ('a1', 0, '{"heard_by":null,"parts":[{"kind":"thought","text":"Hm."},{"kind":"text","text":"A river is alive."}],"speaker":"Ada","stop":"end"}', '26d3f79666ce219d8512c2600c9d4918', '2026-11-24T20:26:37.495+00:00', '''a'' ''alive'' ''is'' ''river''', 1);
INSERT INTO moot.turns OVERRIDING SYSTEM VALUE VALUES ('a1', 1, '{"heard_by":["Ada"],"marks":["cut"],"parts":[{"kind":"text","text":"\ufffd NUL\ufffd \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"}],"speaker":"Bo","stop":"length"}', 'd4704d88ff3bc4c0a2a5a3e4d3a56dce', '2026-11-24T20:26:37.495+00:00', '''31m'' ''bold'' ''drop'' ''nul'' ''table'' ''turns'' ''unicode'' ''河''', 2);
INSERT INTO moot.turns OVERRIDING SYSTEM VALUE VALUES ('a1', 2, '{"heard_by":null,"parts":[{"answer":"yes","how":"grammar","kind":"ballot","options":["yes","no"],"probabilities":[0.75,0.25],"question":"Alive?"}],"speaker":"Ada","stop":"end"}', 'b7e425bbb14e534faa69f787b7e84d59', '2026-11-24T20:26:37.525+00:00', '', 3);
INSERT INTO moot.turns OVERRIDING SYSTEM VALUE VALUES ('a1', 3, '{"heard_by":null,"parts":[],"speaker":"Bo","stop":"refusal"}', '76ea454fb2903ed3f55eb13c3d47ea59', '2026-11-24T20:26:37.540+00:00', '', 4);
INSERT INTO moot.turns OVERRIDING SYSTEM VALUE VALUES ('b1', 3, '{"heard_by":["Ada"],"marks":["cut"],"parts":[{"kind":"text","text":"\ufffd NUL\ufffd \u001b[31m \u202e [bold] \ud83d\ude00 ''; DROP TABLE turns; --\n\n  \u00fcn\u00efc\u00f6d\u00e9 \u6cb3"}],"speaker":"Bo","stop":"length"}', 'b75b73e38b97cdb06a1b5c085a5b303a', '2026-11-24T20:26:37.568+00:00', '''31m'' ''bold'' ''drop'' ''nul'' ''table'' ''turns'' ''unicode'' ''河''', 5);
SELECT pg_catalog.setval('moot.calls_id_seq', 6, true);
SELECT pg_catalog.setval('moot.touches', 6, true);
SELECT pg_catalog.setval('moot.turns_recorded_seq', 5, true);
ALTER TABLE ONLY moot.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);
ALTER TABLE ONLY moot.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY moot.transcripts
    ADD CONSTRAINT transcripts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY moot.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (transcript, seq);
ALTER TABLE ONLY moot.writers
    ADD CONSTRAINT writers_pkey PRIMARY KEY (id);
CREATE INDEX calls_of ON moot.calls USING btree (transcript, seq);
CREATE INDEX transcripts_forked ON moot.transcripts USING btree (forked_from);
CREATE INDEX transcripts_touched ON moot.transcripts USING btree (touched);
CREATE INDEX turns_recorded ON moot.turns USING btree (recorded);
CREATE INDEX turns_words ON moot.turns USING gin (words);
ALTER TABLE ONLY moot.calls
    ADD CONSTRAINT calls_transcript_fkey FOREIGN KEY (transcript) REFERENCES moot.transcripts(id);
ALTER TABLE ONLY moot.transcripts
    ADD CONSTRAINT transcripts_forked_from_fkey FOREIGN KEY (forked_from) REFERENCES moot.transcripts(id);
ALTER TABLE ONLY moot.turns
    ADD CONSTRAINT turns_transcript_fkey FOREIGN KEY (transcript) REFERENCES moot.transcripts(id);
