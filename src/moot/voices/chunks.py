"""What the events of OpenAI's streams mean: chunks of completions and events of Responses, read into words.

It must never know how an event came or send anything: events arrive as plain JSON.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from moot.transcript import canonical
from moot.voices import Done, Thinking, Token, Usage, Words
from moot.voices.attempts import OUT_OF_ORDER, Trouble, judge_in_stream
from moot.voices.wire import Edges, Sentences, ThoughtTags, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moot.transcript import Stop
    from moot.voices.attempts import Sign


class CompletionReader:
    """Reads Chat Completions' and Completions' chunks."""

    def __init__(self, sentences: int, *, is_script: bool) -> None:
        self.over = False
        self.request_id = ""
        self._tags = None if is_script else ThoughtTags()
        self._edges = Edges() if is_script else None
        self._sentences = Sentences(sentences)
        self._finish = ""
        self._refused = False
        self._usage = Usage()
        self._model = ""
        self._tokens: list[Token] = []

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        """Yield what an event says."""
        self._model = _text(event.get("model")) or self._model
        self.request_id = self.request_id or _text(event.get("id"))
        match event:
            case {"usage": {**counts}}:
                self._usage = _chat_usage(counts)
            case {"timings": {**timings}}:  # llama.cpp's, with each word where that was asked for
                counts = None
                self._usage = _timed_usage(timings)
            case _:
                counts = None
        match event:
            case {"choices": [{**choice}, *_]}:
                delta = choice.get("delta") or choice
                match choice.get("logprobs"):
                    case {"content": [*told]}:
                        self._tokens += tokens(told, _text(delta.get("content")) or _text(delta.get("text")))
                    case _:
                        pass
                yield from self._delta(delta)
                finish = _text(choice.get("finish_reason"))
            case _:
                finish = ""
        if finish and self._tags and not self.over:
            yield from self._said(self._tags.end())
        self._finish = self._finish or finish
        if self.over or finish or (counts is not None and self._finish):
            yield self._ending()

    def _delta(self, delta: Mapping[str, Any]) -> Iterable[Sign]:
        thought = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        if thought:
            yield Thinking(thought)
        refusal = _text(delta.get("refusal"))
        self._refused = self._refused or bool(refusal)
        said = _text(delta.get("content")) or _text(delta.get("text")) or refusal
        yield from self._said(self._tags.feed(said) if self._tags else [Words(said)])

    def _said(self, pieces: Iterable[Words | Thinking]) -> Iterable[Sign]:
        for piece in pieces:
            if isinstance(piece, Thinking):
                yield piece
            elif not self.over:
                words = self._sentences.feed(piece.text)
                words = self._edges.feed(words) if self._edges else words
                self.over = self._sentences.over
                if words:
                    yield Words(words)

    def _ending(self) -> Done | Trouble:
        if self._finish == "error" and not self.over:
            return Trouble("the server broke off", request_id=self.request_id)
        stop = "end" if self.over else _FINISH.get(self._finish, "end")
        stop = "refusal" if self._refused and stop == "end" else stop
        return Done(stop, self._usage, self._model, self.request_id, tuple(self._tokens))


def tokens(told: Sequence[object], words: str) -> tuple[Token, ...]:
    """Return what a server tells of the tokens of these words; nothing where it tells of other ones.

    Other ones are thoughts, marks of the template, or a character that several tokens make up.
    """
    found = tuple(_token(cast("dict[str, Any]", one)) for one in told if isinstance(one, dict))
    return found if words and "".join(token.text for token in found) == words else ()


def _token(told: Mapping[str, Any]) -> Token:
    """Return one token: llama.cpp gives probabilities after sampling where OpenAI gives logarithms before it."""
    others = told.get("top_logprobs") or told.get("top_probs")
    likely = [_chance(cast("dict[str, Any]", one)) for one in others or () if isinstance(one, dict)]
    least = min((chance for _, chance in likely), default=1.0)
    own = _chance(told)
    return Token(own[0], tuple(likely if own[0] in (text for text, _ in likely) else [*likely, own]), least)


def _chance(told: Mapping[str, Any]) -> tuple[str, float]:
    match told:
        case {"token": str(text), "prob": float(chance) | int(chance)} if 0 <= chance <= 1:
            return text, float(chance)
        case {"token": str(text), "logprob": float(chance) | int(chance)} if not math.isnan(chance):
            return text, math.exp(min(chance, 0.0))
        case _:
            return _text(told.get("token")), 0.0


def _timed_usage(timings: Mapping[str, Any]) -> Usage:
    cached, read = _count(timings, "cache_n"), _count(timings, "prompt_n")
    whole = None if cached is None or read is None else cached + read
    return Usage(whole, cached, output=_count(timings, "predicted_n"))


_FINISH: Mapping[str, Stop] = {"length": "length", "content_filter": "filtered"}
"""Reasons to finish that are not the plain end of a turn."""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(counts: Mapping[str, Any], name: str, within: str = "") -> int | None:
    inner: Any = counts.get(within) if within else counts
    value = cast("dict[str, Any]", inner).get(name) if isinstance(inner, dict) else None
    return count(value)


def _chat_usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=_count(counts, "prompt_tokens"),
        cached=_count(counts, "cached_tokens", "prompt_tokens_details"),
        output=_count(counts, "completion_tokens"),
        reasoning=_count(counts, "reasoning_tokens", "completion_tokens_details"),
    )


class ResponseReader:
    """Reads the events of a response."""

    def __init__(self) -> None:
        self.over = False
        self.request_id = ""
        self._said = False
        self._refused = False
        self._tokens: list[Token] = []
        self._numbers: set[int] = set()
        self._highest = 0

    def read(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        """Yield what an event says; nothing where it came before, as its number tells."""
        number = event.get("sequence_number")
        if isinstance(number, int) and number < self._highest and number not in self._numbers:
            yield Trouble(OUT_OF_ORDER, request_id=self.request_id)
        elif number not in self._numbers or not self._highest:  # some servers number nothing, or all alike
            yield from self._said_by(event)
        if isinstance(number, int):
            self._numbers.add(number)
            self._highest = max(self._highest, number)

    def _said_by(self, event: Mapping[str, Any]) -> Iterable[Sign]:
        match event:
            case {"type": "response.output_text.delta", "delta": str(words)}:
                self._said = True
                self._tokens += tokens(event.get("logprobs") or (), words)
                yield Words(words)
            case {"type": "response.refusal.delta", "delta": str(words)}:
                self._said = self._refused = True
                yield Words(words)
            case {
                "type": "response.reasoning_summary_text.delta" | "response.reasoning_text.delta",
                "delta": str(thought),
            }:
                yield Thinking(thought)
            case {"type": "response.reasoning_summary_part.added", "summary_index": int(index)} if index > 0:
                yield Thinking("\n\n")
            case {"type": "response.output_item.added", "item": {"type": "message"}} if self._said:
                yield Words("\n\n")
            case {"type": "response.output_item.done", "item": {"type": "reasoning", "encrypted_content": str(sealed)}}:
                yield Thinking(seal=_seal(event["item"].get("summary"), sealed))
            case {"type": "response.completed" | "response.incomplete", "response": {**response}}:
                yield self._done(response)
            case {"type": "response.failed", "response": {"error": {**error}}}:
                yield self._failed(error)
            case {"type": "error"}:
                yield self._failed(event)
            case _:
                return

    def _done(self, response: Mapping[str, Any]) -> Done:
        stop: Stop = "refusal" if self._refused else "end"
        match response.get("incomplete_details"):
            case {"reason": "max_output_tokens"}:
                stop = "length"
            case {"reason": "content_filter"}:
                stop = "filtered"
            case _:
                pass
        counts: Mapping[str, Any] = response.get("usage") or {}
        usage = Usage(
            input=_count(counts, "input_tokens"),
            cached=_count(counts, "cached_tokens", "input_tokens_details"),
            output=_count(counts, "output_tokens"),
            reasoning=_count(counts, "reasoning_tokens", "output_tokens_details"),
        )
        request_id = self.request_id or _text(response.get("id"))
        return Done(stop, usage, _text(response.get("model")), request_id, tuple(self._tokens))

    def _failed(self, error: Mapping[str, Any]) -> Trouble:
        return judge_in_stream(_text(error.get("code")), _text(error.get("message")), self.request_id)


def _seal(summary: object, sealed: str) -> str:
    """Return a sealed thought as the item to give back: without its id, by which nothing is kept over there."""
    return canonical({"type": "reasoning", "summary": summary or [], "encrypted_content": sealed})
