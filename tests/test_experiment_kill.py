"""A running experiment is killed with SIGKILL at random moments, inside its resumption too, and run to its end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from fakes import Fake, Reply, Request
from moot.config import load
from moot.spending import spent
from moot.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from moot.store import Call

KILLS = int(os.environ.get("MOOT_TEST_GRID_KILLS", "30"))
SEED = int(os.environ.get("MOOT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
LONGEST = 4.0
"""Seconds from which kills are chosen at most, however slow the machine is."""

MOST_A_GRID = 10
"""Kills after which a grid is left in peace: begin, resume, and resume again."""

GRID = """
name = "killed"
repeats = 2
[arguments]
turns = 6
prompt = "{claim}"
[balanced]
order = "all"
[factors]
claim = ["Rivers are alive.", "Zoos should close.", "Tea beats coffee."]
[[cast]]
name = "Ada"
voice = "lab:m?max_tokens=40"
brief = "You are Ada."
[[cast]]
name = "Bo"
voice = "script:bo.txt?pace=0.005"
brief = "You are Bo."
[budget]
dollars = 12
"""
BUDGET = Decimal(12)
CONFIG = """
[endpoints.lab]
base_url = "{url}"
key_env = ""
wire = "openai-chat"
[prices."lab:m"]
input = 1000
output = 2000
"""


def answer(request: Request) -> Reply:
    """Say something that only what was heard decides."""
    said = random.Random(json.dumps(request.body["messages"]))
    return Reply(tuple(f" {said.randrange(10**6)}" for _ in range(4)), pace=0.006)


def billed(request: Request) -> Decimal:
    """Return what is billed for a request: all that was read, and what was written of an answer that was begun."""
    frames = [json.loads(event[5:]) for event in request.sent if event.startswith("data: {")]
    for one in frames:
        if one.get("usage"):
            return Decimal(one["usage"]["prompt_tokens"] + 2 * one["usage"]["completion_tokens"]) / 1000
    return Decimal(len(json.dumps(request.body["messages"]).split()) + 2 * len(frames)) / 1000


def started(home: Path, db: Path) -> subprocess.Popen[str]:
    words = ["experiment", "run", "grid.toml", "--db", str(db), "--jsonl", "--concurrency", "3"]
    return subprocess.Popen(
        [sys.executable, "-c", "from moot.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=home,
        env=os.environ | {"MOOT_HOME": str(home)},
    )


def test_killed_at_random_moments_and_run_again_nothing_is_lost_bought_twice_or_spent_beyond_the_budget(
    tmp_path: Path,
) -> None:
    """Kill as often as asked, over as many runs of the grid as that takes; the seed is printed where it fails."""
    chance = random.Random(SEED)
    (tmp_path / "grid.toml").write_text(GRID)
    (tmp_path / "bo.txt").write_text("".join(f"Bo says line {number}.\n" for number in range(6)))
    kills, phases = 0, Counter[str]()
    with Fake(key=None) as fake:
        fake.otherwise = answer
        (tmp_path / "config.toml").write_text(CONFIG.format(url=fake.openai_url))
        begun = time.monotonic()
        whole = _to_its_end(tmp_path, tmp_path / "whole.db")
        took = min(time.monotonic() - begun, LONGEST)
        while kills < KILLS:
            db, before, mine = tmp_path / f"{kills}.db", len(fake.requests), 0
            while mine < MOST_A_GRID:
                process = started(tmp_path, db)
                time.sleep(chance.uniform(0.2, 0.9) * took)
                alive = process.poll() is None
                process.kill()
                _, err = process.communicate()
                if not alive:
                    assert process.returncode == 0, f"seed {SEED}: {err}"
                    break
                kills, mine = kills + 1, mine + 1
                phases[_phase(db)] += 1
            last = _to_its_end(tmp_path, db)
            digests, calls = asyncio.run(kept(db))
            assert digests == asyncio.run(kept(tmp_path / "whole.db"))[0], f"seed {SEED}"
            asked = Counter((identity, call.seq) for identity, call in calls if call.outcome == "done")
            assert set(asked.values()) == {1}, f"seed {SEED}: a finished turn was asked for again"
            lost = sum(call.outcome != "done" for _, call in calls)
            assert lost <= 3 * mine, f"seed {SEED}: {lost} calls lost in {mine} kills"
            used = spent((call for _, call in calls), 0, load(None, {"MOOT_HOME": str(tmp_path)}).limits.price)
            assert (Decimal(last["dollars"]), last["tokens"]) == (used.dollars, used.tokens), f"seed {SEED}"
            assert sum(map(billed, fake.requests[before:]), Decimal(0)) <= used.dollars <= BUDGET, f"seed {SEED}"
    assert whole["done"] == 6
    print(f"{kills} kills with seed {SEED}: {phases}")  # noqa: T201 - shown with -s, or where the test fails
    assert phases["going"] > 0


def _to_its_end(home: Path, db: Path) -> dict[str, str]:
    process = started(home, db)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, f"seed {SEED}: {err}"
    return json.loads(out.splitlines()[-1])


def _phase(db: Path) -> str:
    if not db.exists():
        return "before"
    digests, calls = asyncio.run(kept(db))
    if not digests:
        return "before"
    return "going" if any(call.outcome == "open" for _, call in calls) else "between"


async def kept(db: Path | str) -> tuple[dict[str, str], list[tuple[str, Call]]]:
    """Return the digest of each conversation with why it closed, and all calls."""
    async with open_store(db) as store:
        found: dict[str, str] = {}
        calls: list[tuple[str, Call]] = []
        for one in await store.list():
            stored = await store.read(one.id)
            assert stored.broken == ()
            found[one.id] = f"{stored.digest} {stored.listing.closed}"
            calls += [(one.id, call) for call in await store.calls(one.id)]
        return found, calls
