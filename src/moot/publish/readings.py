"""Audiences: where readers stood before, after each piece and after all, with those left out told apart.

It must never count a reader whose answers cannot be read, nor drop one unsaid.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from moot.forms.audience import audience
from moot.measures import called_with
from moot.measures.curves import Reading, curve, reading
from moot.publish.blocks import Paragraph, Section, Table
from moot.publish.charts import Look, paths
from moot.publish.figures import figure, point, said, scores_table
from moot.publish.study import Finding, links

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from moot.measures import Score
    from moot.publish.blocks import Block
    from moot.publish.charts import Point
    from moot.publish.study import Case

Read = tuple["Case", Reading]


def readings(cases: Sequence[Case]) -> Finding:
    """Return what audiences came to: one curve for each voice that read the same pieces for the same claim."""
    groups: dict[tuple[str, ...], list[Read]] = {}
    for case in cases:
        told = called_with(case.transcript.heading, audience)
        key = (str(told["claim"]), *map(str, told["pieces"]), str(told["scale"]), str(told["each"]))
        groups.setdefault(key, []).append((case, reading(case.transcript)))
    sections: list[Section] = []
    headline: list[str] = []
    for number, (key, group) in enumerate(groups.items(), 1):
        blocks, lines = _of_claim(key[0], group, f"audience-{number}")
        sections.append(Section(f"Audience: {key[0]}", f"audience-{number}", tuple(blocks)))
        headline += lines
    everyone = [one for group in groups.values() for one in group]
    left = [(case, one.left_out) for case, one in everyone if one.left_out]
    unshown = tuple(f"reader {one.id[:8]} is in no curve: {why}" for one, why in left)
    stages = (
        ("readers on record", (("readers", len(everyone)),)),
        ("analysed (have read all, and their answers can be read)", (("readers", len(everyone) - len(left)),)),
    )
    return Finding(tuple(sections), tuple(headline), stages, unshown, ("stance", "check", "mean"))


def _of_claim(claim: str, group: Sequence[Read], name: str) -> tuple[list[Block], list[str]]:
    voices: dict[str, list[Read]] = {}
    for case, one in group:
        voices.setdefault(one.voice, []).append((case, one))
    points: list[Point] = []
    scores: list[tuple[Score, Any]] = []
    moved: list[tuple[str, Score, int]] = []
    for voice, some in voices.items():
        counted = [case for case, one in some if not one.left_out]
        *course, last = curve([one for _, one in some])
        series = f"{voice} (n {len(counted)})"
        points += [found for at, one in enumerate(course) if (found := point(one, one.name, series, at))]
        scores += [(_renamed(one, voice), links(counted)) for one in (*course, last)]
        moved.append((voice, last, len(some)))
    scale = group[0][1].scale
    look = Look("Stance as the audience read on", f"stated stance, 1\u00a0disagrees, {scale}\u00a0agrees",
                f"mean stance on: {claim}", span=(1.0, float(scale)))  # fmt: skip
    caption = "Means over the readers that count, with 95 % intervals over readers. Hollow: no interval."
    table = scores_table(f"Mean stance, {scores[0][0].unit}", scores)
    lines = [f"{voice} moved towards the claim by {said(one)}; {one.n} of {count} readers count."
             for voice, one, count in moved]  # fmt: skip
    blocks: list[Block] = [Paragraph(line, "lead") for line in lines]
    blocks.append(figure(name, look, caption, lambda at: paths(points, at), table) if points else table)
    return [*blocks, _readers(group)], lines


def _renamed(score: Score, voice: str) -> Score:
    return replace(score, name=f"{voice}, {score.name}")


def _readers(group: Sequence[Read]) -> Table:
    rows = tuple(
        (
            one.reader,
            one.voice,
            one.left_out or (one.check.verdict if one.check else "not checked"),
            "-" if not one.stances or one.moved is None else f"{one.moved:+.2f}",
            (case.link,),
        )
        for case, one in group
    )
    return Table("Readers", ("reader", "voice", "verdict", "moved", "conversation"), rows, words=3)
