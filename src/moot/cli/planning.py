"""`moot experiment plan`: what a design will take, written down beside it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.grid import FILE, Grid, grid_of
from moot.cli.terminal import console, print_json, program, safe
from moot.transcript import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    from moot.experiment.plan import Load
    from moot.store import Store


def plan_path(file: Path) -> Path:
    """Return where the plan of a design is kept: beside it."""
    return file.with_name(f"{file.name}.plan.json")


@click.command("plan")
@FILE
@click.option("--effect", type=click.FloatRange(0, min_open=True), help="The difference of two arms to be found.")
@click.option("--sd", type=click.FloatRange(0, min_open=True), help="The standard deviation of one conversation.")
@record.option
@record.as_json
def plan(file: Path, effect: float | None, sd: float | None) -> None:
    """Say what a design will take, and write that down beside it, dated: FILE.plan.json.

    Nothing is sent. With --effect and --sd (of what is measured, in the same unit), say how likely a comparison of two
    levels of each factor is to find it.
    """
    if (effect is None) != (sd is None):
        raise click.UsageError("--effect and --sd belong together")

    async def work(store: Store) -> None:
        grid = await grid_of(store, file)
        plan = _planned(grid, effect, sd)
        _write(file, plan)
        if record.wants_json():
            print_json(plan)
        else:
            _tell_plan(grid, plan)
            click.echo(safe(f"written to {plan_path(file)}; run it: {program()} experiment run {file}"))

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

    path = plan_path(file)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")  # two processes may plan the same file at once
    try:
        fresh.write_text(sealed(plan), "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise Invalid(f"the plan {path} cannot be written: {error.strerror}") from None


def check_plan(file: Path, grid: Grid, replan: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Refuse a design that has changed since its plan; write a plan where there is none."""
    from moot.experiment.plan import unsealed  # noqa: PLC0415 - only who runs needs it

    path = plan_path(file)
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
