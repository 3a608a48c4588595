"""`moot measure`: what recorded conversations did, as figures that cite the turns they rest on."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.table import figure, print_rows
from moot.cli.terminal import console, print_json, program, safe
from moot.measures.dynamics.talks import SUBJECTS
from moot.transcript import Invalid, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.measures import Score
    from moot.measures.arms import Wanted
    from moot.measures.catalog import Measured
    from moot.measures.dynamics.talks import Subject
    from moot.measures.recorded import Recorded
    from moot.store import Store
    from moot.transcript import Heading

MOST_EACH = 1_000
"""Conversations of which it is told how each went where nobody asks."""

SHOWN = 5
"""Conversations that are told one by one where it was not asked for; of more, only what they come to together."""


@click.command(short_help="Measure recorded conversations: who moved whom, and how surely.")
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--experiment", metavar="NAME|FILE", help="All conversations of an experiment, by its name or its file.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this measure, or family of measures; repeatable.")
@click.option("--arm", "arms", multiple=True, metavar="FACTOR", help="What makes an arm (default: the trial's own).")
@click.option(
    "--control", metavar="VALUE", default="control", show_default=True, help="The arm the others are compared with."
)
@click.option("--unit", "units", multiple=True, type=click.Choice(["claim", "target"]),
              help="What is independent (default: both, or that of which there are five).")  # fmt: skip
@click.option("--truth", metavar="FACTOR", help="The factor that names the side that is right, for judges' accuracy.")
@click.option("--each", is_flag=True, help=f"Tell each conversation's figures, also of more than {SHOWN}.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a row a figure there.")
@click.option("--parquet", type=click.Path(dir_okay=False, path_type=Path), help="The same, as Parquet.")
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    ids: tuple[str, ...],
    experiment: str | None,
    only: tuple[str, ...],
    arms: tuple[str, ...],
    control: str,
    units: tuple[str, ...],
    truth: str | None,
    each: bool,  # noqa: FBT001 - a flag, given by name
    csv_path: Path | None,
    parquet: Path | None,
) -> None:
    """Measure recorded conversations. Nothing is sent: what is told is read off the record, and cites its turns.

    \b
    moot measure last
    moot measure 3f2a 9c1d --only persuasion --json
    moot measure --experiment zoos.toml --csv scores.csv
    moot measure --experiment zoos --arm model --control openai:gpt-5-mini

    Readings and judgements of the conversations that are named are found by themselves.
    """
    from moot.measures.arms import Wanted  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.measures.catalog import chosen  # noqa: PLC0415 - the same

    if bool(ids) == bool(experiment):
        raise click.UsageError("which conversations? give their ids, or --experiment NAME or FILE")
    chosen(only)
    wanted = Wanted(arms, control, tuple(dict.fromkeys(units)))

    file = Path(experiment) if experiment and Path(experiment).is_file() else None

    async def work(store: Store) -> None:
        found = await choose(store, ids, file or experiment)
        if not any(one.transcript.turns for one in found):
            raise Invalid(f"nothing of {experiment or 'these'} is on record; see: {program()} list")
        told = of_all(found, only, wanted, truth, each=each or bool(csv_path or parquet) or len(found) <= MOST_EACH)
        _write(told, csv_path, parquet)
        if record.wants_json():
            print_json(document(told))
        else:
            _print(told, each=each or len(found) <= SHOWN)

    record.run(work)


def of_all(
    found: Sequence[Recorded], only: Sequence[str], wanted: Wanted, truth: str | None, *, each: bool = True
) -> Measured:
    """Return what conversations come to; how each of very many went is told where it is asked for (`each`)."""
    from moot.cli.dynamics import model_for  # noqa: PLC0415 - heavy
    from moot.measures.catalog import chosen, measured  # noqa: PLC0415 - the same

    names = chosen(only)
    subjects: list[Subject] = [subject for subject in SUBJECTS if ("dynamics", subject) in names]
    model, lacking = model_for(subjects) if subjects else (None, ())
    told = measured(found, names, wanted, truth, model, each=each)
    return replace(told, notes=(*told.notes, *lacking))


async def choose(store: Store, ids: Sequence[str], experiment: Path | str | None) -> list[Recorded]:
    """Return the conversations that are asked for, with the readings and judgements of them.

    Of a design's file, those that are not on record yet are among them, without a turn: they were assigned.
    """
    from moot.measures.recorded import Recorded, about  # noqa: PLC0415 - needed here

    listings = await store.list()
    designed: dict[str, Heading] = {}
    if experiment is None:
        names = [await store.find(one) for one in ids]
    elif Path(experiment).suffix == ".toml" or isinstance(experiment, Path):
        from moot.cli.grid import grid_of  # noqa: PLC0415 - only a file needs it
        from moot.store import identity_of  # noqa: PLC0415 - the same

        designed = {
            identity_of(Transcript(heading)): heading for _, heading in (await grid_of(store, Path(experiment))).cells
        }
        names = list(designed)
    else:
        names = [one.id for one in reversed(listings) if one.heading.series == experiment]
    known, wanted = {one.id for one in listings}, set(names)
    names += [one.id for one in reversed(listings) if one.id not in wanted and wanted & set(about(one.heading))]
    found: list[Recorded] = []
    for name in dict.fromkeys(names):
        if name not in known:
            found.append(Recorded(name, Transcript(designed[name])))
            continue
        one = await store.read(name)
        found.append(Recorded(name, one.transcript, one.listing.closed))
    return found


def document(told: Measured) -> dict[str, Any]:
    """Return what was told as one JSON document."""
    conversations = [
        {"id": one.id, "form": one.form, "title": one.transcript.heading.title, "closed": one.closed,
         "turns": len(one.transcript.turns), "factors": one.factors, "scores": [score.as_json() for score in scores]}
        for one, scores in told.each
    ]  # fmt: skip
    return {
        "command": "measure",
        "measures": "stated stance",
        "conversations": conversations,
        "scores": [one.as_json() for one in told.together],
        "flow": [{"stage": stage, "n": n} for stage, n in told.flow],
        "arms": [{"arm": arm, "assigned": start, "analysed": now} for arm, start, now in told.arms],
        "independent_units": list(told.units),
        "multiplicity": _multiplicity(told),
        "notes": list(told.notes),
        "model": told.model,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    from moot.measures.engines import versions  # noqa: PLC0415 - needed in the end

    try:
        return versions("numpy", "scipy", "statsmodels", "polars")
    except Invalid:
        return {}


def _multiplicity(told: Measured) -> str:
    tested = [one for one in told.together if one.p is not None]
    planned = sum("p_holm" in one.more for one in tested)
    if not tested:
        return "nothing is tested"
    return (
        f"{planned} tests of arms, p_holm adjusted over the arms of each estimator; {len(tested) - planned} others, "
        "p_bh by Benjamini and Hochberg; intervals are of 95 % each"
    )


def _print(told: Measured, *, each: bool) -> None:
    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    for one, scores in told.each if each else ():
        heading = one.transcript.heading
        over = "" if one.closed is not None else ", not over yet"
        write(f"{one.id[:8]}  {one.form}{over}  {' '.join(heading.title.split())[:80]}")
        print_rows(("", "figure", "unit", "n", "turns"), [_row_alone(score) for score in scores], write)
        if not scores:
            write("   nothing of this is told by a conversation of this form")
        write("")
    if not each:
        write(f"{len(told.each)} conversations; one by one: --each, --json or --csv")
    if told.flow:
        write("n: " + "; ".join(f"{stage} {n}" for stage, n in told.flow))
    for arm, start, now in told.arms:
        write(f"   {arm}: assigned {start}, with both stances {now} (lost {1 - now / start:.1%})")
    for line in told.units:
        write(f"{line[:1].upper()}{line[1:]}.")
    _print_together(told, write)


HEADS = ("", "estimate", "95 % interval", "se", "p", "n", "groups")


def _print_together(told: Measured, write: Callable[[str], None]) -> None:
    if told.together:
        write("")
        print_rows((*HEADS, "unit"), [(*_row(one), one.unit) for one in told.together], write)
        write("")
        for line in dict.fromkeys(
            f"{one.name.partition(',')[0].partition(':')[0]}: {one.method}" for one in told.together
        ):
            write(line)
        for why in dict.fromkeys(one.why for one in told.together if one.why):
            write(f"{why}: {', '.join(one.name for one in told.together if one.why == why)[:200]}")
        write(f"Stances are what was stated. Multiplicity: {_multiplicity(told)}.")
    for note in told.notes:
        write(f"Note: {note}.")


def _row(one: Score) -> tuple[str, ...]:
    ends = "none" if one.low is None else f"{figure(one.low)} to {figure(one.high)}"
    groups = "" if one.clusters is None else str(one.clusters)
    return (one.name, figure(one.estimate), ends, figure(one.se, 3), figure(one.p, 2), str(one.n), groups)


def _row_alone(one: Score) -> tuple[str, ...]:
    known = figure(one.estimate) if one.estimate is not None or "seen" not in one.more else "not seen"
    return one.name, known, one.unit, str(one.n), _cited(one)


def _cited(one: Score) -> str:
    turns = [turn for _, turn in one.cites]
    shown = ", ".join(map(str, turns[:SHOWN]))
    return shown if len(turns) <= SHOWN else f"{shown}, …"


# Tables


def _write(told: Measured, csv_path: Path | None, parquet: Path | None) -> None:
    from moot.measures.frames import polars_frame, rows_of  # noqa: PLC0415 - needed in the end

    rows = rows_of(told) if csv_path or parquet else []
    try:
        if csv_path:
            csv_path.write_text(_as_csv(rows, list(dict.fromkeys(name for row in rows for name in row))), "utf-8")
        if parquet:
            polars_frame(rows).write_parquet(parquet)
    except OSError as error:
        raise Invalid(f"the table cannot be written: {error.strerror or error}: {error.filename or parquet}") from None


def _as_csv(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, names, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: guarded(value) for name, value in row.items()})
    return out.getvalue()


def guarded(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: text that begins like one is quoted."""
    odd = isinstance(value, str) and value.lstrip(" \t\r\n\u00a0")[:1] in (
        "=",
        "+",
        "-",
        "@",
        "\uff1d",
        "\uff0b",
        "\uff0d",
        "\uff20",
    )
    return f"'{value}" if odd or (isinstance(value, str) and value[:1] in "\t\r\n" and value) else value
