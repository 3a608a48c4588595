-- Who is at work on conversations of this record, and how much of a shared budget each may use: one row a process.
CREATE TABLE leases (
    id           TEXT PRIMARY KEY,
    budget       TEXT NOT NULL,              -- the name of the budget that it is a lease of
    tokens       INTEGER NOT NULL,           -- what it may use in all, what it has used counted
    dollars      TEXT NOT NULL,              -- the same, as a decimal number
    used_tokens  INTEGER NOT NULL,           -- what of that it has used, as it said last
    used_dollars TEXT NOT NULL,
    seen         REAL                        -- its last sign of life, in seconds since 1970; NULL: it has ended
) STRICT;

-- Which of them carries a conversation, so that no two ask for the same turn.
CREATE TABLE held (
    transcript TEXT PRIMARY KEY,
    lease      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Under which lease a request was sent: when whoever held it dies, its calls say what it has used.
ALTER TABLE calls ADD COLUMN lease TEXT NOT NULL DEFAULT '';
CREATE INDEX calls_under ON calls (lease) WHERE lease <> '';
CREATE INDEX held_by ON held (lease);
