"""A figure of each talk as one score: its mean over independent units, with an interval that says what it rests on.

It must never average over turns of all talks at once, which would count one talk's turns as independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moot.measures import Score
from moot.measures.engines import Certainty, interval, library, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.dynamics.talks import Figure
    from moot.measures.engines import Array

MOST_CITES = 1_000
"""Turns that a score cites; how many there are in all it says too."""

ROUNDING = 1e-12
_LEAST_SPREAD = 1e-300


@dataclass(frozen=True, slots=True)
class Columns:
    """Of a figure: its value for each talk (NaN: cannot be told), what is independent, and what strangers make of it.

    `units` are codes; None: talks are independent. `strangers` are an array of draws x talks, and `mates` says which
    talk it was that stood in.
    """

    values: Array
    units: Array | None = None
    strangers: Array | None = None
    mates: Array | None = None


def score(figure: Figure, found: Columns, cites: Sequence[tuple[str, int]] = ()) -> Score:
    """Return the mean of one figure of each talk."""
    np = library("numpy")
    told = np.isfinite(found.values)
    n = int(told.sum())
    more: dict[str, Any] = {"subject": figure.subject, "left_out": len(found.values) - n}
    if not n:
        why = f"no conversation has {figure.needs}"
        return missing(figure.name, 0, figure.unit, figure.method, why).with_more(more)
    codes = np.full(len(told), -1)
    codes[told] = np.arange(n) if found.units is None else np.unique(found.units[told], return_inverse=True)[1]
    weights = np.where(told, 1 / np.bincount(codes[told])[codes], 0.0)
    means = np.bincount(codes[told], weights[told] * found.values[told])
    more |= {"sd": float(means.std(ddof=1)) if len(means) > 1 else None, "median": float(np.median(means))}
    if len(cites) > MOST_CITES:
        more["cited_in_all"] = len(cites)
    if figure.share and found.units is None:
        plain = _share(figure, means, n)
    else:
        plain = _mean(figure, means, (n, found.units is not None), _error(means, (codes, weights), found))
    return replace(plain, more=more, cites=tuple(cites[:MOST_CITES]))


def _error(means: Array, whose: tuple[Array, Array], found: Columns) -> float | None:
    """Return the standard error of the mean of independent units.

    Where strangers stand in, a talk has part in others' figures too: it counts by all that it has part in, and what
    each pair of talks is counted twice for is taken off again.
    """
    np = library("numpy")
    size = len(means)
    if size < 2:  # noqa: PLR2004 - of one there is no spread
        return None
    parts = (means - means.mean()) / size
    twice = 0.0
    if found.strangers is not None and found.mates is not None:
        codes, weights = whose
        for drawn, mate in zip(found.strangers, found.mates, strict=True):
            there = (mate >= 0) & (weights > 0)
            share = weights[there] * drawn[there] / size
            whom = codes[mate[there]]
            parts = parts - np.bincount(whom[whom >= 0], share[whom >= 0], size)
            twice += float((share**2).sum())
    whole = float((parts**2).sum()) * size / (size - 1)
    return max(whole - twice, whole / 2) ** 0.5


def _mean(figure: Figure, means: Array, counted: tuple[int, bool], se: float | None) -> Score:
    n, clustered = counted
    value, size = float(means.mean()), len(means)
    of = "clusters" if clustered else "conversations"
    sure = Certainty(se, size - 1, size, of, max(abs(value), float(means.std()), _LEAST_SPREAD), tested=figure.tested)
    low, high, p = interval(value, sure)
    over = f"{of}, each the mean of its conversations" if clustered else of
    method = f"{figure.method}; mean over {over}, Student's t({size - 1})"
    clusters = size if clustered else None
    return Score(figure.name, value, sure.shown(), low, high, n, clusters, figure.unit, method, sure.why_not(), p)


def _share(figure: Figure, found: Array, n: int) -> Score:
    value = float(found.mean())
    method = f"{figure.method}; Wilson interval over conversations"
    why = Certainty(1.0, None, n, "conversations").why_not()
    low = high = None
    if not why:
        proportion = library("statsmodels.stats.proportion")
        ends = proportion.proportion_confint(round(value * n), n, method="wilson")
        low, high = (0.0 if abs(end) <= ROUNDING else float(end) for end in ends)
    se = (value * (1 - value) / n) ** 0.5
    return Score(figure.name, value, se, low, high, n, None, figure.unit, method, why)


def adjusted(found: Sequence[Score]) -> tuple[Score, ...]:
    """Return scores with each p beside what it is by Benjamini and Hochberg, over all that are tested."""
    tests = [one.p for one in found if one.p is not None]
    if not tests:
        return tuple(found)
    by = iter(library("statsmodels.stats.multitest").multipletests(tests, method="fdr_bh")[1])
    return tuple(
        one if one.p is None else one.with_more({"p_bh": float(next(by)), "comparisons": len(tests)}) for one in found
    )
