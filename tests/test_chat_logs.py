"""Chat logs of other programs: read with who said what, and with all that could not be kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.commands import Answer, commands
from moot.formats import Imported, Unreadable, read
from moot.transcript import CHAIR, Text, Thought

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def one(document: object) -> Imported:
    [found] = read(json.dumps(document).encode())
    return found


def said(found: Imported) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in found.transcript.turns]


def chat(*messages: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"messages": list(messages)} | more


def test_messages_are_turns_and_the_opening_instruction_is_the_models_brief() -> None:
    found = one(
        chat(
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Is a river alive?"},
            {"role": "assistant", "content": "No.", "reasoning_content": "Hm."},
            {"role": "system", "content": "Now be kind."},
            {"role": "assistant", "content": "Perhaps."},
            model="gpt-5",
            topic="rivers",
        )
    )
    assert said(found) == [
        ("User", "Is a river alive?"),
        ("Assistant", "No."),
        (CHAIR, "Now be kind."),
        ("Assistant", "Perhaps."),
    ]
    user, assistant = found.transcript.heading.participants
    assert (user.voice, user.brief) == ("person", "")
    assert (assistant.voice, assistant.brief) == ("unknown:gpt-5", "Be brief.")
    assert found.transcript.turns[1].parts == (Thought("Hm."), Text("No."))
    assert dict(found.transcript.heading.source) == {"model": "gpt-5", "topic": "rivers"}
    assert found.lost == ()


def test_names_tell_speakers_apart() -> None:
    found = one(
        chat(
            {"role": "user", "name": "bo", "content": "Hi."},
            {"role": "user", "name": "Dr: Who", "content": "Ho."},
            {"role": "assistant", "name": "chair", "content": "He."},
        )
    )
    assert [one.name for one in found.transcript.heading.participants] == ["bo", "Dr Who", "chair 2"]
    assert found.lost == ("the name 'Dr: Who' is read as 'Dr Who'", "the name 'chair' is read as 'chair 2'")


def test_what_no_turn_can_hold_is_counted() -> None:
    found = one(
        chat(
            {"role": "user", "content": [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "42", "tool_call_id": "1"},
            {"role": "assistant", "content": None, "refusal": "I will not."},
            {"role": "user", "content": {"odd": 1}},
            {"role": "user", "content": "\0"},
            tools=[{"type": "function"}],
        )
    )
    assert found.transcript.turns[2].stop == "refusal"
    assert set(found.lost) == {
        "NUL characters, which no record can hold, are replaced by U+FFFD in 1 message",
        "1 image url part left out",
        "1 answer of a tool left out",
        "1 message part that is no text left out",
        "1 field 'tool_calls' left out",
        "1 field 'tool_call_id' left out",
        "1 field 'tools' left out",
    }


def test_a_batchs_request_is_read_too() -> None:
    found = one({"custom_id": "7", "body": chat({"role": "user", "content": "Hi."}, model="m")})
    assert said(found) == [("User", "Hi.")]


def test_sharegpt_is_read() -> None:
    found = one(
        {
            "id": "c1",
            "conversations": [
                {"from": "system", "value": "Be kind."},
                {"from": "human", "value": "Hi."},
                {"from": "gpt", "value": "Hello."},
                {"from": "function_call", "value": "{}"},
                {"from": "system", "value": "Stop."},
                {"from": "Zed", "value": "Yo.", "weight": 1},
            ],
        }
    )
    assert said(found) == [("User", "Hi."), ("Assistant", "Hello."), (CHAIR, "Stop."), ("Zed", "Yo.")]
    assert found.id == "c1"
    assert found.lost == ("1 message to or from a tool left out", "1 field 'weight' left out")
    assert found.transcript.heading.participant("Assistant").brief == "Be kind."


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (
            chat({"role": "user", "content": "a"}, {"role": "wizard", "content": "b"}),
            "message 2 has a role",
        ),
        (chat({"role": "system", "content": "a"}), "nobody says anything"),
        ({"conversations": [{"from": "human", "value": 1}]}, "entry 1 of 'conversations'"),
        ({"conversations": [{"from": "system", "value": "a"}]}, "nobody says anything"),
        ({"messages": []}, "not moot's"),
        ({"conversations": []}, "not moot's"),
        ([], "holds no conversation|no turns"),
    ],
)
def test_what_is_no_chat_is_refused(document: object, line: str) -> None:
    with pytest.raises(Unreadable, match=line):
        read(json.dumps(document).encode())


def test_a_line_of_another_kind_is_told_with_its_number() -> None:
    file = f"{json.dumps(chat({'role': 'user', 'content': 'a'}))}\n{json.dumps({'other': 1})}\n"
    with pytest.raises(Unreadable, match="line 2: a conversation of this kind"):
        read(file.encode())


@pytest.fixture
def moot_(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


def test_a_file_of_many_is_recorded_once_and_whole_or_not_at_all(moot_: Callable[..., Answer], tmp_path: Path) -> None:
    many = tmp_path / "chats.jsonl"
    lines = [json.dumps(chat({"role": "user", "content": f"Number {at}."})) for at in range(30)]
    many.write_text("\n".join([*lines, "{broken"]))
    refused = moot_("import", str(many))
    assert refused.code == 2
    assert "line 31: broken JSON" in refused.err
    assert moot_("list", "--json").json == []
    many.write_text("\n".join(lines))
    told = moot_("import", str(many))
    assert told.code == 0
    assert "and 10 more, 10 of them new" in told.out
    assert len(moot_("list", "--json").json) == 30
    again = moot_("import", str(many), "--json").json
    assert all(one["known"] for one in again)
    assert moot_("verify").code == 0
