"""`--on ray`: where the conversations of a grid are carried, if not here.

It must never let the address of the record come by way of the command line, which Ray keeps.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from moot.cli import caps, record
from moot.cli.terminal import console
from moot.spending import unpriced
from moot.store import is_postgres

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from moot.cli.grid import Grid
    from moot.experiment.grid import Ended, Event
    from moot.experiment.purse import Purse, Terms
    from moot.transcript import Heading

    Carry = Callable[[Sequence[Heading]], Awaitable[tuple[Ended, ...]]]
    """What carries conversations on, until all rest or it is over: see `carry_grid`."""

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class On:
    """A Ray cluster: its address (empty: the one at hand, or one of this machine's own), and how many workers."""

    address: str
    workers: int | None


class _Where(click.ParamType[str]):
    name = "ray[://HOST:PORT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Read `ray` or `ray://HOST:PORT`."""
        text = str(value)
        if text != "ray" and not text.removeprefix("ray://").strip("/"):
            self.fail("write ray, or ray://HOST:PORT", param, ctx)
        if text != "ray" and not text.startswith("ray://"):
            self.fail(f"{text!r} is not known: write ray, or ray://HOST:PORT", param, ctx)
        return text


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None:
        ctx.meta[f"moot.{parameter.name}"] = value


def options(command: F) -> F:
    """Give a command the options that say where it has conversations carried; `chosen` looks at them."""
    on = click.option(
        "--on", type=_Where(), expose_value=False, callback=_remember, help="Carry them on a Ray cluster: moot[ray]."
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(1),
        expose_value=False,
        callback=_remember,
        help="With --on, processes to spread them over (default: one a core; one a machine with embedded models).",
    )
    return on(workers(command))


def chosen() -> On | None:
    """Return where the command that runs has conversations carried, None for here; refuse a record that stays here."""
    meta = click.get_current_context().meta
    where, workers = meta.get("moot.on"), meta.get("moot.workers")
    if where is None:
        if workers is not None:
            raise click.UsageError("--workers belongs to --on ray")
        return None
    here = os.environ.get("MOOT_DB", "")
    if not is_postgres(here) or record.place() != here:
        raise click.UsageError(
            "--on ray needs the record in PostgreSQL and its address in MOOT_DB, here and on every machine "
            "(see docs/cluster.md)"
        )
    return On("" if where == "ray" else where, workers)


@asynccontextmanager
async def on_cluster(
    on: On,
    terms: Terms,
    purse: Purse,
    lease: str,
    grid: Grid,
    most: int,
    over: asyncio.Event,
    tell: Callable[[Event], None],
) -> AsyncGenerator[Carry]:
    """Yield what carries conversations there; an error of the cluster's ends the command."""
    from moot.experiment.cluster import ClusterError, Order, crewed, joined  # noqa: PLC0415 - heavy

    config = record.config()
    try:
        async with joined(on.address) as cluster:
            workers = min(on.workers or _usual(grid, cluster.cores, cluster.nodes), most)
            of = f"a cluster of {cluster.nodes} machines" if cluster.nodes > 1 else "a cluster of one machine"
            console(err=True).print(f"[on {of} with {cluster.cores} cores: {workers} workers]", style="dim")
            order = Order(
                run=lease,
                name=terms.name,
                budget=terms.caps,
                earlier=purse.earlier,
                counted=purse.counted,
                prices=dict(config.prices),
                endpoints=dict(config.endpoints),
                limits=replace(caps.limits(), price=unpriced),
                most=-(-most // workers),
            )
            async with crewed(cluster, order, workers, over, tell) as carry:
                yield carry
    except ClusterError as error:
        raise click.ClickException(str(error)) from None


def _usual(grid: Grid, cores: int, nodes: int) -> int:
    embedded = any(one.voice.startswith("local:") for _, heading in grid.cells for one in heading.participants)
    return max(1, nodes if embedded else cores)
