"""`moot mcp`: the record for an assistant, over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from moot.cli import caps, record
from moot.cli.terminal import program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from moot.spending import Caps
    from moot.store import Store


@click.command(short_help="Let an assistant read the record and, if you say so, talk on it.")
@click.option("--allow-write", is_flag=True, help="Let it talk with models itself; needs a budget.")
@click.option("--max-tokens", type=click.IntRange(0), help="Tokens that it may use while this runs.")
@click.option("--max-cost", type=caps.Dollars(), help="Dollars that it may spend while this runs.")
@click.option("--max-turns", type=click.IntRange(0), help="Answers that it may have while this runs.")
@click.option("--voice", "voices", multiple=True, metavar="VOICE", help="Whom it may talk with (default: any model).")
@click.option("--name", default="Assistant", show_default=True, help="What it goes by on the record.")
@record.option
def command(
    allow_write: bool,  # noqa: FBT001 - a flag, given by name
    max_tokens: int | None,
    max_cost: Decimal | None,
    max_turns: int | None,
    voices: tuple[str, ...],
    name: str,
) -> None:
    """Serve the record to an assistant's program, which starts this itself (docs/mcp.md): the Model Context Protocol.

    \b
    moot mcp                                              it searches, reads and measures
    moot mcp --allow-write --max-turns 20 --max-cost 1    it also talks with models, on the record
    moot mcp --allow-write --max-turns 20 --voice local:gemma3

    It ends when its standard input does.
    """
    from moot.spending import Caps  # noqa: PLC0415 - only needed once the words make sense

    budget = Caps(turns=max_turns, tokens=max_tokens, dollars=max_cost)
    if allow_write and budget == Caps():
        raise click.UsageError("an assistant talks within a budget: give --max-turns, --max-tokens or --max-cost")
    if not allow_write and (budget != Caps() or voices):
        raise click.UsageError("without --allow-write an assistant only reads, and needs no budget and no --voice")
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            f"{program()} mcp is started by an assistant's program, not at a terminal: see docs/mcp.md"
        )

    async def work(store: Store) -> None:
        await _serve(store, budget if allow_write else None, voices, name)

    record.run(work)


async def _serve(store: Store, budget: Caps | None, voices: tuple[str, ...], name: str) -> None:
    from moot.cli import without_keys  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.forms import ASSISTANT  # noqa: PLC0415 - the same
    from moot.mcp.server import Desk, serve  # noqa: PLC0415 - the same
    from moot.mcp.talking import Allowance, Talks  # noqa: PLC0415 - the same
    from moot.transcript import Participant  # noqa: PLC0415 - the same
    from moot.voices.spec import parse, settle  # noqa: PLC0415 - the same

    found = record.config()
    Participant(name, ASSISTANT)
    for voice in voices:
        settle(parse(voice), found.endpoints)
    async with record.pool() as pool:
        talks = None
        if budget is not None:
            allowance = Allowance(budget, found.limits)
            talks = Talks(store, found, pool, allowance, name, voices)
        await serve(Desk(store, partial(_results, store), without_keys(), talks))


async def _results(store: Store, ids: Sequence[str], only: Sequence[str]) -> dict[str, Any]:
    """Return what conversations come to, as `moot measure` tells it; the figures are worked out beside the protocol."""
    from moot.cli.measure import SHOWN, choose, document, of_all  # noqa: PLC0415 - only who asks needs measures
    from moot.measures.arms import Wanted  # noqa: PLC0415 - the same

    found = await choose(store, ids, None)
    wanted = Wanted((), "control", ())
    each = len(found) <= SHOWN
    return document(await asyncio.to_thread(of_all, found, only, wanted, None, each=each))
