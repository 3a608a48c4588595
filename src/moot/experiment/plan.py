"""What a grid will take: conversations, calls, tokens and dollars with their range, and what effect it could show.

It must never ask a voice: forms are played through with turns of assumed lengths, and what is not known stays unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from moot.forms import Close, Post, Speak, Wait, open_form
from moot.store import Call
from moot.transcript import Ballot, Invalid, Text, Transcript, Turn, link
from moot.view import view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from moot.forms import Maker
    from moot.spending import Price
    from moot.transcript import Heading

LENGTHS = (40, 150, 600)
"""Tokens that a turn is assumed to have: a short one, a usual one and a long one."""

BALLOT_TOKENS = 5
CHARACTERS_PER_TOKEN = 4
MOST_TURNS = 200
"""Turns after which a talk that would go on for ever is no longer played."""

HOW = (
    f"each form played through with turns of {LENGTHS[0]}, {LENGTHS[1]} and {LENGTHS[2]} tokens, all read anew each "
    f"turn ({CHARACTERS_PER_TOKEN} characters a token); no cache, thoughts or repeated attempts"
)

SPOKEN = ("person", "script", "replay")
"""Kinds of voices that ask no model."""


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
class Power:
    """What a comparison of two arms of `n` conversations each can show, by `method`."""

    effect: float
    sd: float
    n: int
    power: float
    needed: int
    method: str = "two arms of equal size, two-sided 5 %, difference of means, normal approximation"


def power_of(effect: float, sd: float, n: int) -> Power:
    """Return the power of a comparison of two arms of n, and the n for 80 %: 2·((z+z')·sd/effect)², rounded up."""
    if effect <= 0 or sd <= 0 or n < 1:
        raise Invalid("an effect, its standard deviation and the number of conversations are greater than 0")
    z = NormalDist()
    critical = z.inv_cdf(0.975)
    shift = effect / (sd * (2 / n) ** 0.5)
    power = 1 - z.cdf(critical - shift) + z.cdf(-critical - shift)
    exact = 2 * ((critical + z.inv_cdf(0.8)) * sd / effect) ** 2
    return Power(effect, sd, n, power, int(-(-exact // 1)))


def loads(heading: Heading, price: Price, find: Callable[[str], Maker], most: int | None = None) -> tuple[Load, ...]:
    """Return what a conversation comes to, by each of `LENGTHS`; `most` caps its spoken turns."""
    return tuple(_played(heading, price, find, length, MOST_TURNS if most is None else most) for length in LENGTHS)


def _played(heading: Heading, price: Price, find: Callable[[str], Maker], length: int, most: int) -> Load:
    form, transcript, load, spoken = open_form(heading, find), Transcript(heading), Load(), 0
    while True:
        match form(transcript):
            case Close():
                return load
            case Post(turn):
                transcript = transcript.then(turn)
            case Speak() | Wait() as move:  # exhaustive
                if spoken == most:
                    return load.and_more(Load(endless=most == MOST_TURNS))
                spoken += 1
                load = load.and_more(_call(transcript, move, price, length))
                transcript = transcript.then(_turn(move, length, spoken))


def _turn(move: Speak | Wait, length: int, number: int) -> Turn:
    if move.ask:
        options = move.ask.options
        return Turn(move.name, (Ballot(move.ask.text, options, options[len(options) // 2]),), ())
    words = " ".join(f"w{number}x{place:02x}" for place in range(length * CHARACTERS_PER_TOKEN // 7 + 1))
    return Turn(move.name, (Text(words),), move.heard_by)


def _call(transcript: Transcript, move: Speak | Wait, price: Price, length: int) -> Load:
    participant = transcript.heading.participant(move.name)
    if participant.voice.partition(":")[0] in SPOKEN:
        return Load(1)
    heard = len(participant.brief) + sum(len(message.text) for message in view(transcript, move.name))
    heard += len(move.ask.text) if move.ask else 0
    read, written = heard // CHARACTERS_PER_TOKEN + 1, BALLOT_TOKENS if move.ask else length
    call = Call(0, move.name, participant.voice, "", outcome="done", input=read, output=written)
    dollars = price(call)
    return Load(1, read + written, dollars, () if dollars is not None else (participant.voice,))


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
