"""How long until something happens, where some never saw it happen: Kaplan and Meier's curve, and the log-rank test.

It must never count who was never seen to flip as having flipped at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Watched:
    """Somebody who was watched up to `time`, when it happened (`seen`) or the watching ended."""

    time: float
    seen: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A time at which it happened: to how many of those at risk, and the share left to whom it had not (`left`)."""

    time: float
    at_risk: int
    happened: int
    left: float


def curve(found: Sequence[Watched]) -> tuple[Step, ...]:
    """Return Kaplan and Meier's (1958) curve: a step at each time, S(t) = product of 1 - d/n over the times until t."""
    left, at_risk, steps = 1.0, len(found), list[Step]()
    for time, here in groupby(sorted(found, key=lambda one: one.time), key=lambda one: one.time):
        members = list(here)
        happened = sum(one.seen for one in members)
        if happened:
            left *= 1 - happened / at_risk
            steps.append(Step(time, at_risk, happened, left))
        at_risk -= len(members)
    return tuple(steps)


def median(steps: Sequence[Step]) -> float | None:
    """Return the first time at which it has happened to half or more; None where it never came to that."""
    return next((one.time for one in steps if one.left <= 0.5 + 1e-12), None)


def by_then(steps: Sequence[Step], time: float) -> float:
    """Return the share to whom it has happened by a time."""
    return 1 - next((one.left for one in reversed(steps) if one.time <= time), 1.0)


def excesses(found: Sequence[Watched]) -> list[float]:
    """Return what each adds to the log-rank excess of whatever arm it is in: seen or not, less what was expected."""
    rates = [(one.time, one.happened / one.at_risk) for one in curve(found)]
    return [float(one.seen) - sum(rate for time, rate in rates if time <= one.time) for one in found]


def log_rank(one: Sequence[Watched], other: Sequence[Watched]) -> tuple[float, float]:
    """Return how many more of `one` it happened to than if both were alike, and the variance of that (Mantel 1966).

    Their square over the variance is the test's chi-square, of one degree of freedom.
    """
    times = sorted({each.time for each in (*one, *other) if each.seen})
    excess = variance = 0.0
    for time in times:
        n1, n = (sum(each.time >= time for each in who) for who in (one, (*one, *other)))
        d1, d = (sum(each.seen and each.time == time for each in who) for who in (one, (*one, *other)))
        excess += d1 - d * n1 / n
        if n > 1:
            variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1)
    return excess, variance
