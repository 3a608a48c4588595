"""Conversations as the measures of dynamics take them, whether from moot's record or from anyone's table.

It must never hold what nobody said to the others: the chair's words, ballots and private turns are no part of a talk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from moot.transcript import CHAIR
from moot.view import is_ballot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moot.measures.engines import Array
    from moot.transcript import Transcript

Subject = Literal[
    "repetition", "closing", "collapse", "accommodation", "drift", "coordination", "style", "agreement", "identity",
    "themes", "basics",
]  # fmt: skip
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said: one turn, by the number that its conversation gives it."""

    speaker: str
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation, its turns in order.

    Talks of one `unit` are not independent (empty: the talk is its own). A surrogate partner comes from another talk
    of the same `topic`. `statement` is the topic written out. `voices` says what stands behind a speaker's name.
    """

    id: str
    turns: tuple[Said, ...]
    unit: str = ""
    topic: str = ""
    statement: str = ""
    voices: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Model:
    """What turns texts into vectors of length 1 (or 0, where it finds nothing in them), and exactly which one it is."""

    name: str
    version: str
    dimension: int
    hash: str
    embed: Callable[[Sequence[str]], Array]

    def as_json(self) -> dict[str, str | int]:
        """Return which model it is as plain JSON."""
        return {"name": self.name, "version": self.version, "dimension": self.dimension, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Heard:
    """A talk with the words of each of its turns."""

    talk: Talk
    words: tuple[list[str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one subject finds in one talk: its figures, those of each turn, and the turns that a figure rests on.

    None stands for what cannot be told. `cites` are numbers of turns.
    """

    figures: Mapping[str, float | None]
    turns: Mapping[str, Sequence[float | None]] = field(default_factory=dict[str, "Sequence[float | None]"])
    cites: Mapping[str, Sequence[int]] = field(default_factory=dict[str, "Sequence[int]"])


@dataclass(frozen=True, slots=True)
class Across:
    """What a subject finds that needs all talks: columns of talks, of turns, and of what strangers do.

    `strangers` tell, for a figure that is held against surrogates, how much each draw's surrogate makes of it, less
    what it makes on average: an array of draws x talks.
    """

    each: Mapping[str, Array]
    turns: Mapping[str, Array] = field(default_factory=dict[str, "Array"])
    strangers: Mapping[str, Array] = field(default_factory=dict[str, "Array"])


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure of each talk is called, measures, and needs so that it can be told.

    `share` says that it is 0 or 1, so that its mean is a share of talks; `tested` that 0 would mean that nothing is
    going on, so that a p is told.
    """

    name: str
    subject: Subject
    unit: str
    method: str
    needs: str
    share: bool = False
    tested: bool = False


def talk_of(identity: str, transcript: Transcript, unit: str = "") -> Talk:
    """Return a transcript as a talk; turns keep their numbers, which count from 1."""
    said = tuple(
        Said(turn.speaker, turn.text, number)
        for number, turn in enumerate(transcript.turns, 1)
        if turn.speaker != CHAIR and turn.heard_by is None and not is_ballot(turn)
    )
    head = transcript.heading
    voices = {one.name: one.voice for one in head.participants}
    return Talk(identity, said, unit, head.topic, head.topic, voices)


def mean(found: Sequence[float | None]) -> float | None:
    """Return the mean of what can be told, or None."""
    told = [one for one in found if one is not None]
    return sum(told) / len(told) if told else None


def thirds(count: int) -> tuple[range, range] | None:
    """Return the places of the first and the last third of so many turns; None where a third is not even one turn."""
    third = count // 3
    return (range(third), range(count - third, count)) if third else None
