"""`moot experiment`: a grid of conversations, planned, run within one budget, looked at and exported.

It must never run a design that has changed since its plan without being told to.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from moot.cli import caps, record
from moot.cli.terminal import console, print_json, program, safe
from moot.transcript import Invalid, link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.experiment.design import Cell, Design
    from moot.experiment.outcome import Stand
    from moot.experiment.plan import Load
    from moot.store import Store
    from moot.transcript import Heading, Participant

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
MOST_SAID = 5


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


@dataclass(frozen=True, slots=True)
class Grid:
    """A design with each of its conversations: the cell and the heading under whose id it is kept."""

    design: Design
    cells: tuple[tuple[Cell, Heading], ...]

    @property
    def identities(self) -> tuple[tuple[str, Cell], ...]:
        """Ids and cells, in order."""
        from moot.experiment.design import identity_of  # noqa: PLC0415 - only who has a grid needs it

        return tuple((identity_of(heading), cell) for cell, heading in self.cells)

    @property
    def digest(self) -> str:
        """What the file says, and all that its conversations are made of: forms, scripts and settings too."""
        return link(self.design.digest, [identity for identity, _ in self.identities])


async def _grid(store: Store, file: Path) -> Grid:
    """Read a design and settle whom each of its cells lets speak, each cast once."""
    from moot.cli.cast import cast as cast_of  # noqa: PLC0415 - heavy, and only needed once the file makes sense
    from moot.experiment.design import cells_of  # noqa: PLC0415 - the same
    from moot.forms import open_form  # noqa: PLC0415 - the same
    from moot.own_forms import find  # noqa: PLC0415 - the same
    from moot.voices.spec import parse  # noqa: PLC0415 - the same

    design = _design(file)
    people: dict[tuple[object, ...], tuple[Participant, ...]] = {}
    opened: set[object] = set()
    found: list[tuple[Cell, Heading]] = []
    for cell in cells_of(design):
        scenario = cell.scenario
        key = (scenario.cast, scenario.topic)
        if key not in people:
            specs, names = [parse(role.voice) for role in scenario.cast], [role.name for role in scenario.cast]
            usual = await cast_of(store, specs, names, (), scenario.topic)
            people[key] = tuple(
                one if role.brief is None else replace(one, brief=role.brief)
                for one, role in zip(usual, scenario.cast, strict=True)
            )
        heading = cell.heading(people[key])
        if cell.values not in opened:
            open_form(heading, find)
            opened.add(cell.values)
        found.append((cell, heading))
    return Grid(design, tuple(found))


def _design(file: Path) -> Design:
    from moot.experiment.design import read_design  # noqa: PLC0415 - only who has a file needs it
    from moot.own_forms import settled  # noqa: PLC0415 - the same

    try:
        design = read_design(file.read_text("utf-8"), str(file))
    except OSError as error:
        raise Invalid(f"the design {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"the design {file} is not UTF-8 text") from None
    form = settled(str(design.pattern.get("form", "talk")), file.parent)
    return replace(design, pattern=dict(design.pattern) | {"form": form})


def _plan_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.plan.json")


@command.command("plan")
@FILE
@click.option("--effect", type=click.FloatRange(0, min_open=True), help="The difference of two arms to be found.")
@click.option("--sd", type=click.FloatRange(0, min_open=True), help="The standard deviation of one conversation.")
@record.option
@record.as_json
def plan_(file: Path, effect: float | None, sd: float | None) -> None:
    """Say what a design will take, and write that down beside it, dated: FILE.plan.json.

    Nothing is sent. With --effect and --sd (of what is measured, in the same unit), say how likely a comparison of two
    levels of each factor is to find it.
    """
    if (effect is None) != (sd is None):
        raise click.UsageError("--effect and --sd belong together")

    async def work(store: Store) -> None:
        grid = await _grid(store, file)
        plan = _planned(grid, effect, sd)
        _write(file, plan)
        if record.wants_json():
            print_json(plan)
        else:
            _tell_plan(grid, plan)
            click.echo(safe(f"written to {_plan_path(file)}; run it: {program()} experiment run {file}"))

    record.run(work)


def _planned(grid: Grid, effect: float | None = None, sd: float | None = None) -> dict[str, Any]:
    from moot.experiment.plan import HOW, LENGTHS  # noqa: PLC0415 - only who plans needs it
    from moot.prices import edition  # noqa: PLC0415 - the same

    load = _load(grid)
    design, usual = grid.design, load[len(LENGTHS) // 2]
    budget = {"dollars": design.budget.dollars and str(design.budget.dollars), "tokens": design.budget.tokens}
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": design.name,
        "question": design.question,
        "design": grid.digest,
        "conversations": len(grid.cells),
        "cells": len(design.cells),
        "repeats": design.repeats,
        "calls": [one.calls for one in load],
        "tokens": [one.tokens for one in load],
        "dollars": [None if one.dollars is None else str(one.dollars) for one in load],
        "unpriced": list(usual.unpriced),
        "endless": usual.endless,
        "how": HOW,
        "prices": edition(),
        "budget": budget,
        "power": [] if effect is None or sd is None else _powers(grid, effect, sd),
    }


def _load(grid: Grid) -> tuple[Load, ...]:
    """Return what the grid comes to: of each cell, its balanced combinations are played once."""
    from moot.experiment.plan import loads, whole  # noqa: PLC0415 - only who plans needs it
    from moot.own_forms import find  # noqa: PLC0415 - the same
    from moot.scenario import caps_of  # noqa: PLC0415 - the same

    price = record.config().limits.price
    kinds = Counter(cell.values for cell, _ in grid.cells)
    first = {cell.values: heading for cell, heading in reversed(grid.cells)}
    return whole(
        (loads(heading, price, find, caps_of(heading).turns), kinds[values]) for values, heading in first.items()
    )


def _powers(grid: Grid, effect: float, sd: float) -> list[dict[str, Any]]:
    """Return, for each factor, the power of comparing its two levels that have the fewest conversations."""
    from moot.experiment.plan import power_of  # noqa: PLC0415 - only who plans needs it

    told: list[dict[str, Any]] = []
    for name in dict(grid.cells[0][0].values):
        counts = Counter(str(dict(cell.values)[name]) for cell, _ in grid.cells)
        if len(counts) > 1:
            told.append({"factor": name, "levels": len(counts)} | asdict(power_of(effect, sd, min(counts.values()))))
    return told


def _tell_plan(grid: Grid, plan: dict[str, Any]) -> None:
    from moot.experiment.design import said  # noqa: PLC0415 - only who plans needs it

    for values in grid.design.cells:
        click.echo(safe(f"  {said(values)}"))
    low, usual, high = plan["tokens"]
    click.echo(
        f"{plan['conversations']:,} conversations: {plan['cells']:,} cells, {plan['repeats']} repeats each"
        + (f", balanced over {len(grid.design.balanced)} combinations" if len(grid.design.balanced) > 1 else "")
    )
    click.echo(f"calls:   about {plan['calls'][1]:,} ({plan['calls'][0]:,} to {plan['calls'][2]:,})")
    click.echo(f"tokens:  about {usual:,} ({low:,} to {high:,})")
    dollars = plan["dollars"]
    known = f"about ${dollars[1]} (${dollars[0]} to ${dollars[2]})" if None not in dollars else "not known: "
    click.echo(safe(f"price:   {known}{'' if None not in dollars else 'no price of ' + ', '.join(plan['unpriced'])}"))
    click.echo(f"         {plan['how']}")
    if plan["endless"]:
        click.echo("         some conversations have no end of their own: give [limits] turns")
    for one in plan["power"]:
        click.echo(safe(
            f"power:   {one['factor']}: {one['power']:.0%} to find {one['effect']:g} (sd {one['sd']:g}) with "
            f"{one['n']} a level; 80 % takes {one['needed']} a level"
        ))  # fmt: skip
    if plan["power"]:
        click.echo(f"         {plan['power'][0]['method']}")


def _write(file: Path, plan: dict[str, Any]) -> None:
    from moot.experiment.plan import sealed  # noqa: PLC0415 - only who plans needs it

    path = _plan_path(file)
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_text(sealed(plan), "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise Invalid(f"the plan {path} cannot be written: {error.strerror}") from None


def _check_plan(file: Path, grid: Grid, replan: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Refuse a design that has changed since its plan; write a plan where there is none."""
    from moot.experiment.plan import unsealed  # noqa: PLC0415 - only who runs needs it

    path = _plan_path(file)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"the plan {path} cannot be read") from None
    if text and not replan:
        plan = unsealed(text, str(path))
        if plan.get("design") != grid.digest:
            raise Invalid(
                f"{file}, or a form or script that it names, has changed since the plan of {plan.get('made')}; "
                f"look at it again: {program()} experiment plan {file}, or run it as it is now with --replan"
            )
        return
    _write(file, _planned(grid))
    console(err=True).print(safe(f"[a plan was written: {path}]"), style="dim")


@command.command("run")
@FILE
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Conversations at a time.")
@click.option("--jsonl", is_flag=True, help="Print one JSON line an event.")
@click.option("--replan", is_flag=True, help="Run the file as it is now, though it has changed since its plan.")
@caps.options
@record.option
def run_(file: Path, concurrency: int, jsonl: bool, replan: bool) -> None:  # noqa: FBT001 - flags, given by name
    """Run all conversations of a design, or go on with those that are not closed.

    Ctrl-C once: turns under way are finished, no other is begun. Twice: it stops; nothing on record is lost.
    """
    _run(file, concurrency, jsonl=jsonl, replan=replan, chosen=None)


@command.command("retry")
@FILE
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Conversations at a time.")
@click.option("--jsonl", is_flag=True, help="Print one JSON line an event.")
@caps.options
@record.option
def retry(file: Path, concurrency: int, jsonl: bool) -> None:  # noqa: FBT001 - a flag, given by name
    """Go on with those conversations of a design whose last call failed, and no others."""
    _run(file, concurrency, jsonl=jsonl, replan=False, chosen=lambda stand: stand.state == "failed")


def _run(file: Path, most: int, *, jsonl: bool, replan: bool, chosen: Callable[[Stand], bool] | None) -> None:
    async def work(store: Store) -> None:
        from moot.cli.sweep import sweep  # noqa: PLC0415 - heavy, and only needed once the file makes sense

        grid = await _grid(store, file)
        _check_plan(file, grid, replan)
        await sweep(store, grid.design, grid.cells, most, jsonl=jsonl, chosen=chosen, lock=_plan_path(file))

    record.run(work)


async def _stands(store: Store, file: Path) -> tuple[Stand, ...]:
    from moot.experiment.outcome import stands  # noqa: PLC0415 - only who looks at a grid needs it

    return await stands(store, (await _grid(store, file)).identities)


@command.command("status")
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


@command.command("export")
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
