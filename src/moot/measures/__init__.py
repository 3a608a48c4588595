"""What a conversation did, as numbers: each with its unit, how many it rests on, and how sure it is.

A measure is a function of transcripts. It must never look anything up, draw by chance, or print a figure that hides how
few it is of: where there are too few independent units for an interval, it says so in place of one.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.transcript import Heading

FEWEST = 5
"""Independent units that an interval needs; of fewer, it would say more about chance than about them."""

LEVEL = 0.95

# fmt: off
_T = (2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985, 2.178813, 2.160369, 2.144787,
      2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899, 2.059539,
      2.055529, 2.051831, 2.048407, 2.045230)
# fmt: on
"""The 97.5 % quantile of Student's t for 4, 5, … 29 degrees of freedom, as tables have it."""

_LEAST_FREEDOM = FEWEST - 1


@dataclass(frozen=True, slots=True)
class Score:
    """One figure: its value, in a unit, over `n` independent units.

    `low` and `high` are the ends of its 95 % interval; where it has none, `why` says so. `sd` is the spread over the
    units, where there are two or more.
    """

    name: str
    value: float | None
    unit: str
    n: int
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the score as plain JSON."""
        told = {"name": self.name, "value": self.value, "unit": self.unit, "n": self.n, "sd": self.sd}
        interval = None if self.low is None else [self.low, self.high]
        return told | {"interval": interval, "level": LEVEL if interval else None, "why_no_interval": self.why}


def mean_of(name: str, found: Sequence[float], unit: str, of: str) -> Score:
    """Return the mean of one figure of each independent unit, with Student's t interval where there are five or more.

    `of` says what the units are.
    """
    n = len(found)
    value = fmean(found) if found else None
    sd = stdev(found) if n > 1 else None
    if sd is None or value is None or n < FEWEST:
        return Score(name, value, unit, n, sd, why=f"no interval: {n} {of}, and fewer than {FEWEST} allow none")
    half = quantile(n - 1) * sd / n**0.5
    return Score(name, value, unit, n, sd, value - half, value + half)


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
