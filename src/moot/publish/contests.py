"""Contests: debates and judged pairs, who beats whom by the judges' votes, and what speaks against those votes.

It must never reckon anything otherwise than `moot measure` does, nor show ratings without what biases the votes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.arms import Wanted
from moot.measures.catalog import chosen, measured
from moot.measures.judged import votes_of
from moot.measures.ratings import MIDDLE
from moot.publish.blocks import Fold, Paragraph, Section
from moot.publish.charts import Look, intervals
from moot.publish.figures import figure, point, said, scores_table
from moot.publish.study import Finding, behind
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.measures import Score
    from moot.publish.blocks import Block, Cell
    from moot.publish.study import Case

RATING, RATE = "rating, ", "win rate, "
CHANCE = 0.5


def contests(cases: Sequence[Case], every: Sequence[Case]) -> Finding:
    """Return what judges made of debates and of pairs; `every` conversation is where what they judged may be found."""
    known = {case.id: case for case in every}
    recorded = {case.id: case.recorded for case in every}
    votes = [one for case in cases for one in votes_of(case.recorded, recorded, None)]
    stages = (
        ("debates and judgements on record", (("votes", len(cases)),)),
        ("votes", (("votes", len(votes)),)),
        ("votes that name a side or a tie", (("votes", sum(bool(one.choice) for one in votes)),)),
    )
    if not votes:
        return Finding((), flow=stages, unshown=("ratings: no judge has voted on a pair",))
    try:
        told = measured(list(recorded.values()), chosen(("judges",)), Wanted(), None, None)
    except Invalid as fault:
        return Finding((), flow=stages, unshown=(f"ratings: {fault}",))
    scores = told.together
    ratings = [one for one in scores if one.name.startswith(RATING) and one.unit != "probability"]
    rates = [one for one in scores if one.name.startswith(RATE)]
    pairs = [one for one in scores if one.name.startswith(RATING) and one.unit == "probability"]
    rest = [one for one in scores if not one.name.startswith((RATING, RATE))]
    blocks: list[Block] = []
    for name, title, group, zero in (
        ("ratings", "Ratings", ratings, MIDDLE),
        ("win-rates", "Win rates", rates, CHANCE),
    ):
        if group:
            blocks.append(_drawn(name, title, group, zero, known))
    if rest:
        blocks.append(scores_table("What biases the votes, and how far judges agree", _rows(rest, known)))
    if pairs:
        blocks.append(Fold(f"How likely each beats each ({len(pairs)})", (scores_table("Pairs", _rows(pairs, known)),)))
    best = (ratings or rates)[:1]
    head = tuple(f"Best rated: {_player(one)}, {said(one)}." for one in best)
    lacking = dict.fromkeys(f"intervals of ratings: {one.why}" for one in scores if one.why)
    section = Section("Ratings", "ratings", tuple(blocks) or (Paragraph("Nobody can be rated.", "note"),))
    return Finding((section,), head, stages, (*told.notes, *lacking), ("ratings", "votes"))


def _player(score: Score) -> str:
    return score.name.removeprefix(RATING).removeprefix(RATE)


def _rows(scores: Sequence[Score], known: Mapping[str, Case]) -> list[tuple[Score, Cell]]:
    return [(one, behind(one, known)) for one in scores]


def _drawn(name: str, title: str, scores: Sequence[Score], zero: float, known: Mapping[str, Case]) -> Block:
    points = [found for one in scores if (found := point(one, _player(one)))]
    look = Look(title, scores[0].unit, f"{title.lower()} of voices with 95 % intervals")
    caption = f"{scores[0].method}. Hollow: no interval."
    return figure(
        name, look, caption, lambda at: intervals(points, at, zero), scores_table(title, _rows(scores, known))
    )
