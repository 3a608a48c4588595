"""`moot ratings`: who beats whom, on anyone's table of verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.table import figure, missing_option, print_flow, print_rows, read_table
from moot.cli.terminal import console, print_json, safe
from moot.measures import Score
from moot.measures.engines import versions
from moot.measures.ratings import METHODS, RIDGE, rated
from moot.measures.verdicts import Asked, games

if TYPE_CHECKING:
    from moot.measures import Score
    from moot.measures.ratings import Method, Rated
    from moot.measures.verdicts import Games


@click.command(short_help="Rate who beats whom, from anyone's table of verdicts.")
@click.argument("table", metavar="TABLE")
@click.option("--left", metavar="COL", required=True, help="Who was on one side.")
@click.option("--right", metavar="COL", required=True, help="Who was on the other.")
@click.option("--winner", metavar="COL", required=True, help="Who won: a name, or a side (left, right; A, B; 1, 2).")
@click.option(
    "--draw", "draws", metavar="VALUE", multiple=True, help="What a draw is called; nan: an empty winner. Repeatable."
)
@click.option("--left-wins", metavar="VALUE", help="What it is called when the left side won.")
@click.option("--right-wins", metavar="VALUE", help="What it is called when the right side won.")
@click.option(
    "--score", metavar="COL", help="By how much: a margin of 3 is a clear win, or the share that the left won."
)
@click.option("--topic", metavar="COL", help="What rows share; topics are resampled whole.")
@click.option(
    "--ridge", type=click.FloatRange(0), metavar="R", help=f"Pull towards the mean, for bt (default: {RIDGE})."
)
@click.option("--method", type=click.Choice(METHODS), default="bt", show_default=True, help="How to rate.")
@missing_option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    table: str,
    left: str,
    right: str,
    winner: str,
    draws: tuple[str, ...],
    left_wins: str | None,
    right_wins: str | None,
    score: str | None,
    topic: str | None,
    ridge: float | None,
    method: Method,
    missing: tuple[str, ...],
) -> None:
    """Rate the players of TABLE (CSV, TSV, JSON Lines, Parquet), one row a verdict, with intervals.

    \b
    moot ratings verdicts.csv --left a --right b --winner winner --draw tie --topic topic
    moot ratings verdicts.parquet --left pro --right con --winner winner --method newman --draw tie --json
    """
    asked = Asked(left, right, winner, draws, left_wins, right_wins, score, topic, missing)
    played = games(read_table(table, asked.columns()), asked)
    found = rated(played, method, ridge)
    if record.wants_json():
        print_json(_document(table, method, played, found))
        return
    _print(method, played, found)


def _document(table: str, method: str, played: Games, found: Rated) -> dict[str, Any]:
    told: dict[str, Any] = {"command": "ratings", "table": table, "method": method}
    told |= {"estimates": [one.as_json() for one in found.players]}
    told |= {
        "pairwise": [one.as_json() for one in found.pairs],
        "left": found.left.as_json(),
        "tie_parameter": found.tie,
    }
    told |= {"flow": [{"stage": one.name, "n": one.n} for one in played.flow]}
    told |= {"multiplicity": _multiplicity(found), "notes": [*played.notes, *found.notes]}
    return told | {"versions": versions("numpy", "scipy", "statsmodels", "polars")}


def _multiplicity(found: Rated) -> str:
    return f"{len(found.players)} players, intervals not adjusted for how many there are"


def _print(method: str, played: Games, found: Rated) -> None:
    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    first = found.players[0]
    write(f"Ratings ({method}), in {first.unit}")
    print_flow(played.flow, write)
    write("")
    heads = ("", "rank", "rank interval", "rating", "95 % interval", "se", "n", "won", "tied", "lost")
    print_rows(heads, [_row(one) for one in found.players], write)
    write("")
    write(first.method)
    for why in dict.fromkeys(one.why for one in found.players if one.why):
        write(why)
    if found.tie is not None:
        write(f"tie parameter {figure(found.tie)}")
    side = found.left
    ends = f"{figure(side.low)} to {figure(side.high)}" if side.low is not None else side.why
    write(f"{side.name}: {figure(side.estimate)} ({ends}; n {side.n})")
    write(f"Multiplicity: {_multiplicity(found)}.")
    for note in (*played.notes, *found.notes):
        write(f"Note: {note}.")


def _row(one: Score) -> tuple[str, ...]:
    more = one.more
    ranks = "none" if more["rank_low"] is None else f"{more['rank_low']} to {more['rank_high']}"
    ends = "none" if one.low is None else f"{figure(one.low)} to {figure(one.high)}"
    counts = (str(one.n), *(str(more[name]) for name in ("won", "tied", "lost")))
    return (one.name, str(more["rank"]), ranks, figure(one.estimate), ends, figure(one.se, 3), *counts)
