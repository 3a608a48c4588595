"""One budget of many conversations at once: the worst of each call is set aside before it goes out.

It must never let spent and set aside together pass a cap, whatever is asked at the same time.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from moot.spending import Spent, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moot.spending import Caps, Price
    from moot.store import Call


class Budget:
    """A `Ledger` within one process; `spent` is what earlier runs have used, recomputed from their calls.

    Where there is no room for a call only because others are under way, it waits for them: they use less than their
    worst, as a rule.
    """

    def __init__(self, caps: Caps, price: Price, earlier: Iterable[Call] = ()) -> None:
        self._caps = caps
        self._price = price
        self._held: list[tuple[Call, Spent]] = []
        self._changed = asyncio.Event()
        self.spent = Spent()
        self.reserved = Spent()
        for call in earlier:
            self.spent = self.spent.and_call(call, price)

    async def reserve(self, call: Call) -> str:
        """Set the worst of a call aside; say why not, where it has no room even when all others have ended."""
        while True:
            why = refusal(self._caps, _with(self.spent, self.reserved), call, self._price, "this experiment")
            if not why:
                worst = Spent().and_call(replace(call, outcome="open"), self._price)
                self._held.append((call, worst))
                self.reserved = _with(self.reserved, worst)
                return ""
            if not self._held:
                return why
            await self._changed.wait()

    def settle(self, sent: Call, ended: Call) -> None:
        """Take back what was set aside for a call, and count what became of it."""
        place = next(place for place, (call, _) in enumerate(self._held) if call is sent)
        _, worst = self._held.pop(place)
        self.reserved = _with(self.reserved, worst, -1)
        self.spent = self.spent.and_call(ended, self._price)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _with(used: Spent, other: Spent, times: int = 1) -> Spent:
    """Return the sum, or with `times` -1 the difference."""
    return replace(used, tokens=used.tokens + times * other.tokens, dollars=used.dollars + times * other.dollars)
