"""The fake Ollama: its own chat, line by line, as releases of three ages speak it.

Checked against docs.ollama.com (api/chat, api/errors) and ollama/ollama: #12888 and #18399 for a context that is full,
#3427, #16414 and #17943 for the counts, #13959 for `truncate`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

from fakes.holding import held, odds_of
from fakes.replies import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.replies import Reply
    from fakes.server import Fake

Body = dict[str, Any]

MISSING = "missing-model"
THINKERS = ("qwen3", "deepseek-r1", "gpt-oss")

_FRAME = {"created_at": "2026-11-24T13:42:29.513274Z"}
_DURATIONS = {"total_duration": 305_000_000, "load_duration": 20_000_000, "prompt_eval_duration": 90_000_000}
_FINISH = {"length": "length", "context": "length"}


class Ollama:
    """Ollama's chat, of one age.

    "new" refuses what is too long where `truncate` is false, and tells what was cached; "old" (before 0.12.6) knows
    neither and drops the oldest messages until the rest fits; "fresh" counts only what was not cached, as few releases
    did.
    """

    kind = "application/x-ndjson"

    def __init__(self, age: Literal["new", "old", "fresh"] = "new") -> None:
        self.age = age

    def check(self, body: Body, fake: Fake) -> None:
        """Refuse what the real one refuses; options that it does not know it ignores."""
        if body["model"] == MISSING:
            raise Refused(404, "", f"model '{MISSING}' not found")
        if not isinstance(body.get("stream", True), bool):
            raise Refused(400, "", "json: cannot unmarshal string into Go struct field ChatRequest.stream of type bool")
        keep = body.get("keep_alive", "5m")
        if isinstance(keep, str) and not re.fullmatch(r"-?(\d+(\.\d+)?(ns|us|ms|s|m|h))+", keep):
            raise Refused(400, "", f'time: invalid duration "{keep}"')
        for name, value in body.get("options", {}).items():
            kind = list if name == "stop" else int if name in ("num_ctx", "num_predict", "seed", "top_k") else float
            if not isinstance(value, (kind, int)) or isinstance(value, bool):
                raise Refused(400, "", f'option "{name}" must be of type {kind.__name__}')
        if body.get("think") and not body["model"].startswith(THINKERS):
            raise Refused(400, "", f'"{body["model"]}" does not support thinking')
        if "format" in body and fake.holding == "refused":
            raise Refused(400, "", f'invalid format: {json.dumps(body["format"])}; expected "json" or a JSON Schema')
        window = _window(body, fake)
        if self.age != "old" and body.get("truncate") is False and prompt_tokens(body) > window:
            raise Refused(400, "", _overlong(prompt_tokens(body), window))

    def events(self, body: Body, reply: Reply, fake: Fake) -> Iterator[str]:
        """Yield thoughts, words and the line that ends them with its counts; without messages, the model is loaded."""
        frame = {"model": body["model"], **_FRAME}
        if not body["messages"]:
            yield _line(frame | {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"})
            return
        for thought in reply.thoughts:
            yield _line(frame | {"message": {"role": "assistant", "content": "", "thinking": thought}, "done": False})
        schema = {"response_format": {"json_schema": {"schema": body["format"]}}} if "format" in body else {}
        reply = held(schema, reply, fake.holding)
        for number, words in enumerate(reply.words):
            said = frame | {"message": {"role": "assistant", "content": words}, "done": False}
            yield _line(said | ({"logprobs": [odds_of(body, reply, number)]} if body.get("logprobs") else {}))
        counts = self._counts(body, reply, fake) if reply.usage else {}
        ending = {"done": True, "done_reason": _FINISH.get(reply.stop, "stop")}
        yield _line(frame | {"message": {"role": "assistant", "content": ""}} | ending | _DURATIONS | counts)

    def _counts(self, body: Body, reply: Reply, fake: Fake) -> Body:
        """Count what was read: one that dropped something says no word of it."""
        read, window = prompt_tokens(body), _window(body, fake)
        if read > window:
            read = kept_tokens(body, window) if self.age == "old" else window // 2 + 2
        known = [json.dumps(body["messages"][:at]) for at in range(1, len(body["messages"]) + 1)]
        seen = max((at for at, one in enumerate(known, 1) if f"ollama {one}" in fake.cache), default=0)
        cached = prompt_tokens({"messages": body["messages"][:seen]})
        fake.cache.update(f"ollama {one}" for one in known)
        counts = {
            "prompt_eval_count": read,
            "eval_count": len(reply.thoughts) + len(reply.words),
            "eval_duration": 180_000_000,
        }
        if self.age == "new":
            return counts | {"prompt_eval_cached_count": min(cached, read)}
        if self.age == "fresh":  # what is 0 is left out, as Go does
            return {
                name: value for name, value in (counts | {"prompt_eval_count": max(read - cached, 0)}).items() if value
            }
        return counts

    def in_band(self, reply: Reply) -> str:
        """Return an error in the middle of a stream: a line of nothing else."""
        return _line({"error": reply.message or "an error was encountered while running the model"})

    def wrong_key(self, key: str) -> tuple[str, str]:
        """Return what a proxy before it says, which knows the key."""
        return "", f"unauthorized: {key}" if key else "unauthorized"


OLLAMAS = {
    "/old/api/chat": Ollama("old"),
    "/fresh/api/chat": Ollama("fresh"),
    "/api/chat": Ollama("new"),
}
"""Which age speaks on which path."""


def prompt_tokens(body: Body) -> int:
    """Return how many tokens a chat's messages are: about four letters each, and what the template adds."""
    return sum(_tokens(message) for message in body["messages"])


def _tokens(message: Body) -> int:
    return 4 + sum(-(-len(word) // 4) for word in message["content"].split())


def _window(body: Body, fake: Fake) -> int:
    """Return how much is read: what was asked for, and no more than the model can."""
    return min(body.get("options", {}).get("num_ctx", 4096), fake.context)


def kept_tokens(body: Body, window: int) -> int:
    """Return what an old release reads: it drops the oldest but for the brief, and cuts a last one that is too long."""
    brief = [one for one in body["messages"] if one["role"] == "system"]
    said = [one for one in body["messages"] if one["role"] != "system"]
    while len(said) > 1 and prompt_tokens({"messages": brief + said}) > window:
        said = said[1:]
    return min(prompt_tokens({"messages": brief + said}), window)


def _overlong(tokens: int, window: int) -> str:
    """Return the words of the engine within, which come as JSON in a string."""
    message = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
    numbers = {"n_prompt_tokens": tokens, "n_ctx": window}
    return json.dumps({"error": {"code": 400, "message": message, "type": "exceed_context_size_error"} | numbers})


def _line(event: Body) -> str:
    return json.dumps(event, ensure_ascii=False) + "\n"
