"""What a recorded turn costs moot: CPU, wall time and memory, beside bare loops over the same SDKs.

It must never count the provider: that is a process of its own, and answers at once. Each run is a process of its own
as well, so that memory and what is warm belong to one load alone; the loads take turns. Run it with `make bench`.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fake import served
from kept import Kept
from measured import measure
from moot.convene import Spoken, convene
from moot.store import open_store
from moot.transcript import CHAIR, Heading, Participant, Text, Transcript, Turn, as_json, freeze, link
from moot.view import Message
from moot.voices import Pool, Words
from moot.voices.spec import open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    Work = Callable[[int, int], Awaitable[int]]

RUNS = 3
PROMPT = "What makes a good conversation?"
BRIEF = "You are {name}, in a conversation with {other}."
MODEL = "gpt-4o"
AIO = "openai over aiohttp"


@dataclass(frozen=True, slots=True)
class Size:
    """How many conversations at once, of how many turns each, and the milliseconds that each answer takes."""

    conversations: int
    turns: int
    delay: int = 0

    def __str__(self) -> str:
        return f"{self.conversations} x {self.turns} turns" + (f", {self.delay} ms a call" if self.delay else "")


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over `n` runs: CPU milliseconds a turn, wall seconds in all, turns a second, peak memory in MB."""

    cpu: float
    wall: float
    rate: float
    memory: float
    n: int


def heading(address: str, turns: int) -> Heading:
    """Return the heading of a talk of two voices of one address."""
    spec = parse(address)
    settings = freeze(settle(spec).settings)
    pair = ("Ada", "Bo")
    people = (
        Participant(one, spec.voice, BRIEF.format(name=one, other=other), settings) for one, other in (pair, pair[::-1])
    )
    return Heading(tuple(people), topic=PROMPT, arguments=freeze({"turns": turns, "prompt": PROMPT, "loop": "ignore"}))


def recorded(address: str) -> Work:
    """Return moot itself: its loop, its voices, its durable record, one of each for all conversations."""

    async def work(conversations: int, turns: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder) / "moot.db") as store, Pool() as pool:

                async def one(number: int) -> int:
                    head, identity, spoken = heading(address, turns), f"{number:016x}", 0
                    await store.start(identity, Transcript(head))
                    async with aclosing(convene(store, identity, open_voices(head, pool))) as events:
                        async for event in events:
                            spoken += isinstance(event, Spoken) and event.turn.speaker != CHAIR
                    return spoken

                return sum(await _all(one(number) for number in range(conversations)))

    return work


def unrecorded(address: str) -> Work:
    """Return moot's voices alone: no loop, no record, the view kept by hand."""

    async def work(conversations: int, turns: int) -> int:
        async with Pool() as pool:

            async def one() -> int:
                head = heading(address, turns)
                voices = open_voices(head, pool)
                said = [("", PROMPT)]
                for number in range(turns):
                    who = head.participants[number % 2]
                    view = [Message("assistant" if name == who.name else "user", name, text) for name, text in said]
                    async with aclosing(voices[who.name].speak(who.brief, view)) as deltas:
                        words = [delta.text async for delta in deltas if isinstance(delta, Words)]
                    said.append((who.name, "".join(words)))
                return turns

            return sum(await _all(one() for _ in range(conversations)))

    return work


def bare(speak: Callable[[Any, list[dict[str, str]]], Awaitable[str]], package: str) -> Work:
    """Return the loop that anyone would write: an SDK's client, two lists of messages, nothing kept."""

    async def work(conversations: int, turns: int) -> int:
        async with _client(package) as client:

            async def one() -> int:
                names = ("Ada", "Bo")
                lists = [
                    [{"role": "system", "content": BRIEF.format(name=names[at], other=names[1 - at])}] for at in (0, 1)
                ]
                words = PROMPT
                for number in range(turns):
                    own = lists[number % 2]
                    own.append({"role": "user", "content": words})
                    words = await speak(client, own)
                    own.append({"role": "assistant", "content": words})
                return turns

            return sum(await _all(one() for _ in range(conversations)))

    return work


def _client(package: str) -> Any:  # noqa: ANN401 - either SDK's, each loaded only where it is measured
    if package == "anthropic":
        import anthropic  # noqa: PLC0415 - the same

        return anthropic.AsyncAnthropic(max_retries=0)
    import openai  # noqa: PLC0415 - the same

    # moot's own transport, so that what moot adds to it can be seen beside what a user would get by default.
    return openai.AsyncOpenAI(max_retries=0, http_client=openai.DefaultAioHttpClient() if package == AIO else None)


async def typed_chat(client: Any, messages: list[dict[str, str]]) -> str:  # noqa: ANN401 - the SDK's client
    """Speak through the SDK as its documentation shows, streamed."""
    stream = await client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def raw_chat(client: Any, messages: list[dict[str, str]]) -> str:  # noqa: ANN401 - the SDK's client
    """Speak through the SDK's connection alone, streamed, with plain JSON for types."""
    import openai  # noqa: PLC0415 - loaded by now

    body = {"model": MODEL, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    stream = await client.post(
        "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=openai.AsyncStream[object]
    )
    return "".join([chunk["choices"][0]["delta"].get("content") or "" async for chunk in stream if chunk["choices"]])


async def typed_responses(client: Any, messages: list[dict[str, str]]) -> str:  # noqa: ANN401 - the SDK's client
    """The same for Responses."""
    stream = await client.responses.create(
        model=MODEL, instructions=messages[0]["content"], input=messages[1:], stream=True, store=False
    )
    return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


async def typed_messages(client: Any, messages: list[dict[str, str]]) -> str:  # noqa: ANN401 - the SDK's client
    """The same for Anthropic's Messages."""
    stream = await client.messages.create(
        model="claude-sonnet-4-5", max_tokens=4096, system=messages[0]["content"], messages=messages[1:], stream=True
    )
    return "".join([event.delta.text async for event in stream if event.type == "content_block_delta"])


async def record_alone(conversations: int, turns: int) -> int:
    """Put turns on record as fast as they are acknowledged, every conversation waiting for its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "moot.db") as store:

            async def one(number: int) -> int:
                identity, head = f"{number:016x}", heading(f"openai:{MODEL}?wire=chat", turns)
                await store.start(identity, Transcript(head))
                chain = link("", as_json(head))
                for seq in range(turns):
                    turn = Turn("Ada", (Text(f"{seq} word" * 40),))
                    chain = link(chain, as_json(turn))
                    await store.append(identity, seq, turn, chain)
                return turns

            return sum(await _all(one(number) for number in range(conversations)))


async def _all(works: Iterable[Coroutine[Any, Any, int]]) -> list[int]:
    return await asyncio.gather(*works)


LOADS: dict[str, Work] = {
    "moot, chat": recorded(f"openai:{MODEL}?wire=chat"),
    "its voice alone, chat": unrecorded(f"openai:{MODEL}?wire=chat"),
    "its record alone": record_alone,
    "bare client.post, chat": bare(raw_chat, "openai"),
    "bare client.post, aiohttp, chat": bare(raw_chat, AIO),
    "bare SDK, chat": bare(typed_chat, "openai"),
    "moot, responses": recorded(f"openai:{MODEL}?wire=responses"),
    "bare SDK, responses": bare(typed_responses, "openai"),
    "moot, messages": recorded("anthropic:claude-sonnet-4-5"),
    "bare SDK, messages": bare(typed_messages, "anthropic"),
}
"""What is measured; each is also the argument of the process that does it."""

TALK = tuple(LOADS)[:6]
ONE, SLOW, MANY, LONG = Size(1, 20), Size(1, 20, delay=50), Size(200, 20), Size(3, 200)

PLAN = ((ONE, tuple(LOADS)), (SLOW, TALK[:1]), (MANY, TALK), (LONG, TALK))
"""Which loads are measured at which size."""


def main() -> None:
    """Measure and print, as many times over as the one argument says; a process of its own is told one load to do."""
    if len(sys.argv) > 2:  # noqa: PLR2004 - a load and its size
        _, load, conversations, turns = sys.argv
        measure(LOADS[load], int(conversations), int(turns))
        return
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    kept = Kept("overhead", f"what a recorded turn costs beside bare loops, medians of {runs} runs")
    costs: dict[Size, dict[str, Cost]] = {}
    with served() as url:
        for size, loads in PLAN:
            costs[size] = compare({load: command(load, size) for load in loads}, url, size, runs)
            print(table(size, costs[size]), flush=True)
    found = goals(costs)
    print(verdicts(found))
    each = [(size, load, cost) for size, of_size in costs.items() for load, cost in of_size.items()]
    rows = [{"size": str(size), "load": load, **asdict(cost)} for size, load, cost in each]
    kept.write({"goals": found, "costs": rows})


def goals(costs: dict[Size, dict[str, Cost]]) -> list[dict[str, Any]]:
    """Return each goal with what was found, and whether it is met."""
    moot, voice, record, _, raw, typed = TALK
    many, long, one = costs[MANY], costs[LONG], costs[ONE]
    ideal = SLOW.turns * SLOW.delay / 1000
    growth = (many[moot].memory - one[moot].memory) * 1024 / (MANY.conversations - 1)
    found = (
        (f"CPU of a turn, to {raw}", many[moot].cpu / many[raw].cpu, 1.5),
        (f"voice's CPU of a turn, to {typed}", many[voice].cpu / many[typed].cpu, 0.35),
        (f"CPU of a turn of {LONG.turns}, to one of {MANY.turns}", long[moot].cpu / many[moot].cpu, 1.3),
        (f"wall of one talk at {SLOW.delay} ms a call, to ideal", costs[SLOW][moot].wall / ideal, 1.1),
        ("CPU ms of a turn on record", many[record].cpu, 0.1),
        ("wall ms of a turn on record", 1000 / many[record].rate, 0.1),
        ("peak MB of all conversations", many[moot].memory, 120),
        ("KB of each further conversation", growth, 40),
    )
    return [
        {"goal": what, "at_most": most, "found": value, "verdict": "met" if value <= most else "missed"}
        for what, value, most in found
    ]


def verdicts(found: list[dict[str, Any]]) -> str:
    """Return goals as a table."""
    rows = [f"{'goal':50}{'at most':>9}{'found':>9}"]
    rows += [f"{one['goal']:50}{one['at_most']:>9g}{one['found']:>9.2f}  {one['verdict']}" for one in found]
    return "\n".join(rows)


def command(load: str, size: Size) -> tuple[str, ...]:
    """Return the command that does one load in a process of its own."""
    return sys.executable, __file__, load, str(size.conversations), str(size.turns)


def compare(commands: dict[str, tuple[str, ...]], url: str, size: Size, runs: int) -> dict[str, Cost]:
    """Run each command so many times, by turns; return their medians. One that fails is told and left out."""
    base = url + (f"/after-{size.delay}" if size.delay else "")
    keys = {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    environment = {**os.environ, **keys, "OPENAI_BASE_URL": f"{base}/v1", "ANTHROPIC_BASE_URL": base}
    told: dict[str, list[dict[str, float]]] = {load: [] for load in commands}
    for _ in range(runs):
        for load, one in commands.items():
            done = subprocess.run(one, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{load}: {(done.stderr.strip() or 'failed').splitlines()[-1]}", file=sys.stderr)
            else:
                told[load].append(json.loads(done.stdout.splitlines()[-1]))
    return {load: _median(all_of) for load, all_of in told.items() if all_of}


def _median(told: list[dict[str, float]]) -> Cost:
    each = {name: statistics.median(one[name] for one in told) for name in told[0]}
    return Cost(**each, n=len(told))


def table(size: Size, costs: dict[str, Cost]) -> str:
    """Return the figures as a table, a row a load; the ratio is that of the first row's CPU to each other's."""
    first = next(iter(costs.values()), None)
    title = f"{size}"
    rows = [f"{title:32}{'n':>3}{'CPU ms/turn':>13}{'moot to it':>12}{'wall s':>9}{'turns/s':>9}{'peak MB':>9}"]
    for load, cost in costs.items():
        ratio = f"{first.cpu / cost.cpu:.2f}" if first else ""
        rows.append(
            f"{load:32}{cost.n:>3}{cost.cpu:>13.2f}{ratio:>12}{cost.wall:>9.2f}{cost.rate:>9.0f}{cost.memory:>9.0f}"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
