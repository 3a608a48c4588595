"""Leases: who is at work on a record, on which conversations, and how much of a shared budget each may use.

This file must never decide who may have what; it keeps rows, alike in every database.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from moot.store.rows import CALL, call
from moot.transcript import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from moot.store import Call

    Execute = Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]]
    """Run a statement whose values are marked ? and whose tables are those of `main`; return its rows."""

TAKEN = "this run gave no sign of life for too long, and another has taken its place; run the same again to go on"


@dataclass(frozen=True, slots=True)
class Lease:
    """What one process may use of a budget in all, and what it has used of that; `seen` is None when it has ended.

    `seen` is its last sign of life, in seconds since 1970.
    """

    id: str
    budget: str
    tokens: int = 0
    dollars: Decimal = Decimal(0)
    used_tokens: int = 0
    used_dollars: Decimal = Decimal(0)
    seen: float | None = None


_NAMES = tuple(field.name for field in fields(Lease))
_ALL = f"SELECT {', '.join(_NAMES)} FROM main.leases"  # noqa: S608 - our own fields
_PUT = f"""
    INSERT INTO main.leases ({", ".join(_NAMES)}) VALUES ({", ".join("?" * len(_NAMES))})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])}"""  # noqa: S608 - as above
_CALLS = f"SELECT {', '.join(CALL)} FROM main.calls WHERE"  # noqa: S608 - our own fields
_HOLD = "INSERT INTO main.held VALUES (?, ?) ON CONFLICT (transcript) DO UPDATE SET lease = excluded.lease"


class Leases:
    """The rows as they are within one transaction, in which nobody else changes them; `now` is the record's clock."""

    def __init__(self, execute: Execute, now: float) -> None:
        self._execute = execute
        self.now = now

    def all(self) -> list[Lease]:
        """Return all leases that are kept, in no order."""
        return [Lease(a, b, c, Decimal(d), e, Decimal(f), g) for a, b, c, d, e, f, g in self._execute(_ALL, ())]

    def put(self, lease: Lease) -> None:
        """Keep a lease as it is now."""
        values = (str(one) if isinstance(one, Decimal) else one for one in astuple(lease))
        self._execute(_PUT, [sound(one) if isinstance(one, str) else one for one in values])

    def drop(self, lease: str) -> None:
        """Forget a lease, and what it holds."""
        self.let_go(lease)
        self._execute("DELETE FROM main.leases WHERE id = ?", (lease,))

    def calls_under(self, lease: str) -> list[Call]:
        """Return the requests that were sent under a lease."""
        return [call(row) for row in self._execute(f"{_CALLS} lease = ?", (lease,))]

    def calls_of(self, identities: Sequence[str]) -> Iterator[Call]:
        """Yield the requests that were made for these conversations."""
        for identity in identities:
            yield from map(call, self._execute(f"{_CALLS} transcript = ?", (identity,)))

    def holder(self, identity: str) -> str:
        """Return the lease under which a conversation is carried, empty where it is carried by none."""
        rows = self._execute("SELECT lease FROM main.held WHERE transcript = ?", (identity,))
        return str(rows[0][0]) if rows else ""

    def hold(self, identity: str, lease: str) -> None:
        """Note that a conversation is carried under this lease."""
        self._execute(_HOLD, (identity, lease))

    def let_go(self, lease: str, identity: str | None = None) -> None:
        """Note that this conversation (None: all of them) is no longer carried under this lease."""
        only, values = ("", (lease,)) if identity is None else (" AND transcript = ?", (lease, identity))
        self._execute(f"DELETE FROM main.held WHERE lease = ?{only}", values)  # noqa: S608 - our own words
