"""Inspect's logs, an archive or JSON: each sample is a conversation, with its scores beside it.

It must never need Inspect, nor take what a tool was sent for something that was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import (
    ASSISTANT,
    LEADER,
    USER,
    About,
    Line,
    Lost,
    conversation,
    entries,
    list_of,
    object_of,
    text_of,
    words,
)
from moot.formats.files import loads
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.formats.files import File
    from moot.formats.page import Imported
    from moot.transcript import Stop, Value

_STOPS: dict[str, Stop] = {"max_tokens": "length", "model_length": "length", "content_filter": "filtered"}


def fits_archive(files: Sequence[File]) -> bool:
    """Whether an archive's files are those of a log."""
    names = {one.name for one in files}
    return "header.json" in names or "_journal/start.json" in names


def fits(document: object) -> bool:
    """Whether a document is a whole log as JSON."""
    match document:
        case {"eval": dict(), "samples": list()}:
            return True
        case _:
            return False


def read_archive(files: Sequence[File]) -> Iterator[Imported]:
    """Yield a log's samples; one that was not finished has them too."""
    named = {one.name: one for one in files}
    head = named.get("header.json") or named["_journal/start.json"]
    told = object_of(_object(head), "eval")
    for name, file in named.items():
        if name.startswith("samples/") and name.endswith(".json"):
            yield from _sample(_object(file), told, f"{name}: ")


def read(document: object, where: str) -> Iterator[Imported]:
    """Yield the samples of a log that is JSON."""
    log = cast("dict[str, Any]", document)
    for number, sample in enumerate(entries(log, "samples"), 1):
        yield from _sample(sample, object_of(log, "eval"), f"{where}sample {number}: ")


def _object(file: File) -> dict[str, Any]:
    try:
        found = loads(file.whole().decode("utf-8"), f"{file.name}: ")
    except UnicodeDecodeError:
        raise Unreadable(f"{file.name} is not UTF-8 text") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{file.name} is no object")
    return cast("dict[str, Any]", found)


def _sample(sample: Mapping[str, Any], told: Mapping[str, Any], where: str) -> Iterator[Imported]:
    lost, briefs, lines = Lost(), list[str](), list[Line]()
    model, last = text_of(told, "model"), text_of(_choice(sample), "stop_reason")
    for message in entries(sample, "messages"):
        text, thought = words(message.get("content"), lost)
        text = _whole(text, object_of(sample, "attachments"))
        name = text_of(object_of(message, "metadata"), "speaker")
        lost.count("tool call*", len(list_of(message, "tool_calls")))
        match message.get("role"):
            case "system" if not lines:
                briefs.append(text)
            case "system":
                lines.append(Line(LEADER, text))
            case "user":
                lines.append(Line(name or USER, text, person=not name))
            case "assistant":
                lines.append(Line(name or ASSISTANT, text, thought, text_of(message, "model") or model))
            case "tool":
                lost.count("tool answer*")
            case _:
                raise Unreadable(f"{where}a message has a role that is none of system, user, assistant and tool")
    if not lines:
        return  # a sample that failed before anybody spoke
    if not lines[-1].person and last in _STOPS:
        end = lines[-1]
        lines[-1] = Line(end.speaker, end.text, end.thought, end.model, end.person, _STOPS[last])
    lost.count("event*", len(list_of(sample, "events")))
    name = f"{sample.get('id')}, epoch {sample.get('epoch', 1)}"
    about = About(
        f"{text_of(told, 'task')} {name}".strip(), "\n\n".join(briefs), text_of(told, "created"),
        text_of(sample, "uuid"), _source(sample, told, name),
    )  # fmt: skip
    yield conversation(lines, about, lost)


def _choice(sample: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(entries(object_of(sample, "output"), "choices"), dict[str, Any]())


def _whole(text: str, attachments: Mapping[str, Any]) -> str:
    """Return a text with what Inspect has put elsewhere because it was long."""
    mark = "attachment://"
    return text_of(attachments, text.removeprefix(mark)) or text if text.startswith(mark) else text


def _source(sample: Mapping[str, Any], told: Mapping[str, Any], name: str) -> dict[str, Value]:
    source: dict[str, Value] = {"format": "inspect", "task": text_of(told, "task"), "sample": name}
    for scorer, score in object_of(sample, "scores").items():
        value = cast("dict[str, Any]", score).get("value") if isinstance(score, dict) else None
        if isinstance(value, str | int | float | bool):
            source[f"score {scorer}"] = value
    target = sample.get("target")
    return source | ({"target": target} if isinstance(target, str) and target else {})
