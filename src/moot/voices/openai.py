"""Voices behind OpenAI's wires: Responses, Chat Completions (any compatible server), and Completions for scripts.

It must never send a conversation's words through the SDK's typed calls, which walk over the whole history each time,
nor glue a broken stream to its retry, nor show a thought as words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

from moot.voices import VoiceError
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
from moot.voices.ballots import (
    Asked,
    SchemaOrWords,
    answers,
    asked,
    chat_hold,
    neutral,
    not_held,
    response_hold,
    script_hold,
)
from moot.voices.chunks import CompletionReader, ResponseReader
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
from moot.voices.endpoints import BallotWay, LimitName
from moot.voices.events import Unreadable, events
from moot.voices.limits import Line
from moot.voices.spec import Settled, Spec, parse, with_options
from moot.voices.truncation import judged
from moot.voices.wire import blocks, chat_messages, script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    from openai import AsyncOpenAI

    from moot.transcript import Participant, Question, Value
    from moot.view import Message
    from moot.voices import Delta, Place, Pool, Voice
    from moot.voices.attempts import Sign
    from moot.voices.destination import Destination

OPENAI = Vendor("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS")

WIRES = ("responses", "chat", "completions")

_SHARED: Mapping[str, type] = {
    "base_url": str,
    "key_env": str,
    "temperature": float,
    "top_p": float,
    "max_tokens": int,
    "effort": str,
}
_SAMPLING: Mapping[str, type] = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "repeat_penalty": float,
    "repeat_last_n": int,
    "dry_multiplier": float,
    "dry_allowed_length": int,
    "presence_penalty": float,
    "frequency_penalty": float,
    "max_tokens": int,
    "stop": tuple,
}
"""Settings that go into the body of a compatible server's request under their own names."""

_ODD: Mapping[str, Any] = {
    "alternate": bool,
    "system": bool,
    "sampling": bool,
    "limit_as": LimitName,
    "stream_options": bool,
    "ballots": BallotWay,
    "logprobs": bool,
    "context": int,
    "truncates": bool,
}
"""What a server wants otherwise or can do, under the names of the quirks; but the quirks `temperature` and `max_tokens`
are `sampling` and `limit_as`, because the others are settings of their own."""

_COMPATIBLE: Mapping[str, Any] = {**_SHARED, **_SAMPLING, "seed": bool, "sentences": int, "style": str, **_ODD}
_RESPONSES: Mapping[str, Any] = {**_SHARED, "reasoning": bool, "ballots": SchemaOrWords, "logprobs": bool}

_LENGTHS = ("max_tokens", "stop")
"""Of the sampling settings, those that say how long and not how."""

_HOSTED: Mapping[str, Value] = {"limit_as": "max_completion_tokens", "ballots": "schema"}
"""What OpenAI's own models want."""

_SCRIPT_DEFAULTS: Mapping[str, Value] = {"style": "script", "max_tokens": 256, "stop": ("\n",)}
_SCRIPT_BRIEF = "A conversation between {name} and {others}."


def settle(spec: Spec) -> Settled:
    """Freeze what an address of OpenAI's, or of any server that speaks as it does, stands for."""
    asked = dict(spec.options)
    base_url = base_url_of(spec.voice, asked, OPENAI)
    wire = "completions" if asked.get("style") == "script" else asked.get("wire") or _usual_wire(base_url)
    if wire not in WIRES:
        raise VoiceError(f"{spec.voice}: wire is one of {', '.join(WIRES)}, not {wire!r}")
    defaults: dict[str, Value] = {"wire": wire}
    if wire == "responses":
        settings = with_options(spec, defaults | {"reasoning": _reasons(spec.model)}, _RESPONSES)
    elif wire == "chat":
        settings = with_options(spec, defaults, _COMPATIBLE)
    else:
        settings = with_options(spec, defaults | dict(_SCRIPT_DEFAULTS), _COMPATIBLE) | {"style": "script"}
    settings.pop("base_url", None)
    settings |= {"wire": wire} if base_url is None else {"wire": wire, "base_url": base_url}
    return Settled(_name(spec.model), settings, _SCRIPT_BRIEF if wire == "completions" else BRIEF)


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Voice:  # noqa: ARG001 - see Wire
    """Return the participant's voice; settings that are missing from the record are the usual ones."""
    recorded = dict(participant.settings)
    base_url = base_url_of(participant.voice, recorded, OPENAI)
    wire = recorded.get("wire") or ("completions" if recorded.get("style") == "script" else _usual_wire(base_url))
    connect = partial(_connect, participant.voice, participant.settings, pool)
    variable = key_variable(participant.voice, recorded, OPENAI)
    if wire == "responses":
        return ResponsesVoice(participant, connect, variable)
    defaults = dict(_SCRIPT_DEFAULTS) if wire == "completions" else {}
    if base_url is None:
        defaults |= {**_HOSTED, "logprobs": _tells_odds(parse(participant.voice).model)}
    return CompatibleVoice(participant, seed, connect, defaults, variable=variable)


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where this voice lacks its package or its key; nothing is connected."""
    check_package(participant.voice, OPENAI)
    find_endpoint(participant.voice, dict(participant.settings), OPENAI, pool.key)


def _usual_wire(base_url: str | None) -> str:
    return "responses" if base_url is None else "chat"


def _reasons(model: str) -> bool:
    """Whether a model of OpenAI's own thinks before it speaks; asking others for sealed thoughts is an error."""
    return bool(re.match(r"o\d|gpt-(?:[5-9]|\d\d)|codex", model)) and "chat" not in model


def _tells_odds(model: str) -> bool:
    """Whether a model of OpenAI's own tells the probabilities of its tokens; none has since the fifth."""
    return not _reasons(model) and not re.match(r"gpt-(?:[5-9]|\d\d)", model)


def _name(model: str) -> str:
    return re.sub(r"^gpt-", "GPT-", short_name(model))


async def _connect(voice: str, settings: Sequence[tuple[str, Value]], pool: Pool) -> Line[AsyncOpenAI]:
    check_package(voice, OPENAI)
    endpoint = find_endpoint(voice, dict(settings), OPENAI, pool.key)
    client = await pool.share(("openai", endpoint.base_url, endpoint.key), partial(_open_client, endpoint))
    return Line(client, limiter_of(voice, endpoint, OPENAI, pool))


async def _open_client(endpoint: Destination) -> tuple[AsyncOpenAI, Callable[[], Awaitable[object]]]:
    import httpx2  # noqa: PLC0415 - the SDK and what it stands on are loaded when first needed
    import openai  # noqa: PLC0415 - the same

    async def withhold(request: httpx2.Request) -> None:
        endpoint.withhold(request.headers)

    client = openai.AsyncOpenAI(
        api_key=endpoint.key,
        base_url=endpoint.base_url or OPENAI.own,
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=PATIENCE.connect),
        http_client=transport(openai)(
            event_hooks={"request": [withhold]},
            follow_redirects=False,  # a key goes where it was meant to go, and no further
        ),
    )
    return client, client.close


@dataclass(frozen=True, slots=True)
class CompatibleVoice:
    """A voice behind Chat Completions, or with `style="script"` behind Completions, of any server that has them.

    `connect` gives the client before each try; `defaults` lie under the participant's own settings; `extra` is merged
    into each request's body; `variable` names where the key came from, for the message that it was refused. Of the
    settings, `sentences` cuts a turn after so many, `seed` sends a seed, `stream_options=False` asks for no counts.
    """

    participant: Participant
    seed: int
    connect: Callable[[], Awaitable[Line[AsyncOpenAI]]]
    defaults: Mapping[str, Value] = field(default_factory=dict[str, "Value"])
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    variable: str = ""
    patience: Patience = PATIENCE

    def _settings(self, put: Asked) -> dict[str, Value]:
        settings = {**self.defaults, **dict(self.participant.settings)}
        return neutral(settings) if put.question else settings

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        return self._request(brief, asked(messages, ask))

    def _request(self, brief: str, put: Asked) -> dict[str, Any]:
        messages, settings = put.messages, self._settings(put)
        reads_script = settings.get("style") == "script"
        body: dict[str, Any] = {"model": parse(self.participant.voice).model, "stream": True}
        if reads_script:
            body["prompt"] = script(brief, messages, self.participant.name)
        else:
            system, alternate = (bool(settings.get(name, True)) for name in ("system", "alternate"))
            body["messages"] = chat_messages(brief, messages, system=system, alternate=alternate)
        if settings.get("stream_options", True):
            body["stream_options"] = {"include_usage": True}
        body |= {name: _thawed(settings[name]) for name in _SAMPLING if settings.get(name) is not None}
        if not settings.get("sampling", True):
            body = {name: value for name, value in body.items() if name not in _SAMPLING or name in _LENGTHS}
        if "max_tokens" in body and not reads_script:
            body[str(settings.get("limit_as", "max_tokens"))] = body.pop("max_tokens")
        if settings.get("effort"):
            body["reasoning_effort"] = settings["effort"]
        if settings.get("seed"):
            body["seed"] = (self.seed + len(messages) + put.draw) % 2**31
        if put.held:
            hold = script_hold if reads_script else chat_hold
            body |= hold(put.held, settings.get("ballots"), odds=bool(settings.get("logprobs")))
        return {"path": "/completions" if reads_script else "/chat/completions", "body": body | dict(self.extra)}

    def speak(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> AsyncGenerator[Delta]:
        """Stream one turn, or the answer to what is asked."""

        def stream(put: Asked) -> AsyncGenerator[Delta]:
            send = partial(self._send, put)
            return attempts(self.participant.voice, self._request(brief, put), self.connect, send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(asked(messages, None))

    def _send(self, put: Asked, client: AsyncOpenAI, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        settings = self._settings(put)
        sentences = settings.get("sentences")
        reader = CompletionReader(
            sentences if isinstance(sentences, int) else 0, is_script=settings.get("style") == "script"
        )
        signs = _sent(client, request, reader, self.variable)
        if not settings.get("truncates"):
            return signs
        context = settings.get("context")
        context = context if isinstance(context, int) else 0
        more = f"{self.participant.voice}?context={2 * context or 'N'}"
        advice = f"have its server read more, then go on in a fork: {more}"
        return judged(signs, request, context, advice, self.patience.tail)


@dataclass(frozen=True, slots=True)
class ResponsesVoice:
    """A voice behind OpenAI's Responses; nothing is stored there, and sealed thoughts are given back to it."""

    participant: Participant
    connect: Callable[[], Awaitable[Line[AsyncOpenAI]]]
    variable: str = ""
    patience: Patience = PATIENCE

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return the exact request for this view."""
        return self._request(brief, asked(messages, ask))

    def _request(self, brief: str, put: Asked) -> dict[str, Any]:
        settings = dict(self.participant.settings)
        settings = neutral(settings) if put.question else settings
        model = parse(self.participant.voice).model
        reasons = settings.get("reasoning", _reasons(model))
        voice = self.participant.voice if reasons else ""
        body: dict[str, Any] = {"model": model, "input": _input(voice, put.messages), "stream": True, "store": False}
        if brief.strip():
            body["instructions"] = brief
        if reasons:
            body["include"] = ["reasoning.encrypted_content"]
        if settings.get("effort"):
            body["reasoning"] = {"effort": settings["effort"]}
        names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_output_tokens"}
        body |= {sent: settings[name] for name, sent in names.items() if settings.get(name) is not None}
        if put.held:
            odds = bool(settings.get("logprobs", _tells_odds(model)))
            hold = response_hold(put.held, settings.get("ballots", "schema"), odds=odds)
            body |= hold | ({"include": [*body.get("include", ()), *hold["include"]]} if "include" in hold else {})
        return {"path": "/responses", "body": body}

    def speak(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> AsyncGenerator[Delta]:
        """Stream one turn, or the answer to what is asked."""

        def stream(put: Asked) -> AsyncGenerator[Delta]:
            request = self._request(brief, put)
            return attempts(self.participant.voice, request, self.connect, self._send, self.patience)

        return answers(stream, messages, ask, self.participant.name) if ask else stream(asked(messages, None))

    def _send(self, client: AsyncOpenAI, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        return _sent(client, request, ResponseReader(), self.variable)


def _thawed(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value


def _input(voice: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for block in blocks(messages):
        items += [json.loads(one.seal) for one in block.thoughts if voice and one.voice == voice and one.seal]
        kind = "input_text" if block.role == "user" else "output_text"
        content = [{"type": kind, "text": text} for text in block.texts]
        items.append({"type": "message", "role": block.role, "content": content})
    return items


class _Reader(Protocol):
    """What reads the events of one stream; `over` is set where no more of it is wanted."""

    over: bool
    request_id: str

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]: ...


async def _sent(
    client: AsyncOpenAI, request: Mapping[str, Any], reader: _Reader, variable: str
) -> AsyncGenerator[Sign]:
    """Send one try and yield what comes of it.

    Events stay plain JSON, for the SDK's types cost more than the rest, and its reading takes an event without data,
    such as many servers keep a connection alive with, for a broken one.
    """
    import httpx2  # noqa: PLC0415 - the SDK and what it stands on are loaded when a voice first speaks
    import openai  # noqa: PLC0415 - the same

    hidden = _hidden(client)
    try:
        stream = await client.post(
            request["path"],
            cast_to=object,
            body=request["body"],
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        async with stream:
            reader.request_id = one_line(stream.response.headers.get("x-request-id", ""), hidden)
            if trouble := await judge_answer(stream.response, reader.request_id):
                yield without_key(trouble, hidden)
                return
            async for event in events(stream.response.aiter_bytes()):
                signs = _read(cast("dict[str, Any]", event), reader) if isinstance(event, dict) else ()
                for sign in tuple(signs) or (None,):
                    yield without_key(sign, hidden)
                if reader.over:
                    return
    except (openai.APIError, httpx2.HTTPError, *untranslated(), Unreadable) as error:
        yield without_key(_trouble(error, client, request, reader.request_id, variable), hidden)
    else:
        yield Trouble("the stream ended before the reply did", request_id=reader.request_id)


def _read(event: Mapping[str, Any], reader: _Reader) -> Iterable[Sign]:
    if error := event.get("error"):
        return (judge_in_stream(*_code_and_message(error, "an error without words"), reader.request_id),)
    return reader.read(event)


def _hidden(client: AsyncOpenAI) -> str:
    return "" if client.api_key == NO_KEY else client.api_key


def _trouble(
    error: Exception, client: AsyncOpenAI, request: Mapping[str, Any], request_id: str, variable: str
) -> Trouble:
    import openai  # noqa: PLC0415 - loaded by now

    hidden = _hidden(client)
    match error:
        case openai.APIStatusError():
            base_url = str(client.base_url)
            refused = key_refused(
                error.status_code, variable if hidden else "", None if base_url.startswith(OPENAI.own) else base_url
            )
            code, message = _code_and_message(error.body, error.message)
            trouble = refused or judge(error.status_code, code, one_line(message, hidden), error.response.headers)
            return trouble if refused else _plainer(trouble, error.status_code, message, request)
        case Unreadable():
            return Trouble("the stream held something that is not JSON", request_id=request_id)
        case _:
            return connection_lost(str(client.base_url), error, hidden, request_id)


def _code_and_message(body: Any, otherwise: str) -> tuple[str, str]:  # noqa: ANN401 - an error may be anything
    match body:
        case {"message": str(message), **rest}:
            codes = (rest.get("code"), rest.get("type"))
            words = (one for one in codes if isinstance(one, str) and one)
            return next(words, str(rest["code"]) if isinstance(rest.get("code"), int) else ""), message
        case str(message) if message.strip():
            return "", message
        case _:
            return "", otherwise


def _plainer(trouble: Trouble, status: int, message: str, request: Mapping[str, Any]) -> Trouble:
    """Where a server knows no `stream_options`, or nothing that holds an answer, have the same sent without.

    Its token counts then stay unknown, and an answer is read from its words.
    """
    body = request["body"]
    if status in (400, 422) and "stream_options" in message and "stream_options" in body:
        fewer = {name: value for name, value in body.items() if name != "stream_options"}
        return replace(trouble, retry=True, instead={**request, "body": fewer})
    return not_held(trouble, status, message, request)
