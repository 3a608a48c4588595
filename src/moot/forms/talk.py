"""Two or more voices in turn, each one's words the next one's input, until one of several plain endings.

It must never end a talk that is still going somewhere: each ending needs everybody's latest words to agree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from moot.forms import Close, Form, Move, Post, Speak
from moot.transcript import CHAIR, Invalid, Text, Transcript, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SAME_ROUNDS = 3
"""How many rounds running everybody must say the same again before a talk counts as a loop."""

PARTING_WORDS = 40
"""A turn longer than this is not a goodbye, whatever it says."""

_PARTING = re.compile(
    r"\b(good\s?bye|bye(?:[ -]bye)?|farewell|see you (?:soon|later|again|next time|around|tomorrow)|take care"
    r"|until (?:next time|we meet again)|so long|talk (?:to you )?(?:soon|later)"
    r"|have a (?:great|good|nice|lovely|wonderful) (?:day|evening|night|one|weekend|time)"
    r"|au revoir|auf wiedersehen|adi[oó]s|ciao)\b",
    re.IGNORECASE,
)


def talk(*, turns: int | None = None, prompt: str = "", to: Literal["first", "all"] = "first") -> Form:
    """Return the form of a talk.

    `turns` is the number of spoken turns in all (None: no limit), `prompt` what the chair says first, and `to` who
    hears that: the first speaker alone, whose words then open the talk for the others, or all.
    """
    # Arguments may come from a file, whatever their types say here.
    if turns is not None and (not isinstance(turns, int) or turns < 0):  # pyright: ignore[reportUnnecessaryIsInstance] - above
        raise Invalid(f"a talk cannot have {turns!r} turns")
    if not isinstance(prompt, str):  # pyright: ignore[reportUnnecessaryIsInstance] - above
        raise Invalid(f"a prompt is text, not {prompt!r}")
    if to not in ("first", "all"):
        raise Invalid(f"a prompt goes to 'first' or 'all', not {to!r}")

    def move(transcript: Transcript) -> Move:
        names = transcript.heading.names
        if not transcript.turns and prompt:
            return Post(Turn(CHAIR, (Text(prompt),), None if to == "all" else names[:1]))
        spoken = [turn for turn in transcript.turns if turn.speaker != CHAIR]
        if turns is not None and len(spoken) >= turns:
            return Close(f"all {turns} turns are spoken")
        ending = _ending(spoken, transcript.turns, len(names))
        return Close(ending) if ending else Speak(_next(spoken, names))

    return move


def _next(spoken: Sequence[Turn], names: Sequence[str]) -> str:
    if not spoken:
        return names[0]
    return names[(names.index(spoken[-1].speaker) + 1) % len(names)]


def _ending(spoken: Sequence[Turn], turns: Sequence[Turn], voices: int) -> str:
    """Say why the talk is over, or nothing.

    The endings look at the latest turns, and only where nobody stepped in after them: a word of the chair's gives the
    talk another round.
    """
    if turns and turns[-1].speaker == CHAIR:
        return ""
    if _all_of(spoken, voices, lambda turn: not turn.text.strip()):
        return "everyone fell silent"
    if _all_of(spoken, voices, lambda turn: turn.stop in ("refusal", "filtered")):
        return "everyone declined to go on"
    if _all_of(spoken, voices, _is_parting):
        return "they said goodbye to each other"
    if _loops(spoken, voices):
        return f"everyone has said the same {SAME_ROUNDS} times running"
    return ""


def _all_of(spoken: Sequence[Turn], voices: int, is_so: Callable[[Turn], bool]) -> bool:
    latest = spoken[-voices:]
    return len({turn.speaker for turn in latest}) == voices and all(map(is_so, latest))


def _is_parting(turn: Turn) -> bool:
    words = turn.text.split()
    return len(words) <= PARTING_WORDS and bool(_PARTING.search(turn.text))


def _loops(spoken: Sequence[Turn], voices: int) -> bool:
    latest = [(turn.speaker, " ".join(turn.text.casefold().split())) for turn in spoken[-voices * SAME_ROUNDS :]]
    return len(latest) == voices * SAME_ROUNDS and len(set(latest)) == voices == len(set(latest[:voices]))
