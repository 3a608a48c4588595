"""A test of few: how often chance alone, by shuffling who was in which arm, would have made as much of a difference.

It must never shuffle what was not free to vary: arms change places within groups that have several, else whole
groups do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.effects import modelled
from moot.measures.engines import SEED, library
from moot.measures.linear import FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures import Score
    from moot.measures.effects import Estimator
    from moot.measures.engines import Array
    from moot.measures.linear import Ways
    from moot.measures.sample import Sample

DRAWS, FEWEST_DRAWS = 9_999, 999
NOTHING = 1e-9
_ROOM = 50_000_000
"""Numbers that are held at once; of a table too large for so many shuffles there are fewer, or none."""


TESTED: tuple[Estimator, ...] = ("shift", "change", "difference", "ancova")
"""Estimators whose null says what may change places; the others have none."""


def by_chance(sample: Sample, found: Sequence[Score]) -> tuple[Score, ...]:
    """Return figures with `p_permutation` beside their p where there are fewer than 30 independent units."""
    parts = dict(sample.levels_of())
    told: list[Score] = []
    for one in found:
        part = parts.get(str(one.more.get("level_of_by")), sample)
        p = _of(part, one) if one.p is not None and sample.weights is None else None
        told.append(one if p is None else one.with_more({"p_permutation": p[0], "permutation": p[1]}))
    return tuple(told)


def _of(sample: Sample, score: Score) -> tuple[float, str] | None:
    estimator: Estimator | None = next((one for one in TESTED if one == score.more.get("estimator")), None)
    arm = score.more.get("arm")
    if estimator is None or (score.clusters or score.n) >= FEW:
        return None
    if estimator == "shift":
        part = sample if sample.arm is None else sample.some(sample.arm == sample.arms.index(str(arm)))
        return None if part.pre is None else sign_p(part.post - part.pre, part.ways)
    if sample.arm is None:
        return None
    part = sample.some((sample.arm == 0) | (sample.arm == sample.arms.index(str(arm))))
    model, np = modelled(part, estimator), library("numpy")
    return permutation_p(model.outcome, model.design[:, 1], np.delete(model.design, 1, axis=1), part.ways)


def permutation_p(outcome: Array, treated: Array, rest: Array, ways: Ways) -> tuple[float, str] | None:
    """Return the two-sided p of an arm against its control, and how it was found; None where nothing can change places.

    The null is that the arm made no difference to anyone (Fisher's). `rest` are the other columns of the regression,
    the constant among them; the statistic is the arm's partial correlation with the outcome, given those.
    """
    np = library("numpy")
    draws = min(DRAWS, _ROOM // max(len(outcome), 1))
    if draws < FEWEST_DRAWS:
        return None
    root, _ = np.linalg.qr(rest)
    left = outcome - root @ (root.T @ outcome)
    strata, blocks, how = _free(treated, ways)
    if strata is None or blocks is None:
        return None
    drawn = shuffles(treated, strata, blocks, draws)
    inside = root.T @ drawn
    spread = drawn.sum(axis=0) - (inside**2).sum(axis=0)  # arms are 0 and 1, so that their squares are themselves
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(spread > NOTHING, np.abs(left @ drawn) / np.sqrt(spread), 0.0)
    beyond = int(np.count_nonzero(size[1:] >= size[0] * (1 - 1e-9)))
    return (beyond + 1) / len(size), f"{how}, {draws:,} shuffles"


def _free(treated: Array, ways: Ways) -> tuple[Array | None, Array | None, str]:
    """Return within which strata arms change places, and which rows move together (each row alone: its own block)."""
    np = library("numpy")
    rows = np.arange(len(treated))
    if not ways.codes:
        return np.zeros(len(treated), dtype=int), rows, "arms shuffled over rows"
    joint = np.unique(np.column_stack(ways.codes), axis=0, return_inverse=True)[1].ravel()
    for codes, named in ((joint, " and ".join(ways.names)), *zip(ways.codes, ways.names, strict=True)):
        if mixed(treated, codes):
            return codes, rows, f"arms shuffled within each {named}"
    for codes, named in zip(ways.codes, ways.names, strict=True):
        if int(codes.max()) > 0:
            return np.zeros(len(treated), dtype=int), codes, f"arms shuffled over whole groups of {named}"
    return None, None, ""


def mixed(treated: Array, codes: Array) -> bool:
    """Whether some group holds both arms; `treated` is 1 and 0, `codes` count groups from 0."""
    np = library("numpy")
    share = np.bincount(codes, treated) / np.bincount(codes)
    return bool(((share > 0) & (share < 1)).any())


def shuffles(treated: Array, strata: Array, blocks: Array, draws: int) -> Array:
    """Return a column for each shuffle, the first being what was: arms of blocks change places within their stratum."""
    np = library("numpy")
    chance = np.random.default_rng(SEED)
    first = np.unique(blocks, return_index=True)[1]
    block = np.unique(blocks, return_inverse=True)[1].ravel()
    arm, stratum = treated[first], strata[first]
    order = np.argsort(stratum, kind="stable")
    keys = chance.random((len(first), draws)) + stratum[order][:, None]
    moved = np.empty((len(first), draws))
    moved[order] = arm[order][np.argsort(keys, axis=0)]
    return np.column_stack([treated, moved[block]]).astype(float)


def sign_p(moved: Array, ways: Ways) -> tuple[float, str] | None:
    """Return the two-sided p of a mean shift by turning signs of whole groups round; the null is symmetry about 0."""
    np = library("numpy")
    counts = ways.counts()
    groups = ways.codes[counts.index(min(counts))] if ways.codes else np.arange(len(moved))
    sums = np.bincount(groups, moved)
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(DRAWS, len(sums)))
    beyond = int(np.count_nonzero(np.abs(signs @ sums) >= abs(float(sums.sum())) * (1 - 1e-9)))
    of = f"groups of {ways.names[counts.index(min(counts))]}" if ways.codes else "rows"
    return (beyond + 1) / (DRAWS + 1), f"signs of {of} turned at random, {DRAWS:,} draws"
