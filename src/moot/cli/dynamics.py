"""`moot dynamics`: how conversations go, on anyone's table of turns."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.embedding import packaged
from moot.cli.table import figure, missing_option, print_flow, print_rows, read_table
from moot.cli.terminal import console, print_json, safe
from moot.measures.dynamics import MEANING, SUBJECTS, Study, study
from moot.measures.dynamics.identity import swaps
from moot.measures.dynamics.places import places
from moot.measures.dynamics.table import Columns, gather
from moot.measures.dynamics.themes import THEMES
from moot.measures.engines import library, versions
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moot.measures import Score
    from moot.measures.dynamics import Model, Subject
    from moot.measures.dynamics.table import Gathered

WRITES = {".csv": "write_csv", ".parquet": "write_parquet", ".jsonl": "write_ndjson", ".ndjson": "write_ndjson"}
MOST_SWAPS = 200
MOST_SHOWN = 3


@click.command(short_help="Tell how conversations go, from anyone's table of turns.")
@click.argument("table", metavar="TABLE")
@click.option("--conversation", metavar="COL", required=True, help="Which conversation a turn is in.")
@click.option("--speaker", metavar="COL", required=True, help="Who speaks.")
@click.option("--text", metavar="COL", required=True, help="What is said.")
@click.option("--order", metavar="COL", help="What turns are ordered by (default: the order of the rows).")
@click.option("--topic", metavar="COL", help="Surrogate partners come from conversations with the same value.")
@click.option("--statement", metavar="COL", help="The topic written out: drift is from it (default: the opening).")
@click.option("--cluster", metavar="COL", help="Conversations with the same value are not independent.")
@click.option("--voice", metavar="COL", help="What stands behind the speaker's name, such as a model's.")
@click.option("--only", type=click.Choice(SUBJECTS), multiple=True, help="Tell only this. Repeatable.")
@click.option(
    "--theme",
    "lists",
    metavar="NAME=WORDS",
    multiple=True,
    help="A theme of your own, as in sea='sea tide* moon'. Repeatable.",
)
@click.option("--each", metavar="FILE", help="Write a row for each conversation (.csv, .jsonl, .parquet).")
@click.option("--turns", "by_turn", metavar="FILE", help="Write a row for each turn (.csv, .jsonl, .parquet).")
@missing_option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    table: str,
    conversation: str,
    speaker: str,
    text: str,
    order: str | None,
    topic: str | None,
    statement: str | None,
    cluster: str | None,
    voice: str | None,
    only: tuple[Subject, ...],
    lists: tuple[str, ...],
    each: str | None,
    by_turn: str | None,
    missing: tuple[str, ...],
) -> None:
    """Tell how the conversations in TABLE (CSV, TSV, JSON Lines, Parquet; one row a turn) go, with intervals.

    Whether they repeat, close, collapse, adapt, drift, agree, mix up who is who, and which themes they come to.

    \b
    moot dynamics turns.csv --conversation id --speaker who --text said --order n
    moot dynamics turns.parquet --conversation id --speaker who --text said --topic claim --only identity --json
    """
    asked = Columns(conversation, speaker, text, order, topic, statement, cluster, voice, missing)
    themes = {**THEMES, **_own(lists)}
    for path in (each, by_turn):
        _writes(path)
    gathered = gather(read_table(table, asked.names()), asked)
    model, lacking = model_for(only)
    found = study(gathered.talks, only, model, themes)
    _write(each, lambda: _conversations(found))
    _write(by_turn, lambda: _turns(found))
    notes = (*gathered.notes, *lacking, *found.notes)
    if record.wants_json():
        print_json(_document(table, gathered, found, notes))
        return
    _print(gathered, found, notes)


def _own(lists: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for one in lists:
        name, mark, words = one.partition("=")
        if not mark or not name.strip() or not words.strip():
            raise Invalid(f"--theme needs a name and words, as in sea='sea tide* moon', and got {one!r}")
        found[name.strip()] = words.replace(",", " ")
    return found


def model_for(only: Sequence[Subject]) -> tuple[Model | None, tuple[str, ...]]:
    """Return what turns words into vectors, or why there is nothing; all else can be told without it."""
    if only and not MEANING & set(only):
        return None, ()
    try:
        return packaged(), ()
    except Invalid as fault:
        return None, (str(fault),)


# Files


def _writes(path: str | None) -> None:
    if path and Path(path).suffix.lower() not in WRITES:
        raise Invalid(f"{path}: what to write is told by its name, which must end in {', '.join(WRITES)}")


def _write(path: str | None, columns: Callable[[], dict[str, Any]]) -> None:
    if path:
        frame = library("polars").DataFrame(columns()).fill_nan(None)
        try:
            getattr(frame, WRITES[Path(path).suffix.lower()])(path)
        except OSError as error:
            raise Invalid(f"{path} cannot be written: {error.strerror or error}") from None


def _conversations(found: Study) -> dict[str, Any]:
    return {"conversation": [one.id for one in found.talks], **found.each}


def _turns(found: Study) -> dict[str, Any]:
    said = [(one.id, turn) for one in found.talks for turn in one.turns]
    named = {"conversation": [identity for identity, _ in said], "turn": [turn.number for _, turn in said]}
    return named | {"speaker": [turn.speaker for _, turn in said]} | dict(found.turns)


# What is printed


def _document(table: str, gathered: Gathered, found: Study, notes: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"command": "dynamics", "table": table, "estimates": [one.as_json() for one in found.scores]}
    told |= {"conversations": len(found.talks), "turns": len(found.rows), "speakers": list(found.rows.names)}
    told |= {"speakers_by": "name" if found.rows.named else "who spoke first, second, …"}
    told |= {"flow": [{"stage": one.name, "n": one.n} for one in gathered.flow], "notes": list(notes)}
    told |= {"by_turn": [asdict(one) for name in found.turns for one in places(found, name)]}
    slips = _swaps(found)
    told |= {"swaps": slips[:MOST_SWAPS], "swaps_in_all": len(slips), "multiplicity": _multiplicity(found.scores)}
    told |= {"model": found.model.as_json() if found.model else None}
    return told | {"versions": versions("numpy", "polars", "scipy", "statsmodels", "rapidfuzz")}


def _swaps(found: Study) -> list[dict[str, Any]]:
    """Return by which words speakers took themselves for others, where that was looked for."""
    wanted = {name: {identity for identity, _ in cited} for name, cited in found.cites.items()}
    talks = wanted.get("identity swaps", set()) | wanted.get("claims to be a model that is not here", set())
    return [{"id": one.id} | asdict(slip) for one in found.talks if one.id in talks for slip in swaps(one)]


def _multiplicity(found: Sequence[Score]) -> str:
    tests = sum(one.p is not None for one in found)
    return (
        f"{len(found)} figures, their intervals not adjusted for how many there are; {tests} are tested against 0, and "
        "p adj is Benjamini and Hochberg's over these"
    )


def _print(gathered: Gathered, found: Study, notes: Sequence[str]) -> None:
    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    write(f"Dynamics of {len(found.talks)} conversations, {len(found.rows)} turns")
    print_flow(gathered.flow, write)
    heads = ("", "estimate", "95 % interval", "p", "p adj", "n", "clusters")
    told = [one for one in found.scores if one.estimate is not None]
    for subject, scores in groupby(told, key=lambda one: one.more["subject"]):
        write("")
        print_rows((str(subject).capitalize(), *heads[1:]), [_row(one) for one in scores], write)
    write("")
    for one in found.scores:
        if one.cites:
            write(f"{one.name}: {_cited(one)}")
    for why in dict.fromkeys(one.why for one in found.scores if one.why):
        write(f"{'; '.join(one.name for one in found.scores if one.why == why)}: {why}")
    if found.model:
        write(
            f"Meaning: {found.model.name}, {found.model.version}, {found.model.dimension} dimensions, English above all"
        )
    write(f"Multiplicity: {_multiplicity(found.scores)}.")
    for note in notes:
        write(f"Note: {note}.")
    write("How each figure is made is in --json, as its method, and in docs/measures/dynamics.md.")


def _row(one: Score) -> tuple[str, ...]:
    ends = "none" if one.low is None else f"{figure(one.low)} to {figure(one.high)}"
    groups = "" if one.clusters is None else str(one.clusters)
    tests = (figure(one.p, 2), figure(one.more.get("p_bh"), 2))
    return (one.name, figure(one.estimate), ends, *tests, str(one.n), groups)


def _cited(one: Score) -> str:
    shown = ", ".join(f"{identity} turn {turn}" for identity, turn in one.cites[:MOST_SHOWN])
    more = int(one.more.get("cited_in_all", len(one.cites))) - MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
