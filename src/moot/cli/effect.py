"""`moot effect`: what an arm did to stated stances, on anyone's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.table import figure, missing_option, print_rows, read_table
from moot.cli.terminal import console, print_json, safe
from moot.measures import Score
from moot.measures.effects import ESTIMATORS, allowed, estimate, families, terciles, usual
from moot.measures.engines import versions
from moot.measures.permuted import by_chance
from moot.measures.room import room
from moot.measures.sample import Asked, gather, unequal
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.measures import Score
    from moot.measures.effects import Estimator
    from moot.measures.sample import Gathered


@click.command(short_help="Estimate what moved stances, from anyone's table.")
@click.argument("table", metavar="TABLE")
@click.option("--post", metavar="COL", required=True, help="The stance after (or the outcome).")
@click.option("--pre", metavar="COL", help="The stance before.")
@click.option("--arm", metavar="COL", help="Which arm a row was in.")
@click.option("--control", metavar="VALUE", help="The arm that the others are compared with.")
@click.option("--side", metavar="COL", help="Whether the claim was argued for (1, pro) or against (-1, con).")
@click.option("--by", metavar="COL", help="Give one estimate for each value of this.")
@click.option(
    "--cluster",
    "clusters",
    metavar="COL",
    multiple=True,
    help="Rows with the same value are not independent; may be given twice.",
)
@click.option("--weights", metavar="COL", help="How much a row counts.")
@click.option("--scale", type=float, nargs=2, metavar="LOW HIGH", help="The ends of the scale.")
@click.option(
    "--estimator", type=click.Choice(ESTIMATORS), help="Which one (default: all plain ones that the columns allow)."
)
@missing_option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    table: str,
    post: str,
    pre: str | None,
    arm: str | None,
    control: str | None,
    side: str | None,
    by: str | None,
    clusters: tuple[str, ...],
    weights: str | None,
    scale: tuple[float, float] | None,
    estimator: Estimator | None,
    missing: tuple[str, ...],
) -> None:
    """Estimate how far stated stances in TABLE (CSV, TSV, JSON Lines, Parquet) moved, with intervals that hold.

    \b
    moot effect trials.csv --post after --pre before --arm arm --control neutral
    moot effect trials.csv --post after --pre before --side side --scale 0 100 --cluster topic --cluster target
    moot effect votes.parquet --post grade --pre was --arm model --control human --estimator ppo --json
    """
    messages = estimator == "dummies-gls"
    asked = Asked(post, pre, arm, control, side, by, clusters, weights, scale, missing, messages)
    asked.check()
    chosen = (estimator,) if estimator else usual(asked)
    for one in chosen:
        if not estimator and one == "shift" and pre is None:
            raise Invalid(
                "one column alone tells no effect: name the stance before (--pre) or the arms (--arm, --control)"
            )
        allowed(one, asked)
    gathered = gather(read_table(table, asked.columns()), asked)
    found, notes = _all(gathered, asked, chosen)
    document = _document(table, gathered, asked, found, notes)
    if record.wants_json():
        print_json(document)
        return
    _print(document, found)


def _all(gathered: Gathered, asked: Asked, chosen: Sequence[Estimator]) -> tuple[list[Score], list[str]]:
    found: list[Score] = []
    notes: list[str] = []
    for one in chosen:
        try:
            found += by_chance(gathered.sample, estimate(gathered.sample, asked, one))
        except Invalid as fault:
            if len(chosen) == 1:
                raise
            notes.append(f"{one}: {fault}")
    if not found:
        raise Invalid(notes[0].partition(": ")[2])
    return found, notes


def _document(
    table: str, gathered: Gathered, asked: Asked, found: Sequence[Score], notes: Sequence[str]
) -> dict[str, Any]:
    headline = found[0].more.get("estimator", "")
    told: dict[str, Any] = {"command": "effect", "table": table, "outcome": asked.post, "measures": "stated stance"}
    told |= {"headline": headline, "estimates": [one.as_json() for one in found]}
    told["flow"] = [{"stage": one.name, "n": one.n} for one in gathered.flow]
    told["arms"] = [{"arm": arm, "assigned": start, "analysed": now} for arm, start, now in gathered.arms]
    if asked.scale:
        told["room"] = room(gathered.sample, asked.scale)
        if headline in ("shift", "ancova", "change") and not asked.by:
            told["by_pre"] = [one.as_json() for one in terciles(gathered.sample, asked, headline)]
    lost = unequal(asked, gathered.arms)
    told["multiplicity"] = families(found)
    told["notes"] = [*gathered.notes, *notes, *([lost] if lost else [])]
    return told | {"versions": versions("numpy", "scipy", "statsmodels", "polars")}


def _print(document: dict[str, Any], found: Sequence[Score]) -> None:
    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    write(f"Stated stance {document['outcome']}, in {found[0].unit}")
    write("n: " + "; ".join(f"{one['stage']} {one['n']}" for one in document["flow"]))
    for one in document["arms"]:
        write(f"   {one['arm']}: assigned {one['assigned']}, analysed {one['analysed']}")
    write("")
    heads = ("", "estimate", "95 % interval", "se", "p", "p Holm", "n", "groups")
    print_rows(heads, [_row(one) for one in found], write)
    write("")
    for line in dict.fromkeys(_under(one) for one in found):
        write(line)
    for one in found:
        if one.why:
            write(f"{_name(one)}: {one.why}")
        if "p_permutation" in one.more:
            write(f"{_name(one)}: p by permutation {figure(one.more['p_permutation'], 2)} ({one.more['permutation']})")
    if "room" in document:
        _print_room(document, write)
    write(f"Multiplicity: {document['multiplicity']}.")
    for note in document["notes"]:
        write(f"Note: {note}.")


def _name(one: Score) -> str:
    level = one.more.get("level_of_by")
    return f"{one.name}, {one.more['by']} {level}" if level is not None else one.name


def _row(one: Score) -> tuple[str, ...]:
    ends = "none" if one.low is None else f"{figure(one.low)} to {figure(one.high)}"
    groups = "" if one.clusters is None else str(one.clusters)
    adjusted = one.more.get("p_holm")
    return (
        _name(one),
        figure(one.estimate),
        ends,
        figure(one.se, 3),
        figure(one.p, 2),
        figure(adjusted, 2),
        str(one.n),
        groups,
    )


def _under(one: Score) -> str:
    line = f"{one.more.get('estimator') or one.name}: {one.method}"
    test = one.more.get("parallel_thresholds")
    if test:
        line += f"; log-likelihood {one.more['log_likelihood']:.2f}"
        line += f"; parallel thresholds: chi2 {test['chi2']:.1f}, df {test['df']}, p {figure(test['p'], 2)}"
    return line


def _print_room(document: dict[str, Any], write: Callable[[str], None]) -> None:
    told = document["room"]
    ends = [
        f"{name} at the {end} end {told[key]:.1%}"
        for name in ("pre", "post")
        for end in ("low", "high")
        if (key := f"{name}_at_{end}_end") in told
    ]
    rest = [
        f"{words} {told[key]:.1%}"
        for key, words in (("room_under_one_point", "room under one point"), ("unmoved", "unmoved"))
        if key in told
    ]
    write("Room: " + ", ".join((*ends, *rest)))
    for one in (*told.get("fraction_of_room", ()), *document.get("by_pre", ())):
        ends_of = f"{figure(one['low'])} to {figure(one['high'])}" if one["low"] is not None else one["why_no_interval"]
        name = one["name"] + (f", pre {one['pre']}" if "pre" in one else f", {one['arm']}" if one["arm"] else "")
        write(f"   {name}: {figure(one['estimate'])} ({ends_of}; n {one['n']})")
