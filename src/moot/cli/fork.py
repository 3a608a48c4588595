"""`moot fork`: a new conversation that shares the first turns of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import print_json, program
from moot.transcript import freeze

if TYPE_CHECKING:
    from moot.store import Store


@click.command(short_help="Start a new conversation from any turn of another.")
@click.argument("conversation")
@click.option("--at", type=click.IntRange(0), metavar="K", help="How many turns to share (default: all).")
@click.option(
    "--voice", "voices", multiple=True, metavar="NAME=VOICE", help="Let another voice speak for a participant."
)
@click.option("--turns", type=click.IntRange(1), help="Spoken turns in all, in place of the form's own limit.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Another seed, for other words from the same models.")
@click.option("--title", help="Another title.")
@record.option
@record.as_json
def command(
    conversation: str,
    at: int | None,
    voices: tuple[str, ...],
    turns: int | None,
    seed: int | None,
    title: str | None,
) -> None:
    """Start a new conversation that shares the first K turns of another, which stays as it is.

    \b
    moot fork last --at 4
    moot fork 3f2a --at 4 --voice Claude=local:smollm2 --voice GPT=local:gemma3
    moot resume last

    With the same voices and seed, local models say the same again; give --seed for other words.
    """

    async def work(store: Store) -> None:
        source = await store.find(conversation)
        stored = await store.read(source)
        count = len(stored.transcript.until(len(stored.transcript.turns) if at is None else at).turns)
        old = stored.transcript.heading
        from moot.cast import revoiced  # noqa: PLC0415 - only needed once the conversation is found

        heading = replace(
            old,
            participants=await revoiced(store, record.config().endpoints, old, voices),
            arguments=old.arguments if turns is None else freeze(dict(old.arguments) | {"turns": turns}),
            seed=old.seed if seed is None else seed,
            title=old.title if title is None else title,
        )
        identity = record.new_id()
        chosen = {voice.partition("=")[0] for voice in voices}
        foreigners = [name for name in stored.listing.foreigners if name not in chosen]
        await store.fork(identity, source, count, heading, foreigners)
        if record.wants_json():
            print_json({"id": identity, "forked_from": source, "at": count})
        else:
            go_on = f"{program()} resume {identity[:8]}"
            click.echo(f"{identity[:8]} shares the first {count} turns of {source[:8]}; go on with: {go_on}")

    record.run(work)
