"""Readers and judges of the finished conversations of a grid: a design's tables and the record become headings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from moot.cli import audience, judge
from moot.cli.sources import of_transcript
from moot.experiment.afterwards import subjects
from moot.scenario import kept
from moot.store import NotFound
from moot.transcript import Heading, Invalid, freeze

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from pathlib import Path

    from moot.cli.sources import Source
    from moot.experiment.afterwards import Afterwards, Subject
    from moot.experiment.design import Cell, Design
    from moot.store import Store
    from moot.transcript import Participant, Transcript


@dataclass(frozen=True, slots=True)
class Staff:
    """Who reads and judges, by table and as it was filled in, and by which rubrics: settled before anything is run."""

    people: Mapping[Afterwards, tuple[Participant, ...]]
    rubrics: Mapping[str, str]

    @property
    def told(self) -> list[object]:
        """All of it as plain JSON, of which a plan keeps a digest."""
        who = [[one.name, one.voice, one.brief, repr(one.settings)] for each in self.people.values() for one in each]
        return [who, dict(self.rubrics)]

    def headings(self, design: Design, subject: Subject, sources: tuple[Source, ...]) -> tuple[Heading, ...]:
        """Return the conversations about one subject, whose words the sources are; `Invalid` where there are none."""
        after = design.after(subject.number, subject.values)
        if not all(one.pieces for one in sources):
            raise Invalid("nothing was said to all")
        levels, known = subject.levels, dict[str, Any]()
        if after.form == "audience":
            whole = _read(after, sources[0])
        else:
            case = judge.case_of(sources, after.between)
            whole = _judged(case, self.rubrics[after.rubric])
            levels, known = levels or (case.titles if after.between else ()), case.source()
        source = {f"factor_{name}": value for name, value in subject.values}
        source |= {"repeat": subject.repeat, "afterwards": subject.number, "of": subject.ids} | dict(kept(after.caps))
        source |= known | ({"levels": levels} if levels else {})
        seed = design.seed_of("afterwards", subject.number, list(subject.ids))
        return tuple(
            Heading((one,), title=f"{one.name}, of {' / '.join(each.title for each in sources)}"[:80], form=after.form,
                    arguments=freeze(dict(after.arguments) | told), seed=(seed + number) % 2**31,
                    series=f"{design.name}, afterwards", source=freeze(source))
            for number, one in enumerate(self._each(after)) for told in whole
        )  # fmt: skip

    def _each(self, after: Afterwards) -> tuple[Participant, ...]:
        """Return who reads or judges, as often as they do: readers are as many people, judges judge again."""
        people = self.people[after]
        return people if after.form == "audience" else tuple(one for one in people for _ in range(after.repeats))


def _read(after: Afterwards, source: Source) -> list[dict[str, Any]]:
    found = audience.blinded(source) if after.scrub else source
    return [{"pieces": [one.words for one in found.pieces], "labels": audience.labels(found), "about": found.about}]


def _judged(case: judge.Case, rubric: str) -> list[dict[str, Any]]:
    told = judge.plan_of(case, rubric, 10, reasons=True)
    given = {name: one for name, one in told.items() if name not in ("scale", "reasons")}  # those are the design's
    return [given | {"swap": swap} for swap in ((False, True) if len(case.words) > 1 else (False,))]


async def staff_of(store: Store, design: Design, cells: Iterable[Cell], folder: Path) -> Staff:
    """Settle who reads and judges what is finished of these cells; `Invalid` where a rubric cannot be read."""
    people: dict[Afterwards, tuple[Participant, ...]] = {}
    rubrics: dict[str, str] = {}
    block = len(design.balanced)
    for subject in subjects(design.afterwards, (("", cell) for cell in cells if cell.repeat <= block), block):
        after = design.after(subject.number, subject.values)
        if after in people:
            continue
        if after.form == "audience":
            people[after] = await audience.readers_of(store, after.voices, after.repeats, after.personas)
        else:
            people[after] = await judge.judges_of(store, after.voices)
            rubrics[after.rubric] = _rubric(folder, after.rubric)
    return Staff(people, rubrics)


def _rubric(folder: Path, name: str) -> str:
    if not name:
        return (files("moot.rubrics") / judge.RUBRIC).read_text("utf-8")
    try:
        return (folder / name).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the rubric {folder / name} cannot be read: {getattr(error, 'strerror', error)}") from None


@dataclass(frozen=True, slots=True)
class Follow:
    """What there is of one subject: the conversations about it, or why there can be none (yet)."""

    subject: Subject
    headings: tuple[Heading, ...]
    lacking: str = ""


async def follows(
    store: Store, design: Design, cells: Iterable[tuple[str, Cell]], staff: Staff
) -> AsyncGenerator[Follow]:
    """Yield, for each subject, what follows on it as far as the record has it closed; nothing is kept in memory."""
    for subject in subjects(design.afterwards, cells, len(design.balanced)):
        sources: list[Source] = []
        for identity in subject.ids:
            try:
                stored = await store.read(identity)
            except NotFound:
                break
            if stored.listing.closed is None:
                break
            sources.append(source_of(identity, stored.transcript, stored.digest))
        if len(sources) < len(subject.ids):
            yield Follow(subject, (), "not closed yet")
            continue
        try:
            made = staff.headings(design, subject, tuple(sources))
        except Invalid as error:
            yield Follow(subject, (), str(error))
        else:
            yield Follow(subject, made)


def source_of(identity: str, transcript: Transcript, digest: str) -> Source:
    """Return what was said in a conversation of the grid; its title must not give the arm away that it is of."""
    found = of_transcript(transcript, f"conversation {identity} {digest}", identity[:8])
    return replace(found, title=identity[:8])
