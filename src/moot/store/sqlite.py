"""The record in one SQLite file: WAL, `synchronous=FULL`, one writing thread that commits in groups.

It must never answer a write before the commit that holds it has reached the disk, and never change a turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.resources import files
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self, TypeVar

from moot.store import Call, Conflict, Listing, NotFound, Stored, StoreError
from moot.transcript import (
    Heading,
    Transcript,
    Turn,
    as_json,
    canonical,
    digests,
    heading_from_json,
    link,
    turn_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")
Row = tuple[int, str, str, str]
"""A turn's seq, JSON, digest and time."""

Work = tuple["Callable[[sqlite3.Connection], Any]", "Future[Any]"]

LARGEST_GROUP = 256
"""Writes that share one commit at most."""

BUSY_SECONDS = 30

APPLICATION = int.from_bytes(b"moot")
"""What a moot database says that it is, as SQLite's `application_id`."""

_CALL = tuple(field.name for field in fields(Call))
_QUOTED = ("partial", "cut")  # a model's words, stored as JSON strings: no text is too odd for those
_LISTING = """
    SELECT t.id, t.heading, t.at, t.closed, t.forked_from, t.forked_at, t.foreigners,
           (SELECT max(seq) + 1 FROM turns WHERE transcript = t.id) AS length
    FROM transcripts AS t"""


class SqliteStore:
    """The record in one SQLite file; see `moot.store.Store` for what each method promises."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _plainly(path):
            self._connection, self._readable = _open(path)
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="moot-writer", daemon=True)
        self._writer.start()
        self._reader = ThreadPoolExecutor(1, "moot-reader")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """Finish what is being written and let go of the file."""
        self._queue.put(None)
        self._writer.join()
        self._reader.shutdown()
        self._readable.close()
        self._connection.close()

    async def start(self, identity: str, transcript: Transcript, foreigners: Sequence[str] = ()) -> None:
        """See `Store.start`."""
        chain = digests(transcript)

        def work(db: sqlite3.Connection) -> None:
            _new(db, identity, transcript.heading, foreigners)
            rows = [(identity, seq, *_row(turn, chain[seq + 1])) for seq, turn in enumerate(transcript.turns)]
            db.executemany("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", rows)

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

        def work(db: sqlite3.Connection) -> None:
            if seq != _length(db, identity):
                raise Conflict(f"turn {seq + 1} of conversation {identity} was put on record by somebody else")
            db.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", (identity, seq, *_row(turn, digest)))
            _touch(db, identity)
            if call:
                _end(db, *call)

        await self._do(work)

    async def begin(self, identity: str, call: Call) -> int:
        """See `Store.begin`."""
        values = _values(call)
        values["begun"] = _now()
        names = ", ".join(("transcript", *values))
        marks = ", ".join("?" * (len(values) + 1))

        def work(db: sqlite3.Connection) -> int:
            sql = f"INSERT INTO calls ({names}) VALUES ({marks}) RETURNING id"  # noqa: S608 - names of our own fields
            return int(db.execute(sql, (identity, *values.values())).fetchone()[0])

        return await self._do(work)

    async def finish(self, number: int, call: Call) -> None:
        """See `Store.finish`."""
        await self._do(lambda db: _end(db, number, call))

    async def close(self, identity: str, reason: str) -> None:
        """See `Store.close`."""
        await self._do(lambda db: db.execute("UPDATE transcripts SET closed = ? WHERE id = ?", (reason, identity)))

    async def read(self, identity: str) -> Stored:
        """See `Store.read`."""
        return await self._look(lambda db: _read(db, identity))

    async def calls(self, identity: str) -> tuple[Call, ...]:
        """See `Store.calls`."""
        sql = f"SELECT {', '.join(_CALL)} FROM calls WHERE transcript = ? ORDER BY id"  # noqa: S608 - our own fields
        rows = await self._look(lambda db: db.execute(sql, (identity,)).fetchall())
        return tuple(_call(row) for row in rows)

    async def list(self) -> Sequence[Listing]:
        """See `Store.list`."""
        rows = await self._look(lambda db: db.execute(f"{_LISTING} ORDER BY t.touched DESC").fetchall())
        return [_listing(row) for row in rows]

    async def find(self, prefix: str) -> str:
        """See `Store.find`."""
        if prefix == "last":
            found = await self._look(lambda db: db.execute(f"{_LISTING} ORDER BY t.touched DESC LIMIT 1").fetchall())
            if not found:
                raise NotFound("there is no conversation yet; start one with: moot talk")
            return str(found[0][0])
        sql = "SELECT id FROM transcripts WHERE substr(id, 1, ?) = ? ORDER BY touched DESC LIMIT 6"
        rows = await self._look(lambda db: db.execute(sql, (len(prefix), prefix)).fetchall())
        if not rows or not prefix:
            raise NotFound(f"there is no conversation {prefix!r}; see: moot list")
        if len(rows) > 1:
            raise NotFound(f"{prefix!r} is short for several conversations: {', '.join(row[0] for row in rows)}")
        return str(rows[0][0])

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have the writing thread do this; return when the commit that holds it is on disk."""
        future: Future[T] = Future()
        self._queue.put((work, future))
        return await asyncio.wrap_future(future)

    async def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def looked() -> T:
            with _plainly(self._path):
                return work(self._readable)

        return await asyncio.get_running_loop().run_in_executor(self._reader, looked)

    def _write(self) -> None:
        for waiting in _groups(self._queue):
            group = [(work, future) for work, future in waiting if future.set_running_or_notify_cancel()]
            answers: list[Any]
            try:
                with _plainly(self._path):
                    answers = _commit(self._connection, [work for work, _ in group])
            except Exception as error:  # noqa: BLE001 - it is answered to whoever waits for these writes
                answers = [error] * len(group)
            for (_, future), answer in zip(group, answers, strict=True):
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)


def _groups(queue: SimpleQueue[Work | None]) -> Iterator[list[Work]]:
    """Yield the waiting writes, as many at a time as wait already, until None says that no more will come."""
    while (first := queue.get()) is not None:
        group = [first]
        while len(group) < LARGEST_GROUP and not queue.empty():
            work = queue.get()
            if work is None:
                yield group
                return
            group.append(work)
        yield group


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


def _open(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Return a connection for writing and one that can only read; the file is made where there is none.

    A record in a place that cannot be written (a read-only disk) can still be read if it was closed in peace.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)
    how = "mode=rw"
    log = path.with_name(f"{path.name}-wal")
    if not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size):
        how = "mode=ro&immutable=1"  # else SQLite would want to make its files beside it, even to read
    with contextlib.ExitStack() as unless_opened:
        writable = unless_opened.enter_context(contextlib.closing(_connect(path, how)))
        _migrate(writable, path)
        readable = unless_opened.enter_context(contextlib.closing(_connect(path, how.replace("rw", "ro"))))
        readable.execute("PRAGMA query_only = ON")
        unless_opened.pop_all()
    return writable, readable


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version's schema; `StoreError` where it is somebody else's, or a newer moot's."""
    scripts = sorted(one.name for one in (files("moot.store") / "migrations").iterdir() if one.name.endswith(".sql"))
    db.execute("BEGIN")  # one moment of the file: another process may be making it right now
    have, whose = _pragma(db, "user_version"), _pragma(db, "application_id")
    is_empty = not have and db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    db.execute("ROLLBACK")
    if whose != APPLICATION and not is_empty:
        raise StoreError(f"{path} is a database of another program's; name another with --db")
    if have > len(scripts):
        raise StoreError(f"the database {path} was written by a newer moot (its schema is {have}); upgrade moot")
    if have < len(scripts):
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    for number, name in enumerate(scripts[have:], have + 1):
        script = (files("moot.store") / "migrations" / name).read_text("utf-8")
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number};"
        try:
            db.executescript(f"BEGIN IMMEDIATE; {marks} {script} COMMIT;")
        except sqlite3.OperationalError:
            if db.in_transaction:
                db.execute("ROLLBACK")
            if _pragma(db, "user_version") < number:  # else another process has just done it
                raise


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


@contextlib.contextmanager
def _plainly(path: Path) -> Generator[None]:
    """Say what the database says in words for a person."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(_plain_words(path, error)) from error
    except OSError as error:
        raise StoreError(f"the database {path} cannot be opened: {error.strerror}; name another with --db") from error


_PLAIN = {
    "SQLITE_FULL": "the disk is full: the database {path} cannot grow; {kept}; make room and resume",
    "SQLITE_IOERR": "the disk of the database {path} fails or is full ({error}); {kept}; make room and resume",
    "SQLITE_READONLY": "the database {path} is read-only; {kept}; make it writable or name another with --db",
    "SQLITE_NOTADB": "{path} is not a moot database; name another with --db",
    "SQLITE_BUSY": "the database {path} has been busy for {seconds} seconds; {kept}; try again",
    "SQLITE_CANTOPEN": "the database {path} cannot be opened; check that it is a file in a folder that can be written",
    "": "the database {path} cannot be used ({error}); {kept}",
}


def _plain_words(path: Path, error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorname", "")
    words = next(words for start, words in _PLAIN.items() if code.startswith(start))
    return words.format(path=path, error=error, seconds=BUSY_SECONDS, kept="nothing recorded is lost")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _row(turn: Turn, digest: str) -> tuple[str, str, str]:
    return canonical(as_json(turn)), digest, _now()


def _touch(db: sqlite3.Connection, identity: str) -> None:
    latest = "(SELECT coalesce(max(touched), 0) + 1 FROM transcripts)"
    db.execute(f"UPDATE transcripts SET closed = NULL, touched = {latest} WHERE id = ?", (identity,))  # noqa: S608 - ours


def _new(db: sqlite3.Connection, identity: str, heading: Heading, foreigners: Sequence[str]) -> None:
    plain = as_json(heading)
    row = (identity, canonical(plain), link("", plain), _now(), json.dumps(list(foreigners)))
    sql = "INSERT INTO transcripts (id, heading, digest, at, touched, foreigners) VALUES (?, ?, ?, ?, 0, ?)"
    try:
        db.execute(sql, row)
    except sqlite3.IntegrityError:
        raise Conflict(f"there is a conversation {identity} already") from None
    _touch(db, identity)


def _length(db: sqlite3.Connection, identity: str) -> int:
    return _inherited(_one(db, identity))


def _one(db: sqlite3.Connection, identity: str) -> tuple[Any, ...]:
    row = db.execute(f"{_LISTING} WHERE t.id = ?", (identity,)).fetchone()
    if row is None:
        raise NotFound(f"there is no conversation {identity!r}; see: moot list")
    return tuple(row)


def _inherited(row: tuple[Any, ...]) -> int:
    return row[5] if row[7] is None else row[7]


def _listing(row: tuple[Any, ...]) -> Listing:
    identity, heading, at, closed, forked_from, forked_at, foreigners, _ = row
    read = heading_from_json(json.loads(heading))
    names = tuple(json.loads(foreigners))
    return Listing(identity, read, _inherited(row), at, closed, forked_from, forked_at, names)


def _read(db: sqlite3.Connection, identity: str) -> Stored:
    db.execute("BEGIN")  # one moment of the record, however many rows it takes to read
    try:
        listing = _listing(_one(db, identity))
        levels = list(_levels(db, identity, listing.turns))
    finally:
        db.execute("ROLLBACK")
    rows: list[Row] = []
    broken: list[str] = []
    for level in reversed(levels):
        rows += level.rows
        broken += _disagreements(level, rows)
    transcript = Transcript(listing.heading, tuple(turn_from_json(json.loads(turn)) for _, turn, _, _ in rows))
    return Stored(listing, transcript, tuple(at for *_, at in rows), digests(transcript)[-1], tuple(broken))


@dataclass(frozen=True, slots=True)
class _Level:
    """A conversation's own share of a fork's turns."""

    id: str
    heading: str
    digest: str
    since: int
    rows: list[Row]


def _levels(db: sqlite3.Connection, identity: str, upto: int) -> Iterator[_Level]:
    """Yield a conversation's own turns, then those that it has from its source, and so on down to the first."""
    source: str | None = identity
    while source is not None:
        sql = "SELECT heading, digest, forked_from, forked_at FROM transcripts WHERE id = ?"
        heading, digest, parent, since = db.execute(sql, (source,)).fetchone()
        sql = "SELECT seq, turn, digest, at FROM turns WHERE transcript = ? AND seq < ? ORDER BY seq"
        yield _Level(source, heading, digest, since, db.execute(sql, (source, upto)).fetchall())
        source, upto = parent, min(since, upto)


def _disagreements(level: _Level, rows: Sequence[Row]) -> list[str]:
    """Derive again each digest of one conversation's own turns, and say where the record does not agree."""
    chain = link("", json.loads(level.heading))
    wrong = [] if level.digest == chain else [f"the heading of {level.id} does not agree with its digest"]
    for place, (seq, turn, digest, _) in enumerate(rows):
        if seq != place:
            return [*wrong, f"turn {place + 1} of {level.id} is missing"]
        chain = link(chain, json.loads(turn))
        if seq >= level.since and digest != chain:
            return [*wrong, f"turn {seq + 1} of {level.id} does not agree with its digest"]
    return wrong


def _values(call: Call) -> dict[str, Any]:
    values = dict(zip(_CALL, astuple(call), strict=True))
    return values | {name: json.dumps(values[name]) if values[name] else "" for name in _QUOTED}


def _call(row: tuple[Any, ...]) -> Call:
    call = Call(*row)
    return replace(call, partial=_unquoted(call.partial), cut=_unquoted(call.cut))


def _unquoted(text: str) -> str:
    return json.loads(text) if text else ""


def _end(db: sqlite3.Connection, number: int, call: Call) -> None:
    values = _values(call)
    del values["begun"]
    names = ", ".join(f"{name} = ?" for name in values)
    sql = f"UPDATE calls SET {names} WHERE id = ? AND outcome = 'open'"  # noqa: S608 - names of our own fields
    db.execute(sql, (*values.values(), number))
