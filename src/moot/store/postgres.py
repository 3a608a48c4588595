"""The record in PostgreSQL: one writing connection that commits in groups, and a few that read.

It must never answer a write before its commit has returned or was looked up, write one twice, or print a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import LifoQueue
from typing import TYPE_CHECKING, Any, LiteralString, Self, TypeVar

from moot.store import Call, Conflict, Hit, Listing, NotFound, Share, Stored, StoreError
from moot.store.faults import of_conversations, of_tables
from moot.store.groups import Writer
from moot.store.leases import TAKEN, Leases
from moot.store.place import Place, migrate, or_closed
from moot.store.rows import (
    BEFOREHAND,
    CALL,
    Head,
    Level,
    Lines,
    Row,
    call,
    call_values,
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
from moot.store.words import hit, spoken_words, words_of
from moot.transcript import digests, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from psycopg import Connection, Cursor

    from moot.transcript import Heading, Transcript, Turn

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for which a lost database is looked for before whoever waits is told."""

READERS = 4

_LISTING = """
    SELECT t.id, t.heading, t.at, t.closed, t.forked_from, t.forked_at, t.foreigners,
           (SELECT max(seq) + 1 FROM moot.turns WHERE transcript = t.id) AS length
    FROM moot.transcripts AS t"""
_FAMILY = family_sql(_LISTING, "moot.transcripts", "%s")
_NEW = """
    INSERT INTO moot.transcripts (id, heading, digest, at, foreigners, forked_from, forked_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id"""
_LENGTH = """
    (SELECT coalesce((SELECT max(seq) + 1 FROM moot.turns WHERE transcript = t.id), t.forked_at)
     FROM moot.transcripts AS t WHERE t.id = %(id)s)"""
_FORK = f"""
    WITH source AS (SELECT {_LENGTH.replace("%(id)s", "%(source)s")} AS length),
    made AS (
        INSERT INTO moot.transcripts (id, heading, digest, at, foreigners, forked_from, forked_at)
        SELECT %(id)s, %(heading)s, %(digest)s, %(at)s, %(foreigners)s, %(source)s, %(count)s
        FROM source WHERE %(count)s BETWEEN 0 AND length ON CONFLICT DO NOTHING RETURNING id)
    SELECT (SELECT length FROM source), EXISTS (SELECT FROM made)"""  # noqa: S608 - our own words
_APPEND = f"""
    WITH had AS (SELECT {_LENGTH} AS length),
    put AS (
        INSERT INTO moot.turns (transcript, seq, turn, digest, at, words)
        SELECT %(id)s, %(seq)s, %(turn)s, %(digest)s, %(at)s, array_to_tsvector(%(words)s)
        FROM had WHERE length = %(seq)s ON CONFLICT DO NOTHING RETURNING seq),
    touched AS (
        UPDATE moot.transcripts SET closed = NULL, touched = nextval('moot.touches')
        WHERE id = %(id)s AND EXISTS (SELECT FROM put))
    SELECT (SELECT length FROM had), EXISTS (SELECT FROM put)"""  # noqa: S608 - our own words
_PUT = """
    INSERT INTO moot.turns (transcript, seq, turn, digest, at, words)
    VALUES (%s, %s, %s, %s, %s, array_to_tsvector(%s))"""
_CLOSE = f"""
    WITH had AS (SELECT {_LENGTH} AS length),
    put AS (
        UPDATE moot.transcripts SET closed = %(reason)s
        WHERE id = %(id)s AND (SELECT length FROM had) = %(turns)s)
    SELECT length FROM had"""  # noqa: S608 - our own words
_SET = ", ".join(f"{name} = %({name})s" for name in CALL if name not in BEFOREHAND)
_END = f"UPDATE moot.calls SET {_SET} WHERE id = %(number)s AND outcome = 'open'"  # noqa: S608 - our own fields
_END_IF_PUT = f"{_END} AND EXISTS (SELECT FROM moot.turns WHERE (transcript, seq, digest, at) = (%(id)s, %(at_seq)s, %(digest)s, %(at)s))"  # noqa: E501 - one condition
_BEGIN = f"""
    WITH live AS (SELECT id FROM moot.leases WHERE id = %(lease)s AND seen IS NOT NULL FOR SHARE)
    INSERT INTO moot.calls (transcript, {", ".join(CALL)})
    SELECT %(id)s, {", ".join(f"%({name})s" for name in CALL)}
    WHERE EXISTS (SELECT FROM moot.transcripts WHERE id = %(id)s)
    AND (%(lease)s = '' OR EXISTS (SELECT FROM live)) RETURNING id"""  # noqa: S608 - our own fields
_CALLS = f"SELECT {', '.join(CALL)} FROM moot.calls WHERE transcript = %s ORDER BY id"  # noqa: S608 - our own fields
_LEVELS = """
    WITH RECURSIVE level (depth, id, heading, digest, since, source, upto) AS (
        SELECT 0, id, heading, digest, forked_at, forked_from, %s::integer FROM moot.transcripts WHERE id = %s
        UNION ALL
        SELECT depth + 1, t.id, t.heading, t.digest, t.forked_at, t.forked_from, least(level.since, level.upto)
        FROM level JOIN moot.transcripts AS t ON t.id = level.source)
    SELECT id, heading, digest, since, upto FROM level ORDER BY depth"""
_SEARCH = """
    SELECT transcript, seq, turn, at FROM moot.turns
    WHERE words @@ %s::tsquery ORDER BY recorded DESC LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Write:
    """Statements that are sent together, and what the rows mean that one of them gives.

    What is expected to be refused raises no error there, so that one refusal does not undo the others' group.
    """

    statements: Sequence[tuple[str, Sequence[Any] | dict[str, Any]]]
    answer: Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Work:
    """A write that has to look first: it is done in a transaction of its own."""

    do: Callable[[Connection[Any]], Any]


class PostgresStore:
    """The record in PostgreSQL; see `moot.store.Store` for what each method promises."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._place = Place(url, patience)
        self.name = self._place.name
        self._identity = uuid.uuid4()
        self._groups = 0
        self._db: Connection[Any] | None
        with self._place.plainly():
            migrate(self._place)
            self._db = self._reached()
        self._writer: Writer[Write | Work] = Writer(self._commit)
        self._readers = ThreadPoolExecutor(READERS, "moot-reader")
        self._lines = Lines()
        self._idle: LifoQueue[Connection[Any]] = LifoQueue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.shut)

    def shut(self) -> None:
        """Finish what is being written and let go of the database."""
        import psycopg  # noqa: PLC0415 - an optional extra

        self._writer.shut()
        self._readers.shutdown()
        while not self._idle.empty():
            self._idle.get().close()
        if self._db:
            with contextlib.suppress(psycopg.Error), self._db as db:  # a row left behind does no harm
                db.execute("DELETE FROM moot.writers WHERE id = %s", (self._identity,))

    async def start(self, identity: str, transcript: Transcript, foreigners: Sequence[str] = ()) -> None:
        """See `Store.start`."""
        chain = digests(transcript)
        new = (*head_row(identity, transcript.heading, foreigners), None, 0)
        rows = [(seq, *turn_row(turn, chain[seq + 1])) for seq, turn in enumerate(transcript.turns)]

        def work(db: Connection[Any]) -> None:
            if not db.execute(_NEW, new).fetchone():
                raise Conflict(f"there is a conversation {identity} already")
            _put(db, identity, rows)

        if rows:
            await self._writer.do(Work(work))
        else:
            await self._writer.do(Write([(_NEW, new)], lambda rows: _made(identity, bool(rows))))

    async def fork(
        self, identity: str, source: str, count: int, heading: Heading, foreigners: Sequence[str] = ()
    ) -> None:
        """See `Store.fork`."""
        row = head_row(identity, heading, foreigners)
        values = dict(zip(("id", "heading", "digest", "at", "foreigners"), row, strict=True))

        def answer(rows: list[Any]) -> None:
            had, made = rows[0]
            _known(source, had)
            if not 0 <= count <= had:
                raise StoreError(f"conversation {source} has {had} turns; it cannot be forked at {count}")
            _made(identity, made)

        await self._writer.do(Write([(_FORK, values | {"source": source, "count": count})], answer))

    async def append(
        self, identity: str, seq: int, turn: Turn, digest: str, call: tuple[int, Call] | None = None
    ) -> None:
        """See `Store.append`."""
        row = turn_row(turn, digest)
        values = {
            "id": identity,
            "seq": seq,
            "turn": row[0],
            "digest": digest,
            "at": row[2],
            "words": words_of(turn.text),
        }

        def answer(rows: list[Any]) -> None:
            had, put = rows[0]
            _known(identity, had)
            if not put:
                raise Conflict(f"turn {seq + 1} of conversation {identity} was put on record by somebody else")

        statements: list[tuple[str, dict[str, Any]]] = [(_APPEND, values)]
        if call:
            place = {"number": call[0], "id": identity, "at_seq": seq, "digest": digest, "at": row[2]}
            statements.append((_END_IF_PUT, call_values(call[1]) | place))
        await self._writer.do(Write(statements, answer))

    async def begin(self, identity: str, call: Call) -> int:
        """See `Store.begin`."""
        values = call_values(call) | {"begun": now(), "id": identity}

        def answer(rows: list[Any]) -> int:
            if call.lease and not rows:
                raise StoreError(TAKEN)
            return int(_known(identity, rows[0] if rows else None)[0])

        return await self._writer.do(Write([(_BEGIN, values)], answer))

    async def finish(self, number: int, call: Call) -> None:
        """See `Store.finish`."""
        await self._writer.do(Write([(_END, call_values(call) | {"number": number})], _nothing))

    async def close(self, identity: str, reason: str, turns: int | None = None) -> None:
        """See `Store.close`."""
        sql, row = "UPDATE moot.transcripts SET closed = %s WHERE id = %s", (sound(reason), identity)
        if turns is None:
            await self._writer.do(Write([(sql, row)], _nothing))
            return

        # Whoever appends holds the row until the turn is on disk: once it is ours, the turn is seen.
        hold = ("UPDATE moot.transcripts SET touched = touched WHERE id = %s", (identity,))
        values = {"id": identity, "reason": sound(reason), "turns": turns}
        await self._writer.do(
            Write([hold, (_CLOSE, values)], lambda rows: unchanged(identity, turns, _known(identity, rows[0][0])))
        )

    async def read(self, identity: str) -> Stored:
        """See `Store.read`."""
        return await self._look(lambda db: _read(db, identity))

    async def calls(self, identity: str) -> tuple[Call, ...]:
        """See `Store.calls`."""
        return await self._look(lambda db: _calls(db, identity))

    async def list(self) -> Sequence[Listing]:
        """See `Store.list`."""
        return await self._look(lambda db: self._lines.of(db.execute(f"{_LISTING} ORDER BY t.touched DESC").fetchall()))

    async def look(self, identity: str) -> Listing:
        """See `Store.look`."""
        sql = f"{_LISTING} WHERE t.id = %s"
        return listing(_known(identity, await self._look(lambda db: db.execute(sql, (identity,)).fetchone())))

    async def family(self, identity: str) -> Sequence[Listing]:
        """See `Store.family`."""
        rows = await self._look(lambda db: db.execute(_FAMILY, (identity,)).fetchall())
        return [listing(row) for row in rows]

    async def find(self, prefix: str) -> str:
        """See `Store.find`."""
        if prefix == "last":
            sql = "SELECT id FROM moot.transcripts ORDER BY touched DESC LIMIT 1"
            found = await self._look(lambda db: db.execute(sql).fetchall())
            if not found:
                raise NotFound("there is no conversation yet; start one with: moot talk")
            return str(found[0][0])
        sql = "SELECT id FROM moot.transcripts WHERE starts_with(id, %s) ORDER BY touched DESC LIMIT 6"
        return the_one(prefix, await self._look(lambda db: db.execute(sql, (sound(prefix),)).fetchall()))

    async def search(self, words: str, limit: int = 20) -> Sequence[Hit]:
        """See `Store.search`."""
        asked = words_of(words)
        query = " & ".join(f"'{word}'" for word in asked)
        rows = await self._look(lambda db: db.execute(_SEARCH, (query, limit)).fetchall()) if asked else []
        return [hit(row, asked) for row in rows]

    async def schema(self) -> int:
        """See `Store.schema`."""
        return await self._look(lambda db: int(_one(db, "SELECT max(number) FROM moot.migrations")[0]))

    async def faults(self) -> Sequence[str]:
        """See `Store.faults`."""
        return await self._look(_faults)

    async def leasing(self, work: Callable[[Leases], T]) -> T:
        """See `Store.leasing`."""
        return await self._writer.do(Work(lambda db: work(_leases(db))))

    async def share(self, identity: str) -> Share:
        """See `Store.share`."""
        return await self._look(lambda db: _share(db, identity))

    async def take(self, share: Share) -> bool:
        """See `Store.take`."""
        return await self._writer.do(Work(lambda db: _take(db, share)))

    async def _look(self, work: Callable[[Connection[Any]], T]) -> T:
        def looked() -> T:
            with self._place.plainly():
                return self._place.persistently(lambda: self._read_once(work))

        return await asyncio.get_running_loop().run_in_executor(self._readers, looked)

    def _read_once(self, work: Callable[[Connection[Any]], T]) -> T:
        """Read one moment of the record on an idle connection, or a new one; a broken one is not kept."""
        import psycopg  # noqa: PLC0415 - an optional extra

        if self._idle.empty():
            db = self._place.connect()
            db.isolation_level, db.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        else:
            db = self._idle.get()
        try:
            with db.transaction():
                answer = work(db)
        except psycopg.Error:
            db.close()
            raise
        except BaseException:
            self._idle.put(db)
            raise
        self._idle.put(db)
        return answer

    def _commit(self, works: Sequence[Write | Work]) -> list[Any]:
        """Do all; a work that has to look first is alone in its group, and so is each where a group fails."""
        answers: list[Any] = []
        waiting: list[Write] = []
        for one in works:
            if isinstance(one, Write):
                waiting.append(one)
                continue
            answers += self._together(waiting)
            waiting = []
            answers += self._kept(_alone(one))
        return answers + self._together(waiting)

    def _together(self, writes: Sequence[Write]) -> list[Any]:
        import psycopg  # noqa: PLC0415 - an optional extra

        if not writes:
            return []
        try:
            return self._kept(lambda db: _sent(db, writes))
        except StoreError as error:
            if len(writes) == 1 or isinstance(error.__cause__, psycopg.OperationalError):
                return [error] * len(writes)
        return [answer for one in writes for answer in self._together([one])]

    def _kept(self, work: Callable[[Connection[Any]], list[Any]]) -> list[Any]:
        """Do this and commit it once, however often the connection is lost; return the answers."""
        self._groups += 1
        told: list[list[Any]] = []

        def once() -> list[Any]:
            if self._db is None or self._db.closed:
                self._db = self._reached()
                if told and self._is_kept(self._db):
                    return told[-1]
            told.clear()
            with or_closed(self._db) as db, db.transaction():
                db.execute("UPDATE moot.writers SET groups = %s WHERE id = %s", (self._groups, self._identity))
                told.append(work(db))
            return told[-1]

        with self._place.plainly():
            return self._place.persistently(once)

    def _reached(self) -> Connection[Any]:
        """Return a new connection; the row by which a commit's fate is known is there before the first."""
        db = self._place.connect()
        with or_closed(db):
            sql = "INSERT INTO moot.writers (id, groups) VALUES (%s, 0) ON CONFLICT DO NOTHING"
            db.execute(sql, (self._identity,))
        return db

    def _is_kept(self, db: Connection[Any]) -> bool:
        """Whether the last group was committed; a lost connection that still commits holds the row until it has."""
        with or_closed(db):
            row = _one(db, "SELECT groups FROM moot.writers WHERE id = %s FOR UPDATE", (self._identity,))
        return bool(row[0] == self._groups)


def _one(db: Connection[Any], sql: LiteralString, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Return the one row that a statement always gives."""
    row = db.execute(sql, values).fetchone()
    return row or ()


def _run(db: Connection[Any], sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Cursor[Any]:
    return db.execute(sql.encode(), values)  # psycopg asks for literals; this is made of names of our own fields


def _sent(db: Connection[Any], writes: Sequence[Write]) -> list[Any]:
    """Send all statements at once, then read what each write's gave."""
    with db.pipeline():
        sent = [[_run(db, sql, values) for sql, values in write.statements] for write in writes]
    rows = [[row for cursor in cursors if cursor.description for row in cursor.fetchall()] for cursors in sent]
    return [
        _refusal_or(lambda write=write, had=had: write.answer(had)) for write, had in zip(writes, rows, strict=True)
    ]


def _alone(work: Work) -> Callable[[Connection[Any]], list[Any]]:
    """Return the answer to a work as that of a group; where it is refused, nothing of it stays."""

    def done(db: Connection[Any]) -> Any:  # noqa: ANN401 - whatever this work is answered with
        with db.transaction():
            return work.do(db)

    return lambda db: [_refusal_or(lambda: done(db))]


def _refusal_or(answer: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the write is answered with
    try:
        return answer()
    except StoreError as refusal:
        return refusal


def _nothing(rows: list[Any]) -> None:
    del rows


def _known(identity: str, found: T | None) -> T:
    if found is None:
        raise NotFound(f"there is no conversation {identity!r}; see: moot list")
    return found


def _made(identity: str, made: bool) -> None:  # noqa: FBT001 - what the database answered
    if not made:
        raise Conflict(f"there is a conversation {identity} already")


def _put(db: Connection[Any], identity: str, rows: Sequence[Row]) -> None:
    values = [(identity, *row, spoken_words(row[1])) for row in rows]
    with db.cursor() as cursor:
        cursor.executemany(_PUT, values)


def _read(db: Connection[Any], identity: str) -> Stored:
    head: Head = _known(identity, db.execute(f"{_LISTING} WHERE t.id = %s", (identity,)).fetchone())
    levels = db.execute(_LEVELS, (length(head), identity)).fetchall()
    return stored(
        head,
        [Level(one, heading, digest, since, _rows(db, one, upto)) for one, heading, digest, since, upto in levels],
    )


def _rows(db: Connection[Any], identity: str, upto: int) -> Sequence[Row]:
    sql = "SELECT seq, turn, digest, at FROM moot.turns WHERE transcript = %s AND seq < %s ORDER BY seq"
    return db.execute(sql, (identity, upto)).fetchall()


def _calls(db: Connection[Any], identity: str) -> tuple[Call, ...]:
    return tuple(call(row, identity) for row in _run(db, _CALLS, (identity,)))


def _leases(db: Connection[Any]) -> Leases:
    """Have the leases to oneself; whoever begins a call under one only shares its row, and is waited for there."""
    db.execute("LOCK TABLE moot.leases, moot.held IN SHARE ROW EXCLUSIVE MODE")

    def execute(sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        done = _run(db, sql.replace("main.", "moot.").replace("?", "%s"), values)
        return done.fetchall() if done.description else []

    return Leases(execute, float(_one(db, "SELECT extract(epoch FROM clock_timestamp())")[0]))


def _share(db: Connection[Any], identity: str) -> Share:
    sql = "SELECT heading, digest, at, forked_from, forked_at, closed, foreigners FROM moot.transcripts WHERE id = %s"
    heading, digest, at, source, since, closed, names = _known(identity, db.execute(sql, (identity,)).fetchone())
    turns, calls = tuple(_rows(db, identity, 2**31 - 1)), _calls(db, identity)
    return Share(identity, heading, digest, at, source, since, closed, names, turns, calls)


def _take(db: Connection[Any], share: Share) -> bool:
    head = (share.id, share.heading, share.digest, share.at, share.foreigners, share.forked_from, share.forked_at)
    new = db.execute(_NEW, head).fetchone() is not None
    db.execute("SELECT FROM moot.transcripts WHERE id = %s FOR UPDATE", (share.id,))
    more = missing(share, _share(db, share.id))
    _put(db, share.id, more.turns)
    for one in more.calls:
        _run(db, _BEGIN, call_values(replace(one, lease="")) | {"id": share.id})
    sql = "SELECT id FROM moot.calls WHERE transcript = %s ORDER BY id"
    numbers = [row[0] for row in db.execute(sql, (share.id,))]
    for at, one in more.ended:
        _run(db, _END, call_values(one) | {"number": numbers[at]})
    if new or more.is_changed:
        sql = "UPDATE moot.transcripts SET closed = %s, touched = nextval('moot.touches') WHERE id = %s"
        db.execute(sql, (share.closed, share.id))
    return new or more.is_changed


def _faults(db: Connection[Any]) -> list[str]:
    ids = [row[0] for row in db.execute("SELECT id FROM moot.transcripts ORDER BY at, id")]
    return of_tables(db) + of_conversations(ids, lambda identity: _broken(db, identity))


def _broken(db: Connection[Any], identity: str) -> tuple[str, ...]:
    _calls(db, identity)
    return _read(db, identity).broken
