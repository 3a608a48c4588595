"""One participant is asked one question, on a fork, so that the answer colours nothing.

It must never ask twice: the first turn after those that the fork shares ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.forms import Close, Form, Move, Speak, in_seeded_order
from moot.transcript import Invalid, Question, Transcript

if TYPE_CHECKING:
    from moot.transcript import Value


def ask(*, of: str, question: str, options: tuple[Value, ...], after: int, shuffle: bool = False) -> Form:
    """Return the form of a single question to the participant `of`, put after the first `after` turns.

    With `shuffle` the options are shown in an order that the heading's seed and the name decide.
    """
    if not isinstance(options, tuple):  # pyright: ignore[reportUnnecessaryIsInstance] - arguments may come from a file
        raise Invalid(f"a question's options are a list, not {options!r}")
    asked = Question(question, tuple(str(option) for option in options))

    def move(transcript: Transcript) -> Move:
        heading = transcript.heading
        heading.participant(of)
        if len(transcript.turns) > after:
            return Close("the question is answered" if transcript.turns[-1].parts else "the question got no answer")
        order = in_seeded_order(asked.options, heading.seed, of) if shuffle else asked.options
        return Speak(of, Question(asked.text, order))

    return move
