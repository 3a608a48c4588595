"""The record in one SQLite file: WAL, `synchronous=FULL`, one writing thread that commits in groups.

It must never answer a write before the commit that holds it has reached the disk, and never change a turn.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from moot.store import Call, Conflict, Hit, Listing, NotFound, Share, Stored, StoreError
from moot.store.faults import of_conversations, of_file
from moot.store.file import File, at_once, back_up, pragma
from moot.store.groups import Writer
from moot.store.leases import TAKEN, Leases
from moot.store.rows import (
    BEFOREHAND,
    CALL,
    Head,
    Level,
    Lines,
    call,
    call_values,
    damaged,
    family_sql,
    head_row,
    length,
    listing,
    missing,
    now,
    stored,
    the_one,
    turn_row,
    unchanged,
)
from moot.store.words import hit, spelt, spoken_words, words_of
from moot.transcript import digests, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from moot.transcript import Heading, Transcript, Turn

T = TypeVar("T")

_LISTING = """
    SELECT t.id, t.heading, t.at, t.closed, t.forked_from, t.forked_at, t.foreigners,
           (SELECT max(seq) + 1 FROM turns WHERE transcript = t.id) AS length
    FROM transcripts AS t"""
_FAMILY = family_sql(_LISTING, "transcripts", "?")
_SEARCH = """
    SELECT turns.transcript, turns.seq, turns.turn, turns.at FROM words
    JOIN spoken ON spoken.id = words.rowid JOIN turns USING (transcript, seq)
    WHERE words MATCH ? ORDER BY words.rowid DESC LIMIT ?"""
_LIVE = "SELECT 1 FROM leases WHERE id = ? AND seen IS NOT NULL"


class SqliteStore:
    """The record in one SQLite file; see `moot.store.Store` for what each method promises."""

    def __init__(self, path: Path) -> None:
        self.file = File(path)
        self._writer: Writer[Callable[[sqlite3.Connection], Any]] = Writer(self._commit)
        self._reader = ThreadPoolExecutor(1, "moot-reader")
        self._lines = Lines()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """Finish what is being written and let go of the file."""
        self._writer.shut()
        self._reader.shutdown()
        self.file.close()

    async def start(self, identity: str, transcript: Transcript, foreigners: Sequence[str] = ()) -> None:
        """See `Store.start`."""
        chain = digests(transcript)

        def work(db: sqlite3.Connection) -> None:
            _new(db, identity, transcript.heading, foreigners)
            for seq, turn in enumerate(transcript.turns):
                _put(db, identity, seq, turn_row(turn, chain[seq + 1]), words_of(turn.text))

        await self._do(work)

    async def fork(
        self, identity: str, source: str, count: int, heading: Heading, foreigners: Sequence[str] = ()
    ) -> None:
        """See `Store.fork`."""

        def work(db: sqlite3.Connection) -> None:
            if not 0 <= count <= _length(db, source):
                raise StoreError(
                    f"conversation {source} has {_length(db, source)} turns; it cannot be forked at {count}"
                )
            _new(db, identity, heading, foreigners)
            db.execute("UPDATE transcripts SET forked_from = ?, forked_at = ? WHERE id = ?", (source, count, identity))

        await self._do(work)

    async def append(
        self, identity: str, seq: int, turn: Turn, digest: str, call: tuple[int, Call] | None = None
    ) -> None:
        """See `Store.append`."""
        row, words = turn_row(turn, digest), words_of(turn.text)

        def work(db: sqlite3.Connection) -> None:
            if seq != _length(db, identity):
                raise Conflict(f"turn {seq + 1} of conversation {identity} was put on record by somebody else")
            _put(db, identity, seq, row, words)
            _touch(db, identity)
            if call:
                _end(db, *call)

        await self._do(work)

    async def begin(self, identity: str, call: Call) -> int:
        """See `Store.begin`."""
        values = call_values(call) | {"begun": now()}

        def work(db: sqlite3.Connection) -> int:
            if call.lease and not db.execute(_LIVE, (call.lease,)).fetchone():
                raise StoreError(TAKEN)
            return _ask(db, identity, values)

        return await self._do(work)

    async def finish(self, number: int, call: Call) -> None:
        """See `Store.finish`."""
        await self._do(lambda db: _end(db, number, call))

    async def close(self, identity: str, reason: str, turns: int | None = None) -> None:
        """See `Store.close`."""

        def work(db: sqlite3.Connection) -> None:
            if turns is not None:
                unchanged(identity, turns, _length(db, identity))
            db.execute("UPDATE transcripts SET closed = ? WHERE id = ?", (sound(reason), identity))

        await self._do(work)

    async def read(self, identity: str) -> Stored:
        """See `Store.read`."""
        return await self._look(lambda db: at_once(db, lambda: _read(db, identity)))

    async def calls(self, identity: str) -> tuple[Call, ...]:
        """See `Store.calls`."""
        return await self._look(lambda db: _calls(db, identity))

    async def list(self) -> Sequence[Listing]:
        """See `Store.list`."""
        return await self._look(lambda db: self._lines.of(db.execute(f"{_LISTING} ORDER BY t.touched DESC").fetchall()))

    async def look(self, identity: str) -> Listing:
        """See `Store.look`."""
        return listing(await self._look(lambda db: _one(db, identity)))

    async def family(self, identity: str) -> Sequence[Listing]:
        """See `Store.family`."""
        rows = await self._look(lambda db: db.execute(_FAMILY, (identity,)).fetchall())
        return [listing(row) for row in rows]

    async def find(self, prefix: str) -> str:
        """See `Store.find`."""
        if prefix == "last":
            found = await self._look(lambda db: db.execute(f"{_LISTING} ORDER BY t.touched DESC LIMIT 1").fetchall())
            if not found:
                raise NotFound("there is no conversation yet; start one with: moot talk")
            return str(found[0][0])
        sql = "SELECT id FROM transcripts WHERE substr(id, 1, ?) = ? ORDER BY touched DESC LIMIT 6"
        plain = sound(prefix)
        return the_one(prefix, await self._look(lambda db: db.execute(sql, (len(plain), plain)).fetchall()))

    async def search(self, words: str, limit: int = 20) -> Sequence[Hit]:
        """See `Store.search`."""
        asked = words_of(words)
        query = " ".join(f'"{word}"' for word in map(spelt, asked))
        rows = await self._look(lambda db: db.execute(_SEARCH, (query, limit)).fetchall()) if asked else []
        return [hit(row, asked) for row in rows]

    async def schema(self) -> int:
        """See `Store.schema`."""
        return await self._look(lambda db: pragma(db, "user_version"))

    async def faults(self) -> Sequence[str]:
        """See `Store.faults`."""
        return await self._look(_faults)

    async def leasing(self, work: Callable[[Leases], T]) -> T:
        """See `Store.leasing`."""
        return await self._do(
            lambda db: work(Leases(lambda sql, values: db.execute(sql, values).fetchall(), time.time()))
        )

    async def share(self, identity: str) -> Share:
        """See `Store.share`."""
        return await self._look(lambda db: at_once(db, lambda: _share(db, identity)))

    async def take(self, share: Share) -> bool:
        """See `Store.take`."""
        return await self._do(lambda db: _take(db, share))

    async def back_up(self, path: Path) -> None:
        """Copy the file as it is at one moment into another, while it is being written to."""
        await self._look(lambda db: back_up(db, path))

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._writer.do(work)

    async def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def looked() -> T:
            with self.file.plainly():
                return work(self.file.readable)

        return await asyncio.get_running_loop().run_in_executor(self._reader, looked)

    def _commit(self, works: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
        with self.file.plainly():
            answers = _commit(self.file.writable, works)
            self.file.check()
        return answers


def _commit(db: sqlite3.Connection, works: Sequence[Callable[[sqlite3.Connection], Any]]) -> list[Any]:
    """Do all works in one transaction and return their answers; one that is refused does not undo the others."""
    db.execute("BEGIN IMMEDIATE")
    answers: list[Any] = []
    try:
        for work in works:
            db.execute("SAVEPOINT one")
            try:
                answers.append(work(db))
            except (StoreError, sqlite3.IntegrityError) as refusal:
                db.execute("ROLLBACK TO one")
                answers.append(refusal if isinstance(refusal, StoreError) else StoreError(str(refusal)))
            db.execute("RELEASE one")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return answers


def _put(db: sqlite3.Connection, identity: str, seq: int, row: tuple[str, str, str], words: Sequence[str]) -> None:
    """Write a turn and what it is found by."""
    db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", (identity, seq, *row))
    placed = db.execute("INSERT INTO spoken (transcript, seq) VALUES (?, ?)", (identity, seq))
    db.execute("INSERT INTO words (rowid, said) VALUES (?, ?)", (placed.lastrowid, " ".join(map(spelt, words))))


def _touch(db: sqlite3.Connection, identity: str) -> None:
    latest = "(SELECT coalesce(max(touched), 0) + 1 FROM transcripts)"
    db.execute(f"UPDATE transcripts SET closed = NULL, touched = {latest} WHERE id = ?", (identity,))  # noqa: S608 - ours


def _new(db: sqlite3.Connection, identity: str, heading: Heading, foreigners: Sequence[str]) -> None:
    sql = "INSERT INTO transcripts (id, heading, digest, at, touched, foreigners) VALUES (?, ?, ?, ?, 0, ?)"
    try:
        db.execute(sql, head_row(identity, heading, foreigners))
    except sqlite3.IntegrityError:
        raise Conflict(f"there is a conversation {identity} already") from None
    _touch(db, identity)


def _length(db: sqlite3.Connection, identity: str) -> int:
    return length(_one(db, identity))


def _one(db: sqlite3.Connection, identity: str) -> Head:
    row: Head | None = db.execute(f"{_LISTING} WHERE t.id = ?", (identity,)).fetchone()
    if row is None:
        raise NotFound(f"there is no conversation {identity!r}; see: moot list")
    return row


def _read(db: sqlite3.Connection, identity: str) -> Stored:
    head = _one(db, identity)
    return stored(head, list(_levels(db, identity, length(head))))


def _levels(db: sqlite3.Connection, identity: str, upto: int) -> Iterator[Level]:
    """Yield a conversation's own turns, then those that it has from its source, and so on down to the first."""
    source: str | None = identity
    while source is not None:
        sql = "SELECT heading, digest, forked_from, forked_at FROM transcripts WHERE id = ?"
        row = db.execute(sql, (source,)).fetchone()
        if row is None:
            raise damaged(f"conversation {source}, which {identity} was forked from,")
        heading, digest, parent, since = row
        sql = "SELECT seq, turn, digest, at FROM turns WHERE transcript = ? AND seq < ? ORDER BY seq"
        yield Level(source, heading, digest, since, db.execute(sql, (source, upto)).fetchall())
        source, upto = parent, min(since, upto)


def _ask(db: sqlite3.Connection, identity: str, values: dict[str, Any]) -> int:
    names = ", ".join(("transcript", *values))
    marks = ", ".join("?" * (len(values) + 1))
    sql = f"INSERT INTO calls ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 - names of our own fields
    return int(db.execute(sql, (identity, *values.values())).fetchone()[0])


def _calls(db: sqlite3.Connection, identity: str) -> tuple[Call, ...]:
    sql = f"SELECT {', '.join(CALL)} FROM calls WHERE transcript = ? ORDER BY id"  # noqa: S608 - our own fields
    return tuple(call(row, identity) for row in db.execute(sql, (identity,)))


def _end(db: sqlite3.Connection, number: int, call: Call) -> None:
    values = call_values(call)
    for name in BEFOREHAND:
        del values[name]
    names = ", ".join(f"{name} = ?" for name in values)
    sql = f"UPDATE calls SET {names} WHERE id = ? AND outcome = 'open'"  # noqa: S608 - names of our own fields
    db.execute(sql, (*values.values(), number))


def _share(db: sqlite3.Connection, identity: str) -> Share:
    _one(db, identity)
    sql = "SELECT heading, digest, at, forked_from, forked_at, closed, foreigners FROM transcripts WHERE id = ?"
    row = db.execute(sql, (identity,)).fetchone()
    sql = "SELECT seq, turn, digest, at FROM turns WHERE transcript = ? ORDER BY seq"
    turns = tuple(db.execute(sql, (identity,)).fetchall())
    return Share(identity, *row, turns=turns, calls=_calls(db, identity))


def _take(db: sqlite3.Connection, share: Share) -> bool:
    head = (share.id, share.heading, share.digest, share.at, share.forked_from, share.forked_at, share.foreigners)
    sql = "INSERT INTO transcripts (id, heading, digest, at, touched, forked_from, forked_at, foreigners)"
    new = db.execute(f"{sql} VALUES (?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING", head).rowcount == 1
    more = missing(share, _share(db, share.id))
    for seq, *row in more.turns:
        _put(db, share.id, seq, (row[0], row[1], row[2]), spoken_words(row[0]))
    for one in more.calls:
        _ask(db, share.id, call_values(replace(one, lease="")))
    numbers = [row[0] for row in db.execute("SELECT id FROM calls WHERE transcript = ? ORDER BY id", (share.id,))]
    for at, one in more.ended:
        _end(db, numbers[at], one)
    if new or more.is_changed:
        _touch(db, share.id)
        db.execute("UPDATE transcripts SET closed = ? WHERE id = ?", (share.closed, share.id))
    return new or more.is_changed


def _faults(db: sqlite3.Connection) -> list[str]:
    ids = [row[0] for row in db.execute("SELECT id FROM transcripts ORDER BY at, id")]
    usual, db.text_factory = db.text_factory, _any_text  # so that text of damaged bytes can be told where it is
    try:
        return of_file(db) + of_conversations(ids, lambda identity: _broken(db, identity))
    finally:
        db.text_factory = usual


def _any_text(said: bytes) -> str:
    return said.decode("utf-8", "surrogateescape")


def _broken(db: sqlite3.Connection, identity: str) -> tuple[str, ...]:
    _calls(db, identity)
    return _read(db, identity).broken
