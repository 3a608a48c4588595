"""`moot import`: conversations from files of other kinds, put on record."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from moot.cli import record
from moot.cli.parquet import as_lines
from moot.cli.terminal import console, print_json, safe
from moot.formats import File, Unreadable, read_files
from moot.formats.files import MOST_MEMBERS
from moot.store import Conflict, NotFound, identity_of
from moot.store.rows import branch
from moot.transcript import CHAIR, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.formats import Imported
    from moot.store import Store

_ID = re.compile(r"[0-9a-f]{16}")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one conversation in a file: `known` if it was on record already, `lost` what could not be kept.

    `forked_from` is the id of the conversation that it is a branch of.
    """

    path: str
    id: str
    known: bool
    digest: str
    turns: int
    lost: tuple[str, ...]
    forked_from: str = ""


@click.command(short_help="Put conversations from files on record.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@record.option
@record.as_json
def command(
    paths: tuple[Path, ...],
) -> None:
    """Put conversations from files, folders and zip archives on record; what they are is told by what is in them.

    \b
    moot import talk.txt letters.txt conversation.json
    moot import chats.jsonl export.zip

    The same conversation is put on record once. What could not be kept is said.
    """

    async def work(store: Store) -> None:
        offered = [_files(path) for path in paths]
        for files in offered:  # all are read before anything is recorded
            for _ in read_files(files):
                pass
        reports = [
            report for path, files in zip(paths, offered, strict=True) for report in await _keep(store, path, files)
        ]
        if record.wants_json():
            print_json([asdict(report) for report in reports])
            return
        _tell(reports)

    record.run(work)


def _tell(reports: Sequence[Report]) -> None:
    for report in reports[:_SHOWN]:
        state = "was on record already" if report.known else "is on record"
        branch = f", a branch of {report.forked_from[:8]}" if report.forked_from else ""
        click.echo(safe(f"{report.id[:8]} {state}: {report.turns} turns from {report.path}{branch}"))
        for line in report.lost:
            console(err=True).print(safe(f"  {line}"), style="dim")
    if rest := reports[_SHOWN:]:
        new = sum(not report.known for report in rest)
        click.echo(f"and {len(rest):,} more, {new:,} of them new (--json lists all)")
        for line, count in Counter(line for report in rest for line in report.lost).most_common(_SHOWN):
            console(err=True).print(safe(f"  in {count:,} of them: {line}"), style="dim")


def _files(path: Path) -> tuple[File, ...]:
    """Return a file, or all those of a folder, by their names in it; no link is followed."""
    try:
        if not path.is_dir():
            return (_file(path, str(path)),)
        found = sorted(one for one in path.rglob("*") if one.is_file() and not one.is_symlink())
        if len(found) > MOST_MEMBERS:
            raise Unreadable(f"{path}: {len(found):,} files in one folder are more than moot reads ({MOST_MEMBERS:,})")
        return tuple(_file(one, one.relative_to(path).as_posix()) for one in found)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None


def _file(path: Path, name: str) -> File:
    def opened() -> BinaryIO:
        try:
            return path.open("rb")
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from None

    file = File(name, path.stat().st_size, opened)
    return as_lines(path, name) if file.size and file.start(4) == b"PAR1" else file


async def _keep(store: Store, path: Path, files: Sequence[File]) -> list[Report]:
    """Put a file's conversations on record, each under an id that derives from it."""
    reports: list[Report] = []
    for found in read_files(files):
        source = reports[-found.back].id if found.back else ""
        identity, known = await _kept(store, path, found, source)
        name, turns = digest(found.transcript), len(found.transcript.turns)
        reports.append(Report(str(path), identity, known, name, turns, found.lost, source))
    return reports


async def _kept(store: Store, path: Path, found: Imported, source: str) -> tuple[str, bool]:
    """Put one conversation on record under the id that its file gives it, or one that derives from its content."""
    name, foreigners = digest(found.transcript), (CHAIR, *found.transcript.heading.names)
    for identity in (found.id, identity_of(found.transcript)):
        there = await _digest_of(store, identity) if _ID.fullmatch(identity) else ""
        if there is None and source:
            await store.take(branch(identity, found.transcript, source, found.shared, foreigners))
        elif there is None:
            await store.start(identity, found.transcript, foreigners)
        if there in (None, name):
            return identity, there == name
    raise Conflict(f"{path}: another conversation is on record as {identity_of(found.transcript)}; run: moot verify")


async def _digest_of(store: Store, identity: str) -> str | None:
    try:
        return (await store.read(identity)).digest
    except NotFound:
        return None
