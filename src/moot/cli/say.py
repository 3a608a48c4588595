"""`moot say`: a person steps in, as the chair or in a participant's name.

It must never put words on record after others than those that the person had before them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import print_json, program
from moot.stepping import pending, put, said
from moot.store import Conflict
from moot.transcript import CHAIR

if TYPE_CHECKING:
    from moot.forms import Speak, Wait
    from moot.store import Store, Stored
    from moot.transcript import Turn
    from moot.voices.person import Draft


@click.command(short_help="Step in: add a turn to a conversation.")
@click.argument("conversation")
@click.argument("words", required=False)
@click.option("--to", "hearers", multiple=True, metavar="NAME", help="Who hears it (default: everyone).")
@click.option("--as", "speaker", default=CHAIR, show_default=True, metavar="NAME", help="In whose name it is said.")
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Read the words from here.")
@click.option("--go", is_flag=True, help="Go on with the conversation at once.")
@record.option
@record.as_json
def command(
    conversation: str,
    words: str | None,
    hearers: tuple[str, ...],
    speaker: str,
    file: Path | None,
    go: bool,  # noqa: FBT001 - a flag, given by name
) -> None:
    """Step in: add a turn to a conversation; its form goes on from there.

    \b
    moot say last "Please come to the point." --to Ada
    moot say last "I disagree." --as Bo --go
    moot say last --as You --file letter.txt
    moot say last --as You                       write it in your editor

    WORDS of "-" are read from standard input. Who is asked a question with fixed options answers with one of them, or
    with its number. What you write in your editor is kept until it is on record.
    """
    if words is not None and file is not None:
        raise click.UsageError("give the words or --file, not both")

    async def work(store: Store) -> None:
        from moot.cli.waiting import draft_of  # noqa: PLC0415 - only needed once the words make sense

        identity = await store.find(conversation)
        stored = await store.read(identity)
        if speaker != CHAIR:
            stored.transcript.heading.participant(speaker)
        move = pending(stored)
        own = move if move and move.name == speaker else None
        draft = draft_of(identity, speaker)
        given = _read(file) if file else words
        number = await _put(store, stored, said(stored, speaker, _words(given, own, draft), hearers))
        if given is None:
            draft.forget()
        await _told(store, identity, number, go=go)

    record.run(work)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None


def _words(given: str | None, own: Speak | Wait | None, draft: Draft) -> str:
    """Return what is said: as it was given, from standard input, or from an editor or a prompt at a terminal."""
    from moot.voices.person import shown  # noqa: PLC0415 - the same

    if given == "-":
        given = sys.stdin.read()
    if given is None and sys.stdin.isatty():
        if own and own.ask:
            click.echo(shown(own.ask), err=True)
            return str(click.prompt("Your answer", err=True))
        return edited(draft)
    if given is None:
        raise click.UsageError('say what? Give the words, --file FILE, or "-" to read standard input')
    return given


def edited(draft: Draft, before: str = "") -> str:
    """Return what was saved in an editor, which opens with the draft that is kept, or with these words.

    The draft stays until its caller has the words on record. `UsageError` where nothing was saved.
    """
    fresh = not draft.read().strip()
    if fresh:
        draft.forget()
        draft.add(before)
    os.utime(draft.path, (0, 0))  # so that saving shows, however quick it is
    click.edit(filename=str(draft.path))
    written = draft.read().rstrip()
    if written and draft.path.stat().st_mtime_ns:
        return written
    if fresh or not written:
        draft.forget()
        raise click.UsageError("nothing was saved in the editor, so nothing was said")
    raise click.UsageError("nothing was saved in the editor, so nothing was said; your draft is kept")


async def _put(store: Store, stored: Stored, turn: Turn) -> int:
    try:
        return await put(store, stored, turn)
    except Conflict as conflict:
        look = f"{program()} show {stored.listing.id[:8]}"
        raise Conflict(
            f"{conflict}; see what was said ({look}) and say them again "
            "(what you wrote in an editor is kept, and opens again)"
        ) from None


async def _told(store: Store, identity: str, number: int, *, go: bool) -> None:
    if go:
        from moot.cli.resume import go_on  # noqa: PLC0415 - heavy, and only needed here

        await go_on(store, identity)
    elif record.wants_json():
        print_json({"id": identity, "turn": number})
    else:
        click.echo(f"turn {number} of {identity[:8]} is on record; go on with: {program()} resume {identity[:8]}")
