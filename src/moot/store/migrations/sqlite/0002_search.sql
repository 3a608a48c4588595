-- What is searched: the words said aloud in each turn, put in order by moot_words() of store/words.py.
CREATE TABLE spoken (
    id         INTEGER PRIMARY KEY,          -- the order in which turns were put on this record
    transcript TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    UNIQUE (transcript, seq)
) STRICT;

-- Its own copy of no word: only which rows of `spoken` hold which.
CREATE VIRTUAL TABLE words USING fts5 (
    said, content = '', detail = none, tokenize = "unicode61 remove_diacritics 0 tokenchars '_'"
);

INSERT INTO spoken (transcript, seq) SELECT transcript, seq FROM turns ORDER BY at, transcript, seq;
INSERT INTO words (rowid, said) SELECT id, moot_words(turn) FROM spoken JOIN turns USING (transcript, seq);
