"""How many conversations moot carries at once: their rate and CPU, on SQLite and PostgreSQL, and their memory.

It must never count the provider or the database: those are processes of their own. Each measurement is a process of
its own as well. Run it with `make bench` (1 and 200 at once) and `make bench-large` (5,000, and 10,000 held open).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fake import served
from fakes.postgres import database, running
from kept import Kept
from moot.convene import Spoken, convene
from moot.store import open_store
from moot.transcript import CHAIR, Transcript
from moot.voices import Pool
from moot.voices.spec import open_voices
from overhead import MODEL, heading

if TYPE_CHECKING:
    from collections.abc import Generator

ADDRESS = f"openai:{MODEL}?wire=chat"
STORES = ("sqlite", "postgresql")
USUAL = ((1, 40, 20), (200, 200, 20))
LARGE = ((5_000, 5_000, 4),)
"""At a time, in all, and turns of each."""

HELD = (200, 10_000)
OPEN_FILES = 65_536
RUNS = 3
WARM_UP = 2


async def rate(where: str, at_once: int, conversations: int, turns: int) -> dict[str, float]:
    """Return what it costs to carry these conversations to their ends, so many at a time."""
    spoken = 0
    async with open_store(_place(where)) as store, Pool() as pool:
        room = asyncio.Semaphore(at_once)

        async def one(identity: str, length: int) -> None:
            nonlocal spoken
            head = heading(ADDRESS, length)
            async with room:
                await store.start(identity, Transcript(head))
                async with aclosing(convene(store, identity, open_voices(head, pool))) as events:
                    async for event in events:
                        spoken += isinstance(event, Spoken) and event.turn.speaker != CHAIR

        await asyncio.gather(*(one(f"warm{number}", 4) for number in range(WARM_UP)))
        spoken, cpu, wall = 0, time.process_time(), time.perf_counter()
        await asyncio.gather(*(one(f"{number:016x}", turns) for number in range(conversations)))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if spoken != conversations * turns:
        sys.exit(f"{spoken} turns were spoken where {conversations * turns} were wanted")
    return {
        "conversations_per_second": conversations / wall,
        "turns_per_second": spoken / wall,
        "cpu_ms_per_turn": 1000 * cpu / spoken,
        "peak_mb": _peak(),
    }


async def held(where: str, count: int) -> dict[str, float]:
    """Return the memory of so many conversations that are all in the middle: two turns spoken, and not closed."""
    async with open_store(_place(where)) as store, Pool() as pool, contextlib.AsyncExitStack() as all_open:
        room = asyncio.Semaphore(200)

        async def one(identity: str) -> None:
            head = heading(ADDRESS, 20)
            await store.start(identity, Transcript(head))
            events = await all_open.enter_async_context(aclosing(convene(store, identity, open_voices(head, pool))))
            async with room:
                spoken = 0
                async for event in events:
                    spoken += isinstance(event, Spoken) and event.turn.speaker != CHAIR
                    if spoken == 2:  # noqa: PLR2004 - each of the two has had a word
                        return

        await asyncio.gather(*(one(f"warm{number}") for number in range(WARM_UP)))
        before = _now()
        await asyncio.gather(*(one(f"{number:016x}") for number in range(count)))
        return {"kb_each": (_now() - before) * 1024 / count, "rss_mb": _now(), "peak_mb": _peak()}


def _place(where: str) -> Path | str:
    return where if "://" in where else Path(where)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _now() -> float:
    """Return the MB of memory that this process has now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return _peak()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def place(kind: str, server: str) -> Generator[str]:
    """Yield a new, empty database of a kind."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "moot.db")
    else:
        with database(server) as address:
            yield address


def alone(url: str, where: str, *words: object) -> dict[str, float]:
    """Measure in a process of its own."""
    environment = {**os.environ, "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{url}/v1"}
    told = (sys.executable, __file__, "--one", where, *map(str, words))
    done = subprocess.run(told, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit((done.stderr.strip() or "it failed").splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def medians(each: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: round(statistics.median(one[name] for one in each), 3) for name in each[0]}


def rates(url: str, server: str, sizes: tuple[tuple[int, int, int], ...], runs: int) -> list[dict[str, Any]]:
    """Measure each size on each store, by turns."""
    rows: list[dict[str, Any]] = []
    for at_once, conversations, turns in sizes:
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in STORES}
        for _ in range(runs):
            for kind in STORES:
                with place(kind, server) as where:
                    found[kind].append(alone(url, where, at_once, conversations, turns))
        for kind, each in found.items():
            size = {"store": kind, "at_once": at_once, "conversations": conversations, "turns": turns, "n": runs}
            rows.append(size | medians(each))
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure and keep: the usual sizes, or with `large` the others; the number of runs may follow."""
    words = sys.argv[1:]
    _more_files()
    if words[:1] == ["--one"]:
        _, where, *numbers = words
        sizes = tuple(map(int, numbers))
        print(json.dumps(asyncio.run(rate(where, *sizes) if len(sizes) > 1 else held(where, *sizes))))
        return
    large = words[:1] == ["large"]
    numbers = [int(word) for word in words if word.isdigit()]
    runs = numbers[0] if numbers else 1 if large else RUNS
    with served() as url, running() as server:
        if not large:
            kept = Kept("concurrency", "conversations carried at once, each call answered without delay")
            kept.write(rates(url, server, USUAL, runs))
            return
        kept = Kept("concurrency-large", "5,000 conversations carried at once, each call answered without delay")
        kept.write(rates(url, server, LARGE, runs))
        kept = Kept("memory", "conversations held open in the middle, two turns spoken in each")
        rows: list[dict[str, Any]] = []
        for count in HELD:
            for kind in STORES:
                with place(kind, server) as where:
                    rows.append({"store": kind, "open": count} | medians([alone(url, where, count)]))
                    print(rows[-1], flush=True)
        kept.write(rows)


def _more_files() -> None:
    """Allow as many connections as conversations, where the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    main()
