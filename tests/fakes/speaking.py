"""How tests let a voice speak: settled as a user would have it, but without a user's patience."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from fakes.server import KEY, Fake
from moot.transcript import Participant, freeze
from moot.view import Message
from moot.voices import Failed, Place, Pool, VoiceError, fold
from moot.voices import anthropic as anthropic_wire
from moot.voices import openai as openai_wire
from moot.voices.attempts import Patience
from moot.voices.spec import parse, settle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    import pytest

    from moot.transcript import Turn
    from moot.voices import Delta
    from moot.voices.anthropic import MessagesVoice
    from moot.voices.openai import CompatibleVoice, ResponsesVoice

    WireVoice = CompatibleVoice | ResponsesVoice | MessagesVoice

WIRES = {
    "chat": "openai:gpt-4o?wire=chat",
    "responses": "openai:gpt-5?wire=responses",
    "script": "openai:davinci?style=script",
    "messages": "anthropic:claude-sonnet-4-5?thinking=1024",
}
"""An address for each wire."""

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
        yield fake


def settled(address: str, name: str = "Ada", brief: str = "Be brief.") -> Participant:
    """Return a participant with an address's settings frozen."""
    spec = parse(address)
    return Participant(name, spec.voice, brief, freeze(settle(spec).settings))


def voice_of(participant: Participant, pool: Pool, *, seed: int = 7, patience: Patience | None = None) -> WireVoice:
    """Open a participant's voice with short time-outs."""
    wire = anthropic_wire if participant.voice.startswith("anthropic") else openai_wire
    voice = cast("WireVoice", wire.open_voice(participant, seed, pool, Place()))
    return replace(voice, patience=patience or Patience(first=5, idle=5))


@asynccontextmanager
async def opened(address: str, patience: Patience | None = None) -> AsyncGenerator[WireVoice]:
    """Open the voice of an address for a while."""
    async with Pool() as pool:
        yield voice_of(settled(address), pool, patience=patience)


async def said(
    address: str, view: Sequence[Message] = HELLO, *, brief: str = "Be brief.", first: float = 5, idle: float = 5
) -> Heard:
    """Let the voice of an address speak once, noting the waits instead of waiting."""
    heard = Heard(settled(address, brief=brief))

    async def note(seconds: float) -> None:
        heard.waits.append(seconds)

    patience = Patience(first=first, idle=idle, tail=0.2, sleep=note, jitter=lambda: 1.0)
    async with Pool() as pool:
        try:
            async for delta in voice_of(heard.participant, pool, patience=patience).speak(brief, view):
                heard.deltas.append(delta)
        except VoiceError as error:
            heard.error = error
    return heard
