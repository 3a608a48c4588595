"""Columns of anyone's table as numbers, labels and sides, and what became of each row.

It must never guess what a cell means: what is no number where one is needed is refused, with the row it is in, and what
counts as missing is told.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures.engines import library
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

SHOWN = 8
"""Names that an error lists before it says how many more there are."""

SUSPECTS = ("na", "n/a", "nan", "null", "none", "nil", "-", ".", "?", "#n/a", "missing", "-99", "-999")
"""What often means that a cell is empty; it is asked about, never taken for granted."""

FOR = ("1", "+1", "pro", "for", "true", "yes", "support", "supports", "agree", "proposition")
AGAINST = ("-1", "con", "against", "false", "no", "oppose", "opposes", "anti", "disagree", "opposition")
"""How a side is written, whatever the case: arguing for the claim, or against it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How many rows were left after something."""

    name: str
    n: int


def listed(names: Sequence[object]) -> str:
    """Return names for a line of an error, not too many."""
    shown = ", ".join(repr(str(name)) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def near(name: str, names: Sequence[str]) -> str:
    """Return a suggestion for a name that is not among names."""
    folded = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), folded, 1)
    return f"; did you mean {folded[found[0]]!r}?" if found else f"; there are: {listed(names)}"


def checked(names: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise `Invalid` where a wanted column is not among a table's."""
    for name in wanted:
        if name not in names:
            raise Invalid(f"the table has no column {name!r}{near(name, names)}")


def _text(column: pl.Series) -> pl.Series:
    """Return cells as text: stripped, numbers without a tail of zeros, and nothing for the empty ones."""
    polars = library("polars")
    if column.dtype.is_nested():
        raise Invalid(f"column {column.name!r} holds lists or objects, not one value a cell")
    if column.dtype.is_float():
        return plain(column.fill_nan(None).cast(polars.String))
    text = column.cast(polars.String).str.strip_chars()
    return text.set(text == "", None)


def plain(text: pl.Series) -> pl.Series:
    """Return text in which whole numbers have no tail of zeros, so that 1 and 1.0 are the same."""
    return text.str.replace(r"^(-?\d+)\.0+$", "$1")


def labels(frame: pl.DataFrame, name: str, missing: Sequence[str] = ()) -> pl.Series:
    """Return a column as text; empty cells, NaN and what `missing` names are null."""
    text = _text(frame[name])
    return text.set(text.is_in(list(missing)), None) if missing else text


def numbers(frame: pl.DataFrame, name: str, missing: Sequence[str] = ()) -> pl.Series:
    """Return a column as numbers; empty cells, NaN and what `missing` names are null, anything else is refused."""
    polars = library("polars")
    column = frame[name]
    if column.dtype.is_temporal():
        raise Invalid(f"column {name!r} holds dates or times, not numbers")
    if column.dtype == polars.Boolean:
        return column.cast(polars.Float64)
    text = labels(frame, name, missing)
    lowered = text.str.to_lowercase()
    if text.null_count() < len(text) and lowered.drop_nulls().is_in(["true", "false"]).all():
        return (lowered == "true").cast(polars.Float64)
    as_is = column.dtype.is_numeric() and not missing
    found = column.cast(polars.Float64) if as_is else text.cast(polars.Float64, strict=False)
    wrong = text.is_not_null() & found.is_null()
    if wrong.any():
        _refuse_words(name, text.filter(wrong), int(wrong.arg_true()[0]))
    found = found.fill_nan(None)
    endless = found.is_infinite().fill_null(value=False)
    if endless.any():
        first = int(endless.arg_true()[0]) + 1
        raise Invalid(f"column {name!r} has {int(endless.sum())} infinite values, the first in row {first}")
    return found


def _refuse_words(name: str, wrong: pl.Series, first: int) -> None:
    words = wrong.unique(maintain_order=True).to_list()
    line = (
        f"column {name!r} must hold numbers, and {len(wrong)} cells do not: {listed(words)}, first in row {first + 1}"
    )
    hint = f"; if {words[0]!r} means that there is no value, say: --missing {words[0]}" if len(words) < SHOWN else ""
    raise Invalid(line + hint)


def sides(frame: pl.DataFrame, name: str, missing: Sequence[str] = ()) -> pl.Series:
    """Return +1 where the claim was argued for and -1 where against; what can be read as neither is refused."""
    polars = library("polars")
    text = labels(frame, name, missing)
    lowered = text.str.to_lowercase()
    known = dict.fromkeys(FOR, 1.0) | dict.fromkeys(AGAINST, -1.0)
    wrong = text.filter(lowered.is_not_null() & ~lowered.is_in(list(known)))
    if len(wrong):
        words = wrong.unique(maintain_order=True).to_list()
        raise Invalid(
            f"column {name!r} must tell sides, as 1 or -1, or as pro or con (for, against; true, false); "
            f"it has {listed(words)}"
        )
    return lowered.replace_strict(known, default=None, return_dtype=polars.Float64)


def suspects(frame: pl.DataFrame, names: Sequence[str], missing: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a note for each column of labels in which something stands that often means an empty cell."""
    notes: list[str] = []
    for name in dict.fromkeys(names):
        text = labels(frame, name, missing)
        odd = text.filter(text.str.to_lowercase().is_in(list(SUSPECTS)) & ~text.is_in(["-1"]))
        for word in odd.unique(maintain_order=True).drop_nulls().to_list():
            count = int((odd == word).sum())
            notes.append(f"{count} cells {word!r} of {name!r} count as a value; if they are empty: --missing {word}")
    return tuple(notes)
