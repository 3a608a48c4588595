"""An endpoint's limits where several processes share them: given out in shares, first come, first served.

It must never give out more in any minute than the endpoint takes, whoever uses a share, and whether it is used at all.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from moot.voices.limits import MINUTE, Minute, Passage, estimate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from moot.voices.limits import Bounds

GOOD_SECONDS = 5.0
"""For so long a share may be used. It is counted as used at the end of that, so that no minute holds more."""

SHARES_A_SECOND = 2
"""A share is of about half a second's requests, where there is room for so many."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many requests, and the tokens for them, that may be used now; `at` is when they are counted as used."""

    requests: int
    tokens: int
    at: float


Back = tuple[float, int, int]
"""What was not used of a share: when it is counted, requests, and tokens (less than 0: so many more were used)."""


class Allotment:
    """What one endpoint takes, as it is given out; it waits where nothing is left."""

    def __init__(self, bounds: Bounds) -> None:
        self._requests = Minute(bounds.requests) if bounds.requests else None
        self._tokens = Minute(bounds.tokens) if bounds.tokens else None
        self._most = 1 if bounds.at_once else max(1, (bounds.requests or 0) // int(MINUTE) // SHARES_A_SECOND)
        self._at_once = bounds.at_once or math.inf
        self._under_way = Counter[str]()
        self._not_before = -math.inf
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    async def lease(self, who: str, tokens: int, back: Sequence[Back]) -> Share:
        """Return a share with room for a request of so many tokens, when there is one; `back` is given back."""
        for one in back:
            self._take_back(*one)
        async with self._queue:
            while (seconds := self._wait(1, tokens)) > 0:
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if seconds == math.inf else seconds):
                        await self._changed.wait()
            count = self._most
            while count > 1 and self._wait(count, tokens) > 0:
                count //= 2
            at = _now() + GOOD_SECONDS
            self._requests = self._requests and self._requests.then(count, at)
            self._tokens = self._tokens and self._tokens.then(count * tokens, at)
            self._under_way[who] += self._at_once < math.inf
            return Share(count, count * tokens, at)

    def ended(self, who: str) -> None:
        """Note that a request is over, where only so many may be under way."""
        self._under_way[who] -= 1
        self._changed.set()

    def gone(self, who: str) -> None:
        """Note that a process has died, and its requests with it."""
        del self._under_way[who]
        self._changed.set()

    def hold_back(self, seconds: float) -> None:
        """Give nothing out for so long: a provider has asked one of its callers to wait."""
        self._not_before = max(self._not_before, _now() + seconds)

    def _wait(self, count: int, tokens: int) -> float:
        if self._under_way.total() >= self._at_once:
            return math.inf  # until one of them is over
        now = _now()
        requests = self._requests.wait(count, now) if self._requests else 0.0
        return max(requests, self._tokens.wait(count * tokens, now) if self._tokens else 0.0, self._not_before - now)

    def _take_back(self, at: float, requests: int, tokens: int) -> None:
        now = _now()
        self._requests = self._requests and self._requests.settled(at, requests, 0, now)
        self._tokens = self._tokens and self._tokens.settled(at, max(tokens, 0), max(-tokens, 0), now)
        self._changed.set()


class Giver(Protocol):
    """One endpoint's allotment, as it is seen from another process."""

    async def lease(self, tokens: int, back: Sequence[Back]) -> Share:
        """See `Allotment.lease`."""
        ...

    def ended(self) -> None:
        """See `Allotment.ended`."""
        ...

    def hold_back(self, seconds: float) -> None:
        """See `Allotment.hold_back`."""
        ...


_NONE = Share(0, 0, 0.0)


class Leased:
    """What all requests of one process to an endpoint pass whose limits it shares: as a `Limiter`, in their order."""

    def __init__(self, bounds: Bounds, giver: Giver) -> None:
        self._bounds = bounds
        self._giver = giver
        self._share = _NONE
        self._until = -math.inf
        self._back: list[Back] = []
        self._queue = asyncio.Lock()

    @asynccontextmanager
    async def passage(self, request: Mapping[str, Any]) -> AsyncGenerator[Passage]:
        """Wait until a request may be sent; it counts as under way until this is left, however it is left."""
        tokens = estimate(request) if self._bounds.tokens else 0
        async with self._queue:
            passage = Passage(await self._covered(tokens), tokens)
        try:
            yield passage
        finally:
            if self._bounds.tokens and passage.used is not None:
                self._back.append((passage.begun, 0, tokens - passage.used))
            if self._bounds.at_once:
                self._giver.ended()

    def hold_back(self, seconds: float) -> None:
        """Send nothing more for so long, here or elsewhere."""
        if seconds > 0:
            self._until = -math.inf
            self._giver.hold_back(seconds)

    async def _covered(self, tokens: int) -> float:
        """Take a request's part of the share at hand, or of a new one; return when it is counted."""
        share = self._share
        if not share.requests or share.tokens < tokens or _now() > self._until:
            back, self._back = [*self._back, (share.at, share.requests, share.tokens)], []
            share = await self._giver.lease(tokens, back)
            self._until = _now() + GOOD_SECONDS / 2  # the other half is for the way here
        self._share = Share(share.requests - 1, share.tokens - tokens, share.at)
        return share.at


def _now() -> float:
    return asyncio.get_running_loop().time()
