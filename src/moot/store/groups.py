"""A thread that writes what waits in groups, so that many writers share one commit.

It must never answer a write before the commit that holds it has returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

W = TypeVar("W")

LARGEST_GROUP = 256
"""Writes that share one commit at most."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[W]):
    """A write, and who waits for its answer in which loop."""

    work: W
    answer: asyncio.Future[Any]


class Writer(Generic[W]):
    """One thread and what waits for it; `commit` does a group and returns an answer to each, or a refusal."""

    def __init__(self, commit: Callable[[Sequence[W]], Sequence[Any]]) -> None:
        self._commit = commit
        self._queue: SimpleQueue[_Waiting[W] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="moot-writer", daemon=True)
        self._thread.start()

    async def do(self, work: W) -> Any:  # noqa: ANN401 - whatever this write is answered with
        """Have a write done; return its answer when the commit that holds it is on disk."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put(_Waiting(work, answer))
        return await answer

    def shut(self) -> None:
        """Finish what waits already, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        for waiting in _groups(self._queue):
            group = [one for one in waiting if not one.answer.cancelled()]
            answers: Sequence[Any]
            try:
                answers = self._commit([one.work for one in group]) if group else ()
            except Exception as error:  # noqa: BLE001 - it is answered to whoever waits for these writes
                answers = [error] * len(group)
            _tell(group, answers)


def _tell(group: Sequence[_Waiting[Any]], answers: Sequence[Any]) -> None:
    """Answer all who wait, each loop woken once: to wake it for each write costs more than the writes."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for one, answer in zip(group, answers, strict=True):
        by_loop.setdefault(one.answer.get_loop(), []).append((one.answer, answer))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, answer in pairs:
        if future.cancelled():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _groups(queue: SimpleQueue[_Waiting[W] | None]) -> Iterator[list[_Waiting[W]]]:
    """Yield the waiting writes, as many at a time as wait already, until None says that no more will come."""
    while (first := queue.get()) is not None:
        group = [first]
        while len(group) < LARGEST_GROUP and not queue.empty():
            work = queue.get()
            if work is None:
                yield group
                return
            group.append(work)
        yield group
