"""Voices behind Anthropic's Messages.

It must never give a thought to any voice but the one that had it, nor change what stood in an earlier request: only
the marks that tell the cache where to look move on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from moot.transcript import canonical
from moot.voices import Done, Thinking, Usage, Words
from moot.voices.attempts import (
    PATIENCE,
    Patience,
    Trouble,
    attempts,
    connection_lost,
    judge,
    judge_in_stream,
    key_refused,
    one_line,
    without_key,
)
from moot.voices.ballots import answers, with_question
from moot.voices.destination import (
    BRIEF,
    NO_KEY,
    Vendor,
    base_url_of,
    check_package,
    find_endpoint,
    key_variable,
    short_name,
)
from moot.voices.spec import Settled, Spec, parse, with_options
from moot.voices.wire import blocks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    import httpx2
    from anthropic import AsyncAnthropic

    from moot.transcript import Participant, Question, Stop, Thought, Value
    from moot.view import Message
    from moot.voices import Delta, Place, Pool, Voice
    from moot.voices.attempts import Sign
    from moot.voices.destination import Destination

ANTHROPIC = Vendor(
    "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"
)

MAX_TOKENS = 4096
"""How long a turn may get where nothing else is asked for: what every Claude can write."""

_OPTIONAL: Mapping[str, type] = {
    "base_url": str,
    "key_env": str,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "thinking": int,
    "adaptive": bool,
    "effort": str,
}

_CACHE = {"type": "ephemeral"}


def settle(spec: Spec) -> Settled:
    """Freeze what an address of Anthropic's stands for."""
    base_url = base_url_of(spec.voice, dict(spec.options), ANTHROPIC)
    settings = with_options(spec, {"max_tokens": MAX_TOKENS}, _OPTIONAL)
    settings.pop("base_url", None)
    return Settled(_name(spec.model), settings | ({"base_url": base_url} if base_url else {}), BRIEF)


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Voice:  # noqa: ARG001 - see Wire
    """Return the participant's voice; settings that are missing from the record are the usual ones."""
    connect = partial(_connect, participant.voice, participant.settings, pool)
    variable = key_variable(participant.voice, dict(participant.settings), ANTHROPIC)
    return MessagesVoice(participant, connect, variable)


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where this voice lacks its package or its key; nothing is connected."""
    check_package(participant.voice, ANTHROPIC)
    find_endpoint(participant.voice, dict(participant.settings), ANTHROPIC, pool.key)


def _name(model: str) -> str:
    name = short_name(model)
    return "Claude" if name.lower().startswith("claude") else name


async def _connect(voice: str, settings: Sequence[tuple[str, Value]], pool: Pool) -> AsyncAnthropic:
    check_package(voice, ANTHROPIC)
    endpoint = find_endpoint(voice, dict(settings), ANTHROPIC, pool.key)
    return await pool.share(("anthropic", endpoint.base_url, endpoint.key), partial(_open_client, endpoint))


async def _open_client(endpoint: Destination) -> tuple[AsyncAnthropic, Callable[[], Awaitable[object]]]:
    import anthropic  # noqa: PLC0415 - the SDK is loaded when a voice first speaks
    import httpx2  # noqa: PLC0415 - the SDK stands on it

    async def withhold(request: httpx2.Request) -> None:
        endpoint.withhold(request.headers)

    client = anthropic.AsyncAnthropic(
        api_key=endpoint.key,
        base_url=endpoint.base_url or ANTHROPIC.own,
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=PATIENCE.connect),
        http_client=anthropic.DefaultAsyncHttpxClient(
            event_hooks={"request": [withhold]},
            follow_redirects=False,  # a key goes where it was meant to go, and no further
        ),
    )
    return client, client.close


@dataclass(frozen=True, slots=True)
class MessagesVoice:
    """A voice behind Messages; `variable` names where the key came from, for the message that it was refused."""

    participant: Participant
    connect: Callable[[], Awaitable[AsyncAnthropic]]
    variable: str = ""
    patience: Patience = PATIENCE

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        messages = with_question(messages, ask)
        settings: dict[str, Any] = dict(self.participant.settings)
        thinking = settings.get("thinking") or 0
        body: dict[str, Any] = {
            "model": parse(self.participant.voice).model,
            "max_tokens": (settings.get("max_tokens") or MAX_TOKENS) + thinking,
            "messages": _messages(self.participant.voice, messages),
            "stream": True,
        }
        if brief.strip():
            body["system"] = [{"type": "text", "text": brief, "cache_control": _CACHE}]
        if thinking:
            body["thinking"] = {"type": "enabled", "budget_tokens": thinking}
        elif settings.get("adaptive"):
            body["thinking"] = {"type": "adaptive"}
        if settings.get("effort"):
            body["output_config"] = {"effort": settings["effort"]}
        names = ("temperature", "top_p", "top_k")
        body |= {name: settings[name] for name in names if settings.get(name) is not None}
        return {"path": "/v1/messages", "body": body}

    def speak(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> AsyncGenerator[Delta]:
        """Stream one turn, or the answer to what is asked."""

        def stream(view: Sequence[Message]) -> AsyncGenerator[Delta]:
            return attempts(self.participant.voice, self.request(brief, view), self.connect, self._send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(messages)

    async def _send(self, client: AsyncAnthropic, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        import anthropic  # noqa: PLC0415 - loaded by now
        import httpx2  # noqa: PLC0415 - the same

        reader = _EventReader()
        hidden = _hidden(client)
        try:
            stream = await client.post(
                request["path"],
                cast_to=object,
                body=request["body"],
                stream=True,
                stream_cls=anthropic.AsyncStream[object],
            )
            async with stream:
                reader.request_id = stream.response.headers.get("request-id", "")
                # The raw events, because the SDK's own reading drops pings, which are signs of life, and unknown ones.
                async for raw in anthropic.AsyncStream.raw_events(stream.response):
                    event = raw.json() if raw.data else None
                    signs = reader.read(cast("dict[str, Any]", event)) if isinstance(event, dict) else ()
                    for sign in tuple(signs) or (None,):
                        yield without_key(sign, hidden)
        except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError, UnicodeDecodeError) as error:
            yield self._trouble(error, client, reader.request_id)
        else:
            yield Trouble("the stream ended before the reply did", request_id=reader.request_id)

    def _trouble(self, error: Exception, client: AsyncAnthropic, request_id: str) -> Trouble:
        import anthropic  # noqa: PLC0415 - loaded by now
        import httpx2  # noqa: PLC0415 - the same

        hidden = _hidden(client)
        match error:
            case anthropic.APIStatusError():
                base_url = None if str(client.base_url).startswith(ANTHROPIC.own) else str(client.base_url)
                code, message = _code_and_message(error.body)
                refused = key_refused(error.status_code, self.variable if hidden else "", base_url)
                said = one_line(message or error.message, hidden)
                return refused or judge(error.status_code, code, said, error.response.headers)
            case anthropic.APIConnectionError() | httpx2.HTTPError():
                return connection_lost(str(client.base_url), error, hidden, request_id)
            case _:
                return Trouble("the stream held something that is not JSON", request_id=request_id)


def _hidden(client: AsyncAnthropic) -> str:
    return "" if client.api_key in (None, NO_KEY) else client.api_key


def _code_and_message(body: object) -> tuple[str, str]:
    match body:
        case {"error": {"type": str(code), "message": str(message)}}:
            return code, message
        case _:
            return "", ""


def _messages(voice: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return a view as Messages' content blocks, marked for the cache at its end and where the last request ended."""
    shaped: list[dict[str, Any]] = []
    for block in blocks(messages):
        texts = ({"type": "text", "text": text} for text in block.texts)
        shaped.append({"role": block.role, "content": [*_given_back(voice, block.thoughts), *texts]})
    # The cache looks back no further than 20 blocks from a mark, and in a crowd more may have been said since.
    for message in shaped[-1:-4:-2]:
        message["content"][-1]["cache_control"] = _CACHE
    return shaped


def _given_back(voice: str, thoughts: Iterable[Thought]) -> Iterable[dict[str, Any]]:
    for thought in thoughts:
        if thought.voice == voice and thought.seal:
            match json.loads(thought.seal):
                case {"signature": str(signature)}:
                    yield {"type": "thinking", "thinking": thought.text, "signature": signature}
                case {"redacted": str(sealed)}:
                    yield {"type": "redacted_thinking", "data": sealed}
                case _:
                    continue


_STOPS: Mapping[str, Stop] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
"""Reasons to stop that are not the plain end of a turn."""


class _EventReader:
    """Reads the events of one message."""

    def __init__(self) -> None:
        self.request_id = ""
        self._counts: dict[str, Any] = {}
        self._model = ""
        self._signature = ""
        self._reason = ""

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        match event:
            case {"type": "content_block_delta", "delta": {**delta}}:
                yield from self._delta(delta)
            case {"type": "content_block_start", "content_block": {"type": "redacted_thinking", "data": str(sealed)}}:
                yield Thinking(seal=canonical({"redacted": sealed}))
            case {"type": "content_block_stop"} if self._signature:
                yield Thinking(seal=canonical({"signature": self._signature}))
                self._signature = ""
            case {"type": "message_start", "message": {**message}}:
                self._model = str(message.get("model") or "")
                self.request_id = self.request_id or str(message.get("id") or "")
                self._count(message.get("usage"))
            case {"type": "message_delta", "delta": {**delta}}:
                self._reason = str(delta.get("stop_reason") or "")
                self._count(event.get("usage"))
            case {"type": "message_stop"}:
                yield Done(_STOPS.get(self._reason, "end"), _usage(self._counts), self._model, self.request_id)
            case {"type": "error"}:
                code, message = _code_and_message(event)
                yield judge_in_stream(code, message or "an error without words", self.request_id)
            case _:
                return

    def _delta(self, delta: Mapping[str, Any]) -> Iterable[Sign]:
        match delta:
            case {"type": "text_delta", "text": str(words)}:
                yield Words(words)
            case {"type": "thinking_delta", "thinking": str(thought)}:
                yield Thinking(thought)
            case {"type": "signature_delta", "signature": str(signature)}:
                self._signature += signature
            case _:
                return

    def _count(self, counts: object) -> None:
        if isinstance(counts, dict):
            known = cast("dict[str, Any]", counts)
            self._counts |= {name: value for name, value in known.items() if value is not None}


def _usage(counts: Mapping[str, Any]) -> Usage:
    """Add up what was read: what Anthropic calls input is only what came neither from the cache nor went into it."""
    fresh, cached, written = (
        counts.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    match counts.get("output_tokens_details"):
        case {"thinking_tokens": int(reasoning)}:
            pass
        case _:
            reasoning = None
    return Usage(
        input=None if fresh is None else fresh + (cached or 0) + (written or 0),
        cached=cached,
        cache_write=written,
        output=counts.get("output_tokens"),
        reasoning=reasoning,
    )
