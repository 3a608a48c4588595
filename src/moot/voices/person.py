"""A person at this terminal: lines as they are typed, Ctrl-D at the end of a turn, Ctrl-D alone to leave.

It must never take part of a turn for the whole: what was typed before leaving is not said.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

from moot.voices import Chosen, Done, Rest, VoiceError, Words
from moot.voices.spec import Settled, with_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.transcript import Participant, Question
    from moot.view import Message
    from moot.voices import Delta, Place, Pool
    from moot.voices.spec import Spec


def settle(spec: Spec) -> Settled:
    """Return what a person needs: nothing."""
    if spec.model:
        raise VoiceError(f"a person can be at this terminal only: write person, not {spec.voice}")
    return Settled("You", with_options(spec, {}, {}))


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where there is no standard input that a person could type at."""
    del pool
    if sys.stdin is None or sys.stdin.closed:
        raise VoiceError(f"{participant.name} is a person, and nobody can type here: standard input is closed")


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Person:
    """Return the voice of whoever sits at this terminal."""
    del seed, pool, place
    return Person(participant.name)


class Person:
    """A voice that is typed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return what a person is shown: all that was said, as it was said, and what is asked."""
        heard = [message.words for message in messages if message.role == "user"]
        asked = {"question": ask.text, "options": list(ask.options)} if ask else {}
        return {"brief": brief, "heard": heard} | asked

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Read lines until Ctrl-D; `Rest` where the first thing typed is Ctrl-D.

        Where something is asked, an option or its number is the answer; anything else is asked for once more.
        """
        del brief, messages
        self._tell(f"{self._name}, it is your turn (Ctrl-D on a new line ends it, Ctrl-D alone leaves):")
        typed = await self._typed(ask)
        if ask and not _option(typed, ask):
            typed = await self._typed(ask)
        if ask and (answer := _option(typed, ask)):
            yield Chosen(answer, how="typed")
        else:
            yield Words(typed.rstrip("\n"))
        yield Done()

    async def _typed(self, ask: Question | None) -> str:
        if ask:
            self._tell("\n".join([ask.text, *(f"  {number}  {one}" for number, one in enumerate(ask.options, 1))]))
        typed = await _typed()
        if not typed.strip():
            raise Rest
        return typed

    def _tell(self, line: str) -> None:
        if sys.stdin.isatty():
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _option(typed: str, ask: Question) -> str:
    numbered = {str(number): option for number, option in enumerate(ask.options, 1)}
    return typed.strip() if typed.strip() in ask.options else numbered.get(typed.strip(), "")


async def _typed() -> str:
    """Read the terminal to the next Ctrl-D in a thread that nobody has to wait for when the program ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def settle_answer(text: str) -> None:
        if not answer.done():
            answer.set_result(text)

    def read() -> None:
        text = "".join(iter(sys.stdin.readline, ""))
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle_answer, text)

    threading.Thread(target=read, name="moot-person", daemon=True).start()
    return await answer
