"""`moot experiment status` and `export`: how the conversations of a design stand, from the record."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from moot.cli import record
from moot.cli.grid import FILE, followers, grid_of
from moot.cli.terminal import print_json, safe
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from moot.cli.grid import Grid
    from moot.experiment.outcome import Stand
    from moot.spending import Price, Spent
    from moot.store import Store

MOST_SAID = 5


@dataclass(slots=True)
class _Counted:
    """What was found so far: states by cell, what failed, and what it all has used."""

    price: Price
    used: Spent
    states: Counter[str] = field(default_factory=Counter[str])
    cells: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    failed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def add(self, one: Stand, cell: str) -> None:
        """Count one more conversation."""
        self.states[one.state] += 1
        self.cells.setdefault(cell, Counter())[one.state] += 1
        if one.state == "failed":
            self.failed.append({"id": one.id, "reason": one.reason})
        for call in one.calls:
            self.used = self.used.and_call(call, self.price)


@click.command("status")
@FILE
@record.option
@record.as_json
def status(file: Path) -> None:
    """Say how the conversations of a design stand: by cell, with what failed and why, and what was spent."""
    from moot.spending import Spent  # noqa: PLC0415 - only who looks at a grid needs it

    async def work(store: Store) -> None:
        found = _Counted(record.config().limits.price, Spent())
        await _count(store, await grid_of(store, file), found)
        if record.wants_json():
            dollars = None if found.used.unpriced else str(found.used.dollars)
            cells = [{"cell": cell, "states": dict(states)} for cell, states in found.cells.items()]
            print_json({"cells": cells, "failed": found.failed, "tokens": found.used.tokens, "dollars": dollars})
        else:
            _tell(found)

    record.run(work)


async def _count(store: Store, grid: Grid, found: _Counted) -> None:
    from moot.experiment.design import said  # noqa: PLC0415 - only who looks at a grid needs it
    from moot.experiment.outcome import stands  # noqa: PLC0415 - the same

    async for one in stands(store, grid.identities):
        found.add(one, said(one.cell.values))
    async for one, subject, heading in followers(store, grid):
        found.add(one, f"afterwards {subject.number}, {heading.form}: {said(subject.values)}")


def _tell(found: _Counted) -> None:
    for cell, states in found.cells.items():
        click.echo(safe(f"  {cell}: {_in_words(states)}"))
    for one in found.failed[:MOST_SAID]:
        click.echo(safe(f"  {one['id'][:8]} failed: {one['reason']}"))
    if len(found.failed) > MOST_SAID:
        click.echo(f"  and {len(found.failed) - MOST_SAID} more failed; see --json")
    used = found.used
    lacking = f", without the calls of {used.unpriced}, whose price is not known" if used.unpriced else ""
    click.echo(safe(f"{_in_words(found.states)}; {used.tokens:,} tokens, ${used.dollars:.4f}{lacking}"))


def _in_words(states: Counter[str]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items())


@click.command("export")
@FILE
@click.option("--afterwards", is_flag=True, help="The readers and judges of the grid's conversations, not those.")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to (default: here).")
@record.option
def export(file: Path, afterwards: bool, kind: str, output: Path | None) -> None:  # noqa: FBT001 - a flag, by name
    """Print one row a conversation: its values, how it stands, turns, tokens, dollars, ballots and stances."""

    async def work(store: Store) -> None:
        grid = await grid_of(store, file)
        rows = _rows_after(store, grid) if afterwards else _rows(store, grid)
        if output is None:
            await _written(rows, kind, sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as out:
                await _written(rows, kind, out)
        except OSError as error:
            raise Invalid(f"{output} cannot be written: {error.strerror}") from None

    record.run(work)


async def _rows(store: Store, grid: Grid) -> AsyncGenerator[dict[str, Any]]:
    from moot.experiment.outcome import row, stand_of  # noqa: PLC0415 - only who looks at a grid needs it

    for identity, cell in grid.identities:
        yield row(await stand_of(store, identity, cell), cell, record.config().limits.price)


async def _rows_after(store: Store, grid: Grid) -> AsyncGenerator[dict[str, Any]]:
    from moot.experiment.outcome import row_after  # noqa: PLC0415 - only who looks at a grid needs it

    async for stand, subject, heading in followers(store, grid):
        yield row_after(stand, subject, heading, record.config().limits.price)


async def _written(rows: AsyncGenerator[dict[str, Any]], kind: str, out: TextIO) -> None:
    """Write rows as they come; those of a table have the columns of its first."""
    table: csv.DictWriter[str] | None = None
    async with aclosing(rows):
        async for one in rows:
            if kind == "jsonl":
                out.write(json.dumps(one, ensure_ascii=False) + "\n")
                continue
            if table is None:
                table = csv.DictWriter(out, list(one), lineterminator="\n", extrasaction="ignore")
                table.writeheader()
            table.writerow({name: _guarded(value) for name, value in one.items()})


def _guarded(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Keep a spreadsheet from taking words for a formula."""
    if isinstance(value, tuple):
        return "; ".join(map(str, cast("tuple[object, ...]", value)))
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
