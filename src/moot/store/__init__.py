"""What a store promises: a turn whose `append` has returned is on disk, and nothing on record is ever changed.

This file must never know a database; each has a file of its own, imported when it is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, overload

from moot.transcript import Transcript, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from moot.store.leases import Leases
    from moot.store.postgres import PostgresStore
    from moot.store.sqlite import SqliteStore
    from moot.transcript import Heading, Turn

T = TypeVar("T")

Outcome = Literal["open", "done", "paused", "failed", "left"]

_ID_LENGTH = 16


class StoreError(Exception):
    """The store cannot do it, and why, in one line for a person."""


class Conflict(StoreError):
    """Somebody else has put this turn on record first."""


class NotFound(StoreError):
    """No conversation, or more than one, answers to this id."""


def identity_of(transcript: Transcript) -> str:
    """Return the id, 16 hexadecimal digits, of a conversation that is named by its content."""
    return digest(transcript)[:_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a voice: what it was for, and what became of it.

    `seq` is the index of the turn it was for, `request` the digest of the exact request, `partial` the words of an
    attempt that came to nothing, or was paused by the provider and goes on in the next call, `cut` the words cut off a
    turn. Tokens are as reported, None where they were not; `first_ms` and `total_ms` are milliseconds to the first word
    and to the end; `reserved_input` and `reserved_output` are the most tokens that the request could have had read and
    written; `lease` is that under which it was sent, where a budget is shared.
    """

    seq: int
    speaker: str
    voice: str
    request: str
    begun: str = ""
    outcome: Outcome = "open"
    error: str = ""
    partial: str = ""
    cut: str = ""
    model: str = ""
    request_id: str = ""
    input: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    first_ms: int | None = None
    total_ms: int | None = None
    reserved_input: int = 0
    reserved_output: int = 0
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of a list of conversations; `turns` counts all, `at` is when it was put on record.

    `foreigners` are participants whose voice and settings came with a file, so that nobody here has chosen them; the
    chair is among them where the form did.
    """

    id: str
    heading: Heading
    turns: int
    at: str
    closed: str | None
    forked_from: str | None
    forked_at: int
    foreigners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A transcript with what the store knows of it; `at` and `digests` are those of each turn, in order.

    `broken` says what does not agree with its digest; it is empty for a sound record.
    """

    listing: Listing
    transcript: Transcript
    at: tuple[str, ...]
    digest: str
    broken: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return self.transcript.as_html()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The participants whose voice and settings somebody here has chosen: no file has brought them."""
        return tuple(name for name in self.transcript.heading.names if name not in self.listing.foreigners)


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn that holds the words looked for: its index from 0, and a piece of it around the first of them."""

    id: str
    seq: int
    speaker: str
    snippet: str
    at: str


@dataclass(frozen=True, slots=True)
class Share:
    """All that a store keeps of one conversation itself, without what it has from its source: what is copied.

    `turns` are (index, JSON, digest, time).
    """

    id: str
    heading: str
    digest: str
    at: str
    forked_from: str | None
    forked_at: int
    closed: str | None
    foreigners: str
    turns: tuple[tuple[int, str, str, str], ...]
    calls: tuple[Call, ...]


class Store(Protocol):
    """Where transcripts are kept. Every method raises `StoreError` with a line for a person where it cannot."""

    async def start(self, identity: str, transcript: Transcript, foreigners: Sequence[str] = ()) -> None:
        """Put a new conversation on record with the turns it already has (those of an import)."""
        ...

    async def fork(
        self, identity: str, source: str, count: int, heading: Heading, foreigners: Sequence[str] = ()
    ) -> None:
        """Start a conversation that shares the first `count` turns of another; nothing is copied."""
        ...

    async def append(
        self, identity: str, seq: int, turn: Turn, digest: str, call: tuple[int, Call] | None = None
    ) -> None:
        """Put turn number `seq` (from 0) on record, and the end of its call with it; `Conflict` where it is taken."""
        ...

    async def begin(self, identity: str, call: Call) -> int:
        """Put a request on record before it is sent; the number returned names it.

        One under a lease that has ended is refused: whoever sends it was taken for dead.
        """
        ...

    async def finish(self, number: int, call: Call) -> None:
        """Put on record what became of a request; one that is no longer open stays as it is."""
        ...

    async def close(self, identity: str, reason: str, turns: int | None = None) -> None:
        """Note why the form closed the conversation; `Conflict` where it has more than these `turns` by now."""
        ...

    async def read(self, identity: str) -> Stored:
        """Return a conversation, each digest derived again."""
        ...

    async def calls(self, identity: str) -> tuple[Call, ...]:
        """Return the requests made for a conversation, in order; a fork has its own only."""
        ...

    async def list(self) -> Sequence[Listing]:
        """Return all conversations, the last touched first."""
        ...

    async def look(self, identity: str) -> Listing:
        """Return one line of that list, at little cost: whoever watches a conversation looks often."""
        ...

    async def family(self, identity: str) -> Sequence[Listing]:
        """Return a conversation with all those that share turns with it by forks, the first put on record first."""
        ...

    async def find(self, prefix: str) -> str:
        """Return the id that starts with `prefix`, or of the conversation touched last for "last"; else `NotFound`."""
        ...

    async def search(self, words: str, limit: int = 20) -> Sequence[Hit]:
        """Return turns in which all these words were said, the last put on record first.

        Case and accents do not count. A turn that forks share is found once, in the conversation that it was said in.
        """
        ...

    async def schema(self) -> int:
        """Return the number of the schema that the record has now: that of its newest migration."""
        ...

    async def faults(self) -> Sequence[str]:
        """Return what is wrong with the record, a line each: damage, a stale index, digests that do not agree."""
        ...

    async def leasing(self, work: Callable[[Leases], T]) -> T:
        """Look at the leases and change them in one transaction, in which nobody else does; it may be begun anew."""
        ...

    async def share(self, identity: str) -> Share:
        """Return all that is kept of a conversation, as it is kept."""
        ...

    async def take(self, share: Share) -> bool:
        """Put on record what is missing of a conversation that another store keeps; False where nothing was.

        `Conflict` where another conversation has its id, or it went on otherwise here.
        """
        ...


def is_postgres(where: Path | str) -> bool:
    """Whether a record's place is the address of a PostgreSQL database."""
    return isinstance(where, str) and where.startswith(("postgresql://", "postgres://"))


@overload
def open_store(where: Path) -> SqliteStore: ...
@overload
def open_store(where: Path | str) -> SqliteStore | PostgresStore: ...
def open_store(where: Path | str) -> SqliteStore | PostgresStore:
    """Open the SQLite database at this path, making it where there is none, or PostgreSQL at a postgresql:// URL."""
    if isinstance(where, str) and is_postgres(where):
        from moot.store.postgres import PostgresStore  # noqa: PLC0415 - a database is imported when it is opened

        return PostgresStore(where)
    from pathlib import Path  # noqa: PLC0415 - as above

    from moot.store.sqlite import SqliteStore  # noqa: PLC0415 - as above

    return SqliteStore(Path(where))
