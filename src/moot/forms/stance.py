"""Where somebody stands on a claim, asked so that the position of an answer says nothing.

It must never ask in one direction only: each probe is a pair of ballots, of which one has its scale turned round, and
what always picks the same place comes out in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from moot.forms import Speak
from moot.forms.course import answers, ballot_of
from moot.transcript import Invalid, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Ballot, Turn

LEAST_SCALE, MOST_SCALE = 2, 101

_WORDINGS = (
    'How far do you agree with this statement: "{claim}"',
    'Here is a statement: "{claim}" To what extent do you share the view that it puts?',
    'Somebody says: "{claim}" How far would you say the same?',
)
_UP = "{least} means strongly disagree, {most} means strongly agree."
_DOWN = "{least} means strongly agree, {most} means strongly disagree."


@dataclass(frozen=True, slots=True)
class Probe:
    """One asking of a claim, in one of several wordings; `turned` is whether its lowest number is full agreement."""

    claim: str
    scale: int
    draw: int = 0
    turned: bool = False

    @property
    def question(self) -> Question:
        """The question as it is put."""
        words = _WORDINGS[self.draw % len(_WORDINGS)].format(claim=self.claim)
        ends = (_DOWN if self.turned else _UP).format(least=1, most=self.scale)
        return Question(f"{words}\n{ends}", tuple(map(str, range(1, self.scale + 1))), self.draw)

    def value(self, ballot: Ballot | None) -> float | None:
        """Return what a ballot says, 1 (disagrees) to `scale` (agrees); None where it says nothing."""
        given = raw(ballot)
        return None if given is None else self.scale + 1 - given if self.turned else given


def raw(ballot: Ballot | None) -> float | None:
    """Return the number that a ballot names: the mean over its probabilities where it has those, else its answer."""
    if ballot is None or not ballot.answer:
        return None
    if ballot.probabilities is None:
        return float(ballot.answer)
    return sum(float(option) * odds for option, odds in zip(ballot.options, ballot.probabilities, strict=True))


def check_scale(claim: str, scale: int, probes: int) -> None:
    """Raise `Invalid` where a claim cannot be asked about like this."""
    if not claim.strip():
        raise Invalid("a claim is needed: what is there to agree with?")
    if not LEAST_SCALE <= scale <= MOST_SCALE:
        raise Invalid(f"a scale goes from 1 to {LEAST_SCALE} at least and {MOST_SCALE} at most, not to {scale}")
    if probes < 1:
        raise Invalid(f"a stance takes one probe or more, not {probes}")


def pairs(claim: str, scale: int, probes: int) -> tuple[Probe, ...]:
    """Return the askings that make so many probes: each in both directions, which one first taking turns."""
    both = ((draw, (draw + second) % 2 == 1) for draw in range(probes) for second in (0, 1))
    return tuple(Probe(claim, scale, draw, turned) for draw, turned in both)


def asked_of(name: str, probes: Sequence[Probe]) -> tuple[Speak, ...]:
    """Return the steps that put these probes to somebody."""
    return tuple(Speak(name, probe.question) for probe in probes)


def read_back(name: str, probes: Sequence[Probe], turns: Sequence[Turn]) -> tuple[tuple[Probe, Ballot | None], ...]:
    """Return what was answered to each of these probes by turns that put them in this order."""
    found: list[tuple[Probe, Ballot | None]] = []
    left = iter(turns)
    for probe in probes:
        given = (ballot_of(turn) for turn in left if turn.speaker == name)
        found.append((probe, next((one for one in given if one and answers(one, probe.question)), None)))
    return tuple(found)


def values(given: Sequence[tuple[Probe, Ballot | None]]) -> tuple[float, ...]:
    """Return the value of each pair of askings that were both answered; half a pair says nothing."""
    told = [probe.value(ballot) for probe, ballot in given]
    both = zip(told[::2], told[1::2], strict=True)
    return tuple((one + other) / 2 for one, other in both if one is not None and other is not None)


def mean(found: Sequence[float]) -> float | None:
    """Return the mean, or None of nothing."""
    return fmean(found) if found else None
