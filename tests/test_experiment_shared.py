"""Several processes run one grid on one record: they share its conversations and its budget, and one may die."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from fakes import Fake
from fakes.postgres import database, running
from moot.experiment import alive
from moot.experiment.budget import Budget
from moot.experiment.purse import DEAD_SECONDS, Terms, carried, open_purse
from moot.spending import Caps, Spent, spent, unpriced
from moot.store import Call, StoreError, open_store
from moot.transcript import Heading, Participant, Transcript
from test_experiment_kill import CONFIG, GRID, answer, billed, kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moot.store.leases import Leases

CALL = Call(0, "Ada", "lab:m", "d" * 32, reserved_input=10, reserved_output=10)
DONE = replace(CALL, outcome="done", input=1, output=1)
HEADING = Heading((Participant("Ada", "script:a"),))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    if request.param == "sqlite":
        yield tmp_path / "moot.db"
        return
    with database(request.getfixturevalue("server")) as address:
        yield address


def started(home: Path, db: Path | str) -> subprocess.Popen[str]:
    words = ["experiment", "run", "grid.toml", "--db", str(db), "--jsonl", "--concurrency", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", "from moot.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=home,
        env=os.environ | {"MOOT_HOME": str(home)},
    )


def ended(process: subprocess.Popen[str], code: int) -> dict[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return json.loads(out.splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[Path, Fake]]:
    (tmp_path / "bo.txt").write_text("".join(f"Bo says line {number}.\n" for number in range(6)))
    with Fake(key=None) as fake:
        fake.otherwise = answer
        (tmp_path / "config.toml").write_text(CONFIG.format(url=fake.openai_url))
        yield tmp_path, fake


def dollars(calls: list[tuple[str, Call]]) -> Decimal:
    """Return what calls come to, at their worst where nothing was reported."""
    return spent((call for _, call in calls), 0, priced).dollars


def priced(call: Call) -> Decimal:
    return Decimal((call.input or 0) + 2 * (call.output or 0)) / 1000 if call.voice.startswith("lab:m") else Decimal(0)


def bought_twice(calls: list[tuple[str, Call]]) -> int:
    asked = Counter((identity, call.seq) for identity, call in calls if call.outcome == "done")
    return sum(count > 1 for count in asked.values())


@pytest.mark.parametrize(("where", "budget"), [("sqlite", Decimal(1)), ("postgres", Decimal(12))], indirect=["where"])
def test_two_processes_share_a_grid_and_its_budget(where: Path | str, home: tuple[Path, Fake], budget: Decimal) -> None:
    folder, fake = home
    (folder / "grid.toml").write_text(GRID.replace("repeats = 2", "repeats = 4").replace("= 12", f"= {budget}"))
    code = 0 if budget == 12 else 4
    ended(started(folder, folder / "alone.db"), code)
    alone = len(fake.requests)
    told = [ended(one, code) for one in [started(folder, where) for _ in range(2)]]
    digests, calls = asyncio.run(kept(where))
    assert not bought_twice(calls)
    assert len({call.lease for _, call in calls}) == 2, "one process did it all"
    cost = sum(map(billed, fake.requests[alone:]), Decimal(0))
    assert cost == dollars(calls) == max(Decimal(one["dollars"]) for one in told)
    if budget == 12:
        assert digests == asyncio.run(kept(folder / "alone.db"))[0]
        assert {one["done"] for one in told} == {12}
    else:
        assert budget / 2 < cost <= budget


@pytest.mark.parametrize("where", ["postgres"], indirect=True)
def test_when_one_of_two_is_killed_the_other_goes_on_with_its_conversations_and_what_it_had_leased(
    where: Path | str, home: tuple[Path, Fake]
) -> None:
    folder, fake = home
    (folder / "grid.toml").write_text(GRID.replace("repeats = 2", "repeats = 4").replace("= 12", "= 3"))
    ended(started(folder, folder / "alone.db"), 0)
    alone = len(fake.requests)
    one, other = (started(folder, where) for _ in range(2))
    until = time.monotonic() + 20
    while len(fake.requests) < alone + 6 and time.monotonic() < until:
        time.sleep(0.01)
    one.kill()
    told = ended(other, 0)
    one.communicate()
    digests, calls = asyncio.run(kept(where))
    assert digests == asyncio.run(kept(folder / "alone.db"))[0]
    assert not bought_twice(calls)
    cost = sum(map(billed, fake.requests[alone:]), Decimal(0))
    assert cost <= dollars(calls) == Decimal(told["dollars"]) <= 3


# The purse by itself


def terms(tokens: int) -> Terms:
    return Terms("rivers", Caps(tokens=tokens), unpriced)


def silence(rows: Leases, lease: str) -> None:
    """Have a lease's last sign of life be long ago, as that of a machine that has lost its network."""
    (one,) = (one for one in rows.all() if one.id == lease)
    rows.put(replace(one, seen=rows.now - DEAD_SECONDS - 1))


@pytest.mark.anyio
async def test_a_lease_counts_as_spent_until_its_holder_is_dead_and_its_calls_are_read_back(where: Path | str) -> None:
    async with open_store(where) as store, open_store(where) as other:
        await store.start("a1", Transcript(HEADING))
        purse = await open_purse(store, terms(100), ["a1"])
        await purse.begin("one")
        assert (await purse.ask("one", Spent(), Spent(), CALL)).granted.tokens == 20
        number = await store.begin("a1", replace(CALL, lease="one"))
        await store.finish(number, replace(DONE, lease="one"))
        lost = await store.begin("a1", replace(CALL, lease="one"))
        second = await open_purse(other, terms(30), ["a1"])
        await second.begin("two")
        answer = await second.ask("two", Spent(), Spent(), CALL)
        assert (answer.granted.tokens, answer.may_wait) == (0, True)
        assert "may use 30 tokens, has used 20" in answer.why
        async with carried(store, "one", "a1", unpriced) as mine, carried(other, "two", "a1", unpriced) as theirs:
            assert (mine, theirs) == (True, False)
            await store.leasing(lambda rows: silence(rows, "one"))
            async with carried(other, "two", "a1", unpriced) as theirs_now:
                assert theirs_now
        with pytest.raises(StoreError, match="another has taken its place"):
            await store.begin("a1", replace(CALL, lease="one"))
        with pytest.raises(StoreError, match="another has taken its place"):
            await purse.ask("one", Spent(), Spent(), CALL)
        with pytest.raises(StoreError, match="another has taken its place"):
            async with carried(store, "one", "a1", unpriced):
                pass
        answer = await second.ask("two", Spent(), Spent(), CALL)
        assert ("has used 22" in answer.why, answer.may_wait) == (True, False)  # 2 as reported, 20 as nobody knows
        await store.finish(lost, DONE)
        assert (await open_purse(store, terms(100), ["a1"])).earlier.tokens == 4


@pytest.mark.anyio
async def test_what_is_leased_and_not_needed_is_given_back(where: Path | str) -> None:
    async with open_store(where) as store:
        purse = await open_purse(store, terms(2000), [])
        for lease in ("one", "two"):
            await purse.begin(lease)
        assert (await purse.ask("one", Spent(), Spent(), CALL)).granted.tokens == 320
        assert (await purse.ask("two", Spent(), Spent(tokens=1700), CALL)).may_wait
        budget = Budget(Caps(tokens=2000), unpriced, source=purse, lease="one")
        await budget.beat()
        assert (await purse.ask("two", Spent(), Spent(tokens=1700), CALL)).granted.tokens == 1740
        await purse.end("two")
        assert await budget.reserve(CALL) == ""
        await purse.end("one")
        assert (await open_purse(store, terms(2000), [])).counted == {"one", "two"}
        assert await store.leasing(lambda rows: rows.all()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such lock")
def test_a_process_of_this_machine_that_was_killed_is_known_to_be_gone_at_once(tmp_path: Path) -> None:
    begin = (
        "import time; from moot.experiment.alive import sign_of_life\n"
        "with sign_of_life('canary-lease'):\n print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", begin], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert not alive.is_gone("canary-lease")
        process.kill()
    assert alive.is_gone("canary-lease")
    with alive.sign_of_life("canary-lease"):
        assert not alive.is_gone("canary-lease")
    assert not alive.is_gone("canary-lease")  # nobody knows


def test_who_can_give_no_sign_of_life_works_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "nowhere"))
    with alive.sign_of_life("canary-lease"):
        assert not alive.is_gone("canary-lease")
