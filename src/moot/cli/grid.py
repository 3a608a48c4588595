"""A design with all that its conversations are made of: who takes part in each, settled once.

It must never start anything, or name a conversation otherwise than by its content.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.transcript import Invalid, link

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.cli.afterwards import Staff
    from moot.experiment.afterwards import Subject
    from moot.experiment.design import Cell, Design
    from moot.experiment.outcome import Stand
    from moot.store import Store
    from moot.transcript import Heading, Participant

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
"""The argument of every command of an experiment."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A design with each of its conversations: the cell and the heading under whose id it is kept."""

    design: Design
    cells: tuple[tuple[Cell, Heading], ...]
    identities: tuple[tuple[str, Cell], ...]
    staff: Staff | None = None
    """Who reads and judges what is finished, where the design has somebody do so."""

    @property
    def digest(self) -> str:
        """What the file says, and all that its conversations are made of: forms, scripts and settings too."""
        told: list[object] = [identity for identity, _ in self.identities]
        return link(self.design.digest, [*told, *self.staff.told] if self.staff else told)


async def grid_of(store: Store, file: Path) -> Grid:
    """Read a design and settle whom each of its cells lets speak, each cast once."""
    from moot.cast import cast as cast_of  # noqa: PLC0415 - heavy, and only needed once the file makes sense
    from moot.experiment.design import cells_of, identity_of  # noqa: PLC0415 - the same
    from moot.forms import open_form  # noqa: PLC0415 - the same
    from moot.own_forms import find  # noqa: PLC0415 - the same
    from moot.voices.spec import parse  # noqa: PLC0415 - the same

    design = _design(file)
    people: dict[tuple[object, ...], tuple[Participant, ...]] = {}
    opened: set[object] = set()
    found: list[tuple[Cell, Heading]] = []
    for cell in cells_of(design):
        scenario = cell.scenario
        key = (scenario.cast, scenario.topic)
        if key not in people:
            specs, names = [parse(role.voice) for role in scenario.cast], [role.name for role in scenario.cast]
            usual = await cast_of(store, record.config().endpoints, specs, names, (), scenario.topic)
            people[key] = tuple(
                one if role.brief is None else replace(one, brief=role.brief)
                for one, role in zip(usual, scenario.cast, strict=True)
            )
        heading = cell.heading(people[key])
        if cell.values not in opened:
            open_form(heading, find)
            opened.add(cell.values)
        found.append((cell, heading))
    identities = tuple((identity_of(heading), cell) for cell, heading in found)
    staff = await _staff(store, design, identities, file.parent) if design.afterwards else None
    return Grid(design, tuple(found), identities, staff)


async def followers(store: Store, grid: Grid) -> AsyncGenerator[tuple[Stand, Subject, Heading]]:
    """Yield how each reader's and judge's conversation stands that there can be by now; none is kept in memory."""
    if grid.staff is None:
        return
    from moot.cli.afterwards import follows  # noqa: PLC0415 - heavy, and few designs need it
    from moot.experiment.design import identity_of  # noqa: PLC0415 - the same
    from moot.experiment.outcome import stand_of  # noqa: PLC0415 - the same

    async with aclosing(follows(store, grid.design, grid.identities, grid.staff)) as each:
        async for one in each:
            for heading in one.headings:
                yield await stand_of(store, identity_of(heading), one.subject), one.subject, heading


async def _staff(store: Store, design: Design, cells: Sequence[tuple[str, Cell]], folder: Path) -> Staff:
    from moot.cli.afterwards import staff_of  # noqa: PLC0415 - heavy, and few designs need it

    return await staff_of(store, design, (cell for _, cell in cells), folder)


def _design(file: Path) -> Design:
    from moot.experiment.design import read_design  # noqa: PLC0415 - only who has a file needs it
    from moot.own_forms import settled  # noqa: PLC0415 - the same

    try:
        design = read_design(file.read_text("utf-8"), str(file))
    except OSError as error:
        raise Invalid(f"the design {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"the design {file} is not UTF-8 text") from None
    form = settled(str(design.pattern.get("form", "talk")), file.parent)
    return replace(design, pattern=dict(design.pattern) | {"form": form})
