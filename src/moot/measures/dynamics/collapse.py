"""Whether a talk wastes away: turns grow short or lose their words, pictures take over, the same few words remain.

It must never need words to see that there are none: white space, pictures and a stage direction are such.
"""

from __future__ import annotations

from itertools import chain
from statistics import median
from typing import TYPE_CHECKING

from moot.forms.phrases import is_wordless
from moot.measures.dynamics.talks import Figure, Found, Heard, thirds
from moot.measures.dynamics.words import WINDOW, mattr, mtld, pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_STAGED, MOST_STAGED = 400, 12
"""Letters and words above which a turn says more than stage directions do."""

SILENCE = 4
"""Turns in a row without words that make a silence."""

_TURNS = "three turns, the first third with words"
_ENOUGH = f"{WINDOW} words"

FIGURES = (
    Figure("length ratio", "collapse", "ratio",
           "median words of a turn in the last third / in the first third of a talk's turns", _TURNS),
    Figure("turns without words", "collapse", "share of turns", "turns without one word", "a turn"),
    Figure("empty turns", "collapse", "share of turns",
           "turns with no words but a stage direction, or with fewer than pictures", "a turn"),
    Figure("longest silence", "collapse", "turns", "longest run of empty turns", "a turn"),
    Figure("silences", "collapse", "share of conversations",
           f"conversations with a run of {SILENCE} or more empty turns", "a turn", share=True),
    Figure("emoji", "collapse", "per 1,000 characters", "pictures in all of a talk's text", "a character"),
    Figure("MATTR", "collapse", "types per token",
           f"moving-average type-token ratio, windows of {WINDOW} words, over all turns", _ENOUGH),
    Figure("MTLD", "collapse", "words",
           "measure of textual lexical diversity, threshold 0.72, both directions, over all turns", _ENOUGH),
)  # fmt: skip


def collapse(heard: Heard) -> Found:
    """Return how far a talk wastes away, and where its longest silence begins."""
    turns = heard.talk.turns
    counts = [len(said) for said in heard.words]
    empty = [
        not count or (count <= MOST_STAGED and len(turn.text) <= LONGEST_STAGED and is_wordless(turn.text))
        for count, turn in zip(counts, turns, strict=True)
    ]
    emoji = [pictures(turn.text) for turn in turns]
    letters = sum(len(turn.text) for turn in turns)
    begins, longest = _run(empty)
    said = list(chain.from_iterable(heard.words))
    figures = {
        "length ratio": shrinking(counts),
        "turns without words": sum(not one for one in counts) / len(turns) if turns else None,
        "empty turns": sum(empty) / len(turns) if turns else None,
        "longest silence": float(longest) if turns else None,
        "silences": float(longest >= SILENCE) if turns else None,
        "emoji": 1_000 * sum(emoji) / letters if letters else None,
        "MATTR": mattr(said),
        "MTLD": mtld(said),
    }
    found = (turns[begins].number,) if longest >= SILENCE else ()
    cites = {"silences": found, "longest silence": found}
    return Found(figures, {"emoji": [float(one) for one in emoji], "empty turns": [float(one) for one in empty]}, cites)


def shrinking(counts: Sequence[int]) -> float | None:
    """Return the median words of a turn in the last third, as a part of those in the first; None where those are 0."""
    parts = thirds(len(counts))
    if parts is None:
        return None
    early, late = (median(counts[at] for at in part) for part in parts)
    return late / early if early else None


def _run(empty: Sequence[bool]) -> tuple[int, int]:
    begins = longest = run = 0
    for at, one in enumerate(empty):
        run = run + 1 if one else 0
        if run > longest:
            begins, longest = at - run + 1, run
    return begins, longest
