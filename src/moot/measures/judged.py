"""Judges' votes on record, from judgements and from debates, with what is known of the two sides that they chose from.

It must never take a vote that turns with the order of the sides for more than a tie, nor guess whose words were judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moot.forms.course import ballot_of
from moot.forms.debate import debate
from moot.forms.judge import TIE, judge
from moot.measures import called_with
from moot.measures.judging import family, vote
from moot.measures.recorded import about, spoken
from moot.transcript import link

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.measures.recorded import Recorded
    from moot.transcript import Ballot, Participant

Choice = Literal["a", "b", "tie", ""]
FOR, AGAINST = "for", "against"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that were judged: who it is, whose voices spoke, for or against what, and in how many words."""

    name: str
    voices: tuple[str, ...]
    argues: str = ""
    words: int = 0
    level: str = ""

    @property
    def player(self) -> str:
        """What it is rated as: its level of the factor that pairs differ in, else the voice that spoke, or its name."""
        return self.level or " + ".join(self.voices) or self.name


@dataclass(frozen=True, slots=True)
class Voted:
    """One vote: by whom, on which pair and topic, between which sides, and what it was.

    `shown` was called A or named first; `odds` are those of a, b and a tie; `truth` is the side that is right. A vote
    that `swaps` is one of two, in both orders.
    """

    judge: str
    voice: str
    item: str
    topic: str
    a: Side
    b: Side
    choice: Choice
    shown: Literal["a", "b"]
    odds: tuple[float, float, float] | None
    truth: Choice
    seed: int
    cites: tuple[tuple[str, int], ...]
    swaps: bool

    @property
    def right(self) -> float | None:
        """The probability that the vote gave the side that is right, a tie split in half; None if it is not known."""
        if self.odds is None or self.truth not in ("a", "b"):
            return None
        return self.odds["ab".index(self.truth)] + self.odds[2] / 2


def votes_of(one: Recorded, known: Mapping[str, Recorded], truth: str | None) -> Iterator[Voted]:
    """Yield the votes of a judgement of a pair, or of a debate; `truth` is the factor that names the right side.

    `known` are conversations by id, in which that of a judgement's source is looked for.
    """
    if one.form == "debate":
        yield from _of_debate(one, truth)
    elif one.form == "judge" and called_with(one.transcript.heading, judge)["mode"] == "pair":
        yield from _of_judgement(one, known, truth)


def _of_judgement(one: Recorded, known: Mapping[str, Recorded], truth: str | None) -> Iterator[Voted]:
    given = vote(one.transcript)
    if given is None:
        return
    heading = one.transcript.heading
    told, source = called_with(heading, judge), dict(heading.source)
    a, b = (_told_side(source, side, told[side], paired=not told["interleaved"]) for side in "ab")
    at = next((n for n, turn in enumerate(one.transcript.turns, 1) if ballot_of(turn)), 0)
    swap = bool(told["swap"])
    judged = [known[id_] for id_ in about(heading) if id_ in known]
    factors = (judged[0].factors if judged else dict[str, Any]()) | one.factors
    topic = str(source.get("topic", "")) or " / ".join(each.cell for each in judged) or str(told["about"])
    ballot = ballot_of(one.transcript.turns[at - 1])
    yield Voted(
        judge=_judge(heading.participants[0]), voice=given.voice,
        item=link("", [told["about"], *told["a"], "/", *told["b"]]),
        topic=topic, a=a, b=b, choice=given.choice,
        shown="b" if swap else "a",
        odds=_odds(ballot, ("B", "A", TIE) if swap else ("A", "B", TIE)),
        truth=_truth(factors, truth, a, b), seed=heading.seed, cites=((one.id, at),), swaps=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Graded:
    """One grade: by whom, of which topic, and what it was of how many."""

    judge: str
    topic: str
    grade: float
    scale: int
    cites: tuple[tuple[str, int], ...]


def grade_of(one: Recorded, known: Mapping[str, Recorded]) -> Graded | None:
    """Return the grade that a judgement of one text gives; None where it is none, or names no option."""
    heading = one.transcript.heading
    if one.form != "judge" or called_with(heading, judge)["mode"] != "grade":
        return None
    given = vote(one.transcript)
    if given is None or not given.answer:
        return None
    at = next(n for n, turn in enumerate(one.transcript.turns, 1) if ballot_of(turn))
    told = called_with(heading, judge)
    topic = " / ".join(known[id_].cell for id_ in about(heading) if id_ in known) or str(told["about"]) or one.id
    return Graded(_judge(heading.participants[0]), topic, float(given.answer), int(told["scale"]), ((one.id, at),))


def _judge(who: Participant) -> str:
    return f"{who.name} ({who.voice})"


def _told_side(source: Mapping[str, Any], side: str, words: Sequence[str], *, paired: bool) -> Side:
    voices, levels = source.get(f"{side}_voices", ()), source.get("levels", ())
    level = str(levels["ab".index(side)]) if paired and levels else ""
    length = sum(len(one.split()) for one in words)
    argues = str(source.get(f"{side}_argues", ""))
    return Side(str(source.get(side, side.upper())), tuple(map(str, voices)), argues, length, level)


def _odds(ballot: Ballot | None, options: Sequence[str]) -> tuple[float, float, float] | None:
    if ballot is None or ballot.probabilities is None or set(options) != set(ballot.options):
        return None
    known = dict(zip(ballot.options, ballot.probabilities, strict=True))
    a, b, tie = (known[one] for one in options)
    return a, b, tie


def _of_debate(one: Recorded, truth: str | None) -> Iterator[Voted]:
    heading = one.transcript.heading
    told = called_with(heading, debate)
    names = (str(told["proposition"]), str(told["opposition"]))
    a, b = (
        Side(name, (heading.participant(name).voice,), argues, _said(one, name))
        for name, argues in zip(names, (FOR, AGAINST), strict=True)
    )
    for number, turn in enumerate(one.transcript.turns, 1):
        ballot = ballot_of(turn)
        if ballot is None or turn.speaker not in told["judges"] or set(ballot.options) != {*names, TIE}:
            continue
        who = heading.participant(turn.speaker)
        choices: dict[str, Choice] = {names[0]: "a", names[1]: "b", TIE: "tie"}
        first = next(option for option in ballot.options if option != TIE)
        yield Voted(
            judge=_judge(who), voice=who.voice, item=one.id, topic=str(told["motion"]), a=a, b=b,
            choice=choices.get(ballot.answer, ""), shown="a" if first == names[0] else "b",
            odds=_odds(ballot, (*names, TIE)), truth=_truth(one.factors, truth, a, b), seed=heading.seed,
            cites=((one.id, number),), swaps=False,
        )  # fmt: skip


def _said(one: Recorded, name: str) -> int:
    return sum(len(words.split()) for _, words, _ in spoken(one.transcript, name))


def _truth(factors: Mapping[str, Any], name: str | None, a: Side, b: Side) -> Choice:
    """Return which side a factor says is right: by its name, level or voice, or what it argues for."""
    given = str(factors.get(name, "")).strip().casefold() if name else ""
    meant = {"true": FOR, "pro": FOR, "proposition": FOR, "false": AGAINST, "con": AGAINST, "opposition": AGAINST}
    named: list[Choice] = []
    for side, choice in zip((a, b), _SIDES, strict=True):
        called = {side.name.casefold(), side.level.casefold(), side.argues, *(one.casefold() for one in side.voices)}
        if given and (given in called - {""} or (side.argues and meant.get(given) == side.argues)):
            named.append(choice)
    return named[0] if len(named) == 1 else ""


_SIDES: tuple[Choice, Choice] = ("a", "b")


@dataclass(frozen=True, slots=True)
class Settled:
    """What one judge says of one pair: of a vote in each order, a tie where they contradict each other."""

    one: Voted
    choice: Choice
    consistent: bool | None
    cites: tuple[tuple[str, int], ...]

    @property
    def share(self) -> float | None:
        """The share that side a won."""
        return {"a": 1.0, "b": 0.0, "tie": 0.5}.get(self.choice)


def settled(found: Sequence[Voted]) -> list[Settled]:
    """Return the verdicts that votes come to; `consistent` is None where a pair was seen in one order only."""
    pairs: dict[tuple[str, str, int], list[Voted]] = {}
    for one in found:
        key = (one.judge, one.item, one.seed) if one.swaps else (f"{one.judge} {one.cites}", one.item, one.seed)
        pairs.setdefault(key, []).append(one)
    told: list[Settled] = []
    for both in pairs.values():
        cites = tuple(cite for one in both for cite in one.cites)
        choices = {one.choice for one in both}
        if len(both) == 1:
            told.append(Settled(both[0], both[0].choice, None, cites))
        elif "" in choices:
            told.append(Settled(both[0], "", None, cites))
        else:
            alike = len(choices) == 1
            told.append(Settled(both[0], both[0].choice if alike else "tie", alike, cites))
    return told


def own_family(one: Voted) -> Choice:
    """Return which side is of the judge's family, where one is and the other is not."""
    made = family(one.voice)
    own = [bool(made) and any(family(voice) == made for voice in side.voices) for side in (one.a, one.b)]
    return "" if own[0] == own[1] else "a" if own[0] else "b"
