"""Embedded models: each runs in a child process of moot's own, spoken to like any other OpenAI-compatible server.

It must never load a model into this process, print, or fetch anything while a voice speaks: weights are brought in
beforehand (`prepare`), and what is missing is said before a conversation starts (`check`).
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moot.voices import VoiceError
from moot.voices.endpoints import BallotWay
from moot.voices.engine import KEY_BYTES
from moot.voices.gguf import read_head
from moot.voices.limits import Line
from moot.voices.openai import CompatibleVoice
from moot.voices.spec import Settled, parse, with_options
from moot.voices.weights import cache_folder, fetch, is_here, known

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    import httpx2
    from openai import AsyncOpenAI

    from moot.transcript import Participant, Value
    from moot.voices import Place, Pool
    from moot.voices.spec import Spec
    from moot.voices.weights import Progress

CONTEXT = 8192
"""Tokens that each voice can read at once, where its model was trained for so many."""

LEAST_CONTEXT = 256
LEAVE_WITHIN = 2.0
"""Seconds that a child has for leaving when it is no longer needed."""

TAGS = ("<|im_end|>", "<|im_start|>")

SMALL: Mapping[str, Value] = {
    "temperature": 0.8,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.08,
    # Without these three, two small models say the same sentence to each other by the sixth turn.
    "repeat_penalty": 1.1,
    "repeat_last_n": 256,
    "dry_multiplier": 0.8,
    "dry_allowed_length": 3,
    "max_tokens": 96,
    "stop": ("\n", *TAGS),
    "sentences": 2,
    "seed": True,
    "ballots": "grammar",
    "logprobs": True,
    "context": CONTEXT,
}
"""How moot's own small models speak best."""

ANY: Mapping[str, Value] = dict(SMALL) | {"min_p": 0.05, "repeat_penalty": 1.05, "max_tokens": 512, "sentences": 0}
"""How a model speaks that moot does not know."""

_WORDS = {"ballots": BallotWay}
"""Settings that are one of a few words."""

BRIEFS: Mapping[str, str] = {
    "smollm2": (
        "You are {name}, having a chat with {others}. Answer in a few plain words, one or two short sentences, with an "
        "example from everyday life."
    ),
    # A base model that asks keeps the other, which was trained to answer, on the subject; as equals they end in praise.
    "gemma3": (
        "An interview{about}. {name} listens closely to {others}, says briefly what is surprising in the answer, and "
        "asks one short question about it, always on the same subject."
    ),
}
"""What kept each of them on its subject longest, of those that were tried and read."""

CHAT_BRIEF = "You are {name}, in a conversation with {others}. Speak as yourself, plainly and briefly."
SCRIPT_BRIEF = "A conversation between {name} and {others}{about}."

INSTALL = 'pip install "moot[local]"'


def settle(spec: Spec) -> Settled:
    """Return how one of moot's own models, or the one in a GGUF file, speaks; `VoiceError` where there is no such."""
    if not _is_path(spec.model):
        model = known(spec.model)
        settings = with_options(spec, dict(SMALL) | {"style": model.style}, _WORDS)
        return Settled(model.title, _checked(spec, settings, chats=model.style == "chat"), BRIEFS[model.name])
    path = Path(spec.model).expanduser()
    head = read_head(path)
    chat = {"style": "chat", "stop": TAGS} if head.chats else {"style": "script"}
    context = min(head.context or CONTEXT, CONTEXT)
    settings = with_options(spec, dict(ANY) | chat | {"context": context}, _WORDS)
    name = re.sub(r"[\W_]+", " ", path.stem).strip()[:40].strip() or "Local"
    brief = CHAT_BRIEF if head.chats else SCRIPT_BRIEF
    return Settled(name, _checked(spec, settings, chats=head.chats), brief)


def _checked(spec: Spec, settings: Mapping[str, Value], *, chats: bool) -> Mapping[str, Value]:
    style, context = settings["style"], settings["context"]
    if style not in ("chat", "script"):
        raise VoiceError(f"{spec.voice}: style is 'chat' or 'script', not {style!r}")
    if style == "chat" and not chats:
        raise VoiceError(f"{spec.voice} is a base model, which only goes on with a script: leave out style=chat")
    if not isinstance(context, int) or context < LEAST_CONTEXT:
        raise VoiceError(f"{spec.voice}: context is a number of tokens, {LEAST_CONTEXT} or more, not {context}")
    return settings


def _is_path(model: str) -> bool:
    return "/" in model or "\\" in model or model.startswith(("~", ".")) or model.endswith(".gguf")


def check(participant: Participant, pool: Pool) -> None:
    """Say what is missing for this participant to speak, other than weights that can be fetched; `VoiceError`."""
    del pool
    for package in ("xllamacpp", "openai"):
        if find_spec(package) is None:
            raise VoiceError(f"embedded models need the package {package}: {INSTALL}")
    model = parse(participant.voice).model
    if _is_path(model) and not Path(model).expanduser().is_file():
        raise VoiceError(f"there is no model at {model!r}")


async def prepare(participants: Iterable[Participant], progress: Progress) -> None:
    """Fetch the weights that these participants need and the cache lacks; `VoiceError` where that fails."""
    specs = (parse(participant.voice) for participant in participants)
    names = dict.fromkeys(spec.model for spec in specs if spec.kind == "local" and not _is_path(spec.model))
    folder = cache_folder()
    for model in map(known, names):
        if not is_here(model, folder):
            await fetch(model, folder, progress)


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> CompatibleVoice:
    """Return the voice of an embedded model; its process is started when the first voice of it speaks."""
    context = dict(participant.settings).get("context", CONTEXT)
    order = _Order(participant.voice, context if isinstance(context, int) else CONTEXT, place.count)
    # Each participant has a slot of its own, in which all that it has read stays read; and each word brings counts
    # along, as a turn may be left before the last word, with which they would otherwise come.
    extra = {"id_slot": place.index, "cache_prompt": True, "timings_per_token": True}
    return CompatibleVoice(participant, seed, _connect(order, pool), dict(SMALL), extra)


@dataclass(frozen=True, slots=True)
class _Order:
    """What to run: a voice's model, with so many tokens of context in each of so many slots."""

    voice: str
    context: int
    slots: int

    def path(self) -> Path:
        """Return where the weights lie; `VoiceError` where they do not."""
        model = parse(self.voice).model
        if _is_path(model):
            return Path(model).expanduser()
        if not is_here(known(model), cache_folder()):
            raise VoiceError(f"the weights of {self.voice} are missing or damaged; run: moot models fetch {model}")
        return known(model).path(cache_folder())


@dataclass(frozen=True, slots=True)
class _Engine:
    """A running child, and the client that holds its key."""

    process: asyncio.subprocess.Process
    client: AsyncOpenAI

    async def close(self) -> None:
        """End the child."""
        await self.client.close()
        await _end(self.process)


def _connect(order: _Order, pool: Pool) -> Callable[[], Awaitable[Line[AsyncOpenAI]]]:
    async def connect() -> Line[AsyncOpenAI]:
        path = order.path()
        engine = await pool.share(("local", str(path.resolve()), order.context), partial(_start, order, path))
        code = engine.process.returncode
        if code is not None:
            raise VoiceError(
                f"the process that ran {order.voice} has ended ({_ending(code)}); every finished turn is kept: "
                "resume the conversation"
            )
        return Line(engine.client)

    return connect


async def _start(order: _Order, path: Path) -> tuple[_Engine, Callable[[], Awaitable[None]]]:
    key = secrets.token_urlsafe(KEY_BYTES)
    process = await asyncio.create_subprocess_exec(
        # Not from the working directory, where a file of somebody's might bear a module's name.
        *(sys.executable, "-P", "-m", "moot.voices.engine"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # The key goes over the pipe, as arguments and environment can be read by others on the machine.
        told = {"path": str(path), "alias": path.stem, "slots": order.slots, "context": order.context, "key": key}
        url = await _address(process, told, order.voice)
    except BaseException:
        await _end(process)
        raise
    engine = _Engine(process, _client(f"{url}/v1", key))
    return engine, engine.close


def _client(base_url: str, key: str) -> AsyncOpenAI:
    import httpx2  # noqa: PLC0415 - loaded when first needed
    import openai  # noqa: PLC0415 - the same

    async def sign(request: httpx2.Request) -> None:
        # The SDK lets the environment override this header.
        request.headers["authorization"] = f"Bearer {key}"

    return openai.AsyncOpenAI(
        api_key=key,
        base_url=base_url,
        max_retries=0,
        timeout=None,
        # The child is on this machine: what is said to it must not go by way of the environment's proxies.
        http_client=openai.DefaultAsyncHttpxClient(
            trust_env=False,
            event_hooks={"request": [sign]},
            # The engine closes connections that it was left, now and then in the same moment as the next request comes.
            limits=httpx2.Limits(max_keepalive_connections=0),
        ),
    )


async def _address(process: asyncio.subprocess.Process, told: Mapping[str, Any], voice: str) -> str:
    """Tell the child what to run and return where it answers; `VoiceError` where it says why not, or nothing."""
    assert process.stdin is not None  # noqa: S101 - both were asked for as pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(json.dumps(told).encode() + b"\n")
    line = await process.stdout.readline()
    said: dict[str, str] = json.loads(line) if line else {"error": _ending(await process.wait())}
    if "url" not in said:
        raise VoiceError(f"{voice} cannot be run: {said['error']}")
    return said["url"]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), LEAVE_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
