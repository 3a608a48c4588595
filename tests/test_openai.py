"""OpenAI's three wires: what is sent and what is not, to whom which key goes, and what servers get up to."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from typing import Any

import pytest
from openai import AsyncOpenAI

from fakes import KEY, Fake, Reply
from fakes.speaking import HELLO, WIRES, opened, said, serve, settled, voice_of
from moot.transcript import Participant, Text, Thought
from moot.view import Message
from moot.voices import Attempt, Done, Place, Pool, Thinking, VoiceError, Words
from moot.voices.attempts import Patience
from moot.voices.destination import short_name
from moot.voices.limits import Line
from moot.voices.openai import CompatibleVoice, check, open_voice, settle
from moot.voices.spec import parse

pytestmark = pytest.mark.anyio

CHAT, RESPONSES, SCRIPT = WIRES["chat"], WIRES["responses"], WIRES["script"]


def body_of(address: str, view: tuple[Message, ...] = HELLO, brief: str = "Be brief.") -> dict[str, Any]:
    return voice_of(settled(address), Pool()).request(brief, view)["body"]


# Settling


@pytest.mark.parametrize(
    ("address", "settings"),
    [
        ("openai:gpt-4o", {"wire": "responses", "reasoning": False}),
        ("openai:gpt-5-mini?effort=low", {"wire": "responses", "reasoning": True, "effort": "low"}),
        ("openai:gpt-5-chat-latest", {"wire": "responses", "reasoning": False}),
        ("openai:m?base_url=http://127.0.0.1:1/v1/", {"wire": "chat", "base_url": "http://127.0.0.1:1/v1"}),
        ("openai:m?base_url=https://api.openai.com/v1", {"wire": "responses", "reasoning": False}),
        (
            "openai:m?style=script&temperature=0.5",
            {"wire": "completions", "style": "script", "max_tokens": 256, "stop": ("\n",), "temperature": 0.5},
        ),
        ("openai:m?wire=completions&style=chat", settle(parse("openai:m?style=script")).settings),
    ],
)
def test_an_address_settles_into_what_it_says_and_nothing_else(address: str, settings: dict[str, Any]) -> None:
    assert settle(parse(address)).settings == settings


def test_the_environments_base_url_is_settled_on_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert settle(parse("openai:m")).settings == {"wire": "chat", "base_url": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5", "GPT-5"),
        ("gpt-4o", "GPT-4o"),
        ("chatgpt-4o-latest", "chatgpt-4o-latest"),
        ("meta-llama/Llama-3.1-8B", "Llama-3.1-8B"),
        ("llama3.2:3b", "llama3.2-3b"),
        ("a/b/", "b"),
    ],
)
def test_a_models_name_becomes_a_participants(model: str, name: str) -> None:
    assert settle(parse(f"openai:{model}")).name == name
    Participant(name, f"openai:{model}")


def test_a_name_is_never_empty_overlong_or_invisible() -> None:
    assert short_name("///") == "Model"
    Participant(short_name("x" * 100), "v")
    Participant(short_name("a\u200bb\n"), "v")


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("openai:m?wire=soap", "wire is one of responses, chat, completions"),
        ("openai:m?temperatur=1", "did you mean 'temperature'"),
        ("openai:m?top_k=5", "no setting 'top_k'"),
        ("openai:m?wire=chat&max_tokens=many", "max_tokens cannot be 'many'"),
        ("openai:m?base_url=http://me:secret@host/v1", "no user, password or query"),
        ("openai:m?base_url=http://host/v1%3Fkey=secret", "no user, password or query"),
        ("openai:m?base_url=host/v1", "has the form http://HOST/PATH"),
    ],
)
def test_an_address_that_cannot_be_is_told_why_and_never_repeats_a_secret(address: str, complaint: str) -> None:
    with pytest.raises(VoiceError, match=complaint) as caught:
        settle(parse(address))
    assert "secret" not in str(caught.value)


# Requests


def test_settings_that_are_absent_are_not_sent() -> None:
    assert body_of(CHAT) == {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello, who is there?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert "instructions" not in body_of(RESPONSES, brief="")
    assert len(body_of(CHAT, brief="")["messages"]) == 1


def test_settings_that_are_present_are_sent_by_the_names_of_the_wire() -> None:
    sampling = "temperature=0.5&top_p=0.9&max_tokens=9&effort=low"
    local = f"openai:m?base_url=http://127.0.0.1:1/v1&{sampling}&top_k=5&stop=a%7Cb&stream_options=false"
    sent = body_of(local)
    assert {
        name: sent[name] for name in ("temperature", "top_p", "max_tokens", "reasoning_effort", "top_k", "stop")
    } == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 9,
        "reasoning_effort": "low",
        "top_k": 5,
        "stop": ["a", "b"],
    }
    assert "stream_options" not in sent
    hosted = body_of(f"openai:gpt-4o?wire=chat&{sampling}")
    assert hosted["max_completion_tokens"] == 9
    assert "max_tokens" not in hosted
    responses = body_of(f"openai:gpt-5?{sampling}")
    assert (responses["max_output_tokens"], responses["reasoning"]) == (9, {"effort": "low"})


def test_a_seed_is_sent_only_where_it_is_asked_for_and_differs_with_each_turn() -> None:
    voice = voice_of(settled("openai:m?wire=chat&seed=true"), Pool(), seed=2**31 - 1)
    assert [voice.request("", HELLO * count)["body"]["seed"] for count in (0, 1, 2)] == [2**31 - 1, 0, 1]
    assert "seed" not in body_of(CHAT)


def test_what_neighbours_said_is_joined_by_a_blank_line_in_a_chat() -> None:
    heard = (*HELLO, Message("user", "Cy", "And me.", named=True))
    assert body_of(CHAT, heard)["messages"][-1] == {"role": "user", "content": "Hello, who is there?\n\nCy: And me."}


def test_an_imported_participant_without_settings_speaks_by_the_usual_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = Participant("Ada", "openai:gpt-4o")
    assert open_voice(bare, 0, Pool(), Place()).request("", HELLO)["path"] == "/responses"
    script = Participant("Ada", "openai:m", settings=(("style", "script"),))
    assert open_voice(script, 0, Pool(), Place()).request("", HELLO)["body"]["stop"] == ["\n"]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert open_voice(bare, 0, Pool(), Place()).request("", HELLO)["path"] == "/chat/completions"


# Reading


async def test_reasoning_fields_are_thoughts_and_not_words(fake: Fake) -> None:
    fake.replies.append(Reply(("Yes.",), thoughts=("hm ", "hm")))
    turn = (await said(CHAT)).turn
    assert turn.parts == (Thought("hm hm", "openai:gpt-4o"), Text("Yes."))


async def test_think_tags_in_the_content_are_thoughts_too(fake: Fake) -> None:
    fake.replies.append(Reply(("<th", "ink>hm</", "think>\n\nYes", ".")))
    assert (await said(CHAT)).turn.parts == (Thought("hm", "openai:gpt-4o"), Text("Yes."))


async def test_a_thought_cut_by_length_leaves_no_words(fake: Fake) -> None:
    fake.replies.append(Reply(("<think>hm", " hm </th"), stop="length"))
    turn = (await said(CHAT)).turn
    assert (turn.text, turn.stop, len(turn.parts)) == ("", "length", 1)


async def test_a_server_that_knows_no_stream_options_is_asked_again_without(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, Fake(stream_options=False)) as fake:
        heard = await said(CHAT)
        assert heard.error is None
        assert heard.waits == [0.0]
        tried = [delta.request["body"] for delta in heard.deltas if isinstance(delta, Attempt)]
        assert tried == fake.bodies
        assert [one.pop("stream_options", None) for one in tried] == [{"include_usage": True}, None]
        assert tried[0] == tried[1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"choices":[{"delta":{"content":"a"}}]}', '{"choices":[{"delta":{},"finish_reason":"eos"}]}'], "a"),
        (['{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":"?"}}'], "a"),
        (['{"choices":[]}', "[]", "7", "null", '{"choices":[{"delta":{"content":7},"finish_reason":"stop"}]}'], ""),
        (['{"choices":[{"delta":{"content":"<t"},"finish_reason":"stop"}]}', "[DONE]"], "<t"),
    ],
)
async def test_odd_chunks_of_other_servers_are_put_up_with(fake: Fake, lines: list[str], words: str) -> None:
    fake.replies.append(Reply(raw=tuple(lines)))
    heard = await said(CHAT)
    assert heard.turn.text == words
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"choices":[{"delta":{},"finish_reason":"error"}]}',
        '{"error":{"message":"upstream died","code":502}}',
        '{"error":"boom"}',
        "[DONE]",
    ],
)
async def test_a_stream_without_a_proper_end_is_tried_again(fake: Fake, line: str) -> None:
    fake.replies += [Reply(raw=('{"id":"x","choices":[{"delta":{"content":"half"}}]}', line)), Reply()]
    heard = await said(CHAT)
    assert heard.turn.text == "Hello there."
    assert len(heard.failures) == 1


async def test_two_messages_of_one_response_stay_apart(fake: Fake) -> None:
    item = '{"type":"response.output_item.added","item":{"type":"message"}}'
    words = '{"type":"response.output_text.delta","delta":"a"}'
    end = '{"type":"response.completed","response":{"usage":null}}'
    fake.replies.append(Reply(raw=(item, words, item, words, '{"type":"response.new"}', end)))
    assert (await said(RESPONSES)).turn.text == "a\n\na"


async def test_an_error_event_of_a_response_is_judged_by_its_code(fake: Fake) -> None:
    fake.replies.append(Reply(raw=('{"type":"error","code":"invalid_prompt","message":"no"}',)))
    heard = await said(RESPONSES)
    assert "invalid_prompt: no" in str(heard.error)
    assert len(fake.requests) == 1


async def test_an_error_that_is_no_json_is_told_all_the_same(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", KEY)
    fake.replies.append(Reply(status=404))
    assert "404" in str(
        (await said("openai:m?wire=chat&base_url=" + fake.openai_url + "/nowhere&key_env=LAB_KEY")).error
    )


# Sealed thoughts


async def test_sealed_thoughts_go_back_to_the_voice_that_had_them_before_its_own_words(fake: Fake) -> None:
    fake.replies.append(Reply(("Yes.",), thoughts=("hm", "so")))
    turn = (await said(RESPONSES)).turn
    thought = turn.parts[0]
    assert isinstance(thought, Thought)
    assert thought.text == "hm\n\nso"
    own = Message("assistant", "Ada", turn.text, thoughts=(thought,))
    fake.replies.append(Reply())
    assert (await said(RESPONSES, (*HELLO, own))).error is None
    sent = fake.bodies[-1]
    assert [item["type"] for item in sent["input"]] == ["message", "reasoning", "message", "message"]
    assert sent["input"][1] == json.loads(thought.seal)
    assert "id" not in sent["input"][1]
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["store"] is False


@pytest.mark.parametrize("address", ["openai:gpt-5-mini", "openai:gpt-4o", "openai:gpt-5?reasoning=false"])
def test_sealed_thoughts_go_to_no_other_voice(address: str) -> None:
    own = Message("assistant", "Ada", "Yes.", thoughts=(Thought("hm", "openai:gpt-5", '{"type":"reasoning"}'),))
    assert [item["type"] for item in body_of(address, (*HELLO, own))["input"]] == ["message"] * 3
    assert "hm" not in json.dumps(body_of(CHAT, (*HELLO, own)))


# Scripts, and what the embedded engine asks of this file


async def test_a_scripts_turn_has_clean_edges(fake: Fake) -> None:
    fake.replies.append(Reply((" ", " Well", ", yes", ". ", "\n")))
    assert (await said(SCRIPT)).turn.parts == (Text("Well, yes."),)


@pytest.mark.parametrize("address", [SCRIPT + "&sentences=2", "openai:m?wire=chat&sentences=2"])
async def test_a_turn_is_cut_after_so_many_sentences_by_hanging_up(fake: Fake, address: str) -> None:
    words = ("It is 3", ".5 m", "etres. Yes", "! ", "And", *(" on",) * 200)
    fake.replies.append(Reply(words, pace=0.005))
    heard = await said(address)
    assert (heard.turn.text, heard.turn.stop) == ("It is 3.5 metres. Yes!", "end")
    assert fake.requests[0].gone.wait(2)


async def test_chat_words_are_kept_to_the_letter(fake: Fake) -> None:
    fake.replies.append(Reply((" \n", "Well ", " \n")))
    assert (await said(CHAT)).turn.text == " \nWell  \n"


async def test_an_embedded_engine_gives_its_own_client_defaults_and_extras(fake: Fake) -> None:
    client = AsyncOpenAI(api_key=KEY, base_url=fake.openai_url, max_retries=0)

    async def connect() -> Line[AsyncOpenAI]:
        return Line(client)

    ada = Participant("Ada", "local:tiny", settings=(("temperature", 0.1),))
    defaults = {"temperature": 0.8, "min_p": 0.08, "seed": True, "stop": ("<|im_end|>",), "dry_multiplier": None}
    voice = CompatibleVoice(ada, 3, connect, defaults, {"id_slot": 1, "cache_prompt": True}, patience=Patience(first=5))
    async with client:
        deltas = [delta async for delta in voice.speak("", HELLO)]
    assert isinstance(deltas[-1], Done)
    assert fake.bodies == [voice.request("", HELLO)["body"]]
    expected = {"model": "tiny", "temperature": 0.1, "min_p": 0.08, "seed": 4, "stop": ["<|im_end|>"], "id_slot": 1}
    assert fake.bodies[0] | expected == fake.bodies[0]
    assert "dry_multiplier" not in fake.bodies[0]


# Keys and where they go


async def test_an_address_that_wants_a_key_says_how_to_name_one(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    heard = await said(f"openai:m?base_url={fake.openai_url}")
    assert "no key was sent" in str(heard.error)
    assert "?key_env=NAME" in str(heard.error)


@pytest.mark.parametrize(
    ("address", "environment", "complaint"),
    [
        ("openai:gpt-5", {}, "set OPENAI_API_KEY"),
        ("openai:gpt-5", {"OPENAI_API_KEY": " "}, "set OPENAI_API_KEY"),
        ("openai:gpt-5", {"OPENAI_API_KEY": "sk-\u2026"}, "OPENAI_API_KEY holds no key"),
        ("openai:gpt-5", {"OPENAI_API_KEY": "sk-1"}, None),
        ("openai:gpt-5?key_env=MINE", {"OPENAI_API_KEY": "sk-1"}, "set MINE"),
        ("openai:m?base_url=http://127.0.0.1:1/v1", {}, None),
    ],
)
def test_check_tells_a_missing_key_before_a_conversation_starts(
    monkeypatch: pytest.MonkeyPatch, address: str, environment: dict[str, str], complaint: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(VoiceError, match=complaint) if complaint else nullcontext():
        check(settled(address), Pool())


def test_check_tells_a_missing_package_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(VoiceError, match=r'pip install "moot\[openai\]"'):
        check(settled(CHAT), Pool())


async def test_one_client_serves_all_voices_of_an_endpoint_and_is_closed_with_the_pool(fake: Fake) -> None:
    async with Pool() as pool:
        voices = [voice_of(settled(address), pool) for address in (CHAT, RESPONSES, SCRIPT)]
        clients = [(await voice.connect()).client for voice in voices]
        assert len({id(client) for client in clients}) == 1
        async for _ in voices[0].speak("", HELLO):
            pass
    assert isinstance(clients[0], AsyncOpenAI)
    assert clients[0].is_closed()
    assert len(fake.requests) == 1


async def test_deltas_are_the_pieces_as_they_came(fake: Fake) -> None:
    fake.replies.append(Reply(thoughts=("hm",)))
    async with opened(CHAT) as voice:
        deltas = [delta async for delta in voice.speak("", HELLO)]
    assert deltas[1:-1] == [Thinking("hm"), Words("Hello"), Words(" there"), Words(".")]
