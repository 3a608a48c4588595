"""The words of a text, and counts of them that do not grow with its length.

It must never count a mark or a picture as a word; where a script writes no spaces, each sign counts as a word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 50
"""Words of the window over which MATTR takes its ratios."""

DROP = 0.72
"""Ratio at which MTLD counts a factor as complete (McCarthy and Jarvis 2010)."""

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_IN = rf"(?:[^\W_{_ALONE}]+|[{_MARKS}]+)+"
_WORD = re.compile(rf"[{_ALONE}]|{_IN}(?:'{_IN})*")
_PLAIN = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")

EMOJI = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001faff]")
"""Pictures, one a sign: those that are put together of several count once for each that can be seen alone."""


def words(text: str) -> list[str]:
    """Return the words of a text: Unicode NFC, lower case, the apostrophe straight."""
    if text.isascii():  # the same, much faster
        return _PLAIN.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFC", text).lower().replace("\u2019", "'"))


def pictures(text: str) -> int:
    """Return how many pictures a text has."""
    return 0 if text.isascii() else len(EMOJI.findall(text))


def collapsed(text: str) -> str:
    """Return a text with each run of white space as one space, and none at its ends."""
    return " ".join(text.split())


def mattr(said: Sequence[str], window: int = WINDOW) -> float | None:
    """Return the moving-average type-token ratio (Covington and McFall 2010); None of fewer words than its window.

    A word counts as a type in each window that it is in but for those that its last coming is in too; so one walk
    is enough.
    """
    last: dict[str, int] = {}
    count, types = len(said), 0
    if count < window:
        return None
    final = count - window
    for at, word in enumerate(said):
        first = max(last.get(word, -1) + 1, at - window + 1)
        types += max(min(at, final) - first + 1, 0)
        last[word] = at
    return types / (window * (final + 1))


def mtld(said: Sequence[str], least: int = WINDOW) -> float | None:
    """Return the measure of textual lexical diversity, the mean of both directions; None of fewer words than `least`.

    McCarthy and Jarvis (2010): the mean length of stretches in which the type-token ratio stays above 0.72.
    """
    if len(said) < least:
        return None
    return (_factors(said) + _factors(said[::-1])) / 2


def _factors(said: Sequence[str]) -> float:
    factors, count = 0.0, 0
    types: set[str] = set()
    for word in said:
        count += 1
        types.add(word)
        if len(types) <= DROP * count:
            factors += 1
            count = 0
            types.clear()
    if count:
        factors += (1 - len(types) / count) / (1 - DROP)
    return len(said) / factors if factors else float(len(said))
