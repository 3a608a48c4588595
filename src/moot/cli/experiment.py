"""`moot experiment`: a grid of conversations, planned, run within one budget, looked at and exported.

It must never run a design that has changed since its plan without being told to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import caps, cluster, record
from moot.cli.grid import FILE, grid_of
from moot.cli.outcomes import export, status
from moot.cli.planning import check_plan, plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moot.experiment.outcome import Stand
    from moot.store import Store


@click.group(short_help="Plan and run a grid of conversations within a hard budget.")
def command() -> None:
    """Plan and run a grid of conversations, written down in a TOML file, within a hard budget.

    \b
    moot experiment plan grid.toml --effect 0.5 --sd 1.2
    moot experiment run grid.toml --concurrency 16
    moot experiment status grid.toml
    moot experiment export grid.toml > grid.csv

    Run the same file again to go on with what is missing. docs/experiments.md says how to write one.
    """


command.add_command(plan)


@command.command("run")
@FILE
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Conversations at a time.")
@click.option("--jsonl", is_flag=True, help="Print one JSON line an event.")
@click.option("--replan", is_flag=True, help="Run the file as it is now, though it has changed since its plan.")
@cluster.options
@caps.options
@record.option
def run_(file: Path, concurrency: int, jsonl: bool, replan: bool) -> None:  # noqa: FBT001 - flags, given by name
    """Run all conversations of a design, or go on with those that are not closed.

    Ctrl-C once: turns under way are finished, no other is begun. Twice: it stops; nothing on record is lost.
    """
    _run(file, concurrency, jsonl=jsonl, replan=replan, chosen=None, on=cluster.chosen())


@command.command("retry")
@FILE
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Conversations at a time.")
@click.option("--jsonl", is_flag=True, help="Print one JSON line an event.")
@caps.options
@record.option
def retry(file: Path, concurrency: int, jsonl: bool) -> None:  # noqa: FBT001 - a flag, given by name
    """Go on with those conversations of a design whose last call failed, and no others."""
    _run(file, concurrency, jsonl=jsonl, replan=False, chosen=lambda stand: stand.state == "failed")


def _run(
    file: Path,
    most: int,
    *,
    jsonl: bool,
    replan: bool,
    chosen: Callable[[Stand], bool] | None,
    on: cluster.On | None = None,
) -> None:
    async def work(store: Store) -> None:
        from moot.cli.sweep import sweep  # noqa: PLC0415 - heavy, and only needed once the file makes sense

        grid = await grid_of(store, file)
        check_plan(file, grid, replan)
        await sweep(store, grid, most, jsonl=jsonl, chosen=chosen, on=on)

    record.run(work)


command.add_command(status)
command.add_command(export)
