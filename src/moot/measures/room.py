"""How much room there was to move: who stood at the end of the scale already, and the share of the rest that was taken.

It must never give a mean of single shares, which one person with little room would rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moot.measures import FEWEST, LEVEL
from moot.measures.engines import SEED, library

if TYPE_CHECKING:
    from moot.measures.engines import Array
    from moot.measures.sample import Sample

DRAWS = 2_000


def room(sample: Sample, scale: tuple[float, float]) -> dict[str, Any]:
    """Return the room report of stances on the persuader's side: plain JSON, shares between 0 and 1."""
    np = library("numpy")
    low, high = scale
    told: dict[str, Any] = {"n": len(sample), "unit": "share of rows"}
    for name, stances in (("pre", sample.pre), ("post", sample.post)):
        if stances is not None:
            told[f"{name}_at_low_end"] = float(np.mean(stances <= low))
            told[f"{name}_at_high_end"] = float(np.mean(stances >= high))
    if sample.pre is None:
        return told
    left = high - sample.pre
    told["room_under_one_point"] = float(np.mean(left < 1))
    told["unmoved"] = float(np.mean(sample.post == sample.pre))
    arms = range(len(sample.arms)) if sample.arm is not None else (None,)
    told["fraction_of_room"] = [_fraction(sample, left, code) for code in arms]
    return told


def _fraction(sample: Sample, left: Array, code: int | None) -> dict[str, Any]:
    np = library("numpy")
    rows = left > 0
    if code is not None and sample.arm is not None:
        rows &= sample.arm == code
    part = sample.some(rows)
    moved = part.post - part.pre if part.pre is not None else part.post
    arm = None if code is None else sample.arms[code]
    units = part.ways.fewest()
    method = "sum of shifts over sum of room where there is any; percentile bootstrap, 2,000 draws"
    told: dict[str, Any] = {"name": "fraction of room", "arm": arm, "n": len(part), "clusters": units}
    told |= {"estimate": None, "se": None, "low": None, "high": None, "level": LEVEL, "unit": "share of room"}
    if not len(part):
        return told | {"method": method, "why_no_interval": "no row has room"}
    room_left = left[rows]
    told |= {"estimate": float(moved.sum() / room_left.sum()), "method": method, "why_no_interval": ""}
    counts = part.ways.counts()
    groups = np.arange(len(part)) if units is None else part.ways.codes[counts.index(units)]
    amount = len(part) if units is None else units
    if amount < FEWEST:
        return told | {"why_no_interval": f"no interval: {amount} independent units, and fewer than 5 allow none"}
    above, below = np.bincount(groups, moved, amount), np.bincount(groups, room_left, amount)
    drawn = _resampled(above, below)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return told | {"se": float(drawn.std(ddof=1)), "low": float(low), "high": float(high)}


def _resampled(above: Array, below: Array) -> Array:
    np = library("numpy")
    chance, amount = np.random.default_rng(SEED), len(above)
    draws = DRAWS if amount <= 50_000 else 200  # noqa: PLR2004 - so many units leave little to chance
    found = np.empty(draws)
    for at in range(draws):
        rows = chance.integers(0, amount, amount)
        found[at] = above[rows].sum() / below[rows].sum()
    return found
