"""What all wires are made of: views fitted to strict turns or a script, words as they come, and errors read."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import KEY, Fake, Reply
from fakes.speaking import HELLO, WIRES, opened, said, settled, transcripts
from moot.transcript import CHAIR, Heading, Thought, Transcript, Turn
from moot.view import Message, view
from moot.voices import Done, Pool, VoiceError, fold
from moot.voices.attempts import LONGEST_SAID, Patience, judge, judge_in_stream, one_line, retry_after
from moot.voices.spec import open_voices
from moot.voices.wire import NOTHING, OPENING, SILENCE, Edges, Sentences, ThoughtTags, blocks, script, sentences_end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fakes.speaking import Heard

pytestmark = pytest.mark.anyio

CHAT = WIRES["chat"]
ALL = list(WIRES.values())
PLACED = [address for address in ALL if address.startswith(("openai", "anthropic"))]
"""Those that can name where they are."""


# Growth


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
    return fold(settled(CHAT), [*deltas, *tags.end(), Done()]).turn


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


async def test_a_wait_of_hours_is_told_instead_of_waited(fake: Fake) -> None:
    fake.replies.append(Reply(status=429, headers=(("retry-after", "7200"),)))
    heard = await said(CHAT)
    assert "wait 7200 seconds" in str(heard.error)
    assert len(fake.requests) == 1


async def test_a_provider_may_say_that_trying_again_is_no_use(fake: Fake) -> None:
    fake.replies += [
        Reply(status=500, headers=(("x-should-retry", "false"),)),
        Reply(status=429, code="insufficient_quota"),
    ]
    assert (await said(CHAT)).waits == []
    assert (await said(CHAT)).waits == []


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
    key = "sk-lab-3f9/d2+c7b1a="
    assert one_line(f"?k={quote(key, safe='')}&n=1; {key}; sk-lab-3******1a=, sk-other", key) == (
        "?k=[key]&n=1; [key]; [key], sk-other"
    )
    assert len(one_line("x" * 1000)) == LONGEST_SAID


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [0.5, 1.0, 2.0, 4.0]), (0.5, [0.75, 1.5, 3.0, 6.0])])
async def test_waits_grow_and_are_jittered_down_to_half(fake: Fake, chance: float, waits: list[float]) -> None:
    fake.replies += [Reply(status=500)] * 5
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    async with opened(CHAT, Patience(sleep=note, jitter=lambda: chance)) as voice:
        with pytest.raises(VoiceError):
            assert [delta async for delta in voice.speak("", HELLO)]
    assert waited == waits
    assert 0 <= Patience().jitter() < 1


@pytest.mark.parametrize("address", ALL)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_told_in_one_line_with_its_host_and_is_not_followed(
    fake: Fake, address: str, status: int
) -> None:
    where = (("location", "https://user:pass@other.example/v2/chat?token=SECRET"),)
    fake.replies.append(Reply(status=status, headers=where))
    heard = await said(address)
    assert len(fake.requests) == len(heard.failures) == 1
    line = str(heard.error)
    assert f"HTTP {status}: the server redirects to https://other.example/v2/chat" in line
    assert line.endswith("correct its base_url")
    assert not any(word in line for word in ("SECRET", "pass", "\n"))


@pytest.mark.parametrize(("location", "told"), [("/v1/", "redirects to /v1/, where"), ("", "redirects, where")])
def test_a_redirect_within_a_host_or_to_nowhere_is_told_as_well(location: str, told: str) -> None:
    assert told in judge(308, "", "", {"location": location} if location else {}).said


@pytest.mark.parametrize("address", ALL)
async def test_a_web_page_is_no_answer_and_is_not_asked_for_again(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(framing="page"))
    heard = await said(address)
    assert len(fake.requests) == 1
    assert "a web page came instead of an answer; correct its base_url" in str(heard.error)
    assert heard.failures[0].request_id == "req_fake"


@asynccontextmanager
async def answering(body: str) -> AsyncGenerator[str]:
    """Serve one answer to everything, as JSON; the address of the server."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def answered(address: str, body: str) -> Heard:
    """Let a voice speak once to a server that answers so."""
    async with answering(body) as url:
        version = "" if address.startswith("anthropic") else "/v1"
        return await said(f"{address}{'&' if '?' in address else '?'}base_url={url}{version}")


@pytest.mark.parametrize("address", PLACED)
@pytest.mark.parametrize(
    ("body", "told", "tries"),
    [
        ('{"choices": [{"message": {"content": "Hi."}}]}', "the answer came in one piece", 1),
        ('{"error": {"message": "no such model", "type": "invalid_request_error"}}', "no such model", 1),
        ('{"error": {"message": "busy", "code": 503}}', "503: busy", 5),
        ('{"error": "no such model"}', "no such model", 5),
    ],
)
async def test_an_answer_that_is_no_stream_is_told_as_what_it_is(
    address: str, body: str, told: str, tries: int
) -> None:
    heard = await answered(address, body)
    assert told in str(heard.error)
    assert len(heard.failures) == tries


async def test_a_stream_that_a_server_calls_json_is_read_all_the_same() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}]}
    heard = await answered(WIRES["chat"], f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
    assert heard.turn.text == "Hi."


@pytest.mark.parametrize("address", PLACED)
async def test_a_heading_gets_no_key_that_it_names_unless_somebody_here_has_chosen_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    with Fake(Reply(("Hi.",)), key=None) as fake:
        url = fake.anthropic_url if address.startswith("anthropic") else fake.openai_url
        ada = settled(f"{address}{'&' if '?' in address else '?'}base_url={url}&key_env=AWS_SECRET_ACCESS_KEY")
        async with Pool() as pool:
            for chosen in ((), ("Bo",), ("Ada",)):
                voice = open_voices(Heading((ada,)), pool, chosen)["Ada"]
                assert [delta async for delta in voice.speak("", HELLO)]
    assert [KEY in request.text for request in fake.requests] == [False, False, True]
    assert fake.bodies[0] == fake.bodies[2]
