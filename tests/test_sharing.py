"""Limits that several processes share: no minute holds more than is allowed, whoever dies, and whatever is not used."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moot.voices.limits import Bounds, estimate
from moot.voices.sharing import GOOD_SECONDS, Allotment, Leased
from test_limits import Hasty, hastily, now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.voices.sharing import Back, Share

REQUEST = {"body": {"max_tokens": 10, "messages": "x" * 100}}
TOKENS = estimate(REQUEST)


@dataclass
class Near:
    """An allotment as one process sees it."""

    allotment: Allotment
    who: str
    asked: int = 0

    async def lease(self, tokens: int, back: Sequence[Back]) -> Share:
        self.asked += 1
        return await self.allotment.lease(self.who, tokens, back)

    def ended(self) -> None:
        self.allotment.ended(self.who)

    def hold_back(self, seconds: float) -> None:
        self.allotment.hold_back(seconds)


async def use(leased: Leased, passed: list[float], waits: Sequence[float], took: float = 0.0, used: int = 0) -> None:
    for wait in waits:
        await asyncio.sleep(wait)
        async with leased.passage(REQUEST) as passage:
            passed.append(now())
            await asyncio.sleep(took)
            passage.used = used or TOKENS


def most_in_a_minute(passed: list[float]) -> int:
    return max(sum(start <= one < start + 60 for one in passed) for start in passed)


@settings(max_examples=30)
@given(st.integers(1, 400), st.lists(st.lists(st.floats(0, 30), min_size=1, max_size=60), min_size=1, max_size=3))
def test_no_sixty_seconds_hold_more_requests_than_are_allowed_whoever_sends_them(
    most: int, processes: list[list[float]]
) -> None:
    passed: list[float] = []

    async def all_() -> None:
        allotment = Allotment(Bounds(requests=most, tokens=most * TOKENS))
        bounds = Bounds(requests=most, tokens=most * TOKENS)
        each = [Leased(bounds, Near(allotment, str(number))) for number in range(len(processes))]
        await asyncio.gather(*(use(one, passed, waits) for one, waits in zip(each, processes, strict=True)))

    with asyncio.Runner(loop_factory=Hasty) as runner:
        runner.run(all_())
    assert len(passed) == sum(map(len, processes))
    assert most_in_a_minute(sorted(passed)) <= most


@hastily
async def test_shares_spare_most_of_the_asking_and_all_of_a_minute_can_be_had() -> None:
    allotment, passed = Allotment(Bounds(requests=1200)), list[float]()
    near = Near(allotment, "a")
    await use(Leased(Bounds(requests=1200), near), passed, [0.0] * 1200)
    assert now() < 1
    assert near.asked <= 1200 // 10 + 5
    await use(Leased(Bounds(requests=1200), near), passed, [0.0])
    assert 60 <= now() <= 60 + GOOD_SECONDS + 1


@hastily
async def test_what_a_share_has_left_over_is_given_back() -> None:
    allotment, bounds = Allotment(Bounds(requests=1200, tokens=TOKENS * 1200)), Bounds(requests=1200, tokens=1)
    one, passed = Leased(bounds, Near(allotment, "a")), list[float]()
    for _ in range(50):
        await use(one, passed, [1.0], used=TOKENS // 2)
        await asyncio.sleep(GOOD_SECONDS / 2 + 0.1)
    other = Leased(bounds, Near(allotment, "b"))
    begun = now()
    await use(other, passed, [0.0] * 1100)
    assert now() - begun < GOOD_SECONDS


@hastily
async def test_no_more_are_under_way_than_allowed_and_those_of_the_dead_make_room() -> None:
    allotment, bounds = Allotment(Bounds(at_once=2)), Bounds(at_once=2)
    one, other = (Leased(bounds, Near(allotment, who)) for who in "ab")
    passed: list[float] = []
    await asyncio.gather(*(use(each, passed, [0.0], took=10.0) for each in (one, other, one, other)))
    assert passed == [0.0, 0.0, 10.0, 10.0]
    dying = [asyncio.create_task(use(one, passed, [0.0], took=1000.0)) for _ in range(2)]
    await asyncio.sleep(5)
    waiting = asyncio.create_task(use(other, passed, [0.0]))
    await asyncio.sleep(5)
    assert not waiting.done()
    allotment.gone("a")
    await waiting
    for each in dying:
        each.cancel()


@hastily
async def test_a_wait_that_a_provider_asks_for_holds_for_all() -> None:
    allotment, bounds = Allotment(Bounds(requests=6000)), Bounds(requests=6000)
    one, other = (Leased(bounds, Near(allotment, who)) for who in "ab")
    passed: list[float] = []
    await use(one, passed, [0.0])
    one.hold_back(0.0)
    one.hold_back(30.0)
    await asyncio.gather(use(one, passed, [1.0]), use(other, passed, [1.0]))
    assert passed == pytest.approx([0.0, 30.0, 30.0])


@hastily
async def test_a_request_that_used_more_than_it_was_taken_for_counts() -> None:
    bounds = Bounds(tokens=10 * TOKENS)
    leased, passed = Leased(bounds, Near(Allotment(bounds), "a")), list[float]()
    await use(leased, passed, [0.0], used=9 * TOKENS)
    await use(leased, passed, [0.0, 0.0])
    assert passed[1] == 0.0
    assert passed[2] >= 60
