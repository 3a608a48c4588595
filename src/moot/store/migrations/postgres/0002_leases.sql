-- Who is at work on conversations of this record, and how much of a shared budget each may use: one row a process.
CREATE TABLE moot.leases (
    id           text COLLATE "C" PRIMARY KEY,
    budget       text NOT NULL,              -- the name of the budget that it is a lease of
    tokens       bigint NOT NULL,            -- what it may use in all, what it has used counted
    dollars      text NOT NULL,              -- the same, as a decimal number
    used_tokens  bigint NOT NULL,            -- what of that it has used, as it said last
    used_dollars text NOT NULL,
    seen         double precision            -- its last sign of life, in seconds since 1970; NULL: it has ended
);

-- Which of them carries a conversation, so that no two ask for the same turn.
CREATE TABLE moot.held (
    transcript text COLLATE "C" PRIMARY KEY,
    lease      text COLLATE "C" NOT NULL
);

-- Under which lease a request was sent: when whoever held it dies, its calls say what it has used.
ALTER TABLE moot.calls ADD COLUMN lease text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX calls_under ON moot.calls (lease) WHERE lease <> '';
CREATE INDEX held_by ON moot.held (lease);
