from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.commands import Answer, commands
from moot.cli.cost import Used, used
from moot.prices import FREE, PROVIDERS, Rates, edition, price_of, worst_case
from moot.store import Call, open_store
from moot.transcript import Heading, Participant, Transcript
from moot.voices.endpoints import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from moot.store import Outcome

OWN = {
    "lab:m": Rates(Decimal(2), Decimal(8), Decimal("0.5"), Decimal(3)),
    "lab:plain": Rates(Decimal(2), Decimal(8)),
    "rented:*": Rates(Decimal(0), Decimal(0)),
    "openai:gpt-5": Rates(Decimal(1), Decimal(1)),
    "ollama:dear": Rates(Decimal(1), Decimal(1)),
}
COUNTS = st.integers(0, 10**7)


def call(voice: str = "lab:m", *, outcome: Outcome = "done", **fields: Any) -> Call:
    return Call(0, "Ada", voice, "d", outcome=outcome, **fields)


@pytest.mark.parametrize(
    ("voice", "usage", "dollars"),
    [
        ("anthropic:claude-sonnet-4-5", {"input": 1000, "output": 100}, "0.0045"),
        ("anthropic:claude-sonnet-4-5", {"input": 1000, "cached": 600, "output": 0}, "0.00138"),
        ("anthropic:claude-sonnet-4-5", {"input": 1000, "cached": 500, "cache_write": 100, "output": 100}, "0.003225"),
        ("openai:gpt-5", {"input": 1000, "cached": 0, "output": 100, "reasoning": 80}, "0.00225"),
        ("openai:gpt-5", {"input": 1000, "output": 100, "model": "gpt-5-2025-08-07"}, "0.00225"),
        ("openai:mine", {"input": 1000, "output": 100, "model": "gpt-5-2025-08-07"}, "0.00225"),
        ("openai:gpt-5", {"input": 1000, "output": 100, "model": "renamed-by-a-proxy"}, "0.00225"),
    ],
)
def test_listed_models_have_their_published_prices(voice: str, usage: dict[str, Any], dollars: str) -> None:
    assert price_of(call(voice, begun="2026-01-05T10:00:00Z", **usage)) == Decimal(dollars)


@pytest.mark.parametrize(
    "voice",
    [
        "google:gemini-2.5-pro",
        "mistral:mistral-large-latest",
        "xai:grok-4",
        "deepseek:deepseek-chat",
        "groq:llama-3.3-70b-versatile",
        "together:meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "openrouter:anthropic/claude-sonnet-4.5",
    ],
)
def test_every_provider_is_found_in_the_list(voice: str) -> None:
    dollars = price_of(call(voice, input=10**6, output=10**6))
    assert dollars
    assert Decimal("0.01") < dollars < 100


def test_every_known_endpoint_is_either_free_or_in_the_list() -> None:
    assert {*KNOWN, "anthropic", "openai"} <= {*FREE, *PROVIDERS}


@pytest.mark.parametrize("voice", ["lab:other", "unlisted:gpt-5", "openai:no-such-model", "fireworks:x"])
def test_what_neither_knows_has_no_price(voice: str) -> None:
    asked = call(voice, input=10, output=10)
    assert price_of(asked, OWN) is None
    assert price_of(replace(asked, outcome="open")) is None
    assert worst_case(voice, "", 10, 10, OWN) is None


@pytest.mark.parametrize("voice", ["lab:m", "openai:gpt-5", "anthropic:claude-sonnet-4-5"])
@pytest.mark.parametrize("usage", [{}, {"input": 10}, {"output": 10}, {"input": -1, "output": 1}])
def test_tokens_that_nobody_reported_have_no_price(voice: str, usage: dict[str, Any]) -> None:
    assert price_of(call(voice, **usage), OWN) is None


@pytest.mark.parametrize("kind", sorted(FREE))
def test_ones_own_machines_and_people_cost_nothing(kind: str) -> None:
    assert price_of(call(f"{kind}:m")) == 0
    assert worst_case(f"{kind}:m", "", 10**6, 10**6) == 0


def test_ones_own_prices_go_first_by_the_model_reported_then_asked_then_all() -> None:
    million: dict[str, Any] = {"input": 10**6, "output": 10**6}
    assert price_of(call("openai:gpt-5", **million), OWN) == 2
    assert price_of(call("openai:mine", model="gpt-5", **million), OWN) == 2
    assert price_of(call("lab:plain", model="m", **million), OWN) == 10
    assert price_of(call("rented:anything", **million), OWN) == 0
    assert price_of(call("ollama:dear", **million), OWN) == 2
    assert price_of(call("ollama:other", **million), OWN) == 0


def test_ones_own_price_counts_each_kind_of_token() -> None:
    usage: dict[str, Any] = {"input": 10, "cached": 4, "cache_write": 3, "output": 5, "reasoning": 2}
    assert price_of(call(**usage), OWN) == Decimal(3 * 2 + 3 * 3 + 5 * 8) / 10**6 + Decimal("0.000002")
    assert price_of(call("lab:plain", **usage), OWN) == Decimal(10 * 2 + 5 * 8) / 10**6


def test_a_request_that_was_refused_costs_nothing_and_one_that_spoke_is_unknown() -> None:
    assert price_of(call(outcome="failed", error="429"), OWN) == 0
    assert price_of(call(outcome="failed", partial="So"), OWN) is None
    assert price_of(call(outcome="open"), OWN) is price_of(call(outcome="left"), OWN) is None


@pytest.mark.parametrize("voice", ["lab:m", "anthropic:claude-sonnet-4-5", "openai:gpt-5.6", "google:gemini-2.5-pro"])
@given(whole=COUNTS, output=COUNTS, parts=st.tuples(COUNTS, COUNTS, COUNTS))
def test_no_answer_costs_more_than_its_worst_case(
    voice: str, whole: int, output: int, parts: tuple[int, int, int]
) -> None:
    cached, written, reasoning = parts
    most = worst_case(voice, "", whole, output, OWN)
    billed = price_of(
        call(voice, input=whole, output=output, cached=cached, cache_write=written, reasoning=reasoning), OWN
    )
    assert most is not None
    assert billed is not None
    assert 0 <= billed <= most
    assert price_of(call(voice, outcome="open", input=whole, output=output), OWN) == most


def test_the_price_is_that_of_the_time_of_the_call() -> None:
    usage: dict[str, Any] = {"input": 10**6, "cached": 0, "output": 10**6}
    before, after = (
        price_of(call("deepseek:deepseek-chat", begun=at, **usage))
        for at in ("2025-03-01T20:00:00+00:00", "2025-03-01T12:00:00")
    )
    assert before
    assert after
    assert before < after  # there were cheaper hours then


def test_without_the_list_only_ones_own_prices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert price_of(call("anthropic:claude-sonnet-4-5", input=1, output=1)) is None
    assert price_of(call("openai:gpt-5", input=10**6, output=0), OWN) == 1

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    assert edition().startswith("genai-prices ")
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert edition() == ""


CALLS = st.lists(
    st.builds(
        Call,
        st.just(0),
        st.just("Ada"),
        st.sampled_from(["lab:m", "lab:other", "script:x", "person"]),
        st.just("d"),
        outcome=st.sampled_from(["open", "done", "failed", "left"]),
        partial=st.sampled_from(["", "So"]),
        input=st.none() | COUNTS,
        output=st.none() | COUNTS,
        cached=st.none() | COUNTS,
    ),
    max_size=6,
)


@given(CALLS, CALLS)
def test_sums_add_up_and_count_what_they_lack(one: list[Call], other: list[Call]) -> None:
    def price(asked: Call) -> Decimal | None:
        return price_of(asked, OWN)

    first, second, both = used(one, price), used(other, price), used(one + other, price)
    assert both.dollars == first.dollars + second.dollars
    assert (both.unpriced, both.untold) == (first.unpriced + second.unpriced, first.untold + second.untold)
    assert sum(both.calls.values()) == len(one) + len(other)
    for kind, count in both.tokens.items():
        assert count == first.tokens.get(kind, 0) + second.tokens.get(kind, 0)
    assert both.unpriced == sum(price(asked) is None for asked in one + other)


def test_the_share_from_cache_is_of_those_calls_that_tell() -> None:
    told = call(input=100, cached=75, output=1)
    sums = used([told, call(input=900, output=1)], lambda _: None)
    assert sums.cache_share == 0.75
    assert Used().cache_share is None


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return commands(capfd)


DONE: dict[str, Any] = {
    "input": 1_000_000,
    "cached": 750_000,
    "cache_write": 50_000,
    "output": 100_000,
    "reasoning": 60_000,
}


def record(identity: str, *calls: Call, fork: str = "") -> None:
    """Put a conversation with these calls on this test's record."""

    async def put() -> None:
        async with open_store(Path(os.environ["MOOT_HOME"]) / "moot.db") as store:
            heading = Heading((Participant("Ada", "lab:m"), Participant("Bo", "lab:other")))
            if fork:
                await store.fork(identity, fork, 0, heading)
            else:
                await store.start(identity, Transcript(heading))
            for one in calls:
                number = await store.begin(identity, replace(one, outcome="open"))
                if one.outcome != "open":
                    await store.finish(number, one)

    asyncio.run(put())


def test_cost_tells_of_each_conversation_and_voice_what_was_used_and_what_is_unknown(moot_: Any) -> None:
    Path("moot.toml").write_text('[prices."lab:m"]\ninput = 2\noutput = 8\ncached = 0.5\ncache_write = 3\n')
    record("aa11", call(**DONE), call(outcome="failed", error="429"), call("lab:other", input=5, output=5))
    record("bb22", call(**DONE), call(outcome="left"), call(outcome="open"), fork="aa11")
    whole = moot_("cost", "--json").json
    assert whole["price_list"] == edition()
    rows = {row["id"]: row for row in whole["conversations"]}
    first, forked = rows["aa11"], rows["bb22"]
    assert first["calls"] == {"open": 0, "done": 2, "paused": 0, "failed": 1, "left": 0}
    assert (first["dollars"], first["known_dollars"], first["calls_without_price"]) == (None, 1.725, 1)
    priced, unpriced = first["voices"]
    assert (priced["voice"], priced["dollars"], priced["cache_share"]) == ("lab:m", 1.725, 0.75)
    assert priced["tokens"] == DONE
    assert priced["calls_without_tokens"] == 0
    assert (unpriced["dollars"], unpriced["tokens"]["cached"], unpriced["cache_share"]) == (None, None, None)
    assert (forked["forked_from"], forked["calls"]["open"], forked["calls"]["left"]) == ("aa11", 1, 1)
    assert (forked["calls_without_tokens"], forked["calls_without_price"]) == (2, 2)
    assert (whole["total"]["known_dollars"], whole["total"]["calls_without_price"]) == (3.45, 3)
    assert [row["voice"] for row in whole["voices"]] == ["lab:m", "lab:other"]
    assert [row["id"] for row in moot_("cost", "aa", "aa11", "--json").json["conversations"]] == ["aa11"]


def test_cost_is_shown_in_a_table_with_what_it_lacks(moot_: Any) -> None:
    Path("moot.toml").write_text('[prices."lab:*"]\ninput = 2\noutput = 8\n[prices."tiny:*"]\ninput = 1\noutput = 1\n')
    record("aa11", call(**DONE), call("tiny:m", input=3, output=1), call("far:m", input=5, output=5))
    record("bb22", call(outcome="left"), fork="aa11")
    answer = moot_("cost")
    lines = {line.split()[0]: " ".join(line.split()) for line in answer.out.splitlines() if line.strip()}
    assert lines["aa11"] == "aa11 3 1,000,008 750,000 75% 50,000 100,006 60,000 unknown (1 call)"
    assert lines["bb22"] == "bb22 (fork of aa11) 0 + 1 left - - - - - unknown (1 call)"
    assert lines["tiny:m"] == "tiny:m 1 3 - - 1 - <$0.0001"
    assert lines["total"].startswith("total 3 + 1 left 1,000,008+ 750,000+ 75% 50,000+ 100,006+")
    assert lines["total"].endswith("unknown (2 calls)")
    assert "Tokens of 1 call were not reported" in answer.err
    assert "The price of 2 calls is not known; the others cost $2.8000." in answer.err
    assert "A fork counts its own calls only." in answer.err
    assert edition() in answer.err
    single = moot_("cost", "aa11").out
    assert "conversation" not in single
    assert "lab:m" in single


def test_cost_of_nothing_is_said_so(moot_: Any) -> None:
    assert "No calls are on record" in moot_("cost").err
    assert moot_("cost", "--json").json["total"]["dollars"] == 0
    assert moot_("cost", "zz").code == 2
