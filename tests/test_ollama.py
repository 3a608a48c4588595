"""Ollama's own wire: what is asked for, what comes of it, and that no reply to half a conversation is taken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import KEY, Fake, Reply
from fakes.ollama import MISSING, kept_tokens, prompt_tokens
from fakes.speaking import HELLO, Heard, transcripts
from moot.transcript import Ballot, Heading, Participant, Question, Text, Thought, Transcript, Turn, freeze
from moot.view import Message, view
from moot.voices import Chosen, ContextFull, Done, Failed, Pool, Usage, VoiceError
from moot.voices.attempts import Patience
from moot.voices.endpoints import KNOWN, OF_OLLAMA, Endpoint
from moot.voices.ollama import OllamaVoice
from moot.voices.spec import check, open_voices, parse, settle
from moot.voices.truncation import cut, fewest_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

pytestmark = pytest.mark.anyio

PLAIN = "ollama:llama3.2:3b"
SCALE = Question("How far do you agree?", ("not at all", "partly", "fully"))
NOWHERE = {"ollama": replace(KNOWN["ollama"], base_url="http://127.0.0.1:9")}


def box(fake: Fake, age: str = "", **changed: Any) -> Mapping[str, Endpoint]:
    fields: dict[str, Any] = {"base_url": f"{fake.anthropic_url}{age}"} | changed
    return {"ollama": replace(KNOWN["ollama"], **fields)}


def keys(variable: str) -> str:
    return {"BOX_KEY": KEY}.get(variable, "")


def cast(address: str, endpoints: Mapping[str, Endpoint] = KNOWN, name: str = "Ada") -> Participant:
    spec = parse(address)
    return Participant(name, spec.voice, "Be brief.", freeze(settle(spec, endpoints).settings))


def voice_of(participant: Participant, pool: Pool, patience: Patience | None = None, seed: int = 7) -> OllamaVoice:
    voice = open_voices(Heading((participant,), seed=seed), pool)[participant.name]
    assert isinstance(voice, OllamaVoice)
    return replace(voice, patience=patience or Patience(first=5, idle=5))


def body(
    address: str, messages: Sequence[Message] = HELLO, *, brief: str = "Be brief.", ask: Question | None = None
) -> dict[str, Any]:
    request = voice_of(cast(address), Pool()).request(brief, messages, ask)
    assert request["path"] == "/api/chat"
    return request["body"]


async def said(
    address: str,
    endpoints: Mapping[str, Endpoint],
    messages: Sequence[Message] = HELLO,
    *,
    ask: Question | None = None,
    find: Callable[[str], str] = keys,
    idle: float = 5,
) -> Heard:
    heard = Heard(cast(address, endpoints))

    async def note(seconds: float) -> None:
        heard.waits.append(seconds)

    patience = Patience(first=5, idle=idle, tail=0.2, sleep=note, jitter=lambda: 1.0)
    async with Pool(endpoints, find) as pool:
        try:
            async for delta in voice_of(heard.participant, pool, patience).speak("Be brief.", messages, ask):
                heard.deltas.append(delta)
        except VoiceError as error:
            heard.error = error
    return heard


@pytest.fixture
def free() -> Any:
    with Fake(key=None) as fake:
        yield fake


# What is asked for


def test_a_request_says_how_much_is_to_be_read_and_that_nothing_is_to_be_dropped() -> None:
    assert body(PLAIN) == {
        "model": "llama3.2:3b",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello, who is there?"},
        ],
        "stream": True,
        "truncate": False,
        "shift": False,
        "keep_alive": "30m",
        "options": {"num_ctx": 8192},
    }


def test_all_that_decides_a_request_is_frozen_when_a_voice_is_cast() -> None:
    assert dict(cast(PLAIN).settings) == {
        "wire": "ollama",
        "context": 8192,
        "keep_alive": "30m",
        "ballots": "schema",
        "logprobs": True,
        "truncates": True,
    }
    odd = replace(OF_OLLAMA, context=2048, system=False, temperature=False)
    ada = cast("ollama:m", {"ollama": replace(KNOWN["ollama"], quirks=odd)})
    sent = voice_of(ada, Pool()).request("Be brief.", HELLO)["body"]
    assert sent["options"] == {"num_ctx": 2048}
    assert sent["messages"] == [{"role": "user", "content": "Be brief.\n\nHello, who is there?"}]


def test_settings_go_into_the_options_under_ollamas_names() -> None:
    options = (
        "temperature=0.5&top_p=0.9&top_k=40&min_p=0.05&repeat_penalty=1.1&repeat_last_n=64&presence_penalty=0.1"
        "&frequency_penalty=0.2&seed=true&stop=a%7Cb&max_tokens=99&context=1024"
    )
    assert body(f"ollama:m?{options}")["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "repeat_last_n": 64,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 8,
        "stop": ["a", "b"],
        "num_predict": 99,
        "num_ctx": 1024,
    }
    assert body("ollama:m?temperature=0.5&sampling=false&max_tokens=9")["options"] == {
        "num_predict": 9,
        "num_ctx": 8192,
    }


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("think=true", "think", True),
        ("think", "think", True),
        ("think=false", "think", False),
        ("think=high", "think", "high"),
        ("keep_alive=-1", "keep_alive", -1),
        ("keep_alive=1h30m", "keep_alive", "1h30m"),
    ],
)
def test_thinking_and_keeping_a_model_loaded_can_be_set(option: str, name: str, value: Any) -> None:
    assert body(f"ollama:m?{option}")[name] == value
    assert "think" not in body("ollama:m")


def test_a_context_of_nought_leaves_it_to_the_server() -> None:
    assert body("ollama:m?context=0")["options"] == {}


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("context=-1", "context is a number of tokens"),
        ("context=much", "context cannot be 'much'"),
        ("keep_alive=long", "keep_alive is a time such as 30m"),
        ("think=very hard", "think is true, false, or how hard"),
        ("ballots=grammar", "one of schema, parse"),
        ("wire=chat", r"wire is what \[endpoints.ollama\] of moot.toml says"),
        ("num_ctx=9", "no setting 'num_ctx'"),
        ("style=script", "no setting 'style'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(option: str, complaint: str) -> None:
    with pytest.raises(VoiceError, match=complaint):
        settle(parse(f"ollama:m?{option}"))


@pytest.mark.parametrize(
    ("address", "name"),
    [("ollama:llama3.2:latest", "llama3.2"), ("ollama:qwen3:8b", "qwen3-8b"), ("ollama:hf.co/a/B-GGUF", "B-GGUF")],
)
def test_a_voice_is_named_after_its_model(address: str, name: str) -> None:
    assert settle(parse(address)).name == name


@given(transcripts(), st.booleans())
def test_each_request_extends_the_one_before(transcript: Transcript, joined: bool) -> None:  # noqa: FBT001 - drawn
    voice = voice_of(cast(f"ollama:m?alternate={joined}".lower()), Pool())
    heard = replace(transcript, turns=())
    before = ""
    for turn in transcript.turns:
        if turn.speaker == "Ada" and not any(isinstance(part, Ballot) for part in turn.parts):
            content = json.dumps(voice.request("b", view(heard, "Ada"))["body"]["messages"])[:-1]
            assert "SECRET" not in content
            assert content.startswith(before)
            before = content
        heard = heard.then(turn)


def test_turns_are_joined_or_stand_alone_as_the_quirk_says() -> None:
    messages = (Message("user", "Bo", "One."), Message("user", "Cy", "Two."))
    assert [one["content"] for one in body("ollama:m", messages, brief="")["messages"]] == ["One.\n\nTwo."]
    apart = body("ollama:m?alternate=false", messages, brief="")["messages"]
    assert apart == [{"role": "user", "content": "One."}, {"role": "user", "content": "Two."}]


# What comes of it


async def test_words_thoughts_and_counts_are_read(free: Fake) -> None:
    free.replies.append(Reply(("Hello", ".\u2028\x85 Well."), ("Who", " is it?")))
    heard = await said("ollama:qwen3?think=true", box(free))
    assert heard.turn.parts == (Thought("Who is it?", "ollama:qwen3"), Text("Hello.\u2028\x85 Well."))
    done = heard.deltas[-1]
    assert isinstance(done, Done)
    (request,) = free.requests
    read = prompt_tokens(request.body)
    assert done == Done("end", Usage(input=read, cached=0, output=4), "qwen3", "req_fake")
    assert request.body == voice_of(heard.participant, Pool()).request("Be brief.", HELLO)["body"]
    assert "authorization" not in request.headers


async def test_thoughts_in_tags_are_thoughts(free: Fake) -> None:
    free.replies.append(Reply(("<th", "ink>Hm.</think>\n\nYes", ".")))
    assert (await said(PLAIN, box(free))).turn.parts == (Thought("Hm.", PLAIN), Text("Yes."))
    free.replies.append(Reply(("<think>Hm.",)))
    assert (await said(PLAIN, box(free))).turn.parts == (Thought("Hm.", PLAIN),)


async def test_missing_counts_are_unknown(free: Fake) -> None:
    free.replies.append(Reply(usage=False))
    heard = await said(PLAIN, box(free))
    assert isinstance(heard.deltas[-1], Done)
    assert heard.deltas[-1].usage == Usage()


async def test_a_reply_cut_by_its_limit_says_so(free: Fake) -> None:
    free.replies.append(Reply(stop="length"))
    assert (await said(PLAIN, box(free))).turn.stop == "length"


async def test_a_turn_of_so_many_sentences_ends_there_and_the_connection_too(free: Fake) -> None:
    free.replies.append(Reply(("One. ", "Two. ", "Three. ", "Four."), pace=0.05))
    heard = await said("ollama:m?sentences=2", box(free))
    assert heard.turn.text == "One. Two."
    assert free.requests[0].gone.wait(2)


async def test_bytes_may_come_in_any_pieces(free: Fake) -> None:
    words = ("Grüße", ", 世界", "! 👋")
    for split in (1, 2, 7):
        free.replies.append(Reply(words, split=split))
        assert (await said(PLAIN, box(free))).turn.text == "".join(words)


async def test_a_last_line_without_its_end_counts(free: Fake) -> None:
    line = {"model": "m", "message": {"role": "assistant", "content": "Yes."}, "done": True, "done_reason": "stop"}
    free.replies.append(Reply(events=("\n", "[]\n", '{"done": false}\n', json.dumps(line))))
    heard = await said(PLAIN, box(free))
    assert heard.turn.text == "Yes."
    free.replies.append(Reply(events=(json.dumps(line | {"model": 3, "message": {"content": 1}}),)))
    assert (await said(PLAIN, box(free))).turn.text == ""


@pytest.mark.parametrize("base", ["", "/v1"])
async def test_a_server_is_found_by_its_compatible_address_as_well(free: Fake, base: str) -> None:
    await said(PLAIN, box(free, base))
    assert free.requests[0].path == "/api/chat"


async def test_one_client_serves_all_voices_of_a_server(free: Fake) -> None:
    endpoints = box(free)
    async with Pool(endpoints) as pool:
        for name in ("Ada", "Bo"):
            [delta async for delta in voice_of(cast(PLAIN, endpoints, name), pool).speak("", HELLO)]
    assert [request.connection for request in free.requests] == [1, 1]


# Ballots


async def test_a_ballot_is_held_to_a_schema_and_without_the_voices_manner(free: Fake) -> None:
    address = "ollama:m?temperature=0.1&stop=a&max_tokens=9&sentences=1&seed=true"
    heard = await said(address, box(free), ask=SCALE)
    (chosen,) = (delta for delta in heard.deltas if isinstance(delta, Chosen))
    assert chosen.answer in SCALE.options
    assert chosen.how.startswith("held to a schema")
    (sent,) = free.bodies
    assert sent["format"]["type"] == "object"
    assert sent["logprobs"] is True
    assert not {"temperature", "stop"} & set(sent["options"])
    assert sent["options"]["num_predict"] > 9
    assert sent == voice_of(heard.participant, Pool()).request("Be brief.", HELLO, SCALE)["body"]
    again = replace(SCALE, draw=1)
    assert body(address, ask=again)["options"]["seed"] != sent["options"]["seed"]


async def test_the_probabilities_of_options_are_told(free: Fake) -> None:
    odds = ((1, (("partly", 0.7), ("fully", 0.2), ("not", 0.1))),)
    free.replies.append(Reply(('{"answer":"', "partly", '"}'), odds=odds))
    chosen = [one for one in (await said("ollama:m", box(free), ask=SCALE)).deltas if isinstance(one, Chosen)]
    assert chosen[0].answer == "partly"
    assert chosen[0].probabilities == pytest.approx((0.1, 0.7, 0.2))


@pytest.mark.parametrize(("option", "asked"), [("ballots=parse", set()), ("logprobs=false", {"format"})])
def test_how_a_ballot_is_got_can_be_set(option: str, asked: set[str]) -> None:
    assert {"format", "logprobs"} & set(body(f"ollama:m?{option}", ask=SCALE)) == asked


async def test_a_server_that_refuses_a_schema_is_asked_plainly(free: Fake) -> None:
    free.replies.extend([Reply(status=400, message='invalid format: expected "json"')])
    free.replies.append(Reply(("Partly.",)))
    heard = await said("ollama:m", box(free), ask=SCALE)
    assert heard.error is None
    assert "format" not in free.bodies[-1]
    assert [one.answer for one in heard.deltas if isinstance(one, Chosen)] == ["partly"]


# Errors


async def test_a_model_that_is_not_there_is_told_with_what_brings_it(free: Fake) -> None:
    heard = await said(f"ollama:{MISSING}", box(free))
    assert str(heard.error) == (
        f"ollama:{MISSING} cannot answer: the server at {free.anthropic_url} has no such model (HTTP 404); "
        f"get it with: ollama pull {MISSING}"
    )
    assert heard.waits == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=400, message="does not support thinking"), "HTTP 400: does not support thinking"),
        (Reply(status=404, message="page"), "HTTP 404: page"),
        (Reply(status=400, message='{"odd": 1}'), 'HTTP 400: {"odd": 1}'),
        (Reply(status=400, message='{"error": {"code": 400, "message": "Not today."}}'), "HTTP 400: Not today."),
        (Reply(framing="page"), "a web page came instead"),
        (Reply(status=307, headers=(("location", "http://127.0.0.1:9/api/chat"),)), "HTTP 307: the server redirects"),
    ],
)
async def test_what_no_second_try_mends_is_told_at_once(free: Fake, reply: Reply, told: str) -> None:
    free.replies.append(reply)
    heard = await said(PLAIN, box(free))
    assert told in str(heard.error)
    assert len(free.requests) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(status=503, message="server busy, please try again."), "HTTP 503: server busy"),
        (Reply(fault="reset", at=2), "the connection to http://127.0.0.1"),
        (Reply(fault="reset", at=-1), "the connection to http://127.0.0.1"),
        (Reply(fault="end", at=2), "the stream ended before the reply did"),
        (Reply(fault="garbage", at=1), "not JSON"),
        (Reply(fault="error", at=1), "an error was encountered while running the model"),
        (Reply(events=("\xff\n",)), "not JSON"),
        (Reply(events=('{"done": true, "done_reason": "load"}\n',)), "no more than load the model"),
        (Reply(fault="stall", at=2), "nothing came for 0.3 seconds"),
    ],
)
async def test_a_broken_reply_is_thrown_away_and_asked_for_again(free: Fake, reply: Reply, told: str) -> None:
    free.replies.extend([reply, Reply(("Well.",))])
    heard = await said(PLAIN, box(free), idle=0.3)
    assert heard.turn.text == "Well."
    assert told in heard.failures[0].error
    assert len(free.requests) == 2
    assert free.bodies[0] == free.bodies[1]


async def test_a_server_that_is_not_there_is_asked_several_times() -> None:
    heard = await said(PLAIN, NOWHERE)
    assert "the connection to http://127.0.0.1:9 failed" in str(heard.error)
    assert "does Ollama run there?" in str(heard.error)
    assert len(heard.waits) == 4


# Keys


async def test_a_key_goes_along_where_one_was_named_and_nowhere_else() -> None:
    with Fake() as fake:
        heard = await said(PLAIN, box(fake, key_env="BOX_KEY"))
        assert heard.error is None
        assert fake.requests[0].key == KEY
        assert KEY not in json.dumps(fake.bodies)
        refused = await said(PLAIN, box(fake, key_env="BOX_KEY"), find=lambda _: "wrong-key-of-some-length")
        assert "the key in BOX_KEY was refused" in str(refused.error)
        unasked = await said(PLAIN, box(fake))
        assert "no key was sent and one is wanted" in str(unasked.error)
        fake.replies.append(Reply(status=400, message=f"{'x' * 290} {KEY} was wrong"))
        told = await said(PLAIN, box(fake, key_env="BOX_KEY"))
        assert KEY[:12] not in str(told.error)


def test_a_key_that_is_missing_is_told_before_anything_is_sent() -> None:
    endpoints = {"ollama": replace(KNOWN["ollama"], key_env="OTHER_KEY")}
    with pytest.raises(VoiceError, match="set OTHER_KEY"):
        check(cast(PLAIN, endpoints), Pool(endpoints, keys))
    check(cast(PLAIN), Pool(KNOWN, keys))


async def test_no_key_follows_a_redirect_and_none_is_shown() -> None:
    with Fake() as elsewhere, Fake() as fake:
        where = (("location", f"{elsewhere.anthropic_url}/api/chat"),)
        fake.replies.append(Reply(status=307, headers=where))
        heard = await said(PLAIN, box(fake, key_env="BOX_KEY"))
        assert heard.error is not None
        assert elsewhere.requests == []
        async with Pool(box(fake, key_env="BOX_KEY"), keys) as pool:
            line = await voice_of(cast(PLAIN), pool).connect()
            assert KEY not in repr(line.client)


# A context that is full


def talk(turns: int, words: int = 40) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    text = " ".join(["conversation"] * words)
    return tuple(Message(roles[at % 2], "Bo" if at % 2 == 0 else "Ada", f"{at} {text}") for at in range(turns))


@pytest.mark.parametrize(("age", "turns"), [("", 9), ("/old", 9), ("/old", 3), ("/fresh", 9)])
async def test_no_reply_to_half_a_conversation_is_taken(age: str, turns: int) -> None:
    with Fake(key=None) as fake:
        endpoints = box(fake, age)
        messages = talk(turns)
        context = prompt_tokens({"messages": [{"content": one.text} for one in messages]}) * 4 // 5
        heard = await said(f"ollama:m?context={context}", endpoints, messages)
    assert isinstance(heard.error, ContextFull)
    assert f"go on in a fork, with a voice that reads more: ollama:m?context={2 * context}" in str(heard.error)
    assert isinstance(heard.deltas[-1], Failed)
    assert heard.waits == []


@pytest.mark.parametrize(("age", "room"), [("", 4), ("/old", 200), ("/fresh", 200)])
async def test_a_conversation_that_fits_with_room_for_another_turn_is_not_closed(age: str, room: int) -> None:
    with Fake(key=None) as fake:
        endpoints = box(fake, age)
        for turns in range(1, 24, 2):
            messages = talk(turns)
            sent = [{"content": "Be brief."}, *({"content": one.text} for one in messages)]
            context = prompt_tokens({"messages": sent}) + room
            heard = await said(f"ollama:m?context={context}", endpoints, messages)
            assert heard.error is None


async def test_a_whole_talk_rests_when_its_context_is_full_and_not_before() -> None:
    with Fake(key=None) as fake:
        endpoints = box(fake, "/old")
        ada, bo = cast("ollama:m?context=600", endpoints), cast("ollama:m?context=600", endpoints, "Bo")
        spoken = Transcript(Heading((ada, bo)))
        async with Pool(endpoints) as pool:
            voice = voice_of(ada, pool)
            error: VoiceError | None = None
            while error is None:
                spoken = spoken.then(Turn("Bo", (Text(" ".join(["hello"] * 30)),)))
                try:
                    words = [delta async for delta in voice.speak("Be brief.", view(spoken, "Ada"))]
                except VoiceError as failed:
                    error = failed
                    break
                assert isinstance(words[-1], Done)
                spoken = spoken.then(Turn("Ada", (Text("I hear you."),)))
    assert isinstance(error, ContextFull)
    read = prompt_tokens(fake.bodies[-2])
    assert read < 520
    assert prompt_tokens(fake.bodies[-1]) > 450


WORDS = st.lists(st.sampled_from(["and", "letters", "together", "I'm", "of"]), min_size=1, max_size=60).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=9), st.integers(40, 700))
def test_whatever_an_old_release_drops_is_noticed_from_one_request_alone(texts: list[str], window: int) -> None:
    roles = ["system", *["user", "assistant"] * len(texts)]
    chat = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    request = {"body": {"messages": chat, "options": {"num_ctx": window}}}
    whole = prompt_tokens(request["body"])
    found = cut(request, Usage(kept_tokens(request["body"], window)), window)
    assert found or whole <= window
    assert not found or whole + max(len(text) // 3 + 16 for text in texts) > window


async def test_a_server_that_drops_nothing_is_believed_where_the_user_says_so() -> None:
    with Fake(key=None) as fake:
        heard = await said("ollama:m?context=100&truncates=false", box(fake, "/old"), talk(9))
    assert heard.error is None


def request_of(*texts: str) -> dict[str, Any]:
    return {"body": {"messages": [{"role": "user", "content": text} for text in texts]}}


@pytest.mark.parametrize(
    ("words", "usage", "context", "found"),
    [
        (100, Usage(), 0, ""),
        (100, Usage(), 101, ""),
        (100, Usage(), 100, "reads 100 tokens and was sent 100 or more"),
        (100, Usage(120), 4096, ""),
        (100, Usage(4096), 4096, "read 4096 tokens, which is all that its context of 4096 holds"),
        (100, Usage(2050, output=2046), 4096, ""),
        (100, Usage(2050, output=2047), 4096, ""),
        (100, Usage(2050, output=2048), 4096, "went beyond its context of 4096 tokens"),
        (3000, Usage(2050), 4096, "read 2050 tokens and was sent 3000 or more"),
        (3000, Usage(57), 4096, ""),
        (3000, Usage(57, cached=0), 4096, "read 57 tokens and was sent 3000 or more"),
        (3000, Usage(2050), 0, "read 2050 tokens and was sent 3000 or more"),
    ],
)
def test_a_cut_is_found_where_it_shows_and_nowhere_else(words: int, usage: Usage, context: int, found: str) -> None:
    assert found in cut(request_of(" ".join(["word"] * words)), usage, context)
    assert bool(found) == bool(cut(request_of(" ".join(["word"] * words)), usage, context))


def test_the_fewest_tokens_are_a_lower_bound_in_every_script() -> None:
    assert fewest_tokens(request_of("To be, or not to be", "  that \n is ")) == 8
    assert fewest_tokens(request_of("我们今天讨论一个问题" * 8)) == 10  # a tokenizer makes some fifty of it
    assert fewest_tokens(request_of("né ✂✂✂✂✂✂✂✂✂✂✂✂✂✂✂✂✂✂ ok")) == 3
    assert fewest_tokens({"body": {"prompt": "Ada: hello\nBo:"}}) == 3
