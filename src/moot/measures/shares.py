"""Shares of things that happened or did not, with Wilson's interval, also where they come in groups.

It must never take what was said in one conversation for as many independent tries as it has turns.
"""

from __future__ import annotations

from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

from moot.measures import FEWEST, LEVEL, Score

if TYPE_CHECKING:
    from collections.abc import Sequence


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the ends of Wilson's (1927) 95 % interval of a share of n independent tries; n need not be whole."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of(name: str, groups: Sequence[tuple[int, int]], unit: str, of: str) -> Score:
    """Return the share of tries that came off; `groups` are (came off, tries) of each independent group.

    Where groups differ by more than chance, the interval is of as many tries as would be worth as much: n over the
    design effect, which is the variance of the ratio between groups over that of independent tries (Kish 1965, with
    G/(G - 1)); of no more than there are.
    """
    counted = [(done, tries) for done, tries in groups if tries]
    n, units = sum(tries for _, tries in counted), len(counted)
    method = f"share; Wilson's interval, n over the design effect of {of}"
    if not n:
        return Score(name, None, None, None, None, 0, 0, unit, method, "there is nothing to count")
    share = sum(done for done, _ in counted) / n
    if units < FEWEST:
        why = f"no interval: {units} {of}, and fewer than {FEWEST} allow none"
        return Score(name, share, None, None, None, n, units, unit, method, why)
    between = units / (units - 1) * sum((done - share * tries) ** 2 for done, tries in counted) / n**2
    alone = share * (1 - share) / n
    effect = max(1.0, between / alone) if alone else fmean([tries for _, tries in counted])
    low, high = wilson(share, n / effect)
    se = (share * (1 - share) / (n / effect)) ** 0.5
    return Score(
        name, share, se, low, high, n, units, unit, method, more={"came_off": round(share * n), "deff": effect}
    )
