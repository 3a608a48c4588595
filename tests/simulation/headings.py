"""The conversations of a simulation: every form, kept so short that thousands of them can be gone through."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from moot.forms import AWAY
from moot.transcript import Heading, Participant, freeze

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIANTS = 8

_CLAIM = "Rivers are alive."

SHAPES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("Ada Bo", "talk", {"turns": 4, "prompt": "Begin."}),
    ("Ada Bo", "talk", {"prompt": "Begin.", "to": "all"}),
    ("Ada Bo Cy", "talk", {"turns": 4}),
    ("Ada Me", "talk", {"turns": 4, "prompt": "Begin."}),
    ("Me Bo", "interview", {"asker": "Me", "answerer": "Bo", "questions": 2}),
    ("Ada Bo", "interview", {"asker": "Ada", "answerer": "Bo", "topic": _CLAIM}),
    ("Ada Bo", "letters", {"claim": _CLAIM, "author": "Ada", "critic": "Bo", "words": 5}),
    ("Ada Bo", "letters", {"claim": _CLAIM, "author": "Ada", "critic": "Bo", "words": 5, "drafts": 1, "exchanges": 0}),
    (
        "Ada Bo Cy",
        "debate",
        {"motion": _CLAIM, "proposition": "Ada", "opposition": "Bo", "judges": ["Cy"], "rounds": 0, "reasons": False},
    ),
    (
        "Ada Bo Me",
        "debate",
        {"motion": _CLAIM, "proposition": "Ada", "opposition": "Bo", "judges": ["Me"], "rounds": 0, "cross": 1},
    ),
    ("Ada Bo Cy", "panel", {"turns": 3, "order": "moderator", "moderator": "Cy"}),
    ("Ada Bo Cy", "panel", {"turns": 2, "order": "hands", "prompt": "Begin."}),
    ("Ada Bo", "trial", {"claim": _CLAIM, "target": "Ada", "persuader": "Bo", "probes": 1, "turns": 2}),
    ("Ada Bo", "trial", {"claim": _CLAIM, "target": "Ada", "persuader": "Bo", "probes": 1, "arm": "message"}),
    ("Ada", "judge", {"rubric": "Be fair.", "a": ["One."], "b": ["Two."]}),
    ("Ada", "audience", {"claim": _CLAIM, "pieces": ["One.", "Two."], "check": False}),
)


@cache
def heading_of(shape: int, variant: int) -> Heading:
    """Return one of the conversations there are: a shape, and what makes its words others."""
    names, form, arguments = SHAPES[shape]
    people = [
        Participant(name, AWAY)
        if name == "Me"
        else Participant(
            name,
            f"sim:{variant}",
            f"You are {name}.",
            freeze({"ballots": ("schema", "parse", "grammar")[(variant + at) % 3]}),
        )
        for at, name in enumerate(names.split())
    ]
    return Heading(tuple(people), form=form, arguments=freeze(arguments), seed=variant)
