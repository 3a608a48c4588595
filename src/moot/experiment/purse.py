"""The budget of one grid as the record keeps it: each process that runs the grid has a lease on a part of it.

It must never let the leases, and what was spent beside them, pass a cap together. What the holder of a lease has used
is read back from its calls when it has ended or died; until then the whole lease counts as spent.
"""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moot.experiment.alive import is_gone, sign_of_life
from moot.spending import Spent, refusal, spent
from moot.store import StoreError
from moot.store.leases import TAKEN, Lease

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.spending import Caps, Price
    from moot.store import Call, Store
    from moot.store.leases import Leases

SIGN_SECONDS = 10.0
"""How often the holder of a lease gives a sign of life on record."""

DEAD_SECONDS = 60.0
"""Without a sign of life for so long, a process of another machine is taken for dead: it can send nothing more."""

CHUNKS = (16, 8, 4, 2)
"""A lease grows by so many calls at once where a quarter of what is left is room for them, else by one."""

WHOSE = "this experiment"


def new_lease() -> str:
    """Return the name of a new lease."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Terms:
    """A budget: its name, by which all processes know it, its caps, and how calls are priced."""

    name: str
    caps: Caps
    price: Price


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lease may use in all by now, and what was spent beside it; or why it cannot grow.

    `may_wait` is whether it could yet, when others that share the budget have come to an end.
    """

    granted: Spent
    beside: Spent
    why: str = ""
    may_wait: bool = False


class Purse:
    """One budget; `earlier` is what was spent before it was opened, the leases in `counted` included."""

    def __init__(self, store: Store, terms: Terms, earlier: Spent, counted: frozenset[str]) -> None:
        self._store = store
        self._terms = terms
        self.earlier = earlier
        self.counted = counted

    async def begin(self, lease: str) -> None:
        """Begin a lease with nothing in it."""
        await self._store.leasing(lambda rows: rows.put(Lease(lease, self._terms.name, seen=rows.now)))

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[str]:
        """Hold a new lease for this process while this lasts."""
        lease = new_lease()
        with sign_of_life(lease):
            await self.begin(lease)
            try:
                yield lease
            finally:
                await self.end(lease)

    async def ask(self, lease: str, used: Spent, aside: Spent, call: Call | None) -> Answer:
        """State what a lease has used and set aside, giving back the rest, and have it grow so that a call has room.

        None asks for no room, and is a sign of life. `StoreError` where the lease was ended by somebody else.
        """

        def work(rows: Leases) -> Answer:
            answer = self._answer(rows, lease, used, aside, call)
            if answer.why and _bury(rows, self._terms.price):
                answer = self._answer(rows, lease, used, aside, call)
            return answer

        return await self._store.leasing(work)

    async def end(self, lease: str) -> None:
        """End a lease: from now on it counts as what its calls have used."""

        def work(rows: Leases) -> None:
            for one in rows.all():
                if one.id == lease:
                    _settle(rows, one, self._terms.price)

        await self._store.leasing(work)

    def _answer(self, rows: Leases, lease: str, used: Spent, aside: Spent, call: Call | None) -> Answer:
        kept = rows.all()
        mine = _live(kept, lease)
        others = [one for one in kept if one.budget == mine.budget and one.id not in (lease, *self.counted)]
        leased = _sum(self.earlier, [Spent(tokens=one.tokens, dollars=one.dollars) for one in others])
        beside = _sum(self.earlier, [Spent(tokens=one.used_tokens, dollars=one.used_dollars) for one in others])
        own = used.plus(aside)
        why = refusal(self._terms.caps, leased.plus(own), call, self._terms.price, WHOSE) if call else ""
        grant = own.plus(self._chunk(leased.plus(own), call)) if call and not why else own
        rows.put(
            replace(
                mine,
                tokens=grant.tokens,
                dollars=grant.dollars,
                used_tokens=used.tokens,
                used_dollars=used.dollars,
                seen=rows.now,
            )
        )
        may_wait = any((one.tokens, one.dollars) != (one.used_tokens, one.used_dollars) for one in others)
        return Answer(grant, beside, why, may_wait)

    def _chunk(self, before: Spent, call: Call) -> Spent:
        """Return by how much a lease grows: several such calls where others are left enough."""
        one, caps = Spent().and_call(replace(call, outcome="open"), self._terms.price), self._terms.caps
        for count in CHUNKS:
            after = before.plus(one, 4 * count)
            if after.tokens <= (caps.tokens or after.tokens) and after.dollars <= (caps.dollars or after.dollars):
                return Spent().plus(one, count)
        return one


async def open_purse(store: Store, terms: Terms, identities: Sequence[str]) -> Purse:
    """Return the budget of these conversations, with what was spent on them counted anew from their calls."""

    def work(rows: Leases) -> tuple[Spent, frozenset[str]]:
        _bury(rows, terms.price)
        kept = [one for one in rows.all() if one.budget == terms.name]
        live = {one.id for one in kept if one.seen is not None}
        if not live:
            for one in kept:
                rows.drop(one.id)
        calls = (call for call in rows.calls_of(identities) if call.lease not in live)
        return spent(calls, 0, terms.price), frozenset(one.id for one in kept) - live

    return Purse(store, terms, *await store.leasing(work))


@asynccontextmanager
async def carried(store: Store, lease: str, identity: str, price: Price) -> AsyncGenerator[bool]:
    """Carry a conversation under a lease while this lasts; False where somebody else who lives is carrying it."""

    def hold(rows: Leases) -> bool:
        kept = rows.all()
        _live(kept, lease)
        holder = rows.holder(identity)
        for one in kept:
            if one.id == holder != lease and one.seen is not None:
                if not _is_dead(rows, one):
                    return False
                _settle(rows, one, price)
        rows.hold(identity, lease)
        return True

    mine = await store.leasing(hold)
    try:
        yield mine
    finally:
        if mine:
            await store.leasing(lambda rows: rows.let_go(lease, identity))


def _live(kept: Sequence[Lease], lease: str) -> Lease:
    for one in kept:
        if one.id == lease and one.seen is not None:
            return one
    raise StoreError(TAKEN)


def _bury(rows: Leases, price: Price) -> bool:
    """End the leases of all who have died; return whether there was one."""
    dead = [one for one in rows.all() if one.seen is not None and _is_dead(rows, one)]
    for one in dead:
        _settle(rows, one, price)
    return bool(dead)


def _is_dead(rows: Leases, lease: Lease) -> bool:
    return rows.now - (lease.seen or 0.0) > DEAD_SECONDS or is_gone(lease.id)


def _settle(rows: Leases, lease: Lease, price: Price) -> None:
    # Ended first: whoever is putting a call on record under it is waited for, and nobody can from then on.
    rows.put(replace(lease, seen=None))
    used = spent(rows.calls_under(lease.id), 0, price)
    rows.put(replace(lease, tokens=used.tokens, dollars=used.dollars, used_tokens=used.tokens,
                     used_dollars=used.dollars, seen=None))  # fmt: skip
    rows.let_go(lease.id)


def _sum(first: Spent, more: Sequence[Spent]) -> Spent:
    for one in more:
        first = first.plus(one)
    return first
