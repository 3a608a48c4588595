"""An event loop on a clock of its own: where nothing can be done now, time jumps to the next thing that is due.

It must never wait for anything real: where nothing is due and somebody still waits, that is a deadlock, and told.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any, Self

MOST_ROUNDS = 150_000
"""Rounds of the loop after which it is taken to go round in circles."""

MIDNIGHT = 1_795_000_000.0
"""The time of day, as seconds since 1970, at which each simulation begins."""


class Stuck(Exception):
    """Nobody can go on: nothing is due, or nothing ends."""


class Numbered(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it is in memory: asyncio cancels tasks in a set's order."""

    def __init__(self, number: int, work: Any, **how: Any) -> None:
        self._number = number
        super().__init__(work, **how)

    def __hash__(self) -> int:
        return self._number


class Clock(asyncio.BaseEventLoop):
    """Runs coroutines as asyncio does; `now` is in seconds since it began, `drift` what the time of day was set by."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.drift = 0.0
        self.rounds = 0
        self.over = ""
        self.unclosed: list[str] = []
        self._selector = self
        numbers = count()
        self.set_task_factory(lambda loop, work, **how: Numbered(next(numbers), work, loop=loop, **how))

    def time(self) -> float:
        """Return the seconds since the beginning."""
        return self.now

    def monotonic(self) -> float:
        """Return the same, as `time.monotonic` would."""
        return self.now

    def select(self, timeout: float | None) -> tuple[()]:
        """Take the place of the selector that asyncio waits in: nothing comes from outside, and time passes at once."""
        self.rounds += 1
        if self.over:
            raise Stuck(self.over)
        if timeout is None:
            raise Stuck("nothing is due any more, and somebody still waits")
        if self.rounds > MOST_ROUNDS:
            raise Stuck(f"it goes on and on, at {self.now:.3f} seconds")
        if timeout > 0:
            due: Any = self._scheduled[0]  # pyright: ignore[reportAttributeAccessIssue] - asyncio's own list
            self.now = max(self.now, due.when())
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        """Take note of a stream that nobody has closed: the collector would do it, who knows when."""
        self.unclosed.append(agen.__qualname__)
        agen.aclose().close()

    def _process_events(self, events: tuple[()]) -> None:
        """Do nothing: nothing comes from outside."""

    def _write_to_self(self) -> None:
        raise AssertionError("a thread has called in, and there shall be none")


class TimeOfDay:
    """Stands in for the module `time` where moot reads it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self._clock.now

    def time(self) -> float:
        """Return the time of day, which somebody may have set."""
        return MIDNIGHT + self._clock.now + self._clock.drift
