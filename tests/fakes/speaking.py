"""How tests let a voice speak: settled as a user would have it, but without a user's patience."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from fakes.server import KEY, Fake
from moot.transcript import CHAIR, Ballot, Heading, Participant, Text, Thought, Transcript, Turn, freeze
from moot.view import Message
from moot.voices import Failed, Pool, VoiceError, fold
from moot.voices.attempts import Patience
from moot.voices.endpoints import KNOWN
from moot.voices.spec import open_voices, parse, settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    import pytest

    from moot.voices import Delta
    from moot.voices.anthropic import MessagesVoice
    from moot.voices.ollama import OllamaVoice
    from moot.voices.openai import CompatibleVoice, ResponsesVoice

    WireVoice = CompatibleVoice | ResponsesVoice | MessagesVoice | OllamaVoice

WIRES = {
    "chat": "openai:gpt-4o?wire=chat",
    "responses": "openai:gpt-5?wire=responses",
    "script": "openai:davinci?style=script",
    "messages": "anthropic:claude-sonnet-4-5?thinking=1024",
    "ollama": "ollama:qwen3:4b",
}
"""An address for each wire."""

TEXTS = st.one_of(
    st.sampled_from(["", " ", "\n\n", "\u00a0", "yes", "No.", "Ada: me", " spaced ", "a\nb", "<think>x</think>"]),
    st.text(),
)

HELLO = (Message("user", "Bo", "Hello, who is there?"),)
"""A view of one message."""


@dataclass(slots=True)
class Heard:
    """What came of letting a voice speak once: its deltas, how long it waited between tries, and its last error."""

    participant: Participant
    deltas: list[Delta] = field(default_factory=list["Delta"])
    waits: list[float] = field(default_factory=list[float])
    error: VoiceError | None = None

    @property
    def turn(self) -> Turn:
        """The turn that a reader of the record would see."""
        assert self.error is None, self.error
        return fold(self.participant, self.deltas).turn

    @property
    def failures(self) -> list[Failed]:
        """The tries that broke."""
        return [delta for delta in self.deltas if isinstance(delta, Failed)]


@contextmanager
def serve(monkeypatch: pytest.MonkeyPatch, fake: Fake, key: str = KEY) -> Generator[Fake]:
    """Run a fake and point this process's environment at it."""
    with fake:
        for name, url in (("OPENAI", fake.openai_url), ("ANTHROPIC", fake.anthropic_url)):
            monkeypatch.setenv(f"{name}_BASE_URL", url)
            monkeypatch.setenv(f"{name}_API_KEY", key)
        monkeypatch.setenv("OLLAMA_API_KEY", key)
        yield fake


def settled(address: str, name: str = "Ada", brief: str = "Be brief.") -> Participant:
    """Return a participant with an address's settings frozen."""
    spec = parse(address)
    return Participant(name, spec.voice, brief, freeze(settle(spec).settings))


def pool() -> Pool:
    """Return what voices share; Ollama is where this process's environment has its other servers, and wants a key."""
    here = os.environ.get("ANTHROPIC_BASE_URL", KNOWN["ollama"].base_url)
    return Pool({**KNOWN, "ollama": replace(KNOWN["ollama"], base_url=here, key_env="OLLAMA_API_KEY")})


def voice_of(participant: Participant, shared: Pool, *, seed: int = 7, patience: Patience | None = None) -> WireVoice:
    """Open the voice of a participant whose settings were chosen here, with short time-outs."""
    heading = Heading((participant,), seed=seed)
    voice = cast("WireVoice", open_voices(heading, shared, heading.names)[participant.name])
    return replace(voice, patience=patience or Patience(first=5, idle=5))


@asynccontextmanager
async def opened(address: str, patience: Patience | None = None) -> AsyncGenerator[WireVoice]:
    """Open the voice of an address for a while."""
    async with pool() as shared:
        yield voice_of(settled(address), shared, patience=patience)


async def said(
    address: str, view: Sequence[Message] = HELLO, *, brief: str = "Be brief.", first: float = 5, idle: float = 5
) -> Heard:
    """Let the voice of an address speak once, noting the waits instead of waiting."""
    heard = Heard(settled(address, brief=brief))

    async def note(seconds: float) -> None:
        heard.waits.append(seconds)

    patience = Patience(first=first, idle=idle, tail=0.2, sleep=note, jitter=lambda: 1.0)
    async with pool() as shared:
        try:
            async for delta in voice_of(heard.participant, shared, patience=patience).speak(brief, view):
                heard.deltas.append(delta)
        except VoiceError as error:
            heard.error = error
    return heard


def _turn(speaker: str, text: str, thought: str, hearers: tuple[str, ...] | None, *, is_ballot: bool) -> Turn:
    if is_ballot:
        return Turn(speaker, (Ballot("who?", ("yes", "no"), "yes"),), ())
    return Turn(speaker, (Thought(f"SECRET{thought}"), Text(text)), hearers)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Conversations in which Ada takes part, with words that wires find hard, secret thoughts and private turns."""
    names = draw(st.sampled_from([("Ada", "Bo"), ("Ada", "Bo", "Cy"), ("Ada",)]))
    people = tuple(settled(draw(st.sampled_from(list(WIRES.values()))), name) for name in names)
    hearers = st.none() | st.lists(st.sampled_from(names), unique=True).map(tuple)
    speakers = st.sampled_from((*names, CHAIR))
    turn = st.builds(_turn, speakers, TEXTS, st.text(max_size=3), hearers, is_ballot=st.booleans())
    return Transcript(Heading(people), tuple(draw(st.lists(turn, max_size=14))))
