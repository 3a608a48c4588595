"""A record in memory, and the lines that lead to it: slow, broken before or after a write, or cut when a worker dies.

It must never tell a worker that something is on record before it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from moot.store import Call, Conflict, NotFound, Stored, StoreError
from moot.store.leases import TAKEN, Lease, Leases
from moot.store.rows import Level, head_row, stored, unchanged
from moot.transcript import as_json, canonical
from simulation.clock import MIDNIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from moot.store.rows import Row
    from moot.transcript import Heading, Transcript, Turn
    from simulation.clock import Clock
    from simulation.laws import Laws

T = TypeVar("T")

BROKEN = "the disk of the record fails"
LOST = "the way to the record was lost"


@dataclass(slots=True)
class Kept:
    """One conversation: its head, its turns as rows, and the numbers of its calls."""

    head: tuple[str, str, str, str, str]
    heading: Heading
    rows: list[Row] = field(default_factory=list["Row"])
    numbers: list[int] = field(default_factory=list[int])
    closed: str | None = None


class Memory:
    """What is on record; each method is one write or look, done at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.kept: dict[str, Kept] = {}
        self.calls: list[Call] = []
        self.leases: dict[str, Lease] = {}
        self.held: dict[str, str] = {}

    def _time(self) -> float:
        return MIDNIGHT + self._clock.now + self._clock.drift

    def _now(self) -> str:
        return datetime.fromtimestamp(self._time(), UTC).isoformat(timespec="milliseconds")

    def one(self, identity: str) -> Kept:
        """Return a conversation; `NotFound` where there is none."""
        if identity not in self.kept:
            raise NotFound(f"there is no conversation {identity!r}")
        return self.kept[identity]

    def start(self, identity: str, transcript: Transcript) -> None:
        """Begin a conversation without turns."""
        if identity in self.kept:
            raise Conflict(f"there is a conversation {identity} already")
        row = head_row(identity, transcript.heading, ())
        self.kept[identity] = Kept((row[0], row[1], row[2], self._now(), row[4]), transcript.heading)

    def append(self, identity: str, seq: int, turn: Turn, digest: str, call: tuple[int, Call] | None) -> None:
        """Put a turn on record, and the end of its call."""
        kept = self.one(identity)
        if seq != len(kept.rows):
            raise Conflict(f"turn {seq + 1} of conversation {identity} was put on record by somebody else")
        kept.rows.append((seq, canonical(as_json(turn)), digest, self._now()))
        kept.closed = None
        if call:
            self.finish(*call)

    def begin(self, identity: str, call: Call) -> int:
        """Put a request on record, unless the lease that it is sent under has ended."""
        if call.lease and (call.lease not in self.leases or self.leases[call.lease].seen is None):
            raise StoreError(TAKEN)
        self.calls.append(replace(call, begun=self._now()))
        self.one(identity).numbers.append(len(self.calls) - 1)
        return len(self.calls) - 1

    def finish(self, number: int, call: Call) -> None:
        """Put the end of a request on record, where it is open."""
        begun = self.calls[number]
        if begun.outcome == "open":
            self.calls[number] = replace(call, begun=begun.begun, lease=begun.lease)

    def close(self, identity: str, reason: str, turns: int | None) -> None:
        """Note why a conversation is over."""
        if turns is not None:
            unchanged(identity, turns, len(self.one(identity).rows))
        self.one(identity).closed = reason

    def read(self, identity: str) -> Stored:
        """Return a conversation as every store reads one."""
        kept = self.one(identity)
        name, heading, digest, at, foreigners = kept.head
        head = (name, heading, at, kept.closed, None, 0, foreigners, len(kept.rows) or None)
        return stored(head, [Level(name, heading, digest, 0, tuple(kept.rows))])

    def calls_of(self, identity: str) -> tuple[Call, ...]:
        """Return the requests of a conversation, in order."""
        return tuple(self.calls[number] for number in self.one(identity).numbers)

    def leasing(self, work: Callable[[Leases], T]) -> T:
        """Look at the leases and change them; where that fails, nothing of it stays."""
        before = dict(self.leases), dict(self.held)
        try:
            return work(KeptLeases(self, self._time()))
        except StoreError:
            self.leases, self.held = before
            raise


class KeptLeases(Leases):
    """Leases as this record keeps them."""

    def __init__(self, memory: Memory, now: float) -> None:
        self.now = now
        self._memory = memory

    def all(self) -> list[Lease]:
        """See `Leases.all`."""
        return list(self._memory.leases.values())

    def put(self, lease: Lease) -> None:
        """See `Leases.put`."""
        self._memory.leases[lease.id] = lease

    def drop(self, lease: str) -> None:
        """See `Leases.drop`."""
        self.let_go(lease)
        del self._memory.leases[lease]

    def calls_under(self, lease: str) -> list[Call]:
        """See `Leases.calls_under`."""
        return [call for call in self._memory.calls if call.lease == lease]

    def calls_of(self, identities: Sequence[str]) -> Iterator[Call]:
        """See `Leases.calls_of`."""
        for identity in identities:
            if identity in self._memory.kept:
                yield from self._memory.calls_of(identity)

    def holder(self, identity: str) -> str:
        """See `Leases.holder`."""
        return self._memory.held.get(identity, "")

    def hold(self, identity: str, lease: str) -> None:
        """See `Leases.hold`."""
        self._memory.held[identity] = lease

    def let_go(self, lease: str, identity: str | None = None) -> None:
        """See `Leases.let_go`."""
        for one, holder in tuple(self._memory.held.items()):
            if holder == lease and identity in (None, one):
                del self._memory.held[one]


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely it is that a write or look is slow, or fails before or after it was done."""

    slow: float = 0.0
    before: float = 0.0
    after: float = 0.0


class Line:
    """One worker's way to the record: a `Store`. Its writes are done in the order in which they were sent."""

    def __init__(self, memory: Memory, laws: Laws, chance: Random, weather: Weather, name: str) -> None:
        self.name = name
        self.alive = True
        self.lease = ""
        self.seen: dict[str, int] = {}
        self.excused: set[int] = set()
        self._memory = memory
        self._laws = laws
        self._chance = chance
        self._weather = weather
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._waiting: dict[asyncio.Future[Any], None] = {}

    def cut(self) -> None:
        """Let the worker be dead: what it has sent is done or not, and it will not know."""
        self.alive = False
        for answer in tuple(self._waiting):
            answer.cancel()

    async def start(self, identity: str, transcript: Transcript, foreigners: Sequence[str] = ()) -> None:
        """See `Store.start`."""
        await self._write("start", identity, lambda: self._memory.start(identity, transcript))

    async def append(
        self, identity: str, seq: int, turn: Turn, digest: str, call: tuple[int, Call] | None = None
    ) -> None:
        """See `Store.append`."""
        try:
            await self._write(f"append {seq}", identity, lambda: self._memory.append(identity, seq, turn, digest, call))
        except StoreError:
            self._excuse(call and call[0])
            raise
        self.seen[identity] = seq + 1
        self._laws.acknowledged(identity, seq, digest)

    async def begin(self, identity: str, call: Call) -> int:
        """See `Store.begin`."""
        return await self._write("begin", identity, lambda: self._memory.begin(identity, call))

    async def finish(self, number: int, call: Call) -> None:
        """See `Store.finish`."""
        try:
            await self._write(f"finish {number} {call.outcome}", "", lambda: self._memory.finish(number, call))
        except StoreError:
            self._excuse(number)
            raise

    async def close(self, identity: str, reason: str, turns: int | None = None) -> None:
        """See `Store.close`."""
        await self._write("close", identity, lambda: self._memory.close(identity, reason, turns))

    async def read(self, identity: str) -> Stored:
        """See `Store.read`."""
        found = await self._look("read", identity, lambda: self._memory.read(identity))
        self.seen[identity] = len(found.transcript.turns)
        return found

    async def calls(self, identity: str) -> tuple[Call, ...]:
        """See `Store.calls`."""
        return await self._look("calls", identity, lambda: self._memory.calls_of(identity))

    async def leasing(self, work: Callable[[Leases], T]) -> T:
        """See `Store.leasing`."""
        return await self._write("leasing", "", lambda: self._memory.leasing(work))

    def _excuse(self, number: object) -> None:
        """Let this request stay open on record: what became of it could not be put there, or nobody knows of it."""
        if type(number) is int:
            self.excused.add(number)

    async def _write(self, what: str, identity: str, work: Callable[[], T]) -> T:
        due = max(self._loop.time() + self._pause(), self._last + 1e-6)
        self._last = due
        return await self._done(what, identity, work, due)

    async def _look(self, what: str, identity: str, work: Callable[[], T]) -> T:
        return await self._done(what, identity, work, self._loop.time() + self._pause())

    def _pause(self) -> float:
        if self._chance.random() < self._weather.slow:
            return self._chance.choice((0.5, 5.0, 60.0)) * self._chance.random()
        return self._chance.choice((0.0, 0.0, 0.001, 0.004))

    async def _done(self, what: str, identity: str, work: Callable[[], T], due: float) -> T:
        if not self.alive:
            raise asyncio.CancelledError
        answer: asyncio.Future[T] = self._loop.create_future()
        fate = self._chance.random()
        lands = self._chance.random() < 0.5
        self._laws.step(f"{self.name} {what} {identity[:4]}")
        if not self.alive:  # it has died at this very step
            raise asyncio.CancelledError

        def arrived() -> None:
            if not self.alive and not lands:
                return
            if fate < self._weather.before:
                self._tell(answer, StoreError(BROKEN))
                return
            try:
                value = work()
            except StoreError as error:
                self._told(answer, error)
                return
            self._laws.committed(identity, f"{self.name} {what} is done")
            if fate > 1 - self._weather.after:
                self._excuse(value)
                self._tell(answer, StoreError(LOST))
                return
            self._told(answer, value)

        self._loop.call_at(due, arrived)
        self._waiting[answer] = None
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                self._excuse(answer.result())  # it was told, and nobody came to hear it
            raise
        finally:
            del self._waiting[answer]

    def _told(self, answer: asyncio.Future[T], value: T | StoreError) -> None:
        """Tell the answer to whoever waits for it, now or a little later."""
        if wait := self._chance.choice((0.0, 0.0, 0.003)):
            self._loop.call_later(wait, self._tell, answer, value)
        else:
            self._tell(answer, value)

    def _tell(self, answer: asyncio.Future[Any], value: Any) -> None:
        if answer.done() or not self.alive:
            self._excuse(value)
            return
        if isinstance(value, StoreError):
            answer.set_exception(value)
        else:
            answer.set_result(value)
