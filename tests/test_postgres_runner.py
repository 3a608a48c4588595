"""An experiment that runs on PostgreSQL goes on by itself, whatever of its database is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

import pytest

from fakes import Fake, Reply, Request
from fakes.disk import quick
from fakes.postgres import Cable, Postgres, What, database, strike
from moot.store import Call, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLS = int(os.environ.get("MOOT_TEST_DB_KILLS", "20"))
SEED = int(os.environ.get("MOOT_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
PATIENCE = 60
GRID = """
name = "lost"
repeats = 4
[arguments]
turns = 20
prompt = "{claim}"
[factors]
claim = ["Rivers are alive.", "Zoos should close."]
[[cast]]
name = "Ada"
voice = "lab:m?max_tokens=40"
[[cast]]
name = "Bo"
voice = "lab:m?max_tokens=40"
[budget]
tokens = 10_000_000
"""
CONFIG = """
[endpoints.lab]
base_url = "{url}"
key_env = ""
wire = "openai-chat"
"""


def answer(request: Request) -> Reply:
    """Say something that only what was heard decides."""
    said = random.Random(json.dumps(request.body["messages"]))
    return Reply(tuple(f" {said.randrange(10**6)}" for _ in range(4)), pace=0.004)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    ours = Postgres()
    try:
        ours.start()
        yield ours
    finally:
        ours.stop()


@pytest.fixture(scope="module")
def lab() -> Iterator[tuple[Fake, Path, dict[str, str]]]:
    """A lab with a design, and what comes of it where nobody kills anything."""
    with quick() as home, Fake(key=None) as fake:
        fake.otherwise = answer
        (home / "grid.toml").write_text(GRID)
        (home / "config.toml").write_text(CONFIG.format(url=fake.openai_url))
        run = Run(home, str(home / "whole.db"))
        assert run.ended() == 0, run.err
        yield fake, home, asyncio.run(kept(str(home / "whole.db")))[0]


class Run:
    """`moot experiment run` in a process of its own, and the turns that it has told of."""

    def __init__(self, home: Path, db: str) -> None:
        command = ("-c", "from moot.cli import main; main()", "experiment", "run", "grid.toml", "--jsonl", "--db", db)
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=home,
            env=os.environ | {"MOOT_HOME": str(home)},
        )
        self.turns = Counter[str]()
        self.err = ""
        self._readers = [threading.Thread(target=one) for one in (self._read, self._listen)]
        for one in self._readers:
            one.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "turned":
                self.turns[event["id"]] = event["turns"]

    def _listen(self) -> None:
        assert self._process.stderr
        self.err = self._process.stderr.read()

    def goes_on(self) -> bool:
        """Wait for another turn; False where it has ended instead."""
        told, until = self.turns.total(), time.monotonic() + PATIENCE
        while self._process.poll() is None:
            if self.turns.total() > told:
                return True
            assert time.monotonic() < until, "it does not go on"
            time.sleep(0.005)
        return False

    def ended(self) -> int:
        """Return the code that it has ended with."""
        code = self._process.wait(PATIENCE)
        for one in self._readers:
            one.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()
        return code


@pytest.mark.parametrize("what", [one for one in get_args(What) if one != "session"])
def test_an_experiment_goes_on_by_itself_while_its_database_is_killed_and_loses_and_doubles_nothing(
    lab: tuple[Fake, Path, dict[str, str]], server: Postgres, what: What
) -> None:
    """Kill as often as asked, over as many runs as that takes; the seed, and what was hit, are printed."""
    fake, home, whole = lab
    chance = random.Random(SEED)
    hits: Counter[str] = Counter()
    while hits.total() < KILLS:
        before = len(fake.requests)
        with database(server.url("postgres")) as url:
            cable = Cable(server.folder)
            run = Run(home, cable.url(url))
            try:
                while hits.total() < KILLS and run.goes_on():
                    time.sleep(chance.uniform(0, 0.1))
                    hits[strike(what, server, cable, url)] += 1
                told = run.turns.copy()
                assert run.ended() == 0, f"seed {SEED}: {run.err}"
            finally:
                cable.close()
            digests, calls, lengths = asyncio.run(kept(url))
        assert digests == whole, f"seed {SEED}"
        assert all(lengths[name] >= turns for name, turns in told.items())
        asked = Counter((name, call.seq) for name, call in calls)
        assert set(asked.values()) == {1}, f"seed {SEED}: a turn was asked for twice"
        assert {call.outcome for _, call in calls} == {"done"}
        assert len(fake.requests) - before == len(calls), f"seed {SEED}: a request is not on record"
        assert [line for line in run.err.splitlines() if not line.startswith("[")] == []
    print(f"{what}, killed with seed {SEED}: {dict(hits)}")  # noqa: T201 - shown with -s, or where the test fails
    assert hits["in a transaction"] + hits["in a commit"] > 0


async def kept(db: str) -> tuple[dict[str, str], list[tuple[str, Call]], dict[str, int]]:
    """Return the digest of each conversation with why it closed, all calls, and how many turns each has."""
    async with open_store(db) as store:
        found: dict[str, str] = {}
        calls: list[tuple[str, Call]] = []
        lengths: dict[str, int] = {}
        for one in await store.list():
            stored = await store.read(one.id)
            assert stored.broken == ()
            found[one.id] = f"{stored.digest} {stored.listing.closed}"
            lengths[one.id] = len(stored.transcript.turns)
            calls += [(one.id, call) for call in await store.calls(one.id)]
        return found, calls, lengths
