"""Two or more voices in turn, each one's words the next one's input, until one of several plain endings.

It must never end a talk that is still going somewhere: each ending needs everybody's latest words to agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from moot.forms import Close, Form, Move, Post, Speak
from moot.forms.endings import Action, Endings
from moot.transcript import CHAIR, Invalid, Text, Transcript, Turn
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Sequence


def talk(
    *,
    turns: int | None = None,
    prompt: str = "",
    to: Literal["first", "all"] = "first",
    goodbye: Action = "close",
    loop: Action = "close",
    collapse: Action = "close",
    meta: Action = "note",
) -> Form:
    """Return the form of a talk.

    `turns` is the number of spoken turns in all (None: no limit), `prompt` what the chair says first, and `to` who
    hears that: the first speaker alone, whose words then open the talk for the others, or all. What follows where the
    talk shows that it is over is said by `goodbye`, `loop`, `collapse` and `meta`: see `moot.forms.endings`.
    """
    if turns is not None and turns < 0:
        raise Invalid(f"a talk cannot have {turns} turns")
    endings = Endings(goodbye, loop, collapse, meta)

    def move(transcript: Transcript) -> Move:
        names = transcript.heading.names
        if not transcript.turns and prompt:
            return Post(Turn(CHAIR, (Text(prompt),), None if to == "all" else names[:1]))
        spoken = [turn for turn in transcript.turns if turn.speaker != CHAIR and not is_ballot(turn)]
        if turns is not None and len(spoken) >= turns:
            return Close(f"all {turns} turns are spoken")
        return endings.move(transcript, names) or Speak(_next(spoken, names))

    return move


def _next(spoken: Sequence[Turn], names: Sequence[str]) -> str:
    if not spoken:
        return names[0]
    return names[(names.index(spoken[-1].speaker) + 1) % len(names)]
