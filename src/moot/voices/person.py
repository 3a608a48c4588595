"""A person: at this terminal, with Ctrl-D at the end of a turn and Ctrl-D alone to leave, or away.

`person:web` is away, and so is `person:assistant`.

It must never take part of a turn for the whole: what was typed before leaving is not said, and not lost either.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.transcript import sound
from moot.voices import Chosen, Done, Rest, VoiceError, Words
from moot.voices.spec import Settled, parse, with_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from pathlib import Path

    from moot.transcript import Participant, Question
    from moot.view import Message
    from moot.voices import Delta, Place, Pool
    from moot.voices.spec import Spec

AWAY = "web"
"""What stands after `person:` where the person is not at this terminal: a form waits for them."""

ASSISTANT = "assistant"
"""What stands there for a model that comes by way of somebody's assistant (`moot mcp`): it is waited for as well."""


def settle(spec: Spec) -> Settled:
    """Return what a person needs: nothing."""
    if spec.model not in ("", AWAY, ASSISTANT):
        raise VoiceError(f"a person is at this terminal (person) or away (person:{AWAY}), not {spec.voice}")
    return Settled("Assistant" if spec.model == ASSISTANT else "You", with_options(spec, {}, {}))


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where somebody at this terminal has no standard input to type at."""
    del pool
    if not parse(participant.voice).model and (sys.stdin is None or sys.stdin.closed):
        raise VoiceError(f"{participant.name} is a person, and nobody can type here: standard input is closed")


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Person:
    """Return the voice of whoever sits at this terminal, or of somebody who does not."""
    del seed, pool, place
    return Person(participant.name, away=bool(parse(participant.voice).model))


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has typed of a turn that is not on record yet, line by line on disk in a file of their own."""

    path: Path

    def read(self) -> str:
        """Return what is kept; empty where nothing is."""
        try:
            return sound(self.path.read_text("utf-8", errors="replace"))
        except OSError:
            return ""

    def add(self, line: str) -> None:
        """Put a line on disk, in a file that nobody else can read; `OSError` where that cannot be."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode("utf-8", errors="replace"))
            os.fsync(file)
        finally:
            os.close(file)

    def set_aside(self) -> None:
        """Begin anew; what was kept stays in a file beside it until the turn is on record."""
        with suppress(OSError):
            self.path.replace(self._old)

    def forget(self) -> None:
        """Remove what is kept: the turn is on record."""
        with suppress(OSError):
            self._old.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()  # where nobody else's draft is in it

    @property
    def _old(self) -> Path:
        return self.path.with_suffix(".before")


class Person:
    """A voice that is typed; where there is a `draft`, each line is kept in it until the turn is on record."""

    def __init__(self, name: str, draft: Draft | None = None, *, away: bool = False) -> None:
        self._name = name
        self._draft = draft
        self._away = away

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return what a person is shown: all that was said, as it was said, and what is asked."""
        heard = [message.words for message in messages if message.role == "user"]
        asked = {"question": ask.text, "options": list(ask.options)} if ask else {}
        return {"brief": brief, "heard": heard} | asked

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Read lines until Ctrl-D; `Rest` where the first thing typed is Ctrl-D, or the person is away.

        Where something is asked, an option or its number is the answer; anything else is asked for once more.
        """
        del brief
        if self._away:
            raise Rest
        self._tell(f"{self._name}, it is your turn (Ctrl-D on a new line ends it, Ctrl-D alone leaves):")
        if ask is None:
            yield Words((await self._composed(messages)).rstrip("\n"))
            yield Done()
            return
        typed = await self._answer(ask)
        if not option_of(typed, ask):
            typed = await self._answer(ask)
        if answer := option_of(typed, ask):
            yield Chosen(answer, how="typed")
        else:
            yield Words(typed.rstrip("\n"))
        yield Done()

    async def _answer(self, ask: Question) -> str:
        self._tell(shown(ask))
        return _something(await _typed())

    async def _composed(self, messages: Sequence[Message]) -> str:
        """Return a turn's words, from the draft that is kept of it where the person goes on from there."""
        draft = self._draft
        if draft is None:
            return _something(await _typed())
        own = [message.text for message in messages if message.role == "assistant"]
        kept = draft.read()
        if own and kept.rstrip("\n") == own[-1]:  # it was put on record just before moot was killed
            draft.forget()
            kept = ""
        if kept.strip():
            lines = "".join(f"  {line}\n" for line in _harmless(kept).splitlines())
            self._tell(f"Your draft is kept:\n{lines}An empty line goes on from it, anything else begins anew.")
        try:
            return _something(await _typed(draft, kept if kept.strip() else ""))
        except asyncio.CancelledError:
            if draft.read().strip():
                self._tell("\nYour draft is kept: it is offered when you resume.")
            raise

    def _tell(self, line: str) -> None:
        if sys.stdin.isatty():
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def shown(ask: Question) -> str:
    """Return a question as a person is asked it, with its options numbered."""
    return "\n".join([ask.text, *(f"  {number}  {one}" for number, one in enumerate(ask.options, 1))])


def option_of(typed: str, ask: Question) -> str:
    """Return the option that was typed, or whose number was; empty where it is neither."""
    numbered = {str(number): option for number, option in enumerate(ask.options, 1)}
    return typed.strip() if typed.strip() in ask.options else numbered.get(typed.strip(), "")


def _something(typed: str) -> str:
    if not typed.strip():
        raise Rest
    return typed


def _harmless(text: str) -> str:
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


async def _typed(draft: Draft | None = None, kept: str = "") -> str:
    """Read the terminal to the next Ctrl-D in a thread that nobody has to wait for when the program ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def end(text: str, error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(text)
        else:
            answer.set_exception(error)

    def read() -> None:
        text, error = "", None
        try:
            text = "".join(_lines(draft, kept, answer))
        except (OSError, UnicodeDecodeError) as trouble:
            error = VoiceError(f"what is typed here cannot be read or kept ({trouble})")
        if not loop.is_closed():
            loop.call_soon_threadsafe(end, text, error)

    threading.Thread(target=read, name="moot-person", daemon=True).start()
    return await answer


def _lines(draft: Draft | None, kept: str, answer: asyncio.Future[str]) -> Iterator[str]:
    """Yield lines as they are typed, each on disk first; an empty first line stands for the draft that is kept."""
    for number, line in enumerate(iter(sys.stdin.readline, "")):
        if answer.done():  # nobody waits for it any more: this is not part of the turn
            return
        if draft and kept and not number:
            if not line.strip():
                if not kept.endswith("\n"):
                    draft.add("\n")
                yield kept if kept.endswith("\n") else f"{kept}\n"
                continue
            draft.set_aside()
        if draft:
            draft.add(line)
        yield line
