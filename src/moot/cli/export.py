"""`moot export`: conversations as files of another kind.

It must never leave half a file: what is written appears whole or not at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from moot import __version__
from moot.cli import record
from moot.cli.parquet import parquet
from moot.cli.terminal import console, safe
from moot.formats import FORMATS, DataSet, Packed, Record, Way, Written, write_all
from moot.formats.dataset import card, croissant
from moot.formats.inspect_write import archive
from moot.store import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.formats import Format
    from moot.store import Store, Stored


_SHOWN = 30

FOLDERS = ("hf", "convokit")
"""Formats of several files: a folder of them is written."""


@click.command(short_help="Write conversations as files of another kind.")
@click.argument("conversations", nargs=-1)
@click.option("--format", "layout", type=click.Choice(FORMATS), default="text", show_default=True, help="Of the file.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file or, of several files, a new folder.")
@click.option("--perspective", metavar="NAME", default="", help="Whose view a chat log tells (usually the last's).")
@click.option("--merge-consecutive", "merge", is_flag=True, help="Join neighbouring messages of one role.")
@click.option("--series", metavar="NAME", help="All conversations of this series.")
@click.option("--all", "everything", is_flag=True, help="All conversations on record.")
@record.option
def command(
    conversations: tuple[str, ...],
    layout: Format,
    output: Path | None,
    perspective: str,
    merge: bool,  # noqa: FBT001 - an option
    series: str | None,
    everything: bool,  # noqa: FBT001 - an option
) -> None:
    """Write conversations as text, Markdown, JSON that loses nothing, chat logs, tables or data sets.

    \b
    moot export last --format md
    moot export 3f2a --format json -o talk.json
    moot export --series rivers --format openai --perspective SmolLM2 > train.jsonl
    moot export --all --format hf -o rivers/

    What a format cannot hold is said on standard error. docs/formats.md lists all formats.
    """
    if layout in (*FOLDERS, "inspect") and output is None:
        raise click.UsageError(f"{layout} is no text: name where to write it, with -o")

    async def work(store: Store) -> None:
        found = await _chosen(store, conversations, series, everything=everything)
        told = write_all(found, layout, Way(perspective, merge))
        match told:
            case Written(text):
                _out(output, text.encode("utf-8"))
            case Packed(files) if layout in FOLDERS:
                put_folder(cast("Path", output), dict(files))
            case Packed():
                put(cast("Path", output), archive(told))
            case DataSet():
                put_folder(cast("Path", output), _data_set(cast("Path", output).name, told))
        for line in told.lost[:_SHOWN]:
            console(err=True).print(safe(f"not in this file: {line}"), style="dim")

    record.run(work)


async def _chosen(store: Store, names: Sequence[str], series: str | None, *, everything: bool) -> list[Record]:
    """Return the conversations that were named; the last where nothing was said."""
    if everything or series is not None:
        listed = [one for one in await store.list() if everything or one.heading.series == series]
        if not listed:
            raise NotFound(f"there is no conversation of the series {series!r}" if series else "nothing is on record")
        names = [*names, *(one.id for one in reversed(listed))]
    found = dict.fromkeys([await store.find(name) for name in names or ("last",)])
    return [await document(store, await store.read(identity)) for identity in found]


def _data_set(name: str, told: DataSet) -> dict[str, bytes]:
    """Return the files of a data set: its tables as Parquet, and what tells of them."""
    files: dict[str, bytes] = {}
    for kind, rows in told.tables.items():
        if rows:
            files[told.path(kind)] = parquet(rows)
    texts = {"README.md": card(name, told, f"moot {__version__}"), "croissant.json": croissant(name, told, files)}
    return files | {path: text.encode() for path, text in texts.items()}


def _out(output: Path | None, content: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        put(output, content)


async def document(store: Store, stored: Stored) -> Record:
    """Return a conversation with what a file may say of it besides: its id, source and requests."""
    calls = tuple(
        {name: value for name, value in asdict(call).items() if value not in ("", None)}
        for call in await store.calls(stored.listing.id)
    )
    return Record(stored.transcript, stored.listing.id, stored.listing.forked_from or "", calls)


def put(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there when it is whole."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None


def put_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, which appears whole or not at all."""
    if path.exists():
        raise click.UsageError(f"{path} exists already; name a new folder")
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=f".{path.name}.") as beside:
            whole = Path(beside, "whole")
            for name, content in files.items():
                file = whole / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            whole.rename(path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
