"""Contests: debates and judged pairs, who beats whom by the judges' votes, and what speaks against those votes.

It must never count two contradicting votes of one judge on a pair as anything but a tie.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.forms.debate import TIE, debate
from moot.measures import called_with
from moot.measures.engines import library
from moot.measures.judging import tally, verdict, vote
from moot.measures.ratings import MIDDLE, rated
from moot.measures.verdicts import Asked, games
from moot.publish.blocks import Paragraph, Section, Table
from moot.publish.charts import Look, amount, intervals
from moot.publish.figures import HEADS, figure, point, row, said
from moot.publish.study import Finding, links
from moot.transcript import Ballot, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.measures import Score
    from moot.publish.blocks import Block
    from moot.publish.study import Case

_ABOUT = re.compile(r"\bconversation ([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Game:
    """One vote: who was on the left and on the right, who won (empty: a tie), on which topic, and where it stands."""

    left: str
    right: str
    winner: str
    topic: str
    case: Case


def debates(cases: Sequence[Case]) -> Finding:
    """Return what the judges of debates made of them: ratings of the voices that spoke for the two sides."""
    played = [game for case in cases for game in _of_debate(case)]
    silent = sum(not any(True for _ in _of_debate(case)) for case in cases)
    unshown = [f"{silent} of {len(cases)} debates have no vote of a judge"] if silent else []
    mirror = sum(one.left == one.right for one in played)
    if mirror:
        unshown.append(f"{mirror} votes on a voice that debated itself rate nobody")
    stages = (
        ("debates on record", (("debates", len(cases)),)),
        ("votes that name a side or a tie", (("debates", len(played)),)),
    )
    section, lines, lacking = _rated("Ratings of debaters", "debates", played)
    return Finding((section,), lines, stages, (*unshown, *lacking), ("ratings", "votes"))


def _of_debate(case: Case) -> Iterator[Game]:
    heading = case.transcript.heading
    told = called_with(heading, debate)
    sides = (str(told["proposition"]), str(told["opposition"]))
    voices = {name: heading.participant(name).voice for name in sides}
    for turn in case.transcript.turns:
        for part in turn.parts:
            if isinstance(part, Ballot) and turn.speaker in told["judges"] and part.answer in (*sides, TIE):
                yield Game(voices[sides[0]], voices[sides[1]], voices.get(part.answer, ""), str(told["motion"]), case)


def judgements(cases: Sequence[Case]) -> Finding:
    """Return what judges of pairs made of them, each pair seen in both orders."""
    pairs: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        heading = case.transcript.heading
        arguments = tuple(one for one in heading.arguments if one[0] != "swap")
        if called_with(heading, _judge())["mode"] == "pair":
            pairs.setdefault((heading.participants[0].voice, str(heading.seed), str(arguments)), []).append(case)
    played: list[Game] = []
    verdicts: list[Any] = []
    whole = [some for some in pairs.values() if len(some) == 2]  # noqa: PLR2004 - both orders
    for some in whole:
        one, other = (vote(case.transcript) for case in some)
        if one is None or other is None:
            continue
        found = verdict(one, other)
        verdicts.append(found)
        left, right = _called(some[0])
        if found.outcome:
            winner = {"a": left, "b": right}.get(found.outcome, "")
            played.append(Game(left, right, winner, " / ".join(sorted((left, right))), some[0]))
    stages = (
        ("judgements on record", (("judgements", len(cases)),)),
        ("pairs judged in both orders", (("judgements", len(whole)),)),
        ("verdicts", (("judgements", len(played)),)),
    )
    section, lines, lacking = _rated("Ratings of what was judged", "judgements", played)
    section = Section(section.title, section.anchor, (*section.blocks, _votes(tally(verdicts))))
    return Finding((section,), lines, stages, lacking, ("ratings", "votes"))


def _judge() -> Any:  # noqa: ANN401 - a form's maker
    from moot.forms.judge import judge  # noqa: PLC0415 - its name is this file's subject

    return judge


def _called(case: Case) -> tuple[str, str]:
    """Return what the two sides of a pair are called: the ids of their conversations, or the names in the title."""
    heading = case.transcript.heading
    ids = _ABOUT.findall(str(dict(heading.arguments).get("about", "")))
    names = [ids, heading.title.removeprefix("Judged: ").split(" / ")]
    found = next((one for one in names if len(one) == 2 and one[0] != one[1]), ["a", "b"])  # noqa: PLR2004 - two sides
    return found[0], found[1]


def _votes(count: dict[str, Any]) -> Table:
    names = {
        "n": "verdicts",
        "tie": "ties",
        "inconsistent": "of these, ties by contradiction",
        "always_A": "chose A in both orders",
        "always_B": "chose B in both orders",
        "no_verdict": "no verdict",
    }
    return Table("How judges voted", ("", "count"), tuple((words, str(count[key])) for key, words in names.items()))


def _rated(title: str, anchor: str, played: Sequence[Game]) -> tuple[Section, tuple[str, ...], tuple[str, ...]]:
    usable = [one for one in played if one.left != one.right]
    if not usable:
        return Section(title, anchor, (Paragraph("There is no vote that compares two.", "note"),)), (), ()
    table = _matchups(usable)
    try:
        rows = [{"left": one.left, "right": one.right, "winner": one.winner, "topic": one.topic} for one in usable]
        asked = Asked("left", "right", "winner", draws=("nan",), topic="topic")
        found = rated(games(library("polars").DataFrame(rows), asked), "bt", None)
    except Invalid as fault:
        return Section(title, anchor, (Paragraph(f"No ratings: {fault}", "note"), table)), (), (f"ratings: {fault}",)
    first = found.players[0]
    look = Look(title, f"{first.unit}", "ratings with 95 % intervals")
    caption = f"{first.method}. {found.left.name}: {said(found.left)}."
    points = [one for score in found.players if (one := point(score))]
    heads = (*HEADS[:5], "rank", "rank interval", HEADS[5])
    listed = Table(title, heads, tuple(_row(score, usable) for score in found.players))
    blocks: list[Block] = [figure(anchor, look, caption, lambda at: intervals(points, at, MIDDLE), listed), table]
    head = f"Best rated of {len(found.players)}: {first.name}, {said(first)}."
    lacking = (*found.notes, *dict.fromkeys(one.why for one in found.players if one.why))
    return Section(title, anchor, tuple(blocks)), (head,), lacking


def _row(score: Score, played: Sequence[Game]) -> tuple[Any, ...]:
    low, high = score.more["rank_low"], score.more["rank_high"]
    cell = links({one.case.id: one.case for one in played if score.name in (one.left, one.right)}.values())
    ranks = "none" if low is None else f"{low} to {high}"
    return (*row(score, cell)[:5], str(score.more["rank"]), ranks, cell)


def _matchups(played: Sequence[Game]) -> Table:
    groups: dict[tuple[str, str], list[Game]] = {}
    for one in played:
        first, second = sorted((one.left, one.right))
        groups.setdefault((first, second), []).append(one)
    rows = tuple(
        (f"{one} / {other}", *_counts(one, other, some), links({game.case.id: game.case for game in some}.values()))
        for (one, other), some in groups.items()
    )
    return Table("Votes by pair", ("pair", "for the first", "for the second", "ties", "conversations"), rows)


def _counts(one: str, other: str, some: Sequence[Game]) -> tuple[str, str, str]:
    count = Counter(game.winner for game in some)
    return amount(count[one]), amount(count[other]), amount(count[""])
