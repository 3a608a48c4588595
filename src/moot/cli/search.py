"""`moot search`: turns in which words were said."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.store.words import words_of

if TYPE_CHECKING:
    from moot.store import Store


@click.command(short_help="Find the turns in which words were said.")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@record.option
@record.as_json
def command(words: tuple[str, ...], limit: int) -> None:
    """Find the turns in which all WORDS were said, the newest first; case and accents do not count.

    \b
    moot search river alive
    moot search Müller --limit 100 --json
    """
    asked = " ".join(words)
    if not words_of(asked):
        raise click.UsageError(f"there is no word to look for in {asked!r}")

    async def work(store: Store) -> None:
        found = await store.search(asked, limit)
        if record.wants_json():
            print_json([asdict(hit) | {"turn": hit.seq + 1} for hit in found])
            return
        out = console()
        for hit in found:
            out.print(f"{hit.id[:8]}  turn {hit.seq + 1}  ", style="dim", end="")
            out.print(safe(f"{hit.speaker}: {hit.snippet}"), soft_wrap=True)
        if not found:
            console(err=True).print("No turn holds all these words.")

    record.run(work)
