"""Whatever stands in a log, it is read or refused in one line: every reader, with anything in any place."""

from __future__ import annotations

import copy
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.packed import zipped
from moot.formats import Unreadable, read
from moot.transcript import Invalid, digest

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("MOOT_TEST_FUZZ", "400"))
"""Examples of each reader; ten readers make four thousand a run."""

MESSAGES = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": [{"type": "text", "text": "Ho."}]}]
NODE = {"parent": None, "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi."]}}}
EVENTS = [
    {"event_type": "ConversationStartEvent", "conversation_id": "c", "agent_a_display_name": "A"},
    {"event_type": "SystemPromptEvent", "conversation_id": "c", "agent_id": "agent_a", "prompt": "Be."},
    {
        "event_type": "MessageCompleteEvent",
        "conversation_id": "c",
        "agent_id": "agent_a",
        "message": {"content": "Hi."},
    },
]
CHAT = [{"chat_metadata": {}}, {"name": "Ada", "mes": "Hi.", "swipes": ["Hi.", "Ho."], "extra": {"reasoning": "Hm."}}]
TRACE = [{"type": "session", "id": "s"}, {"type": "message", "message": MESSAGES[0] | {"timestamp": 1}}]
SAMPLE = {"id": "q", "epoch": 1, "messages": MESSAGES, "scores": {"a": {"value": 1}}, "attachments": {}, "output": {}}


def lines(documents: list[Any]) -> bytes:
    return "".join(f"{json.dumps(one)}\n" for one in documents).encode()


def single(document: Any) -> bytes:
    return json.dumps([document]).encode()


def corpus(documents: list[Any]) -> bytes:
    names = ("conversations.json", "speakers.json")
    told = zip(names, documents[1:], strict=False)
    return zipped(
        ("utterances.jsonl", lines([documents[0]])), *((name, json.dumps(one).encode()) for name, one in told)
    )


READERS: dict[str, tuple[Any, Callable[[Any], bytes]]] = {
    "openai": ({"messages": MESSAGES, "model": "m", "id": "x"}, single),
    "sharegpt": ({"conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Ho."}]}, single),
    "chatgpt": ({"mapping": {"a": NODE, "b": NODE | {"parent": "a"}}, "current_node": "b", "create_time": 1.5}, single),
    "claude": (
        {"uuid": "u", "chat_messages": [{"uuid": "1", "sender": "human", "text": "Hi.", "content": []}]},
        single,
    ),
    "sillytavern": (CHAT, lines),
    "card": (
        {"spec": "chara_card_v2", "data": {"name": "Zed", "first_mes": "Hi.", "alternate_greetings": ["Ho."]}},
        single,
    ),
    "pidgin": (EVENTS, lines),
    "trace": (TRACE, lines),
    "inspect": ({"eval": {"task": "t", "model": "m"}, "samples": [SAMPLE]}, single),
    "convokit": (
        [
            {"id": "1", "conversation_id": "1", "text": "Hi.", "speaker": "a", "timestamp": 1},
            {"1": {"meta": {}}},
            {"a": {}},
        ],
        corpus,
    ),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(document)
    at = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return whole


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_anything_in_any_place_is_read_or_refused_in_a_line(reader: str, data: st.DataObject) -> None:
    document, written = READERS[reader]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(document)))
        document = put(document, path, data.draw(anything))
    if written is not single and not (isinstance(document, list) and document):
        return  # that is no file of lines
    try:
        found = read(written(document), "a.log")
    except (Unreadable, Invalid) as refusal:
        found, told = (), str(refusal)
    else:
        told = "read"
    assert told.isprintable()
    for one in found:
        assert len(digest(one.transcript)) == 32


@pytest.mark.parametrize("reader", READERS)
def test_as_it_should_be_it_reads(reader: str) -> None:
    document, written = READERS[reader]
    assert read(written(document))[0].transcript.turns


def test_a_log_of_very_many_branches_or_a_very_long_chain_is_over_with_soon() -> None:
    def node(name: int, parent: int | None) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [f"{name}"]}
        message = {"author": {"role": "user"}, "content": content}
        return {"parent": None if parent is None else str(parent), "message": message}

    star = {"mapping": {"0": node(0, None)} | {str(at): node(at, 0) for at in range(1, 20_000)}, "current_node": "1"}
    chain = {"mapping": {str(at): node(at, at - 1 if at else None) for at in range(20_000)}, "current_node": "19999"}
    began = time.monotonic()
    for tree in (star, chain):
        assert read(json.dumps([tree]).encode())
    assert time.monotonic() - began < 20
