"""An open letter, the devil's advocate's reply, a rebuttal, and so on: documents that each stand alone.

It must never let anybody but its writer see a draft, nor count words as a letter that its addressee did not get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.forms import Close, Form, Move, Post, Speak
from moot.forms.course import EDITED
from moot.transcript import CHAIR, Invalid, Text, Transcript, Turn
from moot.view import hears, is_ballot

if TYPE_CHECKING:
    from collections.abc import Sequence


_ALONE = (
    "What you write next is a letter of about {words} words, and nothing besides. It stands alone: it opens with a "
    "salutation, makes sense to somebody who has read nothing else, and ends with the signature {writer}."
)
"""Comes before the task, because small models do what they have read last."""


def letters(
    *, claim: str, author: str, critic: str, exchanges: int = 1, drafts: int = 0, reader: str = "", words: int = 300
) -> Form:
    """Return the form of an exchange of letters about a claim.

    The participant `author` writes an open letter to `reader` for the claim, then there are so many `exchanges`: a
    reply against it by the participant `critic`, the devil's advocate, and the author's rebuttal. Before each letter
    its writer writes so many `drafts` that nobody else hears; `words` is about how long a letter shall be.
    """
    if author == critic:
        raise Invalid(f"letters need two writers: the author and the critic cannot both be {author!r}")
    if not claim.strip() or words < 1 or exchanges < 0 or drafts < 0:
        raise Invalid("letters need a claim and one word or more each, and their exchanges and drafts are 0 or more")

    def move(transcript: Transcript) -> Move:
        for name in (author, critic):
            transcript.heading.participant(name)
        count = 1 + 2 * exchanges
        left: Sequence[Turn] = transcript.turns
        for number in range(count):
            writer, other = (critic, author) if number % 2 else (author, critic)
            aloud = [index for index, turn in enumerate(left) if turn.speaker == writer and hears(turn, other)]
            sent = [index for index in aloud if _says(left[index])]
            if not sent:
                if aloud and all(turn.speaker != CHAIR for turn in left[aloud[-1] :]):
                    return Close(f"{writer} wrote no letter")
                return _next(_steps(writer, _order(number, writer, other), drafts), left, other)
            left = left[sent[0] + 1 :]
        return Close("the letter is written" if count == 1 else f"all {count} letters are written")

    def _order(number: int, writer: str, other: str) -> str:
        to = f" to {reader}" if reader else ""
        match number:
            case 0:
                task = f"Write an open letter{to} that argues for this claim: {claim}"
            case 1:
                task = (
                    f"Answer the open letter as the devil's advocate: write a letter to {other} with the strongest "
                    f"honest case against this claim: {claim}"
                )
            case _ if number % 2:
                task = f"Answer the rebuttal in a further letter to {other}, still against this claim: {claim}"
            case _:
                task = f"Write a rebuttal: a letter to {other} that answers each point made against this claim: {claim}"
        return f"{_ALONE.format(words=words, writer=writer)}\n{task}"

    return move


def _steps(writer: str, order: str, drafts: int) -> tuple[Post | Speak, ...]:
    """Return all that it takes to get one letter, in order."""
    steps: list[Post | Speak] = [_cue(writer, order)]
    for number in range(1, drafts + 1):
        now = "as it is to be sent" if number == drafts else "again, better"
        steps.append(Speak(writer, heard_by=(writer,)))
        steps.append(
            _cue(
                writer,
                f"That was draft {number} of {drafts}, which nobody else has read. See what its sharpest reader would "
                f"find wanting in it, and write the whole letter {now}.",
            )
        )
    return (*steps, Speak(writer))


def _cue(writer: str, words: str) -> Post:
    return Post(Turn(CHAIR, (Text(words),), (writer,)))


def _next(steps: Sequence[Post | Speak], turns: Sequence[Turn], other: str) -> Move:
    """Return the first of the steps that is not on record; the last one never is."""
    at = 0
    for step in steps[:-1]:
        done = next((index for index in range(at, len(turns)) if _is_done(step, turns[index], other)), None)
        if done is None:
            return step
        at = done + 1
    return steps[-1]


def _is_done(step: Post | Speak, turn: Turn, other: str) -> bool:
    match step:
        case Post(cue):
            same = turn.text == cue.text or EDITED in turn.marks
            return same and (turn.speaker, turn.heard_by) == (cue.speaker, cue.heard_by)
        case Speak(name):  # exhaustive
            return turn.speaker == name and not hears(turn, other) and not is_ballot(turn)


def _says(turn: Turn) -> bool:
    return bool(turn.text.strip()) and turn.stop not in ("refusal", "filtered")
