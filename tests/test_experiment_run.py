from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import Fake, Reply, Request
from fakes.commands import commands
from moot.convene import convene
from moot.experiment.budget import Budget
from moot.experiment.design import identity_of
from moot.experiment.grid import Ended, Way, carry_grid
from moot.forms import maker_of
from moot.spending import Caps, Limits, spent
from moot.store import Call, StoreError, open_store
from moot.transcript import Heading, Participant, Transcript, freeze
from moot.voices import Pool, attempts
from moot.voices.endpoints import Endpoint
from moot.voices.spec import open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from fakes.commands import Answer
    from moot.experiment.grid import Event

GRID = """
name = "rivers"
repeats = 2
title = "{claim}"
[arguments]
turns = 3
prompt = "{claim}"
[factors]
claim = ["Rivers are alive.", "Zoos should close."]
[[cast]]
name = "Ada"
voice = "lab:m?max_tokens=40"
brief = "You are Ada."
[[cast]]
name = "Bo"
voice = "lab:n?max_tokens=40"
brief = "You are Bo."
"""
PRICES = "".join(f'[prices."lab:{one}"]\ninput = 1000\noutput = 2000\n' for one in "mn")
ENDPOINT = '[endpoints.lab]\nbase_url = "{url}"\nkey_env = ""\nwire = "openai-chat"\n'


def talkative(_: Request) -> Reply:
    return Reply(("I", " see", "."))


def billed(request: Request) -> tuple[int, int]:
    """Return the tokens that a provider would bill: all it read and has written, where it has begun to answer."""
    choices = [json.loads(event[5:]) for event in request.sent if event.startswith("data: {")]
    for one in choices:
        if one.get("usage"):
            return one["usage"]["prompt_tokens"], one["usage"]["completion_tokens"]
    written = sum(bool(one["delta"].get("content")) for event in choices for one in event.get("choices", ()))
    return (len(json.dumps(request.body["messages"]).split()), written) if written else (0, 0)


def told_all(request: Request) -> bool:
    """Whether an answer was sent to its end."""
    return any('"usage"' in event for event in request.sent)


def dollars(requests: list[Request]) -> Decimal:
    return sum((Decimal(read + 2 * written) / 1000 for read, written in map(billed, requests)), Decimal(0))


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOOT_HOME", str(tmp_path))
    (file := tmp_path / "grid.toml").write_text(GRID)
    return file


@pytest.fixture
def lab(grid: Path) -> Iterator[Fake]:
    with Fake(key=None, moves_prefix="") as fake, hurried():
        (grid.parent / "config.toml").write_text(ENDPOINT.format(url=fake.openai_url) + PRICES)
        yield fake


@contextmanager
def hurried() -> Generator[None]:
    hurry = {"tries": 2, "first": 10.0, "idle": 10.0, "tail": 0.1, "pause": 0.0}
    usual = {name: getattr(attempts.PATIENCE, name) for name in hurry}
    try:
        for name, value in hurry.items():
            object.__setattr__(attempts.PATIENCE, name, value)
        yield
    finally:
        for name, value in usual.items():
            object.__setattr__(attempts.PATIENCE, name, value)


def test_plan_run_status_and_export_of_a_grid(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    planned = run("experiment", "plan", "grid.toml", "--effect", "0.5", "--sd", "1", "--json").json
    assert (planned["conversations"], planned["calls"], planned["unpriced"]) == (4, [12, 12, 12], [])
    assert 0 < float(planned["dollars"][0]) < float(planned["dollars"][1]) < float(planned["dollars"][2])
    assert [(one["factor"], one["n"], one["needed"]) for one in planned["power"]] == [("claim", 2, 64)]
    assert lab.requests == []
    done = run("experiment", "run", "grid.toml", "--jsonl", "--concurrency", "3")
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [one["event"] for one in events].count("ended") == 4
    assert "4 of 4 closed, 0 live, 0 failed" in done.err
    assert Decimal(events[-1]["dollars"]) == dollars(lab.requests)
    assert (events[-1]["done"], Decimal(events[-1]["reserved_dollars"])) == (4, 0)
    status = run("experiment", "status", "grid.toml", "--json").json
    assert [one["states"] for one in status["cells"]] == [{"closed": 2}] * 2
    assert Decimal(status["dollars"]) == dollars(lab.requests)
    before = len(lab.requests)
    assert run("experiment", "run", "grid.toml").code == 0
    assert len(lab.requests) == before
    rows = list(csv.DictReader(io.StringIO(run("experiment", "export", "grid.toml").out)))
    assert {(one["factor_claim"], one["state"], one["turns"]) for one in rows} >= {
        ("Zoos should close.", "closed", "4")
    }
    assert sum(Decimal(one["dollars"]) for one in rows) == dollars(lab.requests)
    assert run("experiment", "export", "grid.toml", "--format", "jsonl", "-o", "out.jsonl").code == 0
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [one["id"] for one in lines] == [one["id"] for one in rows]


def test_a_plan_is_told_in_words_and_an_unknown_price_stays_unknown(
    run: Callable[..., Answer], grid: Path, lab: Fake
) -> None:
    told = run("experiment", "plan", "grid.toml", "--effect", "1", "--sd", "1").out
    assert "4 conversations: 2 cells, 2 repeats each" in told
    assert "80 % takes 17 a level (16 by the normal)" in told
    (grid.parent / "config.toml").write_text(ENDPOINT.format(url=lab.openai_url))
    assert "not known: no price of lab:m, lab:n" in run("experiment", "plan", "grid.toml").out
    assert run("experiment", "plan", "grid.toml", "--sd", "1").code == 2


def test_a_file_that_has_changed_since_its_plan_is_refused(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    assert run("experiment", "plan", "grid.toml").code == 0
    grid.write_text(f"# a note changes nothing\n{GRID}")
    assert run("experiment", "run", "grid.toml").code == 0
    grid.write_text(GRID.replace("turns = 3", "turns = 2"))
    refused = run("experiment", "run", "grid.toml")
    assert refused.code == 2
    assert "has changed since the plan of 20" in refused.err
    assert run("experiment", "run", "grid.toml", "--replan").code == 0
    plan = grid.with_name("grid.toml.plan.json")
    plan.write_text(plan.read_text().replace('"calls"', '"callz"'))
    assert "was changed by hand" in run("experiment", "run", "grid.toml").err


def test_what_cannot_be_read_or_written_is_told(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    assert "cannot be read" in run("experiment", "plan", "nowhere.toml").err
    grid.write_bytes(b"\xff")
    assert "not UTF-8" in run("experiment", "status", "grid.toml").err
    grid.write_text(GRID)
    (plan := grid.with_name("grid.toml.plan.json")).mkdir()
    assert "cannot be written" in run("experiment", "plan", "grid.toml").err
    assert "cannot be read" in run("experiment", "run", "grid.toml").err
    plan.rmdir()
    assert "cannot be written" in run("experiment", "export", "grid.toml", "-o", "no/where.csv").err


def test_one_that_fails_does_not_stop_the_rest_and_can_be_tried_again(
    run: Callable[..., Answer], grid: Path, lab: Fake
) -> None:
    def answer(request: Request) -> Reply:
        zoos = "Zoos" in json.dumps(request.body)
        return Reply(status=400, code="no", message="no zoos here") if zoos else Reply(("I", " see", "."))

    lab.otherwise = answer
    failed = run("experiment", "run", "grid.toml")
    assert failed.code == 1
    assert "2 of 4 closed, 0 live, 2 failed" in failed.err
    assert "no zoos here" in failed.err
    status = run("experiment", "status", "grid.toml").out
    assert "Zoos should close.: 2 failed" in status
    assert "2 closed, 2 failed" in status
    lab.otherwise = talkative
    assert run("experiment", "retry", "grid.toml").code == 0
    assert "4 closed" in run("experiment", "status", "grid.toml").out


def test_a_voice_that_cannot_speak_fails_its_cells_only(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    factors = '[factors]\nmodel = ["lab:m", "openai:gpt-5"]\nclaim = '
    grid.write_text(GRID.replace("[factors]\nclaim = ", factors).replace("lab:m?max_tokens=40", "{model}"))
    failed = run("experiment", "run", "grid.toml")
    assert failed.code == 1
    assert "4 of 8 closed, 0 live, 4 failed" in failed.err
    assert "OPENAI_API_KEY" in failed.err


def test_the_budget_holds_over_the_whole_grid_and_over_runs(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    grid.write_text(f"{GRID}[budget]\ndollars = 0.35\n")
    for _ in range(3):
        ended = run("experiment", "run", "grid.toml")
        assert ended.code == 4
        assert "rest at a limit: this experiment may cost $0.35" in ended.err
    assert Decimal("0.1") < dollars(lab.requests) <= Decimal("0.35")
    grid.write_text(f"{GRID}[budget]\ndollars = 50\n")
    assert run("experiment", "run", "grid.toml", "--replan").code == 0


def test_a_budget_in_dollars_refuses_a_voice_without_a_price(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    grid.write_text(f"{GRID}[budget]\ndollars = 5\n")
    (grid.parent / "config.toml").write_text(ENDPOINT.format(url=lab.openai_url))
    ended = run("experiment", "run", "grid.toml")
    assert (ended.code, lab.requests) == (4, [])
    assert "price of lab:m is not known" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_once_finishes_turns_under_way_and_twice_stops(
    run: Callable[..., Answer], grid: Path, lab: Fake, times: int
) -> None:
    # Slow enough that it is never over before the second Ctrl-C has done its work.
    lab.otherwise = lambda _: Reply(tuple("abcdefghij"), pace=0.1 if times == 1 else 0.6)
    # Tests that run in the background have Ctrl-C ignored, and hand that down.
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from moot.cli import main; main()"
    argv = [sys.executable, "-c", begin, "experiment", "run", "grid.toml"]
    process = subprocess.Popen([*argv, "--concurrency", "2"], stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    deadline = time.monotonic() + 20
    while len(lab.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "turns under way are finished" in err
    assert len(lab.requests) == 2
    assert [told_all(one) for one in lab.requests] == [times == 1] * 2
    lab.otherwise = talkative
    status = run("experiment", "status", "grid.toml").out
    assert "2 resting, 2 missing" in status
    finished = run("experiment", "run", "grid.toml")
    assert finished.code == 0


def test_when_the_time_of_a_run_is_up_no_more_is_begun(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    lab.otherwise = lambda _: Reply(tuple("abcd"), pace=0.1)
    ended = run("experiment", "run", "grid.toml", "--concurrency", "1", "--max-time", "0.3")
    assert ended.code == 4
    assert "3 were not begun" in ended.err
    assert [told_all(one) for one in lab.requests] == [True]


def test_the_time_of_a_command_is_that_of_all_its_conversations_together(
    run: Callable[..., Answer], grid: Path, lab: Fake
) -> None:
    lab.otherwise = lambda _: Reply(("3",), pace=0.15)
    trial = ("trial", "--claim", "Tea.", "--target", "lab:m", "--persuader", "lab:n", "--probes", "1")
    ended = run(*trial, "--repeats", "4", "--jobs", "1", "--max-time", "0.2")
    assert ended.code == 4, ended.err
    assert "this run may take 0.2 seconds" in ended.err
    assert 1 <= len(lab.requests) <= 3  # each of the four would ask two or more in 0.2 seconds of its own


def test_stances_of_a_trial_are_exported(run: Callable[..., Answer], grid: Path, lab: Fake) -> None:
    grid.write_text(
        'name = "stances"\nform = "trial"\n[arguments]\nclaim = "Rivers."\ntarget = "Ada"\npersuader = "Bo"\n'
        'turns = 2\nprobes = 1\nside = "{side}"\n[balanced]\nside = ["for", "against"]\n'
        + GRID[GRID.index("[[cast]]") :]
    )
    lab.otherwise = lambda request: (
        Reply(("6",)) if "1 means" in str(request.body["messages"][-1]) else Reply(("Well", "."))
    )
    before = [json.loads(one) for one in run("experiment", "export", "grid.toml", "--format", "jsonl").out.splitlines()]
    assert {(one["state"], one["before"]) for one in before} == {("missing", None)}
    assert run("experiment", "run", "grid.toml").code == 0
    rows = [json.loads(one) for one in run("experiment", "export", "grid.toml", "--format", "jsonl").out.splitlines()]
    assert [one["argued"] for one in rows] == ["for", "against"]
    assert all(one["before"] is not None and one["signed_shift"] is not None for one in rows)
    assert all(one["ballots"].count("Ada: ") == 4 for one in rows)


AFTERWARDS = """
[[afterwards]]
form = "audience"
voices = ["lab:m?max_tokens=40"]
personas = ["You farm.", "You fish."]
scrub = true
arguments = {claim = "{claim}", scale = 5, check = false}
[[afterwards]]
form = "judge"
voices = ["lab:n?max_tokens=40"]
rubric = "clear.md"
pair = "claim"
arguments = {reasons = false}
[[afterwards]]
form = "judge"
voices = ["lab:n?max_tokens=40"]
between = ["Ada", "Bo"]
only = {claim = "Rivers are alive."}
limits = {turns = 40}
[[afterwards]]
form = "judge"
voices = ["lab:n?max_tokens=40"]
"""


def test_readers_and_judges_follow_on_what_is_finished_within_the_same_budget(
    run: Callable[..., Answer], grid: Path, lab: Fake
) -> None:
    grid.write_text(GRID + AFTERWARDS + "[budget]\ndollars = 50\n")
    (grid.parent / "clear.md").write_text("The clearer one wins.")

    def answer(request: Request) -> Reply:
        asked = str(request.body["messages"][-1]["content"])
        if "which is better" in asked:
            return Reply(("A",))
        return Reply(("4",)) if "1 means" in asked or "what grade" in asked else Reply((f"Word {len(asked)}", "."))

    lab.otherwise = answer
    planned = run("experiment", "plan", "grid.toml", "--json").json
    assert [(one["form"], one["conversations"]) for one in planned["parts"]] == [
        ("talk", 4), ("audience", 8), ("judge", 4), ("judge", 4), ("judge", 4),
    ]  # fmt: skip
    assert planned["conversations"] == 24
    done = run("experiment", "run", "grid.toml", "--jsonl", "--concurrency", "3")
    assert done.code == 0, done.err
    assert "24 of 24 closed" in done.err
    assert len(lab.requests) == sum(one["calls"][1] for one in planned["parts"]) == planned["calls"][1]
    last = json.loads(done.out.splitlines()[-1])
    assert Decimal(last["dollars"]) == dollars(lab.requests)
    status = run("experiment", "status", "grid.toml", "--json").json
    assert Decimal(status["dollars"]) == dollars(lab.requests)
    assert [one["states"] for one in status["cells"]][2:] == [
        {"closed": 4}, {"closed": 4}, {"closed": 4}, {"closed": 4}, {"closed": 2}, {"closed": 2},
    ]  # fmt: skip
    before = len(lab.requests)
    assert run("experiment", "run", "grid.toml").code == 0
    assert len(lab.requests) == before
    told = run("experiment", "export", "grid.toml", "--afterwards", "--format", "jsonl").out
    rows = [json.loads(line) for line in told.splitlines()]
    assert len({one["id"] for one in rows}) == 20
    readers, pairs, speakers, grades = ([one for one in rows if one["afterwards"] == number] for number in (1, 2, 3, 4))
    assert {(one["before"], one["moved"]) for one in readers} == {(3.0, 0.0)}
    assert {(one["swapped"], one["winner"]) for one in pairs} == {
        (False, "Rivers are alive."), (True, "Zoos should close."),
    }  # fmt: skip
    assert {one["winner"] for one in speakers} == {"Ada", "Bo"}
    assert {one["answer"] for one in grades} == {"4"}
    assert "The clearer one wins." in next(str(one.body) for one in lab.requests if "clearer" in str(one.body))
    table = list(csv.DictReader(io.StringIO(run("experiment", "export", "grid.toml", "--afterwards").out)))
    assert [one["id"] for one in table] == [one["id"] for one in rows]
    (grid.parent / "clear.md").write_text("The longer one wins.")
    assert "has changed since the plan" in run("experiment", "run", "grid.toml").err
    (grid.parent / "clear.md").unlink()
    assert "the rubric clear.md cannot be read" in run("experiment", "run", "grid.toml").err


def test_readers_of_what_failed_or_said_nothing_are_not_begun(
    run: Callable[..., Answer], grid: Path, lab: Fake
) -> None:
    grid.write_text(GRID + AFTERWARDS[: AFTERWARDS.index('[[afterwards]]\nform = "judge"')])

    def answer(request: Request) -> Reply:
        if "Zoos" in json.dumps(request.body):
            return Reply(status=400, code="no", message="no zoos here")
        return Reply(("3",)) if "1 means" in str(request.body["messages"][-1]) else Reply(("I", " see", "."))

    lab.otherwise = answer
    failed = run("experiment", "run", "grid.toml")
    assert failed.code == 1
    assert "6 of 8 closed, 0 live, 2 failed" in failed.err
    assert "afterwards 1, audience: claim=Rivers are alive.: 4 closed" in run("experiment", "status", "grid.toml").out
    lab.otherwise = lambda request: (
        Reply(("3",)) if "1 means" in str(request.body["messages"][-1]) else Reply(("Well", "."))
    )
    assert run("experiment", "retry", "grid.toml").code == 0
    assert run("experiment", "run", "grid.toml").code == 0
    assert "12 closed" in run("experiment", "status", "grid.toml").out


# The budget, with many conversations at once and everything going wrong


def headings(count: int, endpoint: Endpoint) -> list[Heading]:
    stands = settle(parse("lab:m?max_tokens=40"), {"lab": endpoint})
    people = [Participant(name, "lab:m", f"You are {name}.", freeze(stands.settings)) for name in ("Ada", "Bo")]
    arguments = freeze({"turns": 2, "prompt": "Begin."})
    return [Heading(tuple(people), arguments=arguments, seed=number) for number in range(count)]


def struck(chance: Random) -> Callable[[Request], Reply]:
    def answer(_: Request) -> Reply:
        words = ("I", " see", ".")[: chance.randrange(1, 4)]
        match chance.randrange(6):
            case 0:
                return Reply(status=500, message="down", headers=(("retry-after-ms", "0"),))
            case 1:
                return Reply(words, fault=chance.choice(["reset", "close", "garbage", "end", "error"]), at=2)
            case 2:
                return Reply(words, usage=False)
            case _:
                return Reply(words)

    return answer


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2500))
def test_the_budget_is_never_passed_by_what_providers_bill(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tokens: int
) -> None:
    db = tmp_path_factory.mktemp("budget") / "moot.db"
    with Fake(key=None) as fake, hurried():
        fake.otherwise = struck(Random(seed))
        endpoint = Endpoint("lab", fake.openai_url, "", "openai-chat")
        used, reported = asyncio.run(swept(db, headings(50, endpoint), endpoint, tokens))
        assert sum(map(sum, map(billed, fake.requests))) <= tokens
    assert reported == used <= tokens


async def swept(db: Path, grid: list[Heading], endpoint: Endpoint, tokens: int) -> tuple[int, int]:
    """Run the grid twice, the second time with what the first has left; return what ledger and calls say."""

    async def ready(_: Heading) -> None: ...

    def untold(_: Event) -> None: ...

    used: Any = None
    async with open_store(db) as store:
        for _ in range(2):
            calls = [call for one in await store.list() for call in await store.calls(one.id)]
            budget = Budget(Caps(tokens=tokens), Limits().price, calls)
            limits = Limits(ledger=budget)
            async with Pool({"lab": endpoint}) as pool:
                way = Way(
                    lambda one, pool=pool: open_voices(one, pool), lambda _, it=limits: it, maker_of, ready, untold
                )
                ended = await carry_grid(store, grid, way, 50, asyncio.Event())
            assert len(ended) == len(grid)
            assert budget.reserved.tokens == 0
            used = budget.spent.tokens
        calls = [call for one in await store.list() for call in await store.calls(one.id)]
    return used, spent(calls, 0, Limits().price).tokens


def test_who_has_no_room_waits_for_those_under_way() -> None:
    async def both() -> list[str]:
        budget = Budget(Caps(tokens=100), Limits().price)
        first, second, third = (Call(0, name, "lab:m", "", reserved_output=80) for name in "abc")
        assert await budget.reserve(first) == ""
        waiting = asyncio.create_task(budget.reserve(second))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(first, Call(0, "a", "lab:m", "", outcome="done", input=5, output=5))
        told = [await waiting]
        budget.settle(second, Call(0, "b", "lab:m", "", outcome="done", input=30, output=50))
        return [*told, await budget.reserve(third)]

    waited, refused = asyncio.run(both())
    assert waited == ""
    assert "this experiment may use 100 tokens, has used 90" in refused


def test_what_could_not_be_put_on_record_is_counted_at_its_worst_and_not_kept_aside(tmp_path: Path) -> None:
    heading = Heading((Participant("Ada", "script:x", settings=freeze({"lines": ["Hello."]})),))
    budget = Budget(Caps(tokens=100), Limits().price)

    async def broken() -> None:
        async with open_store(tmp_path / "moot.db") as store:
            await store.start("a1", Transcript(heading))

            async def begin(identity: str, call: Call) -> int:
                raise StoreError("the disk is full")

            store.begin = begin
            with pytest.raises(StoreError, match="the disk is full"):
                async for _ in convene(store, "a1", open_voices(heading, Pool()), limits=Limits(ledger=budget)):
                    pass

    asyncio.run(broken())
    assert budget.reserved.tokens == 0


def test_a_form_that_breaks_fails_its_own_conversation_only(tmp_path: Path) -> None:
    people = (Participant("Ada", "script:x", settings=freeze({"lines": ["Hello."]})),)
    grid = [Heading(people, arguments=freeze({"turns": 1}), seed=seed) for seed in (1, 2)]

    def form(*, turns: int) -> Any:
        def move(transcript: Transcript) -> Any:
            if transcript.heading.seed == 1:
                raise ZeroDivisionError("a form of a user's own")
            return maker_of("talk")(turns=turns)(transcript)

        return move

    async def ready(_: Heading) -> None: ...

    async def all_() -> tuple[Ended, ...]:
        async with open_store(tmp_path / "moot.db") as store, Pool() as pool:
            way = Way(lambda one: open_voices(one, pool), lambda _: Limits(), lambda _: form, ready, lambda _: None)
            return await carry_grid(store, grid, way, 1, asyncio.Event())

    broken, fine = asyncio.run(all_())
    assert broken == Ended(identity_of(grid[0]), "failed", "a form of a user's own")
    assert fine.how == "closed"
