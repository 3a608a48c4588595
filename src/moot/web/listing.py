"""The list of conversations, its filters and pages, and the search through all turns.

It must never read a whole conversation to show a line of a list.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import StreamingResponse

from moot.transcript import same_name
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from moot.store import Hit, Listing

A_PAGE = 50
MOST_HITS = 200
STATES = ("live", "open", "closed")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; each is a word of the URL, and empty where nothing is asked."""

    text: str = ""
    form: str = ""
    voice: str = ""
    status: str = ""
    series: str = ""

    def takes(self, line: Listing, state: str) -> bool:
        """Whether a conversation is shown."""
        heading = line.heading
        return (
            (not self.form or heading.form == self.form)
            and (not self.status or state == self.status)
            and (not self.series or heading.series == self.series)
            and (not self.voice or any(self.voice in one.voice for one in heading.participants))
            and (not self.text or same_name(self.text) in same_name(f"{about(line)} {' '.join(heading.names)}"))
        )

    def query(self, page: int = 1) -> str:
        """Return the URL's query for a page of this list."""
        asked = {field.name: getattr(self, field.name) for field in fields(self)} | {"page": page if page > 1 else ""}
        return urlencode({name: value for name, value in asked.items() if value})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list, as it is shown."""

    line: Listing
    state: str
    about: str


def about(line: Listing) -> str:
    """Return what a conversation is called in lists."""
    heading = line.heading
    words = heading.title or heading.topic or str(dict(heading.arguments).get("prompt") or "")
    return " ".join(words.split()) or f"Conversation {line.id[:8]}"


async def conversations(visit: Visit) -> Response:
    """Show a page of the list."""
    filters = Filters(**{field.name: visit.asked(field.name) for field in fields(Filters)})
    lines = await visit.site.store.list()
    found = [Row(line, state, about(line)) for line, state in _with_states(visit, lines) if filters.takes(line, state)]
    pages = max(1, -(-len(found) // A_PAGE))
    page = min(max(1, int(visit.asked("page")) if visit.asked("page").isdecimal() else 1), pages)
    values = {
        "rows": found[(page - 1) * A_PAGE : page * A_PAGE],
        "filters": filters,
        "found": len(found),
        "whole": len(lines),
        "page_number": page,
        "pages": pages,
        "forms": sorted({line.heading.form for line in lines}),
        "series": sorted({line.heading.series for line in lines} - {""}),
        "states": STATES,
    }
    return visit.page("list.html", values)


def _with_states(visit: Visit, lines: Sequence[Listing]) -> list[tuple[Listing, str]]:
    return [(line, visit.site.hub.state(line)) for line in lines]


async def live(visit: Visit) -> Response:
    """Stream how the conversations of a list stand."""
    identities = visit.asked("ids").split(",")[: 2 * A_PAGE]
    return StreamingResponse(visit.site.hub.follow_list(identities), media_type="text/event-stream")


@dataclass(frozen=True, slots=True)
class Found:
    """A turn that was found, with what its conversation is called."""

    hit: Hit
    about: str


async def search(visit: Visit) -> Response:
    """Show the turns in which words were said."""
    words = visit.asked("words")
    hits: Sequence[Hit] = await visit.site.store.search(words, MOST_HITS) if words else ()
    lines = {hit.id: await visit.site.store.look(hit.id) for hit in hits}
    found = [Found(hit, about(lines[hit.id])) for hit in hits]
    return visit.page("search.html", {"words": words, "found": found, "most": MOST_HITS})


WAYS = (
    Way("GET", "/", conversations, ("owner",)),
    Way("GET", "/live", live, ("owner",)),
    Way("GET", "/search", search, ("owner",)),
)
