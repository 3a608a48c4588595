"""A design with all that its conversations are made of: who takes part in each, settled once.

It must never start anything, or name a conversation otherwise than by its content.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.transcript import Invalid, link

if TYPE_CHECKING:
    from moot.experiment.design import Cell, Design
    from moot.store import Store
    from moot.transcript import Heading, Participant

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
"""The argument of every command of an experiment."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A design with each of its conversations: the cell and the heading under whose id it is kept."""

    design: Design
    cells: tuple[tuple[Cell, Heading], ...]

    @property
    def identities(self) -> tuple[tuple[str, Cell], ...]:
        """Ids and cells, in order."""
        from moot.experiment.design import identity_of  # noqa: PLC0415 - only who has a grid needs it

        return tuple((identity_of(heading), cell) for cell, heading in self.cells)

    @property
    def digest(self) -> str:
        """What the file says, and all that its conversations are made of: forms, scripts and settings too."""
        return link(self.design.digest, [identity for identity, _ in self.identities])


async def grid_of(store: Store, file: Path) -> Grid:
    """Read a design and settle whom each of its cells lets speak, each cast once."""
    from moot.cli.cast import cast as cast_of  # noqa: PLC0415 - heavy, and only needed once the file makes sense
    from moot.experiment.design import cells_of  # noqa: PLC0415 - the same
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
            usual = await cast_of(store, specs, names, (), scenario.topic)
            people[key] = tuple(
                one if role.brief is None else replace(one, brief=role.brief)
                for one, role in zip(usual, scenario.cast, strict=True)
            )
        heading = cell.heading(people[key])
        if cell.values not in opened:
            open_form(heading, find)
            opened.add(cell.values)
        found.append((cell, heading))
    return Grid(design, tuple(found))


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
