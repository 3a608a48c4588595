"""How likely a comparison of two arms is to find an effect, and how many conversations an arm that takes.

It must never promise more than it rests on: two arms of equal size whose rows are independent of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from moot.measures.engines import library
from moot.transcript import Invalid

TAIL = 0.975
"""Of a two-sided test at 5 %."""

USUAL = 0.8
"""The power that is usually asked for."""

MOST = 2**40
_FEWEST = 2
_FAR = 30.0
"""Beyond this shift in standard errors, power is 1 to all digits, and scipy's noncentral t gives none."""


@dataclass(frozen=True, slots=True)
class Power:
    """What a comparison of two arms of `n` rows each can show, by `method`.

    `needed` rows an arm have 80 % power by Student's t; `needed_normal` is the textbook's 2·((1.960+0.842)·sd/effect)²,
    rounded up, which is one or two short of it.
    """

    effect: float
    sd: float
    n: int
    power: float
    needed: int
    needed_normal: int
    method: str


def power_of(effect: float, sd: float, n: int) -> Power:
    """Return the power of a comparison of two arms of n, and the n for 80 %.

    Effect and standard deviation are in the unit of what is measured; the deviation is what is left of a row when
    what is known beforehand (a stance before, a topic) has been adjusted for. `Invalid` where a number is not above 0.
    """
    if effect <= 0 or sd <= 0 or n < 1:
        raise Invalid("an effect, its standard deviation and the number of conversations are greater than 0")
    z = NormalDist()
    exact = 2 * ((z.inv_cdf(TAIL) + z.inv_cdf(USUAL)) * sd / effect) ** 2
    power, by = _power(effect / sd, n)
    method = f"two arms of equal size, two-sided 5 %, difference of means, {by}"
    return Power(effect, sd, n, power, _needed(effect / sd, exact), -int(-exact // 1), method)


def _needed(effect: float, near: float) -> int:
    """Return the smallest n with the usual power: at most a few above what the normal distribution says."""
    low = max(_FEWEST, int(near) - 1)
    if low > MOST:
        return -int(-near // 1)
    while low > _FEWEST and _power(effect, low - 1)[0] >= USUAL:
        low -= 1
    while _power(effect, low)[0] < USUAL:
        low += 1
    return low


def _power(effect: float, n: int) -> tuple[float, str]:
    """Return the power for a standardised effect, and by what; one row an arm has no spread, and so no power."""
    if n < _FEWEST:
        return 0.0, "Student's t"
    freedom, shift = 2 * n - 2, effect * (n / 2) ** 0.5
    if shift > _FAR:
        return 1.0, "Student's t"
    try:
        stats = library("scipy.stats")
    except Invalid:
        return _approximate(freedom, shift), "Student's t, approximated (Abramowitz and Stegun 26.7.5, 26.7.10)"
    critical = stats.t.ppf(TAIL, freedom)
    return float(stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift)), "Student's t"


def _approximate(freedom: int, shift: float) -> float:
    """Return the same without scipy: within 0.003 of it from 4 degrees of freedom up.

    Abramowitz and Stegun, Handbook of Mathematical Functions: 26.7.5 for the quantile of t, 26.7.10 for noncentral t.
    """
    z = NormalDist()
    x = z.inv_cdf(TAIL)
    first, second = (x**3 + x) / 4, (5 * x**5 + 16 * x**3 + 3 * x) / 96
    third = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    critical = x + first / freedom + second / freedom**2 + third / freedom**3
    scale = (1 + critical**2 / (2 * freedom)) ** 0.5
    return sum(1 - z.cdf((critical * (1 - 1 / (4 * freedom)) - one) / scale) for one in (shift, -shift))
