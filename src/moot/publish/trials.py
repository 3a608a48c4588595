"""Trials of persuasion: who moved, by arm, against the control where there is one, and the course of each stance.

It must never reckon anything otherwise than `moot measure` does, nor call a shift without a control an effect.
"""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING

from moot.measures import mean_of
from moot.measures.arms import CONTROL, Arms, Wanted, arms_of
from moot.measures.catalog import chosen, measured
from moot.measures.trials import trial_of
from moot.publish.blocks import Fold, Paragraph, Section, Table
from moot.publish.charts import Look, Point, amount, intervals, paths
from moot.publish.figures import HEADS, figure, lacking, point, row, said, scores_table
from moot.publish.study import Finding, behind, links
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.measures import Score
    from moot.measures.arms import Row
    from moot.measures.trials import Trial
    from moot.publish.blocks import Block, Cell, Figure
    from moot.publish.study import Case

STATED = "What is measured is the stance that a target states by ballot, never what it believes."
MOST_COURSES = 300

NAMES = {
    "ancova": "adjusted for the stance before (ANCOVA)",
    "change": "change scores",
    "difference": "plain difference after",
    "lin": "adjusted, interacted (Lin)",
    "shift": "mean shift",
}


def trials(cases: Sequence[Case]) -> Finding:
    """Return what trials came to; those on different scales stand side by side."""
    known = {case.id: case for case in cases}
    try:
        told = measured([case.recorded for case in cases], chosen(("persuasion",)), Wanted(), None, None)
    except Invalid as fault:
        return Finding(_courses(cases, known), unshown=(f"effects: {fault}",), methods=("stance",))
    against = [one for one in told.together if one.more.get("estimator") and one.more.get("control")]
    shifts = [one for one in told.together if one.more.get("estimator") == "shift"]
    others = [one for one in told.together if not one.more.get("estimator")]
    blocks = [*_effects(against, shifts, known, told.units), *_further(others, known)]
    unshown = [*told.notes, *lacking(told.together)]
    if not against:
        unshown.append("an effect: there is no control arm, or only one, so that shifts are descriptions")
    head = tuple(f"{_capital(_named(one))}: {said(one)}." for one in [*against, *shifts][:1])
    flow = tuple((stage, (("trials", n),)) for stage, n in told.flow)
    flow += tuple(
        (f"arm {arm}: assigned {start}, with both stances", (("trials", left),)) for arm, start, left in told.arms
    )
    sections = (Section("Effects", "effects", tuple(blocks)), *_courses(cases, known))
    methods = ("stance", "shift", "ancova" if against else "", "clusters", "holm", "change")
    return Finding(sections, head, flow, tuple(unshown), tuple(filter(None, methods)))


def _named(score: Score) -> str:
    """Return what a figure is called for people: arms first, then how."""
    arm, control = score.more.get("arm"), score.more.get("control")
    of = f"{arm} against {control}" if control else str(arm or "all")
    return f"{of}, {NAMES.get(str(score.more.get('estimator')), score.name)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _effects(
    against: Sequence[Score], shifts: Sequence[Score], known: Mapping[str, Case], units: Sequence[str]
) -> list[Block]:
    if not shifts and not against:
        return [Paragraph("No effect can be told; see what is not shown.", "note")]
    first = [*against, *shifts][0]
    blocks: list[Block] = [
        Paragraph(STATED, "note"),
        Paragraph(f"{_capital(_named(first))}: {said(first)}.", "lead"),
        *(Paragraph(f"{_capital(one)}.") for one in units),
    ]
    if against:
        blocks.append(_drawn("effects", "Effects against the control", against, known))
    if shifts:
        blocks.append(_drawn("shifts", "Mean shift by arm", shifts, known))
    return blocks


def _drawn(name: str, title: str, scores: Sequence[Score], known: Mapping[str, Case]) -> Figure | Table:
    unit = scores[0].unit.replace(" to ", "\u00a0to\u00a0")
    look = Look(title, f"{unit}, towards the side that was argued", f"{title}, each with its 95 % interval")
    points = [found for one in scores if (found := point(one, _named(one)))]
    rows = tuple((*row(one, "", _named(one))[:-1], *_tests(one), behind(one, known)) for one in scores)
    heads = (*HEADS[:-1], "p", "p (Holm)", HEADS[-1])
    caption = "With 95 % intervals; repeats of a cell are averaged first. Hollow: no interval."
    table = Table(caption, heads, rows)
    return figure(name, look, caption, lambda at: intervals(points, at), table) if points else table


def _tests(score: Score) -> tuple[str, str]:
    adjusted = score.more.get("p_holm")
    return ("-" if score.p is None else f"{score.p:.2g}", "-" if adjusted is None else f"{adjusted:.2g}")


def _further(scores: Sequence[Score], known: Mapping[str, Case]) -> list[Block]:
    """Return when stances flipped, what was left of effects later, what persuaders declined, and what turns did."""
    if not scores:
        return []
    told = [(one, behind(one, known)) for one in scores]
    return [Fold(f"Flips, durability and conduct ({len(told)})", (scores_table("By arm", told),))]


# Courses


def _courses(cases: Sequence[Case], known: Mapping[str, Case]) -> tuple[Section, ...]:
    found = [trial_of(case.recorded) for case in cases if case.form == "trial"]
    blocks: list[Block] = []
    for scale in sorted({one.shift.scale for one in found}):
        arms = arms_of([one for one in found if one.shift.scale == scale], Wanted())
        if arms.rows:
            blocks += _trajectories(arms, known)
            blocks.append(Fold(f"Stances by cell, 1 to {scale}", (_by_cell(arms, known),)))
    return (Section("Trajectories", "trajectories", tuple(blocks)),) if blocks else ()


def _trajectories(arms: Arms, known: Mapping[str, Case]) -> list[Block]:
    scale = arms.scale
    askings = list(dict.fromkeys(_askings([trial for cell in arms.rows for trial in cell.trials])))
    scores: list[tuple[Score, Cell]] = []
    points: list[Point] = []
    faint: list[tuple[Point, ...]] = []
    for arm in sorted(arms.names, key=lambda name: (name == CONTROL, name)):
        cells = [cell for cell in arms.rows if cell.arm == arm]
        series = f"{arm} (n {len(cells)})"
        for name in askings:
            values = [value for cell in cells if (value := _toward(cell, cell.mean(name), scale)) is not None]
            if values:
                score = mean_of(f"{arm}, {name}", values, f"points on 1-{scale}", "cells")
                scores.append((score, links(known[one.of.id] for cell in cells for one in cell.trials)))
                points += [one for one in (point(score, name, series),) if one]
        faint += [_course(cell, one, askings, series, scale) for cell in cells for one in cell.trials]
    shown = faint[:MOST_COURSES]
    unit, span = f"stance towards the side argued, 1\u00a0to\u00a0{scale}", (1.0, float(scale))
    look = Look("Stances at each asking, by arm", unit, "mean stance of each arm, with single trials", span=span)
    caption = (
        "Thick: means over cells with 95 % intervals, narrower than what holds for other claims and targets; "
        f"thin: {len(shown)} of {len(faint)} single trials. Hollow: no interval. {scale} is full agreement with what "
        "was argued."
    )
    table = scores_table("Mean stance at each asking, towards the side that was argued", scores)
    name = "trajectories" if scale == 7 else f"trajectories-{scale}"  # noqa: PLR2004 - the usual scale
    return [figure(name, look, caption, lambda at: paths(points, at, shown), table)]


def _askings(some: Sequence[Trial]) -> list[str]:
    """Return what askings are called, in the order of their time."""
    order = {"before": -1.0, "after": 1e9, "later": 2e9}
    every = {one.name: order.get(one.name, float(one.heard)) for trial in some for one in trial.points}
    return sorted(every, key=lambda name: every[name])


def _course(cell: Row, one: Trial, askings: Sequence[str], series: str, scale: int) -> tuple[Point, ...]:
    told = ((name, _toward(cell, one.stance(name), scale)) for name in askings)
    return tuple(Point(name, value, series=series) for name, value in told if value is not None)


def _toward(cell: Row, value: float | None, scale: int) -> float | None:
    """Return a stance on the side that was argued."""
    return value if value is None or cell.side > 0 else scale + 1 - value


def _by_cell(arms: Arms, known: Mapping[str, Case]) -> Table:
    rows = tuple(
        (
            cell.arm,
            cell.claim,
            cell.target,
            "for" if cell.side > 0 else "against",
            *(_shown(cell.mean(name)) for name in ("before", "after")),
            amount(fmean(one.shift.signed() or 0.0 for one in cell.trials)),
            str(len(cell.trials)),
            links(known[one.of.id] for one in cell.trials),
        )
        for cell in arms.rows
    )
    heads = ("arm", "claim", "target", "argued", "before", "after", "signed shift", "n", "conversations")
    repeats = Counter(len(cell.trials) for cell in arms.rows)
    of = ", ".join(f"{count} of {n}" for n, count in sorted(repeats.items()))
    return Table(f"Stances by cell: means over its repeats (cells by their repeats: {of})", heads, rows, words=4)


def _shown(value: float | None) -> str:
    return "-" if value is None else amount(value)
