"""How much of what two voices are sent in a talk of 20 turns they have been sent before, and so could have in a cache.

It must never count what moot says of itself: the figures are of the requests that came in at the tests' fakes. Run it
with `make bench`; the number of turns may be given as the one argument.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fakes import Fake, Reply
from moot.convene import convene
from moot.store import open_store
from moot.transcript import Heading, Participant, Transcript, freeze
from moot.voices import Pool
from moot.voices.spec import open_voices, parse, settle

if TYPE_CHECKING:
    from fakes import Request
    from moot.store import Call

TURNS = 20
TARGET = 0.85
REPLY = 60
PROMPT = "What makes a good conversation?"

PAIRS = (
    ("anthropic:claude-sonnet-4-5", "openai:gpt-4o?wire=responses"),
    ("openai:gpt-4o?wire=chat", "openai:gpt-4o-mini?wire=chat"),
)
BRIEFS = (10, 500, 1000)
"""Words that each voice is told beforehand: next to nothing, a page, and a page with some material."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one voice was sent in all, in words: how many, how many as a prefix before, and how many at most could be.

    `most` is what each request would share if it were the one before it and more; `read` is what the fake's own cache
    gave back, None where the wire's fake has none.
    """

    wire: str
    requests: int
    sent: int
    known: int
    most: int
    read: float | None


def pieces(request: Request) -> list[str]:
    """Return what a request's model reads, as words in their order; marks for a cache are none of it."""
    body = request.body
    read: list[str] = []
    for part in (body.get("system"), body.get("instructions"), *(body.get("messages") or body.get("input") or ())):
        if part is not None:
            read += json.dumps(_unmarked(part), ensure_ascii=False).split()
    return read


def _unmarked(part: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        named = cast("dict[str, Any]", part)
        return {name: _unmarked(value) for name, value in named.items() if name != "cache_control"}
    return [_unmarked(one) for one in cast("list[Any]", part)] if isinstance(part, list) else part


def same_start(one: list[str], other: list[str]) -> int:
    """Return how many words two requests begin with alike."""
    for count, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return count
    return min(len(one), len(other))


async def talk(pair: tuple[str, str], brief: int, turns: int) -> tuple[list[Request], tuple[Call, ...]]:
    """Let two voices talk through moot's own loop; return what the fake was sent, and the calls on record."""
    number = iter(range(turns))
    with Fake(key=None) as fake, tempfile.TemporaryDirectory() as folder:
        fake.otherwise = lambda _: Reply((f"{next(number)}", *(f" word{at}" for at in range(1, REPLY))))
        os.environ.update(OPENAI_API_KEY="none", ANTHROPIC_API_KEY="none")
        os.environ.update(OPENAI_BASE_URL=fake.openai_url, ANTHROPIC_BASE_URL=fake.anthropic_url)
        head = Heading(
            tuple(
                Participant(name, parse(one).voice, " ".join(["told"] * brief), freeze(settle(parse(one)).settings))
                for name, one in zip(("Ada", "Bo"), pair, strict=True)
            ),
            arguments=freeze({"turns": turns, "prompt": PROMPT, "loop": "ignore"}),  # the fake has one thing to say
        )
        async with open_store(Path(folder) / "moot.db") as store, Pool() as pool:
            await store.start("share", Transcript(head))
            async with aclosing(convene(store, "share", open_voices(head, pool))) as events:
                async for _ in events:
                    pass
            return fake.requests, await store.calls("share")


def shares(requests: list[Request], calls: tuple[Call, ...]) -> list[Share]:
    """Return the share of each voice, told apart by its model and path."""
    by_voice: defaultdict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for request in requests:
        by_voice[request.path, request.body["model"]].append(pieces(request))
    told: list[Share] = []
    for (path, model), each in by_voice.items():
        known = sum(same_start(one, after) for one, after in pairwise(each))
        most = sum(map(len, each[:-1]))
        own = [call for call in calls if call.voice.endswith(f":{model}")]
        whole = sum(call.input or 0 for call in own)
        read = sum(call.cached or 0 for call in own) / whole if path.endswith("/messages") and whole else None
        told.append(Share(path.rsplit("/v1/", 1)[-1], len(each), sum(map(len, each)), known, most, read))
    return told


def row(title: str, all_of: list[Share]) -> str:
    """Return one line of the table."""
    sent, known, most = (sum(getattr(one, name) for one in all_of) for name in ("sent", "known", "most"))
    reads = [one.read for one in all_of if one.read is not None]
    read = f"{reads[0]:.1%}" if reads and len(all_of) == 1 else ""
    requests = sum(one.requests for one in all_of)
    return f"{title:32}{requests:>4}{sent:>9}{known / sent:>9.1%}{most / sent:>10.1%}{read:>12}"


def main() -> None:
    """Measure and print."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    print(f"{'':32}{'n':>4}{'words':>9}{'before':>9}{'possible':>10}{'from cache':>12}")
    every: list[Share] = []
    by_brief: dict[int, list[Share]] = {}
    for brief in BRIEFS:
        for pair in PAIRS:
            told = shares(*asyncio.run(talk(pair, brief, turns)))
            every += told
            for one in told:
                print(row(f"{one.wire}, brief of {brief}", [one]))
            by_brief.setdefault(brief, []).extend(told)
    print(row("in all", every))
    for brief, told in by_brief.items():
        known, most, sent = (sum(getattr(one, name) for one in told) for name in ("known", "most", "sent"))
        verdict = "met" if known / sent >= TARGET else "missed"
        print(
            f"Sent before, with briefs of {brief} words: {known / sent:.1%} of all words of {turns} turns, which is "
            f"{known / most:.1%} of what any program could reach; the goal of {TARGET:.0%} is {verdict}."
        )


if __name__ == "__main__":
    main()
