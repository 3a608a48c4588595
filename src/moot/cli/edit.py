"""`moot edit`: other words for a turn, on a fork that goes on from there; the original stays where it was.

It must never change a turn on record, nor put edited words there without saying so.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import print_json, program
from moot.stepping import branch, editable, edited

if TYPE_CHECKING:
    from moot.store import Store, Stored
    from moot.transcript import Turn
    from moot.voices.person import Draft


@click.command(short_help="Edit a turn's words, on a fork; the original stays.")
@click.argument("conversation")
@click.option("--turn", "number", type=click.IntRange(1), required=True, metavar="K", help="Which turn, as shown.")
@click.option(
    "--file", type=click.Path(path_type=Path, allow_dash=True), help='Read the words from here ("-": a pipe).'
)
@click.option("--title", help="Another title for the fork.")
@click.option("--go", is_flag=True, help="Go on with the fork at once.")
@record.option
@record.as_json
def command(
    conversation: str,
    number: int,
    file: Path | None,
    title: str | None,
    go: bool,  # noqa: FBT001 - a flag, given by name
) -> None:
    """Edit the words of a turn, in your editor or from a file.

    \b
    moot edit last --turn 2
    moot edit 3f2a --turn 4 --file letter.txt --go

    What was said before that turn is shared with the conversation, which stays as it is; what was said after it is left
    behind, as it answered other words. The turn keeps its speaker and its hearers, and is marked as edited.
    """

    async def work(store: Store) -> None:
        stored = await store.read(await store.find(conversation))
        turn = editable(stored, number)
        words = _words(stored, number, turn, file)
        if file is None and words == turn.text.rstrip():
            _draft(stored, number).forget()
        heading = stored.transcript.heading
        told = heading if title is None else replace(heading, title=title)
        identity = await branch(store, stored, number - 1, told, edited(stored, number, words))
        if file is None:
            _draft(stored, number).forget()
        if go:
            from moot.cli.resume import go_on  # noqa: PLC0415 - heavy, and only needed here

            await go_on(store, identity)
        elif record.wants_json():
            print_json({"id": identity, "forked_from": stored.listing.id, "turn": number})
        else:
            on = f"{program()} resume {identity[:8]}"
            click.echo(
                f"turn {number} is edited in {identity[:8]}, a fork of {stored.listing.id[:8]}; go on with: {on}"
            )

    record.run(work)


def _words(stored: Stored, number: int, turn: Turn, file: Path | None) -> str:
    if file is None:
        from moot.cli import say  # noqa: PLC0415 - heavy, and only needed here

        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal for an editor here; give --file FILE, or --file - for a pipe")
        return say.edited(_draft(stored, number), turn.text)
    try:
        words = (sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")).rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    if not words:
        raise click.UsageError("there are no words in it, so nothing was changed")
    return words


def _draft(stored: Stored, number: int) -> Draft:
    from moot.cli.waiting import draft_of  # noqa: PLC0415 - the same

    return draft_of(stored.listing.id, f"turn {number}")
