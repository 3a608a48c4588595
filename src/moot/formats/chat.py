"""Chat logs of other programs as conversations: who speaks, what each kept to itself, and what no turn can hold.

It must never drop a message, a picture or a tool's answer in silence, nor let a name in a file be what no name can be.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
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

MOST_BRANCHES = 200
"""Of one log, besides its main line."""

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
        """Note one more of a kind, such as 'picture*'; the star stands where its plural has an s."""
        self.counts[kind] += times

    def say(self, line: str) -> None:
        """Note a sentence, once."""
        if line not in self.said:
            self.said.append(line)

    def lines(self) -> tuple[str, ...]:
        """Return all sentences."""
        counted = (
            f"{plural(count, kind.replace('*', ''), kind.replace('*', 's'))} left out"
            for kind, count in self.counts.items()
            if count
        )
        return (*self.said, *counted)


class Tree:
    """Messages that name the one before them: a log whose reader went back and asked again.

    A message of which nothing is kept stands in a path as nothing. At most `MOST_BRANCHES` paths are told apart.
    """

    def __init__(self) -> None:
        self._lines: dict[str, Line | None] = {}
        self._parents: dict[str, str] = {}

    def add(self, name: str, parent: str, line: Line | None) -> None:
        """Add a message by its name and that of the one before it, empty for none."""
        self._lines[name] = line
        self._parents[name] = parent

    def paths(self, main: str, lost: Lost) -> Iterator[tuple[Line, ...]]:
        """Yield the lines of the path that ends in `main` (or the last message), then those of the others."""
        inner = set(self._parents.values())
        leaves = [name for name in self._lines if name not in inner]
        first = main if main in self._lines else next(reversed(leaves or list(self._lines)), "")
        others = [name for name in leaves if name != first]
        if len(others) > MOST_BRANCHES:
            lost.say(f"of {len(others):,} branches the first {MOST_BRANCHES} are kept")
        for leaf in (first, *others[:MOST_BRANCHES]):
            yield self._path(leaf)

    def _path(self, leaf: str) -> tuple[Line, ...]:
        path: list[Line] = []
        seen: set[str] = set()
        while leaf in self._lines and leaf not in seen:
            seen.add(leaf)
            line = self._lines[leaf]
            path += [line] if line else []
            leaf = self._parents[leaf]
        return tuple(reversed(path))


@dataclass(frozen=True, slots=True)
class About:
    """What a log says of itself: `brief` is what its models were told, `id` what it is called there.

    `briefs` are those of single speakers, by the names that the file has.
    """

    title: str = ""
    brief: str = ""
    started: str = ""
    id: str = ""
    source: Mapping[str, Value] = field(default_factory=dict[str, "Value"])
    briefs: Mapping[str, str] = field(default_factory=dict[str, str])


def conversation(lines: Sequence[Line], about: About, lost: Lost) -> Imported:
    """Return a log's lines as a conversation."""
    return next(branches((lines,), about, lost))


def branches(paths: Sequence[Sequence[Line]], about: About, lost: Lost) -> Iterator[Imported]:
    """Yield a log that branches: its main line, then each other path as a branch of the one it shares most with.

    What is lost is told of the main line. Paths that are a beginning of another add nothing and are passed over.
    """
    paths = [[_led(line) for line in path] for path in paths]
    everything = tuple(dict.fromkeys(line for path in paths for line in path))
    names = _names([one.speaker for one in everything if one.speaker != LEADER], lost)
    heading = _heading(everything, names, about, lost)
    if nuls := sum("\0" in one.text + one.thought for one in everything):
        lost.say(f"NUL characters, which no record can hold, are replaced by U+FFFD in {plural(nuls, 'message')}")
    told: list[Sequence[Line]] = []
    for path in paths:
        shared, source = max(((_shared(path, other), at) for at, other in enumerate(told)), default=(0, 0))
        if told and shared == len(path):
            continue
        turns = tuple(Turn(names.get(one.speaker, CHAIR), _parts(one), stop=one.stop) for one in path)
        kept = compose(heading, turns)
        if told:
            yield Imported(kept, (), "", len(told) - source, shared)
        else:
            yield Imported(kept, lost.lines(), about.id)
        told.append(path)


def _led(line: Line) -> Line:
    """Return a line of a speaker called chair as one that leads: nobody who takes part can have that name."""
    return replace(line, speaker=LEADER) if same_name(line.speaker) == CHAIR else line


def _shared(one: Sequence[Line], other: Sequence[Line]) -> int:
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine != yours:
            break
        count += 1
    return count


def _heading(lines: Sequence[Line], names: Mapping[str, str], about: About, lost: Lost) -> Heading:
    people = tuple(_participant(name, [one for one in lines if one.speaker == was], about, lost)
                   for was, name in names.items())  # fmt: skip
    return Heading(
        people or (Participant(USER, "person"),),
        title=about.title,
        started=about.started,
        source=freeze(dict(about.source)),
    )


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
    brief = next((about.briefs[one.speaker] for one in own if one.speaker in about.briefs), about.brief)
    return Participant(name, f"unknown:{model}", brief)


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
            lost.count("message part* without words")
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
                lost.count(f"{printable(kind, 40).replace('_', ' ')} part*")
            case _:
                lost.count("message part* without words")
    return "\n\n".join(said), "\n\n".join(one for one in thought if one)


def unknown_keys(document: Mapping[str, Any], known: Sequence[str], lost: Lost) -> None:
    """Note which of a document's own fields were not read, if there is anything in them."""
    for key, value in document.items():
        if key not in known and value not in (None, "", [], {}):
            lost.count(f"field* {printable(repr(str(key)), 40)}")


def text_of(document: Mapping[str, Any], key: str) -> str:
    """Return a field that is a text, or nothing."""
    found = document.get(key)
    return found if isinstance(found, str) else ""


def object_of(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a field that is an object, or an empty one."""
    found = document.get(key)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def list_of(document: Mapping[str, Any], key: str) -> list[Any]:
    """Return a field that is a list, or an empty one."""
    found = document.get(key)
    return cast("list[Any]", found) if isinstance(found, list) else []


def plain_of(document: Mapping[str, Any], *but: str) -> dict[str, Value]:
    """Return the fields that are plain values, without some: what a data set says of one of its rows."""
    found = {key: value for key, value in document.items() if isinstance(value, str | int | float | bool)}
    return {key: value for key, value in found.items() if key not in but and value != ""}


def moment(seconds: object) -> str:
    """Return a time in seconds since 1970 as ISO 8601, or nothing where it is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def entries(document: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list in a document, in order, whatever else is in it."""
    for one in list_of(document, key):
        if isinstance(one, dict):
            yield cast("dict[str, Any]", one)
