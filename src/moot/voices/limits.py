"""How fast an endpoint may be asked: requests and tokens a minute, requests at a time, and waits that it has asked for.

It must never let a later request pass an earlier one, wake up while nothing changes, or send anything: the arithmetic
is on values with the time passed in, and the little that waits stands apart from it.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from moot.transcript import canonical

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from contextlib import AbstractAsyncContextManager

C = TypeVar("C")

MINUTE = 60.0

GRAIN = 0.125
"""Seconds that are counted as one, so that what is remembered of a minute stays small however much goes on in it.

Times are counted in these without a rounding error, as an eighth is exact.
"""

BYTES_PER_TOKEN = 4
"""About so many bytes of a request's JSON make a token."""

USUAL_OUTPUT = 1_000
"""Tokens that an answer is taken to have until it is known how many it had."""

_LENGTHS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an endpoint takes: requests and tokens a minute, requests at a time; None is no limit."""

    requests: int | None = None
    tokens: int | None = None
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    """What was used in the last minute: amounts by when, oldest first. No sixty seconds ever hold more than `most`.

    An amount beyond `most` may be used when nothing else is counted, as it would otherwise wait for ever.
    """

    most: int
    used: tuple[tuple[float, int], ...] = ()

    def wait(self, amount: int, now: float) -> float:
        """Return the seconds until so much more may be used."""
        room = self.most - min(amount, self.most)
        held = self._held(now)
        counted = sum(one for _, one in held)
        until = now
        for at, one in held:
            if counted <= room:
                break
            counted -= one
            until = at + MINUTE
        return until - now

    def then(self, amount: int, now: float) -> Minute:
        """Return this minute with so much more used now."""
        at = _grain(now)
        held = self._held(now)
        if held and held[-1][0] == at:
            return replace(self, used=(*held[:-1], (at, held[-1][1] + amount)))
        return replace(self, used=(*held, (at, amount)))

    def settled(self, begun: float, taken: int, really: int, now: float) -> Minute:
        """Return this minute when it is known how much of what was taken at `begun` was really used.

        What is left over is given back where it was taken; what was used beyond that counts from now on.
        """
        if really > taken:
            return self.then(really - taken, now)
        at = _grain(begun)
        return replace(self, used=tuple((when, one - (taken - really) * (when == at)) for when, one in self.used))

    def _held(self, now: float) -> tuple[tuple[float, int], ...]:
        return tuple(pair for pair in self.used if pair[0] + MINUTE > now)


def _grain(now: float) -> float:
    return math.ceil(now / GRAIN) * GRAIN


def estimate(request: Mapping[str, Any]) -> int:
    """Return about how many tokens a request will have read and written, from its JSON alone."""
    body: Mapping[str, Any] = request.get("body", {})
    return len(canonical(body)) // BYTES_PER_TOKEN + min(longest_answer(body) or USUAL_OUTPUT, USUAL_OUTPUT)


def longest_answer(body: Mapping[str, Any]) -> int | None:
    """Return the most tokens that a request lets its answer have, on whatever wire; None where it sets no limit."""
    inner: Mapping[str, Any] = body.get("options") or {}  # Ollama's place for it
    limits = [*(body.get(name) for name in _LENGTHS), inner.get("num_predict")]
    return next((limit for limit in limits if isinstance(limit, int) and limit > 0), None)


@dataclass(slots=True)
class Passage:
    """A request that is under way: since when, and the tokens it was taken to need; `used` is told when it is known."""

    begun: float
    tokens: int
    used: int | None = None


class Limiter:
    """What all requests to one endpoint pass, in the order in which they came."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self._requests = Minute(bounds.requests) if bounds.requests else None
        self._tokens = Minute(bounds.tokens) if bounds.tokens else None
        self._at_once = bounds.at_once or math.inf
        self._under_way = 0
        self._not_before = -math.inf
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def passage(self, request: Mapping[str, Any]) -> AsyncGenerator[Passage]:
        """Wait until a request may be sent; it counts as under way until this is left, however it is left."""
        tokens = estimate(request) if self._tokens else 0
        async with self._queue:  # whoever is first in it waits for the limits, all others for their turn
            while (seconds := self._wait(tokens)) > 0:
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if seconds == math.inf else seconds):
                        await self._changed.wait()
            passage = self._begun(tokens)
        try:
            yield passage
        finally:
            self._ended(passage)

    def hold_back(self, seconds: float) -> None:
        """Send nothing more for so long: a provider has asked one of its callers to wait."""
        self._not_before = max(self._not_before, _now() + seconds)

    def _wait(self, tokens: int) -> float:
        if self._under_way >= self._at_once:
            return math.inf  # until one of them is over
        now = _now()
        requests = self._requests.wait(1, now) if self._requests else 0.0
        return max(requests, self._tokens.wait(tokens, now) if self._tokens else 0.0, self._not_before - now)

    def _begun(self, tokens: int) -> Passage:
        now = _now()
        self._under_way += 1
        self._requests = self._requests and self._requests.then(1, now)
        self._tokens = self._tokens and self._tokens.then(tokens, now)
        return Passage(now, tokens)

    def _ended(self, passage: Passage) -> None:
        self._under_way -= 1
        if self._tokens and passage.used is not None:
            self._tokens = self._tokens.settled(passage.begun, passage.tokens, passage.used, _now())
        self._changed.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


class Passages(Protocol):
    """What requests pass: a `Limiter`, or what shares its limits with other processes."""

    def passage(self, request: Mapping[str, Any]) -> AbstractAsyncContextManager[Passage]:
        """See `Limiter.passage`."""
        ...

    def hold_back(self, seconds: float) -> None:
        """See `Limiter.hold_back`."""
        ...


@dataclass(frozen=True, slots=True)
class Line(Generic[C]):
    """What a request is sent through, and what holds it back before; an embedded model has no limits."""

    client: C
    limiter: Passages = field(default_factory=Limiter)
