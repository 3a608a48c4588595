"""Experiments as they stand: how far the conversations of a series are, what failed, and what was spent.

It must never take a price that is not known for nothing, nor change anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.spending import Spent, spent
from moot.store import NotFound
from moot.web.listing import Row, about
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from starlette.responses import Response

    from moot.store import Listing


@dataclass(frozen=True, slots=True)
class Progress:
    """How many conversations of a series there are, and how many have ended."""

    name: str
    count: int
    ended: int


@dataclass(frozen=True, slots=True)
class Account:
    """One conversation: its row, what it used, and how many of its requests failed."""

    row: Row
    used: Spent
    failures: Counter[str]


async def every(visit: Visit) -> Response:
    """Show all series, with how far they are."""
    series: dict[str, list[Listing]] = {}
    for line in await visit.site.store.list():
        if line.heading.series:
            series.setdefault(line.heading.series, []).append(line)
    found = [Progress(name, len(lines), sum(one.closed is not None for one in lines)) for name, lines in series.items()]
    return visit.page("studies.html", {"found": found})


async def one(visit: Visit) -> Response:
    """Show a series: each conversation with what it used and what failed, and what all come to."""
    site, name = visit.site, visit.asked("name")
    lines = [line for line in await site.store.list() if name and line.heading.series == name]
    if not lines:
        raise NotFound("there is no such series")
    accounts = [await _account(visit, line) for line in lines]
    total, failures = Spent(), Counter[str]()
    for account in accounts:
        total = total.plus(account.used)
        failures += account.failures
    progress = Progress(name, len(lines), sum(line.closed is not None for line in lines))
    values = {"progress": progress, "accounts": accounts, "total": total, "failures": failures}
    return visit.page("study.html", values)


async def _account(visit: Visit, line: Listing) -> Account:
    calls = await visit.site.store.calls(line.id)
    failed = Counter(call.outcome for call in calls if call.outcome not in ("done", "open"))
    used = spent(calls, line.turns - line.forked_at, visit.site.config.limits.price)
    return Account(Row(line, visit.site.hub.state(line), about(line)), used, failed)


WAYS = (Way("GET", "/experiments", every, ("owner",)), Way("GET", "/experiment", one, ("owner",)))
