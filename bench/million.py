"""How long it takes to list and to search a record of a million turns, in SQLite and in PostgreSQL.

It must never use anything but new databases of its own. Run it with `make bench-large`; the number of turns may be
given as the one argument.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.postgres import running
from kept import Kept
from moot.store import open_store
from moot.transcript import Heading, Participant, Text, Transcript, Turn
from scale import STORES, place

TURNS = 1_000_000
IN_EACH = 100
AT_ONCE = 16
ASKED = 5
WORDS = ("river", "mill", "law", "person", "water", "court", "farm", "bridge", "winter", "voice", "debt", "garden")
SEARCHES = {"a word of one turn": "needle31", "a word of every second turn": "river", "two common words": "river mill"}


def conversation(number: int) -> Transcript:
    """Return a conversation of so many turns, of words that come in changing company."""
    heading = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")), title=f"Talk {number}")
    turns: list[Turn] = []
    for seq in range(IN_EACH):
        place = number * IN_EACH + seq
        told = " ".join(WORDS[(place >> shift) % len(WORDS)] for shift in range(12))
        river = "river" if place % 2 else "stream"
        turns.append(Turn(("Ada", "Bo")[seq % 2], (Text(f"{told} {river} number{place} needle{place}"),)))
    return Transcript(heading, tuple(turns))


async def measured(where: str, turns: int) -> dict[str, Any]:
    """Fill a store and return the seconds of that, and the ms of a list and of searches."""
    async with open_store(where if "://" in where else Path(where)) as store:
        begun, room = time.perf_counter(), asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                await store.start(f"{number:016x}", conversation(number))

        for first in range(0, turns // IN_EACH, 500):
            await asyncio.gather(*(one(number) for number in range(first, min(first + 500, turns // IN_EACH))))
        filled = time.perf_counter() - begun
        found: dict[str, Any] = {"turns": turns, "conversations": turns // IN_EACH, "fill_seconds": round(filled, 1)}

        async def took(what: str, ask: Any) -> int:  # noqa: ANN401 - a method of the store
            each: list[float] = []
            got = 0
            for _ in range(ASKED):
                begun = time.perf_counter()
                got = len(await ask())
                each.append(1000 * (time.perf_counter() - begun))
            found[what] = {"median_ms": round(statistics.median(each), 1), "first_ms": round(each[0], 1), "found": got}
            return got

        await took("list", store.list)
        for what, words in SEARCHES.items():
            await took(what, lambda words=words: store.search(words))
        return found


def main() -> None:
    """Measure and keep."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    kept = Kept("million", f"list and search over {turns:,} turns; medians of {ASKED}")
    rows: list[dict[str, Any]] = []
    with running() as server:
        for kind in STORES:
            with place(kind, server) as where:
                rows.append({"store": kind} | asyncio.run(measured(where, turns)))
                print(rows[-1], flush=True)
    kept.write(rows)


if __name__ == "__main__":
    main()
