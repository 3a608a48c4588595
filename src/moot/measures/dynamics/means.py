"""A figure of each talk as one score: its mean over independent units, with an interval that says what it rests on.

It must never average over turns of all talks at once, which would count one talk's turns as independent.
"""

from __future__ import annotations

from dataclasses import replace
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


def score(figure: Figure, values: Array, units: Array | None, cites: Sequence[tuple[str, int]] = ()) -> Score:
    """Return the mean of one figure of each talk; NaN is what cannot be told.

    `units` are codes of what is independent; None: talks are.
    """
    np = library("numpy")
    told = np.isfinite(values)
    n = int(told.sum())
    more: dict[str, Any] = {"subject": figure.subject, "left_out": len(values) - n}
    if not n:
        why = f"no conversation has {figure.needs}"
        return missing(figure.name, 0, figure.unit, figure.method, why).with_more(more)
    found = values[told]
    clusters = None
    if units is not None:
        codes = np.unique(units[told], return_inverse=True)[1]
        found = np.bincount(codes, found) / np.bincount(codes)
        clusters = len(found)
    more |= {"sd": float(found.std(ddof=1)) if len(found) > 1 else None, "median": float(np.median(found))}
    if len(cites) > MOST_CITES:
        more["cited_in_all"] = len(cites)
    plain = _share(figure, found, n) if figure.share and clusters is None else _mean(figure, found, n, clusters)
    return replace(plain, more=more, cites=tuple(cites[:MOST_CITES]))


def _mean(figure: Figure, found: Array, n: int, clusters: int | None) -> Score:
    value = float(found.mean())
    size = len(found)
    se = float(found.std(ddof=1)) / size**0.5 if size > 1 else None
    of = "conversations" if clusters is None else "clusters"
    spread = max(abs(value), float(found.std()), 1e-300)
    sure = Certainty(se, size - 1, size, of, spread, tested=figure.tested)
    low, high, p = interval(value, sure)
    over = of if clusters is None else "clusters, each the mean of its conversations"
    method = f"{figure.method}; mean over {over}, Student's t({max(size - 1, 0)})"
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
