"""Which words a turn is found by: the same in every store, whatever its own search would take for a word.

This file must never know a database.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

from moot.store import Hit
from moot.store.rows import UNREADABLE, damaged
from moot.transcript import turn_from_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

LONGEST_WORD = 64
MOST_LETTERS = 200_000
"""Letters of all different words of one turn that are looked through; PostgreSQL takes a megabyte."""

AROUND = 60
"""Characters of a snippet before and after the first word that was found."""

_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # scripts without spaces: each character is a word
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")


def words_of(text: str) -> list[str]:
    """Return the different words of a text without case and accents, in the order in which they come."""
    if text.isascii():
        found = dict.fromkeys(_PLAIN_WORD.findall(text.lower()))
    else:
        spread = unicodedata.normalize("NFKD", text.casefold())
        found = dict.fromkeys(_WORD.findall("".join(one for one in spread if not unicodedata.combining(one))))
    words = list(found if len(text) <= LONGEST_WORD else dict.fromkeys(word[:LONGEST_WORD] for word in found))
    if len(text) <= MOST_LETTERS // 4:  # one letter becomes four at most, in all but texts that nobody writes
        return words
    return list(_within(words, MOST_LETTERS))


def _within(words: Sequence[str], room: int) -> Iterator[str]:
    for word in words:
        room -= len(word)
        if room < 0:
            return
        yield word


def spoken_words(turn: str) -> list[str]:
    """Return the words said aloud in a turn that is given as JSON; a damaged one has none."""
    try:
        return words_of(turn_from_json(json.loads(turn)).text)
    except UNREADABLE:
        return []


def spelt(word: str) -> str:
    """Return a word in ASCII letters, digits and underscores, in which no tokenizer can find another word."""
    return word if word.isascii() else "".join(one if one.isascii() else f"_{ord(one):x}_" for one in word)


def hit(row: tuple[str, int, str, str], looked_for: Collection[str]) -> Hit:
    """Return what was found from a row of id, index, turn as JSON, and time."""
    identity, seq, turn, at = row
    try:
        said = turn_from_json(json.loads(turn))
    except UNREADABLE as error:
        raise damaged(f"turn {seq + 1} of conversation {identity}") from error
    return Hit(identity, seq, said.speaker, snippet(said.text, looked_for), at)


def snippet(text: str, looked_for: Collection[str]) -> str:
    """Return one line of a text around the first of these words."""
    start, end = 0, 0
    for match in re.finditer(rf"[{_ALONE}]|[^\s{_ALONE}]+", text):
        if not set(looked_for).isdisjoint(words_of(match.group())):
            start, end = match.span()
            break
    first, last = max(0, start - AROUND), end + AROUND
    piece = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{piece}{'…' if last < len(text) else ''}"
