"""How far a talk says again what it said: within a turn, of what came before, of one's own last turn, and all of it.

It must never take a shared word for repetition: what counts is runs of four words, or whole turns by their letters.
"""

from __future__ import annotations

import zlib
from statistics import fmean
from typing import TYPE_CHECKING

from moot.measures.dynamics.talks import Figure, Found, Heard, mean
from moot.measures.dynamics.words import collapsed
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.measures.dynamics.talks import Said

RUN = 4
ALIKE = 0.9
"""Likeness to one's own last turn from which a turn repeats it."""

LONGEST = 50_000
"""Letters of a turn that are compared with the last: the time grows with their square."""

LOOP = 2
"""Turns in a row, each of which repeats its speaker's last, that make a loop."""

BLOCK = 1_000
"""Bytes that are compressed at a time, since longer text always compresses better."""

_FOUR = "a turn of four words or more"
_OWN = "somebody who speaks twice"
_BYTES = f"{BLOCK:,} bytes of text"

FIGURES = (
    Figure("rep4", "repetition", "share of 4-grams", "1 - different / all 4-grams of a turn, mean over turns", _FOUR),
    Figure("seen4", "repetition", "share of 4-grams",
           "4-grams of a turn that were said in an earlier turn, mean over turns", _FOUR),
    Figure("self-similarity", "repetition", "0 to 1",
           "likeness (rapidfuzz ratio: 1 - indel distance / letters) of a turn to its speaker's last, mean over turns",
           _OWN),
    Figure("longest loop", "repetition", "turns",
           f"longest run of turns that are each {ALIKE} or more like their speaker's last", _OWN),
    Figure("loops", "repetition", "share of conversations",
           f"conversations with a run of {LOOP} or more turns that are each {ALIKE} or more like their speaker's last",
           _OWN, share=True),
    Figure("compression ratio", "repetition", "bytes per compressed byte",
           f"blocks of {BLOCK:,} bytes (white space collapsed) by zlib 9, mean over whole blocks", _BYTES),
    Figure("compression rise", "repetition", "bytes per compressed byte",
           f"the ratio of a talk's last {BLOCK:,} bytes less that of its first", f"twice {_BYTES}", tested=True),
)  # fmt: skip


def repetition(heard: Heard) -> Found:
    """Return how far a talk repeats itself, and where a loop begins."""
    rep4, seen4 = grams(heard.words)
    turns = heard.talk.turns
    same = likeness(turns)
    begins, longest = loop(same)
    told = longest if any(one is not None for one in same) else None
    ratios = compressions(turns)
    figures = {
        "rep4": mean(rep4),
        "seen4": mean(seen4),
        "self-similarity": mean(same),
        "longest loop": told,
        "loops": None if told is None else float(told >= LOOP),
        "compression ratio": fmean(ratios) if ratios else None,
        "compression rise": ratios[-1] - ratios[0] if len(ratios) > 1 else None,
    }
    cites = {"loops": (turns[begins].number,), "longest loop": (turns[begins].number,)} if longest >= LOOP else {}
    return Found(figures, {"rep4": rep4, "seen4": seen4, "self-similarity": same}, cites)


def grams(its_words: Sequence[Sequence[str]]) -> tuple[list[float | None], list[float | None]]:
    """Return of each turn which share of its 4-grams it repeats itself, and which was said in earlier turns.

    The first is that of Welleck et al. (2020), "Neural text generation with unlikelihood training".
    """
    before: set[tuple[str, ...]] = set()
    repeated: list[float | None] = []
    seen: list[float | None] = []
    for said in its_words:
        runs = list(zip(*(said[at:] for at in range(RUN)), strict=False))
        own = set(runs)
        repeated.append(1 - len(own) / len(runs) if runs else None)
        seen.append(sum(run in before for run in runs) / len(runs) if runs else None)
        before |= own
    return repeated, seen


def likeness(turns: Sequence[Said]) -> list[float | None]:
    """Return how alike each turn and its speaker's last one are, 0 to 1; two without a letter are the same."""
    ratio: Callable[[str, str], float] = library("rapidfuzz.fuzz").ratio
    last: dict[str, str] = {}
    found: list[float | None] = []
    for turn in turns:
        now, was = collapsed(turn.text)[:LONGEST], last.get(turn.speaker)
        found.append(None if was is None else 1.0 if now == was else ratio(now, was) / 100)
        last[turn.speaker] = now
    return found


def loop(same: Sequence[float | None]) -> tuple[int, int]:
    """Return at which place the longest run of repeats begins, and how many turns it has."""
    begins = longest = run = 0
    for at, one in enumerate(same):
        run = run + 1 if one is not None and one >= ALIKE else 0
        if run > longest:
            begins, longest = at - run + 1, run
    return begins, longest


def compressions(turns: Sequence[Said]) -> list[float]:
    """Return the compression ratio of each whole block of a talk's text; the last block is the talk's last bytes.

    Shaib et al. (2024), "Standardizing the measurement of text diversity", here of equal lengths.
    """
    text = collapsed(" ".join(turn.text for turn in turns)).encode()
    starts = list(range(0, len(text) - BLOCK + 1, BLOCK))
    if len(starts) > 1:
        starts[-1] = len(text) - BLOCK
    return [BLOCK / len(zlib.compress(text[at : at + BLOCK], 9)) for at in starts]
