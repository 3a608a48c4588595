"""The voice of a speaker of whom only the words are known: `unknown:NAME`, as an imported text leaves it.

It must never speak: whoever wants to go on chooses another voice for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from moot.voices import VoiceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.transcript import Participant, Question
    from moot.view import Message
    from moot.voices import Delta, Place, Pool
    from moot.voices.spec import Spec


def settle(spec: Spec) -> NoReturn:
    """Raise `VoiceError`: nobody can be cast as this."""
    raise VoiceError(f"{spec.voice} stands for a speaker in a text and cannot speak; choose a voice (moot voices)")


def check(participant: Participant, pool: Pool) -> NoReturn:
    """Raise `VoiceError`, saying how to choose a voice."""
    del pool
    _refuse(participant)


def _refuse(participant: Participant) -> NoReturn:
    how = f"moot fork ID --voice {participant.name!r}=VOICE"
    raise VoiceError(f"the text that {participant.name} comes from names no voice for it; choose one: {how}")


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Unknown:
    """Return a voice that can only say what it has heard."""
    del seed, pool, place
    return Unknown(participant)


class Unknown:
    """A voice that cannot speak."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return what this speaker has heard, as it would be told to any voice."""
        del ask
        return {"brief": brief, "messages": [{"role": one.role, "words": one.words} for one in messages]}

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Raise `VoiceError`."""
        del brief, messages, ask
        _refuse(self._participant)
        yield  # pyright: ignore[reportReturnType, reportUnreachable] - makes this the generator that a voice is
