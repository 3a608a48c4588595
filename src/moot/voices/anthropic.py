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
from moot.voices import Done, Paused, Thinking, Usage, Words
from moot.voices.attempts import (
    OUT_OF_ORDER,
    PATIENCE,
    GoOn,
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
from moot.voices.ballots import Asked, SchemaOrWords, answers, asked, message_hold, neutral, not_held
from moot.voices.destination import (
    BRIEF,
    NO_KEY,
    Vendor,
    base_url_of,
    check_package,
    find_endpoint,
    key_variable,
    limiter_of,
    short_name,
    transport,
    untranslated,
)
from moot.voices.events import Unreadable, events
from moot.voices.limits import Line
from moot.voices.spec import Settled, Spec, parse, with_options
from moot.voices.wire import blocks, count

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

_OPTIONAL: Mapping[str, Any] = {
    "base_url": str,
    "key_env": str,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "thinking": int,
    "adaptive": bool,
    "effort": str,
    "ballots": SchemaOrWords,
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


async def _connect(voice: str, settings: Sequence[tuple[str, Value]], pool: Pool) -> Line[AsyncAnthropic]:
    check_package(voice, ANTHROPIC)
    endpoint = find_endpoint(voice, dict(settings), ANTHROPIC, pool.key)
    client = await pool.share(("anthropic", endpoint.base_url, endpoint.key), partial(_open_client, endpoint))
    return Line(client, limiter_of(voice, endpoint, ANTHROPIC, pool))


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
        http_client=transport(anthropic)(
            event_hooks={"request": [withhold]},
            follow_redirects=False,  # a key goes where it was meant to go, and no further
        ),
    )
    return client, client.close


@dataclass(frozen=True, slots=True)
class MessagesVoice:
    """A voice behind Messages; `variable` names where the key came from, for the message that it was refused."""

    participant: Participant
    connect: Callable[[], Awaitable[Line[AsyncAnthropic]]]
    variable: str = ""
    patience: Patience = PATIENCE

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        return self._request(brief, asked(messages, ask))

    def _request(self, brief: str, put: Asked) -> dict[str, Any]:
        settings: dict[str, Any] = dict(self.participant.settings)
        settings = neutral(settings) if put.question else settings
        thinking = settings.get("thinking") or 0
        body: dict[str, Any] = {
            "model": parse(self.participant.voice).model,
            "max_tokens": (settings.get("max_tokens") or MAX_TOKENS) + thinking,
            "messages": _messages(self.participant.voice, put),
            "stream": True,
        }
        if brief.strip():
            body["system"] = [{"type": "text", "text": brief, "cache_control": _CACHE}]
        if thinking:
            body["thinking"] = {"type": "enabled", "budget_tokens": thinking}
        elif settings.get("adaptive"):
            body["thinking"] = {"type": "adaptive"}
        output = {"effort": settings["effort"]} if settings.get("effort") else {}
        if put.held:
            output |= message_hold(put.held, settings.get("ballots", "schema"))
        if output:
            body["output_config"] = output
        names = ("temperature", "top_p", "top_k")
        body |= {name: settings[name] for name in names if settings.get(name) is not None}
        return {"path": "/v1/messages", "body": body}

    def speak(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> AsyncGenerator[Delta]:
        """Stream one turn, or the answer to what is asked."""

        def stream(put: Asked) -> AsyncGenerator[Delta]:
            request = self._request(brief, put)
            return attempts(self.participant.voice, request, self.connect, self._send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(asked(messages, None))

    async def _send(self, client: AsyncAnthropic, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        import anthropic  # noqa: PLC0415 - loaded by now
        import httpx2  # noqa: PLC0415 - the same

        reader = _EventReader(request)
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
                reader.request_id = one_line(stream.response.headers.get("request-id", ""), hidden)
                if trouble := await judge_answer(stream.response, reader.request_id):
                    yield without_key(trouble, hidden)
                    return
                # The raw events, because the SDK's own reading drops pings, which are signs of life, and unknown ones.
                async for event in events(stream.response.aiter_bytes()):
                    signs = reader.read(cast("dict[str, Any]", event)) if isinstance(event, dict) else ()
                    for sign in tuple(signs) or (None,):
                        yield without_key(sign, hidden)
        except (anthropic.APIError, httpx2.HTTPError, *untranslated(), Unreadable) as error:
            yield without_key(self._trouble(error, client, request, reader.request_id), hidden)
        else:
            yield Trouble("the stream ended before the reply did", request_id=reader.request_id)

    def _trouble(
        self, error: Exception, client: AsyncAnthropic, request: Mapping[str, Any], request_id: str
    ) -> Trouble:
        import anthropic  # noqa: PLC0415 - loaded by now

        hidden = _hidden(client)
        match error:
            case anthropic.APIStatusError():
                base_url = None if str(client.base_url).startswith(ANTHROPIC.own) else str(client.base_url)
                code, message = _code_and_message(error.body)
                refused = key_refused(error.status_code, self.variable if hidden else "", base_url)
                said = one_line(message or error.message, hidden)
                trouble = judge(error.status_code, code, said, error.response.headers)
                return refused or not_held(trouble, error.status_code, message, request)
            case Unreadable():
                return Trouble("the stream held something that is not JSON", request_id=request_id)
            case _:
                return connection_lost(str(client.base_url), error, hidden, request_id)


def _hidden(client: AsyncAnthropic) -> str:
    return "" if client.api_key in (None, NO_KEY) else client.api_key


def _code_and_message(body: object) -> tuple[str, str]:
    match body:
        case {"error": {"type": str(code), "message": str(message)}}:
            return code, message
        case _:
            return "", ""


def _messages(voice: str, put: Asked) -> list[dict[str, Any]]:
    """Return a view as Messages' content blocks, marked for the cache at its end and where the last request ended.

    What is asked comes after the end that is marked: no later request has it.
    """
    shaped: list[dict[str, Any]] = []
    for block in blocks(put.messages):
        texts = ({"type": "text", "text": text} for text in block.texts)
        shaped.append({"role": block.role, "content": [*_given_back(voice, block.thoughts), *texts]})
    asking = len(put.messages) - put.shared  # each of these is one text, and needs none of moot's own before it
    ends: list[dict[str, Any]] = []
    for message in reversed(shaped):
        own = message["content"][: len(message["content"]) - asking] if asking else message["content"]
        asking = max(0, asking - len(message["content"]))
        if own and (not ends or message["role"] == "user"):
            ends.append(own[-1])
    # The cache looks back no further than 20 blocks from a mark, and in a crowd more may have been said since.
    for end in ends[:2]:
        end["cache_control"] = _CACHE
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
    """Reads the events of one message, which answers `request`."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request_id = ""
        self._request = request
        self._counts: dict[str, Any] = {}
        self._model = ""
        self._sealed = -1
        self._reason = ""
        self._content: list[dict[str, Any]] = []

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        match event:
            case {"type": "content_block_delta", "delta": {**delta}}:
                yield from self._delta(delta, event.get("index"))
            case {"type": "content_block_start", "index": int(index)} if index < len(self._content):
                return  # it came before, and a thought that is given back twice would be refused
            case {"type": "content_block_start", "content_block": {**block}}:
                self._content.append(dict(block))
                match block:
                    case {"type": "redacted_thinking", "data": str(sealed)}:
                        yield Thinking(seal=canonical({"redacted": sealed}))
                    case _:
                        return
            case {"type": "message_start", "message": {**message}}:
                self._model = str(message.get("model") or "")
                self.request_id = self.request_id or str(message.get("id") or "")
                self._count(message.get("usage"))
            case {"type": "message_delta", "delta": {**delta}}:
                self._reason = str(delta.get("stop_reason") or "")
                self._count(event.get("usage"))
            case {"type": "message_stop"}:
                yield self._end()
            case {"type": "error"}:
                code, message = _code_and_message(event)
                yield judge_in_stream(code, message or "an error without words", self.request_id)
            case _:
                return

    def _delta(self, delta: Mapping[str, Any], index: object) -> Iterable[Sign]:
        match delta:
            case {"type": "text_delta", "text": str(words)}:
                self._add("text", words)
                yield Words(words)
            case {"type": "thinking_delta" | "signature_delta"} if index == self._sealed:
                if delta["type"] == "thinking_delta":  # the seal is for the whole thought: given back so, it is refused
                    yield Trouble(OUT_OF_ORDER, request_id=self.request_id)
            case {"type": "thinking_delta", "thinking": str(thought)}:
                self._add("thinking", thought)
                yield Thinking(thought)
            case {"type": "signature_delta", "signature": str(signature)} if signature:
                self._add("signature", signature)
                self._sealed = index if isinstance(index, int) else -1
                yield Thinking(seal=canonical({"signature": signature}))
            case _:
                return

    def _add(self, name: str, text: str) -> None:
        """Keep what was said, to be given back where the turn goes on after a pause."""
        if self._content:
            self._content[-1][name] = str(self._content[-1].get(name) or "") + text

    def _end(self) -> Sign:
        usage = _usage(self._counts)
        said = [one for one in self._content if one.get("type") != "text" or str(one.get("text") or "").strip()]
        if self._reason != "pause_turn" or not said:
            return Done(_STOPS.get(self._reason, "end"), usage, self._model, self.request_id)
        asked: list[dict[str, Any]] = list(self._request["body"]["messages"])
        was_paused = asked[-1]["role"] == "assistant"
        earlier: list[Any] = asked.pop()["content"] if was_paused else []
        asked.append({"role": "assistant", "content": [*earlier, *said]})
        request = {**self._request, "body": {**self._request["body"], "messages": asked}}
        return GoOn(request, Paused(usage, self._model, self.request_id))

    def _count(self, counts: object) -> None:
        if isinstance(counts, dict):
            known = cast("dict[str, Any]", counts)
            self._counts |= {name: value for name, value in known.items() if value is not None}


def _usage(counts: Mapping[str, Any]) -> Usage:
    """Add up what was read: what Anthropic calls input is only what came neither from the cache nor went into it."""
    fresh, cached, written = (
        count(counts.get(name)) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    match counts.get("output_tokens_details"):
        case {"thinking_tokens": told}:
            reasoning = count(told)
        case _:
            reasoning = None
    return Usage(
        input=None if fresh is None else fresh + (cached or 0) + (written or 0),
        cached=cached,
        cache_write=written,
        output=count(counts.get("output_tokens")),
        reasoning=reasoning,
    )
