"""How conversations went, turn by turn, and what all of them came to.

It must never take turns of one conversation, or repeats of one cell, for independent of each other.
"""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from moot.measures import mean_of
from moot.measures.dynamics import study, talk_of
from moot.publish.blocks import Fold, Paragraph, Section
from moot.publish.charts import Look, by_turn
from moot.publish.figures import figure, point, scores_table
from moot.publish.study import Finding, behind, links
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.measures import Score
    from moot.measures.dynamics import Model, Study, Talk
    from moot.measures.engines import Array
    from moot.publish.blocks import Block, Cell
    from moot.publish.charts import Point
    from moot.publish.study import Case

MOST_TURNS = 60
DRAWN = (
    ("words per turn", "Length of turns", "words in a turn"),
    ("seen4", "Said before", "share of a turn's four-word runs that an earlier turn has"),
    ("self-similarity", "Like one's own last turn", "likeness of a turn to its speaker's last, 0 to 1"),
    ("closeness", "Close in meaning to the turn before", "cosine to the turn before"),
    ("drift", "Away from the topic", "1 - cosine to the topic"),
)
"""What is drawn by turn, where it was measured: how the column is called, the chart, and its unit."""

READ = ("audience", "judge")
"""Forms in which nobody talks with anybody."""


def dynamics(cases: Sequence[Case], model: Model | None = None) -> Finding:
    """Return how conversations went by turn; of those in which somebody talked with somebody."""
    talking = [case for case in cases if case.form not in READ and case.transcript.turns]
    talks = [_unit(talk_of(case.id, case.transcript), case) for case in talking]
    kept = [(case, talk) for case, talk in zip(talking, talks, strict=True) if talk.turns]
    if not kept:
        return Finding(())
    try:
        found = study([talk for _, talk in kept], model=model)
    except Invalid as fault:
        return Finding((), unshown=(f"dynamics: {fault}",))
    by_id = {case.id: case for case, _ in kept}
    blocks: list[Block] = []
    for name, title, unit in DRAWN:
        if name in found.turns:
            blocks += _chart(found, name, Look(title, unit, f"mean {unit}, by turn"), by_id)
    told = [one for one in found.scores if one.estimate is not None]
    whole = scores_table(
        "Means over conversations; repeats of a cell count as one", [(one, behind(one, by_id)) for one in told]
    )
    late = max(len(talk.turns) for _, talk in kept) > MOST_TURNS
    lacking = {one.why for one in found.scores if one.estimate is None}
    unshown = [f"turns after the {MOST_TURNS}th are in no chart"] if late else []
    unshown += [f"{sum(one.why == why for one in found.scores)} figures of dynamics: {why}" for why in sorted(lacking)]
    section = Section(
        "Dynamics by turn", "dynamics", (*blocks, Fold(f"All figures of dynamics ({len(told)})", (whole,)))
    )
    return Finding((section,), (), (), (*unshown, *found.notes), ("dynamics", "mean"))


def _unit(talk: Talk, case: Case) -> Talk:
    """Return a talk whose unit is its cell, and whose topic is what it is about."""
    arguments = dict(case.transcript.heading.arguments)
    about = str(arguments.get("claim") or arguments.get("motion") or talk.topic)
    return replace(talk, unit=case.recorded.cell, topic=about, statement=about)


def _chart(found: Study, name: str, look: Look, cases: Mapping[str, Case]) -> Iterator[Block]:
    groups = list(dict.fromkeys(_group(case) for case in cases.values()))
    points: list[Point] = []
    scores: list[tuple[Score, Cell]] = []
    for group in groups:
        at = _by_place(found, name, group, cases)
        size = max((len(units) for units in at.values()), default=0)
        series = f"{group or 'all'} (n {size})"
        for place, units in sorted(at.items())[:MOST_TURNS]:
            label = f"{group}, turn {place + 1}".removeprefix(", ")
            score = mean_of(label, [fmean(values) for values in units.values()], look.unit, "cells or conversations")
            scores.append((score, links(case for case in cases.values() if _group(case) == group)))
            points += [one for one in (point(score, label, series, place + 1),) if one]
    if points:
        caption = (
            "Means, with bands of 95 % intervals over conversations, repeats of a cell averaged. Hollow: no interval."
        )
        yield figure(
            name.replace(" ", "-"), look, caption, lambda look: by_turn(points, look), scores_table(look.unit, scores)
        )
    else:
        yield Paragraph(f"{look.title}: no turn allows it.")


def _by_place(found: Study, name: str, group: str, cases: Mapping[str, Case]) -> dict[int, dict[str, list[float]]]:
    """Return the values of a column at each turn of a group's talks, by independent unit."""
    at: dict[int, dict[str, list[float]]] = {}
    columns: tuple[Array, ...] = (found.rows.talk, found.rows.place, found.turns[name])
    for row in zip(*(one.tolist() for one in columns), strict=True):
        one, place, value = found.talks[int(row[0])], int(row[1]), float(row[2])
        if math.isfinite(value) and _group(cases[one.id]) == group:
            at.setdefault(place, {}).setdefault(one.unit or one.id, []).append(value)
    return at


def _group(case: Case) -> str:
    """Return what conversations are told apart by: the arm of a trial."""
    return str(dict(case.transcript.heading.arguments).get("arm", "persuader")) if case.form == "trial" else ""
