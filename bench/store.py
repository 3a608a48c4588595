"""How many turns a second two hundred conversations put on record durably, in SQLite and in PostgreSQL.

It must never use anything but a new database of its own; PostgreSQL comes from a Python package and ends with it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.postgres import database, running
from kept import Kept
from moot.store import open_store
from moot.transcript import Heading, Participant, Text, Transcript, Turn

CONVERSATIONS = 200
TURNS = 50
WORDS = "the river that runs past the old mill was never asked whether it is alive " * 14  # about 1 KB
HEADING = Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")))
DIGEST = "0" * 32


async def measured(where: Path | str) -> dict[str, float]:
    """Return turns a second, CPU ms of this process a turn, and ms until an append is answered."""
    waits: list[float] = []
    async with open_store(where) as store:

        async def talk(name: str) -> None:
            for seq in range(TURNS):
                turn = Turn("Ada", (Text(f"{name} {seq} {WORDS}"),))
                asked = time.perf_counter()
                await store.append(name, seq, turn, DIGEST)
                waits.append(time.perf_counter() - asked)

        names = [f"c{number}" for number in range(CONVERSATIONS)]
        await asyncio.gather(*(store.start(name, Transcript(HEADING)) for name in names))
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*map(talk, names))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        looked = time.perf_counter()
        await store.search("c7 river")
        looked = time.perf_counter() - looked
    waits.sort()
    turns = CONVERSATIONS * TURNS
    figures = {
        "turns_per_second": turns / wall,
        "cpu_ms_per_turn": 1000 * cpu / turns,
        "p50_ms": 1000 * waits[turns // 2],
        "p99_ms": 1000 * waits[turns * 99 // 100],
        "search_ms": 1000 * looked,
    }
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Measure both and print JSON."""
    kept = Kept("store", f"{CONVERSATIONS} conversations of one process put turns of 1 KB on record durably")
    with tempfile.TemporaryDirectory() as folder, running() as server, database(server) as address:
        found = {
            "conversations": CONVERSATIONS,
            "turns": CONVERSATIONS * TURNS,
            "sqlite": asyncio.run(measured(Path(folder) / "moot.db")),
            "postgresql": asyncio.run(measured(address)),
        }
    print(json.dumps(found, indent=2))
    stores = {name: one for name, one in found.items() if isinstance(one, dict)}
    kept.write([{"store": name, "turns": found["turns"]} | one for name, one in stores.items()])


if __name__ == "__main__":
    main()
