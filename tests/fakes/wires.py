"""The fakes' four wires: each with the provider's rules for a request and the true order of its events."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol

from fakes.holding import check_chat, check_message, check_response, held, odds_of
from fakes.ollama import OLLAMAS
from fakes.replies import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fakes.replies import Reply
    from fakes.server import Fake

MISSING = "missing-model"
"""The model that no fake has."""

SEALED = "gAAAA-sealed-by-fake"
SIGNATURE = "sig-by-fake"

Body = dict[str, Any]


class Wire(Protocol):
    """What each wire does; `kind` is the content type of its streams."""

    kind: str

    def check(self, body: Body, fake: Fake) -> None:
        """Raise `Refused` where the provider would answer with an error."""

    def events(self, body: Body, reply: Reply, fake: Fake) -> Iterator[str]:
        """Yield the events of a reply as they stand on the wire."""
        ...

    def in_band(self, reply: Reply) -> str:
        """Return an error in mid-stream."""
        ...

    def wrong_key(self, key: str) -> tuple[str, str]:
        """Return the provider's name and words for a key that it does not know: some repeat most of it."""
        ...


def _sse(data: Body, *, named: bool = True) -> str:
    line = json.dumps(data, ensure_ascii=False)
    return f"event: {data['type']}\ndata: {line}\n\n" if named else f"data: {line}\n\n"


def _bad(message: str, code: str = "invalid_request_error") -> Refused:
    return Refused(400, code, message)


def _words(value: object) -> int:
    return len(json.dumps(value).split())


def error_body(path: str, code: str, message: str) -> Body:
    """Return an error as the provider of that path writes it."""
    if path.endswith("/api/chat"):
        return {"error": message}
    if path.endswith("/messages"):
        return {"type": "error", "error": {"type": code, "message": message}, "request_id": "req_fake"}
    if code == "exceed_context_size_error":
        return {"error": {"code": 400, "message": message, "type": code, "n_prompt_tokens": 9999, "n_ctx": 4096}}
    kind = "insufficient_quota" if code == "insufficient_quota" else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code or None}}


class Messages:
    """Anthropic's Messages."""

    kind = "text/event-stream; charset=utf-8"

    def check(self, body: Body, fake: Fake) -> None:
        """Refuse what the real one refuses; neighbours of one role it joins."""
        if body["model"] == MISSING:
            raise Refused(404, "not_found_error", f"model: {MISSING}")
        if "max_tokens" not in body:
            raise _bad("max_tokens: Field required")
        budget = body.get("thinking", {}).get("budget_tokens", 0)
        if budget and budget >= body["max_tokens"]:
            raise _bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
        check_message(body, fake.holding)
        messages = body["messages"]
        if not messages or messages[0]["role"] != "user":
            raise _bad('messages: first message must use the "user" role')
        content = [block for message in messages for block in message["content"]]
        self._check_blocks([*body.get("system", []), *content])
        last = messages[-1]
        if last["role"] == "assistant" and last["content"] != fake.paused:
            if last["content"][-1]["text"] != last["content"][-1]["text"].rstrip():
                raise _bad("messages: final assistant content cannot end with trailing whitespace")
            raise _bad(
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )
        if _words(body) > fake.context:
            raise _bad(f"prompt is too long: {_words(body)} tokens > {fake.context} maximum")

    def _check_blocks(self, blocks: list[Body]) -> None:
        for block in blocks:
            if block["type"] == "text" and not block["text"].strip():
                what = "contain non-whitespace text" if block["text"] else "be non-empty"
                raise _bad(f"messages: text content blocks must {what}")
            if block["type"] == "thinking" and block["signature"] != SIGNATURE:
                raise _bad("messages.1.content.0: Invalid `signature` in `thinking` block")
        marks = sum("cache_control" in block for block in blocks)
        if marks > 4:
            raise _bad(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")

    def events(self, body: Body, reply: Reply, fake: Fake) -> Iterator[str]:
        """Yield message_start, the blocks, message_delta and message_stop, with a ping in between."""
        reply = held(body, reply, fake.holding)
        read, written, fresh = self._cached(body, fake)
        counts = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
        message = {"id": "msg_fake", "type": "message", "role": "assistant", "model": f"{body['model']}-20990101"}
        start: Body = message | {"content": [], "stop_reason": None}
        start |= {"usage": counts | {"output_tokens": 1}} if reply.usage else {}
        yield _sse({"type": "message_start", "message": start})
        if reply.stop == "pause":
            fake.paused = [*(fake.paused if body["messages"][-1]["role"] == "assistant" else ()), *_whole(reply)]
        for index, (block, deltas) in enumerate(self._blocks(reply)):
            yield _sse({"type": "content_block_start", "index": index, "content_block": block})
            yield _sse({"type": "ping"})
            for delta in deltas:
                yield _sse({"type": "content_block_delta", "index": index, "delta": delta})
            yield _sse({"type": "content_block_stop", "index": index})
        stops = {"end": "end_turn", "length": "max_tokens", "pause": "pause_turn"}
        stops |= {"context": "model_context_window_exceeded", "refusal": "refusal", "filtered": "refusal"}
        usage = {"output_tokens": len(reply.words), "output_tokens_details": {"thinking_tokens": len(reply.thoughts)}}
        delta = {"stop_reason": stops[reply.stop], "stop_sequence": None}
        yield _sse({"type": "message_delta", "delta": delta} | ({"usage": usage} if reply.usage else {}))
        yield _sse({"type": "message_stop"})

    def _blocks(self, reply: Reply) -> Iterable[tuple[Body, list[Body]]]:
        if reply.thoughts:
            thinking = [{"type": "thinking_delta", "thinking": thought} for thought in reply.thoughts]
            thinking.append({"type": "signature_delta", "signature": SIGNATURE})
            yield {"type": "thinking", "thinking": "", "signature": ""}, thinking
        if reply.redacted:
            yield {"type": "redacted_thinking", "data": SEALED}, []
        if reply.words:
            yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": words} for words in reply.words]

    def _cached(self, body: Body, fake: Fake) -> tuple[int, int, int]:
        """Count what is read from the cache, written to it and neither, as marks and a look back of 20 blocks say."""
        blocks = [("system", block) for block in body.get("system", [])]
        blocks += [(message["role"], block) for message in body["messages"] for block in message["content"]]
        marks = [number for number, (_, block) in enumerate(blocks) if "cache_control" in block]
        names: list[str] = []
        sizes: list[int] = []
        # What the answer is held to is told to the model before all else, and so begins what is cached.
        begin = json.dumps(body.get("output_config", {}).get("format"))
        for role, block in blocks:
            bare = json.dumps([role, {name: value for name, value in block.items() if name != "cache_control"}])
            names.append(hashlib.sha256(((names[-1] if names else begin) + bare).encode()).hexdigest())
            sizes.append((sizes[-1] if sizes else 0) + len(bare.split()))
        seen = [at for mark in marks for at in range(max(mark - 20, 0), mark + 1) if names[at] in fake.cache]
        read = sizes[max(seen)] if seen else 0
        fake.cache.update(names[mark] for mark in marks)
        until = sizes[marks[-1]] if marks else read
        return read, max(until - read, 0), sizes[-1] - max(until, read)

    def in_band(self, reply: Reply) -> str:
        """Return Anthropic's `error` event."""
        error = {"type": reply.code or "overloaded_error", "message": reply.message or "Overloaded"}
        return _sse({"type": "error", "error": error, "request_id": "req_fake"})

    def wrong_key(self, key: str) -> tuple[str, str]:
        """Return Anthropic's words."""
        return "authentication_error", "invalid x-api-key" if key else "x-api-key header is required"


def _whole(reply: Reply) -> Iterable[Body]:
    """Return the blocks of a reply as they are to be given back where it goes on after a pause."""
    if reply.thoughts:
        yield {"type": "thinking", "thinking": "".join(reply.thoughts), "signature": SIGNATURE}
    if reply.redacted:
        yield {"type": "redacted_thinking", "data": SEALED}
    if reply.words:
        yield {"type": "text", "text": "".join(reply.words)}


class Responses:
    """OpenAI's Responses."""

    kind = "text/event-stream; charset=utf-8"

    def check(self, body: Body, fake: Fake) -> None:
        """Refuse what the real one refuses."""
        reasons = body["model"].startswith(("gpt-5", "o3", "o4"))
        if body["model"] == MISSING:
            raise Refused(
                404, "model_not_found", f"The model `{MISSING}` does not exist or you do not have access to it."
            )
        known = {"model", "input", "instructions", "stream", "store", "include", "reasoning", "temperature", "top_p"}
        for name in body.keys() - known - {"max_output_tokens", "text", "top_logprobs"}:
            raise _bad(f"Unknown parameter: '{name}'.", "unknown_parameter")
        check_response(body, fake.holding, reasons=reasons)
        if "reasoning.encrypted_content" in body.get("include", []) and not reasons:
            raise _bad("Encrypted content is not supported with this model.")
        if "temperature" in body and reasons:
            raise _bad(
                "Unsupported parameter: 'temperature' is not supported with this model.", "unsupported_parameter"
            )
        for item in body["input"]:
            if item.get("type") == "reasoning" and "id" in item:
                raise Refused(
                    404,
                    "",
                    f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false.",
                )
            if item.get("type") == "reasoning" and item["encrypted_content"] != SEALED:
                raise _bad("The encrypted content could not be verified.", "invalid_encrypted_content")
        if _words(body) > fake.context:
            raise _bad(
                "Your input exceeds the context window of this model. Please adjust your input and try again.",
                "context_length_exceeded",
            )

    def events(self, body: Body, reply: Reply, fake: Fake) -> Iterator[str]:
        """Yield the events of one response, numbered."""
        for number, event in enumerate(self._events(body, held(body, reply, fake.holding))):
            yield _sse(event | {"sequence_number": number})

    def _events(self, body: Body, reply: Reply) -> Iterator[Body]:
        response: Body = {"id": "resp_fake", "object": "response", "model": f"{body['model']}-2099-01-01", "output": []}
        yield {"type": "response.created", "response": response | {"status": "in_progress"}}
        yield {"type": "response.in_progress", "response": response | {"status": "in_progress"}}
        if reply.thoughts:
            yield from self._reasoning(reply)
        item: Body = {"id": "msg_fake", "type": "message", "role": "assistant", "content": [], "status": "in_progress"}
        if reply.words:
            yield {"type": "response.output_item.added", "output_index": 1, "item": item}
            part = {"type": "refusal" if reply.stop == "refusal" else "output_text"}
            yield {"type": "response.content_part.added", "item_id": "msg_fake", "part": part}
            listed = "message.output_text.logprobs" in body.get("include", ())
            for number, words in enumerate(reply.words):
                told = [odds_of(body, reply, number)] if listed else []
                delta = {"item_id": "msg_fake", "delta": words, "logprobs": told}
                yield {"type": f"response.{part['type']}.delta"} | delta
            yield {"type": f"response.{part['type']}.done", "item_id": "msg_fake"}
            yield {"type": "response.output_item.done", "output_index": 1, "item": item | {"status": "completed"}}
        why = {"length": "max_output_tokens", "filtered": "content_filter"}.get(reply.stop)
        ending = {"status": "incomplete", "incomplete_details": {"reason": why}} if why else {"status": "completed"}
        usage = {
            "input_tokens": _words(body),
            "input_tokens_details": {"cached_tokens": 3},
            "output_tokens": len(reply.words),
            "output_tokens_details": {"reasoning_tokens": len(reply.thoughts)},
        }
        ending |= {"usage": usage} if reply.usage else {}
        yield {"type": f"response.{ending['status']}", "response": response | ending}

    def _reasoning(self, reply: Reply) -> Iterator[Body]:
        item: Body = {"id": "rs_fake", "type": "reasoning", "summary": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        for index, thought in enumerate(reply.thoughts):
            yield {"type": "response.reasoning_summary_part.added", "item_id": "rs_fake", "summary_index": index}
            yield {"type": "response.reasoning_summary_text.delta", "summary_index": index, "delta": thought}
        summary = [{"type": "summary_text", "text": thought} for thought in reply.thoughts]
        done = item | {"summary": summary, "encrypted_content": SEALED}
        yield {"type": "response.output_item.done", "output_index": 0, "item": done}

    def in_band(self, reply: Reply) -> str:
        """Return a response that failed in mid-stream."""
        error = {"code": reply.code or "server_error", "message": reply.message or "The server had an error."}
        response = {"id": "resp_fake", "status": "failed", "error": error}
        return _sse({"type": "response.failed", "sequence_number": 99, "response": response})

    def wrong_key(self, key: str) -> tuple[str, str]:
        """Return OpenAI's words, which repeat both ends of the key."""
        return "invalid_api_key", f"Incorrect API key provided: {key[:12]}***{key[-4:]}."


class Chat(Responses):
    """Chat Completions, of OpenAI's own or of a compatible server."""

    def check(self, body: Body, fake: Fake) -> None:
        """Refuse a missing model, unknown options, an overlong prompt and, where strict, roles out of turn."""
        if body["model"] == MISSING:
            raise Refused(404, "model_not_found", f"The model `{MISSING}` does not exist.")
        if "stream_options" in body and not fake.stream_options:
            raise _bad("Unrecognized request argument supplied: stream_options")
        check_chat(body, fake.holding)
        roles = [message["role"] for message in body.get("messages", ()) if message["role"] != "system"]
        alternating = ["user", "assistant"] * len(roles)
        if fake.strict and (roles != alternating[: len(roles)] or roles[-1:] != ["user"]):
            raise _bad("Conversation roles must alternate user/assistant/user/assistant/...")
        if any(not message["content"].strip() for message in body.get("messages", ())):
            raise _bad("message content must not be empty")
        if _words(body) > fake.context:
            raise _bad("the request exceeds the available context size, try increasing it", "exceed_context_size_error")

    def events(self, body: Body, reply: Reply, fake: Fake) -> Iterator[str]:
        """Yield the chunks and [DONE]."""
        frame: Body = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": body["model"]}
        for choice in self._choices(body, held(body, reply, fake.holding)):
            yield _sse(frame | {"choices": [choice]}, named=False)
        if reply.usage and body.get("stream_options", {}).get("include_usage"):
            usage = {
                "prompt_tokens": _words(body),
                "completion_tokens": len(reply.words),
                "prompt_tokens_details": {"cached_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": len(reply.thoughts)},
            }
            yield _sse(frame | {"choices": [], "usage": usage}, named=False)
        yield "data: [DONE]\n\n"

    def _choices(self, body: Body, reply: Reply) -> Iterator[Body]:
        yield {"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}
        for number, thought in enumerate(reply.thoughts):
            name = "reasoning" if number % 2 else "reasoning_content"
            yield {"index": 0, "delta": {name: thought}, "finish_reason": None}
        for number, words in enumerate(reply.words):
            name = "refusal" if reply.stop == "refusal" else "content"
            yield {"index": 0, "delta": {name: words}, "finish_reason": None} | _told(body, reply, number)
        yield {"index": 0, "delta": {}, "finish_reason": _FINISH[reply.stop]}

    def in_band(self, reply: Reply) -> str:
        """Return an error object where a chunk should be."""
        error = {"message": reply.message or "The server had an error.", "code": reply.code or "server_error"}
        return _sse({"error": error}, named=False)


def _told(body: Body, reply: Reply, number: int) -> Body:
    odds = odds_of(body, reply, number)
    return {"logprobs": {"content": [odds]}} if odds else {}


_FINISH = {
    "end": "stop",
    "length": "length",
    "refusal": "stop",
    "filtered": "content_filter",
    "pause": "stop",
    "context": "length",
}


class Completions(Chat):
    """Completions: a prompt and its continuation."""

    def _choices(self, body: Body, reply: Reply) -> Iterator[Body]:
        for number, words in enumerate(reply.words):
            yield {"index": 0, "text": words, "finish_reason": None} | _told(body, reply, number)
        yield {"index": 0, "text": "", "finish_reason": _FINISH[reply.stop]}


WIRES: dict[str, Wire] = {
    "/v1/messages": Messages(),
    "/responses": Responses(),
    "/chat/completions": Chat(),
    "/completions": Completions(),
    **OLLAMAS,
}
"""Which wire speaks on which path; the longer path first."""
