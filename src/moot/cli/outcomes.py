"""`moot experiment status` and `export`: how the conversations of a design stand, from the record."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from moot.cli import record
from moot.cli.grid import FILE, grid_of
from moot.cli.terminal import print_json, safe
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.experiment.outcome import Stand
    from moot.store import Store

MOST_SAID = 5


async def _stands(store: Store, file: Path) -> tuple[Stand, ...]:
    from moot.experiment.outcome import stands  # noqa: PLC0415 - only who looks at a grid needs it

    return await stands(store, (await grid_of(store, file)).identities)


@click.command("status")
@FILE
@record.option
@record.as_json
def status(file: Path) -> None:
    """Say how the conversations of a design stand: by cell, with what failed and why, and what was spent."""
    from moot.spending import spent  # noqa: PLC0415 - only who looks at a grid needs it

    async def work(store: Store) -> None:
        found = await _stands(store, file)
        price = record.config().limits.price
        used = spent((call for one in found for call in one.calls), 0, price)
        failed = [{"id": one.id, "reason": one.reason} for one in found if one.state == "failed"]
        counts = _by_cell(found)
        if record.wants_json():
            dollars = None if used.unpriced else str(used.dollars)
            print_json({"cells": counts, "failed": failed, "tokens": used.tokens, "dollars": dollars})
            return
        for one in counts:
            states = ", ".join(f"{count} {state}" for state, count in one["states"].items())
            click.echo(safe(f"  {one['cell']}: {states}"))
        for one in failed[:MOST_SAID]:
            click.echo(safe(f"  {one['id'][:8]} failed: {one['reason']}"))
        if len(failed) > MOST_SAID:
            click.echo(f"  and {len(failed) - MOST_SAID} more failed; see --json")
        states = Counter(one.state for one in found)
        told = ", ".join(f"{count} {state}" for state, count in states.items())
        lacking = f", without the calls of {used.unpriced}, whose price is not known" if used.unpriced else ""
        click.echo(safe(f"{told}; {used.tokens:,} tokens, ${used.dollars:.4f}{lacking}"))

    record.run(work)


def _by_cell(found: Sequence[Stand]) -> list[dict[str, Any]]:
    from moot.experiment.design import said  # noqa: PLC0415 - only who looks at a grid needs it

    counted: dict[str, Counter[str]] = {}
    for one in found:
        counted.setdefault(said(one.cell.values), Counter())[one.state] += 1
    return [{"cell": cell, "states": dict(states)} for cell, states in counted.items()]


@click.command("export")
@FILE
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to (default: here).")
@record.option
def export(file: Path, kind: str, output: Path | None) -> None:
    """Print one row a conversation: its values, how it stands, turns, tokens, dollars, ballots and stances."""
    from moot.experiment.outcome import row  # noqa: PLC0415 - only who looks at a grid needs it

    async def work(store: Store) -> None:
        price = record.config().limits.price
        rows = [row(one, price) for one in await _stands(store, file)]
        text = _csv(rows) if kind == "csv" else "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows)
        if output is None:
            click.echo(text, nl=False)
            return
        try:
            await asyncio.to_thread(output.write_text, text, "utf-8")
        except OSError as error:
            raise Invalid(f"{output} cannot be written: {error.strerror}") from None

    record.run(work)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    names = dict.fromkeys(name for one in rows for name in one)
    table = csv.DictWriter(out, list(names), lineterminator="\n")
    table.writeheader()
    for one in rows:
        table.writerow({name: _guarded(value) for name, value in one.items()})
    return out.getvalue()


def _guarded(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Keep a spreadsheet from taking words for a formula."""
    if isinstance(value, tuple):
        return "; ".join(map(str, cast("tuple[object, ...]", value)))
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
