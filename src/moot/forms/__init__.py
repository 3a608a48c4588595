"""Who is next: a form is a pure function from a transcript to a move.

A form must never speak, wait, keep anything to itself or look at anything but the transcript: the same transcript
always gives the same move, which is why a conversation can be resumed, forked and replayed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from moot.forms.arguments import check_arguments
from moot.transcript import Heading, Invalid, Question, Transcript, Turn, link


@dataclass(frozen=True, slots=True)
class Speak:
    """Let this participant speak: to `heard_by` (None: everyone), or as a ballot where it is asked something."""

    name: str
    ask: Question | None = None
    heard_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Put this turn of the chair's on the record."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing more can happen until this participant has spoken, who does so in their own time; else as `Speak`."""

    name: str
    ask: Question | None = None
    heard_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """It is over, and why."""

    reason: str


Move = Speak | Post | Wait | Close
Form = Callable[[Transcript], Move]


def in_seeded_order(options: Sequence[str], seed: int, salt: str) -> tuple[str, ...]:
    """Return the options in an order that only the seed and the salt decide: as good as by chance, and repeatable."""
    return tuple(sorted(options, key=lambda option: link(f"{seed} {salt}", option)))


Maker = Callable[..., Form]
"""What a form's name stands for: called with a heading's arguments, all by name, it returns the form."""

SHELF: Mapping[str, str] = MappingProxyType(
    {
        name: f"moot.forms.{name}"
        for name in ("talk", "ask", "letters", "interview", "debate", "panel", "trial", "audience", "judge", "without")
    }
)
"""Which file holds which form; each is imported when a heading names it."""

AWAY = "person:web"
"""The voice of a person who is not at this terminal: whoever carries the conversation on waits for them."""

ASSISTANT = "person:assistant"
"""The voice of a model that comes by way of somebody's assistant: it is waited for as well."""


def maker_of(name: str) -> Maker:
    """Return one of moot's own forms by its name; `Invalid` where there is no such form."""
    if name not in SHELF:
        near = difflib.get_close_matches(name, SHELF, 1)
        guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(SHELF))}"
        raise Invalid(f"there is no form {name!r}; {guess}")
    maker: Maker = getattr(import_module(SHELF[name]), name)
    return maker


def open_form(heading: Heading, find: Callable[[str], Maker] = maker_of) -> Form:
    """Rebuild the form that a heading names, with its arguments; `Invalid` where there is no such form or argument.

    `find` returns what a form's name stands for. Of a person who is not here, the form's `Speak` becomes a `Wait`.
    """
    maker = find(heading.form)
    arguments = dict(heading.arguments)
    check_arguments(heading.form, maker, arguments)
    form = maker(**arguments)
    away = {one.name for one in heading.participants if one.voice in (AWAY, ASSISTANT)}
    if not away:
        return form

    def waiting(transcript: Transcript) -> Move:
        match form(transcript):
            case Speak(name, ask, heard_by) if name in away:
                return Wait(name, ask, heard_by)
            case move:
                return move

    return waiting
