"""Anthropic's Messages: blocks that alternate, thoughts that go back sealed, and a cache that reads all it can."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from fakes import Fake, Reply
from fakes.speaking import HELLO, WIRES, said, serve, settled, voice_of
from moot.convene import Retry, Said, convene
from moot.transcript import CHAIR, Heading, Participant, Text, Thought, Transcript, Turn, link
from moot.view import Message, view
from moot.voices import Attempt, Done, Paused, Place, Pool, Thinking, Usage, VoiceError, Words
from moot.voices.anthropic import MAX_TOKENS, check, open_voice, settle
from moot.voices.attempts import Patience
from moot.voices.spec import parse
from moot.voices.wire import NOTHING, OPENING, SILENCE

if TYPE_CHECKING:
    from moot.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

PLAIN = "anthropic:claude-sonnet-4-5"
THINKING = WIRES["messages"]

QUICK = Patience(pause=0.01)


def body_of(address: str, heard: tuple[Message, ...] = HELLO, brief: str = "Be brief.") -> dict[str, Any]:
    return voice_of(settled(address), Pool()).request(brief, heard)["body"]


def texts(body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one["role"], [part["text"] for part in one["content"] if "text" in part]) for one in body["messages"]]


def test_an_address_settles_into_what_it_says_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settle(parse(PLAIN)).settings == {"max_tokens": MAX_TOKENS}
    assert settle(parse(PLAIN + "?temperature=0.5&thinking=2048&max_tokens=99")).settings == {
        "max_tokens": 99,
        "temperature": 0.5,
        "thinking": 2048,
    }
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/")
    assert settle(parse(PLAIN)).settings["base_url"] == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("model", "name"), [("claude-opus-4-1", "Claude"), ("claude-3-5-haiku-latest", "Claude"), ("other/m:1", "m-1")]
)
def test_every_claude_goes_by_its_name(model: str, name: str) -> None:
    assert settle(parse(f"anthropic:{model}")).name == name


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        (PLAIN + "?wire=chat", "no setting 'wire'"),
        (PLAIN + "?thinking=much", "thinking cannot be 'much'"),
        (PLAIN + "?base_url=http://u:secret@host", "no user, password or query"),
    ],
)
def test_an_address_that_cannot_be_is_told_why(address: str, complaint: str) -> None:
    with pytest.raises(VoiceError, match=complaint) as caught:
        settle(parse(address))
    assert "secret" not in str(caught.value)


def test_settings_that_are_absent_are_not_sent() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    assert body_of(PLAIN) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": MAX_TOKENS,
        "system": [{"type": "text", "text": "Be brief."} | mark],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello, who is there?"} | mark]}],
        "stream": True,
    }
    assert "system" not in body_of(PLAIN, brief=" ")


def test_the_budget_for_thoughts_comes_on_top_of_that_for_words() -> None:
    body = body_of(PLAIN + "?thinking=2048&max_tokens=1000&temperature=1&top_p=0.9&top_k=3&effort=low")
    assert body["max_tokens"] == 3048
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert (body["temperature"], body["top_p"], body["top_k"]) == (1.0, 0.9, 3)
    assert body["output_config"] == {"effort": "low"}
    assert body_of(PLAIN + "?adaptive=true")["thinking"] == {"type": "adaptive"}


def test_an_imported_participant_without_settings_speaks_all_the_same() -> None:
    bare = Participant("Claude", PLAIN)
    assert open_voice(bare, 0, Pool(), Place()).request("", HELLO)["body"]["max_tokens"] == MAX_TOKENS


@pytest.mark.parametrize(
    ("heard", "sent"),
    [
        ([], [("user", [OPENING])]),
        ([("assistant", "Hi ")], [("user", [OPENING]), ("assistant", ["Hi "]), ("user", [SILENCE])]),
        ([("user", "a"), ("user", "b")], [("user", ["a", "b"])]),
        ([("user", "a"), ("assistant", "")], [("user", ["a"]), ("assistant", [NOTHING]), ("user", [SILENCE])]),
        ([("user", " \n")], [("user", [NOTHING])]),
    ],
)
async def test_every_view_is_taken_by_a_server_with_the_real_rules(
    fake: Fake, heard: list[Any], sent: list[tuple[str, list[str]]]
) -> None:
    messages = tuple(Message(role, "Ada" if role == "assistant" else "Bo", text) for role, text in heard)
    assert (await said(PLAIN, messages)).error is None
    assert texts(fake.bodies[0]) == sent


# Reading


async def test_counts_add_up_to_all_that_was_read(fake: Fake) -> None:
    fake.replies += [Reply(), Reply()]
    first, second = [(await said(PLAIN)).deltas[-1] for _ in range(2)]
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert first.usage == Usage(first.usage.input, 0, first.usage.input, 3, 0)
    assert second.usage == Usage(first.usage.input, first.usage.input, 0, 3, 0)
    assert first.model == "claude-sonnet-4-5-20990101"


async def test_missing_counts_are_unknown_and_not_zero(fake: Fake) -> None:
    fake.replies.append(Reply(raw=('{"type":"message_start","message":{}}', '{"type":"message_stop"}')))
    done = (await said(PLAIN)).deltas[-1]
    assert isinstance(done, Done)
    assert done.usage == Usage()


async def test_events_that_nobody_knows_yet_are_passed_over(fake: Fake) -> None:
    lines = (
        '{"type":"message_start","message":{"model":"m","usage":{"input_tokens":1}}}',
        '{"type":"content_block_start","content_block":{"type":"hologram"}}',
        '{"type":"content_block_delta","delta":{"type":"hologram_delta","light":"…"}}',
        '{"type":"content_block_delta","delta":{"type":"text_delta","text":"Yes."}}',
        '{"type":"weather"}',
        "[1]",
        "",
        '{"type":"message_delta","delta":{"stop_reason":"enough"},"usage":{"output_tokens":2}}',
        '{"type":"message_stop"}',
    )
    fake.replies.append(Reply(raw=lines))
    heard = await said(PLAIN)
    assert (heard.turn.text, heard.turn.stop) == ("Yes.", "end")
    assert len(fake.requests) == 1


@pytest.mark.parametrize(("code", "tries"), [("overloaded_error", 2), ("api_error", 2), ("invalid_request_error", 1)])
async def test_an_error_in_mid_stream_is_tried_again_only_where_it_may_pass(fake: Fake, code: str, tries: int) -> None:
    fake.replies.append(Reply(fault="error", at=4, code=code, message="Oh no"))
    heard = await said(PLAIN)
    assert len(fake.requests) == tries
    assert "Oh no" in heard.failures[0].error
    assert (heard.error is None) == (tries == 2)


async def test_an_error_event_without_words_is_an_error_still(fake: Fake) -> None:
    fake.replies.append(Reply(raw=('{"type":"error"}',)))
    assert len((await said(PLAIN)).failures) == 1


async def test_an_overlong_prompt_tells_how_long_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, Fake(context=30)):
        heard = await said(PLAIN, (Message("user", "Bo", "word " * 60),))
    assert "prompt is too long" in str(heard.error)


# Pauses


def paused(*words: str, **more: Any) -> Reply:
    return Reply(words, stop="pause", **more)


async def test_a_turn_that_is_paused_goes_on_where_it_stopped(fake: Fake) -> None:
    fake.replies += [paused("One, ", thoughts=("hm",), redacted=True), paused("two, "), Reply(("three.",))]
    heard = await said(THINKING)
    assert heard.turn.text == "One, two, three."
    assert [type(one) for one in heard.deltas if not isinstance(one, Words | Thinking)] == [
        *[Attempt, Paused] * 2,
        Attempt,
        Done,
    ]
    first, second, third = fake.bodies
    assert second["messages"][:-1] == third["messages"][:-1] == first["messages"]
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": "sig-by-fake"},
        {"type": "redacted_thinking", "data": "gAAAA-sealed-by-fake"},
    ]
    so_far = [*thoughts, {"type": "text", "text": "One, "}, {"type": "text", "text": "two, "}]
    assert second["messages"][-1] == {"role": "assistant", "content": so_far[:3]}
    assert third["messages"][-1] == {"role": "assistant", "content": so_far}
    assert [one.request["body"] for one in heard.deltas if isinstance(one, Attempt)] == fake.bodies


async def test_a_pause_without_a_word_ends_the_turn(fake: Fake) -> None:
    fake.replies.append(paused())
    heard = await said(PLAIN)
    assert heard.turn == Turn("Ada")
    assert len(fake.requests) == 1


async def test_the_record_tells_both_requests_of_a_paused_turn(fake: Fake, store: SqliteStore) -> None:
    broken = Reply(("lost",), fault="reset", at=5)
    fake.replies += [paused("One, "), broken, paused("Uno, "), Reply(("due.",))]
    heading = Heading((settled(PLAIN), settled(PLAIN, "Bo")))
    await store.start("a1", Transcript(heading, (Turn(CHAIR, (Text("Count."),)),)))
    async with Pool() as pool:
        voices = {name: voice_of(heading.participant(name), pool, patience=QUICK) for name in heading.names}
        told = [event async for event in convene(store, "a1", voices, more=1)]
    spoken = (await store.read("a1")).transcript
    assert spoken.turns[-1].text == "Uno, due."
    again = next(number for number, event in enumerate(told) if isinstance(event, Retry))
    assert "".join(one.delta.text for one in told[again:] if isinstance(one, Said)) == "Uno, due."
    calls = await store.calls("a1")
    assert [(call.outcome, call.partial) for call in calls] == [
        ("paused", "One, "),
        ("failed", "lost"),
        ("paused", "Uno, "),
        ("done", ""),
    ]
    request = voices["Ada"].request("Be brief.", view(spoken.until(1), "Ada"))
    assert [call.request for call in calls] == [link("", {**request, "body": body}) for body in fake.bodies]
    assert calls[0].request == calls[2].request == link("", request)
    assert all(call.output for call in (calls[0], calls[2], calls[3]))


# Thoughts


async def test_thoughts_are_parts_of_their_own_sealed_by_their_signature(fake: Fake) -> None:
    fake.replies.append(Reply(("Yes.",), thoughts=("hm ", "so"), redacted=True))
    turn = (await said(THINKING)).turn
    assert turn.parts == (
        Thought("hm so", PLAIN, '{"signature":"sig-by-fake"}'),
        Thought("", PLAIN, '{"redacted":"gAAAA-sealed-by-fake"}'),
        Text("Yes."),
    )


async def test_sealed_thoughts_go_back_to_the_voice_that_had_them_before_its_own_words(fake: Fake) -> None:
    fake.replies.append(Reply(("Yes.",), thoughts=("hm",), redacted=True))
    turn = (await said(THINKING)).turn
    thoughts = tuple(part for part in turn.parts if isinstance(part, Thought))
    assert (await said(THINKING, (*HELLO, Message("assistant", "Ada", turn.text, thoughts=thoughts)))).error is None
    assert fake.bodies[1]["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig-by-fake"},
        {"type": "redacted_thinking", "data": "gAAAA-sealed-by-fake"},
        {"type": "text", "text": "Yes."},
    ]


@pytest.mark.parametrize(
    "thought",
    [
        Thought("hm", "anthropic:claude-opus-4-1", '{"signature":"s"}'),
        Thought("hm", PLAIN),
        Thought("hm", PLAIN, '{"something":"else"}'),
    ],
)
def test_a_thought_of_another_voice_or_without_a_seal_is_not_sent(thought: Thought) -> None:
    body = body_of(THINKING, (*HELLO, Message("assistant", "Ada", "Yes.", thoughts=(thought,))))
    assert "hm" not in json.dumps(body["messages"])


# The cache


def crowd(turns: int, listeners: int) -> Transcript:
    people = tuple(settled(PLAIN, f"P{number}") for number in range(listeners))
    spoken = tuple(Turn(f"P{number % listeners}", (Text(f"Turn {number}, " * 5),)) for number in range(turns))
    return Transcript(Heading(people), (Turn(CHAIR, (Text("Talk."),)), *spoken))


@pytest.mark.parametrize("listeners", [2, 5, 30])
async def test_each_request_reads_all_of_the_last_one_from_the_cache(fake: Fake, listeners: int) -> None:
    transcript = crowd(4 * listeners, listeners)
    before = 0
    async with Pool() as pool:
        voice = voice_of(transcript.heading.participants[0], pool)
        for number in range(1, 4 * listeners, listeners):
            deltas = [one async for one in voice.speak("Be brief.", view(transcript.until(number), "P0"))]
            done = deltas[-1]
            assert isinstance(done, Done)
            assert done.usage.input is not None
            assert (done.usage.cached, done.usage.cache_write) == (before, done.usage.input - before)
            before = done.usage.input
    assert len(fake.requests) == 4


def test_marks_for_the_cache_stand_on_the_brief_and_on_the_ends_of_this_and_the_last_request() -> None:
    heard = view(crowd(9, 2), "P0")
    marked = [
        (one["role"], part["text"][:7])
        for one in body_of(PLAIN, heard)["messages"]
        for part in one["content"]
        if "cache_control" in part
    ]
    assert marked == [("user", "Turn 7,"), ("user", SILENCE[:7])]


# Keys


@pytest.mark.parametrize(
    ("environment", "complaint"), [({}, "set ANTHROPIC_API_KEY"), ({"ANTHROPIC_API_KEY": "sk-1"}, None)]
)
def test_check_tells_a_missing_key_before_a_conversation_starts(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], complaint: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(VoiceError, match=complaint) if complaint else nullcontext():
        check(settled(PLAIN), Pool())


def test_check_tells_a_missing_package_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anthropic", None)
    with pytest.raises(VoiceError, match=r'pip install "moot\[anthropic\]"'):
        check(settled(PLAIN), Pool())
