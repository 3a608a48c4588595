"""`moot agreement`: how far raters agree, on anyone's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.table import figure, missing_option, print_flow, print_rows, read_table
from moot.cli.terminal import console, print_json, safe
from moot.measures import Score
from moot.measures.agreement import LEVELS, agreement, ratings
from moot.measures.engines import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures import Score
    from moot.measures.agreement import Level, Ratings

FIRM, TENTATIVE = 0.8, 0.667
"""Krippendorff's rule of thumb for alpha."""


@click.command(short_help="Tell how far raters agree, from anyone's table.")
@click.argument("table", metavar="TABLE")
@click.option("--rater", metavar="COL", required=True, help="Who rated.")
@click.option("--item", metavar="COL", required=True, help="What was rated.")
@click.option("--value", metavar="COL", required=True, help="The rating.")
@click.option("--level", type=click.Choice(LEVELS), required=True, help="What values are: names, an order, or numbers.")
@click.option("--order", metavar="A,B,…", help="The values from low to high, where they are ordered words.")
@missing_option
@record.as_json
def command(
    table: str, rater: str, item: str, value: str, level: Level, order: str | None, missing: tuple[str, ...]
) -> None:
    """Tell how far the raters of TABLE (CSV, TSV, JSON Lines, Parquet; one row a rating) agree, with intervals.

    \b
    moot agreement votes.csv --rater judge --item debate --value winner --level nominal
    moot agreement grades.jsonl --rater judge --item essay --value grade --level ordinal --order poor,fair,good
    """
    columns = (rater, item, value)
    ordered = [word.strip() for word in order.split(",")] if order else []
    rated = ratings(read_table(table, columns), columns, level, (missing, ordered))
    found = agreement(rated, level)
    if record.wants_json():
        print_json(_document(table, level, rated, found))
        return
    _print(level, rated, found)


def _document(table: str, level: str, rated: Ratings, found: Sequence[Score]) -> dict[str, Any]:
    told: dict[str, Any] = {"command": "agreement", "table": table, "level_of_measurement": level}
    told |= {"estimates": [one.as_json() for one in found]}
    told |= {"raters": len(rated.raters), "items": rated.items, "values": len(rated.values)}
    told |= {"flow": [{"stage": one.name, "n": one.n} for one in rated.flow], "notes": list(rated.notes)}
    told |= {"multiplicity": _multiplicity(found)}
    return told | {"versions": versions("numpy", "polars")}


def _multiplicity(found: Sequence[Score]) -> str:
    return f"{len(found)} figures, intervals not adjusted for how many there are"


def _print(level: str, rated: Ratings, found: Sequence[Score]) -> None:
    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    write(f"Agreement of {len(rated.raters)} raters on {rated.items} items, {level}")
    print_flow(rated.flow, write)
    write("")
    print_rows(("", "estimate", "95 % interval", "se", "ratings", "items"), [_row(one) for one in found], write)
    write("")
    for method in dict.fromkeys(one.method for one in found):
        write(method)
    for one in found:
        if one.why:
            write(f"{one.name}: {one.why}")
    write(f"Rule of thumb for alpha: {FIRM} or more is firm, {TENTATIVE} to {FIRM} tentative, less is little.")
    write(f"Multiplicity: {_multiplicity(found)}.")
    for note in rated.notes:
        write(f"Note: {note}.")


def _row(one: Score) -> tuple[str, ...]:
    ends = "none" if one.low is None else f"{figure(one.low)} to {figure(one.high)}"
    return (one.name, figure(one.estimate), ends, figure(one.se, 3), str(one.n), str(one.clusters))
