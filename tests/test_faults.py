"""The fault drill: whatever goes wrong on the way, what was said is on record once, and all else can be gone on with.

Each kind of fault strikes short talks, one a seed, which are real down to the sockets. To run one of them alone:
MOOT_TEST_SEED=17 MOOT_TEST_SEEDS=1 pytest tests/test_faults.py -k 429.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakes import KEY, Fake, Reply
from fakes.drill import ADDRESSES, Blow, Kind, Talk, carry, check, content, endpoints, words_of
from moot.store import open_store
from moot.voices import Pool
from moot.voices.attempts import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakes import Request
    from moot.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

FIRST = int(os.environ.get("MOOT_TEST_SEED", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("MOOT_TEST_SEEDS", "20")))
ALL = tuple(ADDRESSES)
HUGE = 10_000_000
"""Bytes of a huge token; three of four seeds have a tenth of it, for the sake of everybody's time."""

SHORT = Patience(first=1.5, idle=1.5, tail=0.2)
"""For silence: long enough for twenty talks at a time on a busy machine."""


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """Have the collector look at what the drill made only, which takes it a tenth of the time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


# How each kind strikes


def status(number: int, code: str = "", message: str = "", **headers: str) -> Callable[[Blow], Reply]:
    """Answer with an HTTP error, whose words hold what must go no further."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda _: Reply(status=number, code=code, message=message or f"Sorry,\nno: {KEY}", headers=named)


def dated(blow: Blow) -> Reply:
    when = datetime.fromtimestamp(time.time() + blow.chance.choice((-60, 0)), UTC)
    return Reply(status=429, headers=(("retry-after", format_datetime(when, usegmt=True)),))


_TOO_LONG = {
    "messages": ("invalid_request_error: prompt is too long: 213000 tokens > 200000 maximum",),
    "responses": ("context_length_exceeded: Your input exceeds the context window of this model.",),
    "chat": (
        "context_length_exceeded: This model's maximum context length is 8192 tokens. However, you requested 9000.",
        "exceed_context_size_error: the request exceeds the available context size, try increasing it",
        "invalid_request_error: This endpoint's maximum context length is 32768 tokens. However, you requested more.",
        "invalid_request_error: Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "INVALID_ARGUMENT: The input token count (1200000) exceeds the maximum number of tokens allowed (1048575).",
        "invalid_request_error: This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    ),
    "script": ("exceed_context_size_error: the request exceeds the available context size, try increasing it",),
    "ollama": (": request (9999 tokens) exceeds the available context size (4096 tokens), try increasing it",),
}


def too_long(blow: Blow) -> Reply:
    code, _, message = blow.chance.choice(_TOO_LONG[blow.wire]).partition(": ")
    if blow.wire == "responses" and blow.chance.random() < 0.5:
        return replace(blow.reply, fault="error", at=blow.before_end(), code=code, message=message)
    return Reply(status=400, code=code, message=message)


def cut(into: Any = "", first: int = 0) -> Callable[[Blow], Reply]:
    """Break the connection: at a boundary of events, inside one or inside a character."""

    def strike(blow: Blow) -> Reply:
        at = (
            blow.spoken(wide=True) if into == "character" else blow.chance.randint(first, len(blow.events) - bool(into))
        )
        how = blow.chance.choice(("reset", "close"))
        return replace(blow.reply, fault=how, at=at, into=into, settle=0.2 if at > blow.end else 0.03)

    return strike


def broken_at(at: int) -> Callable[[Blow], Reply]:
    return lambda blow: replace(blow.reply, fault="reset", at=at)


def every_boundary(blow: Blow) -> Reply:
    """Go through all boundaries, seed by seed."""
    at = int(blow.seed / len(ALL)) % (len(blow.events) + 1)
    return replace(blow.reply, fault="reset", at=at, settle=0.2 if at > blow.end else 0.03)


def stalled(at: Callable[[Blow], int]) -> Callable[[Blow], Reply]:
    return lambda blow: replace(blow.reply, fault="stall", at=at(blow))


def changed(change: Callable[[Blow, list[str]], None]) -> Callable[[Blow], Reply]:
    """Send other events than the right ones."""

    def strike(blow: Blow) -> Reply:
        events = list(blow.events)
        change(blow, events)
        return replace(blow.reply, events=tuple(events))

    return strike


def in_place_of_one(text: str) -> Callable[[Blow], Reply]:
    """Put other data where an event's should be."""

    def change(blow: Blow, events: list[str]) -> None:
        events[blow.before_end()] = f"{text}\n" if blow.wire == "ollama" else f"data: {text}\n\n"

    return changed(change)


_STRANGE = (
    '{"type": "response.moon_phase", "phase": [1, {"deep": null}]}',
    '{"type": "content_block_delta", "index": 9, "delta": {"type": "scent_delta", "scent": "rose"}}',
    '{"type": "ping"}',
    '{"object": "chat.completion.chunk", "choices": []}',
    '{"choices": null, "usage": null}',
    '{"choices": [{"index": 0, "delta": {"tool_calls": []}, "finish_reason": null}]}',
    '{"choices": [{"index": 0, "delta": null, "finish_reason": null}]}',
    '{"message": null}',
    "{}",
    "[]",
    "null",
    '"words"',
    "5",
)
_STRANGE_LINES = (
    ": keep-alive\n\n",
    "event: keep-alive\n\n",
    "retry: 5\n\n",
    "id: 7\n\n",
    "\n\n",
    "\r\n",
    "x-odd: 1\n\n",
)


def strangers(blow: Blow, events: list[str]) -> None:
    for _ in range(blow.chance.randint(1, 5)):
        at = blow.chance.randint(0, blow.end)
        strange = blow.chance.choice(_STRANGE)
        if blow.wire == "ollama":
            events.insert(at, f"{strange}\n")
        else:
            events.insert(at, blow.chance.choice((f"data: {strange}\n\n", *_STRANGE_LINES)))


def doubled(blow: Blow, events: list[str]) -> None:
    at = blow.chance.choice((blow.spoken(), blow.chance.randrange(len(events))))
    events.insert(at, events[at])


def swapped(blow: Blow, events: list[str]) -> None:
    at = min(blow.chance.choice((blow.spoken(), blow.chance.randrange(len(events)))), len(events) - 2)
    events[at], events[at + 1] = events[at + 1], events[at]


def torn(blow: Blow, events: list[str]) -> None:
    at = blow.chance.choice([at for at in range(blow.end + 1) if "{" in events[at]])
    start = events[at].index("{")
    events[at] = events[at][: (start + len(events[at])) // 2] + ("\n" if blow.wire == "ollama" else "\n\n")


def no_utf8(blow: Blow, events: list[str]) -> None:
    at = blow.spoken()
    events[at] = events[at].replace("end", "end\udcff").replace("so", "so\udcff").replace("ï", "\udcef")
    events[at] = events[at].replace("💡", "\udc9f").replace("日", "\udce6")


def halves(blow: Blow, events: list[str]) -> None:
    """Escape a character's two halves in two events."""
    at = blow.spoken()
    word = json.dumps(words_of(content(events[at])), ensure_ascii=False)
    events[at : at + 1] = [events[at].replace(word, half) for half in ('"\\ud83d"', '"\\ude00"')]
    if blow.wire == "responses":
        events[:] = [re.sub('("sequence_number": )[0-9]+', rf"\g<1>{number}", one) for number, one in enumerate(events)]


def huge(blow: Blow) -> Reply:
    return replace(blow.reply, words=("x" * (HUGE if blow.seed % 4 == 0 else HUGE // 10),))


def miscounted(blow: Blow, events: list[str]) -> None:
    wrong = blow.chance.choice((-5, "12", None, 10**30, 2**63, 1.5, float("nan"), True, [], {}, {"a": 1}, "absent"))
    for at, event in enumerate(events):
        found = content(event)
        if isinstance(found, dict):
            start = event.index("{")
            end = "\n" if blow.wire == "ollama" else "\n\n"
            events[at] = event[:start] + json.dumps(_with_counts(found, wrong), ensure_ascii=False) + end


def _with_counts(value: Any, wrong: Any) -> Any:
    match value:
        case dict():
            kept = {name: one for name, one in value.items() if wrong != "absent" or not _counts(name)}
            return {name: _all(one, wrong) if _counts(name) else _with_counts(one, wrong) for name, one in kept.items()}
        case list():
            return [_with_counts(one, wrong) for one in value]
        case _:
            return value


def _counts(name: str) -> bool:
    return name == "usage" or name.endswith(("eval_count", "cached_count"))


def _all(value: Any, wrong: Any) -> Any:
    return {name: _all(one, wrong) for name, one in value.items()} if isinstance(value, dict) else wrong


def error_that_stays(blow: Blow) -> Reply:
    if blow.wire == "ollama":  # has no names for errors
        return Reply(status=400, message="no such option")
    return replace(blow.reply, fault="error", at=blow.before_end(), code="invalid_prompt", message="This will not do.")


def after_the_end(blow: Blow) -> Reply:
    how = blow.chance.choice(("reset", "close"))
    return replace(blow.reply, fault=how, at=blow.chance.randint(blow.end + 1, len(blow.events)), settle=0.2)


def redirected(blow: Blow) -> Reply:
    place = f"http://127.0.0.1:{blow.elsewhere}/v1/chat/completions?key={KEY}"
    return Reply(status=blow.chance.choice((301, 302, 303, 307, 308)), headers=(("location", place),))


KINDS = (
    Kind("429", "tries again", status(429, "rate_limit_error"), "HTTP 429"),
    Kind("429-with-seconds", "tries again", status(429, retry_after="0.05"), "HTTP 429"),
    Kind("429-with-milliseconds", "tries again", status(429, retry_after_ms="40"), "HTTP 429"),
    Kind("429-with-a-date", "tries again", dated, "HTTP 429"),
    Kind("429-with-nonsense", "tries again", status(429, retry_after="soon"), "HTTP 429"),
    Kind("429-with-hours", "gives up", status(429, retry_after="7200"), "HTTP 429"),
    Kind("429-quota-spent", "gives up", status(429, "insufficient_quota"), "HTTP 429"),
    Kind("500", "tries again", status(500), "HTTP 500"),
    Kind("502", "tries again", status(502), "HTTP 502"),
    Kind("503", "tries again", status(503, retry_after="0"), "HTTP 503"),
    Kind("529", "tries again", status(529, "overloaded_error"), "HTTP 529"),
    Kind("401", "gives up", status(401, "authentication_error"), "DRILL_KEY was refused"),
    Kind("403", "gives up", status(403, "permission_error"), "HTTP 403"),
    Kind("context-too-long", "full", too_long),
    Kind("refused", "tries again", cut(), "the connection to http://127.0.0.1:.* failed", at_once=1),
    Kind("reset-before-headers", "tries again", broken_at(-1), "the connection to"),
    Kind("reset-after-headers", "tries again", broken_at(0), "the connection to"),
    Kind("reset-at-every-boundary", "tries again", every_boundary, "the connection to"),
    Kind("cut-between-events", "tries again", cut(), "the connection to|ended before"),
    Kind("cut-inside-an-event", "tries again", cut("event"), "the connection to|ended before"),
    Kind("cut-inside-a-character", "tries again", cut("character"), "the connection to|ended before"),
    Kind("stall-before-headers", "tries again", stalled(lambda _: -1), "nothing came", (), 1, SHORT, 20),
    Kind("stall-before-the-first-event", "tries again", stalled(lambda _: 0), "nothing came", (), 1, SHORT, 20),
    Kind("stall-midway", "tries again", stalled(lambda blow: blow.before_end(1)), "nothing came", (), 1, SHORT, 20),
    Kind("stall-after-the-end", "goes on", stalled(lambda blow: blow.end + 1), patience=SHORT, at_once=20),
    Kind("unknown-events", "goes on", changed(strangers)),
    Kind("duplicate-events", "goes on", changed(doubled)),
    Kind("reordered-events", "tries again", changed(swapped), "out of order", most=1),
    Kind("empty-completion", "goes on", lambda blow: replace(blow.reply, words=()), turns=(1, 3)),
    Kind("no-events-at-all", "tries again", lambda _: Reply(events=()), "ended before"),
    Kind("truncated-json", "tries again", changed(torn), "not JSON", ALL),
    Kind("no-json", "tries again", lambda blow: replace(blow.reply, fault="garbage", at=blow.before_end()), "", ALL),
    Kind("bottomless-json", "tries again", in_place_of_one('{"x":' + "[" * 10**5 + "]" * 10**5 + "}"), "JSON", ALL),
    Kind("endless-number", "tries again", in_place_of_one('{"usage": ' + "9" * 5000 + "}"), "not JSON", ALL),
    Kind("no-utf8", "tries again", changed(no_utf8), "not JSON", ALL),
    Kind("half-a-character-an-event", "goes on", changed(halves)),
    Kind("huge-token", "goes on", huge, at_once=2, turns=(3,)),
    Kind("wrong-usage", "goes on", changed(miscounted)),
    Kind("a-byte-at-a-time", "goes on", lambda blow: replace(blow.reply, drip=0.002, at=blow.spoken()), at_once=20),
    Kind(
        "too-slow-a-byte",
        "tries again",
        lambda blow: replace(blow.reply, drip=0.1, at=blow.before_end()),
        "nothing came",
        (),
        1,
        SHORT,
        20,
    ),
    Kind("huge-headers", "tries again", lambda blow: replace(blow.reply, framing="bloated"), "", ALL),
    Kind("redirect", "gives up", redirected, "redirects to http://127.0.0.1:[0-9]+/v1/chat/completions,"),
    Kind("web-page", "gives up", lambda blow: replace(blow.reply, framing="page"), "web page"),
    Kind(
        "clean-end-too-early",
        "tries again",
        lambda blow: replace(blow.reply, fault="end", at=blow.before_end()),
        "the stream ended before the reply did",
    ),
    Kind("error-in-band", "tries again", lambda blow: replace(blow.reply, fault="error", at=blow.before_end())),
    Kind("error-in-band-that-stays", "gives up", error_that_stays, "This will not do|no such option"),
    Kind("dropped-after-the-end", "goes on", after_the_end),
    Kind("length-too-long", "goes on", lambda blow: replace(blow.reply, framing="long")),
    Kind(
        "length-too-short",
        "tries again",
        lambda blow: replace(blow.reply, framing="short", at=blow.chance.randrange(len(blow.events))),
        "ended before|the connection to|not JSON",
    ),
    Kind("gzip", "goes on", lambda blow: replace(blow.reply, framing="gzip")),
    Kind("gzip-that-is-none", "tries again", lambda blow: replace(blow.reply, framing="false gzip"), "", ALL),
    Kind("gzip-bomb", "goes on", lambda blow: replace(blow.reply, framing="bomb"), at_once=2),
)

MIXED = [kind for kind in KINDS if kind.ends == "tries again" and kind.patience is not SHORT and kind.name != "refused"]


@pytest.mark.parametrize("kinds", [*([kind] for kind in KINDS), MIXED], ids=[*(kind.name for kind in KINDS), "mixed"])
async def test_after_any_fault_all_that_was_said_is_on_record_once_and_nothing_leaks(
    kinds: list[Kind], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    files, tasks = _open_files(), asyncio.all_tasks()
    wrong: list[str] = []
    with Fake() as fake, Fake() as elsewhere:
        talks = {f"{name}-{seed}": Talk(kinds, name, seed, elsewhere.port) for seed in SEEDS}
        fake.otherwise = lambda request: _whose(talks, request).answer(request, fake)
        at_once = asyncio.Semaphore(kinds[0].at_once)
        async with open_store(tmp_path / "moot.db") as store:
            async with Pool(endpoints(fake), lambda _: KEY) as pool:

                async def drill(talk: Talk) -> None:
                    async with at_once:
                        wrong.extend(await _drilled(talk, fake, store, pool))

                await asyncio.gather(*map(drill, talks.values()))
                await _until(lambda: fake.answering == 0, "an answer that nobody hears is still being given")
                assert fake.open_connections <= len(ALL) * kinds[0].at_once
            await _until(lambda: fake.open_connections == 0, "connections are still open")
        assert elsewhere.requests == []
        assert not wrong, "\n".join([f"{len(wrong)} of {len(talks)} talks went wrong", *wrong[:3]])
    assert asyncio.all_tasks() == tasks
    gc.collect()
    await _until(lambda: _open_files() <= files, "files are still open")


async def _drilled(talk: Talk, fake: Fake, store: SqliteStore, pool: Pool) -> list[str]:
    """Run one talk and return what went wrong, with all that is needed to run it again."""
    try:
        await carry(talk, fake, store, pool)
        await check(talk, store)
    except Exception as error:  # noqa: BLE001 - it is told with the seed
        calls = [f"  {call.seq} {call.outcome} {call.error}" for call in await store.calls(talk.identity)]
        last = traceback.format_exc().strip().splitlines()
        told = [f"{talk.identity} over {talk.wires}: {type(error).__name__}", *last[-25:], *calls, *talk.errors]
        return ["\n".join(line[:400] for line in told)]
    return []


def _whose(talks: dict[str, Talk], request: Request) -> Talk:
    return talks[str(request.body["model"]).removeprefix("gpt-5-")]


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


async def _until(is_so: Callable[[], bool], else_say: str) -> None:
    """Wait a moment for something to become true."""
    until = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < until, else_say
        await asyncio.sleep(0.01)


def test_the_drill_has_as_many_kinds_as_it_promises() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 25
