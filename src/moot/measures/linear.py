"""Least squares with errors that are honest about who is independent: HC2, clustered one or two ways, bootstrapped.

It must never report the error that least squares itself would give, which is right only where all spreads are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.measures import leverage
from moot.measures.engines import SEED, Certainty, finite, library
from moot.measures.leverage import matters
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.engines import Array

FEW = 30
"""Clusters below which the t of a clustered error is not enough, and the bootstrap's p is given instead."""

DRAWS = 9_999
MOST_WAYS = 2
_CORNERS = 12
"""Clusters up to which Webb's six weights are drawn: the two of Rademacher allow too few different draws."""


@dataclass(frozen=True, slots=True)
class Ways:
    """In which ways rows belong together: for each, its column's name and every row's group as a code from 0."""

    names: tuple[str, ...] = ()
    codes: tuple[Array, ...] = ()

    def counts(self) -> tuple[int, ...]:
        """Return the number of groups of each way."""
        return tuple(int(one.max()) + 1 if len(one) else 0 for one in self.codes)

    def some(self, rows: Array) -> Ways:
        """Return the ways of a part of the rows, its groups counted anew."""
        np = library("numpy")
        return Ways(self.names, tuple(np.unique(one[rows], return_inverse=True)[1] for one in self.codes))

    def fewest(self) -> int | None:
        """Return the number of independent groups, by the way that has fewest; None where rows are independent."""
        return min(self.counts()) if self.codes else None


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted regression: coefficients, their covariance, the freedom of t, what errors it has, and what is left."""

    outcome: Array
    design: Array
    weights: Array | None
    ways: Ways
    values: Array
    covariance: Array
    freedom: float
    errors: str

    def sure(self, at: int) -> tuple[Certainty, str]:
        """Return how sure one coefficient is, and which errors that is by.

        Where few rows or groups decide it, t has no more freedom than they leave: Satterthwaite's.
        """
        found, freedom, errors = finite(float(self.covariance[at, at])), self.freedom, self.errors
        units = self.ways.fewest()
        of = f"groups of {self.least_way()}" if self.ways.codes else "rows"
        spread = float(self.outcome.std()) or 1.0
        if units is None or units > 1:
            least = self._least_freedom(at)
            if matters(least, freedom):
                freedom, errors = least, f"{errors}, few decide: Satterthwaite's"
        se = None if found is None or found < 0 else found**0.5
        told = f"{errors} t({freedom:.1f})" if freedom != self.freedom else f"{errors}, t({freedom:.0f})"
        return Certainty(se, freedom, len(self.outcome) if units is None else units, of, spread), told

    def _least_freedom(self, at: int) -> float:
        np = library("numpy")
        design = self.design if self.weights is None else self.design * np.sqrt(self.weights)[:, None]
        found = [leverage.freedom(design, at, groups) for groups in self.ways.codes or (None,)]
        return min((one for one in found if one is not None), default=self.freedom)

    def least_way(self) -> str:
        """Return the name of the way of clustering that has the fewest groups."""
        counts = self.ways.counts()
        return self.ways.names[counts.index(min(counts))]


def fit(outcome: Array, design: Array, ways: Ways, weights: Array | None = None) -> Line:
    """Fit a regression; `Invalid` where its columns do not tell its coefficients apart.

    The errors are HC2 where no way of clustering is given, else CR1 with t of the fewest groups less one.
    """
    np, models = library("numpy"), library("statsmodels.api")
    if len(outcome) <= design.shape[1]:
        raise Invalid(f"{len(outcome)} rows are too few for {design.shape[1]} coefficients")
    scaled = design / np.where((top := np.abs(design).max(axis=0)) > 0, top, 1.0)
    if np.linalg.matrix_rank(scaled) < design.shape[1]:
        raise Invalid("what is adjusted for does not vary, or says the same as the arms: nothing can be told apart")
    model = models.OLS(outcome, design) if weights is None else models.WLS(outcome, design, weights=weights)
    if not ways.codes:
        with np.errstate(divide="ignore", invalid="ignore"):  # a row that alone sets a coefficient: told as no interval
            found = model.fit(cov_type="HC2", use_t=True)
            covariance = np.asarray(found.cov_params())
        errors, freedom = "HC2", float(len(outcome) - design.shape[1])
        return Line(outcome, design, weights, ways, np.asarray(found.params), covariance, freedom, errors)
    values = np.asarray(model.fit().params)
    covariance, errors = _clustered(model, ways)
    return Line(outcome, design, weights, ways, values, covariance, float(min(ways.counts()) - 1), errors)


def _clustered(model: Any, ways: Ways) -> tuple[Array, str]:  # noqa: ANN401 - a model of statsmodels
    np = library("numpy")
    if min(ways.counts()) < MOST_WAYS:  # of one group there is no error at all, and the library divides by nothing
        size = model.exog.shape[1]
        return np.full((size, size), np.nan), "clustered"
    alone = [_covariance(model, one) for one in ways.codes]
    named = " and ".join(ways.names)
    if len(alone) == 1:
        return alone[0], f"CR1 by {named}"
    both = _covariance(model, np.column_stack(ways.codes))
    larger = np.where((np.diag(alone[0]) > np.diag(alone[1]))[:, None], alone[0], alone[1])
    low = np.diag(both) <= 0
    both = np.where(low[:, None], larger, both)
    return both, f"two-way CR1 by {named}" + (
        " (the larger of one-way where two-way is not positive)" * bool(low.any())
    )


def _covariance(model: Any, groups: Array) -> Array:  # noqa: ANN401 - a model of statsmodels
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    return library("numpy").asarray(fitted.cov_params())


def wild_p(line: Line, at: int) -> float | None:
    """Return the p of a coefficient by the wild cluster bootstrap with the null imposed, over the fewest groups.

    Cameron, Gelbach and Miller (2008); the weights are Rademacher's, and Webb's six for 12 groups or fewer. None where
    it cannot be told.
    """
    np = library("numpy")
    counts = line.ways.counts()
    groups, amount = line.ways.codes[counts.index(min(counts))], min(counts)
    root = np.sqrt(line.weights) if line.weights is not None else 1.0
    y, x = line.outcome * root, (line.design.T * root).T
    inverse = np.linalg.inv(x.T @ x)
    rest = np.delete(x, at, axis=1)
    null = y - (rest @ np.linalg.lstsq(rest, y, rcond=None)[0] if rest.shape[1] else 0.0)
    squares = np.stack([x[groups == one].T @ x[groups == one] for one in range(amount)])
    actual = _scores(x, y - x @ line.values, groups, amount)
    se = np.sqrt(((actual @ inverse[at]) ** 2).sum())
    if not np.isfinite(se) or se <= 0:
        return None
    scores = _scores(x, null, groups, amount)
    drawn = _drawn(amount)
    moved = drawn @ scores @ inverse  # of every draw, its coefficients less those of the null
    left = drawn[:, :, None] * scores[None] - np.einsum("gij,bj->bgi", squares, moved)
    ses = np.sqrt(((left @ inverse[at]) ** 2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(moved[:, at] / ses)
    limit = abs(float(line.values[at])) / float(se)
    extreme = np.count_nonzero(np.nan_to_num(t, nan=np.inf) >= limit * (1 - 1e-9))
    return float((extreme + 1) / (len(drawn) + 1))


def _scores(x: Array, left: Array, groups: Array, amount: int) -> Array:
    np = library("numpy")
    return np.column_stack([np.bincount(groups, x[:, at] * left, amount) for at in range(x.shape[1])])


def _drawn(groups: int) -> Array:
    np = library("numpy")
    webb = np.sqrt([0.5, 1.0, 1.5])
    chosen = np.concatenate([-webb, webb]) if groups <= _CORNERS else np.array([-1.0, 1.0])
    return np.random.default_rng(SEED).choice(chosen, size=(DRAWS, groups))


def stacked(columns: Sequence[Array]) -> Array:
    """Return columns as a design."""
    return library("numpy").column_stack(columns)
