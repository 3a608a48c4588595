"""Words known beforehand: a line a turn of a file, or one speaker's turns of a recorded conversation.

A line of a script that reads `? ANSWER|ANSWER: WORDS` is no turn but an answer to each question that holds those words
(or to any, where there are none; of "WORDS … WORDS" both): the first before anything is heard, the next after one
message, and so on; the last one stays.

This file must never read a script or the record again once the conversation has begun: its words are in the heading.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moot.voices import Attempt, Chosen, Done, VoiceError, Words
from moot.voices.spec import Settled, with_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.transcript import Participant, Question
    from moot.view import Message
    from moot.voices import Delta, Place, Pool
    from moot.voices.spec import Spec

_VOTE = re.compile(r"\? ([^:]+): ?(.*)")

LARGEST_SCRIPT = 4 * 1024 * 1024
"""Bytes of a script that are still a script."""


def settle(spec: Spec) -> Settled:
    """Return the lines of a script as settings; `pace` is how many seconds each word takes.

    A `replay:` has its lines put in by whoever can read the record: `settings["lines"]`.
    """
    settings = with_options(spec, {"pace": 0.0}, {})
    if spec.kind == "replay":
        return Settled("", settings)
    path = Path(spec.model).expanduser()
    try:
        if path.stat().st_size > LARGEST_SCRIPT:
            raise VoiceError(f"the script {spec.model} is larger than {LARGEST_SCRIPT >> 20} MiB")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise VoiceError(f"the script {spec.model} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise VoiceError(f"the script {spec.model} is not UTF-8 text") from None
    name = re.sub(r"[\W_]+", " ", path.stem).strip()[:40] or "Script"
    return Settled(name, settings | {"lines": tuple(text.splitlines())})


def check(participant: Participant, pool: Pool) -> None:
    """Raise `VoiceError` where the participant's words are not on record."""
    del pool
    if not isinstance(dict(participant.settings).get("lines"), tuple):
        raise VoiceError(f"{participant.name} has no lines to speak; fork with --voice {participant.name}=VOICE")


def open_voice(participant: Participant, seed: int, pool: Pool, place: Place) -> Scripted:
    """Return the voice of a participant whose words are in its settings."""
    del seed, place
    check(participant, pool)
    settings = dict(participant.settings)
    lines, pace = settings["lines"], settings.get("pace", 0.0)
    spoken = [str(line) for line in lines] if isinstance(lines, tuple) else []
    votes = [found for line in spoken if (found := _VOTE.fullmatch(line))] if participant.voice[:7] == "script:" else []
    spoken = [line for line in spoken if line not in {found[0] for found in votes}]
    answers = tuple((found[2], tuple(found[1].split("|"))) for found in votes)
    return Scripted(spoken, float(pace) if isinstance(pace, int | float) else 0.0, answers)


class Scripted:
    """A voice that says its next line each time, and nothing when they run out.

    `votes` are its answers to questions: the words that a question must hold, and an answer for each message heard.
    """

    def __init__(self, lines: list[str], pace: float = 0.0, votes: Sequence[tuple[str, Sequence[str]]] = ()) -> None:
        self._lines = lines
        self._pace = pace
        self._votes = votes

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        """Return which line comes next, counted from 1: as many as were said already, and one; or the answer."""
        del brief
        for words, answers in self._votes if ask else ():
            if ask and all(one.strip() in ask.text for one in words.split("…")):
                heard = sum(message.role == "user" for message in messages)
                return {"vote": answers[min(heard, len(answers) - 1)]}
        return {"line": sum(message.role == "assistant" for message in messages) + 1}

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        """Say the next line word by word; where something is asked, a line that is an option is the answer."""
        request = self.request(brief, messages, ask)
        yield Attempt(request)
        number: int = request.get("line", 0)
        line = self._lines[number - 1] if 0 < number <= len(self._lines) else request.get("vote", "")
        for word in re.findall(r"\s*\S+|\s+$", line):
            if self._pace:
                await asyncio.sleep(self._pace)
            yield Words(word)
        if ask and line.strip() in ask.options:
            yield Chosen(line.strip(), how="scripted")
        yield Done()
