"""Where an audience stood before, after each piece and after all: the mean over the readers that count.

It must never count two ballots of one reader as two readers, nor a reader whose answers cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.forms.audience import audience, audience_plan
from moot.forms.course import first_undone
from moot.forms.stance import asked_of, pairs
from moot.measures import Score, called_with, mean_of
from moot.measures.persuasion import Stance, stance_of
from moot.measures.readers import Check, check_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader: its stance at each point (the first is before anything, the last after all), and its check."""

    reader: str
    voice: str
    points: tuple[str, ...]
    stances: tuple[Stance, ...]
    scale: int
    check: Check | None
    checked: bool

    @property
    def left_out(self) -> str:
        """Why this reader does not count, or nothing."""
        if len(self.stances) < len(self.points):
            return "has not read it all"
        if self.check is not None and not self.check.sensitive:
            return self.check.verdict
        first, last = self.stances[0].mean, self.stances[-1].mean
        return "named no option before or after" if first is None or last is None else ""

    @property
    def moved(self) -> float | None:
        """How far the reader moved between before and after all, towards the claim."""
        first, last = self.stances[0].mean, self.stances[-1].mean
        return None if first is None or last is None else last - first


def reading(transcript: Transcript) -> Reading:
    """Return what one reader said so far; `Invalid` where the transcript is no audience."""
    check = check_of(transcript)
    heading = transcript.heading
    told, reader = called_with(heading, audience), heading.names[0]
    claim, scale, probes = str(told["claim"]), int(told["scale"]), int(told["probes"])
    plan = audience_plan(claim, scale, probes, check=bool(told["check"]), negation=str(told["negation"]))
    opening = tuple(probe for probe in plan if probe.claim == claim)
    labels = tuple(map(str, told["labels"])) or tuple("" for _ in told["pieces"])
    after = [f"{number}: {label}".rstrip(": ") for number, label in enumerate(labels, 1)]
    points = ("before", *(after[:-1] if told["each"] else ()), "after all")
    undone, at = first_undone(asked_of(reader, plan), transcript.turns)
    stances: list[Stance] = []
    if undone is None:
        stances.append(stance_of(reader, opening, transcript.turns[:at]))
    asked, turns = pairs(claim, scale, probes), transcript.turns[at:]
    while undone is None and len(stances) < len(points):
        undone, at = first_undone(asked_of(reader, asked), turns)
        if undone is None:
            stances.append(stance_of(reader, asked, turns[:at]))
            turns = turns[at:]
    voice = heading.participants[0].voice
    return Reading(reader, voice, points, tuple(stances), scale, check, bool(told["check"]))


def curve(readings: Sequence[Reading]) -> tuple[Score, ...]:
    """Return the mean stance at each point over the readers that count, and at last how far they moved."""
    counted = [one for one in readings if not one.left_out]
    first = readings[0]
    unit = f"points on 1-{first.scale}"
    at: list[Score] = []
    for index, point in enumerate(first.points):
        found = [value for one in counted if (value := one.stances[index].mean) is not None]
        at.append(mean_of(point, found, unit, "readers that count"))
    moved = [one.moved for one in counted if one.moved is not None]
    return (*at, mean_of("moved towards the claim", moved, unit, "readers that count"))


def as_json(one: Reading) -> dict[str, Any]:
    """Return a reading as plain JSON."""
    stances = {point: stance.as_json() for point, stance in zip(one.points, one.stances, strict=False)}
    check = one.check.as_json() if one.check else {"verdict": "unfinished" if one.checked else "unchecked"}
    return {
        "reader": one.reader,
        "voice": one.voice,
        "counted": not one.left_out,
        "left_out": one.left_out,
        "check": check,
        "stances": stances,
        "moved": one.moved if one.stances else None,
    }
