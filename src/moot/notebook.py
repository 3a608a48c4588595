"""moot in a notebook: conversations off the record, and what they come to, as values that show themselves.

    from moot.notebook import conversations, measure, scores_frame
    [talk] = await conversations("last")     # shows itself
    told = await measure(experiment="zoos")  # so do its figures
    scores_frame(told, "pandas")

It must never write to the record, nor ask a voice anything.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from moot.measures.frames import scores_frame
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moot.measures.catalog import Measured
    from moot.measures.recorded import Recorded

__all__ = ["conversations", "measure", "scores_frame"]


async def conversations(
    *ids: str, experiment: Path | str | None = None, db: Path | str | None = None
) -> tuple[Recorded, ...]:
    """Return conversations by the first characters of their ids, or all of an experiment, by its name or its file.

    Readings and judgements of them are among them. `db` is the record, where it is not the usual one. `NotFound` where
    an id answers to nothing, `Invalid` where neither ids nor an experiment were named, or both.
    """
    from click import Context  # noqa: PLC0415 - comes with moot's own commands

    from moot.cli.measure import choose, command  # noqa: PLC0415 - it needs what moot's own commands need
    from moot.cli.record import usual  # noqa: PLC0415 - the same
    from moot.store import is_postgres, open_store  # noqa: PLC0415 - only who reads needs a store

    if bool(ids) == bool(experiment):
        raise Invalid('which conversations? name ids ("last" is one), or an experiment')
    where = db or os.environ.get("MOOT_DB") or usual()
    async with open_store(where if is_postgres(where) else _path(where)) as store:
        with Context(command):  # a design's file is read as a command reads it, with what is configured here
            return tuple(await choose(store, ids, experiment))


def _path(where: Path | str) -> Path:
    from pathlib import Path  # noqa: PLC0415 - needed here

    return Path(where).expanduser()


async def measure(
    *ids: str,
    experiment: Path | str | None = None,
    only: Sequence[str] = (),
    arm: Sequence[str] = (),
    control: str = "control",
    unit: Sequence[str] = (),
    truth: str | None = None,
    db: Path | str | None = None,
) -> Measured:
    """Return what conversations come to, as `moot measure` tells it; `Invalid` where a word of this is none of its."""
    from moot.cli.measure import of_all  # noqa: PLC0415 - it needs what moot's own commands need
    from moot.measures.arms import Wanted  # noqa: PLC0415 - heavy

    found = await conversations(*ids, experiment=experiment, db=db)
    return of_all(found, only, Wanted(tuple(arm), control, tuple(unit)), truth)
