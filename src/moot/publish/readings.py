"""Audiences: where readers stood before, after each piece and after all, with those left out told apart.

It must never reckon anything otherwise than `moot measure` does, nor drop a reader unsaid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.listeners import curves, read_of
from moot.publish.blocks import Fold, Paragraph, Section, Table
from moot.publish.charts import Look, Point, paths
from moot.publish.figures import figure, lacking, point, said, scores_table
from moot.publish.study import Finding, behind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.measures import Score
    from moot.measures.listeners import Read
    from moot.publish.blocks import Block
    from moot.publish.study import Case


def readings(cases: Sequence[Case]) -> Finding:
    """Return what audiences came to: one curve for each claim and each source that was read."""
    known = {case.id: case for case in cases}
    read = [read_of(case.recorded) for case in cases]
    scores, notes = curves(read) if read else ([], [])
    groups: dict[tuple[str, ...], list[Score]] = {}
    for one in scores:
        groups.setdefault((str(one.more["claim"]), str(one.more["source"]), one.name.partition(":")[0]), []).append(one)
    blocks: list[Block] = []
    for number, ((claim, source, _), group) in enumerate(groups.items(), 1):
        some = [one for one in read if (one.claim, one.source) == (claim, source)]
        blocks += _curve(f"audience-{number}" if len(groups) > 1 else "audience", group, some, known)
    head = tuple(f"Readers moved towards “{one.more['claim']}” by {said(one)}." for one in scores if _is_move(one))
    left = [one for one in read if one.reading.left_out]
    stages = (
        ("readings on record", (("readings", len(read)),)),
        ("analysed (read all, and answers that can be read)", (("readings", len(read) - len(left)),)),
    )
    unshown = [
        *notes,
        *lacking(scores),
        *(f"reading {one.of.id[:8]} is in no curve: {one.reading.left_out}" for one in left),
    ]
    section = Section("Audience", "audience-section", (*blocks, Fold("Readers", (_readers(read, known),))))
    return Finding((section,), head[:3], stages, tuple(unshown), ("stance", "check", "mean"))


def _is_move(score: Score) -> bool:
    return score.name.endswith("moved towards the claim")


def _curve(name: str, group: Sequence[Score], some: Sequence[Read], known: Mapping[str, Case]) -> list[Block]:
    course = [one for one in group if not _is_move(one) and not one.name.partition(": ")[2].startswith("swing")]
    first, scale = group[0], some[0].reading.scale
    points = [
        found
        for at, one in enumerate(course)
        if (found := point(one, one.name.partition(": ")[2], f"readers that count (n {one.n})", at))
    ]
    faint = [_course(one) for one in some if not one.reading.left_out]
    unit = f"stated stance, 1\u00a0disagrees, {scale}\u00a0agrees"
    look = Look("Stance as the audience read on", unit, f"mean stance on: {first.more['claim']}",
                span=(1.0, float(scale)))  # fmt: skip
    caption = (
        "Thick: means with 95 % intervals over readers, those of one voice and brief averaged into one; thin: single "
        "readings. Hollow: no interval."
    )
    table = scores_table(f"Stance on: {first.more['claim']}", [(one, behind(one, known)) for one in group])
    head = Paragraph(f"Claim: {first.more['claim']}", "lead")
    if not points:
        return [head, table]
    series = points[0].series
    shown = [tuple(Point(one.label, one.value, series=series) for one in each) for each in faint]
    return [head, figure(name, look, caption, lambda at: paths(points, at, shown), table)]


def _course(one: Read) -> tuple[Point, ...]:
    both = zip(one.reading.points, one.reading.stances, strict=False)
    return tuple(Point(name, stance.mean) for name, stance in both if stance.mean is not None)


def _readers(read: Sequence[Read], known: Mapping[str, Case]) -> Table:
    rows = tuple(
        (
            one.reading.reader,
            one.reading.voice,
            one.reading.left_out or (one.reading.check.verdict if one.reading.check else "not checked"),
            "-" if not one.reading.stances or one.reading.moved is None else f"{one.reading.moved:+.2f}",
            (known[one.of.id].link,),
        )
        for one in read
    )
    return Table("Readers", ("reader", "voice", "verdict", "moved", "conversation"), rows, words=3)
