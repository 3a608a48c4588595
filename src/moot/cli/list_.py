"""`moot list`: what is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store import Listing, Store


@click.command(short_help="List the conversations on record.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@record.option
@record.as_json
def command(
    limit: int,
    everything: bool,  # noqa: FBT001 - a flag, given by name
) -> None:
    """List the conversations on record, the last touched first.

    \b
    moot list
    moot list --all --json
    """

    async def work(store: Store) -> None:
        rows = await store.list()
        shown = rows if everything or record.wants_json() else rows[:limit]
        if record.wants_json():
            print_json([_plain(row) for row in shown])
            return
        if not rows:
            console(err=True).print("Nothing is on record yet; start with: moot talk")
            return
        _print_table(shown)
        if len(shown) < len(rows):
            console(err=True).print(f"{len(rows) - len(shown)} more: moot list --all", style="dim")

    record.run(work)


def _plain(row: Listing) -> dict[str, object]:
    return {
        "id": row.id,
        "title": row.heading.title,
        "series": row.heading.series,
        "topic": row.heading.topic,
        "form": row.heading.form,
        "participants": [{"name": one.name, "voice": one.voice} for one in row.heading.participants],
        "turns": row.turns,
        "at": row.at,
        "closed": row.closed,
        "forked_from": row.forked_from,
        "forked_at": row.forked_at if row.forked_from else None,
    }


def _print_table(rows: Sequence[Listing]) -> None:
    from rich.table import Table  # noqa: PLC0415 - comes with the console

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, width in (("id", 8), ("recorded", 16), ("turns", 5), ("state", 6)):
        table.add_column(name, no_wrap=True, min_width=width, justify="right" if name == "turns" else "left")
    table.add_column("who", no_wrap=True, overflow="ellipsis", min_width=18, max_width=28)
    table.add_column("about", no_wrap=True, overflow="ellipsis", max_width=60)
    for row in rows:
        who = ", ".join(row.heading.names)
        what = row.heading.title or row.heading.topic or str(dict(row.heading.arguments).get("prompt", ""))
        at = row.at[:16].replace("T", " ")
        table.add_row(row.id[:8], at, str(row.turns), "closed" if row.closed else "open", safe(who), safe(what))
    console().print(table, soft_wrap=False)
