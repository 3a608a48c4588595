"""What a conversation did, as numbers: each with its unit, how many it rests on, and how sure it is.

A measure is a function of transcripts. It must never look anything up, draw by chance, or print a figure that hides how
few it is of: where there are too few independent units for an interval, it says so in place of one.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from html import escape
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moot.transcript import Heading

FEWEST = 5
"""Independent units that an interval needs; of fewer, it would say more about chance than about them."""

LEVEL = 0.95

ROUNDING = 1e-12
"""What is smaller is what rounding leaves of nothing."""

# fmt: off
_T = (2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787,
      2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899, 2.059539,
      2.055529, 2.051831, 2.048407, 2.045230)
# fmt: on
"""The 97.5 % quantile of Student's t for 4, 5, … 29 degrees of freedom, as tables have it."""

_LEAST_FREEDOM = FEWEST - 1


@dataclass(frozen=True, slots=True)
class Score:
    """One figure: its value in a unit, over `n` rows, of which `clusters` groups are independent.

    `clusters` is None where the rows themselves are independent. `low` and `high` are the ends of its 95 % interval;
    where it has none, `why` says so. `p` is two-sided, against nothing. `cites` are the turns that it rests on, each by
    its conversation and number. `more` holds what else is known of it.
    """

    name: str
    estimate: float | None
    se: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int | None
    unit: str
    method: str
    why: str = ""
    p: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cites: tuple[tuple[str, int], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the score as plain JSON."""
        told = {"name": self.name, "estimate": self.estimate, "se": self.se, "low": self.low, "high": self.high}
        told |= {"level": LEVEL, "n": self.n, "clusters": self.clusters, "unit": self.unit, "method": self.method}
        told |= {"p": self.p, "why_no_interval": self.why} | dict(self.more)
        return told | (
            {"cites": [{"id": identity, "turn": turn} for identity, turn in self.cites]} if self.cites else {}
        )

    def _repr_html_(self) -> str:
        return html_of([self])

    def with_more(self, more: Mapping[str, Any]) -> Score:
        """Return the same score with more known of it."""
        return replace(self, more={**self.more, **more})


def html_of(scores: Sequence[Score]) -> str:
    """Return figures as a table in HTML, in which nothing runs: for notebooks."""

    def shown(value: float | None) -> str:
        return "" if value is None else "0" if abs(value) <= ROUNDING else f"{value:.4g}"

    rows = [
        (one.name, shown(one.estimate), f"{shown(one.low)} to {shown(one.high)}" if one.low is not None else one.why,
         shown(one.p), str(one.n), "" if one.clusters is None else str(one.clusters), one.unit, one.method)
        for one in scores
    ]  # fmt: skip
    heads = ("", "estimate", "95 % interval", "p", "n", "groups", "unit", "method")
    cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    rows_ = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<table class="tex2jax_ignore mathjax_ignore"><tr>{head}</tr>{rows_}</table>'


def mean_of(name: str, found: Sequence[float], unit: str, of: str) -> Score:
    """Return the mean of one figure of each independent unit, with Student's t interval where there are five or more.

    `of` says what the units are.
    """
    n = len(found)
    value = fmean(found) if found else None
    sd = stdev(found) if n > 1 else None
    se = None if sd is None else sd / n**0.5
    more, method = {"sd": sd}, f"mean over {of}, Student's t"
    if se is None or value is None or n < FEWEST:
        why = f"no interval: {n} {of}, and fewer than {FEWEST} allow none"
        return Score(name, value, se, None, None, n, None, unit, method, why, more=more)
    if se <= ROUNDING * max(1.0, abs(value)):
        why = "no interval: nothing varies, so that the standard error would be 0"
        return Score(name, value, 0.0, None, None, n, None, unit, method, why, more=more)
    half = quantile(n - 1) * se
    return Score(name, value, se, value - half, value + half, n, None, unit, method, more=more)


def quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t with so many degrees of freedom (4 or more), within 0.001."""
    if freedom - _LEAST_FREEDOM < len(_T):
        return _T[freedom - _LEAST_FREEDOM]
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)  # further on, two terms of its expansion are exact enough
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def called_with(heading: Heading, maker: Callable[..., object]) -> dict[str, Any]:
    """Return all arguments of a heading's form, those that were left out included."""
    usual = {
        name: one.default for name, one in inspect.signature(maker).parameters.items() if one.default is not one.empty
    }
    return usual | dict(heading.arguments)
