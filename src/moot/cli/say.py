"""`moot say`: a person steps in, as the chair or in a participant's name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import print_json, program
from moot.transcript import CHAIR, Text, Turn, as_json, link

if TYPE_CHECKING:
    from moot.store import Store


@click.command(short_help="Step in: add a turn to a conversation.")
@click.argument("conversation")
@click.argument("words")
@click.option("--to", "hearers", multiple=True, metavar="NAME", help="Who hears it (default: everyone).")
@click.option("--as", "speaker", default=CHAIR, show_default=True, metavar="NAME", help="In whose name it is said.")
@record.option
@record.as_json
def command(
    conversation: str,
    words: str,
    hearers: tuple[str, ...],
    speaker: str,
) -> None:
    """Step in: add a turn to a conversation; its form goes on from there. WORDS of "-" are read from standard input.

    \b
    moot say last "Please come to the point." --to Ada
    moot say last "I disagree." --as Bo
    """
    said = sys.stdin.read() if words == "-" else words

    async def work(store: Store) -> None:
        identity = await store.find(conversation)
        number = await _append(store, identity, Turn(speaker, (Text(said),), hearers or None))
        if record.wants_json():
            print_json({"id": identity, "turn": number})
        else:
            click.echo(f"turn {number} of {identity[:8]} is on record; go on with: {program()} resume {identity[:8]}")

    record.run(work)


async def _append(store: Store, identity: str, turn: Turn) -> int:
    stored = await store.read(identity)
    transcript = stored.transcript.then(turn)
    await store.append(identity, len(stored.transcript.turns), turn, link(stored.digest, as_json(turn)))
    return len(transcript.turns)
