"""What a grid will take: conversations, calls, tokens and dollars with their range, and what effect it could show.

It must never ask a voice: forms are played through with turns of assumed lengths, and what is not known stays unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from moot.forms import Close, Post, Speak, Wait, open_form
from moot.store import Call
from moot.transcript import Ballot, Invalid, Text, Transcript, Turn, link
from moot.view import view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moot.forms import Maker
    from moot.spending import Price
    from moot.transcript import Heading, Value

T = TypeVar("T")

LENGTHS = (40, 150, 600)
"""Tokens that a turn is assumed to have: a short one, a usual one and a long one."""

BALLOT_TOKENS = 5
CHARACTERS_PER_TOKEN = 4
MOST_TURNS = 200
"""Turns after which a talk that would go on for ever is no longer played."""

MOST_PLAYED = 400
"""Conversations that are played at most, unless more kinds than that differ in more than their texts."""

HOW = (
    f"each form played through with turns of {LENGTHS[0]}, {LENGTHS[1]} and {LENGTHS[2]} tokens, all read anew each "
    f"turn ({CHARACTERS_PER_TOKEN} characters a token); no cache, thoughts or repeated attempts"
)

SPOKEN = ("person", "script", "replay")
"""Kinds of voices that ask no model."""

MARK = "\ue000"
"""What stands in the words of a turn that is only assumed, so that its length can be put in afterwards."""

_WORDS = 12
_LONGEST_WORD = 24
"""Characters of an argument's text that may be an option ("persuader", "for") rather than somebody's words."""

_ASSUMED = 8 * _WORDS
"""Characters of an assumed turn as it is played."""


@dataclass(frozen=True, slots=True)
class Load:
    """What conversations come to under one assumed length: dollars are None where a price is not known."""

    calls: int = 0
    tokens: int = 0
    dollars: Decimal | None = Decimal(0)
    unpriced: tuple[str, ...] = ()
    endless: bool = False

    def and_more(self, other: Load, times: int = 1) -> Load:
        """Return this with the other, so many times."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + times * other.dollars
        return Load(
            self.calls + times * other.calls,
            self.tokens + times * other.tokens,
            dollars,
            tuple(dict.fromkeys((*self.unpriced, *other.unpriced))),
            self.endless or other.endless,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a conversation that was played: what its voice hears, of which so many turns are assumed."""

    name: str
    voice: str
    characters: int
    turns: int
    ballot: bool

    def load(self, price: Price, length: int) -> Load:
        """Return what it comes to with turns of so many tokens."""
        if self.voice.partition(":")[0] in SPOKEN:
            return Load(1)
        heard = self.characters + self.turns * (length * CHARACTERS_PER_TOKEN - _ASSUMED)
        read, written = max(0, heard) // CHARACTERS_PER_TOKEN + 1, BALLOT_TOKENS if self.ballot else length
        dollars = price(Call(0, self.name, self.voice, "", outcome="done", input=read, output=written))
        return Load(1, read + written, dollars, () if dollars is not None else (self.voice,))


@dataclass(frozen=True, slots=True)
class Played:
    """A conversation as it would go, with words that stand for others; `endless` where it was left before its end."""

    transcript: Transcript
    asked: tuple[Asked, ...]
    endless: bool = False

    def loads(self, price: Price) -> tuple[Load, ...]:
        """Return what it comes to, by each of `LENGTHS`."""
        end = Load(endless=self.endless)
        return tuple(sum_of((one.load(price, length) for one in self.asked), end) for length in LENGTHS)


def sum_of(each: Iterable[Load], begin: Load = Load()) -> Load:
    """Return what several come to together."""
    for one in each:
        begin = begin.and_more(one)
    return begin


def played(heading: Heading, find: Callable[[str], Maker], most: int | None = None) -> Played:
    """Play a conversation through, once: no form looks at how long a turn is. `most` caps its spoken turns."""
    form, transcript, asked = open_form(heading, find), Transcript(heading), list[Asked]()
    last = MOST_TURNS if most is None else most
    while True:
        match form(transcript):
            case Close():
                return Played(transcript, tuple(asked))
            case Post(turn):
                transcript = transcript.then(turn)
            case Speak() | Wait() as move:  # exhaustive
                if len(asked) == last:
                    return Played(transcript, tuple(asked), endless=most is None)
                asked.append(_asked(transcript, move))
                transcript = transcript.then(_turn(move, len(asked)))


def loads(heading: Heading, price: Price, find: Callable[[str], Maker], most: int | None = None) -> tuple[Load, ...]:
    """Return what a conversation comes to, by each of `LENGTHS`; `most` caps its spoken turns."""
    return played(heading, find, most).loads(price)


def _turn(move: Speak | Wait, number: int) -> Turn:
    if move.ask:
        options = move.ask.options
        return Turn(move.name, (Ballot(move.ask.text, options, options[len(options) // 2]),), ())
    words = " ".join(f"w{number:03}x{place:02x}" for place in range(_WORDS))
    return Turn(move.name, (Text(words + MARK),), move.heard_by)


def _asked(transcript: Transcript, move: Speak | Wait) -> Asked:
    participant = transcript.heading.participant(move.name)
    texts = [participant.brief, *(message.text for message in view(transcript, move.name))]
    texts += [move.ask.text] if move.ask else []
    assumed = sum(text.count(MARK) for text in texts)
    return Asked(move.name, participant.voice, sum(map(len, texts)), assumed, move.ask is not None)


def sample(
    kinds: Sequence[tuple[T, int]], sort: Callable[[T], object], most: int = MOST_PLAYED
) -> tuple[tuple[T, int], ...]:
    """Return which of these conversations are to be played, and how many each stands for.

    Where there are more than `most`, those of one `sort` stand for each other: as many of each sort are chosen, evenly
    and always the same.
    """
    sorts: dict[object, list[tuple[T, int]]] = {}
    for one, count in kinds:
        sorts.setdefault(sort(one), []).append((one, count))
    share = max(1, most // max(1, len(sorts)))
    return tuple(one for each in sorts.values() for one in (each if len(kinds) <= most else _evenly(each, share)))


def _evenly(each: Sequence[tuple[T, int]], share: int) -> list[tuple[T, int]]:
    chosen = sorted(range(len(each)), key=lambda place: link("", place))[:share]
    whole, over = divmod(sum(count for _, count in each), len(chosen))
    return [(each[place][0], whole + (number < over)) for number, place in enumerate(chosen)]


def sort_of(heading: Heading) -> object:
    """Return all that a conversation is but for its texts: its form, its voices, numbers and options."""
    arguments = tuple((name, _but_texts(value)) for name, value in heading.arguments)
    return heading.form, tuple(one.voice for one in heading.participants), arguments


def _but_texts(value: Value) -> object:
    if isinstance(value, tuple):
        return tuple(map(_but_texts, value))
    free = isinstance(value, str) and (len(value) > _LONGEST_WORD or any(map(str.isspace, value)))
    return None if free else value


def whole(each: Iterable[tuple[Sequence[Load], int]]) -> tuple[Load, ...]:
    """Return what kinds of conversations come to, each so many times."""
    total = tuple(Load() for _ in LENGTHS)
    for load, times in each:
        total = tuple(one.and_more(other, times) for one, other in zip(total, load, strict=True))
    return total


def sealed(plan: Mapping[str, Any]) -> str:
    """Return a plan as JSON with a digest of itself."""
    return json.dumps(dict(plan) | {"seal": link("", dict(plan))}, ensure_ascii=False, indent=2) + "\n"


def unsealed(text: str, where: str) -> dict[str, Any]:
    """Read a plan back; `Invalid` where it is none, or was changed by hand."""
    try:
        plan: dict[str, Any] = json.loads(text)
        seal = plan.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Invalid(f"{where} is no plan; write it anew: moot experiment plan") from None
    if seal != link("", plan):
        raise Invalid(f"{where} was changed by hand; write it anew: moot experiment plan")
    return plan
