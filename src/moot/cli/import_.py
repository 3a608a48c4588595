"""`moot import`: conversations from files of other kinds, put on record."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.formats import Unreadable, read
from moot.store import Conflict, NotFound, identity_of
from moot.transcript import CHAIR, digest

if TYPE_CHECKING:
    from moot.formats import Imported
    from moot.store import Store

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one conversation in a file: `known` if it was on record already, `lost` what could not be kept."""

    path: str
    id: str
    known: bool
    digest: str
    turns: int
    lost: tuple[str, ...]


@click.command(short_help="Put conversations from files on record.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@record.option
@record.as_json
def command(
    paths: tuple[Path, ...],
) -> None:
    """Put conversations from files on record; the kind of a file is told by what is in it.

    \b
    moot import talk.txt letters.txt conversation.json

    The same conversation is put on record once. What could not be kept is said.
    """

    async def work(store: Store) -> None:
        found = [(path, one) for path in paths for one in _read(path)]  # all are read before anything is recorded
        reports = [await _keep(store, path, one) for path, one in found]
        if record.wants_json():
            print_json([asdict(report) for report in reports])
            return
        for report in reports:
            state = "was on record already" if report.known else "is on record"
            click.echo(safe(f"{report.id[:8]} {state}: {report.turns} turns from {report.path}"))
            for line in report.lost:
                console(err=True).print(safe(f"  {line}"), style="dim")

    record.run(work)


def _read(path: Path) -> tuple[Imported, ...]:
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None


async def _keep(store: Store, path: Path, found: Imported) -> Report:
    """Put one conversation on record under the id that its file gives it, or one that derives from its content."""
    name = digest(found.transcript)
    for identity in (found.id, identity_of(found.transcript)):
        there = await _digest_of(store, identity) if _ID.fullmatch(identity) else ""
        if there is None:
            await store.start(identity, found.transcript, (CHAIR, *found.transcript.heading.names))
        if there in (None, name):
            return Report(str(path), identity, there == name, name, len(found.transcript.turns), found.lost)
    raise Conflict(f"{path}: another conversation is on record as {identity_of(found.transcript)}; run: moot verify")


async def _digest_of(store: Store, identity: str) -> str | None:
    try:
        return (await store.read(identity)).digest
    except NotFound:
        return None
