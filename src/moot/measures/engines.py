"""The libraries that statistics stand on, each imported when it is first needed, and one figure as all of them give it.

It must never be imported for its libraries' sake: without the extra `measures` moot works, and says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from moot.measures import FEWEST, LEVEL, Score
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

SEED = 20260101
"""Of every resampling, so that the same table gives the same figures."""

TAIL = (1 + LEVEL) / 2

_NOTHING = 1e-10
"""A standard error that is smaller than this part of the outcome's spread is none: what is left is rounding."""


def library(name: str) -> ModuleType:
    """Return a library of the extra `measures`; `Invalid`, with what to install, where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        missing = name.partition(".")[0]
        raise Invalid(f'statistics need {missing}, which is not here: pip install "moot[measures]"') from None


def versions(*names: str) -> dict[str, str]:
    """Return which releases of libraries figures come from."""
    return {name: str(library(name).__version__) for name in names}


def missing(name: str, n: int, unit: str, method: str, why: str) -> Score:
    """Return a figure that cannot be given, and why."""
    return Score(name, None, None, None, None, n, None, unit, method, why)


def finite(value: float | None) -> float | None:
    """Return a plain number, or None for what is none."""
    return float(value) if value is not None and math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure a figure is: its standard error, the degrees of freedom of its t (None: normal), its units."""

    se: float | None
    freedom: float | None
    units: int
    of: str
    spread: float = 1.0
    tested: bool = True

    def why_not(self) -> str:
        """Return why there is no interval; empty where there is one."""
        if self.units < FEWEST:
            return f"no interval: {self.units} independent {self.of}, and fewer than {FEWEST} allow none"
        if self.freedom is not None and self.freedom < 1:
            return f"no interval: {self.units} {self.of} leave nothing to judge the error by"
        if self.se is None or not math.isfinite(self.se):
            return "no interval: the standard error cannot be computed (an arm of one row, or no spread)"
        if self.se <= _NOTHING * self.spread:
            return "no interval: nothing varies, so that the standard error would be 0"
        return ""

    def shown(self) -> float | None:
        """Return the standard error, without what is only rounding."""
        return 0.0 if self.se is not None and self.se <= _NOTHING * self.spread else self.se


def interval(value: float, sure: Certainty) -> tuple[float | None, float | None, float | None]:
    """Return low, high and the two-sided p of a figure; all None where `sure.why_not()` says so."""
    if sure.why_not() or sure.se is None:
        return None, None, None
    stats = library("scipy.stats")
    known = stats.norm if sure.freedom is None else stats.t(sure.freedom)
    half = float(known.ppf(TAIL)) * sure.se
    p = 2 * float(known.sf(abs(value) / sure.se)) if sure.tested else None
    return value - half, value + half, p


def holm(found: Sequence[Score]) -> tuple[Score, ...]:
    """Return figures of one family with p as Holm adjusts it, and of how many comparisons they are."""
    return _adjusted(found, "holm", "p_holm")


def benjamini_hochberg(found: Sequence[Score]) -> tuple[Score, ...]:
    """Return figures that nobody planned, with p as Benjamini and Hochberg (1995) adjust it, and how many they are."""
    return _adjusted(found, "fdr_bh", "p_bh")


def _adjusted(found: Sequence[Score], method: str, called: str) -> tuple[Score, ...]:
    tests = [one.p for one in found if one.p is not None]
    counted = {"comparisons": len(tests)}
    if len(tests) < 2:  # noqa: PLR2004 - one comparison needs no adjustment
        return tuple(one.with_more(counted | {called: one.p}) for one in found)
    corrected = iter(library("statsmodels.stats.multitest").multipletests(tests, method=method)[1])
    told = [None if one.p is None else float(next(corrected)) for one in found]
    return tuple(one.with_more(counted | {called: p}) for one, p in zip(found, told, strict=True))
