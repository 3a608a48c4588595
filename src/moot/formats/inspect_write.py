"""Conversations as an Inspect log: a sample each, with what every speaker saw before each of its turns as an event.

It must never need Inspect. The layout is version 2 of Inspect's `.eval` archive, whose members are packed by Deflate.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from moot.formats.files import held
from moot.formats.inspect_log import read_archive
from moot.formats.lost import missing, of_all
from moot.formats.page import Packed
from moot.transcript import CHAIR, Ballot, Text, Thought, Transcript, as_json, digest
from moot.view import is_ballot, view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.formats.page import Record
    from moot.transcript import Turn
    from moot.view import Message

_STOPS = {"end": "stop", "length": "max_tokens", "refusal": "content_filter", "filtered": "content_filter"}
_EPOCH = "1970-01-01T00:00:00+00:00"


def write(records: Sequence[Record], task: str = "moot") -> Packed:
    """Return conversations as the files of a log; `archive` packs them."""
    samples = [_sample(one) for one in records]
    started = min((one.transcript.heading.started for one in records if one.transcript.heading.started), default=_EPOCH)
    spec: dict[str, Any] = {
        "eval_id": digest(records[0].transcript),
        "run_id": digest(records[0].transcript),
        "created": started,
        "task": task,
        "task_id": task,
        "dataset": {"name": task, "samples": len(samples), "sample_ids": [one["id"] for one in samples]},
        "model": _voices(records[0])[0],
        "model_roles": {},
        "config": {"epochs": 1},
        "metadata": {"written_by": "moot"},
    }
    plan: dict[str, Any] = {"name": "plan", "steps": [], "config": {}}
    results: dict[str, Any] = {"total_samples": len(samples), "completed_samples": len(samples), "scores": []}
    header: dict[str, Any] = {"version": 2, "status": "success", "eval": spec, "plan": plan, "results": results}
    header |= {"stats": {"started_at": started, "completed_at": started, "model_usage": {}}}
    summaries = [_summary(one) for one in samples]
    files: dict[str, Any] = {"_journal/start.json": {"version": 2, "eval": spec, "plan": plan}}
    files |= {f"samples/{one['id']}_epoch_1.json": one for one in samples}
    files |= {"_journal/summaries/1.json": summaries, "summaries.json": summaries, "header.json": header}
    told = tuple((name, json.dumps(content, ensure_ascii=False).encode()) for name, content in files.items())
    return Packed(told, of_all(list(_lost(records, told))))


def archive(packed: Packed) -> bytes:
    """Return files as one zip archive, the same bytes for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in packed.files:
            into.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _voices(record: Record) -> list[str]:
    return [one.voice.replace(":", "/", 1) for one in record.transcript.heading.participants]


def _sample(record: Record) -> dict[str, Any]:
    transcript = record.transcript
    heading = transcript.heading
    voices = {who.name: who.voice.replace(":", "/", 1) for who in heading.participants}
    spoken = [turn for turn in transcript.turns if not is_ballot(turn)]
    messages = [_message(number, turn, voices) for number, turn in enumerate(spoken, 1)]
    last = next((turn for turn in reversed(spoken) if turn.speaker != CHAIR), None)
    stop = _STOPS.get(last.stop, "unknown") if last else "unknown"
    final = next(
        (one for one in reversed(messages) if one["role"] == "assistant"), {"role": "assistant", "content": ""}
    )
    choices = [{"message": final, "stop_reason": stop}]
    scores = {f"ballot {number}": _score(ballot) for number, ballot in enumerate(_ballots(transcript), 1)}
    return {
        "id": record.id or digest(transcript)[:16],
        "epoch": 1,
        "input": heading.topic or heading.title or (spoken[0].text if spoken else ""),
        "target": "",
        "messages": messages,
        "output": {"model": next(iter(voices.values())), "choices": choices, "completion": _plain(final)},
        "scores": scores,
        "metadata": {"heading": as_json(heading), "digest": digest(transcript)},
        "store": {},
        "events": list(_events(transcript, voices)),
        "model_usage": {},
        "attachments": {},
    }


def _plain(message: Mapping[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(one.get("text", "") for one in content)


def _message(number: int, turn: Turn, voices: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {"speaker": turn.speaker, "turn": number, "stop": turn.stop}
    if turn.heard_by is not None:
        told["heard_by"] = list(turn.heard_by)
    role = "user" if voices.get(turn.speaker, "person").startswith("person") else "assistant"
    content = _content(turn) if role == "assistant" else turn.text
    model = {"model": voices[turn.speaker], "source": "generate"} if role == "assistant" else {"source": "input"}
    return {"id": f"t{number}", "role": role, "content": content, "metadata": told} | model


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, Thought) for part in turn.parts):
        return turn.text
    blocks: list[dict[str, Any]] = []
    for part in turn.parts:
        match part:
            case Thought(text):
                blocks.append({"type": "reasoning", "reasoning": text})
            case Text(text):
                blocks.append({"type": "text", "text": text})
            case Ballot():
                pass
    return blocks


def _ballots(transcript: Transcript) -> Iterator[tuple[str, Ballot]]:
    for turn in transcript.turns:
        for part in turn.parts:
            if isinstance(part, Ballot):
                yield turn.speaker, part


def _score(given: tuple[str, Ballot]) -> dict[str, Any]:
    speaker, ballot = given
    told = {"speaker": speaker, "question": ballot.question, "options": list(ballot.options)}
    odds = None if ballot.probabilities is None else list(ballot.probabilities)
    return {"value": ballot.answer, "answer": ballot.answer, "metadata": told | {"probabilities": odds}, "history": []}


def _events(transcript: Transcript, voices: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what each speaker was sent and what it said: its true view, not the reader's."""
    for seq, turn in enumerate(transcript.turns):
        if turn.speaker == CHAIR or is_ballot(turn) or voices[turn.speaker].startswith("person"):
            continue
        brief = transcript.heading.participant(turn.speaker).brief
        heard = view(Transcript(transcript.heading, transcript.turns[:seq]), turn.speaker)
        told = [{"role": "system", "content": brief}] if brief else []
        said = {"role": "assistant", "content": turn.text}
        choices = [{"message": said, "stop_reason": _STOPS.get(turn.stop, "unknown")}]
        yield {
            "event": "model",
            "timestamp": _EPOCH,
            "working_start": 0.0,
            "model": voices[turn.speaker],
            "role": turn.speaker,
            "input": [*told, *map(_heard, heard)],
            "tools": [],
            "tool_choice": "none",
            "config": {},
            "output": {"model": voices[turn.speaker], "choices": choices, "completion": turn.text},
        }


def _heard(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.words}


def _summary(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {key: sample[key] for key in ("id", "epoch", "input", "target", "scores", "model_usage")} | {
        "metadata": {},
        "completed": True,
    }


def _lost(records: Sequence[Record], told: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, ...]]:
    """Yield what each conversation would miss, read back: one that nobody spoke in has a sample without messages."""
    back = iter(read_archive(tuple(held(content, name) for name, content in told)))
    for one in records:
        if all(is_ballot(turn) for turn in one.transcript.turns):
            yield ("nobody speaks in it, so that its sample would not be read back",)
        else:
            yield (*missing(one.transcript, next(back).transcript), "events have no times")
