"""A view fitted to wires that want strict turns, or to a script for base models, and words as they come off a wire.

It must never break a view's growth: what a later view becomes extends what an earlier one became. Everything it puts
in is visible and stands in brackets; it looks at nothing but its arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from moot.voices import Thinking, Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moot.transcript import Thought
    from moot.view import Message

OPENING = "[You speak first.]"
"""Stands before the first word where the listener has heard nothing yet."""

SILENCE = "[silence]"
"""Stands between two turns of one's own, where nobody else was heard."""

NOTHING = "[says nothing]"
"""Stands for a turn without words."""

UNSAID = "..."
"""Stands for a turn without words in a script, where brackets would invite more brackets."""

MOST_TOKENS = 10**9
"""More than any one request has; a greater number counts something else."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring messages of one role, each still a text of its own; an own turn is always a block of its own."""

    role: Literal["user", "assistant"]
    texts: tuple[str, ...]
    thoughts: tuple[Thought, ...] = ()


def blocks(messages: Sequence[Message]) -> tuple[Block, ...]:
    """Return a view as blocks of alternating roles, the first and the last of them "user", no text of them blank."""
    shaped: list[Block] = []
    for message in messages:
        last = shaped[-1] if shaped else None
        if message.role == "assistant":
            if last is None or last.role == "assistant":
                shaped.append(Block("user", (OPENING if last is None else SILENCE,)))
            shaped.append(Block("assistant", (_visible(message),), message.thoughts))
        elif last is not None and last.role == "user":
            shaped[-1] = replace(last, texts=(*last.texts, _visible(message)))
        else:
            shaped.append(Block("user", (_visible(message),)))
    if not shaped or shaped[-1].role == "assistant":
        shaped.append(Block("user", (SILENCE if shaped else OPENING,)))
    return tuple(shaped)


def _visible(message: Message) -> str:
    return message.words if message.text.strip() else replace(message, text=NOTHING).words


def chat_messages(
    brief: str, messages: Sequence[Message], *, system: bool = True, alternate: bool = True
) -> list[dict[str, str]]:
    """Return chat messages with plain strings, which every server reads; neighbours are joined by a blank line.

    Where roles need not alternate, each turn is a message of its own. Where no system message is understood, the brief
    opens the first message.
    """
    shaped = [
        {"role": block.role, "content": text}
        for block in blocks(messages)
        for text in (("\n\n".join(block.texts),) if alternate else block.texts)
    ]
    brief = brief if brief.strip() else ""
    if brief and not system:
        return [shaped[0] | {"content": f"{brief}\n\n{shaped[0]['content']}"}, *shaped[1:]]
    return [{"role": "system", "content": brief}, *shaped] if brief else shaped


def script(brief: str, messages: Sequence[Message], name: str) -> str:
    """Return a view as the script of a play, one line a turn, ended by the cue of the participant `name`."""
    lines = [f"{message.speaker}: {' '.join(message.text.split()) or UNSAID}\n" for message in messages]
    return "".join([f"{brief}\n\n" if brief.strip() else "", *lines, f"{name}:"])


class ThoughtTags:
    """Tells thoughts from words where a model writes `<think>...</think>` before it speaks.

    Only tags before the first word count: later ones are words about tags.
    """

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state: Literal["before", "inside", "speaking"] = "before"
        self._thought: bool = False
        self._held = ""

    def feed(self, text: str) -> Iterable[Words | Thinking]:
        """Take the next piece of a stream and yield what is settled by it."""
        self._held += text
        while self._held:
            if self._state == "speaking":
                yield Words(self._held)
                self._held = ""
            elif self._state == "inside":
                inner, closed, rest = self._held.partition(self.CLOSE)
                kept = "" if closed else _begun(inner, self.CLOSE)
                if inner[: len(inner) - len(kept)]:
                    yield Thinking(inner[: len(inner) - len(kept)])
                self._held = rest if closed else kept
                if not closed:
                    return
                self._state = "before"
            else:
                begun = self._held.lstrip()
                if self.OPEN.startswith(begun):
                    return
                opened = begun.startswith(self.OPEN)
                self._state = "inside" if opened else "speaking"
                self._held = begun[len(self.OPEN) :] if opened else begun if self._thought else self._held
                self._thought = self._thought or opened
                if opened and not self._held:
                    return

    def end(self) -> Iterable[Words | Thinking]:
        """Yield what was held back when the stream is over."""
        held, self._held = self._held, ""
        if self._state == "inside":
            if held:
                yield Thinking(held)
        else:
            held = held.lstrip() if self._thought else held
            if held:
                yield Words(held)


def _begun(text: str, tag: str) -> str:
    """Return the longest end of text that a tag may have begun with."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return text[-length:]
    return ""


class Edges:
    """Drops the white space at both ends of a stream of words."""

    def __init__(self) -> None:
        self._said = False
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece and return what is settled by it."""
        whole = self._held + text
        if not self._said:
            whole = whole.lstrip()
        settled = whole.rstrip()
        self._held = whole[len(settled) :]
        self._said = self._said or bool(settled)
        return settled


class Sentences:
    """Lets a number of sentences through and tells when the last has ended; 0 lets all through."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._text = ""
        self.over = False

    def feed(self, text: str) -> str:
        """Take the next piece and return what of it still belongs to the sentences."""
        if self._count <= 0:
            return text
        before = len(self._text)
        self._text += text
        end = sentences_end(self._text, self._count)
        self.over = end is not None
        return self._text[before:end]


_SENTENCE_END = re.compile(r"""[.!?…]+["'”’»)\]*_]*(?=\s)|[。！？]+[」』”’）]*(?=[^。！？」』”’）])""")  # noqa: RUF001 - these are the marks
_SHORT = frozenset(
    f"{word}."
    for words in ("mr mrs ms dr prof st jr sr vs cf e.g i.e viz approx no vol fig pp ca al", "z.b d.h bzw usw")
    for word in words.split()
)
"""Words whose full stop does not end a sentence."""


def sentences_end(text: str, count: int) -> int | None:
    """Return where the sentence of that number ends in a growing text; None while it has not surely ended.

    A sentence ends at a stop and what closes after it, followed by white space; "3.5", "Mr." and "e.g." do not end
    one, nor does the number of a list or an initial.
    """
    start = 0
    for found in _SENTENCE_END.finditer(text):
        if found[0] == "." and _is_short(text[start : found.end()]):
            continue
        count -= 1
        start = found.end()
        if count == 0:
            return start
    return None


def _is_short(sentence: str) -> bool:
    words = sentence.split()
    last = words[-1].lstrip("\"'“‘«([*_")  # noqa: RUF001 - these are the marks
    if last.casefold() in _SHORT or (len(words) == 1 and last[:-1].isdigit()):
        return True
    return len(last) == 2 and last[0].isupper() and last[0] != "I"  # noqa: PLR2004 - an initial and its stop


def count(value: object) -> int | None:
    """Return a number of tokens as a provider reported it, None where it is none that can be."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
