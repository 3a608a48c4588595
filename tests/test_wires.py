"""What every wire owes: growth, visible placeholders, whole retries, kept keys, and a connection that closes."""

from __future__ import annotations

import asyncio
import json
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import KEY, Fake, Fault, Reply
from fakes.speaking import HELLO, WIRES, opened, said, serve, settled, voice_of
from moot.transcript import CHAIR, Ballot, Heading, Text, Thought, Transcript, Turn
from moot.view import Message, view
from moot.voices import Attempt, ContextFull, Done, Failed, Pool, VoiceError, Words, fold
from moot.voices.attempts import LONGEST_SAID, Patience, judge, judge_in_stream, one_line, retry_after
from moot.voices.wire import NOTHING, OPENING, SILENCE, Edges, Sentences, ThoughtTags, blocks, script, sentences_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.anyio

ALL = list(WIRES.values())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    with serve(monkeypatch, Fake()) as served:
        yield served


# Growth


TEXTS = st.one_of(
    st.sampled_from(["", " ", "\n\n", "\u00a0", "yes", "No.", "Ada: me", " spaced ", "a\nb", "<think>x</think>"]),
    st.text(),
)


def _turn(speaker: str, text: str, thought: str, hearers: tuple[str, ...] | None, *, is_ballot: bool) -> Turn:
    parts = (Ballot("who?", ("yes", "no"), "yes"),) if is_ballot else (Thought(f"SECRET{thought}"), Text(text))
    return Turn(speaker, parts, hearers)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    names = draw(st.sampled_from([("Ada", "Bo"), ("Ada", "Bo", "Cy"), ("Ada",)]))
    people = tuple(settled(draw(st.sampled_from(ALL)), name) for name in names)
    hearers = st.none() | st.lists(st.sampled_from(names), unique=True).map(tuple)
    speakers = st.sampled_from((*names, CHAIR))
    turn = st.builds(_turn, speakers, TEXTS, st.text(max_size=3), hearers, is_ballot=st.booleans())
    return Transcript(Heading(people), tuple(draw(st.lists(turn, max_size=14))))


def flat(request: dict[str, Any]) -> list[Any]:
    """Return a request's content as a list of pieces, without the marks for the cache."""
    match request["body"]:
        case {"prompt": str(prompt)}:
            return list(prompt[: prompt.rindex("\n") + 1])
        case {"input": items}:
            pieces = [(item["type"], item.get("role"), part) for item in items for part in item.get("content", [item])]
        case {"messages": messages}:
            pieces = [
                (message["role"], {name: value for name, value in part.items() if name != "cache_control"})
                for message in messages
                for part in (
                    [{"text": message["content"]}] if isinstance(message["content"], str) else message["content"]
                )
            ]
        case _:
            raise AssertionError(request)
    return pieces


@given(transcripts(), st.sampled_from(ALL))
def test_each_request_of_a_participant_extends_its_last_on_every_wire(transcript: Transcript, address: str) -> None:
    voice = voice_of(settled(address), Pool())
    views = [
        view(transcript.until(number), "Ada") for number, turn in enumerate(transcript.turns) if turn.speaker == "Ada"
    ]
    requests = [voice.request("Be brief.", one) for one in (*views, view(transcript, "Ada"))]
    for before, after in pairwise(requests):
        assert flat(after)[: len(flat(before))] == flat(before)
        rest = [{**one["body"], "prompt": 0, "input": 0, "messages": 0} for one in (before, after)]
        assert rest[0] == rest[1]


@given(transcripts())
def test_blocks_alternate_open_and_close_with_the_user_and_are_never_blank(transcript: Transcript) -> None:
    shaped = blocks(view(transcript, "Ada"))
    assert [block.role for block in shaped] == (["user", "assistant"] * len(shaped))[: len(shaped)]
    assert shaped[-1].role == "user"
    assert all(text.strip() for block in shaped for text in block.texts)


@given(transcripts())
def test_blocks_keep_every_word_in_order_and_add_only_placeholders(transcript: Transcript) -> None:
    heard = view(transcript, "Ada")
    texts = [text for block in blocks(heard) for text in block.texts]
    said_aloud = [message.words for message in heard if message.text.strip()]
    added = {NOTHING, OPENING, SILENCE, *(f"{name}: {NOTHING}" for name in ("Bo", "Cy", CHAIR))}
    remaining = iter(texts)
    assert all(words in remaining for words in said_aloud)
    assert len([text for text in texts if text not in added]) <= len(said_aloud)


@given(transcripts(), st.sampled_from(ALL))
def test_nobody_elses_thoughts_and_no_private_turn_reach_a_wire(transcript: Transcript, address: str) -> None:
    voice = voice_of(settled(address), Pool())
    unheard = [
        turn.speaker != "Ada" and "Ada" not in (turn.heard_by or ()) and turn.heard_by is not None
        for turn in transcript.turns
    ]
    marked = tuple(
        replace(turn, parts=(Text("PRIVATE"),)) if private else turn
        for turn, private in zip(transcript.turns, unheard, strict=True)
    )
    sent = json.dumps(voice.request("", view(Transcript(transcript.heading, marked), "Ada")))
    assert "SECRET" not in sent
    assert "PRIVATE" not in sent


@given(transcripts())
def test_each_script_without_its_cue_begins_the_next(transcript: Transcript) -> None:
    scripts = [script("Two meet.", view(transcript.until(k), "Ada"), "Ada") for k in range(len(transcript.turns) + 1)]
    for before, after in pairwise(scripts):
        assert before.endswith("Ada:")
        assert after.startswith(before.removesuffix("Ada:"))


def test_a_script_has_one_line_a_turn_each_with_its_speakers_name_once() -> None:
    heard = (
        Message("user", "Bo", "one\n two", named=True),
        Message("assistant", "Ada", " "),
        Message("user", "chair", "Go."),
    )
    assert script("A play.", heard, "Ada") == "A play.\n\nBo: one two\nAda: ...\nchair: Go.\nAda:"
    assert script("", (), "Ada") == "Ada:"


@pytest.mark.parametrize(
    ("heard", "texts"),
    [
        ([], [(OPENING,)]),
        ([("assistant", "hi")], [(OPENING,), ("hi",), (SILENCE,)]),
        ([("assistant", "hi"), ("assistant", "again")], [(OPENING,), ("hi",), (SILENCE,), ("again",), (SILENCE,)]),
        ([("user", "a"), ("user", "b"), ("assistant", ""), ("user", " ")], [("a", "b"), (NOTHING,), (NOTHING,)]),
    ],
)
def test_gaps_are_filled_by_words_that_a_reader_can_see(heard: Sequence[Any], texts: Sequence[tuple[str, ...]]) -> None:
    shaped = blocks([Message(role, "Ada" if role == "assistant" else "Bo", text) for role, text in heard])
    assert [block.texts for block in shaped] == texts


# Words as they come


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    tokens = [
        "<think>",
        "</think>",
        "<",
        "</",
        "think>",
        " ",
        "\n",
        "a",
        "Mr. ",
        "e.g. ",
        "Yes.",
        "3.5",
        "!",
        '."',
        " B",
        "。",
        "1. ",
    ]
    opening = draw(st.sampled_from(["", "<think>", " <think>a</think>"]))
    text = opening + "".join(draw(st.lists(st.sampled_from(tokens), max_size=12)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _told(pieces: Sequence[str]) -> Turn:
    tags = ThoughtTags()
    deltas = [delta for piece in pieces for delta in tags.feed(piece)]
    return fold(settled(ALL[0]), [*deltas, *tags.end(), Done()]).turn


@given(cut_texts())
def test_thoughts_are_told_from_words_however_the_stream_is_cut(cut: tuple[str, list[str]]) -> None:
    assert _told(cut[1]) == _told([cut[0]]) == _told(list(cut[0]))


@given(cut_texts(), st.integers(0, 3))
def test_sentences_and_edges_are_cut_alike_however_the_stream_is_cut(cut: tuple[str, list[str]], count: int) -> None:
    def through(pieces: Sequence[str]) -> str:
        sentences, edges, out = Sentences(count), Edges(), ""
        for piece in pieces:
            if not sentences.over:
                out += edges.feed(sentences.feed(piece))
        return out

    assert through(cut[1]) == through([cut[0]]) == through(list(cut[0]))
    assert through([cut[0]]) == cut[0][: sentences_end(cut[0], count) if count else None].strip()


@pytest.mark.parametrize(
    ("text", "words", "thoughts"),
    [
        ("<think>hm</think>\n\nYes.", "Yes.", ["hm"]),
        ("  <think>a</think> <think>b</think>c", "c", ["ab"]),
        ("<think>never closed", "", ["never closed"]),
        ("<think>cut </thi", "", ["cut </thi"]),
        ("It writes <think>tags</think>.", "It writes <think>tags</think>.", []),
        (" <thin air", " <thin air", []),
        ("  <th", "  <th", []),
        ("<think></think>", "", []),
        ("<think>x</think> <th", "<th", ["x"]),
    ],
)
def test_tags_count_as_thoughts_only_before_the_first_word(text: str, words: str, thoughts: list[str]) -> None:
    turn = _told([text])
    assert turn.text == words
    assert [part.text for part in turn.parts if isinstance(part, Thought)] == thoughts


@pytest.mark.parametrize(
    ("text", "count", "kept"),
    [
        ("One. Two. Three.", 2, "One. Two."),
        ("It is 3.5 metres. Yes.", 1, "It is 3.5 metres."),
        ("Mr. Hyde, e.g. at night, met J. Doe. Then", 1, "Mr. Hyde, e.g. at night, met J. Doe."),
        ('He said "Stop!" Then he', 1, 'He said "Stop!"'),
        ("So do I. Good", 1, "So do I."),
        ("Wait... what?! No", 2, "Wait... what?!"),
        ("1. First. 2. Next", 1, "1. First."),
        ("はい。いいえ。", 1, "はい。"),
    ],
)
def test_a_sentence_ends_where_a_reader_would_say_so(text: str, count: int, kept: str) -> None:
    assert text[: sentences_end(text, count)] == kept


def test_a_sentence_may_still_go_on_while_nothing_follows_it() -> None:
    assert sentences_end("It is 3.", 1) is None
    assert sentences_end("One. Two", 2) is None


# Tries


@pytest.mark.parametrize("address", ALL)
async def test_an_attempt_is_told_before_anything_is_sent_and_is_what_request_says(fake: Fake, address: str) -> None:
    async with opened(address) as voice:
        stream = voice.speak("Be brief.", HELLO)
        first = await anext(stream)
        assert fake.requests == []
        request = voice.request("Be brief.", HELLO)
        assert first == Attempt(request)
        rest = [delta async for delta in stream]
    assert isinstance(rest[-1], Done)
    assert fake.bodies == [request["body"]]
    assert fake.requests[0].path.endswith(request["path"])


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize("fault", ["reset", "end", "garbage", "error", "stall"])
async def test_a_stream_that_breaks_midway_is_tried_again_whole_and_never_glued(
    fake: Fake, address: str, fault: Fault
) -> None:
    words = ("I think", " the answer", " is", " that", " forty", "-two.", " Yes")
    at = {"chat": 3, "responses": 6, "script": 2, "messages": 5}[next(k for k, v in WIRES.items() if v == address)]
    fake.replies += [Reply(words, fault=fault, at=at), Reply(words)]
    heard = await said(address, idle=0.2)
    assert heard.turn.text == "I think the answer is that forty-two. Yes"
    assert [type(delta) for delta in heard.deltas if isinstance(delta, Attempt | Failed | Done)] == [
        Attempt,
        Failed,
        Attempt,
        Done,
    ]
    broken = heard.deltas[: heard.deltas.index(heard.failures[0])]
    assert any(isinstance(delta, Words) for delta in broken)
    assert heard.waits == [heard.failures[0].wait]


@pytest.mark.parametrize("address", ALL)
async def test_a_connection_that_breaks_before_any_answer_is_tried_again(fake: Fake, address: str) -> None:
    fake.replies += [Reply(fault="reset", at=-1), Reply()]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert "broke" in heard.failures[0].error


@pytest.mark.parametrize("address", ALL)
async def test_words_do_not_depend_on_how_the_bytes_were_cut(fake: Fake, address: str) -> None:
    words = ("naïve ", "💡 ", "日本語")
    fake.replies += [Reply(words, split=1), Reply(words)]
    assert (await said(address)).turn == (await said(address)).turn
    assert fake.replies == type(fake.replies)()


@pytest.mark.parametrize("address", ALL)
async def test_an_empty_reply_is_an_empty_turn_and_no_error(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(()))
    heard = await said(address)
    assert heard.turn == Turn("Ada")
    assert len(fake.requests) == 1


@pytest.mark.parametrize("address", ALL)
async def test_a_reply_cut_by_length_says_so(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(stop="length"))
    assert (await said(address)).turn.stop == "length"


@pytest.mark.parametrize("address", [WIRES["chat"], WIRES["responses"], WIRES["messages"]])
async def test_a_refusal_is_a_turn_with_its_words_and_no_error(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(("I cannot", " help."), stop="refusal"))
    heard = await said(address)
    assert (heard.turn.text, heard.turn.stop) == ("I cannot help.", "refusal")
    assert len(fake.requests) == 1


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize("status", [500, 502, 529, 408, 409])
async def test_a_passing_error_is_tried_again_with_growing_waits(fake: Fake, address: str, status: int) -> None:
    fake.replies += [Reply(status=status), Reply(status=status), Reply()]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert heard.waits == [1.0, 2.0]
    assert all(f"HTTP {status}" in failure.error for failure in heard.failures)
    assert all(failure.request_id == "req_fake" for failure in heard.failures)


@pytest.mark.parametrize("address", ALL)
async def test_the_fifth_broken_try_is_the_last_and_says_what_to_do(fake: Fake, address: str) -> None:
    fake.replies += [Reply(status=500)] * 6
    heard = await said(address)
    assert len(fake.requests) == 5
    assert heard.waits == [1.0, 2.0, 4.0, 8.0]
    assert heard.failures[-1].wait is None
    assert str(heard.error).count("\n") == 0
    assert "tried 5 times" in str(heard.error)
    assert str(heard.error).endswith("try again later")


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize(("status", "code"), [(400, "invalid_request_error"), (403, "permission_error"), (404, "")])
async def test_an_error_that_will_not_pass_is_final_and_in_the_providers_words(
    fake: Fake, address: str, status: int, code: str
) -> None:
    fake.replies.append(Reply(status=status, code=code, message="temperature: not\nsupported"))
    heard = await said(address)
    assert heard.error is not None
    assert "temperature: not supported" in str(heard.error)
    assert heard.failures == [Failed(heard.failures[0].error, None, "req_fake")]
    assert len(fake.requests) == 1


@pytest.mark.parametrize("address", ALL)
async def test_a_missing_model_is_named(fake: Fake, address: str) -> None:
    kind, _, rest = address.partition(":")
    heard = await said(f"{kind}:missing-model?{rest.partition('?')[2].replace('thinking=1024', 'temperature=1')}")
    assert "missing-model" in str(heard.error)
    assert "404" in str(heard.error)


@pytest.mark.parametrize("address", ALL)
async def test_the_wait_that_a_provider_asks_for_is_honoured(fake: Fake, address: str) -> None:
    fake.replies += [
        Reply(status=429, headers=(("retry-after", "7"),)),
        Reply(status=429, headers=(("retry-after-ms", "250"),)),
        Reply(status=503, headers=(("retry-after", format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)),)),
        Reply(),
    ]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert heard.waits == [7.0, 0.25, 0.0]


async def test_a_wait_of_hours_is_told_instead_of_waited(fake: Fake) -> None:
    fake.replies.append(Reply(status=429, headers=(("retry-after", "7200"),)))
    heard = await said(ALL[0])
    assert "wait 7200 seconds" in str(heard.error)
    assert len(fake.requests) == 1


async def test_a_provider_may_say_that_trying_again_is_no_use(fake: Fake) -> None:
    fake.replies += [
        Reply(status=500, headers=(("x-should-retry", "false"),)),
        Reply(status=429, code="insufficient_quota"),
    ]
    assert (await said(ALL[0])).waits == []
    assert (await said(ALL[0])).waits == []


@pytest.mark.parametrize("address", ALL)
async def test_a_full_context_is_told_from_other_errors(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with serve(monkeypatch, Fake(context=40)) as fake:
        heard = await said(address, (Message("user", "Bo", "word " * 60),))
        assert isinstance(heard.error, ContextFull)
        assert len(fake.requests) == 1


@pytest.mark.parametrize("address", ALL)
async def test_silence_before_the_first_word_has_a_limit_of_its_own(fake: Fake, address: str) -> None:
    fake.replies += [Reply(fault="stall", at=0), Reply()]
    heard = await said(address, first=0.2)
    assert "nothing came for 0.2 seconds" in heard.failures[0].error
    assert heard.turn.text == "Hello there."


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize("how", ["aclose", "cancel"])
async def test_breaking_off_closes_the_connection_at_once(fake: Fake, address: str, how: str) -> None:
    fake.replies.append(Reply(("a ",) * 100, pace=0.02))
    async with opened(address) as voice:
        stream = voice.speak("", HELLO)
        spoken = asyncio.Event()

        async def listen() -> None:
            async for delta in stream:
                if isinstance(delta, Words):
                    spoken.set()

        if how == "cancel":
            listening = asyncio.create_task(listen())
            await asyncio.wait_for(spoken.wait(), 5)
            listening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listening
        else:
            async for delta in stream:
                if isinstance(delta, Words):
                    break
            await stream.aclose()
        assert await asyncio.to_thread(fake.requests[0].gone.wait, 2)


@pytest.mark.parametrize("address", ALL)
async def test_one_connection_serves_turn_after_turn(fake: Fake, address: str) -> None:
    async with opened(address) as voice:
        for _ in range(3):
            assert isinstance([delta async for delta in voice.speak("", HELLO)][-1], Done)
    assert {request.connection for request in fake.requests} == {1}


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize("fault", ["reset", "stall"])
async def test_a_reply_that_is_complete_stays_so_whatever_the_connection_does_then(
    fake: Fake, address: str, fault: Fault
) -> None:
    fake.replies.append(Reply(fault=fault, at=5 if address == WIRES["chat"] else 99))
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert len(fake.requests) == 1


@pytest.mark.parametrize("address", ALL)
async def test_usage_model_and_request_id_are_the_providers_own(fake: Fake, address: str) -> None:
    fake.replies.append(Reply())
    done = (await said(address)).deltas[-1]
    assert isinstance(done, Done)
    assert done.usage.output == 3
    assert done.usage.input
    assert done.model.startswith(("gpt", "davinci", "claude"))
    assert done.request_id == "req_fake"


# Keys


@pytest.mark.parametrize("address", ALL)
async def test_a_wrong_key_is_one_line_that_names_the_variable_and_not_the_key(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    wrong = "sk-wrong-0123456789abcdef"
    with serve(monkeypatch, Fake(), key=wrong) as fake:
        heard = await said(address)
    assert len(fake.requests) == 1
    text = str(heard.error) + repr(heard.deltas)
    assert f"{address.partition(':')[0].upper()}_API_KEY" in str(heard.error)
    assert "\n" not in str(heard.error)
    assert "wrong" not in text
    assert "cdef" not in text


@pytest.mark.parametrize("address", ALL)
async def test_a_key_is_in_no_request_delta_error_or_traceback_even_when_the_provider_repeats_it(
    fake: Fake, address: str
) -> None:
    fake.replies += [Reply(status=500, message=f"bad {KEY}"), Reply(fault="error", at=0, message=f"worse {KEY}")]
    fake.replies += [Reply(status=400, message=f"your key {KEY} is odd")]
    heard = await said(address)
    assert heard.error is not None
    assert "your key [key] is odd" in str(heard.error)
    shown = "".join(traceback.TracebackException.from_exception(heard.error, capture_locals=True).format())
    assert "CANARY" not in repr(heard.deltas) + repr(heard.participant) + json.dumps(fake.bodies)
    assert "CANARY" not in "".join(traceback.format_exception(heard.error))
    assert "CANARY" not in shown
    assert all(request.key == KEY for request in fake.requests)


@pytest.mark.parametrize("address", ALL)
async def test_a_missing_key_is_told_before_an_attempt_is(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    kind = address.partition(":")[0]
    monkeypatch.delenv(f"{kind.upper()}_API_KEY", raising=False)
    async with opened(address) as voice:
        with pytest.raises(VoiceError, match=f"set {kind.upper()}_API_KEY"):
            await anext(voice.speak("", HELLO))


@pytest.mark.parametrize("address", ALL)
async def test_a_dead_address_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with serve(monkeypatch, Fake()) as fake:
        pass  # and it is gone
    heard = await said(address)
    assert f"127.0.0.1:{fake.port}" in str(heard.error)
    assert len(heard.failures) == 5


async def test_the_same_model_on_both_sides_speaks_as_two(fake: Fake) -> None:
    heading = Heading((settled(WIRES["messages"], "Ada"), settled(WIRES["messages"], "Bo")))
    transcript = Transcript(heading, (Turn("Ada", (Text("Hi, Bo."),)), Turn("Bo", (Text("Hi, Ada."),))))
    async with Pool() as pool:
        for name in heading.names:
            voice = voice_of(heading.participant(name), pool)
            assert [d async for d in voice.speak("", view(transcript, name))]
    roles = [[(m["role"], m["content"][-1]["text"]) for m in body["messages"]] for body in fake.bodies]
    assert roles == [
        [("user", OPENING), ("assistant", "Hi, Bo."), ("user", "Hi, Ada.")],
        [("user", "Hi, Bo."), ("assistant", "Hi, Ada."), ("user", SILENCE)],
    ]


# What errors mean


NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Tue, 01 Jan 2030 00:01:30 GMT"}, 90.0),
        ({"retry-after": "Mon, 31 Dec 2029 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x"}, None),
    ],
)
def test_the_asked_wait_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW.timestamp()) == seconds


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 200001 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "Your input exceeds the context window of this model.",
        "the request exceeds the available context size, try increasing it",
    ],
)
def test_a_full_context_is_known_by_what_providers_say_of_it(message: str) -> None:
    assert judge(400, "", message, {}).full
    assert judge_in_stream("invalid_request_error", message, "").full
    assert not judge(429, "", "too many tokens per minute", {}).full


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        *((passing, True) for passing in ("", "overloaded_error", "server_error", "rate_limit_exceeded", "502")),
        *((final, False) for final in ("invalid_request_error", "insufficient_quota", "402", "billing_error")),
    ],
)
def test_an_error_in_mid_stream_is_tried_again_only_where_it_may_pass(code: str, retry: bool) -> None:  # noqa: FBT001 - a table
    assert judge_in_stream(code, "x", "").retry is retry


def test_a_providers_words_are_one_line_without_the_key() -> None:
    assert one_line("a\n b sk-1", "sk-1") == "a b [key]"
    assert len(one_line("x" * 1000)) == LONGEST_SAID


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [0.5, 1.0, 2.0, 4.0]), (0.5, [0.75, 1.5, 3.0, 6.0])])
async def test_waits_grow_and_are_jittered_down_to_half(fake: Fake, chance: float, waits: list[float]) -> None:
    fake.replies += [Reply(status=500)] * 5
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    async with opened(ALL[0], Patience(sleep=note, jitter=lambda: chance)) as voice:
        with pytest.raises(VoiceError):
            assert [delta async for delta in voice.speak("", HELLO)]
    assert waited == waits
    assert 0 <= Patience().jitter() < 1
