"""`moot show`: a conversation as it was recorded, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.live import print_label, remarks_on
from moot.cli.terminal import console, safe
from moot.formats import write
from moot.forms import Close, open_form
from moot.transcript import Ballot, Invalid, Text, Thought

if TYPE_CHECKING:
    from rich.console import Console

    from moot.store import Store, Stored
    from moot.transcript import Part


@click.command(short_help="Read a conversation.")
@click.argument("conversation", default="last")
@click.option("--thoughts", is_flag=True, help="Show what voices kept to themselves.")
@record.option
@record.as_json
def command(
    conversation: str,
    thoughts: bool,  # noqa: FBT001 - a flag, given by name
) -> None:
    """Read a conversation, its turns numbered as `fork --at` and `view --turn` count them.

    \b
    moot show last
    moot show 3f2a --json
    """

    async def work(store: Store) -> None:
        identity = await store.find(conversation)
        stored = await store.read(identity)
        if record.wants_json():
            from moot.cli.export import document  # noqa: PLC0415 - one way to write JSON

            click.echo(write(await document(store, stored), "json").text, nl=False)
            return
        out = console()
        _print_heading(out, stored)
        for number, turn in enumerate(stored.transcript.turns, 1):
            print_label(out, turn, stored.transcript.heading.names, number)
            for part in turn.parts:
                _print_part(out, part, thoughts=thoughts)
            if not turn.parts:
                out.print("(says nothing)", style="dim")
            if remarks := remarks_on(turn):
                out.print(safe(remarks), style="dim")
            out.print()
        out.print(safe(f"[{_state(stored)}]"), style="dim")

    record.run(work)


def _print_heading(out: Console, stored: Stored) -> None:
    heading, listing = stored.transcript.heading, stored.listing
    out.print(safe(heading.title or f"Conversation {listing.id[:8]}"), style="bold")
    if heading.series:
        out.print(safe(f"  of the series {heading.series}"), style="dim")
    for one in heading.participants:
        out.print(safe(f"  {one.name}  {one.voice}"), style="dim")
        if one.brief:
            out.print(safe(f"    is told: {one.brief}"), style="dim")
    if listing.forked_from:
        out.print(f"  shares its first {listing.forked_at} turns with {listing.forked_from[:8]}", style="dim")
    out.print()


def _print_part(out: Console, part: Part, *, thoughts: bool) -> None:
    match part:
        case Text(text):
            out.print(safe(text))
        case Thought(text):
            out.print(safe(f"(thought: {text})" if thoughts else "(a thought; --thoughts shows it)"), style="dim")
        case Ballot(question, _, answer):
            out.print(safe(f"({question} {answer or 'no option could be made out of:'})"), style="italic")


def _state(stored: Stored) -> str:
    """Say how a conversation stands; the form decides, the record's memo speaks for what only a voice could know."""
    if stored.listing.closed:
        return f"closed: {stored.listing.closed}"
    try:
        move = open_form(stored.transcript.heading, record.forms_of(stored))(stored.transcript)
    except Invalid as error:
        return f"cannot go on here: {error}"
    return f"closed: {move.reason}" if isinstance(move, Close) else "open"
