"""Voices behind Ollama's own wire, where a context length can be asked for and a model be kept loaded.

It must never accept a turn that was made from a history cut short in silence, send a key along a redirect, or glue a
broken stream to its retry.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from moot.voices import Done, Thinking, Token, Usage, VoiceError, Words
from moot.voices.attempts import (
    PATIENCE,
    Patience,
    Trouble,
    attempts,
    connection_lost,
    judge,
    judge_answer,
    judge_in_stream,
    key_refused,
    one_line,
    without_key,
)
from moot.voices.ballots import LIKELIEST, Asked, SchemaOrWords, answers, asked, neutral, not_held, schema_of
from moot.voices.chunks import tokens
from moot.voices.destination import (
    BRIEF,
    NO_KEY,
    Vendor,
    check_package,
    find_endpoint,
    key_variable,
    limiter_of,
    short_name,
)
from moot.voices.endpoints import OF_OLLAMA
from moot.voices.events import Unreadable, read_json
from moot.voices.limits import Line
from moot.voices.spec import Settled, Spec, parse, with_options
from moot.voices.truncation import judged
from moot.voices.wire import Sentences, ThoughtTags, chat_messages, count

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence

    import httpx2

    from moot.transcript import Participant, Question, Stop, Value
    from moot.view import Message
    from moot.voices import Delta, Place, Pool, Voice
    from moot.voices.attempts import Sign

OLLAMA = Vendor("openai", "", "", "", "")
"""No vendor's: where a server is and which key it wants is the user's word. Its HTTP client comes with that SDK."""

_SAMPLING: Mapping[str, type] = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "repeat_penalty": float,
    "repeat_last_n": int,
    "presence_penalty": float,
    "frequency_penalty": float,
}
"""Settings that go into a request's options under their own names."""

_SETTINGS: Mapping[str, Any] = {
    **_SAMPLING,
    "base_url": str,
    "max_tokens": int,
    "stop": tuple,
    "seed": bool,
    "sentences": int,
    "think": str,
    "system": bool,
    "sampling": bool,
    "alternate": bool,
    "ballots": SchemaOrWords,
    "logprobs": bool,
    "truncates": bool,
}

_DEFAULTS: Mapping[str, Value] = {"wire": "ollama", "context": OF_OLLAMA.context, "keep_alive": "30m"}
"""Two models that take turns are to stay loaded: by itself, Ollama puts one away after five minutes."""


def settle(spec: Spec) -> Settled:
    """Freeze what an address of a server that speaks Ollama's wire stands for."""
    settings = with_options(spec, _DEFAULTS, _SETTINGS)
    settings.pop("base_url", None)
    if settings["context"] < 0:  # pyright: ignore[reportOperatorIssue] - it was read as a whole number
        raise VoiceError(f"{spec.voice}: context is a number of tokens, or 0 for as many as the server gives")
    settings["keep_alive"] = _seconds_or_duration(spec, str(settings["keep_alive"]))
    if "think" in settings:
        settings["think"] = _flag_or_word(spec, str(settings["think"]))
    return Settled(short_name(spec.model.removesuffix(":latest").replace(":", "-")), settings, BRIEF)


def _seconds_or_duration(spec: Spec, text: str) -> int | str:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?(\d+(\.\d+)?(ms|s|m|h))+", text):
        return text
    raise VoiceError(f"{spec.voice}: keep_alive is a time such as 30m, or seconds, or -1 for always, not {text!r}")


def _flag_or_word(spec: Spec, text: str) -> bool | str:
    flags = {"": True, "1": True, "true": True, "0": False, "false": False}
    if text.lower() in flags:
        return flags[text.lower()]
    if re.fullmatch(r"[a-z]+", text):
        return text
    raise VoiceError(f"{spec.voice}: think is true, false, or how hard, such as low or high, not {text!r}")


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Voice:  # noqa: ARG001 - see Wire
    """Return the participant's voice; settings that are missing from the record are the usual ones."""
    variable = key_variable(participant.voice, dict(participant.settings), OLLAMA)
    return OllamaVoice(participant, seed, partial(_connect, participant, pool), variable)


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where this voice lacks its package or its key; nothing is connected."""
    check_package(participant.voice, OLLAMA)
    find_endpoint(participant.voice, dict(participant.settings), OLLAMA, pool.key)


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go, through one client, and the key that goes along (empty: none)."""

    client: httpx2.AsyncClient
    base_url: str
    key: str = field(repr=False)


async def _connect(participant: Participant, pool: Pool) -> Line[Server]:
    check_package(participant.voice, OLLAMA)
    place = find_endpoint(participant.voice, dict(participant.settings), OLLAMA, pool.key)
    base_url = (place.base_url or "").removesuffix("/v1")  # many know a server by its compatible address
    key = "" if place.key == NO_KEY else place.key
    server = await pool.share(("ollama", base_url, key), partial(_open_server, base_url, key))
    return Line(server, limiter_of(participant.voice, place, OLLAMA, pool))


async def _open_server(base_url: str, key: str) -> tuple[Server, Callable[[], Awaitable[object]]]:
    import httpx2  # noqa: PLC0415 - loaded when a voice first speaks

    client = httpx2.AsyncClient(
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=httpx2.Timeout(None, connect=PATIENCE.connect),
        limits=httpx2.Limits(max_connections=None),
        follow_redirects=False,  # a key goes where it was meant to go, and no further
        # What is said to this machine must not go by way of the environment's proxies.
        trust_env=urlsplit(base_url).hostname not in ("localhost", "127.0.0.1", "::1"),
    )
    return Server(client, base_url, key), client.aclose


@dataclass(frozen=True, slots=True)
class OllamaVoice:
    """A voice behind Ollama's chat; `variable` names where the key came from, for the message that it was refused."""

    participant: Participant
    seed: int
    connect: Callable[[], Awaitable[Line[Server]]]
    variable: str = ""
    patience: Patience = PATIENCE

    def _settings(self, put: Asked) -> dict[str, Any]:
        settings = {**_DEFAULTS, **dict(self.participant.settings)}
        return neutral(settings) if put.question else settings

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        return self._request(brief, asked(messages, ask))

    def _request(self, brief: str, put: Asked) -> dict[str, Any]:
        settings = self._settings(put)
        system, alternate = (bool(settings.get(name, True)) for name in ("system", "alternate"))
        body: dict[str, Any] = {
            "model": parse(self.participant.voice).model,
            "messages": chat_messages(brief, put.messages, system=system, alternate=alternate),
            "stream": True,
            # An error where the context is full, in place of a beginning dropped in silence. Releases before 0.12.6
            # know neither, which is why the counts of each reply are looked at as well.
            "truncate": False,
            "shift": False,
            "keep_alive": settings["keep_alive"],
            "options": _options(settings),
        }
        if settings.get("seed"):
            body["options"]["seed"] = (self.seed + len(put.messages) + put.draw) % 2**31
        if "think" in settings:
            body["think"] = settings["think"]
        if put.held and settings.get("ballots", OF_OLLAMA.ballots) == "schema":
            body["format"] = schema_of(put.held)
            if settings.get("logprobs", OF_OLLAMA.logprobs):
                body |= {"logprobs": True, "top_logprobs": LIKELIEST}
        return {"path": "/api/chat", "body": body}

    def speak(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> AsyncGenerator[Delta]:
        """Stream one turn, or the answer to what is asked."""

        def stream(put: Asked) -> AsyncGenerator[Delta]:
            send = partial(self._send, put)
            return attempts(self.participant.voice, self._request(brief, put), self.connect, send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(asked(messages, None))

    def _send(self, put: Asked, server: Server, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        settings = self._settings(put)
        signs = _sent(server, request, _LineReader(settings.get("sentences") or 0), self.variable)
        if not settings.get("truncates", OF_OLLAMA.truncates):
            return signs
        more = f"{self.participant.voice}?context={2 * (settings['context'] or OF_OLLAMA.context)}"
        advice = f"go on in a fork, with a voice that reads more: {more}"
        return judged(signs, request, settings["context"], advice, self.patience.tail)


def _options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a request: how its words are chosen, how many, and how much is read."""
    options = {name: settings[name] for name in _SAMPLING if settings.get(name) is not None}
    if not settings.get("sampling", True):
        options = {}
    if settings["context"]:
        options["num_ctx"] = settings["context"]
    if settings.get("max_tokens") is not None:
        options["num_predict"] = settings["max_tokens"]
    if settings.get("stop"):
        options["stop"] = list(settings["stop"])
    return options


async def _sent(server: Server, request: Mapping[str, Any], reader: _LineReader, variable: str) -> AsyncGenerator[Sign]:
    """Send one try and yield what comes of it."""
    import httpx2  # noqa: PLC0415 - loaded by now

    try:
        url = f"{server.base_url}{request['path']}"
        async with server.client.stream("POST", url, json=request["body"]) as response:
            reader.request_id = one_line(response.headers.get("x-request-id", ""), server.key)
            trouble = await _judged(response, server, request, variable)
            if trouble:
                yield without_key(trouble, server.key)
                return
            async for line in _lines(response.aiter_bytes()):
                event = read_json(line)
                signs = reader.read(cast("dict[str, Any]", event)) if isinstance(event, dict) else ()
                for sign in tuple(signs) or (None,):
                    yield without_key(sign, server.key)
                if reader.over:
                    return
    except httpx2.HTTPError as error:
        lost = connection_lost(server.base_url, error, server.key, reader.request_id)
        refused = isinstance(error, httpx2.ConnectError)
        yield replace(lost, said=f"{lost.said}; does Ollama run there?") if refused else lost
    except Unreadable:
        yield Trouble("the stream held something that is not JSON", request_id=reader.request_id)
    else:
        yield Trouble("the stream ended before the reply did", request_id=reader.request_id)


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a stream that are not blank; only a line feed ends one, unlike in text."""
    held: list[bytes] = []
    async for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for end in whole:
            line = b"".join([*held, end])
            held.clear()
            if line.strip():
                yield line
        held.append(rest)
    if b"".join(held).strip():
        yield b"".join(held)


async def _judged(
    response: httpx2.Response, server: Server, request: Mapping[str, Any], variable: str
) -> Trouble | None:
    """Say what an HTTP error means, or why an answer is no stream; None where it may be one."""
    if response.is_success:
        return await judge_answer(response, response.headers.get("x-request-id", ""))
    await response.aread()
    status, message = response.status_code, _message(response.text) or response.reason_phrase
    if trouble := key_refused(status, variable if server.key else "", server.base_url):
        return trouble
    if status == _NOT_FOUND and re.search(r"model\b.*\bnot found", message):
        missing = f"the server at {server.base_url} has no such model (HTTP 404)"
        return Trouble(f"{missing}; get it with: ollama pull {request['body']['model']}", retry=False)
    return not_held(judge(status, "", one_line(message, server.key), response.headers), status, message, request)


def _message(text: str) -> str:
    """Return the words of an error; those of the engine within come as JSON in a string."""
    try:
        told = json.loads(text)
    except ValueError:
        return text
    match told:
        case {"error": {"message": str(message)}}:
            return message
        case {"error": str(message)}:
            return _message(message)
        case _:
            return text


_NOT_FOUND = 404

_STOPS: Mapping[str, Stop] = {"length": "length"}
"""Reasons to be done that are not the plain end of a turn."""


class _LineReader:
    """Reads the lines of one reply; `over` is set where no more of it is wanted."""

    def __init__(self, sentences: int) -> None:
        self.over = False
        self.request_id = ""
        self._tags = ThoughtTags()
        self._sentences = Sentences(sentences)
        self._tokens: list[Token] = []

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        """Yield what a line says."""
        if "error" in event:
            yield judge_in_stream("", _message(json.dumps(event)), self.request_id)
            return
        match event.get("message"):
            case {**message}:
                yield from self._said(message, event.get("logprobs"))
            case _:
                pass
        if event.get("done") is True and not self.over:
            yield from self._spoken(self._tags.end())
            yield self._ending(event)
        elif self.over:
            yield self._ending(event)

    def _said(self, message: Mapping[str, Any], told: object) -> Iterable[Sign]:
        thought, words = message.get("thinking"), message.get("content")
        if isinstance(thought, str) and thought:
            yield Thinking(thought)
        if isinstance(words, str) and words:
            self._tokens += tokens(cast("list[object]", told), words) if isinstance(told, list) else ()
            yield from self._spoken(self._tags.feed(words))

    def _spoken(self, pieces: Iterable[Words | Thinking]) -> Iterable[Sign]:
        for piece in pieces:
            if isinstance(piece, Thinking):
                yield piece
            elif not self.over:
                words = self._sentences.feed(piece.text)
                self.over = self._sentences.over
                if words:
                    yield Words(words)

    def _ending(self, event: Mapping[str, Any]) -> Done | Trouble:
        reason = event.get("done_reason")
        if reason in ("load", "unload"):
            return Trouble(f"it did no more than {reason} the model", request_id=self.request_id)
        model = event.get("model")
        stop = "end" if self.over else _STOPS.get(str(reason), "end")
        return Done(stop, _usage(event), model if isinstance(model, str) else "", self.request_id, tuple(self._tokens))


def _usage(event: Mapping[str, Any]) -> Usage:
    """Return the counts of a reply; no prompt has no tokens, so that a 0 means that they were not counted."""
    read, cached, written = (
        count(event.get(name)) for name in ("prompt_eval_count", "prompt_eval_cached_count", "eval_count")
    )
    return Usage(input=read or None, cached=cached, output=written)
