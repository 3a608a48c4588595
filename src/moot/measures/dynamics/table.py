"""Talks out of somebody's table, one row a turn, and what became of each row.

It must never put turns in an order that it was not told: without one, the order of the rows counts, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures.dynamics.talks import Said, Talk
from moot.measures.engines import library
from moot.measures.tables import Stage, labels, numbers, suspects
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

FEW = 30
"""Conversations below which their number is remarked on."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what, and what counts as missing."""

    conversation: str
    speaker: str
    text: str
    order: str | None = None
    topic: str | None = None
    statement: str | None = None
    cluster: str | None = None
    voice: str | None = None
    missing: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """Return all columns that are needed."""
        more = (self.order, self.topic, self.statement, self.cluster, self.voice)
        return [self.conversation, self.speaker, self.text, *(one for one in more if one is not None)]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Talks, what became of all rows, and what has to be told about them."""

    talks: tuple[Talk, ...]
    flow: tuple[Stage, ...]
    notes: tuple[str, ...]


def gather(frame: pl.DataFrame, asked: Columns) -> Gathered:
    """Return the talks of a table; `Invalid` where a row cannot be placed in one, or none is left."""
    polars = library("polars")
    if asked.text in {asked.conversation, asked.speaker} or asked.conversation == asked.speaker:
        raise Invalid("the conversation, the speaker and the text must be three different columns")
    found = _read(frame, asked)
    stages = [Stage("in the table", found.height)]
    for name, told in (
        ("conversation", "a conversation"),
        ("speaker", "a speaker"),
        ("said", "no cell that is missing"),
    ):
        found = found.filter(polars.col(name).is_not_null())
        stages.append(Stage(f"with {told}", found.height))
    if asked.order:
        found = found.filter(polars.col("order").is_not_null())
        stages.append(Stage("with a place in the order", found.height))
    if not found.height:
        raise Invalid("no row has a conversation, a speaker and its text" + (" and its order" if asked.order else ""))
    found = _ordered(found, asked)
    talks = _talks(found)
    stages.append(Stage("conversations", len(talks)))
    return Gathered(talks, tuple(stages), _notes(frame, found, asked, (stages, talks)))


def _read(frame: pl.DataFrame, asked: Columns) -> pl.DataFrame:
    polars = library("polars")
    found = {"conversation": labels(frame, asked.conversation, asked.missing)}
    found["speaker"] = labels(frame, asked.speaker, asked.missing)
    found["said"] = _words(frame[asked.text], asked.missing)
    if asked.order:
        found["order"] = _places(frame, asked.order, asked.missing)
    more = {"topic": asked.topic, "statement": asked.statement, "unit": asked.cluster, "voice": asked.voice}
    for name, column in more.items():
        if column:
            found[name] = labels(frame, column, asked.missing)
    return polars.DataFrame(found)


def _words(column: pl.Series, missing: Sequence[str]) -> pl.Series:
    """Return cells as they were written: an empty one is a turn without words, one that `missing` names is no turn."""
    polars = library("polars")
    if column.dtype.is_nested():
        raise Invalid(f"column {column.name!r} holds lists or objects, not the words of a turn")
    if column.dtype not in {polars.String, polars.Null, polars.Categorical, polars.Enum}:
        raise Invalid(f"column {column.name!r} holds {_kind(column)}, not the words of turns")
    text = column.cast(polars.String).fill_null("")
    return text.set(text.str.strip_chars().is_in(list(missing)), None) if missing else text


def _kind(column: pl.Series) -> str:
    polars = library("polars")
    if column.dtype.is_temporal():
        return "dates or times"
    if column.dtype == polars.Boolean:
        return "true and false"
    return "numbers" if column.dtype.is_numeric() else "something else"


def _places(frame: pl.DataFrame, name: str, missing: Sequence[str]) -> pl.Series:
    """Return what turns are ordered by: numbers, or dates and times."""
    polars = library("polars")
    column = frame[name]
    if column.dtype.is_temporal():
        return column.to_physical()
    try:
        return numbers(frame, name, missing)
    except Invalid:
        text = labels(frame, name, missing)
        when = text.str.to_datetime(strict=False, time_unit="us", time_zone="UTC") if _dated(text) else None
        if when is None or when.null_count() > text.null_count():
            raise
        return when.to_physical().cast(polars.Float64)


def _dated(text: pl.Series) -> bool:
    return bool(text.drop_nulls().str.contains(r"^\d{4}-\d\d-\d\d").all())


def _ordered(found: pl.DataFrame, asked: Columns) -> pl.DataFrame:
    polars = library("polars")
    first = polars.col("row").min().over("conversation").alias("first")
    found = found.with_row_index("row").with_columns(first)
    if not asked.order:
        return found.sort("first", "row")
    twice = found.select("conversation", "order").is_duplicated()
    if twice.any():
        one = found.filter(twice).row(0, named=True)
        shown = frame_value(one["order"])
        raise Invalid(
            f"{int(twice.sum())} rows share their place in {asked.order!r} with another of their conversation, such as "
            f"{shown} in {one['conversation']!r}: order them by something that differs, or leave --order out"
        )
    return found.sort("first", "order")


def frame_value(value: float) -> str:
    """Return a place as it may have been written."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _talks(found: pl.DataFrame) -> tuple[Talk, ...]:
    columns = {name: found[name].to_list() for name in ("conversation", "speaker", "said")}
    given = {name: found[name].to_list() for name in ("topic", "statement", "unit", "voice") if name in found.columns}
    for name in given:
        if name != "voice":
            _constant(found, name)
    starts = [at for at, one in enumerate(columns["conversation"]) if not at or one != columns["conversation"][at - 1]]
    talks: list[Talk] = []
    for start, end in zip(starts, [*starts[1:], found.height], strict=True):
        rows = zip(columns["speaker"][start:end], columns["said"][start:end], strict=True)
        said = tuple(Said(speaker, text, number) for number, (speaker, text) in enumerate(rows, 1))
        once = {name: given[name][start] or "" for name in given if name != "voice"}
        voiced = zip(columns["speaker"][start:end], given["voice"][start:end], strict=True) if "voice" in given else ()
        voices = {speaker: voice or "" for speaker, voice in voiced}
        talks.append(Talk(columns["conversation"][start], said, **once, voices=voices))
    return tuple(talks)


def _constant(found: pl.DataFrame, name: str) -> None:
    polars = library("polars")
    different = found.group_by("conversation", maintain_order=True).agg(polars.col(name).n_unique().alias("kinds"))
    wrong = different.filter(polars.col("kinds") > 1)
    if wrong.height:
        called = {"unit": "cluster"}.get(name, name)
        raise Invalid(
            f"{wrong.height} conversations have more than one {called}, such as {wrong['conversation'][0]!r}: each "
            "must have one throughout"
        )


def _notes(
    frame: pl.DataFrame, found: pl.DataFrame, asked: Columns, left: tuple[list[Stage], tuple[Talk, ...]]
) -> tuple[str, ...]:
    stages, talks = left
    notes: list[str] = []
    if not asked.order:
        notes.append("turns are in the order of the table's rows: no --order was given")
    if lost := stages[0].n - found.height:
        notes.append(f"{lost} rows lack something that is needed and are left out: their neighbours stand together")
    if empty := int((found["said"].str.strip_chars() == "").sum()):
        notes.append(f"{empty} turns have no text: they count as turns without words")
    speakers = found["speaker"].unique()
    if len(speakers) == 1:
        notes.append(f"all turns are by one speaker, {speakers[0]!r}: nothing between speakers can be told")
    elif alone := sum(len({turn.speaker for turn in one.turns}) == 1 for one in talks):
        notes.append(f"{alone} conversations have one speaker only")
    if len(talks) == 1:
        notes.append("one conversation: its figures describe it, and tell nothing of others")
    elif len(talks) < FEW:
        notes.append(f"{len(talks)} conversations are few: intervals rest on them, not on their turns")
    if not asked.topic and len(talks) > 1:
        notes.append("surrogate partners come from any other conversation: no --topic was given")
    return (*notes, *suspects(frame, [asked.conversation, asked.speaker], asked.missing))
