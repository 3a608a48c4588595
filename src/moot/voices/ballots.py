"""How an answer to a question is got out of a voice: what its request holds the answer to, and asking once more.

It must never cut a thought short to get an answer, let a voice's own way of speaking colour it, or leave unsaid how it
was got.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from moot.transcript import CHAIR, Question
from moot.view import Message
from moot.voices import Attempt, Chosen, Done, Failed, Paused, Thinking, Words
from moot.voices.options import ANSWER, labels, odds, read_json, read_words, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from moot.transcript import Value
    from moot.voices import Delta
    from moot.voices.attempts import Trouble

    Stream = Callable[["Asked"], AsyncGenerator[Delta]]
    Body = Mapping[str, Any]

SchemaOrWords = Literal["schema", "parse"]
"""How an answer is got on wires that know no grammars."""

AGAIN = "That names none of the options, or more than one. Answer with exactly one of them and nothing else: {options}"
UNREAD = "no option could be made out of the answer"

DRAWS_APART = 1_000_003
"""More than a conversation has turns, by whose number seeds differ as well."""

ROOM = 1024
"""Tokens that an answer may have at least: the model may have to think first."""

LIKELIEST = 20
"""Tokens whose probabilities are asked for: as many as hosted servers tell."""

MANY = 500
"""The same, where a grammar holds the answer: llama.cpp lists what it drew from, which is every token as often as not.

It draws without the grammar first, and only where that names no option once more with it.
"""

NEUTRAL: Mapping[str, Value] = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "dry_multiplier": 0.0,
}
"""Sampling of llama.cpp's under which the probability of a token is the model's own."""

_MANNER = (
    *NEUTRAL,
    "repeat_last_n",
    "dry_allowed_length",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "sentences",
)
_NAME = "ballot"
_REFUSED = (400, 422)
_FORBIDDEN = 403
_ODDS = ("logprobs", "top_logprobs", "post_sampling_probs")
_LISTED = "message.output_text.logprobs"


@dataclass(frozen=True, slots=True)
class Asked:
    """A view and the question put after it, if any; the first `shared` of the messages are the conversation's own.

    `again` is whether this is the second time: then it is asked for in words alone, as the first way gave nothing.
    """

    messages: tuple[Message, ...]
    question: Question | None = None
    shared: int = 0
    again: bool = False

    @property
    def draw(self) -> int:
        """What a seed differs by from that of another asking of the same."""
        return DRAWS_APART * self.question.draw if self.question else 0

    @property
    def held(self) -> Question | None:
        """The question whose answer the request is to hold to the options."""
        return None if self.again else self.question


def asked(messages: Sequence[Message], ask: Question | None) -> Asked:
    """Return a view with what is asked as its last message, in words that depend on the question alone."""
    if ask is None:
        return Asked(tuple(messages), shared=len(messages))
    return Asked((*messages, Message("user", CHAIR, shown(ask))), ask, len(messages))


def _again(first: Asked, said: str, name: str, ask: Question) -> Asked:
    again = Message("user", CHAIR, AGAIN.format(options=", ".join(labels(ask))))
    return Asked((*first.messages, Message("assistant", name, said), again), ask, first.shared, again=True)


def neutral(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return a voice's settings without its manner of speaking, which is no part of what it answers.

    A limit on its words leaves room for its thoughts; a script still ends with its line.
    """
    kept = {name: value for name, value in settings.items() if name not in _MANNER}
    limit = settings.get("max_tokens")
    if isinstance(limit, int):
        kept["max_tokens"] = max(limit, ROOM)
    if settings.get("style") == "script":
        kept["stop"] = settings.get("stop")
    return {**kept, **NEUTRAL} if settings.get("ballots") == "grammar" else kept


def schema_of(question: Question) -> dict[str, Any]:
    """Return the JSON schema of an answer: an object whose one property is the label of an option.

    It depends on the labels alone, so that providers, which cache by it, see few different ones.
    """
    answer = {"type": "string", "enum": list(labels(question))}
    return {
        "type": "object",
        "properties": {ANSWER: answer},
        "required": [ANSWER],
        "additionalProperties": False,
    }


def grammar_of(question: Question) -> str:
    """Return the grammar of an answer, as llama.cpp reads it: the label of an option and nothing else."""
    return "root ::= " + " | ".join(json.dumps(label, ensure_ascii=False) for label in labels(question))


def chat_hold(question: Question, way: object, *, odds: bool) -> dict[str, Any]:
    """Return what has Chat Completions hold an answer to the options, and tell their probabilities with `odds`."""
    told: dict[str, Any] = {"logprobs": True, "top_logprobs": MANY if way == "grammar" else LIKELIEST} if odds else {}
    match way:
        case "schema":
            schema = {"name": _NAME, "strict": True, "schema": schema_of(question)}
            return {"response_format": {"type": "json_schema", "json_schema": schema}} | told
        case "grammar":
            # A model that thinks first would have its thoughts held to the grammar, which then is no answer.
            held = {"grammar": grammar_of(question), "chat_template_kwargs": {"enable_thinking": False}}
            return held | told | ({"post_sampling_probs": True} if odds else {})
        case _:
            return {}


def script_hold(question: Question, way: object, *, odds: bool) -> dict[str, Any]:
    """Return what has Completions hold an answer to the options: a grammar, where the server knows those."""
    if way != "grammar":
        return {}
    told = {"logprobs": MANY, "post_sampling_probs": True} if odds else {}
    return {"grammar": grammar_of(question)} | told


def response_hold(question: Question, way: object, *, odds: bool) -> dict[str, Any]:
    """Return what has Responses hold an answer to the options; what it is to include comes in `include`."""
    if way != "schema":
        return {}
    schema = {"type": "json_schema", "name": _NAME, "strict": True, "schema": schema_of(question)}
    told = {"include": [_LISTED], "top_logprobs": LIKELIEST} if odds else {}
    return {"text": {"format": schema}} | told


def message_hold(question: Question, way: object) -> dict[str, Any]:
    """Return what has Messages hold an answer to the options, for its `output_config`."""
    return {"format": {"type": "json_schema", "schema": schema_of(question)}} if way == "schema" else {}


def not_held(trouble: Trouble, status: int, message: str, request: Mapping[str, Any]) -> Trouble:
    """Where a server refuses what holds an answer to the options, have the same asked plainly.

    Servers say that in too many words to know them all; where it was something else, it is refused once more.
    """
    odd = "logprobs" in message.lower()
    if trouble.full or not (status in _REFUSED or (status == _FORBIDDEN and odd)):
        return trouble
    fewer = _plainer(request["body"], message)
    return replace(trouble, retry=True, instead={**request, "body": fewer}) if fewer is not None else trouble


def _plainer(body: Body, message: str) -> dict[str, Any] | None:
    """Return a refused request without what its server may not know: probabilities alone, or all that holds an answer.

    `message` is the server's refusal. None where there is nothing to leave out.
    """
    fewer = _without_odds(body)
    if fewer == body or "logprobs" not in message.lower():
        fewer = {name: value for name, value in fewer.items() if name not in _HOLDS}
        for outer in ("text", "output_config"):
            held = cast("dict[str, Any]", body.get(outer) or {})
            inner = {name: value for name, value in held.items() if name != "format"}
            fewer |= {outer: inner} if inner else {}
    return None if fewer == body else fewer


_HOLDS = ("response_format", "format", "grammar", "chat_template_kwargs", "text", "output_config")


def _without_odds(body: Body) -> dict[str, Any]:
    fewer = {name: value for name, value in body.items() if name not in _ODDS}
    if _LISTED in fewer.get("include", ()):
        fewer["include"] = [name for name in fewer["include"] if name != _LISTED]
    return fewer if fewer.get("include", True) else {name: value for name, value in fewer.items() if name != "include"}


async def answers(stream: Stream, messages: Sequence[Message], ask: Question, name: str) -> AsyncGenerator[Delta]:
    """Stream a voice's answer to a question, asking once more where no option can be made out.

    `stream` has the voice speak for what is asked; `name` is who it speaks for. Both requests are told as attempts.
    """
    put = asked(messages, ask)
    request: Mapping[str, Any] = {}
    while True:
        said, done = "", Done()
        async with aclosing(stream(put)) as deltas:
            async for delta in deltas:
                match delta:
                    case Attempt():
                        request = delta.request
                        yield delta
                    case Failed():
                        if said:  # it is kept beside the record, and counted, like the words of any other attempt
                            yield Words(said)
                        said = ""
                        yield delta
                    case Words(text):
                        said += text
                    case Done():
                        done = delta
                    case Thinking() | Chosen() | Paused():  # exhaustive
                        yield delta
        chosen = _chosen(said, done, ask, request, again=put.again) if done.stop == "end" else None
        if chosen or put.again or done.stop != "end":
            break
        yield Words(said)
        yield Failed(UNREAD, 0.0, done.request_id, done.usage)
        put = _again(put, said, name, ask)
    if chosen is None:
        yield Words(said)
    yield chosen or Chosen("", how=f"{UNREAD}, asked twice" if put.again else UNREAD)
    yield done


def _chosen(said: str, done: Done, ask: Question, request: Mapping[str, Any], *, again: bool) -> Chosen | None:
    """Return the answer that words come to, and how it was got; None where they name no option."""
    way = _held_to(request.get("body", {}))
    by_label = dict(zip(labels(ask), ask.options, strict=True)).get(said.strip(), "") if way == "a grammar" else ""
    in_json = read_json(said, ask) if not by_label else None
    answer = by_label or (read_words(said, ask) if in_json is None else in_json)
    if not answer:
        return None
    held = bool(by_label) or (way == "a schema" and in_json is not None)
    how = f"held to {way}" if held else "read from the words"
    known = odds(said, done.tokens, ask) if held else None
    if known:
        # What was said is one draw from these; the most probable is what the next asking would say as well.
        answer = ask.options[known.index(max(known))]
        how += ", the most probable"
    return Chosen(answer, known, f"{how}, asked twice" if again else how)


def _held_to(body: Body) -> str:
    if "grammar" in body:
        return "a grammar"
    formats = (
        body.get("response_format"),
        body.get("format"),
        *map(_format, (body.get("text"), body.get("output_config"))),
    )
    return "a schema" if any(formats) else ""


def _format(outer: object) -> object:
    return cast("dict[str, Any]", outer).get("format") if isinstance(outer, dict) else None
