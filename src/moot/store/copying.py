"""Copying one record into another, whatever database either is in: rows as they are, then every digest compared.

It must never write over what is there: a conversation that went on otherwise is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moot.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moot.store import Listing, Store


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy came to: conversations in all, and those of which something was missing there before."""

    conversations: int
    new: int


async def copy(source: Store, target: Store, told: Callable[[int, int], None]) -> Copied:
    """Put on the target's record what it lacks of the source's; `told` hears how many of how many are done.

    Each conversation is one write, so that a copy that was broken off goes on where it was. `Conflict` where the target
    has other content under the same id; `StoreError` where a digest differs after the copy.
    """
    order = sources_first(await source.list())
    new = 0
    for done, identity in enumerate(order, 1):
        new += await target.take(await source.share(identity))
        theirs, ours = await source.read(identity), await target.read(identity)
        if ours.digest != theirs.digest or ours.broken != theirs.broken:
            raise StoreError(f"conversation {identity} reads otherwise after it was copied; is it being written to?")
        told(done, len(order))
    return Copied(len(order), new)


def sources_first(rows: Sequence[Listing]) -> list[str]:
    """Return ids, the longest untouched first, but each fork after the conversation that it was forked from."""
    parents = {row.id: row.forked_from for row in rows}
    order: dict[str, None] = {}
    for row in reversed(rows):
        line: list[str] = []
        at: str | None = row.id
        while at is not None and at not in order:
            line.append(at)
            at = parents.get(at)
        order |= dict.fromkeys(reversed(line))
    return list(order)
