"""What a report is made from: conversations as they are on record, the plan they follow, and what they cost.

It must never look anything up: all of it arrives as values, so that the same record gives the same page.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moot.measures.recorded import Recorded
from moot.publish.blocks import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moot.measures import Score
    from moot.publish.blocks import Cell, Section
    from moot.transcript import Transcript

SHORT = 8
"""Characters of an id that people are shown."""

MOST_LINKS = 12
"""Conversations that one cell of a table leads to; of more, it says how many there are."""


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation: how it stands (closed, resting, failed, missing), why, and the values of its cell of a grid.

    `at` are the times of its turns, `models` what providers said that their models are.
    """

    id: str
    transcript: Transcript
    state: str = "closed"
    reason: str = ""
    values: tuple[tuple[str, Any], ...] = ()
    at: tuple[str, ...] = ()
    forked_from: str = ""
    models: tuple[tuple[str, str], ...] = ()

    @property
    def form(self) -> str:
        """The name of its form."""
        return self.transcript.heading.form

    @property
    def recorded(self) -> Recorded:
        """The same as measures take it."""
        return Recorded(self.id, self.transcript, self.reason if self.state == "closed" else None)

    @property
    def link(self) -> Link:
        """What leads to it on the page."""
        return Link(self.id[:SHORT], f"c-{self.id}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan that was sealed before the first word: when, of which design, and whether that is still the same.

    `holds` is None where the design itself is not at hand; `lines` say what else was planned.
    """

    made: str
    design: str
    holds: bool | None
    lines: tuple[str, ...] = ()
    after_start: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """What one voice has used: tokens as reported and dollars, None where they are not known, and calls by outcome."""

    voice: str
    calls: int
    failed: int
    read: int | None
    written: int | None
    dollars: float | None


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that a report tells; `cases` that are missing have a heading and no turns."""

    name: str
    question: str
    cases: tuple[Case, ...]
    factors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    design: str = ""
    plan: Plan | None = None
    spent: tuple[Spent, ...] = ()
    prices: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    again: str = ""
    full: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one kind of conversations came to: sections, lines for the top, how many were left when, what is not shown.

    `flow` is (stage, how many) for each arm or group by its name; `methods` names what was done, see `methods.py`.
    """

    sections: tuple[Section, ...]
    headline: tuple[str, ...] = ()
    flow: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    unshown: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    shown: frozenset[str] = field(default_factory=frozenset[str])


def links(cases: Iterable[Case]) -> Cell:
    """Return what leads to conversations, to the first of them where they are many."""
    found = list(cases)
    told = tuple(one.link for one in found[:MOST_LINKS])
    return (*told, Link(f"and {len(found) - MOST_LINKS} more", "conversations")) if len(found) > MOST_LINKS else told


def behind(score: Score, known: Mapping[str, Case]) -> Cell:
    """Return what leads to the conversations whose turns a figure cites; all of them where it cites none."""
    ids = dict.fromkeys(identity for identity, _ in score.cites)
    return links(known[one] for one in ids if one in known) if ids else "all"


def counted(names: Sequence[str]) -> str:
    """Return names with how often each is there, the most frequent first."""
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in Counter(names).most_common())
