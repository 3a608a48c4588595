"""`moot export`: a conversation as a file of another kind.

It must never leave half a file: what is written appears whole or not at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, safe
from moot.formats import FORMATS, Record, write

if TYPE_CHECKING:
    from moot.formats import Format
    from moot.store import Store, Stored


@click.command(short_help="Write a conversation as text, Markdown or JSON.")
@click.argument("conversation", default="last")
@click.option("--format", "layout", type=click.Choice(FORMATS), default="text", show_default=True, help="Of the file.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, not standard output.")
@record.option
def command(conversation: str, layout: Format, output: Path | None) -> None:
    """Write a conversation as text, as Markdown, or as JSON that loses nothing.

    \b
    moot export last --format md
    moot export 3f2a --format json -o talk.json

    What a format cannot hold is said on standard error.
    """

    async def work(store: Store) -> None:
        written = write(await document(store, await store.read(await store.find(conversation))), layout)
        content = written.text.encode("utf-8")
        if output is None:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            put(output, content)
        for line in written.lost:
            console(err=True).print(safe(f"not in this file: {line}"), style="dim")

    record.run(work)


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
