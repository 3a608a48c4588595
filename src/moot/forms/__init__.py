"""Who is next: a form is a pure function from a transcript to a move.

A form must never speak, wait, keep anything to itself or look at anything but the transcript: the same transcript
always gives the same move, which is why a conversation can be resumed, forked and replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.transcript import Invalid, Question, Transcript, Turn, link

if TYPE_CHECKING:
    from moot.transcript import Heading


@dataclass(frozen=True, slots=True)
class Speak:
    """Let this participant speak; where it is asked something, its turn is a ballot that only the chair sees."""

    name: str
    ask: Question | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Put this turn of the chair's on the record."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing more can happen until this participant has spoken, who does so in their own time."""

    name: str


@dataclass(frozen=True, slots=True)
class Close:
    """It is over, and why."""

    reason: str


Move = Speak | Post | Wait | Close
Form = Callable[[Transcript], Move]


def in_seeded_order(options: Sequence[str], seed: int, salt: str) -> tuple[str, ...]:
    """Return the options in an order that only the seed and the salt decide: as good as by chance, and repeatable."""
    return tuple(sorted(options, key=lambda option: link(f"{seed} {salt}", option)))


def open_form(heading: Heading) -> Form:
    """Rebuild the form that a heading names, with its arguments; `Invalid` where there is no such form or argument."""
    from moot.forms.ask import ask  # noqa: PLC0415 - forms import Move from here
    from moot.forms.talk import talk  # noqa: PLC0415 - the same

    shelf: dict[str, Callable[..., Form]] = {"talk": talk, "ask": ask}
    maker = shelf.get(heading.form)
    if maker is None:
        raise Invalid(f"there is no form {heading.form!r}; there are {', '.join(sorted(shelf))}")
    try:
        return maker(**dict(heading.arguments))
    except TypeError as error:
        raise Invalid(f"the form {heading.form!r} was given arguments that it does not take: {error}") from None
