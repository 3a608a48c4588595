"""What is plain to see of a talk: how long turns are, who says how much, how much is asked, which language it is in.

It must never guess at a language from a few words: a turn of fewer than five words that tell it is in none.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from moot.measures.dynamics.talks import Figure, Found, Heard, mean

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_TOLD = 5
"""Words of one language's most frequent that a turn needs so that it counts as written in it."""

_SPEAKERS = "two speakers and a word"
_LANGUAGE = "two turns whose language can be told"
_QUESTION = "?\uff1f\u061f\u037e"

FIGURES = (
    Figure("turns", "basics", "turns", "turns of a talk", "a turn"),
    Figure("words per turn", "basics", "words", "words of a turn, mean over turns", "a turn"),
    Figure("questions per turn", "basics", "per turn", "turns with a question mark, as a share of turns", "a turn"),
    Figure("balance", "basics", "0 to 1",
           "entropy of the speakers' shares of all words / its largest value; 1 is all the same", _SPEAKERS),
    Figure("share of the most talkative", "basics", "share of words", "largest share of all words", _SPEAKERS),
    Figure("language switches", "basics", "per 100 turns",
           "turns in another language or script than the one before, of those whose language can be told", _LANGUAGE),
)  # fmt: skip

_FREQUENT = {
    "en": "the and of to is that you it for with are this be not what have i my was on",
    "de": "der die und ist das nicht ich ein eine zu mit es den auf für wir sie auch dass wie",
    "fr": "le les et est une pas je vous des que dans pour qui sur nous avec ce il mais c'est",
    "es": "el los y es una que no por con para lo las del se como pero más su mi está",
    "it": "il che di è per non una con sono gli della ma anche mi si come questo più lo ti",
    "pt": "o que não uma com para os mas por mais como eu você ao do da em é isso se",
    "nl": "het een van en dat niet ik je zijn met voor op aan maar ook wat dit wij deze naar",
}
_KNOWN = {
    word: tuple(name for name, words in _FREQUENT.items() if word in words.split())
    for frequent in _FREQUENT.values()
    for word in frequent.split()
}

_SCRIPTS = (
    ("Greek", 0x370, 0x3FF), ("Cyrillic", 0x400, 0x52F), ("Hebrew", 0x590, 0x5FF), ("Arabic", 0x600, 0x6FF),
    ("Devanagari", 0x900, 0x97F), ("Thai", 0xE00, 0xE7F), ("Kana", 0x3040, 0x30FF), ("Han", 0x3400, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7AF),
)  # fmt: skip
_LATIN = "\u024f"


def basics(heard: Heard) -> Found:
    """Return the plain figures of a talk; a language switch is cited by the turn that makes it."""
    turns = heard.talk.turns
    counts = [float(len(said)) for said in heard.words]
    asked = [float(any(mark in turn.text for mark in _QUESTION)) for turn in turns]
    by_speaker: Counter[str] = Counter({turn.speaker: 0 for turn in turns})
    for turn, count in zip(turns, counts, strict=True):
        by_speaker[turn.speaker] += int(count)
    shares = evenness(list(by_speaker.values()))
    switched, told = _switches(heard)
    figures = {
        "turns": float(len(turns)) if turns else None,
        "words per turn": mean(counts),
        "questions per turn": mean(asked),
        "balance": shares,
        "share of the most talkative": None if shares is None else max(by_speaker.values()) / by_speaker.total(),
        "language switches": 100 * len(switched) / (told - 1) if told > 1 else None,
    }
    cites = {"language switches": tuple(switched)} if switched else {}
    return Found(figures, {"words per turn": counts, "questions per turn": asked}, cites)


def evenness(counts: Sequence[int]) -> float | None:
    """Return the entropy of shares over that of equal ones; None where there are not two, or nothing to share."""
    total = sum(counts)
    if len(counts) < 2 or not total:  # noqa: PLR2004 - one alone has all
        return None
    parts = [one / total for one in counts if one]
    return -sum(part * math.log(part) for part in parts) / math.log(len(counts)) + 0.0


def language(said: Sequence[str]) -> str:
    """Return in which language or script words are, or nothing where they do not tell."""
    found: Counter[str] = Counter()
    for word in said:
        if word[0] > _LATIN:
            first = ord(word[0])
            found.update(name for name, low, high in _SCRIPTS if low <= first <= high)
        elif word in _KNOWN:
            for name in _KNOWN[word]:
                found[name] += 1
    best = found.most_common(2)
    clear = best and best[0][1] >= LEAST_TOLD and (len(best) == 1 or best[0][1] > best[1][1])
    name = best[0][0] if clear else ""
    return "Japanese" if name in {"Han", "Kana"} and found["Kana"] else name


def _switches(heard: Heard) -> tuple[list[int], int]:
    was, told = "", 0
    found: list[int] = []
    for turn, said in zip(heard.talk.turns, heard.words, strict=True):
        now = language(said)
        if now:
            told += 1
            if was and now != was:
                found.append(turn.number)
            was = now
    return found, told
