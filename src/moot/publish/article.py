"""An article: which words of recorded conversations leave, and as what they are set.

It must never change a word of the record, nor let out what was for few: briefs, thoughts and private turns stay behind
unless they were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from moot.transcript import CHAIR, Ballot, Invalid, Text, Thought

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from moot.publish.overlay import Overlay
    from moot.transcript import Heading, Transcript, Turn

Kind = Literal["letter", "said", "chair", "vote", "thought"]
Held = Literal["briefs", "thoughts", "private"]

HELD: tuple[Held, ...] = ("briefs", "thoughts", "private")
"""What stays behind unless it is asked for."""

_SIDES = {"proposition": "for the motion", "opposition": "against the motion"}
_STOPS = {"refusal": "declined", "filtered": "withheld", "interrupted": "broken off", "length": "cut short"}


@dataclass(frozen=True, slots=True)
class Source:
    """A recorded conversation: its id, its words, when each turn was put on record (ISO 8601), and how it closed."""

    id: str
    transcript: Transcript
    at: tuple[str, ...] = ()
    closed: str = ""

    @property
    def day(self) -> str:
        """The day on which it began, as YYYY-MM-DD; empty where nobody knows."""
        return (self.transcript.heading.started or (self.at[0] if self.at else ""))[:10]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is read: who says it, in which turn, as what, the day, a label, remarks and editorial notes."""

    speaker: str
    number: int
    kind: Kind
    words: str
    day: str = ""
    label: str = ""
    remark: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Who takes part: the name, who speaks for it, and its brief where briefs are let out."""

    name: str
    voice: str
    role: str = ""
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One conversation as it is read; `key` names it in addresses, `question` is its claim or motion."""

    key: str
    id: str
    kind: str
    overlay: Overlay
    title: str
    day: str
    question: str
    question_is: str
    people: tuple[Person, ...]
    entries: tuple[Entry, ...]
    outcome: str = ""


def pieces(sources: Sequence[Source], overlays: Sequence[Overlay], kept_in: Collection[str] = ()) -> tuple[Piece, ...]:
    """Return conversations as they are read; `Invalid` where a note belongs to a turn that is not among them."""
    keys = short([one.id for one in sources])
    return tuple(
        _piece(source, overlay, key, kept_in) for source, overlay, key in zip(sources, overlays, keys, strict=True)
    )


def short(ids: Sequence[str], least: int = 8) -> tuple[str, ...]:
    """Return the shortest beginnings of ids that tell them apart, as long for all."""
    size = least
    while len({one[:size] for one in ids}) < len(set(ids)):
        size += 1
    return tuple(one[:size] for one in ids)


def _piece(source: Source, overlay: Overlay, key: str, kept_in: Collection[str]) -> Piece:
    heading = source.transcript.heading
    arguments = dict(heading.arguments)
    motion, claim = str(arguments.get("motion") or ""), str(arguments.get("claim") or "")
    entries = tuple(_entries(source, overlay, kept_in))
    loose = sorted(set(dict(overlay.notes)) - {one.number for one in entries})
    if loose:
        raise Invalid(f"there is a note to turn {loose[0]} of {key}, but no such turn is published")
    return Piece(
        key,
        source.id,
        heading.form,
        overlay,
        overlay.title or heading.title or heading.topic or motion or claim or ", ".join(heading.names),
        source.day,
        motion or claim,
        "Motion" if motion else "Claim",
        tuple(_people(heading, kept_in)),
        entries,
        source.closed if heading.form == "debate" else "",
    )


def _people(heading: Heading, kept_in: Collection[str]) -> Iterator[Person]:
    sides = {value: _SIDES[name] for name, value in heading.arguments if name in _SIDES}
    for one in heading.participants:
        kind, _, rest = one.voice.partition("?")[0].partition(":")
        told = kind if kind in ("person", "script", "replay") or not rest else f"{kind}:{rest}"
        told = rest if kind == "unknown" and rest else told  # of an imported model only its name is known
        yield Person(one.name, told, sides.get(one.name, ""), one.brief if "briefs" in kept_in else "")


def _entries(source: Source, overlay: Overlay, kept_in: Collection[str]) -> Iterator[Entry]:
    heading, notes, letters = source.transcript.heading, dict(overlay.notes), 0
    sides = {value: _SIDES[name] for name, value in heading.arguments if name in _SIDES}
    for number, turn in enumerate(source.transcript.turns, 1):
        if not _leaves(turn, kept_in):
            continue
        day = heading.started[:10] or "".join(source.at[number - 1 : number])[:10]
        only = "" if turn.heard_by is None else f"to {', '.join(turn.heard_by) or 'nobody'} only"
        remark = " · ".join(filter(None, (only, _STOPS.get(turn.stop, ""), *turn.marks)))
        mine = (notes[number],) if number in notes else ()
        thoughts = "\n\n".join(part.text for part in turn.parts if isinstance(part, Thought) and part.text)
        if thoughts and "thoughts" in kept_in:
            yield Entry(turn.speaker, number, "thought", thoughts, day, "thought")
        votes = [part for part in turn.parts if isinstance(part, Ballot)]
        if votes:
            words = "\n\n".join(f"{one.question}\n\n**{one.answer or 'no option'}**" for one in votes)
            yield Entry(turn.speaker, number, "vote", words, day, "votes", remark, mine)
            continue
        is_letter = heading.form == "letters" and turn.speaker != CHAIR and turn.heard_by is None and turn.text.strip()
        label = _letter(letters) if is_letter else sides.get(turn.speaker, "")
        letters += bool(is_letter)
        kind: Kind = "letter" if is_letter else "chair" if turn.speaker == CHAIR else "said"
        yield Entry(turn.speaker, number, kind, turn.text, day, label, remark, mine)


def is_readable(source: Source, kept_in: Collection[str] = ()) -> bool:
    """Whether any words of a conversation leave."""
    return any(_leaves(turn, kept_in) for turn in source.transcript.turns)


def _leaves(turn: Turn, kept_in: Collection[str]) -> bool:
    return (turn.heard_by is None or "private" in kept_in) and any(
        isinstance(part, Ballot) or (isinstance(part, Text) and part.text.strip()) for part in turn.parts
    )


def _letter(count: int) -> str:
    match count:
        case 0:
            return "An open letter"
        case 1:
            return "The devil\u2019s advocate replies"
        case _:
            return "A further reply" if count % 2 else "A rebuttal"


def held_back(sources: Sequence[Source]) -> dict[Held, int]:
    """Return how many briefs, thoughts and private turns conversations hold."""
    turns = [turn for one in sources for turn in one.transcript.turns]
    return {
        "briefs": sum(bool(who.brief) for one in sources for who in one.transcript.heading.participants),
        "thoughts": sum(any(isinstance(part, Thought) and part.text for part in turn.parts) for turn in turns),
        "private": sum(turn.heard_by is not None for turn in turns),
    }
