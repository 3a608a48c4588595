"""ConvoKit's corpora: a folder of utterances, of who said them, and of the conversations that they are.

It must never join utterances of two conversations, nor hold that a reply came next where the corpus says otherwise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import About, Line, Lost, conversation, moment, object_of, plain_of, text_of
from moot.formats.files import documents, held
from moot.formats.lost import missing, of_all
from moot.formats.page import Packed, Unreadable
from moot.transcript import CHAIR, as_json, canonical, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.formats.files import File
    from moot.formats.page import Imported, Record

MOST_UTTERANCES = 500_000
"""Of one corpus: those of a conversation may stand anywhere in it, so that all are held at once."""

_KNOWN = ("id", "conversation_id", "root", "text", "speaker", "user", "reply-to", "reply_to", "timestamp", "vectors")


def fits(files: Sequence[File]) -> bool:
    """Whether a folder is a corpus."""
    return _named(files, "utterances.jsonl", "utterances.json") is not None


def read(files: Sequence[File]) -> Iterator[Imported]:
    """Yield a corpus's conversations in the order in which they begin; `Unreadable` where an utterance is none."""
    utterances = _named(files, "utterances.jsonl", "utterances.json")
    told = _one(files, "conversations.json")
    speakers = _one(files, "speakers.json") or _one(files, "users.json")
    held: dict[str, list[dict[str, Any]]] = {}
    for count, (where, one) in enumerate(_utterances(utterances) if utterances else (), 1):
        if count > MOST_UTTERANCES:
            raise Unreadable(f"more than {MOST_UTTERANCES:,} utterances in one corpus; split it")
        if not isinstance(one.get("text"), str | None) or not isinstance(one.get("id"), str):
            raise Unreadable(f"{where}an utterance has an 'id' and a 'text'")
        name = text_of(one, "conversation_id") or text_of(one, "root")
        held.setdefault(name, []).append(one)
    for name, said in held.items():
        yield _conversation(name, said, object_of(told, name), speakers)


def _conversation(
    name: str, said: list[dict[str, Any]], told: Mapping[str, Any], speakers: Mapping[str, Any]
) -> Imported:
    lost, lines = Lost(), list[Line]()
    if all(isinstance(one.get("timestamp"), int | float) for one in said):
        said.sort(key=lambda one: float(one["timestamp"]))
    before = ""
    for one in said:
        reply = one.get("reply-to", one.get("reply_to"))
        lost.count("remark* that a reply is to another utterance than the one before", before not in ("", reply))
        lost.count("value* told of an utterance", len(_meta(one)))
        before = text_of(one, "id")
        speaker = text_of(one, "speaker") or text_of(one, "user") or "Nameless"
        model = _model(speaker, speakers)
        lines.append(Line(speaker, text_of(one, "text"), model=model, person=not model))
    meta = _meta(told)
    lost.count("value* told of the conversation", len(meta) - len(plain_of(meta)))
    about = About(
        str(meta.get("title", "")), id=name, started=moment(said[0].get("timestamp")),
        source={"format": "convokit", "id": name} | plain_of(meta, "title"),
    )  # fmt: skip
    return conversation(lines, about, lost)


def _meta(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of an utterance or a conversation, which newer corpora keep under `meta`."""
    found = object_of(one, "meta")
    return found or {key: value for key, value in one.items() if key not in (*_KNOWN, "meta")}


def _model(speaker: str, speakers: Mapping[str, Any]) -> str:
    """Return what the corpus says of the model behind a speaker; nothing of a person."""
    meta = _meta(object_of(speakers, speaker))
    found = text_of(meta, "voice") or text_of(meta, "model")
    return "" if found.startswith("person") else found


def _named(files: Sequence[File], *names: str) -> File | None:
    return next((one for one in files if one.name.rpartition("/")[2] in names), None)


def _one(files: Sequence[File], name: str) -> dict[str, Any]:
    file = _named(files, name)
    found = next((one for _, one in documents(file)), None) if file else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _utterances(file: File) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, one in documents(file):
        if not isinstance(one, dict):
            raise Unreadable(f"{where}: an utterance is an object")
        yield f"{where}: " if where else "", cast("dict[str, Any]", one)


def write(records: Sequence[Record]) -> Packed:
    """Return conversations as the files of a corpus; what is lost is what would not be read back."""
    utterances: list[str] = []
    conversations: dict[str, Any] = {}
    speakers: dict[str, Any] = {}
    for one in records:
        heading = one.transcript.heading
        name = one.id or digest(one.transcript)
        meta = {"title": heading.title, "topic": heading.topic, "form": heading.form, "series": heading.series}
        conversations[name] = {"meta": meta | {"moot": canonical(as_json(heading))}, "vectors": []}
        speakers |= {who.name: {"meta": {"voice": who.voice}, "vectors": []} for who in heading.participants}
        before: str | None = None
        for number, turn in enumerate(one.transcript.turns, 1):
            meta = {"stop": turn.stop, "heard_by": None if turn.heard_by is None else list(turn.heard_by)}
            utterance = {"id": f"{name}.{number}", "conversation_id": f"{name}.1", "text": turn.text}
            utterance |= {"speaker": turn.speaker, "meta": meta, "reply-to": before, "timestamp": None, "vectors": []}
            before = f"{name}.{number}"
            utterances.append(json.dumps(utterance, ensure_ascii=False))
        conversations[f"{name}.1"] = conversations.pop(name)
        speakers |= {CHAIR: {"meta": {}, "vectors": []}}
    index: dict[str, Any] = {
        "utterances-index": {"stop": ["<class 'str'>"], "heard_by": ["<class 'list'>"]},
        "speakers-index": {"voice": ["<class 'str'>"]},
        "conversations-index": {name: ["<class 'str'>"] for name in ("title", "topic", "form", "series", "moot")},
        "overall-index": {},
        "vectors": [],
        "version": 1,
    }
    files: dict[str, Any] = {
        "conversations.json": conversations,
        "speakers.json": speakers,
        "index.json": index,
        "corpus.json": {},
    }
    told = [(name, json.dumps(content, ensure_ascii=False).encode()) for name, content in files.items()]
    told.insert(0, ("utterances.jsonl", "".join(f"{one}\n" for one in utterances).encode()))
    return Packed(tuple(told), of_all(list(_lost(records, told))))


def _lost(records: Sequence[Record], told: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, ...]]:
    """Yield what each conversation would miss, read back: one that nobody spoke in is in no utterance."""
    back = iter(read(tuple(held(content, name) for name, content in told)))
    for one in records:
        if one.transcript.turns:
            yield missing(one.transcript, next(back).transcript)
        else:
            yield ("nobody speaks in it, so that it is left out",)
