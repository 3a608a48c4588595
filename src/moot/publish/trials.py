"""Trials of persuasion: who moved, by arm, against the control where there is one, and the course of each stance.

It must never call a shift without a control an effect, count repeats of one cell as independent, or leave a target out
without saying so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from moot.forms.trial import trial
from moot.measures import Score, called_with, mean_of
from moot.measures.effects import estimate, usual
from moot.measures.engines import library
from moot.measures.persuasion import Shift, shift
from moot.measures.room import room
from moot.measures.sample import Asked, gather
from moot.publish.blocks import Fold, Paragraph, Section, Table
from moot.publish.charts import Look, Point, amount, intervals, paths
from moot.publish.figures import HEADS, figure, point, row, said, scores_table
from moot.publish.study import Finding, links
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import polars as pl

    from moot.publish.blocks import Block, Cell, Figure
    from moot.publish.study import Case

CONTROL = "control"
STATED = "What is measured is the stance that a target states by ballot, never what it believes."
POINTS = ("before", "after", "later")
MOST_COURSES = 300


@dataclass(frozen=True, slots=True)
class Told:
    """One trial: what it came to, of which claim and target."""

    case: Case
    shift: Shift
    claim: str
    target: str

    @property
    def arm(self) -> str:
        """The arm it is in."""
        return self.shift.arm

    @property
    def stances(self) -> tuple[float | None, ...]:
        """The stances before, after and later, towards the claim."""
        later = self.shift.later
        return (self.shift.before.mean, self.shift.after.mean, later.mean if later else None)

    @property
    def lacks(self) -> str:
        """Why it is in no figure, or nothing."""
        return "the stance before or after is not known" if self.shift.signed() is None else ""

    @property
    def cell(self) -> tuple[str, ...]:
        """What it repeats: equal for trials that differ in their seed alone."""
        return (self.arm, self.claim, self.target, str(self.shift.side), str(self.case.values))


def told(case: Case) -> Told:
    """Return what a trial tells; each person counts as a target of their own."""
    called = called_with(case.transcript.heading, trial)
    voice = case.transcript.heading.participant(str(called["target"])).voice
    target = f"{voice} in {case.id[:8]}" if voice.startswith("person") else voice
    return Told(case, shift(case.transcript), str(called["claim"]), target)


def trials(cases: Sequence[Case]) -> Finding:
    """Return what trials came to."""
    every = [told(case) for case in cases]
    counted = [one for one in every if not one.lacks]
    arms = sorted({one.arm for one in every}, key=lambda arm: (arm == CONTROL, arm))
    scales = Counter(one.shift.scale for one in counted)
    flow = _flow(every, arms)
    odd = sum(bool(one.shift.warning) for one in counted)
    position = f"in {odd} of {len(counted)} trials the target's answers follow the position of the options"
    unshown = [f"stances that can be read: {position}; they are in all figures"] if odd else []
    unshown += [f"{count} of {len(every)} trials are in no figure: {why}" for why, count in _reasons(every).items()]
    if len(scales) > 1:
        unshown.append(f"stances on different scales are not put together: {', '.join(f'1-{one}' for one in scales)}")
    if not counted or len(scales) > 1:
        nothing = "No trial here can be put into a figure." if not counted else "Report each scale for itself."
        return Finding(
            (Section("Effects", "effects", (Paragraph(nothing, "note"),)),), (nothing,), flow, tuple(unshown)
        )
    asked = _asked(counted, next(iter(scales)))
    scores, notes, rooms = _estimated(counted, asked)
    unshown += notes
    lacking = Counter(one.why for one in scores if one.why)
    unshown += [f"intervals of {count} of {len(scores)} figures of effects: {why}" for why, count in lacking.items()]
    sections = (
        Section("Effects", "effects", tuple(_effects(counted, scores, asked, rooms))),
        Section("Trajectories", "trajectories", tuple(_trajectories(counted, arms))),
    )
    head = (f"{_capital(_named(scores[0]))}: {said(scores[0])}.",) if scores else ()
    if asked.arm is None:
        unshown.append("an effect: there is no control arm here, so that shifts are descriptions")
    keys = ("stance", "shift", "ancova" if asked.arm else "", "clusters", "room", "holm")
    return Finding(sections, head, flow, tuple(unshown), tuple(filter(None, keys)))


def _reasons(every: Sequence[Told]) -> Counter[str]:
    return Counter(one.lacks for one in every if one.lacks)


def _flow(every: Sequence[Told], arms: Sequence[str]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    kept = {
        "on record": every,
        "closed": [one for one in every if one.case.state == "closed"],
        "with a stance before and after": [one for one in every if not one.lacks],
    }
    told_of = [
        (stage, tuple((arm, sum(one.arm == arm for one in some)) for arm in arms)) for stage, some in kept.items()
    ]
    cells = {one.cell: one.arm for one in every if not one.lacks}
    last = tuple((arm, sum(one == arm for one in cells.values())) for arm in arms)
    return (*told_of, ("analysed, repeats of a cell averaged", last))


def _cells(some: Sequence[Told]) -> list[list[Told]]:
    """Return trials cell by cell."""
    cells: dict[tuple[str, ...], list[Told]] = {}
    for one in some:
        cells.setdefault(one.cell, []).append(one)
    return list(cells.values())


def _averaged(counted: Sequence[Told]) -> pl.DataFrame:
    """Return one row a cell: the mean of its repeats."""
    rows = [
        {
            "arm": some[0].arm,
            "claim": some[0].claim,
            "target": some[0].target,
            "side": some[0].shift.side,
            "before": fmean(one.shift.before.mean or 0.0 for one in some),
            "after": fmean(one.shift.after.mean or 0.0 for one in some),
        }
        for some in _cells(counted)
    ]
    return library("polars").DataFrame(rows)


def _asked(counted: Sequence[Told], scale: int) -> Asked:
    """Return how trials are read: grouped by claim and by target where they differ, against the control if any."""
    differ = {"claim": {one.claim for one in counted}, "target": {one.target for one in counted}}
    groups = tuple(name for name, values in differ.items() if len(values) > 1) or ("claim",)
    arms = {one.arm for one in counted}
    arm, control = ("arm", CONTROL) if CONTROL in arms and len(arms) > 1 else (None, None)
    return Asked("after", "before", arm, control, "side", None, groups, None, (1.0, float(scale)))


def _estimated(counted: Sequence[Told], asked: Asked) -> tuple[list[Score], list[str], dict[str, Any]]:
    """Return all figures that the trials allow, why others are lacking, and how much room there was."""
    found: list[Score] = []
    notes: list[str] = []
    try:
        gathered = gather(_averaged(counted), asked)
    except Invalid as fault:
        return [], [f"effects: {fault}"], {}
    for one in (*usual(asked), "shift") if asked.arm else usual(asked):
        try:
            found += estimate(gathered.sample, asked, one)
        except Invalid as fault:
            notes.append(f"{one}: {fault}")
    return found, notes, room(gathered.sample, asked.scale or (0.0, 1.0))


NAMES = {
    "ancova": "adjusted for the stance before (ANCOVA)",
    "change": "change scores",
    "difference": "plain difference after",
    "lin": "adjusted, interacted (Lin)",
    "shift": "mean shift",
}


def _named(score: Score) -> str:
    """Return what a figure is called for people: arms first, then how."""
    arm, control = score.more.get("arm"), score.more.get("control")
    of = f"{arm} against {control}" if control else str(arm or "all")
    return f"{of}, {NAMES.get(str(score.more.get('estimator')), score.name)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _effects(counted: Sequence[Told], scores: Sequence[Score], asked: Asked, rooms: dict[str, Any]) -> list[Block]:
    if not scores:
        return [Paragraph("No effect can be told; see what is not shown.", "note")]
    blocks: list[Block] = [
        Paragraph(STATED, "note"),
        Paragraph(f"{_capital(_named(scores[0]))}: {said(scores[0])}.", "lead"),
    ]
    against = [one for one in scores if one.more.get("control")]
    alone = [one for one in scores if not one.more.get("control")]
    if against:
        blocks.append(_drawn("effects", "Effects against the control", counted, against))
    blocks.append(_drawn("shifts", "Mean shift by arm" if asked.arm else "Mean shift", counted, alone))
    blocks.append(Fold("Stances by cell", (_by_cell(counted),)))
    if "unmoved" in rooms:
        blocks.append(_room(rooms))
    return blocks


def _drawn(name: str, title: str, counted: Sequence[Told], scores: Sequence[Score]) -> Figure | Table:
    unit = scores[0].unit.replace(" to ", "\u00a0to\u00a0")
    look = Look(title, f"{unit}, towards the side that was argued", f"{title}, each with its 95 % interval")
    points = [found for one in scores if (found := point(one, _named(one)))]
    rows = tuple((*row(one, "", _named(one))[:5], *_tests(one), _of(counted, one)) for one in scores)
    heads = (*HEADS[:5], "p", "p (Holm)", HEADS[5])
    caption = f"In {scores[0].unit}, with 95 % intervals; repeats of a cell are averaged first. Hollow: no interval."
    table = Table(caption, heads, rows)
    return figure(name, look, caption, lambda at: intervals(points, at), table) if points else table


def _tests(score: Score) -> tuple[str, str]:
    adjusted = score.more.get("p_holm")
    return tuple("-" if one is None else f"{one:.2g}" for one in (score.p, adjusted))  # pyright: ignore[reportReturnType] - two of two


def _of(counted: Sequence[Told], score: Score) -> Cell:
    arms = {score.more.get("arm"), score.more.get("control")} - {None}
    return links(one.case for one in counted if not arms or one.arm in arms)


def _by_cell(counted: Sequence[Told]) -> Table:
    rows = tuple(
        (
            some[0].arm,
            some[0].claim,
            some[0].target,
            str(some[0].shift.side),
            amount(fmean(one.shift.before.mean or 0.0 for one in some)),
            amount(fmean(one.shift.after.mean or 0.0 for one in some)),
            f"{fmean(one.shift.signed() or 0.0 for one in some):+.2f}",
            str(len(some)),
            links(one.case for one in some),
        )
        for some in _cells(counted)
    )
    heads = ("arm", "claim", "target", "argued", "before", "after", "signed shift", "n", "conversations")
    return Table("Stances by cell: means over its repeats", heads, rows, words=4)


def _room(rooms: dict[str, Any]) -> Table:
    names = (
        ("pre_at_low_end", "at the far end before"),
        ("pre_at_high_end", "at the argued end before"),
        ("room_under_one_point", "with less than one point of room"),
        ("unmoved", "unmoved"),
    )
    rows = tuple((words, f"{rooms[key]:.1%}") for key, words in names if key in rooms)
    return Table(f"Room to move: shares of {rooms['n']} cells", ("", "share"), rows)


def _trajectories(counted: Sequence[Told], arms: Sequence[str]) -> list[Block]:
    scale = counted[0].shift.scale
    here = [arm for arm in arms if any(one.arm == arm for one in counted)]
    scores: list[tuple[Score, Cell]] = []
    points: list[Point] = []
    faint: list[tuple[Point, ...]] = []
    for arm in here:
        some = [one for one in counted if one.arm == arm]
        cells = _cells(some)
        series = f"{arm} (n {len(cells)})"
        for at, name in enumerate(POINTS):
            known = [[value for one in cell if (value := _toward(one, at)) is not None] for cell in cells]
            values = [fmean(cell) for cell in known if cell]
            if not values:
                continue
            score = mean_of(f"{arm}, {name}", values, f"points on 1-{scale}", "cells")
            scores.append((score, links(one.case for one in some)))
            points += [found for found in (point(score, name, series),) if found]
        faint += [tuple(Point(name, value, series=series) for at, name in enumerate(POINTS)
                        if (value := _toward(one, at)) is not None) for one in some]  # fmt: skip
    shown = faint[:MOST_COURSES]
    unit, span = f"stance towards the side argued, 1\u00a0to\u00a0{scale}", (1.0, float(scale))
    look = Look("Stances before and after, by arm", unit, "mean stance of each arm, with single trials", span=span)
    caption = (
        "Thick: means over cells with 95 % intervals, narrower than what holds for other claims and targets; "
        f"thin: {len(shown)} of {len(faint)} single trials. Hollow: no interval. {scale} is full agreement with what "
        "was argued."
    )
    table = scores_table("Mean stance at each asking, towards the side that was argued", scores)
    return [figure("trajectories", look, caption, lambda at: paths(points, at, shown), table)]


def _toward(one: Told, at: int) -> float | None:
    """Return a stance on the side that was argued."""
    value = one.stances[at]
    if value is None or one.shift.side != "against":
        return value
    return one.shift.scale + 1 - value
