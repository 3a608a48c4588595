"""Figures of measures as people read them: in words, as rows of tables, as points of charts.

It must never print a figure without how many it rests on, nor an end of an interval that there is none of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.publish.blocks import Figure, Table
from moot.publish.charts import Point, amount

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.measures import Score
    from moot.publish.blocks import Cell
    from moot.publish.charts import Look, Spec

HEADS = ("", "estimate", "95 % interval", "unit", "n", "independent", "conversations")


def ends(score: Score) -> str:
    """Return an interval, or why there is none."""
    if score.low is None or score.high is None:
        return score.why or "none"
    return f"{amount(score.low)} to {amount(score.high)}"


def said(score: Score) -> str:
    """Return a figure in words: value, unit, interval and n."""
    if score.estimate is None:
        return f"not known ({score.why or 'no value'}; n {score.n})"
    sure = f"95 % interval {ends(score)}" if score.low is not None else score.why
    groups = f", {score.clusters} independent groups" if score.clusters is not None else ""
    return f"{amount(score.estimate)} {score.unit} ({sure}; n {score.n}{groups})"


def point(score: Score, label: str = "", series: str = "", at: float = 0.0) -> Point | None:
    """Return a figure as a point of a chart; None where it has no value."""
    if score.estimate is None:
        return None
    return Point(label or score.name, score.estimate, score.low, score.high, score.n, series, at)


def row(score: Score, cell: Cell, label: str = "") -> tuple[Cell, ...]:
    """Return a figure as a row under `HEADS`."""
    value = "not known" if score.estimate is None else amount(score.estimate)
    groups = str(score.n if score.clusters is None else score.clusters)
    return (label or score.name, value, ends(score), score.unit, str(score.n), groups, cell)


def figure(name: str, look: Look, caption: str, draw: Callable[[Look], Spec], table: Table) -> Figure:
    """Return a chart in both widths, with the same figures as a table."""
    return Figure(name, look.title, caption, draw(look), draw(look.narrow()), table)


def scores_table(caption: str, scores: Sequence[tuple[Score, Cell]]) -> Table:
    """Return figures as a table, each with what it rests on."""
    return Table(caption, HEADS, tuple(row(score, cell) for score, cell in scores))


def lacking(scores: Sequence[Score]) -> list[str]:
    """Return of how many figures there is no interval, and why."""
    reasons: dict[str, list[str]] = {}
    for one in scores:
        if one.why:
            reasons.setdefault(one.why, []).append(one.name)
    return [f"intervals of {len(names)} figures ({'; '.join(names[:3])}): {why}" for why, names in reasons.items()]
