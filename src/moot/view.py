"""A transcript as one participant hears it: the only home of the roles "user" and "assistant".

A view must never merge, trim, reorder, re-render or date anything: with every turn it only grows at its end, so that
each request to a model extends the last one. Fitting it to a wire is a voice's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from moot.transcript import CHAIR, Ballot, Thought

if TYPE_CHECKING:
    from moot.transcript import Transcript, Turn

BARE_PAIR = 2
"""Up to this many participants, the other's words need no name before them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One heard turn: what was said, by whom, and whether the listener is shown the speaker's name.

    `thoughts` are the listener's own of that turn; nobody else's are ever in a view.
    """

    role: Literal["user", "assistant"]
    speaker: str
    text: str
    named: bool = False
    thoughts: tuple[Thought, ...] = ()

    @property
    def words(self) -> str:
        """The text as the listener reads it, with its speaker's name before it where names are shown."""
        return f"{self.speaker}: {self.text}" if self.named else self.text


def view(transcript: Transcript, name: str) -> tuple[Message, ...]:
    """Return the messages that the participant `name` hears, one a turn, in order.

    Own turns are "assistant", everyone else's "user". With two participants the other's words come bare, with more
    each is named; the chair's words are bare only before anyone has spoken, so that no one is taken for the other.
    Ballots are in no view, not even of who gave them: each is answered as if on a fork, and colours nothing.
    """
    transcript.heading.participant(name)
    crowd = len(transcript.heading.participants) > BARE_PAIR
    messages: list[Message] = []
    opened = False
    for turn in transcript.turns:
        if hears(turn, name):
            named = turn.speaker != name and (crowd or (turn.speaker == CHAIR and opened))
            messages.append(_message(turn, name, named=named))
        opened = opened or (turn.speaker != CHAIR and not is_ballot(turn))
    return tuple(messages)


def hears(turn: Turn, name: str) -> bool:
    """Whether a turn reaches the participant `name`: its own always does, but for a ballot."""
    return not is_ballot(turn) and (turn.speaker == name or turn.heard_by is None or name in turn.heard_by)


def is_ballot(turn: Turn) -> bool:
    """Whether a turn answers a question with fixed options, or fails to: such a turn is heard by nobody."""
    return turn.heard_by == () and any(isinstance(part, Ballot) for part in turn.parts)


def _message(turn: Turn, name: str, *, named: bool) -> Message:
    if turn.speaker != name:
        return Message("user", turn.speaker, turn.text, named=named)
    thoughts = tuple(part for part in turn.parts if isinstance(part, Thought))
    return Message("assistant", turn.speaker, turn.text, thoughts=thoughts)
