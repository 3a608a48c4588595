"""What every endpoint works with, opened once for a server's life.

It must never be kept anywhere but in the server that opened it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.web.hub import Hub
from moot.web.pages import Pages
from moot.web.runs import Runs
from moot.web.turns import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moot.config import Config
    from moot.store import Store
    from moot.voices import Pool
    from moot.web.doors import Doors, Visitor
    from moot.web.turns import Facts


@dataclass(frozen=True, slots=True)
class Site:
    """The record, what is configured, and what is going on; `folder` is where things are kept beside the record."""

    store: Store
    config: Config
    pool: Pool
    folder: Path
    doors: Doors
    pages: Pages
    hub: Hub
    runs: Runs
    entered: Callable[[Visitor], None]

    async def shut(self) -> None:
        """Break off what is carried on, and end all streams."""
        await self.runs.shut()
        await self.hub.end()


def open_site(
    store: Store, config: Config, pool: Pool, folder: Path, doors: Doors, entered: Callable[[Visitor], None]
) -> Site:
    """Return the site of this record; `entered` is told whenever somebody has come in."""
    pages = Pages()

    def article(facts: Facts, number: int, name: str) -> str:
        turn = shown(facts, number, pages, config.limits.price, name)
        names = facts.stored.transcript.heading.names
        values = {"turn": turn, "names": names, "id": facts.stored.listing.id, "guest": bool(name), "beside": ()}
        return pages.render("article.html", values) if turn else ""

    hub = Hub(store, article)
    return Site(store, config, pool, folder, doors, pages, hub, Runs(store, config, pool, hub), entered)
