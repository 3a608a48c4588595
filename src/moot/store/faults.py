"""What may be wrong with a record's database itself, each in a line for a person.

It must never change anything, nor stop at the first thing that it finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moot.store import StoreError
from moot.store.words import spoken_words

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from psycopg import Connection

CONSTRAINTS = (
    "transcripts_pkey",
    "transcripts_forked_from_fkey",
    "turns_pkey",
    "turns_transcript_fkey",
    "calls_pkey",
    "calls_transcript_fkey",
    "writers_pkey",
)
"""What a record in PostgreSQL stands on; a copy made carelessly, or somebody's hand, may have lost one."""

_UNINDEXED = """
    SELECT (SELECT count(*) FROM turns LEFT JOIN spoken USING (transcript, seq) WHERE spoken.id IS NULL)
         + (SELECT count(*) FROM spoken LEFT JOIN turns USING (transcript, seq) WHERE turns.turn IS NULL)"""
_INDEXED = "SELECT transcript, seq, turn, tsvector_to_array(words) FROM moot.turns"


def of_conversations(ids: Iterable[str], broken: Callable[[str], Iterable[str]]) -> list[str]:
    """Return what `broken` says of these conversations, or why one cannot be read; what forks share is told once."""
    found: dict[str, None] = {}
    for identity in ids:
        try:
            found |= dict.fromkeys(broken(identity))
        except StoreError as error:
            found[str(error)] = None
    return list(found)


def of_file(db: sqlite3.Connection) -> list[str]:
    """Return what is wrong with a SQLite file: damage, missing rows that others refer to, a stale index."""
    found = [f"the file is damaged: {row[0]}" for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    found += [
        f"a row of {row[0]} refers to a missing row of {row[2]}" for row in db.execute("PRAGMA foreign_key_check")
    ]
    if unindexed := db.execute(_UNINDEXED).fetchone()[0]:
        found.append(f"the search's index does not agree with the turns in {unindexed} places")
    return found


def of_tables(db: Connection[Any]) -> list[str]:
    """Return what is wrong with moot's tables in PostgreSQL: constraints, and a stale index."""
    sql = "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
    sql += " WHERE connamespace = 'moot'::regnamespace"
    unsure = db.execute(f"{sql} AND NOT convalidated").fetchall()
    found = [f"the constraint {name} of {table} was never checked" for table, name in unsure]
    kept = {name for _, name in db.execute(sql)}
    found += [f"the constraint {name} is missing" for name in CONSTRAINTS if name not in kept]
    with db.cursor("indexed") as rows:  # a server-side cursor: the turns may be more than memory holds
        rows.execute(_INDEXED)
        for identity, seq, turn, words in rows:
            if sorted(spoken_words(turn)) != sorted(words):
                found.append(f"the search's index does not agree with turn {seq + 1} of {identity}")
    return found
