"""What a grid and all that follows on it are foreseen to come to: kinds of conversations, played through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.cli.afterwards import source_of
from moot.experiment.afterwards import subjects
from moot.experiment.plan import played, sample, sort_of, whole
from moot.own_forms import find
from moot.scenario import caps_of
from moot.transcript import Invalid, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.cli.afterwards import Staff
    from moot.cli.grid import Grid
    from moot.experiment.afterwards import Subject
    from moot.experiment.design import Design
    from moot.experiment.plan import Load, Played
    from moot.spending import Price
    from moot.transcript import Heading

MOST_SUBJECTS = 100
"""Conversations or pairs of a kind whose readers and judges are played at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """The grid itself, or one of the tables of what follows on it; `played` where only so many stood for all."""

    form: str
    conversations: int
    load: tuple[Load, ...]
    played: int | None = None


def foreseen(grid: Grid, price: Price) -> tuple[Part, ...]:
    """Return what the grid comes to, and each table of what follows; nobody is asked anything."""
    kinds = Counter(cell.values for cell, _ in grid.cells)
    first = {cell.values: heading for cell, heading in reversed(grid.cells)}
    each = [(heading, kinds[values]) for values, heading in first.items()]
    chosen = sample(each, sort_of)
    load = whole((_played(heading).loads(price), count) for heading, count in chosen)
    form = grid.cells[0][1].form.rpartition("/")[2].partition("#")[0]
    itself = Part(form, len(grid.cells), load, len(chosen) if len(chosen) < len(each) else None)
    numbers = range(1, len(grid.design.afterwards) + 1)
    return (itself, *(_followed(grid, grid.staff, price, number) for number in numbers if grid.staff))


def _played(heading: Heading) -> Played:
    return played(heading, find, caps_of(heading).turns)


def _followed(grid: Grid, staff: Staff, price: Price, number: int) -> Part:
    headings = {identity: heading for (identity, _), (_, heading) in zip(grid.identities, grid.cells, strict=True)}
    alike: dict[object, tuple[Subject, int]] = {}
    for one in subjects(grid.design.afterwards, grid.identities, len(grid.design.balanced)):
        if one.number == number:
            subject, count = alike.get((one.values, one.levels), (one, 0))
            alike[one.values, one.levels] = subject, count + 1
    each = tuple(alike.values())
    chosen = sample(each, lambda one: tuple(sort_of(headings[identity]) for identity in one.ids), MOST_SUBJECTS)
    made = [(_about(grid.design, staff, one, headings), count) for one, count in chosen]
    load = whole((_played(heading).loads(price), times * count) for found, count in made for heading, times in found)
    conversations = sum(grid.design.after(number, one.values).of_each * count for one, count in each)
    form = str(grid.design.afterwards[number - 1]["form"])
    return Part(form, conversations, load, len(chosen) if len(chosen) < len(each) else None)


def _about(
    design: Design, staff: Staff, subject: Subject, headings: dict[str, Heading]
) -> Sequence[tuple[Heading, int]]:
    """Return who would read or judge the subject, once each where their seeds are all that tells them apart."""
    told = [(identity, _played(headings[identity]).transcript) for identity in subject.ids]
    sources = tuple(source_of(identity, transcript, digest(transcript)) for identity, transcript in told)
    try:
        found = staff.headings(design, subject, sources)
    except Invalid:
        return ()  # nothing would be said there that anybody could read
    alike = Counter((one.participants[0].voice, one.arguments) for one in found)
    first = {(one.participants[0].voice, one.arguments): one for one in found}
    return [(first[key], count) for key, count in alike.items()]
