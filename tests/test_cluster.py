"""A grid on a Ray cluster: two workers on one record, one of which is killed; and what they share, without Ray."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes import Fake, Reply
from fakes.commands import commands
from fakes.postgres import database, running
from moot.experiment.cluster import ClusterError, Office, Order, Worker
from moot.experiment.grid import Began, Ended, Turned
from moot.experiment.purse import open_purse
from moot.spending import Caps, Limits
from moot.store import StoreError, open_store
from moot.transcript import Heading, Participant, freeze
from moot.voices.endpoints import Endpoint
from moot.voices.spec import parse, settle
from test_experiment_kill import CONFIG, GRID, answer, billed, kept
from test_experiment_shared import bought_twice, dollars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes.commands import Answer
    from moot.experiment.grid import Event

KEY = "sk-canary-Zq7KdLm3vRx8wYt5"
WITH_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="NOTHING OF THIS IS TESTED: Ray is not installed here")
WITH_PROC = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="workers are found in /proc")
LAB = CONFIG.replace('key_env = ""', 'key_env = "LAB_KEY"\nconcurrency = 3\nrequests_per_minute = 6000')


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture
def url(server: str) -> Iterator[str]:
    with database(server) as address:
        yield address


# On a cluster


@dataclass(frozen=True)
class Site:
    """A cluster of this machine's own, a record, and the environment in which both are known."""

    home: Path
    url: str
    port: int
    environ: dict[str, str]
    logs: Path

    def run(self, *words: str, **more: str) -> subprocess.Popen[str]:
        # Tests that run in the background have Ctrl-C ignored, and hand that down.
        begin = "import signal; signal.signal(2, signal.default_int_handler); from moot.cli import main; main()"
        argv = [
            sys.executable,
            "-c",
            begin,
            "experiment",
            "run",
            "grid.toml",
            "--jsonl",
            "--on",
            "ray",
            "--workers",
            "2",
        ]
        pipe = subprocess.PIPE
        environ = self.environ | more
        return subprocess.Popen([*argv, *words], stdout=pipe, stderr=pipe, text=True, cwd=self.home, env=environ)

    def workers(self) -> list[int]:
        """The processes that carry conversations of this test's."""
        found: list[int] = []
        for one in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (
                    b"ray::Worker" in (one / "cmdline").read_bytes()
                    and self.url.encode() in (one / "environ").read_bytes()
                ):
                    found.append(int(one.name))
        return found


@pytest.fixture(scope="module")
def site(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home, logs = tmp_path_factory.mktemp("site"), Path(tempfile.mkdtemp(prefix="moot-ray-"))  # sockets: a short path
    port = 20000 + secrets.randbelow(10000)
    (home / "bo.txt").write_text("".join(f"Bo says line {number}.\n" for number in range(6)))
    with database(server) as url:
        known = {"MOOT_HOME": str(home), "MOOT_DB": url, "LAB_KEY": KEY}
        environ = os.environ | known | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
        words = ("--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={logs}")
        ports = (f"--port={port}", f"--ray-client-server-port={port + 1}")
        argv = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *ports, *words]
        with (home / "head.log").open("wb") as log:
            head = subprocess.Popen(argv, stdout=log, stderr=log, env=environ, start_new_session=True)
        try:
            until = time.monotonic() + 60
            while "Ray runtime started" not in (home / "head.log").read_text():
                assert time.monotonic() < until, (home / "head.log").read_text()
                assert head.poll() is None, (home / "head.log").read_text()
                time.sleep(0.1)
            yield Site(home, url, port, environ, logs)
        finally:
            head.terminate()
            head.wait(40)
            shutil.rmtree(logs, ignore_errors=True)


def over(process: subprocess.Popen[str], code: int) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return [json.loads(line) for line in out.splitlines()]


@WITH_RAY
@WITH_PROC
def test_a_worker_that_is_killed_changes_nothing_in_the_result(site: Site, tmp_path: Path) -> None:
    (site.home / "grid.toml").write_text(GRID.replace("repeats = 2", "repeats = 4").replace("= 12", "= 3"))
    with Fake(key=KEY) as fake:
        fake.otherwise = answer
        (site.home / "config.toml").write_text(LAB.format(url=fake.openai_url))
        argv = [sys.executable, "-m", "moot", "experiment", "run", "grid.toml", "--db", str(tmp_path / "alone.db")]
        subprocess.run(argv, check=True, cwd=site.home, env=site.environ, capture_output=True)
        alone = len(fake.requests)
        process = site.run("--concurrency", "4", RAY_ADDRESS=f"127.0.0.1:{site.port}")
        until = time.monotonic() + 60
        while len(fake.requests) < alone + 8 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()[1]
        first, *_ = both = site.workers()
        os.kill(first, signal.SIGKILL)
        events = over(process, 0)
        cost = sum(map(billed, fake.requests[alone:]), Decimal(0))
    assert len(both) == 2
    digests, calls = asyncio.run(kept(site.url))
    assert digests == asyncio.run(kept(tmp_path / "alone.db"))[0]
    assert not bought_twice(calls)
    assert len({call.lease for _, call in calls}) == 3, "the two, and the one that took the place of the killed"
    assert cost <= dollars(calls) == Decimal(events[-1]["dollars"]) <= 3
    assert {one["id"] for one in events if one["event"] == "ended"} == set(digests)
    assert sum(one["event"] == "turned" for one in events) >= 12
    for log in site.logs.rglob("*"):
        if log.is_file():
            said = log.read_bytes()
            assert KEY.encode() not in said, log
            assert b"canary-password" not in said, log


@WITH_RAY
@pytest.mark.parametrize("times", [1])
def test_ctrl_c_once_finishes_turns_under_way_on_all_workers(site: Site, times: int) -> None:
    (site.home / "grid.toml").write_text(GRID.replace('name = "killed"', 'name = "ended"').replace("= 6", "= 5"))
    with Fake(key=KEY) as fake:
        fake.otherwise = lambda _: Reply(tuple("abcdefghij"), pace=0.1)
        (site.home / "config.toml").write_text(LAB.format(url=fake.openai_url))
        process = site.run("--concurrency", "2", "--replan", RAY_ADDRESS=f"127.0.0.1:{site.port}")
        until = time.monotonic() + 60
        while len(fake.requests) < 2 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        events = over(process, 130)
        assert len(fake.requests) == 2
        assert all(any('"usage"' in event for event in one.sent) for one in fake.requests)
    assert [one["how"] for one in events if one["event"] == "ended"] == ["resting"] * 2
    assert events[-1]["not_begun"] == 4


@WITH_RAY
def test_what_is_wrong_with_a_cluster_is_told_in_a_line(
    site: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.home)
    run: Callable[..., Answer] = commands(capfd)
    (site.home / "grid.toml").write_text(GRID.replace('name = "killed"', 'name = "refused"'))
    for words, said in (
        (("--on", "ray"), "--on ray needs the record in PostgreSQL and its address in MOOT_DB"),
        (("--on", "ray", "--db", "postgresql://a:b@127.0.0.1:9/c"), "needs the record in PostgreSQL"),
        (("--on", "spark"), "write ray, or ray://HOST:PORT"),
        (("--on", "ray://"), "write ray, or ray://HOST:PORT"),
        (("--workers", "2"), "--workers belongs to --on ray"),
    ):
        refused = run("experiment", "run", "grid.toml", *words)
        assert refused.code == 2
        assert said in refused.err
        assert refused.err.count("\n") <= 4, "more than a line, after the usage"


# Without one


class Handle:
    """An actor as others see it, in this process."""

    def __init__(self, actor: object) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        class Method:
            @staticmethod
            def remote(*given: object) -> Any:
                return asyncio.ensure_future(getattr(self._actor, name)(*given))

        return Method


def headings(endpoint: Endpoint, count: int) -> list[Heading]:
    stands = settle(parse("lab:m?max_tokens=40"), {"lab": endpoint})
    people = tuple(Participant(name, "lab:m", "", freeze(stands.settings)) for name in ("Ada", "Bo"))
    arguments = freeze({"turns": 2, "prompt": "Begin."})
    return [Heading(people, arguments=arguments, seed=number) for number in range(count)]


@pytest.mark.anyio
@WITH_RAY
async def test_workers_share_limits_and_budget_by_the_office(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOT_DB", url)
    monkeypatch.setenv("LAB_KEY", KEY)
    with Fake(key=KEY) as fake:
        fake.otherwise = answer
        lab = Endpoint("lab", fake.openai_url, "LAB_KEY", concurrency=1, requests_per_minute=6000)
        async with open_store(url) as store:
            order = Order("run", "x", Caps(tokens=900), await nothing(), frozenset(), {}, {"lab": lab}, Limits(), 4)
            purse = await open_purse(store, order.terms, [])
            await purse.begin("run")
            office = Office(order)
            assert await office.open()
            workers = [Worker(name, Handle(office), order) for name in ("one", "two")]
            for worker in workers:
                await worker.open()
            grid = headings(lab, 4)
            ended = await asyncio.gather(*(workers[at % 2].carry(one) for at, one in enumerate(grid)))
            events: list[Event] = await office.heard(1.0)
            assert await office.heard(0.0) == []
            await workers[0].drain()
            assert await workers[0].carry(headings(lab, 5)[4]) == ()
            for name, worker in zip(("one", "two"), workers, strict=True):
                await worker.leave()
                await office.gone(name)
            calls = [call for one in await store.list() for call in await store.calls(one.id)]
            assert {call.lease for call in calls} == {"one", "two"}
            assert {one.used_tokens for one in await leases(store) if one.id != "run"} != {0}
        assert [one[0].how for one in ended].count("closed") >= 2
        assert {type(one) for one in events} == {Began, Turned, Ended}
        assert all(one.headers["authorization"] == f"Bearer {KEY}" for one in fake.requests)


async def nothing() -> Any:
    from moot.spending import Spent  # noqa: PLC0415 - used here alone

    return Spent()


async def leases(store: Any) -> list[Any]:
    return await store.leasing(lambda rows: rows.all())


@pytest.mark.anyio
async def test_a_process_without_the_runs_record_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order("run", "x", Caps(), await nothing(), frozenset(), {}, {}, Limits(), 1)
    with pytest.raises(ClusterError, match="knows no record: set MOOT_DB"):
        await Office(order).open()
    monkeypatch.setenv("MOOT_DB", url)
    with pytest.raises(ClusterError, match="another record than that of the run"):
        await Office(order).open()
    monkeypatch.setenv("MOOT_DB", "postgresql://me:canary-password@host:port:x/%%")
    with pytest.raises(StoreError) as refused:
        await Office(order).open()
    assert refused.value.__suppress_context__
    assert "canary" not in str(refused.value)
