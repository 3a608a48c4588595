"""The likeliest strengths of players from who beat whom: Bradley and Terry's, and Newman's with a parameter for ties.

Both are found by Newton's steps on a likelihood that is concave, for many resamples at once. That of a library was not
used: it ends in circles where nobody ever tied. It must never be asked of players whom no game joins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.engines import Array

STEPS, CLOSE, LONGEST = 200, 1e-10, 2.0
_ROOM = 20_000_000
"""Numbers that are held at once."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Games that are the same, as one: two players, the share won, how often, and the unit that is resampled."""

    left: Array
    right: Array
    share: Array
    count: Array
    unit: Array
    units: int
    of: str


def strengths(size: int, cells: Cells, counts: Sequence[Array], ridge: float) -> Array:
    """Return the likeliest log strengths of each count of the cells, mean 0; a tie is half a win.

    Half of `ridge` times the sum of their squares is taken off the log-likelihood.
    """
    np = library("numpy")
    met, at = np.unique(cells.left * size + cells.right, return_inverse=True)
    played = np.array([np.bincount(at, one) for one in counts]).reshape(-1, len(met))
    won = np.array([np.bincount(at, one * cells.share) for one in counts]).reshape(-1, len(met))
    most = max(1, _ROOM // size**2)
    parts = [
        _newton(size, met, (played[one : one + most], won[one : one + most]), ridge) for one in range(0, len(won), most)
    ]
    return np.concatenate(parts) if parts else np.empty((0, size))


def _newton(size: int, met: Array, games: tuple[Array, Array], ridge: float) -> Array:
    np, expit = library("numpy"), library("scipy.special").expit
    (played, won), i, j = games, met // size, met % size
    ends = np.zeros((len(met), size))
    ends[np.arange(len(met)), i], ends[np.arange(len(met)), j] = 1.0, -1.0
    theta, own = np.zeros((len(won), size)), np.arange(size)
    for _ in range(STEPS):
        chance = expit(theta[:, i] - theta[:, j])
        gradient = (won - played * chance) @ ends - ridge * theta
        bend = played * chance * (1 - chance)
        hessian = np.full((len(won), size, size), 1.0 / size)  # it holds the mean, which no game tells
        hessian[:, i, j] -= bend
        hessian[:, j, i] -= bend
        hessian[:, own, own] += bend @ np.abs(ends) + ridge
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1)
        theta = theta + step * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))[:, None]
        if float(longest.max()) < CLOSE:
            break
    return theta - theta.mean(axis=1, keepdims=True)


def with_ties(size: int, cells: Cells, counts: Sequence[Array]) -> tuple[Array, Array]:
    """Return Newman's likeliest log strengths of each count of the cells, mean 0, and his parameter of ties.

    Newman (2023): with p and q for the strengths, a tie is as likely as 2 v sqrt(pq) is against p + q + 2 v sqrt(pq).
    """
    np = library("numpy")
    met, at = np.unique(cells.left * size + cells.right, return_inverse=True)
    won, lost = cells.share > 0.5, cells.share < 0.5  # noqa: PLR2004 - half is a tie
    rows = [[np.bincount(at, one * which, len(met)) for which in (won, lost, ~won & ~lost)] for one in counts]
    games = np.array(rows, dtype=float).reshape(-1, 3, len(met))
    most = max(1, _ROOM // (size + 1) ** 2)
    parts = [_tied(size, met, games[one : one + most]) for one in range(0, len(games), most)]
    found = np.concatenate(parts) if parts else np.empty((0, size + 1))
    return found[:, :size], found[:, size]


def _tied(size: int, met: Array, games: Array) -> Array:
    """Return strengths, and at the end of each row the parameter of ties; 0 where there was none."""
    np = library("numpy")
    won, lost, tied = games[:, 0], games[:, 1], games[:, 2]
    played, any_tie = won + lost + tied, tied.sum(axis=1) > 0
    i, j = met // size, met % size
    ends = np.zeros((len(met), size + 1))
    ends[np.arange(len(met)), i], ends[np.arange(len(met)), j] = 0.5, -0.5
    at = np.zeros((len(games), size + 1))
    for _ in range(STEPS):
        half, log_tie = at @ ends.T, np.where(any_tie, at[:, size], -np.inf)[:, None]
        top = np.maximum(np.abs(half), log_tie)
        up, down, level = np.exp(half - top), np.exp(-half - top), np.exp(log_tie - top)
        whole = up + down + level
        up, down, level = up / whole, down / whole, level / whole
        gradient = (won - lost - played * (up - down)) @ ends
        gradient[:, size] = np.where(any_tie, (tied - played * level).sum(axis=1), 0.0)
        bend = played * (up + down - (up - down) ** 2)
        hessian = np.einsum("bm,mi,mj->bij", bend, ends, ends, optimize=True)
        crossed = -(played * (up - down) * level) @ ends
        hessian[:, size, :] += crossed
        hessian[:, :, size] += crossed
        hessian[:, size, size] = np.where(any_tie, (played * level * (1 - level)).sum(axis=1), 1.0)
        hessian[:, :size, :size] += 1.0 / size  # it holds the mean, which no game tells
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step).max(axis=1)
        at = at + step * np.minimum(1.0, LONGEST / np.maximum(longest, 1e-300))[:, None]
        if float(longest.max()) < CLOSE:
            break
    at[:, :size] -= at[:, :size].mean(axis=1, keepdims=True)
    at[:, size] = np.where(any_tie, np.exp(at[:, size]) / 2, 0.0)
    return at
