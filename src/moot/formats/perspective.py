"""A conversation as one participant's chat log, for formats that know no others: roles, names and words of its view.

It must never show words that this participant did not hear, nor say that somebody's words are another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from moot.formats.lost import missing
from moot.formats.page import Unreadable, plural
from moot.transcript import CHAIR
from moot.view import hears, is_ballot, view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.formats.page import Imported
    from moot.transcript import Transcript

_ODD = re.compile(r"[\s<|\\/>]+")


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a chat log: its role, who said it, the words, and what the speaker kept to itself."""

    role: Literal["system", "user", "assistant"]
    speaker: str
    words: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How a conversation is told as a chat log: whose view it is, and whether neighbours of one role become one."""

    perspective: str = ""
    merge: bool = False

    def listener(self, transcript: Transcript) -> str:
        """Return whose view is told; the last participant's where nobody is named. `Unreadable` for a stranger."""
        names = transcript.heading.names
        if self.perspective and self.perspective not in names:
            raise Unreadable(f"nobody here is called {self.perspective!r}; there are {', '.join(names)}")
        return self.perspective or names[-1]


def chat(transcript: Transcript, way: Way) -> tuple[Said, ...]:
    """Return a conversation as its listener heard it, the listener's brief first."""
    name = way.listener(transcript)
    brief = transcript.heading.participant(name).brief
    said = [Said("system", CHAIR, brief)] if brief else []
    for one in view(transcript, name):
        thought = "\n\n".join(part.text for part in one.thoughts if part.text)
        said.append(Said(one.role, one.speaker, one.words, thought))
    return tuple(_merged(said)) if way.merge else tuple(said)


def _merged(said: Sequence[Said]) -> Iterator[Said]:
    held: Said | None = None
    for one in said:
        if held is not None and held.role == one.role != "system":
            speaker = held.speaker if held.speaker == one.speaker else ""
            thought = "\n\n".join(text for text in (held.thought, one.thought) if text)
            held = Said(held.role, speaker, f"{held.words}\n\n{one.words}", thought)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def wire_name(name: str) -> str:
    """Return a name as the `name` of a message may be written: without blanks and some signs, at most 64 characters."""
    return _ODD.sub("_", name)[:64]


def unheard(transcript: Transcript, way: Way) -> Iterator[str]:
    """Say how many turns and ballots its listener's view does not show."""
    name = way.listener(transcript)
    ballots = sum(is_ballot(turn) for turn in transcript.turns)
    private = sum(not hears(turn, name) for turn in transcript.turns) - ballots
    if ballots:
        yield f"{plural(ballots, 'ballot')} left out: nobody hears them"
    if private:
        yield f"{plural(private, 'turn')} that {name} did not hear left out"
    if not view(transcript, name):
        yield f"{name} hears nothing, so that there is nothing to read back"


def lost_of(transcript: Transcript, back: Imported, way: Way) -> tuple[str, ...]:
    """Say what a chat log misses, by what would be read back from it."""
    return (*unheard(transcript, way), *missing(transcript, back.transcript))
