"""`moot keys`: the keys of hosted voices, kept where only their owner can read them.

It must never take a key as an argument, where a shell's history and other users see it, nor print more than its end.
"""

from __future__ import annotations

import difflib
import os
import sys
from typing import TYPE_CHECKING

import click

from moot import keys
from moot.cli import record
from moot.cli.terminal import print_json

if TYPE_CHECKING:
    from moot.config import Config


@click.group()
def command() -> None:
    """Keep the keys of hosted voices in a file that only you can read.

    \b
    moot keys set openai            asks for the key and does not show it
    moot keys set MY_KEY < file     or reads it from standard input
    moot keys list
    moot keys remove openai

    A key in the environment wins over one that is kept. A key goes to the host of its endpoint and to no other.
    """


@command.command("set")
@click.argument("name")
@click.argument("more", nargs=-1, metavar="")
@record.as_json
def set_(name: str, more: tuple[str, ...]) -> None:
    """Keep a key for NAME: an endpoint (openai, anthropic, google, ...) or a variable (MY_KEY)."""
    if more:
        raise click.UsageError(
            "a key is not given as an argument, where the shell's history and other users can read it: "
            f"if that was one, have it replaced, then: moot keys set {name if _is_plain(name) else 'NAME'}"
        )
    config = record.config()
    variable = _variable(name, config)
    if sys.stdin.isatty():
        key = click.prompt(f"Key for {variable}", hide_input=True, err=True).strip()
    else:
        key = sys.stdin.read().strip()
    keys.keep(variable, key, config.folder)
    shadowed = bool(os.environ.get(variable, "").strip())
    if record.wants_json():
        print_json({"name": variable, "path": str(keys.path(config.folder)), "shadowed": shadowed})
        return
    click.echo(f"{variable} is kept in {keys.path(config.folder)}")
    if shadowed:
        click.echo(f"moot: the environment has another {variable}, which wins", err=True)


@command.command("list")
@record.as_json
def list_() -> None:
    """List the keys that are here, where each was taken from, and how it ends."""
    config = record.config()
    kept = keys.read(config.folder)
    users = users_of_keys(config)
    rows: list[dict[str, object]] = []
    for variable in sorted({*kept, *users}):
        found = keys.find(variable, config.folder, os.environ)
        if found:
            rows.append(
                {
                    "name": variable,
                    "voices": users.get(variable, []),
                    "source": found.source,
                    "also_kept": found.source == "environment" and variable in kept,
                    "end": found.end,
                }
            )
    if record.wants_json():
        print_json(rows)
        return
    for row in rows:
        end = f"...{row['end']}" if row["end"] else ""
        also = " (wins over the kept one)" if row["also_kept"] else ""
        click.echo(f"{row['name']!s:<22} {end:<8} {row['source']}{also}".rstrip())
    if not rows:
        click.echo("No keys are here; keep one with: moot keys set NAME", err=True)


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the kept key of NAME. One in the environment stays."""
    config = record.config()
    variable = _variable(name, config)
    if not keys.forget(variable, config.folder):
        raise keys.KeysError(f"no key is kept for {variable}")
    click.echo(f"{variable} is no longer kept")


@command.command()
def path() -> None:
    """Print where the key file is, whether or not there is one."""
    click.echo(str(keys.path(record.config().folder)))


def users_of_keys(config: Config) -> dict[str, list[str]]:
    """Return which endpoints use each variable's key."""
    users: dict[str, list[str]] = {}
    for one in config.endpoints.values():
        if one.key_env:
            users.setdefault(one.key_env, []).append(one.name)
    return users


def _variable(name: str, config: Config) -> str:
    """Return the variable that a name stands for; it may be a key by mistake, so no message repeats an odd one."""
    endpoint = config.endpoints.get(name)
    if endpoint and not endpoint.key_env:
        raise click.UsageError(f"{name} wants no key; where yours does, name its variable as key_env in config.toml")
    if endpoint:
        return endpoint.key_env
    if keys.is_variable(name) and name.isupper():
        return name
    known = [one.name for one in config.endpoints.values() if one.key_env]
    near = difflib.get_close_matches(name, known, 1)
    guess = f"did you mean {near[0]!r}?" if near else f"endpoints with keys are {', '.join(known)}"
    raise click.UsageError(f"that is neither an endpoint with a key nor a variable in capitals; {guess}")


def _is_plain(name: str) -> bool:
    return name.isalpha() and len(name) < keys.LONG_ENOUGH
