"""`moot doctor`: the common troubles, found and explained."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from moot import __version__
from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.config import Config, ConfigError, user_folder
from moot.keys import KeysError, find, read
from moot.store import StoreError, open_store
from moot.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 1_000_000_000
"""Bytes free under which models and records may soon not fit."""

SAFE_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first releases without the race of two processes that reset a write-ahead log at once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do where it is not well."""

    state: Literal["ok", "note", "trouble"]
    what: str
    remedy: str = ""


@click.command(short_help="Find and explain common troubles.")
@record.option
@record.as_json
def command() -> None:
    """Look at what moot stands on here and explain what is not well. Ends with code 1 where something is.

    \b
    moot doctor
    """
    found = list(_findings(record.place()))
    if record.wants_json():
        print_json([{"state": one.state, "what": one.what, "remedy": one.remedy} for one in found])
    else:
        styles = {"ok": "green", "note": "yellow", "trouble": "bold red"}
        out = console()
        for one in found:
            out.print(one.state.ljust(9), style=styles[one.state], end="")
            out.print(safe(f"{one.what}: {one.remedy}" if one.remedy else one.what))
    if any(one.state == "trouble" for one in found):
        raise click.exceptions.Exit(1)


def _findings(where: Path | str) -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok", f"moot {__version__} on Python {python}, {os.cpu_count()} cores")
    yield _sqlite()
    yield _record(where) if isinstance(where, Path) else _database(where)
    yield _room(record.path())
    config, complaint = _config()
    yield complaint or _sources(config)
    yield from _keys(config)
    yield from _voices(config)
    yield _terminal()


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version_info
    fixed = any(version[:2] == safe_one[:2] and version >= safe_one for safe_one in SAFE_SQLITE)
    if fixed or version >= SAFE_SQLITE[0]:
        return Finding("ok", f"SQLite {sqlite3.sqlite_version}")
    remedy = "has a rare fault that moot works around; let no other program write a record while moot does"
    return Finding("note", f"SQLite {sqlite3.sqlite_version}", remedy)


def _record(path: Path) -> Finding:
    if not path.exists():
        folder = next(one for one in path.absolute().parents if one.exists())
        if folder.is_dir() and os.access(folder, os.W_OK):
            return Finding("ok", f"no record yet; it will be {path}")
        return Finding(
            "trouble", f"no record yet, and {folder} cannot be written", "name another place with --db or MOOT_DB"
        )
    try:
        open_store(path).shut()
    except StoreError as error:
        return Finding("trouble", str(error))
    if not os.access(path, os.W_OK):
        return Finding("trouble", f"the record {path} can be read, not written", "make it writable, or name another")
    return Finding("ok", f"the record is {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _database(address: str) -> Finding:
    try:
        store = PostgresStore(address, patience=0)
        store.shut()
    except StoreError as error:
        return Finding("trouble", str(error))
    return Finding("ok", f"the record is the database {store.name}")


def _room(path: Path) -> Finding:
    folder = next(one for one in path.absolute().parents if one.exists())
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        return Finding("trouble", f"{free / 1e6:.0f} MB are free on the disk of {folder}", "make room")
    return Finding("ok", f"{free / 1e9:.0f} GB free")


def _config() -> tuple[Config, Finding | None]:
    """Return the configuration, or the usual one and what is wrong with this user's."""
    try:
        return record.config(), None
    except ConfigError as error:
        return Config(user_folder(os.environ)), Finding("trouble", str(error), "until then all else here is the usual")


def _sources(config: Config) -> Finding:
    if not config.sources:
        return Finding("ok", f"no configuration; yours would be {config.folder / 'config.toml'}")
    where = " and ".join(map(str, config.sources))
    if config.trusted:
        return Finding("ok", f"configured by {where}")
    return Finding("ok", f"configured by {where}; the project's file is not trusted to say where keys go")


def _keys(config: Config) -> Iterator[Finding]:
    """Tell of each key which source won, and of its value no more than its end."""
    from moot.cli.keys import users_of_keys  # noqa: PLC0415 - only needed to look

    try:
        kept = read(config.folder)
    except KeysError as error:
        yield Finding("trouble", str(error))
        kept = {}
    for variable in sorted({*kept, *users_of_keys(config)}):
        set_here = os.environ.get(variable, "").strip()
        if not set_here and variable not in kept:
            continue
        found = find(variable, config.folder, os.environ)
        end = f" (ends in {found.end})" if found and found.end else ""
        source = "the environment" if set_here else "the key file"
        other = ", which wins over the key file" if set_here and variable in kept else ""
        yield Finding("ok", f"{variable} comes from {source}{other}{end}")


def _voices(config: Config) -> Iterator[Finding]:
    from moot.cli.voices import kinds  # noqa: PLC0415 - looks at files and packages

    for kind in kinds(config):
        yield Finding("note" if kind.needs else "ok", kind.written, f"needs {kind.needs}" if kind.needs else "")
    if find_spec("pip") is None and not (shutil.which("pip3") or shutil.which("pip")):
        yield Finding("note", "pip is not installed", "models of moot's own cannot be fetched without it")


def _terminal() -> Finding:
    encoding = (sys.stdout.encoding or "none").lower()
    if encoding.replace("-", "") != "utf8":
        return Finding(
            "note", f"this terminal's encoding is {encoding}", "set PYTHONIOENCODING=utf-8 for all characters"
        )
    return Finding("ok", "the terminal reads UTF-8")
