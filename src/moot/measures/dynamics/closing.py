"""Whether a talk goes on saying goodbye after everyone has said it.

It must never take a goodbye in the middle of a turn for one: a farewell counts where a turn ends by it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from moot.forms.phrases import is_parting
from moot.measures.dynamics.talks import Figure, Found, Heard

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_AFTER = 4
"""Turns after a mutual farewell from which a talk is in a closing loop."""

IN_A_ROW = 2
"""Own turns in a row that are farewells, by each of two speakers, which are a closing loop too."""

TAIL = 1_200
"""Letters at the end of a turn that are looked at."""

FIGURES = (
    Figure("turns after goodbye", "closing", "turns",
           "turns after the first farewell (by a turn's last sentence) that answers another speaker's", "two speakers"),
    Figure("closing loops", "closing", "share of conversations",
           f"{MOST_AFTER} or more turns after a mutual farewell, or {IN_A_ROW} own farewells in a row by two speakers",
           "two speakers", share=True),
)  # fmt: skip


def closing(heard: Heard) -> Found:
    """Return how long a talk goes on after a mutual farewell, and where that farewell is."""
    turns = heard.talk.turns
    speakers = [turn.speaker for turn in turns]
    parting = partings([turn.text for turn in turns])
    if len(set(speakers)) < IN_A_ROW:
        return Found({"turns after goodbye": None, "closing loops": None})
    at = mutual(speakers, parting)
    after = 0 if at is None else len(turns) - 1 - at
    stuck = sum(_longest(parting, speakers, one) >= IN_A_ROW for one in set(speakers)) > 1
    flagged = at is not None and (after >= MOST_AFTER or stuck)
    figures = {"turns after goodbye": float(after), "closing loops": float(flagged)}
    cites = {"turns after goodbye": (turns[at].number,)} if at is not None else {}
    if flagged and at is not None:
        cites["closing loops"] = (turns[at].number,)
    return Found(figures, {"farewell": [float(one) for one in parting]}, cites)


def partings(texts: Sequence[str]) -> list[bool]:
    """Say of each turn whether it ends by a farewell; an echo ("You too!") is one where it follows one."""
    found: list[bool] = []
    for text in texts:
        kind = is_parting(text[-TAIL:])
        found.append(kind == "farewell" or (kind == "echo" and bool(found) and found[-1]))
    return found


def mutual(speakers: Sequence[str], parting: Sequence[bool]) -> int | None:
    """Return the place of the first farewell that answers another speaker's of the round before; None without one."""
    voices = len(set(speakers))
    for at, said in enumerate(parting):
        before = range(max(at - voices, 0), at)
        if said and any(parting[one] and speakers[one] != speakers[at] for one in before):
            return at
    return None


def _longest(parting: Sequence[bool], speakers: Sequence[str], speaker: str) -> int:
    own = [said for said, who in zip(parting, speakers, strict=True) if who == speaker]
    return max((len(list(run)) for said, run in groupby(own) if said), default=0)
