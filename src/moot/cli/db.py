"""`moot db`: look after the record itself: check it, keep a copy of it, move it to another database.

It must never write over what is there already.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import STORE, record
from moot.cli.terminal import console, print_json, safe
from moot.store import open_store
from moot.store.copying import copy

if TYPE_CHECKING:
    from moot.store import Store


@click.group()
def command() -> None:
    """Look after the record: a SQLite file, or a PostgreSQL database at a postgresql:// address.

    \b
    moot db check
    moot db backup kept.db
    moot db copy moot.db postgresql://me@host/moot

    A password is better kept out of the address: in PGPASSWORD, or in ~/.pgpass.
    """


@command.command("check")
@record.option
@record.as_json
def check() -> None:
    """Check the database itself, and derive every digest again. Ends with code 5 where something is wrong."""

    async def work(store: Store) -> list[str]:
        found = list(await store.faults())
        if record.wants_json():
            print_json({"schema": await store.schema(), "faults": found})
        for line in () if record.wants_json() else found:
            console().print(safe(line), style="bold red")
        if not found and not record.wants_json():
            click.echo(f"the record is whole: {len(await store.list())} conversations agree with their digests")
        return found

    if record.run(work):
        raise click.exceptions.Exit(STORE)


@command.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@record.option
@record.as_json
def backup(file: Path) -> None:
    """Copy the record as it is now into a new SQLite FILE, while it may be in use."""
    if file.exists():
        raise click.UsageError(f"{file} is there already; name another")
    from moot.store.file import settle  # noqa: PLC0415 - a database is imported when it is opened

    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")

    async def work(store: Store) -> None:
        from moot.store.sqlite import SqliteStore  # noqa: PLC0415 - as above

        if isinstance(store, SqliteStore):
            await store.back_up(part)
        async with open_store(part) as kept:
            await copy(store, kept, _quiet)  # what was said since the copy of the file is taken too

    try:
        record.run(work)
        part.rename(file)
        settle(file.parent)
    finally:
        for left in (part, part.with_name(f"{part.name}-wal"), part.with_name(f"{part.name}-shm")):
            left.unlink(missing_ok=True)
    size = file.stat().st_size
    _say({"file": str(file), "bytes": size}, f"{file} ({size / 1e6:.1f} MB)")


@command.command("copy")
@click.argument("source", callback=record.located)
@click.argument("target", callback=record.located)
@record.as_json
def copy_(source: Path | str, target: Path | str) -> None:
    """Copy the record SOURCE into TARGET, each a SQLite file or a postgresql:// address; broken off, it can go on.

    Only what TARGET lacks is written. A conversation that went on otherwise there is refused.
    """
    if isinstance(source, Path) and not source.exists():
        raise click.UsageError(f"there is no record {source}")
    if source == target:
        raise click.UsageError("a record cannot be copied into itself")

    async def work() -> None:
        async with open_store(source) as one, open_store(target) as other:
            copied = await copy(one, other, _told)
        words = f"{copied.conversations} conversations, {copied.new} of them new or longer there; all digests agree"
        _say({"conversations": copied.conversations, "new": copied.new}, words)

    asyncio.run(work())


@command.command("migrate")
@record.option
@record.as_json
def migrate() -> None:
    """Bring the record to this version's schema, as every command does that opens it, and say which that is.

    A SQLite file is copied beside itself first; of a PostgreSQL database, make a copy of your own with `moot db backup`
    of the version that you leave.
    """

    async def work(store: Store) -> None:
        schema, copy = await store.schema(), record.copy_of(store)
        words = f"the record has schema {schema}, this version's own"
        _say({"schema": schema, "copy": str(copy) if copy else None}, words)

    record.run(work)


def _say(plain: dict[str, object], words: str) -> None:
    if record.wants_json():
        print_json(plain)
    else:
        click.echo(words)


def _quiet(done: int, total: int) -> None:
    """Take no note."""


def _told(done: int, total: int) -> None:
    err = console(err=True)
    if err.is_terminal:
        err.print(f"{done} of {total}", end="\n" if done == total else "\r")
