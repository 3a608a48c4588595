"""One asks, one answers: a question at a time, for as many as there are, over as many days as it takes.

It must never put a question of its own: whoever asks does, and what the chair says first is heard by nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.forms import Close, Form, Move, Post, Speak
from moot.transcript import CHAIR, Invalid, Text, Transcript, Turn
from moot.view import hears

if TYPE_CHECKING:
    from collections.abc import Sequence


def interview(*, asker: str, answerer: str, questions: int | None = None, topic: str = "") -> Form:
    """Return the form of an interview of the participant `answerer` by the participant `asker`.

    `questions` is how many there are (None: until the asker has no more); with a `topic` the chair tells the asker
    alone what to ask about.
    """
    if asker == answerer:
        raise Invalid(f"an interview needs two: {asker!r} cannot both ask and answer")
    if questions is not None and questions < 1:
        raise Invalid(f"an interview has one question or more, not {questions}")

    def move(transcript: Transcript) -> Move:
        for name in (asker, answerer):
            transcript.heading.participant(name)
        turns = transcript.turns
        if topic and not any(turn.speaker == asker or turn.heard_by == (asker,) for turn in turns):
            return Post(Turn(CHAIR, (Text(_cue(answerer, topic, questions)),), (asker,)))
        asked, waiting = _course(turns, asker, answerer)
        if waiting:
            return Speak(answerer)
        if questions is not None and asked >= questions:
            return Close("the question is answered" if questions == 1 else f"all {questions} questions are answered")
        return Close(f"{asker} has no more questions") if _is_silent(turns, asker, answerer) else Speak(asker)

    return move


def _cue(answerer: str, topic: str, questions: int | None) -> str:
    count = (
        ""
        if questions is None
        else " You have one question."
        if questions == 1
        else f" You have {questions} questions."
    )
    return (
        f"You interview {answerer} about this: {topic}\n"
        f"Ask one short question at a time, and let each follow from the answer before.{count} Ask the first one now."
    )


def _course(turns: Sequence[Turn], asker: str, answerer: str) -> tuple[int, bool]:
    """Return how many questions were asked, and whether the last of them waits for its answer.

    What the asker adds before the answer belongs to the same question.
    """
    asked, waiting = 0, False
    for turn in turns:
        if waiting and turn.speaker == answerer and hears(turn, asker):
            waiting = False
        elif turn.speaker == asker and hears(turn, answerer) and _says(turn):
            asked, waiting = asked if waiting else asked + 1, True
    return asked, waiting


def _is_silent(turns: Sequence[Turn], asker: str, answerer: str) -> bool:
    """Whether the asker had the word and asked nothing; a word of the chair's since gives another chance."""
    for turn in reversed(turns):
        if turn.speaker == CHAIR:
            return False
        if turn.speaker == asker and hears(turn, answerer):
            return not _says(turn)
    return False


def _says(turn: Turn) -> bool:
    return bool(turn.text.strip()) and turn.stop not in ("refusal", "filtered")
