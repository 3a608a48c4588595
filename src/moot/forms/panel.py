"""Many voices on one subject: in turn, as a moderator picks them, or as they raise their hands.

It must never ask the same thing without end: what a ballot leaves open is decided by whose turn it would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from moot.forms import Close, Form, Move, Post, Speak, in_seeded_order
from moot.forms.endings import Action, Endings
from moot.transcript import CHAIR, Ballot, Invalid, Question, Text, Transcript, Turn
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST = 2
"""A panel has at least so many voices, not counting its moderator."""

HANDS = tuple(map(str, range(6)))
"""How much someone wants to speak, from not at all."""

ASKINGS = 2
"""So many times running must nobody want to speak for a panel to be over."""


def panel(
    *,
    turns: int = 12,
    order: Literal["round-robin", "moderator", "hands"] = "round-robin",
    moderator: str | None = None,
    prompt: str = "",
    goodbye: Action = "close",
    loop: Action = "close",
    collapse: Action = "close",
    meta: Action = "note",
) -> Form:
    """Return the form of a panel of all participants but the `moderator`, who only picks the next to speak.

    `turns` is the number of spoken turns in all, `prompt` what the chair says first, to all. For `goodbye`, `loop`,
    `collapse` and `meta` see `moot.forms.endings`.
    """
    if turns < 0:
        raise Invalid(f"a panel cannot have {turns} turns")
    if (order == "moderator") != (moderator is not None):
        raise Invalid("a panel has a moderator where the order is 'moderator', and only there")
    endings = Endings(goodbye, loop, collapse, meta)

    def move(transcript: Transcript) -> Move:
        panelists = _panelists(transcript, moderator)
        if not transcript.turns and prompt:
            return Post(Turn(CHAIR, (Text(prompt),)))
        spoken = [turn.speaker for turn in transcript.turns if turn.speaker in panelists and not is_ballot(turn)]
        if len(spoken) >= turns:
            return Close(f"all {turns} turns are spoken")
        ending = endings.move(transcript, panelists)
        if ending:
            return ending
        salt = f"turn {len(spoken)}"
        in_turn = panelists[(panelists.index(spoken[-1]) + 1) % len(panelists)] if spoken else panelists[0]
        others = tuple(name for name in panelists if name not in spoken[-1:])
        if order == "hands":
            return _by_hands(transcript, others, salt)
        return Speak(in_turn) if moderator is None else _picked(transcript, moderator, others, in_turn)

    return move


def _panelists(transcript: Transcript, moderator: str | None) -> tuple[str, ...]:
    heading = transcript.heading
    if moderator is not None:
        heading.participant(moderator)
    panelists = tuple(name for name in heading.names if name != moderator)
    if len(panelists) < FEWEST:
        raise Invalid(f"a panel needs {FEWEST} voices or more, besides its moderator")
    return panelists


def _picked(transcript: Transcript, moderator: str, others: tuple[str, ...], in_turn: str) -> Move:
    """Let the moderator pick who is next, or let them speak whom it picked: it is asked once a turn."""
    if len(others) == 1:
        return Speak(others[0])
    picks = _answers(transcript.turns, moderator)
    if picks:
        return Speak(picks[-1] if picks[-1] in others else in_turn)
    salt = f"next {sum(turn.speaker != CHAIR for turn in transcript.turns)}"
    return Speak(moderator, Question("Who should speak next?", in_seeded_order(others, transcript.heading.seed, salt)))


def _by_hands(transcript: Transcript, others: tuple[str, ...], salt: str) -> Move:
    """Ask each how much it wants to speak; who wants it most does, of several whom the seed decides."""
    answers = {name: _answers(transcript.turns, name) for name in others}
    for asking in range(ASKINGS):
        for name in others:
            if len(answers[name]) <= asking:
                return Speak(name, Question("How much do you want to speak next, from 0 to 5?", HANDS, asking))
        # an answer that names no option raises no hand
        wish = {name: HANDS.index(answers[name][asking]) if answers[name][asking] in HANDS else 0 for name in others}
        if any(wish.values()):
            order = in_seeded_order(others, transcript.heading.seed, salt)
            return Speak(max(order, key=lambda name: wish[name]))
    return Close("nobody wants to speak")


def _answers(turns: Sequence[Turn], name: str) -> list[str]:
    """Return the answers that `name` gave to ballots since anybody last heard anything."""
    answers: list[str] = []
    for turn in reversed(turns):
        if turn.heard_by != ():
            break
        if turn.speaker == name:
            answers += [part.answer for part in turn.parts if isinstance(part, Ballot)]
    return answers[::-1]
