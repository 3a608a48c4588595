"""Figures as rows and as frames: one row a figure, those of single conversations with what they are of.

It must never hold what a figure does not say of itself, nor leave out what it rests on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, cast

from moot.measures.catalog import Measured
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures import Score

PLAIN = ("name", "estimate", "se", "low", "high", "level", "n", "clusters", "unit", "method", "p", "why_no_interval")
NUMBERS = ("estimate", "se", "low", "high", "level", "p")


def rows_of(told: Measured) -> list[dict[str, Any]]:
    """Return a row a figure: those of each conversation with its id, form and factors, then those of all together."""
    rows: list[dict[str, Any]] = []
    for one, scores in told.each:
        factors = {f"factor_{name}": _text(value) for name, value in one.factors.items()}
        rows += [{"id": one.id, "form": one.form} | factors | row(score) for score in scores]
    return rows + [{"id": "", "form": ""} | row(score) for score in told.together]


def row(score: Score) -> dict[str, Any]:
    """Return a figure as a row: what else is known of it as JSON, its cites as ID:TURN with spaces between."""
    known = score.as_json()
    more = json.dumps(dict(score.more), ensure_ascii=False, default=str)
    cites = " ".join(f"{identity}:{turn}" for identity, turn in score.cites)
    return {name: known.get(name) for name in PLAIN} | {"more": more, "cites": cites}


def _text(value: object) -> str:
    return "; ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)


def polars_frame(rows: Sequence[dict[str, Any]]) -> Any:  # noqa: ANN401 - a frame of polars, which may not be here
    """Return rows as a frame of polars, each column with the type that it has even where it is empty."""
    polars = library("polars")
    names = dict.fromkeys(name for one in rows for name in one) or dict.fromkeys((*PLAIN, "more", "cites"))
    kinds = {name: polars.Float64 if name in NUMBERS else polars.String for name in names}
    kinds |= dict.fromkeys(("n", "clusters"), polars.Int64)
    return polars.DataFrame(list(rows), schema=kinds)


def scores_frame(told: Measured | Sequence[Score], kind: Literal["polars", "pandas"] = "polars") -> Any:  # noqa: ANN401 - either
    """Return figures as a frame, one row a figure; `kind` says of which library."""
    rows = rows_of(told) if isinstance(told, Measured) else [row(one) for one in told]
    if kind == "polars":
        return polars_frame(rows)
    return library("pandas").DataFrame(rows, columns=polars_frame(rows).columns)
