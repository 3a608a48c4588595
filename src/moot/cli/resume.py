"""`moot resume`: go on with a conversation from what is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.transcript import CHAIR

if TYPE_CHECKING:
    from moot.store import Store

OPEN_ENDED = 12
"""Turns that a talk without a limit of its own goes on for, where none is asked for."""


@click.command(short_help="Go on with a conversation.")
@click.argument("conversation", default="last")
@click.option("--turns", type=click.IntRange(0), help="Go on until so many turns are spoken in all.")
@click.option("--more", type=click.IntRange(0), help="Go on for so many turns more.")
@caps.options
@record.option
@record.as_json
def command(
    conversation: str,
    turns: int | None,
    more: int | None,
) -> None:
    """Go on with a conversation, exactly from what is on record.

    \b
    moot resume                 the last one
    moot resume 3f2a --more 4   four turns more

    A conversation that its form has closed stays closed; fork it to go on: moot fork 3f2a --turns 24
    """
    if turns is not None and more is not None:
        raise click.UsageError("--turns counts all turns and --more those from now on: give one of them")

    async def work(store: Store) -> None:
        identity = await store.find(conversation)
        await go_on(store, identity, turns, more)

    record.run(work)


async def go_on(store: Store, identity: str, turns: int | None = None, more: int | None = None) -> None:
    """Carry a conversation on until so many turns are spoken in all, or so many more; else as far as its form goes."""
    from moot.cli.live import carry_and_tell, ready  # noqa: PLC0415 - heavy, and only needed once the words make sense

    stored = await store.read(identity)
    heading = stored.transcript.heading
    spoken = sum(turn.speaker != CHAIR for turn in stored.transcript.turns)
    limit = more if turns is None else max(0, turns - spoken)
    if limit is None and heading.form == "talk" and dict(heading.arguments).get("turns") is None:
        limit = OPEN_ENDED
    if limit != 0 and not stored.listing.closed:
        await ready(heading, stored.listing.foreigners)
    await carry_and_tell(store, identity, limit)
