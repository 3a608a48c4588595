"""One participant is asked one question, on a fork, so that the answer colours nothing.

It must never ask twice: the first turn after those that the fork shares ends it.
"""

from __future__ import annotations

from moot.forms import Close, Form, Move, Speak, in_seeded_order
from moot.transcript import Ballot, Question, Transcript, Turn


def ask(*, of: str, question: str, options: tuple[str, ...], after: int, shuffle: bool = False) -> Form:
    """Return the form of a single question to the participant `of`, put after the first `after` turns.

    With `shuffle` the options are shown in an order that the heading's seed and the name decide.
    """
    asked = Question(question, options)

    def move(transcript: Transcript) -> Move:
        heading = transcript.heading
        heading.participant(of)
        if len(transcript.turns) > after:
            return Close(
                "the question is answered" if _answered(transcript.turns[-1]) else "the question got no answer"
            )
        order = in_seeded_order(asked.options, heading.seed, of) if shuffle else asked.options
        return Speak(of, Question(asked.text, order))

    return move


def _answered(turn: Turn) -> bool:
    return any(isinstance(part, Ballot) and part.answer for part in turn.parts)
