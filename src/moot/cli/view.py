"""`moot view`: the exact request that a participant was sent, made again from the record alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.stepping import owner, request_for, verdict, was_sent
from moot.transcript import link

if TYPE_CHECKING:
    from moot.store import Store


@click.command(short_help="Show the exact request that a participant was sent for a turn.")
@click.argument("conversation", default="last")
@click.option("--as", "name", required=True, metavar="NAME", help="Whose view.")
@click.option(
    "--turn", type=click.IntRange(1), metavar="K", help="Before turn K (default: what it would be sent next)."
)
@record.option
@record.as_json
def command(
    conversation: str,
    name: str,
    turn: int | None,
) -> None:
    """Show the exact request that a participant was sent for a turn, made again from the record alone.

    \b
    moot view last --as Bo --turn 3
    """

    async def work(store: Store) -> None:
        stored = await owner(store, await store.find(conversation), turn)
        number = len(stored.transcript.turns) + 1 if turn is None else turn
        request = request_for(stored, name, number, record.pool())
        sent = await was_sent(store, stored, name, number, link("", request))
        if record.wants_json():
            print_json({"id": stored.listing.id, "name": name, "turn": number, "sent": sent, "request": request})
            return
        click.echo(safe(json.dumps(request, indent=2, ensure_ascii=False)))
        console(err=True).print(safe(f"[{verdict(stored, name, number, sent=sent)}]"), style="dim")

    record.run(work)
