"""How much of an error a few rows or groups decide: the degrees of freedom that Bell and McCaffrey leave to t.

It must never be taken for a remedy where an arm rests on one group: then nothing tells the error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.engines import TAIL, library

if TYPE_CHECKING:
    from moot.measures.engines import Array

MOST_GROUPS = 5_000
"""Groups beyond which no few of them decide an error unless rows do."""

WIDER = 1.03
"""By how much t must widen an interval before its corrected freedom is used in place of the usual one."""

_ALONE = 1e-9


def freedom(design: Array, at: int, groups: Array | None) -> float | None:
    """Return Bell and McCaffrey's freedom of a coefficient's error; None where groups are too many to matter.

    `design` is as least squares saw it: times the root of the weights, if there are any.
    """
    np = library("numpy")
    inverse = np.linalg.inv(design.T @ design)
    toward = design @ inverse[at]
    if groups is None:
        share = np.einsum("ij,jk,ik->i", design, inverse, design)
        raised = toward / np.sqrt(np.maximum(1 - share, _ALONE))
        return _satterthwaite(raised**2, design * raised[:, None], inverse)
    amount = int(groups.max()) + 1
    if amount > MOST_GROUPS:
        return None
    order = np.argsort(groups, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(groups, minlength=amount))[:-1])
    root = np.linalg.cholesky(inverse)
    own, pulled = np.empty(amount), np.empty((amount, design.shape[1]))
    for one, inside in enumerate(rows):
        part = design[inside]
        vectors, sizes, _ = np.linalg.svd(part @ root, full_matrices=False)
        rest = 1 - np.minimum(sizes**2, 1)
        factor = np.where(rest > _ALONE, 1 / np.sqrt(np.maximum(rest, _ALONE)), 0.0)
        raised = toward[inside] + vectors @ ((factor - 1) * (vectors.T @ toward[inside]))
        own[one], pulled[one] = raised @ raised, part.T @ raised
    return _satterthwaite(own, pulled, inverse)


def _satterthwaite(own: Array, pulled: Array, inverse: Array) -> float:
    """Return how free the variance would be of chance if all errors were alike and apart."""
    np = library("numpy")
    crossed = pulled.T @ pulled @ inverse
    trace = own.sum() - np.trace(crossed)
    lost = np.einsum("ij,jk,ik->i", pulled, inverse, pulled)
    square = (own**2).sum() - 2 * (own * lost).sum() + np.trace(crossed @ crossed)
    return float(trace**2 / square) if square > 0 else 0.0


def matters(least: float, usual: float) -> bool:
    """Whether the corrected freedom makes an interval so much wider that the usual one would be too narrow."""
    t = library("scipy.stats").t
    return bool(t.ppf(TAIL, max(least, 1.0)) > WIDER * t.ppf(TAIL, max(usual, 1.0)))
