"""One budget of many conversations at once: the worst of each call is set aside before it goes out.

It must never let spent and set aside together pass a cap, whatever is asked at the same time, here or elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from moot.experiment.purse import SIGN_SECONDS, WHOSE
from moot.spending import Spent, refusal, spent
from moot.store import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from moot.experiment.purse import Answer
    from moot.spending import Caps, Price
    from moot.store import Call

POLL_SECONDS = 0.5
"""How often whoever waits for other processes asks again."""


class Source(Protocol):
    """Where leases on a shared budget come from: see `Purse`."""

    async def ask(self, lease: str, used: Spent, aside: Spent, call: Call | None) -> Answer:
        """See `Purse.ask`."""
        ...


class Budget:
    """A `Ledger` within one process; `earlier` is what was sent before.

    Where there is no room for a call only because others are under way, it waits for them: they use less than their
    worst, as a rule. With a `source` the budget is shared with other processes, and this one spends what its `lease`
    on it holds.
    """

    def __init__(
        self, caps: Caps, price: Price, earlier: Iterable[Call] = (), *, source: Source | None = None, lease: str = ""
    ) -> None:
        self.lease = lease
        self.reserved = Spent()
        self._caps = caps
        self._price = price
        self._source = source
        self._beside = spent(earlier, 0, price)
        self._used = Spent()
        self._granted = Spent()
        self._held: list[tuple[Call, Spent]] = []
        self._first = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def spent(self) -> Spent:
        """What all have used so far, as far as it is known here."""
        return self._beside.plus(self._used)

    async def reserve(self, call: Call) -> str:
        """Set the worst of a call aside; say why not, where it has no room even when all others have ended."""
        worst = Spent().and_call(replace(call, outcome="open"), self._price)
        async with self._first:  # whoever is first waits for room, all others for their turn
            while True:
                why, others = await self._refusal(call, worst)
                if not why:
                    self._held.append((call, worst))
                    self.reserved = self.reserved.plus(worst)
                    return ""
                if not self._held and not others:
                    return why
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS if self._source else None):
                        await self._changed.wait()

    def settle(self, sent: Call, ended: Call) -> None:
        """Take back what was set aside for a call, and count what became of it."""
        place = next(place for place, (call, _) in enumerate(self._held) if call is sent)
        _, worst = self._held.pop(place)
        self.reserved = self.reserved.plus(worst, -1)
        self._used = self._used.and_call(ended, self._price)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def beat(self) -> None:
        """Give a sign of life, and give back what is neither used nor set aside; learn what others have used."""
        if self._source:
            async with self._first:
                self._told(await self._source.ask(self.lease, self._used, self.reserved, None))

    @contextlib.asynccontextmanager
    async def beating(self, every: float = SIGN_SECONDS) -> AsyncGenerator[None]:
        """Give a sign of life every so many seconds while this lasts."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(every)
                with contextlib.suppress(StoreError):  # the next may do; if not, what is sent then tells of it
                    await self.beat()

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _refusal(self, call: Call, worst: Spent) -> tuple[str, bool]:
        """Say why a call has no room now, and whether other processes may yet make some."""
        if self._source is None:
            return refusal(self._caps, self.spent.plus(self.reserved), call, self._price, WHOSE), False
        if self._is_granted(self._used.plus(self.reserved).plus(worst)):
            return "", False
        answer = await self._source.ask(self.lease, self._used, self.reserved, call)
        self._told(answer)
        return answer.why, answer.may_wait

    def _is_granted(self, all_: Spent) -> bool:
        tokens = self._caps.tokens is None or all_.tokens <= self._granted.tokens
        dollars = self._caps.dollars is None or (all_.dollars <= self._granted.dollars and not all_.unpriced)
        return tokens and dollars

    def _told(self, answer: Answer) -> None:
        self._granted, self._beside = answer.granted, answer.beside
