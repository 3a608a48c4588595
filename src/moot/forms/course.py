"""A form as a list of steps: which of them are on record, and which is next.

It must never keep count of anything: a step is done where a turn says so, and what others put in between is let be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.forms import Post, Speak
from moot.transcript import CHAIR, Ballot, Invalid, Text, Transcript, Turn
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Question

Step = Post | Speak

EDITED = "edited"
"""The mark of a turn whose words a person has put in place of others."""


def cue(words: str, *hearers: str) -> Post:
    """Return the step in which the chair says something: to these alone, or to everyone where nobody is named."""
    return Post(Turn(CHAIR, (Text(words),), hearers or None))


def first_undone(steps: Sequence[Step], turns: Sequence[Turn]) -> tuple[Step | None, int]:
    """Return the first step that is not on record, and how many turns it took to get there; None where all are done.

    Steps are done in order. A turn that is none of theirs (a word of somebody who stepped in) changes nothing.
    """
    at = 0
    for step in steps:
        done = next((index for index in range(at, len(turns)) if _is_done(step, turns[index])), None)
        if done is None:
            return step, at
        at = done + 1
    return None, at


def _is_done(step: Step, turn: Turn) -> bool:
    match step:
        case Post(posted):
            same = turn.text == posted.text or EDITED in turn.marks  # a person put the chair's words otherwise
            return (turn.speaker, turn.heard_by, same) == (posted.speaker, posted.heard_by, True)
        case Speak(name, None):
            return turn.speaker == name and not is_ballot(turn)
        case Speak(name, ask):  # exhaustive
            given = ballot_of(turn)
            return turn.speaker == name and given is not None and ask is not None and answers(given, ask)


def answers(ballot: Ballot, ask: Question) -> bool:
    """Whether a ballot answers this question: in these words, with these options in this order."""
    return (ballot.question, ballot.options) == (ask.text, ask.options)


def ballot_of(turn: Turn) -> Ballot | None:
    """Return the ballot that a turn is, or None."""
    return next((part for part in turn.parts if isinstance(part, Ballot)), None) if is_ballot(turn) else None


def only_participant(transcript: Transcript, what: str) -> str:
    """Return the name of the one participant; `Invalid` where there are others, who would hear what it is asked of."""
    names = transcript.heading.names
    if len(names) != 1:
        raise Invalid(f"{what} is one alone, not {', '.join(names)}")
    return names[0]
