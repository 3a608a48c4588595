"""How long a turn takes to be durably on record while eight processes write to one store at once.

It must never use anything but new databases of its own. Run it with `make bench`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fakes.postgres import running
from kept import Kept
from moot.store import open_store
from moot.transcript import Text, Transcript, Turn
from scale import STORES, place
from store import DIGEST, HEADING, WORDS

PROCESSES = 8
CONVERSATIONS = 10
TURNS = 40


async def waits(where: str, name: str) -> list[float]:
    """Return the ms after which each append was answered, of conversations that each wait for their own."""
    found: list[float] = []
    async with open_store(where if "://" in where else Path(where)) as store:

        async def talk(identity: str) -> None:
            for seq in range(TURNS):
                turn = Turn("Ada", (Text(f"{identity} {seq} {WORDS}"),))
                asked = time.perf_counter()
                await store.append(identity, seq, turn, DIGEST)
                found.append(1000 * (time.perf_counter() - asked))

        names = [f"{name}c{number}" for number in range(CONVERSATIONS)]
        await asyncio.gather(*(store.start(one, Transcript(HEADING)) for one in names))
        await asyncio.gather(*map(talk, names))
    return found


def together(where: str) -> dict[str, float]:
    """Have all processes write at once, and return how long their appends took."""

    async def made() -> None:
        async with open_store(where if "://" in where else Path(where)):
            pass

    asyncio.run(made())
    begun = time.perf_counter()
    told = (sys.executable, __file__, "--one", where)
    each = [subprocess.Popen((*told, f"p{number}"), stdout=subprocess.PIPE, text=True) for number in range(PROCESSES)]
    found: list[float] = []
    for one in each:
        out, _ = one.communicate()
        if one.returncode:
            sys.exit("a process that appends has failed")
        found += json.loads(out)
    wall = time.perf_counter() - begun
    found.sort()
    at = {f"p{cent}_ms": round(found[len(found) * cent // 100], 2) for cent in (50, 95, 99)}
    return at | {"appends": len(found), "seconds_with_starts": round(wall, 2)}


def main() -> None:
    """Measure and keep."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asyncio.run(waits(*sys.argv[2:]))))
        return
    kept = Kept("appends", f"{PROCESSES} processes append turns of 1 KB to one store, {CONVERSATIONS} talks each")
    rows: list[dict[str, Any]] = []
    with running() as server:
        for kind in STORES:
            with place(kind, server) as where:
                size = {"store": kind, "processes": PROCESSES, "conversations": PROCESSES * CONVERSATIONS}
                rows.append(size | together(where))
                print(rows[-1], flush=True)
    kept.write(rows)


if __name__ == "__main__":
    main()
