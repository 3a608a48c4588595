"""What the fakes do where a request holds its answer to some options: the providers' rules for it, and an answer held.

The wordings of refusals are those that users of the providers report, but for Anthropic's, which nobody has.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fakes.replies import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.replies import Reply

Body = dict[str, Any]

Holding = Literal["held", "ignored", "refused"]
"""What a server does with a schema or a grammar: hold to it, ignore it, or say that it knows no such thing."""

MOST_LIKELY = 20
"""Tokens whose probabilities OpenAI tells at most."""


def _bad(message: str) -> Refused:
    return Refused(400, "invalid_request_error", message)


def check_message(body: Body, holding: Holding) -> None:
    """Refuse what Anthropic does of `output_config.format`."""
    form = body.get("output_config", {}).get("format")
    if form is None:
        return
    if holding == "refused" or re.match(r"claude-(?:3|(?:sonnet|opus)-4-2)", body["model"]):
        raise _bad("output_config.format: this model does not support structured outputs.")
    if set(form) != {"type", "schema"} or form["type"] != "json_schema":
        raise _bad("output_config.format.type: Input should be 'json_schema'")
    if form["schema"].get("additionalProperties") is not False:
        raise _bad(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )


def check_chat(body: Body, holding: Holding) -> None:
    """Refuse what OpenAI's Chat Completions, and servers of its kind, do of `response_format` and `logprobs`."""
    asked = body.get("response_format")
    if asked is not None:
        if holding == "refused" or body["model"].startswith(("gpt-4-", "gpt-3.5")):
            raise _bad("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.")
        _check_schema(asked["json_schema"])
    if "grammar" in body and (holding == "refused" or grammar_options(body["grammar"]) is None):
        raise _bad("Failed to parse grammar")
    if body.get("logprobs") and re.match(r"gpt-5|o\d", body["model"]):
        raise Refused(403, "", "You are not allowed to request logprobs from this model")
    if "top_logprobs" in body and not body.get("logprobs"):
        raise _bad("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
    if body.get("top_logprobs", 0) > MOST_LIKELY and "grammar" not in body:
        raise _bad("Invalid value for 'top_logprobs': must be less than or equal to 20.")


def check_response(body: Body, holding: Holding, *, reasons: bool) -> None:
    """Refuse what OpenAI's Responses do of `text.format` and `top_logprobs`."""
    form = body.get("text", {}).get("format")
    if form is not None:
        if holding == "refused" or body["model"].startswith(("gpt-4-", "gpt-3.5")):
            raise _bad("Invalid parameter: 'text.format' of type 'json_schema' is not supported with this model.")
        if form.get("type") != "json_schema":
            raise _bad("Invalid value for 'text.format.type'")
        _check_schema(form)
    if ("top_logprobs" in body or "message.output_text.logprobs" in body.get("include", ())) and reasons:
        raise _bad("logprobs are not supported with reasoning models.")
    if body.get("top_logprobs", 0) > MOST_LIKELY:
        raise _bad("Invalid value for 'top_logprobs': must be less than or equal to 20.")


def _check_schema(named: Mapping[str, Any]) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", named.get("name", "")):
        raise _bad("Invalid 'response_format.json_schema.name': string does not match pattern.")
    schema = named["schema"]
    begins = f"Invalid schema for response_format '{named['name']}': In context=(), "
    if named.get("strict") is not True:
        return
    if schema.get("additionalProperties") is not False:
        raise _bad(f"{begins}'additionalProperties' is required to be supplied and to be false.")
    missing = schema["properties"].keys() - set(schema.get("required", ()))
    if missing:
        raise _bad(
            f"{begins}'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{min(missing)}'."
        )


def grammar_options(grammar: str) -> list[str] | None:
    """Return the words of a grammar that is one choice of words, None where it is none."""
    root = re.fullmatch(r'root ::= ((?:"(?:[^"\\]|\\.)*"(?: \| (?=")|$))+)', grammar)
    return [json.loads(word) for word in re.findall(r'"(?:[^"\\]|\\.)*"', root[1])] if root else None


def held(body: Body, reply: Reply, holding: Holding) -> Reply:
    """Return a reply as a provider that holds to what the request says can only give it; a refusal is not held."""
    if holding != "held" or reply.stop != "end":
        return reply
    said = "".join(reply.words)
    if "grammar" in body:
        options = grammar_options(body["grammar"]) or []
        return reply if said in options else replace(reply, words=(_forced(said, options),))
    schema = _schema(body)
    if schema is None or _is_valid(said, schema):
        return reply
    [(name, value)] = schema["properties"].items()
    return replace(reply, words=(f'{{"{name}":"', _forced(said, value["enum"]), '"}'))


def _schema(body: Body) -> Body | None:
    chat = body.get("response_format", {}).get("json_schema", {})
    others = (body.get(outer, {}).get("format") or {} for outer in ("text", "output_config"))
    return next((one["schema"] for one in (chat, *others) if "schema" in one), None)


def _forced(said: str, options: list[str]) -> str:
    """Return the option that was meant, or whichever a model comes to that has to name one."""
    return said if said in options else options[len(said) % len(options)]


def _is_valid(said: str, schema: Body) -> bool:
    try:
        told = json.loads(said)
    except ValueError:
        return False
    [(name, value)] = schema["properties"].items()
    return isinstance(told, dict) and set(told) == {name} and told[name] in value["enum"]


def odds_of(body: Body, reply: Reply, number: int) -> Body | None:
    """Return what is told of piece `number` of a reply's words, each a token, where it was asked for."""
    if not body.get("logprobs") and "top_logprobs" not in body:
        return None
    word = reply.words[number]
    likely = dict(reply.odds).get(number, ((word, 0.9), ("~", 0.05)))[: body.get("top_logprobs") or body["logprobs"]]
    own = dict(likely).get(word, 0.001)
    if body.get("post_sampling_probs"):
        return _after(word, own) | {"top_probs": [_after(*one) for one in likely]}
    return _before(word, own) | {"top_logprobs": [_before(*one) for one in likely]}


def _before(word: str, chance: float) -> Body:
    return {"token": word, "bytes": list(word.encode()), "logprob": math.log(chance) if chance else -9999.0}


def _after(word: str, chance: float) -> Body:
    return {"id": len(word), "token": word, "bytes": list(word.encode()), "prob": chance}
