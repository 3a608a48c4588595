"""How the forks of one conversation hang together: who its siblings are at each turn, and where two part.

It must never read a turn: where forks part is in the list of conversations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.store import Listing


def shared(one: str, other: str, family: Mapping[str, Listing]) -> int:
    """Return how many turns two conversations of a family share by forks, counted from the first."""
    above = _above(one, family)
    upto = family[other].turns
    at: str | None = other
    while at is not None and at not in above:
        upto = min(upto, family[at].forked_at)
        at = family[at].forked_from
    return 0 if at is None else min(upto, above[at])


def _above(identity: str, family: Mapping[str, Listing]) -> dict[str, int]:
    """Return a conversation and those that it has turns from, each with how many."""
    found: dict[str, int] = {}
    upto = family[identity].turns
    at: str | None = identity
    while at is not None:
        found[at] = upto
        upto = min(upto, family[at].forked_at)
        at = family[at].forked_from
    return found


def siblings(identity: str, family: Mapping[str, Listing]) -> dict[int, tuple[str, ...]]:
    """Return, by turn, the conversations that go on otherwise from there, this one among them, in order of age.

    Of several that go on otherwise together, the oldest stands for all.
    """
    own: dict[int, list[str]] = {}
    for other in family:
        if other == identity:
            continue
        common = shared(identity, other, family)
        if common >= min(family[identity].turns, family[other].turns):
            continue  # one of them has not gone on from where they part
        near = own.setdefault(common + 1, [])
        if all(shared(other, one, family) <= common for one in near):
            near.append(other)
    age = {one: place for place, one in enumerate(family)}
    return {turn: tuple(sorted([identity, *near], key=age.__getitem__)) for turn, near in own.items()}


@dataclass(frozen=True, slots=True)
class Lane:
    """One conversation on the map: it leaves lane `parent` after turn `since` and has `turns`; -1 is no lane."""

    line: Listing
    parent: int
    since: int
    depth: int


def lanes(family: Sequence[Listing]) -> list[Lane]:
    """Return the family as lanes, each below the one that it leaves."""
    known = {line.id for line in family}
    below: dict[str | None, list[Listing]] = {}
    for line in family:
        below.setdefault(line.forked_from if line.forked_from in known else None, []).append(line)
    found: list[Lane] = []
    waiting = [(line, -1, 0) for line in reversed(below.get(None, []))]
    while waiting:
        line, parent, depth = waiting.pop()
        found.append(Lane(line, parent, line.forked_at, depth))
        place = len(found) - 1
        # The fork that leaves last comes first, so that no lane is crossed on the way down.
        waiting += [(one, place, depth + 1) for one in sorted(below.get(line.id, []), key=lambda one: one.forked_at)]
    return found
