"""Effects on answers that are only ordered: proportional odds, and thresholds that are free at each earlier answer.

The likelihood is our own, since no library has the second model; it must never pass off a search that did not converge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.measures import Score
from moot.measures.engines import Certainty, finite, interval, library
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moot.measures.engines import Array
    from moot.measures.sample import Asked, Sample

MOST_ANSWERS = 25
"""Different answers beyond which a scale is one of numbers."""

STEPS, CLOSE, FURTHEST = 200, 1e-10, 15.0
_LEAST = 100
"""Rows below which the intervals of these models are rough."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows that are the same, as one: how many they are, their answer's two thresholds, and what shifts them.

    `upper` and `lower` are columns of the thresholds (-1 where there is none); `shifts` are columns of what moves them.
    `of_row` tells each row's cell.
    """

    count: Array
    upper: Array
    lower: Array
    shifts: Array
    thresholds: int
    of_row: Array
    start: Array

    @property
    def size(self) -> int:
        """How many parameters there are: thresholds, then shifts."""
        return self.thresholds + self.shifts.shape[1]


@dataclass(frozen=True, slots=True)
class Fit:
    """The most likely parameters, the inverse of their information, how likely, and each cell's score."""

    values: Array
    covariance: Array
    likelihood: float
    scores: Array


def odds(sample: Sample, asked: Asked, *, free: bool) -> tuple[Score, ...]:
    """Return each arm's log odds ratio of a higher answer; with `free` thresholds differ by the earlier answer."""
    here = [] if sample.arm is None else sorted({int(code) for code in sample.arm} - {0})
    cells = cells_of(sample, here, free=free)
    found = fitted(cells)
    covariance, units = found.covariance, sample.ways.fewest()
    if sample.ways.codes:
        covariance = _sandwich(cells, found, sample)
    more: dict[str, Any] = {"log_likelihood": found.likelihood} | _parallel(sample, here, found.likelihood, free=free)
    told: list[Score] = []
    for at, code in enumerate(here, cells.thresholds):
        variance = float(covariance[at, at])
        se = finite(variance**0.5) if variance > 0 else None
        freedom = None if units is None else float(units - 1)
        of = "rows" if units is None else f"groups of {' or '.join(sample.ways.names)}"
        sure = Certainty(se, freedom, len(sample) if units is None else units, of)
        told.append(_told(float(found.values[at]), sure, sample, asked, code, more | {"free": free}))
    return tuple(told)


def _told(value: float, sure: Certainty, sample: Sample, asked: Asked, code: int, more: Mapping[str, Any]) -> Score:
    free = bool(more["free"])
    arm, estimator = sample.arms[code], "ppo" if free else "ordinal"
    low, high, p = interval(value, sure)
    ratio = math.exp(value)
    rest = {name: one for name, one in more.items() if name != "free"}
    known = {"odds_ratio": ratio, "odds_ratio_low": None, "odds_ratio_high": None}
    if low is not None and high is not None:
        known |= {"odds_ratio_low": math.exp(low), "odds_ratio_high": math.exp(high)}
    known |= {"superiority": ratio / (1 + ratio)}
    written = "partial proportional odds, thresholds free at each pre" if free else "proportional odds"
    written += "" if free or sample.pre is None else ", pre as a number"
    errors = (
        f"CR1 by {' and '.join(sample.ways.names)}, t({sure.freedom:.0f})" if sure.freedom is not None else "normal"
    )
    n, units = len(sample), sample.ways.fewest()
    name = f"{estimator}, {arm} against {asked.control}"
    few = {"note": f"fewer than {_LEAST} rows: rough"} if n < _LEAST else {}
    one = Score(name, value, sure.se, low, high, n, units, "log odds ratio", f"{written}; {errors}", sure.why_not(), p)
    return one.with_more({"estimator": estimator, "arm": arm, "control": asked.control} | known | rest | few)


def cells_of(sample: Sample, arms: list[int], *, free: bool) -> Cells:
    """Return the rows as cells; `Invalid` where the answers or the earlier ones are no short scale."""
    np = library("numpy")
    answers = np.unique(sample.post)
    if len(answers) > MOST_ANSWERS:
        raise Invalid(f"the outcome has {len(answers)} different values; a scale of answers has {MOST_ANSWERS} at most")
    strata = np.zeros(len(sample), dtype=int)
    numeric = None
    if free and sample.pre is not None:
        levels, strata = np.unique(sample.pre, return_inverse=True)
        if len(levels) > MOST_ANSWERS:
            raise Invalid(
                f"pre has {len(levels)} different values; thresholds free at each are for {MOST_ANSWERS} at most"
            )
    elif sample.pre is not None:
        numeric = sample.pre
    keys = [strata, np.searchsorted(answers, sample.post), sample.arm, *([numeric] if numeric is not None else [])]
    rows, of_row, count = np.unique(np.column_stack(keys), axis=0, return_inverse=True, return_counts=True)
    upper, lower, start = _thresholds(rows, count)
    shifts = [(rows[:, 2] == code).astype(float) for code in arms]
    if numeric is not None:
        if float(numeric.max()) == float(numeric.min()):
            raise Invalid("what is adjusted for does not vary: leave --pre out")
        shifts.append(rows[:, 3] - numeric.mean())
    return Cells(count, upper, lower, np.column_stack(shifts), len(start), of_row.ravel(), start)


def _thresholds(rows: Array, count: Array) -> tuple[Array, Array, Array]:
    """Number the thresholds between the answers that each stratum has; one that it lacks has no likelihood to add."""
    np = library("numpy")
    upper, lower = np.full(len(rows), -1), np.full(len(rows), -1)
    start: list[float] = []
    for stratum in np.unique(rows[:, 0]):
        inside = np.flatnonzero(rows[:, 0] == stratum)
        used, order = np.unique(rows[inside, 1], return_inverse=True)
        upper[inside] = np.where(order < len(used) - 1, len(start) + order, -1)
        lower[inside] = np.where(order > 0, len(start) + order - 1, -1)
        shares = np.cumsum(np.bincount(order, count[inside]))[:-1] / count[inside].sum()
        start += np.log(shares / (1 - shares)).tolist()
    return upper, lower, np.array(start)


def fitted(cells: Cells) -> Fit:
    """Return the likeliest parameters, by Newton's steps on a concave likelihood; `Invalid` where there are none."""
    np = library("numpy")
    at = np.concatenate([cells.start, np.zeros(cells.shifts.shape[1])])
    value, gradient, hessian, scores = _likelihood(cells, at)
    for _ in range(STEPS):
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            raise Invalid("the answers do not tell the arms apart: no odds can be estimated") from None
        if float(gradient @ step) < CLOSE:
            break
        scale = 1.0
        while (tried := _likelihood(cells, at + scale * step))[0] < value and scale > CLOSE:
            scale /= 2
        at, (value, gradient, hessian, scores) = at + scale * step, tried
        if np.abs(at[cells.thresholds :]).max() > FURTHEST and np.abs(cells.shifts).max() <= 1:
            break
    if np.abs(at[cells.thresholds :] * np.abs(cells.shifts).max(axis=0)).max() > FURTHEST:
        raise Invalid("an arm (or pre) parts the answers wholly, so that its odds are without end")
    return Fit(at, np.linalg.inv(hessian), float(value), scores)


def _likelihood(cells: Cells, at: Array) -> tuple[float, Array, Array, Array]:
    """Return the log-likelihood, its gradient, minus its second derivatives, and each cell's gradient for one row."""
    np, expit = library("numpy"), library("scipy.special").expit
    moved = cells.shifts @ at[cells.thresholds :]
    above, below = cells.upper >= 0, cells.lower >= 0
    high = np.where(above, at[cells.upper] - moved, np.inf)
    low = np.where(below, at[cells.lower] - moved, -np.inf)
    chance = np.where(low > 0, expit(-low) - expit(-high), expit(high) - expit(low))
    if (chance <= 0).any():
        return -np.inf, at, np.eye(len(at)), at
    top, bottom = expit(high) * expit(-high), expit(low) * expit(-low)
    by_high, by_low = top / chance, -bottom / chance
    curve_high = top * (1 - 2 * expit(high)) / chance - by_high**2
    curve_low = -bottom * (1 - 2 * expit(low)) / chance - by_low**2
    cross = -by_high * by_low
    rows = np.arange(len(chance))
    uppers, lowers = (np.zeros((len(chance), cells.size)) for _ in range(2))
    for design, has, which in ((uppers, above, cells.upper), (lowers, below, cells.lower)):
        design[rows[has], which[has]] = 1.0
        design[has, cells.thresholds :] = -cells.shifts[has]
    scores = by_high[:, None] * uppers + by_low[:, None] * lowers
    weighted_high = (cells.count * curve_high)[:, None] * uppers + (cells.count * cross)[:, None] * lowers
    weighted_low = (cells.count * curve_low)[:, None] * lowers + (cells.count * cross)[:, None] * uppers
    hessian = -(uppers.T @ weighted_high + lowers.T @ weighted_low)
    return float(cells.count @ np.log(chance)), cells.count @ scores, hessian, scores


def _sandwich(cells: Cells, found: Fit, sample: Sample) -> Array:
    """Return the covariance that allows for rows that belong together, in one way or in two."""
    np = library("numpy")

    def of(groups: Array) -> Array:
        amount = int(groups.max()) + 1
        rows = found.scores[cells.of_row]
        summed = np.column_stack([np.bincount(groups, rows[:, at], amount) for at in range(cells.size)])
        return found.covariance @ (summed.T @ summed) @ found.covariance * (amount / max(amount - 1, 1))

    codes = sample.ways.codes
    if min(sample.ways.counts()) == 1:
        return np.full_like(found.covariance, np.nan)
    if len(codes) == 1:
        return of(codes[0])
    both = np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()
    one, other = of(codes[0]), of(codes[1])
    joint = one + other - of(both)
    larger = np.where((np.diag(one) > np.diag(other))[:, None], one, other)
    return np.where((np.diag(joint) <= 0)[:, None], larger, joint)


def _parallel(sample: Sample, arms: list[int], likelihood: float, *, free: bool) -> dict[str, Any]:
    """Return the likelihood-ratio test of one set of thresholds against one at each pre, where both can be fitted."""
    np, stats = library("numpy"), library("scipy.stats")
    if sample.pre is None or len(np.unique(sample.pre)) > MOST_ANSWERS:
        return {}
    try:
        other = cells_of(sample, arms, free=not free)
        beside = fitted(other).likelihood
    except Invalid:
        return {}
    mine = cells_of(sample, arms, free=free)
    larger, freedom = (likelihood, mine.size - other.size) if free else (beside, other.size - mine.size)
    smaller = beside if free else likelihood
    if freedom < 1:
        return {}
    chi = max(2 * (larger - smaller), 0.0)
    test = {"chi2": chi, "df": freedom, "p": float(stats.chi2.sf(chi, freedom))}
    return {"parallel_thresholds": test | {"of": "ordinal (pre as a number) against ppo"}}
