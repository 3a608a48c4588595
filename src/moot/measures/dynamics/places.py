"""Figures of turns by their place in a talk: what a plot of a talk's course shows.

It must never join places that few talks reach without saying how many do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.measures import FEWEST
from moot.measures.engines import TAIL, library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.measures.dynamics import Study

MOST_PLACES = 100


@dataclass(frozen=True, slots=True)
class Place:
    """The mean of one figure over the turns at one place, from 1, of `n` talks; with an interval of five or more.

    `clusters` is how many of them are independent; None where all are.
    """

    figure: str
    turn: int
    estimate: float
    low: float | None
    high: float | None
    n: int
    clusters: int | None


def places(study: Study, name: str) -> Iterator[Place]:
    """Yield the mean of one of a study's figures of turns at each place; Student's t over what is independent."""
    np, stats = library("numpy"), library("scipy.stats")
    rows, values = study.rows, study.turns[name]
    for at in range(min(int(rows.length.max()), MOST_PLACES)):
        here = np.flatnonzero((rows.place == at) & np.isfinite(values))
        if not len(here):
            continue
        found = values[here].astype(float)
        clusters = None
        if study.units is not None:
            codes = np.unique(study.units[rows.talk[here]], return_inverse=True)[1]
            found = np.bincount(codes, found) / np.bincount(codes)
            clusters = len(found)
        mean, size, low, high = float(found.mean()), len(found), None, None
        if size >= FEWEST and float(found.std()) > 0:
            half = float(stats.t(size - 1).ppf(TAIL)) * float(found.std(ddof=1)) / size**0.5
            low, high = mean - half, mean + half
        yield Place(name, at + 1, mean, low, high, len(here), clusters)
