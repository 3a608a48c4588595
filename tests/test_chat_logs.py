"""Chat logs of other programs: read with who said what, and with all that could not be kept."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from fakes.commands import Answer, commands
from fakes.packed import zipped
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
    assert [one.name for one in found.transcript.heading.participants] == ["bo", "Dr Who"]
    assert found.transcript.turns[2].speaker == CHAIR
    assert found.lost == ("the name 'Dr: Who' is read as 'Dr Who'",)


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
        "1 tool answer left out",
        "1 message part without words left out",
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


# --- ChatGPT


def node(name: str, parent: str | None, role: str = "user", *parts: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    content = {"content_type": "text", "parts": list(parts)} | more.pop("content", {})
    message = {"id": name, "author": {"role": role}, "content": content, "recipient": "all"} | more
    return name, {"id": name, "parent": parent, "children": [], "message": message if parent else None}


def export(*nodes: tuple[str, dict[str, Any]], current: str) -> dict[str, Any]:
    return {"conversation_id": "c7", "title": "Rivers", "create_time": 1767225600.5, "current_node": current,
            "mapping": dict(nodes)}  # fmt: skip


GPT = export(
    node("root", None),
    node("s", "root", "system", "", metadata={"is_visually_hidden_from_conversation": True}),
    node("s2", "s", "user", "", content={"content_type": "user_editable_context", "user_profile": "I am Ada."}),
    node("q", "s2", "user", "Is a river alive?", {"content_type": "image_asset_pointer"}),
    node(
        "th",
        "q",
        "assistant",
        content={"content_type": "thoughts", "thoughts": [{"content": "Hm."}, {"summary": "So."}]},
    ),
    node("t", "th", "assistant", "search()", recipient="browser"),
    node("r", "t", "tool", "results"),
    node("a1", "r", "assistant", "No.", metadata={"model_slug": "gpt-5", "finish_details": {"type": "max_tokens"}}),
    node("a2", "q", "assistant", "Yes.", metadata={"model_slug": "gpt-5"}),
    node("q2", "a2", "user", "Why?"),
    node("q3", "a1", "user", "Sure?"),
    current="q3",
)


def test_a_chatgpt_export_keeps_its_main_line_and_its_branches() -> None:
    main, branch = read(json.dumps([GPT]).encode())
    assert said(main) == [("User", "Is a river alive?"), ("Assistant", "No."), ("User", "Sure?")]
    assert main.transcript.turns[1].parts == (Thought("Hm.\n\nSo."), Text("No."))
    assert main.transcript.turns[1].stop == "length"
    assert said(branch) == [("User", "Is a river alive?"), ("Assistant", "Yes."), ("User", "Why?")]
    assert (branch.back, branch.shared) == (1, 1)
    heading = main.transcript.heading
    assert (heading.title, heading.started, main.id) == ("Rivers", "2026-01-01T00:00:00+00:00", "c7")
    assert heading.participant("Assistant").voice == "unknown:gpt-5"
    assert set(main.lost) == {
        "1 note of the reader's instructions or the model's memory left out",
        "1 picture, sound or file left out",
        "2 messages to or from a tool left out",
    }


def test_an_export_that_runs_in_a_circle_ends() -> None:
    circle = export(node("a", "b", "user", "A."), node("b", "a", "assistant", "B."), current="a")
    assert said(one([circle])) == [("Assistant", "B."), ("User", "A.")]


def test_an_archive_of_exports_is_read_in_its_parts(tmp_path: Path) -> None:
    parts = [(f"conversations-00{at}.json", json.dumps([GPT | {"title": f"{at}"}]).encode()) for at in range(2)]
    found = read(zipped(*parts, ("chat.html", b"<script>"), ("user.json", b"{}")))
    assert [one.transcript.heading.title for one in found] == ["0", "0", "1", "1"]


# --- Claude


def test_a_claude_export_keeps_thoughts_and_branches() -> None:
    root = "00000000-0000-4000-8000-000000000000"
    messages = [
        {
            "uuid": "1",
            "sender": "human",
            "text": "Hi.",
            "content": [{"type": "text", "text": "Hi."}],
            "parent_message_uuid": root,
        },
        {
            "uuid": "2",
            "sender": "assistant",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A."}],
            "parent_message_uuid": "1",
        },
        {
            "uuid": "3",
            "sender": "assistant",
            "text": "B.",
            "content": [],
            "parent_message_uuid": "1",
            "files": [{"file_name": "x"}],
        },
        {
            "uuid": "4",
            "sender": "human",
            "content": [{"type": "tool_use", "name": "x"}],
            "text": "So?",
            "parent_message_uuid": "3",
        },
    ]
    empty = {"uuid": "e", "name": "", "chat_messages": []}
    talk = {"uuid": "u", "name": "Rivers", "created_at": "2026-01-01T00:00:00Z", "chat_messages": messages}
    main, branch = read(json.dumps([empty, talk]).encode())
    assert said(main) == [("User", "Hi."), ("Claude", "B."), ("User", "So?")]
    assert said(branch) == [("User", "Hi."), ("Claude", "A.")]
    assert branch.transcript.turns[1].parts == (Thought("Hm."), Text("A."))
    assert set(main.lost) == {"1 attached file left out", "1 tool use part left out"}
    assert main.transcript.heading.participant("Claude").voice == "unknown:Claude"


def test_an_older_claude_export_is_one_line_of_messages() -> None:
    messages = [{"uuid": f"{at}", "sender": who, "text": f"{at}"} for at, who in enumerate(("human", "assistant") * 2)]
    assert len(one({"uuid": "u", "name": "x", "chat_messages": messages}).transcript.turns) == 4
    messages[1]["sender"] = "wizard"
    with pytest.raises(Unreadable, match="message 2 of this Claude export"):
        one({"uuid": "u", "name": "x", "chat_messages": messages})


# --- SillyTavern


def jsonl(*documents: object) -> bytes:
    return "".join(f"{json.dumps(document)}\n" for document in documents).encode()


def test_swipes_are_branches_and_hidden_messages_are_counted() -> None:
    head = {"user_name": "unused", "character_name": "unused", "chat_metadata": {}}
    found = read(
        jsonl(
            head,
            {"name": "Ada", "is_user": True, "mes": "Hi.", "send_date": "2026-01-01T00:00:00.000Z"},
            {
                "name": "Seraphina",
                "mes": "Two.",
                "swipes": ["One.", "Two."],
                "swipe_id": 1,
                "extra": {"model": "mistral", "reasoning": "Hm."},
            },
            {"name": "Note", "is_system": True, "mes": "hidden"},
            {"name": "Ada", "is_user": True, "mes": "More."},
        )
    )
    main, swipe = found
    assert said(main) == [("Ada", "Hi."), ("Seraphina", "Two."), ("Ada", "More.")]
    assert said(swipe) == [("Ada", "Hi."), ("Seraphina", "One.")]
    assert (swipe.back, swipe.shared) == (1, 1)
    assert main.transcript.heading.started == "2026-01-01T00:00:00.000Z"
    assert main.transcript.heading.participant("Seraphina").voice == "unknown:mistral"
    assert main.lost == ("1 message hidden from the model left out",)
    with pytest.raises(Unreadable, match="line 2: a message of a SillyTavern chat"):
        read(jsonl(head, {"mes": 1}))


CARD = {"spec": "chara_card_v2", "spec_version": "2.0",
        "data": {"name": "Seraphina", "description": "{{char}} guards a forest.", "first_mes": "Welcome.",
                 "alternate_greetings": ["Who goes there?"], "creator": "Kay", "extensions": {"x": 1}}}  # fmt: skip


def test_a_card_is_somebody_with_a_brief_and_greetings() -> None:
    card = json.dumps(CARD).encode()
    first, other = read(card)
    assert first.transcript.heading.participant("Seraphina").brief == "Seraphina guards a forest."
    assert (said(first), said(other)) == ([("Seraphina", "Welcome.")], [("Seraphina", "Who goes there?")])
    assert first.lost == ("1 field 'extensions' of the card left out",)
    chunk = b"chara\0" + base64.b64encode(card)
    picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + b"tEXt" + chunk + b"\0\0\0\0"
    assert read(picture)[0].transcript == first.transcript
    silent = json.dumps({"spec": "chara_card_v3", "data": {"name": "Zed"}}).encode()
    assert read(silent)[0].transcript.turns == ()
    for broken, line in (
        (picture[:8], "no character card"),
        (picture.replace(chunk, b"chara\0" + b"!" * (len(chunk) - 6)), "is damaged"),
        (json.dumps({"spec": "chara_card_v2", "data": {}}).encode(), "has no name"),
    ):
        with pytest.raises(Unreadable, match=line):
            read(broken)


# --- Pidgin, session traces, ConvoKit, Inspect


def test_pidgins_events_are_a_conversation_with_a_brief_for_each() -> None:
    def event(kind: str, **more: object) -> dict[str, object]:
        return {"event_type": kind, "conversation_id": "conv_1", "timestamp": "2026-01-01T00:00:00"} | more

    found = read(
        jsonl(
            event(
                "ConversationStartEvent",
                agent_a_display_name="Opus",
                agent_b_display_name="Sonnet",
                agent_a_model="claude-opus",
                agent_b_model="claude-sonnet",
                initial_prompt="Talk.",
                max_turns=2,
            ),
            event("SystemPromptEvent", agent_id="agent_a", prompt="You are A."),
            event("SystemPromptEvent", agent_id="agent_b", prompt="You are B."),
            event("MessageChunkEvent", agent_id="agent_a", chunk="He"),
            event("MessageCompleteEvent", agent_id="agent_a", message={"content": "Hello.", "agent_id": "agent_a"}),
            event("ThinkingCompleteEvent", agent_id="agent_b", thinking_content="Hm."),
            event("APIErrorEvent", agent_id="agent_b", error_message="overloaded"),
            event("MessageCompleteEvent", agent_id="agent_b", message={"content": "Hi.", "agent_id": "agent_b"}),
            event("ConversationEndEvent", status="completed"),
        )
    )
    [talk] = found
    assert said(talk) == [(CHAIR, "Talk."), ("Opus", "Hello."), ("Sonnet", "Hi.")]
    people = talk.transcript.heading.participants
    assert [(one.voice, one.brief) for one in people] == [
        ("unknown:claude-opus", "You are A."),
        ("unknown:claude-sonnet", "You are B."),
    ]
    assert talk.transcript.turns[2].parts[0] == Thought("Hm.")
    assert talk.lost == ("1 event 'APIErrorEvent' left out",)
    with pytest.raises(Unreadable, match="line 2: this is no event"):
        read(jsonl(event("TurnStartEvent"), {"other": 1}))


def test_a_session_trace_is_read() -> None:
    first, second = read(
        jsonl(
            {"type": "session", "id": "s1", "name": "Rivers", "harness": "moot"},
            {"type": "message", "message": {"role": "system", "content": "Be kind."}},
            {
                "type": "message",
                "message": {"role": "user", "name": "Bo", "content": "Hi.", "timestamp": 1767225600000},
            },
            {
                "type": "message",
                "message": {"role": "assistant", "content": "Ho.", "model": "m", "reasoningContent": "Hm."},
            },
            {"type": "message", "message": {"role": "tool", "content": "42"}},
            {"type": "session", "id": "s2"},
            {"type": "message", "message": {"role": "user", "content": "Yo."}},
        )
    )
    assert said(first) == [("Bo", "Hi."), ("Assistant", "Ho.")]
    assert first.transcript.heading.started == "2026-01-01T00:00:00+00:00"
    assert first.lost == ("1 tool answer left out",)
    assert said(second) == [("User", "Yo.")]
    with pytest.raises(Unreadable, match="line 2: a line of a session trace"):
        read(jsonl({"type": "session"}, {"type": "other"}))


def test_a_corpus_of_convokit_is_read_by_conversation_and_time() -> None:
    utterances = jsonl(
        {
            "id": "2",
            "conversation_id": "1",
            "text": "Ho.",
            "speaker": "bo",
            "reply-to": "1",
            "timestamp": 2,
            "meta": {},
        },
        {
            "id": "1",
            "conversation_id": "1",
            "text": "Hi.",
            "speaker": "ada",
            "reply-to": None,
            "timestamp": 1,
            "meta": {"x": 1},
        },
        {
            "id": "3",
            "conversation_id": "1",
            "text": "He.",
            "speaker": "ada",
            "reply-to": "1",
            "timestamp": 3,
            "meta": {},
        },
        {"id": "9", "conversation_id": "9", "text": "Alone.", "speaker": "cy", "reply-to": None, "meta": {}},
    )
    first, second = read(
        zipped(
            ("corpus/utterances.jsonl", utterances),
            (
                "corpus/conversations.json",
                json.dumps({"1": {"meta": {"title": "Rivers", "won": True, "odd": []}}}).encode(),
            ),
            ("corpus/speakers.json", json.dumps({"bo": {"meta": {"model": "m"}}}).encode()),
        )
    )
    assert said(first) == [("ada", "Hi."), ("bo", "Ho."), ("ada", "He.")]
    assert [one.voice for one in first.transcript.heading.participants] == ["person", "unknown:m"]
    assert (first.transcript.heading.title, dict(first.transcript.heading.source)["won"]) == ("Rivers", True)
    assert set(first.lost) == {
        "1 remark that a reply is to another utterance than the one before left out",
        "1 value told of an utterance left out",
        "1 value told of the conversation left out",
    }
    assert said(second) == [("cy", "Alone.")]
    with pytest.raises(Unreadable, match="line 2: an utterance has an 'id'"):
        read(zipped(("utterances.jsonl", jsonl({"id": "1", "text": "a"}, {"text": "b"})), ("index.json", b"{}")))


SAMPLE = {
    "id": "q1", "epoch": 2, "uuid": "abc", "target": "yes", "input": "Hi.",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi."}, {"type": "image", "image": "x"}]},
        {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Ho."}],
         "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "attachment://a1", "model": "other", "metadata": {"speaker": "Bo"}},
    ],
    "attachments": {"a1": "A long text."},
    "output": {"choices": [{"stop_reason": "max_tokens"}]},
    "scores": {"match": {"value": "C"}, "odd": {"value": [1]}},
    "events": [{"event": "info"}],
}  # fmt: skip


def test_inspects_samples_are_conversations_with_their_scores() -> None:
    head = {"version": 2, "eval": {"task": "rivers", "model": "openai/gpt-5", "created": "2026-01-01T00:00:00+00:00"}}
    empty = {"id": "q0", "epoch": 1, "messages": []}
    as_archive = read(
        zipped(
            ("header.json", json.dumps(head).encode()),
            ("samples/q0_epoch_1.json", json.dumps(empty).encode()),
            ("samples/q1_epoch_2.json", json.dumps(SAMPLE).encode()),
            ("summaries.json", b"[]"),
        )
    )
    as_json = read(json.dumps(head | {"samples": [empty, SAMPLE]}).encode())
    assert [one.transcript for one in as_archive] == [one.transcript for one in as_json]
    [found] = as_json
    assert said(found) == [("User", "Hi."), ("Assistant", "Ho."), ("Bo", "A long text.")]
    assert found.transcript.turns[-1].stop == "length"
    heading = found.transcript.heading
    assert heading.title == "rivers q1, epoch 2"
    assert [one.voice for one in heading.participants] == ["person", "unknown:openai/gpt-5", "unknown:other"]
    assert dict(heading.source) == {
        "format": "inspect",
        "task": "rivers",
        "sample": "q1, epoch 2",
        "score match": "C",
        "target": "yes",
    }
    assert set(found.lost) == {
        "1 image part left out",
        "1 tool call left out",
        "1 tool answer left out",
        "1 event left out",
    }
    wrong = head | {"samples": [{"id": 1, "messages": [{"role": "wizard"}]}]}
    with pytest.raises(Unreadable, match="sample 1: a message has a role"):
        read(json.dumps(wrong).encode())


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


def test_branches_of_a_file_are_forks_on_record_and_come_once(moot_: Callable[..., Answer], tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([GPT]))
    main, branch = moot_("import", str(path), "--json").json
    assert branch["forked_from"] == main["id"]
    shown = moot_("show", branch["id"]).out
    assert "Yes." in shown
    assert "No." not in shown
    assert {one["id"]: one["forked_from"] for one in moot_("list", "--json").json}[branch["id"]] == main["id"]
    assert all(one["known"] for one in moot_("import", str(path), "--json").json)
    assert moot_("verify").code == 0
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "utterances.jsonl").write_text('{"id": "1", "conversation_id": "1", "text": "Hi.", "speaker": "ada"}\n')
    (folder / "elsewhere").symlink_to("/etc/hostname")
    assert moot_("import", str(folder), "--json").json[0]["turns"] == 1
