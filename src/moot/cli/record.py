"""Which record a command works on, and how a command runs on it.

It must never guess at a record: the option, then MOOT_DB, then MOOT_HOME, then this user's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click

from moot.store import is_postgres, open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from moot.config import Config
    from moot.forms import Maker
    from moot.store import Store, Stored
    from moot.voices import Pool

T = TypeVar("T")


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    if value:
        ctx.meta[f"moot.{parameter.name}"] = value


def located(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Path | str | None:
    """Return where a record is: a file, or the address of a PostgreSQL database, which is kept as it was written."""
    if value is None or is_postgres(value):
        return value
    return click.Path(dir_okay=False, path_type=Path).convert(value, parameter, ctx)


def _remember_place(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    _remember(ctx, parameter, located(ctx, parameter, value))


option = click.option(
    "--db",
    metavar="FILE",
    expose_value=False,
    callback=_remember_place,
    help="The record to use (default: MOOT_DB, or moot.db in this user's data folder), or a postgresql:// address.",
)
"""The option of every command that needs a record; `run` looks at it."""

as_json = click.option("--json", is_flag=True, expose_value=False, callback=_remember, help="Print one JSON document.")
"""The option of every command that can answer in JSON; `wants_json` looks at it."""


def wants_json() -> bool:
    """Whether the command that runs was asked for JSON."""
    return "moot.json" in click.get_current_context().meta


def config() -> Config:
    """Return what is configured for the command that runs: read when first asked for, and the same from then on."""
    from moot.config import load  # noqa: PLC0415 - half of the commands need none

    meta = click.get_current_context().meta
    if "moot.config" not in meta:
        meta["moot.config"] = load(_here(), os.environ)
    return cast("Config", meta["moot.config"])


def pool(side_by_side: int = 1) -> Pool:
    """Return what voices share, with the endpoints and keys that are configured for the command that runs.

    So many conversations speak through it at a time.
    """
    from moot.voices import Pool  # noqa: PLC0415 - only who lets a voice speak needs one

    found = config()
    return Pool(found.endpoints, found.key, side_by_side=side_by_side)


def _here() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:  # somebody has removed this folder
        return None


def place() -> Path | str:
    """Return where the record is that the command that runs works on: a file, or a postgresql:// address."""
    named: Path | str | None = click.get_current_context().meta.get("moot.db") or os.environ.get("MOOT_DB")
    if named:
        return named if is_postgres(named) else Path(named)
    return usual()


def path() -> Path:
    """Return the record's file, or what it would be; what is kept beside a record lies there."""
    where = place()
    return where if isinstance(where, Path) else usual()


def usual() -> Path:
    """Return where the record of this user is, where nothing else was named."""
    if home := os.environ.get("MOOT_HOME"):
        return Path(home).expanduser() / "moot.db"
    from platformdirs import user_data_path  # noqa: PLC0415 - only needed where nothing was named

    return user_data_path("moot", appauthor=False) / "moot.db"


def run(work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the record, do the work on it, close it; SIGTERM ends it as gently as Ctrl-C does."""
    where = place()

    async def opened() -> T:
        task = asyncio.current_task()
        if task and sys.platform != "win32":
            with contextlib.suppress(RuntimeError):  # not in the main thread: nobody sends signals there
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with open_store(where) as store:
            _tell_of_copy(store)
            return await work(store)

    try:
        return asyncio.run(opened())
    except asyncio.CancelledError:
        raise click.exceptions.Exit(128 + signal.SIGTERM) from None


def _tell_of_copy(store: Store) -> None:
    """Say where the record is kept as it was before this version of moot brought it up to date just now."""
    from moot.cli.terminal import safe  # noqa: PLC0415 - only needed to tell

    if (copy := copy_of(store)) is not None:
        click.echo(safe(f"moot: the record was brought up to date; as it was before, it is kept at {copy}"), err=True)


def copy_of(store: Store) -> Path | None:
    """Return the copy of a record's file that was made when it was brought to a newer schema just now."""
    from moot.store.sqlite import SqliteStore  # noqa: PLC0415 - a database is imported when it is opened

    return store.file.copy if isinstance(store, SqliteStore) else None


def forms_of(stored: Stored) -> Callable[[str], Maker]:
    """Return what finds the form of a conversation: one that came with a file is moot's own, or none."""
    from moot import own_forms  # noqa: PLC0415 - only who goes on with a conversation needs them

    return own_forms.forms_of(stored)


def new_id() -> str:
    """Return an id for a new conversation: 16 hex digits, of which the first few will do."""
    return secrets.token_hex(8)
