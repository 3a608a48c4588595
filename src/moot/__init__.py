"""moot puts language models and people in conversation with one another, on the record.

    import moot

    async with moot.House("rivers.db") as house:
        talk = await house.begin("local:smollm2", "local:gemma3", topic="Is a river alive?", turns=4)
        print((await house.carry(talk)).turns[-1].text)

Importing this package must never have a side effect or load third-party code; its names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moot.convene import Closed, Pause, Retry, Said, Spoken
    from moot.forms import Close, Post, Speak, Wait
    from moot.measures import Score
    from moot.program import House
    from moot.spending import Caps, Limits
    from moot.transcript import Ballot, Heading, Participant, Question, Text, Thought, Transcript, Turn, digest, freeze

__version__ = "0.1.0"

_HOMES = {
    "moot.convene": ("Closed", "Pause", "Retry", "Said", "Spoken"),
    "moot.forms": ("Close", "Post", "Speak", "Wait"),
    "moot.measures": ("Score",),
    "moot.program": ("House",),
    "moot.spending": ("Caps", "Limits"),
    "moot.transcript": (
        "Ballot", "Heading", "Participant", "Question", "Text", "Thought", "Transcript", "Turn", "digest", "freeze",
    ),
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name of the package when it is first used."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"moot has no {name!r}; it has {', '.join(__all__)}")


__all__ = [
    "Ballot",
    "Caps",
    "Close",
    "Closed",
    "Heading",
    "House",
    "Limits",
    "Participant",
    "Pause",
    "Post",
    "Question",
    "Retry",
    "Said",
    "Score",
    "Speak",
    "Spoken",
    "Text",
    "Thought",
    "Transcript",
    "Turn",
    "Wait",
    "__version__",
    "digest",
    "freeze",
]
