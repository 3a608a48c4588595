"""`moot experiment plan`: what a design will take, written down beside it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.grid import FILE, Grid, grid_of
from moot.cli.terminal import console, print_json, program, safe
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moot.experiment.plan import Load
    from moot.store import Store


MOST_SAID = 100
"""Cells that are shown one by one."""


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
    from moot.cli.foreseen import foreseen  # noqa: PLC0415 - only who plans needs it
    from moot.experiment.plan import HOW, LENGTHS, whole  # noqa: PLC0415 - the same
    from moot.prices import edition  # noqa: PLC0415 - the same

    parts = foreseen(grid, record.config().limits.price)
    load = whole((one.load, 1) for one in parts)
    design, usual = grid.design, load[len(LENGTHS) // 2]
    budget = {"dollars": design.budget.dollars and str(design.budget.dollars), "tokens": design.budget.tokens}
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": design.name,
        "question": design.question,
        "design": grid.digest,
        "conversations": sum(one.conversations for one in parts),
        "cells": len(design.cells),
        "repeats": design.repeats,
        **_told(load),
        "unpriced": list(usual.unpriced),
        "endless": usual.endless,
        "parts": [{"form": one.form, "conversations": one.conversations, "played": one.played} | _told(one.load)
                  for one in parts],
        "how": HOW,
        "prices": edition(),
        "budget": budget,
        "power": [] if effect is None or sd is None else _powers(grid, effect, sd),
    }  # fmt: skip


def _told(load: Sequence[Load]) -> dict[str, Any]:
    return {
        "calls": [one.calls for one in load],
        "tokens": [one.tokens for one in load],
        "dollars": [None if one.dollars is None else str(one.dollars) for one in load],
    }


def _powers(grid: Grid, effect: float, sd: float) -> list[dict[str, Any]]:
    """Return, for each factor, the power of comparing its two levels that have the fewest conversations."""
    from moot.measures.power import power_of  # noqa: PLC0415 - only who asks needs it

    told: list[dict[str, Any]] = []
    for name in dict(grid.cells[0][0].values):
        counts = Counter(str(dict(cell.values)[name]) for cell, _ in grid.cells)
        if len(counts) > 1:
            told.append({"factor": name, "levels": len(counts)} | asdict(power_of(effect, sd, min(counts.values()))))
    return told


def _tell_plan(grid: Grid, plan: dict[str, Any]) -> None:
    from moot.experiment.design import said  # noqa: PLC0415 - only who plans needs it

    cells = grid.design.cells
    for values in cells[:MOST_SAID]:
        click.echo(safe(f"  {said(values)}"))
    if len(cells) > MOST_SAID:
        click.echo(f"  and {len(cells) - MOST_SAID:,} more")
    click.echo(
        f"{plan['parts'][0]['conversations']:,} conversations: {plan['cells']:,} cells, {plan['repeats']} repeats each"
        + (f", balanced over {len(grid.design.balanced)} combinations" if len(grid.design.balanced) > 1 else "")
    )
    for one in plan["parts"][1:]:
        click.echo(f"afterwards: {one['conversations']:,} of the form {one['form']}, about {one['calls'][1]:,} calls")
    low, usual, high = plan["tokens"]
    click.echo(f"calls:   about {plan['calls'][1]:,} ({plan['calls'][0]:,} to {plan['calls'][2]:,})")
    click.echo(f"tokens:  about {usual:,} ({low:,} to {high:,})")
    click.echo(safe(f"price:   {_price(plan)}"))
    click.echo(f"         {plan['how']}")
    if any(one["played"] for one in plan["parts"]):
        click.echo("         of conversations that differ in texts alone, a few were played for all")
    if plan["endless"]:
        click.echo("         some conversations have no end of their own: give [limits] turns")
    for one in plan["power"]:
        click.echo(safe(
            f"power:   {one['factor']}: {one['power']:.0%} to find {one['effect']:g} (sd {one['sd']:g}) with "
            f"{one['n']:,} a level; 80 % takes {one['needed']:,} a level ({one['needed_normal']:,} by the normal)"
        ))  # fmt: skip
    if plan["power"]:
        click.echo(f"         {plan['power'][0]['method']}")


def _price(plan: dict[str, Any]) -> str:
    if None in plan["dollars"]:
        return f"not known: no price of {', '.join(plan['unpriced'])}"
    low, usual, high = (Decimal(one) for one in plan["dollars"])
    return f"about ${usual:,.4f} (${low:,.4f} to ${high:,.4f})"


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
