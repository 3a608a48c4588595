"""How near turns are in meaning: to what they answer, to where the talk began, and to their own speaker.

It must never give a likeness of meaning alone for accommodation: turns of one topic are alike whoever wrote them, so
the partner's turn is held against turns of others at the same place of other talks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.dynamics.rows import SURROGATES
from moot.measures.dynamics.talks import Across, Figure
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.measures.dynamics.rows import Rows
    from moot.measures.dynamics.talks import Model, Talk
    from moot.measures.engines import Array

BLOCK = 20_000
"""Pairs that are worked on at a time, so that memory stays small."""

TEXTS = 2_000
"""Texts that are made into vectors at a time, for the same reason."""

_PAIR = "two speakers who answer each other"
_MATE = "another conversation (of its topic) of the same length to take a surrogate partner from"
_THREE = f"three answers, and {_MATE}"
_AFTER = "two turns with words in its first third, and one in its last"
_OWN = "two speakers with words in its first and its last third"


def _figures(by: str, what: str) -> tuple[Figure, ...]:
    close = f"{what} of a turn and the other speaker's turn before it, mean over a talk's turns"
    surrogate = f"the same with the turn at that place of up to {SURROGATES} other talks (of the topic)"
    over = "cosine over a whole talk"
    return (
        Figure(f"closeness{by}", "accommodation", "cosine", close, _PAIR),
        Figure(f"surrogate closeness{by}", "accommodation", "cosine", f"{close}; {surrogate}", _MATE),
        Figure(f"accommodation{by}", "accommodation", "cosine", f"{close}, less {surrogate}", _MATE, tested=True),
        Figure(f"accommodation slope{by}", "accommodation", over,
               f"slope on t / T of: {close}; less that of {surrogate}", _THREE, tested=True),
    )  # fmt: skip


BY_WORDS = ", by words"
"""Ends the names of figures that look at shared words alone: what those tell, no meaning is needed for."""

LEXICAL = _figures(BY_WORDS, "cosine of the word counts")
FIGURES = (
    *_figures("", "cosine of the vectors"),
    Figure("topic distance", "drift", "1 - cosine",
           "distance of turns from the topic statement, or else from the opening, mean over turns",
           "a turn with words after its opening"),
    Figure("topic drift", "drift", "1 - cosine",
           "distance from the topic statement, or else from the opening, last third of turns less the first", _AFTER,
           tested=True),
    Figure("topic drift slope", "drift", "1 - cosine over a whole talk",
           "slope on t / T of the distance from the topic statement, or else from the opening",
           "three turns with words after its opening", tested=True),
    Figure("own voice kept", "identity", "cosine",
           "cosine of a speaker's last third with its own first third, less that with the others' first third, mean "
           "over speakers; 0: nobody can be told apart by it", _OWN, tested=True),
)  # fmt: skip


def vectors_of(texts: Sequence[str], model: Model) -> Array:
    """Return a vector a text: 32-bit, of length 1, or 0 where the model finds nothing in it."""
    np = library("numpy")
    found = np.zeros((len(texts), model.dimension), dtype=np.float32)
    for at in range(0, len(texts), TEXTS):
        some = [
            text if text.strip() else "" for text in texts[at : at + TEXTS]
        ]  # white space has tokens, not a meaning
        found[at : at + TEXTS] = model.embed(some)
    return found


def cosines(vectors: Array, others: Array, of: Array, to: Array) -> Array:
    """Return the cosine of rows `of` vectors with rows `to` of others; NaN where either has no direction."""
    np = library("numpy")
    found = np.full(len(of), np.nan)
    for at in range(0, len(of), BLOCK):
        one, other = vectors[of[at : at + BLOCK]], others[to[at : at + BLOCK]]
        both = np.any(one, axis=1) & np.any(other, axis=1)
        found[at : at + BLOCK] = np.where(both, np.einsum("ij,ij->i", one, other), np.nan)
    return found


def accommodation(rows: Rows, near: Callable[[Array, Array], Array], by: str = "") -> Across:
    """Return how near answers are to what they answer, and how much nearer than to surrogates.

    `near` gives the likeness of rows with rows, and `by` ends the figures' names.
    """
    np = library("numpy")
    close, drawn = np.full(len(rows), np.nan), np.full((SURROGATES, len(rows)), np.nan)
    at = np.flatnonzero(rows.answers)
    close[at] = near(at, at - 1)
    for draw in range(SURROGATES):
        partner = rows.partner(draw)
        at = np.flatnonzero((partner >= 0) & np.isfinite(close))
        drawn[draw, at] = near(at, partner[at])
    had = np.isfinite(drawn)
    count = had.sum(axis=0)
    surrogate = np.where(count > 0, np.where(had, drawn, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
    excess = close - surrogate
    even, tilt = rows.even(np.isfinite(excess)), rows.tilt(np.isfinite(excess))
    each = {
        f"closeness{by}": rows.mean(close),
        f"surrogate closeness{by}": rows.summed(even, surrogate),
        f"accommodation{by}": rows.summed(even, excess),
        f"accommodation slope{by}": rows.summed(tilt, excess),
    }
    usual = float(surrogate[count > 0].mean()) if (count > 0).any() else 0.0
    parts = np.where(had, drawn - usual, 0) / np.maximum(count, 1)

    def by_draw(weights: Array) -> Array:
        return np.array([np.bincount(rows.talk, weights * part, len(rows.first)) for part in parts])

    strangers = {f"accommodation{by}": by_draw(even), f"accommodation slope{by}": by_draw(tilt)}
    return Across(each, {f"closeness{by}": close, f"accommodation{by}": excess}, strangers)


def drift(rows: Rows, vectors: Array, talks: Sequence[Talk], model: Model) -> Across:
    """Return how far turns are from their talk's statement, or its opening, which then is no turn that counts."""
    np = library("numpy")
    told = np.any(vectors, axis=1)
    opening = np.full(len(talks), -1)
    spoken = np.flatnonzero(told)
    opening[rows.talk[spoken[::-1]]] = spoken[::-1]  # the first with words, since it is written last
    stated = np.array([bool(one.statement.strip()) for one in talks], dtype=bool)
    start = np.zeros((len(talks), model.dimension), dtype=np.float32)
    start[opening >= 0] = vectors[opening[opening >= 0]]
    if stated.any():
        different = dict.fromkeys(one.statement for one in talks if one.statement.strip())
        known = dict(zip(different, vectors_of(list(different), model), strict=True))
        start[stated] = np.array([known[one.statement] for one in talks if one.statement.strip()])
    everyone = np.arange(len(rows))
    distance = 1 - cosines(vectors, start, everyone, rows.talk)
    distance[opening[(opening >= 0) & ~stated]] = np.nan
    early, late = (rows.mean(np.where(rows.third(last=last), distance, np.nan)) for last in (False, True))
    figures = {"topic distance": rows.mean(distance), "topic drift": late - early}
    return Across(figures | {"topic drift slope": rows.slope(distance)}, {"topic distance": distance})


def own_voice(rows: Rows, vectors: Array) -> Across:
    """Return of each talk how much more a speaker's end is like its own beginning than like the others'."""
    np = library("numpy")
    kept = np.full(len(rows.first), np.nan)
    for at, (first, length) in enumerate(zip(rows.first, rows.length, strict=True)):
        third = length // 3
        if third:
            early, late = slice(first, first + third), slice(first + length - third, first + length)
            starts = _sums(rows.speaker[early], vectors[early])
            ends = _sums(rows.speaker[late], vectors[late])
            kept[at] = _kept(starts, ends)
    return Across({"own voice kept": kept})


def _sums(speakers: Array, vectors: Array) -> dict[int, Array]:
    np = library("numpy")
    found: dict[int, Array] = {}
    for one in set(speakers.tolist()):
        total = vectors[speakers == one].sum(axis=0)
        size = float(np.linalg.norm(total))
        if size > 0:
            found[one] = total / size
    return found


def _kept(starts: dict[int, Array], ends: dict[int, Array]) -> float:
    told: list[float] = []
    for one, end in ends.items():
        others = [float(end @ start) for other, start in starts.items() if other != one]
        if one in starts and others:
            told.append(float(end @ starts[one]) - sum(others) / len(others))
    return sum(told) / len(told) if told else float("nan")
