"""A grid as it runs: who may run it, what it may spend, what is told of it, and how it is stopped.

It must never hold back a word that is on record, nor go on without the budget that the design sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TextIO

import click

from moot.cli import INTERRUPTED, LIMIT, caps, record
from moot.cli.cluster import on_cluster
from moot.cli.grid import followers
from moot.cli.live import ready
from moot.cli.terminal import console, program, safe
from moot.experiment.budget import Budget
from moot.experiment.grid import Began, Ended, Way, carry_grid
from moot.experiment.outcome import stand_of
from moot.experiment.purse import Terms, carried, open_purse
from moot.own_forms import find
from moot.voices.spec import open_voices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from moot.cli.cluster import Carry, On
    from moot.cli.grid import Grid
    from moot.experiment.grid import Event
    from moot.experiment.outcome import Stand
    from moot.spending import Limits
    from moot.store import Store
    from moot.transcript import Heading
    from moot.voices import VoiceError

MOST_SAID = 5
A_WORKER = 16
"""Readers and judges that are made ready at a time, for each conversation that is carried on at a time."""

EVERY = 2.0
"""Seconds between two lines of progress where no terminal shows it in place."""


async def sweep(
    store: Store,
    grid: Grid,
    most: int,
    *,
    jsonl: bool,
    chosen: Callable[[Stand], bool] | None,
    on: On | None = None,
) -> None:
    """Carry a grid on within its budget and tell how it goes; ends the command with the code of what stopped it."""
    identities: list[str] = []
    to_do: list[Heading] = []
    for (identity, cell), (_, heading) in zip(grid.identities, grid.cells, strict=True):
        identities.append(identity)
        one = await stand_of(store, identity, cell)
        if one.state != "closed" and (chosen is None or chosen(one)):
            to_do.append(heading)
    identities += [one.id async for one, _, _ in followers(store, grid)]
    terms = Terms(grid.design.name, grid.design.budget, record.config().limits.price)
    purse = await open_purse(store, terms, identities)
    async with purse.at_work() as lease:
        budget = Budget(grid.design.budget, terms.price, source=purse, lease=lease)
        await budget.beat()
        show = _Show(len(to_do), len(grid.cells), budget, jsonl=jsonl)
        over = asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.enter_context(_interruptible(over, show))
            stack.enter_context(_timed(over, caps.limits().run.seconds))
            await stack.enter_async_context(budget.beating(EVERY))
            carry = await stack.enter_async_context(
                on_cluster(on, terms, purse, lease, grid, most, over, show.tell)
                if on
                else _here(store, most, budget, over, show.tell)
            )
            ended = list(await carry(to_do))
            after = await stack.enter_async_context(aclosing(_batches(store, grid, show, chosen, most * A_WORKER)))
            async for batch in after:
                if over.is_set():
                    break
                ended += await carry(batch)
        await budget.beat()
        show.end(ended)
    _leave(ended, show.to_do, interrupted=show.interrupted)


async def _batches(
    store: Store, grid: Grid, show: _Show, chosen: Callable[[Stand], bool] | None, size: int
) -> AsyncGenerator[list[Heading]]:
    """Yield what readers and judges are to do about what is finished by now, so many at a time."""
    batch: list[Heading] = []
    async for one, _, heading in followers(store, grid):
        show.all += 1
        if one.state != "closed" and (chosen is None or chosen(one)):
            show.to_do += 1
            batch.append(heading)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@contextlib.asynccontextmanager
async def _here(
    store: Store, most: int, budget: Budget, over: asyncio.Event, tell: Callable[[Event], None]
) -> AsyncGenerator[Carry]:
    """Yield what carries conversations in this process."""
    price = record.config().limits.price
    seen: dict[object, VoiceError | None] = {}
    checking = asyncio.Lock()

    async def checked(heading: Heading) -> None:
        from moot.voices import VoiceError  # noqa: PLC0415 - a type until here

        async with checking:  # each cast once: what an embedded model lacks is fetched once
            if heading.participants not in seen:
                try:
                    await ready(heading)
                except VoiceError as error:
                    seen[heading.participants] = error
                else:
                    seen[heading.participants] = None
        if (error := seen[heading.participants]) is not None:
            raise type(error)(str(error))

    def limits(heading: Heading) -> Limits:
        return replace(caps.limits(heading), ledger=budget)

    async with record.pool(most) as pool:
        way = Way(
            lambda heading: open_voices(heading, pool, heading.names),
            limits,
            find,
            checked,
            tell,
            lambda identity: carried(store, budget.lease, identity, price),
        )
        yield lambda headings: carry_grid(store, headings, way, most, over)


@contextlib.contextmanager
def _timed(over: asyncio.Event, seconds: float | None) -> Generator[None]:
    """End the run gently when its time is up."""
    if seconds is None:
        yield
        return
    clock = asyncio.get_running_loop().call_later(seconds, over.set)
    try:
        yield
    finally:
        clock.cancel()


@contextlib.contextmanager
def _interruptible(over: asyncio.Event, show: _Show) -> Generator[None]:
    """Have Ctrl-C, the first time, end the run gently; the second time it is what it always is."""
    loop = asyncio.get_running_loop()
    usual = signal.getsignal(signal.SIGINT)

    def once() -> None:
        show.interrupted = True
        over.set()
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, usual)
        console(err=True).print("[ending: turns under way are finished; Ctrl-C again stops at once]", style="dim")

    try:
        loop.add_signal_handler(signal.SIGINT, once)
    except (NotImplementedError, RuntimeError, ValueError):  # no such signals here, or not in the main thread
        yield
        return
    try:
        yield
    finally:
        if not show.interrupted:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, usual)


@dataclass(slots=True)
class _Show:
    """Progress: on standard error for people, as JSON lines on standard output where those were asked for."""

    to_do: int
    all: int
    budget: Budget
    jsonl: bool
    out: TextIO = field(default_factory=lambda: sys.stdout)
    interrupted: bool = False
    begun: float = field(default_factory=time.monotonic)
    live: set[str] = field(default_factory=set[str])
    done: int = 0
    failed: int = 0
    last: float = 0.0

    def tell(self, event: Event) -> None:
        """Tell an event, and now and then how far it all is."""
        match event:
            case Began(identity, _):
                self.live.add(identity)
            case Ended(identity, how, _, _):
                self.live.discard(identity)
                self.done += how == "closed"
                self.failed += how == "failed"
            case _:
                pass
        if self.jsonl:
            self._line({"event": type(event).__name__.lower(), **asdict(event)})
        now = time.monotonic()
        if now - self.last >= EVERY:
            self.last = now
            self._progress(now)

    def end(self, ended: Sequence[Ended]) -> None:
        """Tell how it all ended."""
        self._progress(time.monotonic())
        if self.jsonl:
            self._line({"event": "over", **self._counts(), "not_begun": self.to_do - len(ended)})

    def _counts(self) -> dict[str, Any]:
        spent = self.budget.spent
        return {
            "all": self.all,
            "done": self.all - self.to_do + self.done,
            "live": len(self.live),
            "failed": self.failed,
            "tokens": spent.tokens,
            "dollars": str(spent.dollars),
            "reserved_dollars": str(self.budget.reserved.dollars),
            "unpriced": spent.unpriced,
        }

    def _line(self, event: dict[str, Any]) -> None:
        click.echo(json.dumps(event, ensure_ascii=False), file=self.out)
        self.out.flush()

    def _progress(self, now: float) -> None:
        told = self._counts()
        left = self.to_do - self.done - self.failed
        rate = (now - self.begun) / (self.done + self.failed) if self.done + self.failed else None
        time_left = "" if rate is None or not left else f", about {rate * left:,.0f} s left"
        lacking = f" (the price of {told['unpriced']} is not known)" if told["unpriced"] else ""
        line = (
            f"{told['done']} of {told['all']} closed, {told['live']} live, {told['failed']} failed, "
            f"{told['tokens']:,} tokens, ${self.budget.spent.dollars:.4f}{lacking}{time_left}"
        )
        console(err=True).print(safe(f"[{line}]"), style="dim")


def _leave(ended: Sequence[Ended], to_do: int, *, interrupted: bool) -> None:
    """Say what was left, and end with its code: something failed, a limit was reached, or it was interrupted."""
    out = console(err=True)
    failed = [one for one in ended if one.how == "failed"]
    resting = [one for one in ended if one.how == "resting"]
    limits = [one for one in resting if one.limit]
    for one in failed[:MOST_SAID]:
        out.print(safe(f"  {one.id[:8]} failed: {one.reason}"))
    if len(failed) > MOST_SAID:
        out.print(f"  and {len(failed) - MOST_SAID} more failed")
    if limits:
        out.print(safe(f"[{len(limits)} rest at a limit: {limits[0].reason}]"), style="dim")
    elif len(ended) < to_do and not interrupted:
        out.print(f"[the time is up: {to_do - len(ended)} were not begun; run the same again to go on]", style="dim")
    elif resting and not interrupted:
        out.print(safe(f"[{len(resting)} rest: {resting[0].reason}]"), style="dim")
    if interrupted:
        out.print(safe(f"[{to_do - len(ended)} were not begun; run the same again to go on]"), style="dim")
        raise click.exceptions.Exit(INTERRUPTED)
    if failed:
        again = f"run the same again, or go on with those alone: {program()} experiment retry FILE"
        out.print(safe(f"[{len(failed)} failed; when that is mended, {again}]"), style="dim")
        raise click.exceptions.Exit(1)
    if limits or len(ended) < to_do:
        raise click.exceptions.Exit(LIMIT)
