"""How often speakers agree in words, and whether they come to do so more as a talk goes on.

It must never call this agreement of minds: it counts phrases, in English, and a stance is asked for by ballots.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moot.measures.dynamics.talks import Figure, Found, Heard, thirds

if TYPE_CHECKING:
    from collections.abc import Sequence

_PHRASES = (
    r"(?:i|we|and|wholeheartedly|completely|totally|fully|absolutely|entirely|strongly|definitely|certainly|also|do"
    r"|would|both|all) agree(?: with (?:you|that|this|your))?"
    r"|(?:you'?re|you are|you were|that'?s|that is|thats|quite|absolutely|exactly|completely|totally|so) (?:absolutely "
    r"|completely |totally |quite |so |very |exactly |entirely )?(?:right|correct|true)"
    r"|(?:good|great|excellent|fair|valid|strong|important|interesting) point|well (?:said|put)|makes (?:a lot of "
    r"|good |perfect |total )?sense|(?:couldn'?t|could not) agree more|couldn'?t have (?:said|put) it better"
    r"|(?:i|i'?m) (?:also )?(?:feel|think) the same(?: way)?|my thoughts exactly|no doubt|by all means|of course"
    r"|exactly|absolutely|indeed|definitely|precisely|totally|certainly|agreed|sure|yes|yeah|yep"
)
_AGREES = re.compile(rf"\b(?:{_PHRASES})\b")
_NOT = re.compile(
    r"\b(?:not|don'?t|doesn'?t|didn'?t|never|hardly|can'?t|cannot|won'?t|wouldn'?t|isn'?t|aren'?t|if|whether|no) "
    r"(?:\w+ )?$"
)
_BACK = 24

FIGURES = (
    Figure("agreement, first third", "agreement", "phrases per 1,000 words",
           "phrases of agreement (open English list) in the first third of a talk's turns", "words in its first third"),
    Figure("agreement, last third", "agreement", "phrases per 1,000 words",
           "phrases of agreement (open English list) in the last third of a talk's turns", "words in its last third"),
    Figure("agreement drift", "agreement", "phrases per 1,000 words",
           "phrases of agreement (open English list), last third of a talk's turns less the first",
           "words in its first and its last third", tested=True),
)  # fmt: skip


def agreeing(heard: Heard) -> Found:
    """Return how often a talk's speakers agree in words, early and late."""
    counts = [agreements(said) for said in heard.words]
    sizes = [len(said) for said in heard.words]
    early, late = thirds_of(counts, sizes)
    figures = {
        "agreement, first third": early,
        "agreement, last third": late,
        "agreement drift": None if early is None or late is None else late - early,
    }
    return Found(figures, {"phrases of agreement": [float(one) for one in counts]})


def agreements(said: Sequence[str]) -> int:
    """Return how many phrases of agreement stand among words; not those that are denied or in doubt."""
    text = " ".join(said)
    return sum(not _NOT.search(text, max(found.start() - _BACK, 0), found.start()) for found in _AGREES.finditer(text))


def thirds_of(counts: Sequence[int], sizes: Sequence[int]) -> tuple[float | None, float | None]:
    """Return how often something comes up per 1,000 words in the first and the last third of a talk's turns."""
    parts = thirds(len(counts))
    if parts is None:
        return None, None
    early, late = (
        1_000 * sum(counts[at] for at in part) / size if (size := sum(sizes[at] for at in part)) else None
        for part in parts
    )
    return early, late
