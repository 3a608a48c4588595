"""How much of what was said lately had been said before: cycles word for word or nearly, and turns without news.

It must never take a list, a quiz or a refrain for a loop: those say something new, if only a word, with every turn.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_CYCLE = 8
"""Turns of the longest cycle that is looked for: three times that is the window."""

ALIKE = 0.8
"""Shared words and pairs of words from which two turns are nearly the same."""

NEWS = 0.04
"""Share of the words of a cycle that may be new to the talk where it repeats only nearly."""

ROUNDS = 4
"""So many rounds must go by without news."""

SEEN = 0.6
"""Share of a turn's runs of four words that were said before, from which it may be stale."""

FRESH_BYTES = 0.15
"""Compressed bytes that a letter of the latest rounds adds at most, given what came before; prose adds 0.3 to 0.5."""

_FOUR = 4
_ENOUGH_WORDS = 60
_SHORT = 4

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def words(text: str) -> list[str]:
    """Return the words of a text, case folded."""
    return _WORD.findall(text.casefold())


def cycle(texts: Sequence[str], its_words: Sequence[list[str]], voices: int) -> tuple[int, int]:
    """Return how many of the latest turns go round, and in how many turns; (0, 0) where they do not.

    A cycle must come three times, and everyone must have said theirs three times. `its_words` are those of each text.
    """
    said = [one or ["".join(text.split())] for one, text in zip(its_words, texts, strict=True)]
    near = [_grams(one) for one in said[-LONGEST_CYCLE - 1 :]]
    # Of most turns this is all that has to be looked at: the latest is like none of those before it.
    periods = [period for period in range(1, len(near)) if _alike(near[-1], near[-1 - period])]
    grams = [_grams(one) for one in said] if periods else []
    for period in periods:
        repeats = max(2 * period, 2 * voices)
        count = repeats + period
        if count > len(said):
            break
        pairs = [(len(said) - 1 - back, len(said) - 1 - back - period) for back in range(repeats)]
        if all(said[late] == said[early] for late, early in pairs):
            return count, period
        if all(_alike(grams[late], grams[early]) for late, early in pairs) and _news(said, repeats) <= NEWS:
            return count, period
    return 0, 0


def staleness(texts: Sequence[str], said: Sequence[list[str]], voices: int) -> int:
    """Return how many of the latest turns held nothing that had not been said before; 0 where some did.

    `said` are the words of each text.
    """
    count = ROUNDS * voices
    if len(texts) <= count or sum(map(len, said[-count:])) < _ENOUGH_WORDS:
        return 0
    seen: set[tuple[str, ...]] = set()
    shares: list[float] = []
    for one in said:
        runs = [tuple(one[at : at + _FOUR]) for at in range(len(one) - _FOUR + 1)] or [tuple(one)]
        shares.append(sum(run in seen for run in runs) / len(runs))
        seen.update(runs)
    if sum(shares[-count:]) < SEEN * count:
        return 0
    return count if _fresh_bytes(texts[:-count], texts[-count:]) <= FRESH_BYTES else 0


def _grams(said: Sequence[str]) -> Counter[object]:
    return Counter([*said, *pairwise(said)])


def _alike(one: Counter[object], other: Counter[object]) -> bool:
    if min(one.total(), other.total()) < 2 * _SHORT - 1:  # of a few words, one more or less makes another sentence
        return one == other
    return 2 * (one & other).total() >= ALIKE * (one.total() + other.total())


def _news(said: Sequence[Sequence[str]], latest: int) -> float:
    """Return the share of the latest turns' words that had not come up before them."""
    before = {word for one in said[:-latest] for word in one}
    ours = [word for one in said[-latest:] for word in one]
    return len(set(ours) - before) / len(ours) if ours else 0.0


def _fresh_bytes(before: Sequence[str], latest: Sequence[str]) -> float:
    """Return the compressed bytes that the latest texts add to those before them, for each of their letters."""
    first, second = (" ".join(" ".join(texts).casefold().split()).encode() for texts in (before, latest))
    return (_packed(first + b" " + second) - _packed(first)) / max(len(second), 1)


def _packed(text: bytes) -> int:
    return len(zlib.compress(text, 6))
