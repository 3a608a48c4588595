"""What a piece of work cost this process: CPU, wall time and memory, told as one line of JSON.

It must never import anything but the standard library: it also runs in the peers' environments.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WARM_UP = (2, 4)
"""Conversations and turns that are not counted: imports, first connections, caches of types."""


def measure(work: Callable[[int, int], Awaitable[int]], conversations: int, turns: int) -> None:
    """Do the work once small, once in full, and print what the second cost; `work` returns how many calls it made."""

    async def both() -> dict[str, float]:
        await work(*WARM_UP)
        cpu, wall = time.process_time(), time.perf_counter()
        calls = await work(conversations, turns)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if calls != conversations * turns:
            sys.exit(f"{calls} calls were made where {conversations * turns} were wanted")
        return {"cpu": cpu * 1000 / calls, "wall": wall, "rate": calls / wall}

    told = asyncio.run(both())
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(json.dumps(told | {"memory": kilobytes / 1024}))
