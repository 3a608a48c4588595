"""How near turns are in meaning: to what they answer, to where the talk began, and to their own speaker.

It must never give a likeness of meaning alone for accommodation: turns of one topic are alike whoever wrote them, so
the partner's turn is held against turns of others at the same place of other talks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.dynamics.rows import SURROGATES
from moot.measures.dynamics.talks import Figure
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.dynamics.rows import Rows
    from moot.measures.dynamics.talks import Model, Talk
    from moot.measures.engines import Array

BLOCK = 20_000
"""Texts or pairs that are worked on at a time, so that memory stays small."""

_PAIR = "two speakers who answer each other"
_MATE = "another conversation (of its topic) of the same length to take a surrogate partner from"
_THREE = f"three answers, and {_MATE}"
_AFTER = "two turns with words in its first third, and one in its last"
_OWN = "two speakers with words in its first and its last third"

_CLOSE = "cosine of a turn and the other speaker's turn before it, mean over a talk's turns"
_SURROGATE = f"the same with the turn at that place of up to {SURROGATES} other talks (of the topic)"

FIGURES = (
    Figure("closeness", "accommodation", "cosine", _CLOSE, _PAIR),
    Figure("surrogate closeness", "accommodation", "cosine", _SURROGATE, _MATE),
    Figure("accommodation", "accommodation", "cosine", f"{_CLOSE}, less {_SURROGATE}", _MATE, tested=True),
    Figure("accommodation slope", "accommodation", "cosine over a whole talk",
           f"slope on t / T of: {_CLOSE}, less that of {_SURROGATE}", _THREE, tested=True),
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

Columns = dict[str, "Array"]


def vectors_of(texts: Sequence[str], model: Model) -> Array:
    """Return a vector a text: 32-bit, of length 1, or 0 where the model finds nothing in it."""
    np = library("numpy")
    found = np.zeros((len(texts), model.dimension), dtype=np.float32)
    for at in range(0, len(texts), BLOCK):
        found[at : at + BLOCK] = model.embed(texts[at : at + BLOCK])
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


def accommodation(rows: Rows, vectors: Array) -> tuple[Columns, Columns]:
    """Return how near answers are to what they answer, and how much nearer than to surrogates.

    First the columns of talks, then those of turns.
    """
    np = library("numpy")
    close, surrogate = np.full(len(rows), np.nan), np.zeros(len(rows))
    at = np.flatnonzero(rows.answers)
    close[at] = cosines(vectors, vectors, at, at - 1)
    count = np.zeros(len(rows))
    for draw in range(SURROGATES):
        partner = rows.partner(draw)
        at = np.flatnonzero(partner >= 0)
        found = cosines(vectors, vectors, at, partner[at])
        told = np.isfinite(found)
        surrogate[at[told]] += found[told]
        count[at[told]] += 1
    surrogate = np.where(count > 0, surrogate / np.maximum(count, 1), np.nan)
    excess = close - surrogate
    surrogate = np.where(np.isfinite(excess), surrogate, np.nan)
    talks = {
        "closeness": rows.mean(close),
        "surrogate closeness": rows.mean(surrogate),
        "accommodation": rows.mean(excess),
        "accommodation slope": rows.slope(excess),
    }
    return talks, {"closeness": close, "accommodation": excess}


def drift(rows: Rows, vectors: Array, talks: Sequence[Talk], model: Model) -> tuple[Columns, Columns]:
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
    return figures | {"topic drift slope": rows.slope(distance)}, {"topic distance": distance}


def own_voice(rows: Rows, vectors: Array) -> Columns:
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
    return {"own voice kept": kept}


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
