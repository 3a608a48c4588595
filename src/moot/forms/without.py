"""One participant is asked where it stands, on a fork of a conversation from which one turn was left out.

It must never be taken for what happened: its heading says what is missing, and what was said after that turn is as it
was said, in answer to it.
"""

from __future__ import annotations

from moot.forms import Close, Form, Move
from moot.forms.course import first_undone
from moot.forms.stance import asked_of, check_scale, pairs
from moot.transcript import Invalid, Transcript

AS_SAID = "as said in turn"
"""How the mark begins of a turn that was put on such a fork as it had been said; its number there follows."""


def without(*, of: str, claim: str, turn: int, after: int, scale: int = 7, probes: int = 3) -> Form:
    """Return the form of asking the participant `of` where it stands on a claim, by so many `probes` of two ballots.

    It is asked after the first `after` turns here, among which turn number `turn` of the conversation that this is a
    fork of is not (0: nothing was left out, and the others are compared with this one).
    """
    check_scale(claim, scale, probes)
    if turn < 0 or after < 0:
        raise Invalid("turns are counted from 1; 0 leaves nothing out")
    asked = asked_of(of, pairs(claim, scale, probes))

    def move(transcript: Transcript) -> Move:
        transcript.heading.participant(of)
        if len(transcript.turns) < after:
            raise Invalid("some turns that come before the question are not on record here yet: run the command again")
        step, _ = first_undone(asked, transcript.turns[after:])
        return step or Close("the participant has stated where it stands")

    return move
