"""The run of a grid: many conversations side by side, each carried to its close.

It must never let one that fails stop the others, begin one anew that is on record, or begin a turn once it was told to
come to an end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.convene import Closed, Pause, Spoken, convene
from moot.experiment.design import identity_of
from moot.store import NotFound
from moot.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from moot.forms import Maker
    from moot.spending import Limits
    from moot.store import Store
    from moot.transcript import Heading
    from moot.voices import Voice


@dataclass(frozen=True, slots=True)
class Began:
    """This conversation is being carried on; `turns` it has already."""

    id: str
    turns: int


@dataclass(frozen=True, slots=True)
class Turned:
    """This conversation has one more turn on record, which makes so many."""

    id: str
    turns: int


@dataclass(frozen=True, slots=True)
class Ended:
    """This conversation goes no further for now: closed, resting (a limit, somebody waited for, the end) or failed."""

    id: str
    how: str
    reason: str
    limit: bool = False


Event = Began | Turned | Ended

AGAIN_SECONDS = 1.0
"""After so long it is looked again at conversations that another process was carrying."""


@asynccontextmanager
async def alone(identity: str) -> AsyncGenerator[bool]:
    """Carry a conversation that no other process can be carrying."""
    del identity
    yield True


@dataclass(frozen=True, slots=True)
class Way:
    """How conversations are carried: who speaks, within what, by which forms; `ready` raises where a voice cannot.

    `hold` is entered while one is carried, and says False where another process is carrying it.
    """

    voices: Callable[[Heading], Mapping[str, Voice]]
    limits: Callable[[Heading], Limits]
    find: Callable[[str], Maker]
    ready: Callable[[Heading], Awaitable[None]]
    tell: Callable[[Event], None]
    hold: Callable[[str], AbstractAsyncContextManager[bool]] = alone


async def carry_grid(
    store: Store, headings: Sequence[Heading], way: Way, most: int, over: asyncio.Event
) -> tuple[Ended, ...]:
    """Carry these conversations on, at most so many at a time, until all rest or `over` is set; return how each did.

    Once it is set, turns under way are finished and no other is begun; what had not begun is not among the answers.
    One that another process is carrying is looked at again, until it is closed or can be had.
    """
    waiting = deque(headings)
    elsewhere: list[Heading] = []
    ended: list[Ended] = []

    async def worker() -> None:
        while waiting and not over.is_set():
            heading = waiting.popleft()
            one = await _guarded(store, heading, way, over)
            if one is None:
                elsewhere.append(heading)
                continue
            ended.append(one)
            way.tell(one)

    while waiting and not over.is_set():
        async with asyncio.TaskGroup() as group:
            for _ in range(min(most, len(waiting))):
                group.create_task(worker())
        waiting.extend(elsewhere)
        elsewhere.clear()
        if waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), AGAIN_SECONDS)
    return tuple(ended)


async def _guarded(store: Store, heading: Heading, way: Way, over: asyncio.Event) -> Ended | None:
    """Carry one; None where another process does."""
    identity = identity_of(heading)
    try:
        async with way.hold(identity) as mine:
            return await _carry(store, identity, heading, way, over) if mine else None
    except Exception as error:  # noqa: BLE001 - whatever it was, also in a form of a user's own: the others go on
        return Ended(identity, "failed", str(error) or type(error).__name__)


async def _carry(store: Store, identity: str, heading: Heading, way: Way, over: asyncio.Event) -> Ended:
    try:
        stored = await store.read(identity)
    except NotFound:
        await way.ready(heading)
        await store.start(identity, Transcript(heading))
        turns = 0
    else:
        if stored.listing.closed is not None:
            return Ended(identity, "closed", stored.listing.closed)
        await way.ready(heading)
        turns = len(stored.transcript.turns)
    way.tell(Began(identity, turns))
    told = convene(store, identity, way.voices(heading), limits=way.limits(heading), find=way.find)
    async with aclosing(told) as events:
        async for event in events:
            match event:
                case Spoken(number, _):
                    way.tell(Turned(identity, number))
                    if over.is_set():
                        return Ended(identity, "resting", "the run was told to end")
                case Closed(reason):
                    return Ended(identity, "closed", reason)
                case Pause(reason, limit):
                    return Ended(identity, "resting", reason, limit)
                case _:
                    pass
    return Ended(identity, "resting", "it went no further")
