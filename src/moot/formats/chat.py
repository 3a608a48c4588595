"""Chat logs of other programs as conversations: who speaks, what each kept to itself, and what no turn can hold.

It must never drop a message, a picture or a tool's answer in silence, nor let a name in a file be what no name can be.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from moot.formats.page import Imported, compose, plural, printable
from moot.transcript import CHAIR, LONGEST_NAME, Heading, Participant, Text, Thought, Turn, freeze, same_name, sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.transcript import Part, Stop, Value

LEADER = ""
"""Who speaks in a message that leads the conversation; no speaker in a file has this name."""

USER = "User"
ASSISTANT = "Assistant"

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a log: its words, the thoughts beside them, and who is behind them.

    `model` is what the file says of the model, empty where it says nothing; `person` where somebody typed it.
    """

    speaker: str
    text: str
    thought: str = ""
    model: str = ""
    person: bool = False
    stop: Stop = "end"


@dataclass(slots=True)
class Lost:
    """What a reader could not keep, counted: a sentence for each kind of it."""

    counts: Counter[str] = field(default_factory=Counter[str])
    said: list[str] = field(default_factory=list[str])

    def count(self, kind: str, times: int = 1) -> None:
        """Note one more of a kind, such as 'picture'."""
        self.counts[kind] += times

    def say(self, line: str) -> None:
        """Note a sentence, once."""
        if line not in self.said:
            self.said.append(line)

    def lines(self) -> tuple[str, ...]:
        """Return all sentences."""
        counted = (f"{plural(count, kind)} left out" for kind, count in self.counts.items() if count)
        return (*self.said, *counted)


@dataclass(frozen=True, slots=True)
class About:
    """What a log says of itself: `brief` is what its models were told, `id` what it is called there."""

    title: str = ""
    brief: str = ""
    started: str = ""
    id: str = ""
    source: Mapping[str, Value] = field(default_factory=dict[str, "Value"])


def conversation(lines: Sequence[Line], about: About, lost: Lost) -> Imported:
    """Return a log's lines as a conversation; `Invalid` where there are none."""
    names = _names([one.speaker for one in lines if one.speaker != LEADER], lost)
    people = tuple(_participant(name, [one for one in lines if one.speaker == was], about, lost)
                   for was, name in names.items())  # fmt: skip
    heading = Heading(
        people or (Participant(USER, "person"),),
        title=about.title,
        started=about.started,
        source=freeze(dict(about.source)),
    )
    if nuls := sum("\0" in one.text + one.thought for one in lines):
        lost.say(f"NUL characters, which no record can hold, are replaced by U+FFFD in {plural(nuls, 'message')}")
    turns = tuple(Turn(names.get(one.speaker, CHAIR), _parts(one), stop=one.stop) for one in lines)
    return Imported(compose(heading, turns), lost.lines(), about.id)


def _parts(line: Line) -> tuple[Part, ...]:
    thought: tuple[Part, ...] = (Thought(line.thought),) if line.thought else ()
    return (*thought, Text(line.text)) if line.text else thought


def _participant(name: str, own: Sequence[Line], about: About, lost: Lost) -> Participant:
    if all(one.person for one in own):
        return Participant(name, "person")
    models = tuple(dict.fromkeys(one.model for one in own if one.model))
    if len(models) > 1:
        lost.say(f"{name} spoke by {len(models)} models ({printable(', '.join(models), _SHOWN)}); the first is kept")
    model = re.sub(r"\s+", " ", sound(models[0])).strip() if models else name
    return Participant(name, f"unknown:{model}", about.brief)


def _names(found: Sequence[str], lost: Lost) -> dict[str, str]:
    """Return a name that can stand on the record for each that the file has, in order."""
    names: dict[str, str] = {}
    for was in dict.fromkeys(found):
        name = _fitting(was)
        taken = {same_name(one) for one in (*names.values(), CHAIR)}
        number, plain = 2, name
        while same_name(name) in taken:
            name = f"{plain[: LONGEST_NAME - 4]} {number}"
            number += 1
        if name != was:
            lost.say(f"the name {printable(repr(was), _SHOWN)} is read as {name!r}")
        names[was] = name
    return names


def _fitting(name: str) -> str:
    plain = re.sub(r"\s+", " ", printable(name.replace(":", " "), LONGEST_NAME - 1)).strip()
    return plain or "Nameless"


def words(content: object, lost: Lost) -> tuple[str, str]:
    """Return the words and the thoughts of a message's content, a text or a list of blocks; what else is there is lost.

    The blocks are those of OpenAI's, Anthropic's and Inspect's messages.
    """
    match content:
        case str():
            return content, ""
        case None:
            return "", ""
        case list():
            return _blocks(cast("list[Any]", content), lost)
        case _:
            lost.count("message part that is no text")
            return "", ""


def _blocks(blocks: list[Any], lost: Lost) -> tuple[str, str]:
    said: list[str] = []
    thought: list[str] = []
    for block in blocks:
        match block:
            case str(text) | {"type": "text" | "input_text" | "output_text", "text": str(text)}:
                said.append(text)
            case {"type": "refusal", "refusal": str(text)}:
                said.append(text)
            case {"type": "thinking", "thinking": str(text)} | {"type": "reasoning", "reasoning": str(text)}:
                thought.append(text)
            case {"type": str(kind)}:
                lost.count(f"{printable(kind, 40).replace('_', ' ')} part")
            case _:
                lost.count("message part that is no text")
    return "\n\n".join(said), "\n\n".join(one for one in thought if one)


def unknown_keys(document: Mapping[str, Any], known: Sequence[str], lost: Lost) -> None:
    """Note which of a document's own fields were not read, if there is anything in them."""
    for key, value in document.items():
        if key not in known and value not in (None, "", [], {}):
            lost.count(f"field {printable(repr(str(key)), 40)}")


def entries(document: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list in a document, in order, whatever else is in it."""
    found = document.get(key)
    for one in cast("list[Any]", found) if isinstance(found, list) else []:
        if isinstance(one, dict):
            yield cast("dict[str, Any]", one)
