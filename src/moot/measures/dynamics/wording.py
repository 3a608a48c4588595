"""How near turns are in their words alone, beside which any nearness in meaning has to be seen.

It must never know anything of what words mean: two that are spelled differently have nothing in common.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

from moot.measures.dynamics.meaning import BLOCK
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.engines import Array


class Wording:
    """How often each row has each word, gathered row by row."""

    __slots__ = ("_counts", "_ends", "_known", "_words")

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._words, self._counts, self._ends = array("i"), array("f"), array("q", [0])

    def add(self, its_words: Sequence[Sequence[str]]) -> None:
        """Add a row for each turn."""
        for said in its_words:
            counts = Counter(said)
            self._words.extend(self._known.setdefault(word, len(self._known)) for word in counts)
            self._counts.extend(counts.values())
            self._ends.append(len(self._words))

    def cosines(self, of: Array, to: Array) -> Array:
        """Return the cosine of rows with rows; NaN where either has no word."""
        np, sparse = library("numpy"), library("scipy.sparse")
        size = (len(self._ends) - 1, max(len(self._known), 1))
        table = sparse.csr_matrix((np.asarray(self._counts), np.asarray(self._words), np.asarray(self._ends)), size)
        lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
        found = np.full(len(of), np.nan)
        for at in range(0, len(of), BLOCK):
            one, other = of[at : at + BLOCK], to[at : at + BLOCK]
            shared = np.asarray(table[one].multiply(table[other]).sum(axis=1)).ravel()
            both = lengths[one] * lengths[other]
            found[at : at + BLOCK] = np.where(both > 0, shared / np.where(both > 0, both, 1), np.nan)
        return found
