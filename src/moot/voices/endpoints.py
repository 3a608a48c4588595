"""Servers that moot knows by name, and what is odd about each, as data.

It must never hold a key, read a file or connect: a user's own endpoints arrive as values of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

WireName = Literal["anthropic", "openai-chat", "openai-responses", "ollama"]
BallotWay = Literal["schema", "grammar", "parse"]
LimitName = Literal["max_tokens", "max_completion_tokens"]

WIRE_NAMES: tuple[WireName, ...] = get_args(WireName)


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server wants otherwise than the wire it speaks; frozen into a participant's settings when it is cast.

    `alternate`: neighbouring messages of one role are joined, as many templates demand; else each turn is a message of
    its own. `system`: a system message is understood; else the brief opens the first message. `temperature`: sampling
    settings are accepted. `max_tokens`: the name of the length limit. `stream_options`: usage may be asked for in a
    stream. `ballots`: how one of several options is got: a JSON schema, a grammar, or by reading the answer strictly.
    `logprobs`: the probabilities of tokens can be had. `context`: how many tokens the server reads, and is asked to
    read where the wire can ask (0: not known, and not asked); `truncates`: what is beyond it is dropped in silence.
    """

    alternate: bool = True
    system: bool = True
    temperature: bool = True
    max_tokens: LimitName = "max_tokens"
    stream_options: bool = True
    ballots: BallotWay = "parse"
    logprobs: bool = False
    context: int = 0
    truncates: bool = False


USUAL = Quirks()
"""Of a server that says nothing else."""

OF_OLLAMA = Quirks(ballots="schema", logprobs=True, context=8192, truncates=True)
"""Of a server that speaks Ollama's wire: twice the context that it gives a model on most machines."""

HOLDING = Quirks(ballots="schema")
"""Of a server that speaks a wire which has held answers to a schema for long."""

USUAL_OF: Mapping[WireName, Quirks] = MappingProxyType(
    {"anthropic": HOLDING, "openai-responses": HOLDING, "openai-chat": USUAL, "ollama": OF_OLLAMA}
)
"""What is usual of a server, by the wire that it speaks."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: where it is, the variable that holds its key (empty: it wants none), its wire, quirks and limits.

    Limits are per minute and at a time; None is no limit that moot knows of. `own` is whether it is the user's, from
    their configuration, or one that moot knows.
    """

    name: str
    base_url: str
    key_env: str = ""
    wire: WireName = "openai-chat"
    quirks: Quirks = field(default=USUAL)
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    own: bool = False


_TABLE = (
    Endpoint("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "anthropic"),
    Endpoint("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "openai-responses"),
    Endpoint("ollama", "http://localhost:11434", wire="ollama", quirks=OF_OLLAMA, concurrency=1),
    Endpoint("lmstudio", "http://localhost:1234/v1", quirks=Quirks(ballots="schema")),
    Endpoint("vllm", "http://localhost:8000/v1", quirks=Quirks(ballots="schema", logprobs=True)),
    Endpoint("llama-server", "http://localhost:8080/v1", quirks=Quirks(ballots="grammar", logprobs=True)),
    Endpoint("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    Endpoint(
        "google",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        quirks=Quirks(ballots="schema"),
    ),
    Endpoint("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", quirks=Quirks(ballots="schema")),
    Endpoint("xai", "https://api.x.ai/v1", "XAI_API_KEY", quirks=Quirks(ballots="schema")),
    Endpoint("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    Endpoint("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    Endpoint("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
)

KNOWN: Mapping[str, Endpoint] = MappingProxyType({endpoint.name: endpoint for endpoint in _TABLE})
"""The endpoints that work out of the box, by the name that an address begins with."""
