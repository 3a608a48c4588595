"""The contract of every wire: what a voice owes, run over each of them against servers with the real rules."""

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

from fakes import KEY, Fake, Fault, Reply, Request
from fakes.net import moved
from fakes.speaking import HELLO, WIRES, opened, pool, said, serve, settled, transcripts, voice_of
from moot.transcript import Ballot, Heading, Question, Text, Transcript, Turn
from moot.view import Message, view
from moot.voices import Attempt, Chosen, ContextFull, Done, Failed, Pool, Usage, VoiceError, Words
from moot.voices.wire import OPENING, SILENCE
from strategies import NASTY

if TYPE_CHECKING:
    from moot.transcript import Stop

pytestmark = pytest.mark.anyio

EMBEDDED = ("local:smollm2", "local:gemma3")
"""Their requests are as pure as any; what they say is tested where the weights are."""


@pytest.fixture(params=list(WIRES.values()), ids=list(WIRES))
def address(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[one for name, one in WIRES.items() if name != "ollama"])
def placed(request: pytest.FixtureRequest) -> str:
    """Return an address that may say where its requests go."""
    return request.param


@pytest.fixture
def kind(placed: str) -> str:
    return placed.partition(":")[0]


# Requests


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


def any_voice(address: str) -> Any:
    return voice_of(settled(address), Pool())


def is_spoken(turn: Turn, name: str) -> bool:
    return turn.speaker == name and not any(isinstance(part, Ballot) for part in turn.parts)


every_address = st.sampled_from([*WIRES.values(), *EMBEDDED])


@given(transcripts(), every_address)
def test_each_request_of_a_participant_extends_its_last_on_every_wire(transcript: Transcript, address: str) -> None:
    voice = any_voice(address)
    views = [
        view(transcript.until(number), "Ada") for number, turn in enumerate(transcript.turns) if is_spoken(turn, "Ada")
    ]
    requests = [voice.request("Be brief.", one) for one in (*views, view(transcript, "Ada"))]
    for before, after in pairwise(requests):
        assert flat(after)[: len(flat(before))] == flat(before)
        rest = [{**one["body"], "prompt": 0, "input": 0, "messages": 0, "seed": 0} for one in (before, after)]
        assert rest[0] == rest[1]
    assert moved(Request(one["path"], {}, one["body"], 1) for one in requests) == []


@given(transcripts(), every_address)
def test_a_request_is_plain_json_that_depends_on_nothing_but_its_view(transcript: Transcript, address: str) -> None:
    heard = view(transcript, "Ada")
    request = any_voice(address).request("Be brief.", heard)
    assert request == json.loads(json.dumps(request)) == any_voice(address).request("Be brief.", heard)
    assert heard == view(transcript, "Ada")


@given(transcripts(), every_address)
def test_nobody_elses_thoughts_and_no_private_turn_reach_a_wire(transcript: Transcript, address: str) -> None:
    voice = any_voice(address)
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


LONG = tuple(Turn("Ada" if number % 2 else "Bo", (Text(f"Turn {number}."),)) for number in range(200))
VIEWS: dict[str, tuple[Turn, ...]] = {
    "empty": (),
    "own first": (Turn("Ada", (Text("Hi."),)),),
    "own twice": (Turn("Ada", (Text("Hi."),)), Turn("Ada", (Text("Still I."),))),
    "blank": tuple(Turn(name, (Text(text),)) for text in ("", " ", "\n\u00a0") for name in ("Bo", "Ada", "Bo")),
    "nasty": tuple(Turn(name, (Text(text),)) for text in (*NASTY, "\udc80", "💡" * 99) for name in ("Bo", "Ada")),
    "long": LONG,
}


@pytest.mark.parametrize("turns", list(VIEWS.values()), ids=list(VIEWS))
async def test_every_view_is_taken_with_all_its_words_under_any_brief(
    monkeypatch: pytest.MonkeyPatch, address: str, turns: tuple[Turn, ...]
) -> None:
    people = (settled(address, "Ada"), settled(address, "Bo"))
    heard = view(Transcript(Heading(people), turns), "Ada")
    for brief in ("Be brief.", "", " \n"):
        with serve(monkeypatch, Fake(strict=address == WIRES["chat"])) as fake:
            assert (await said(address, heard, brief=brief)).error is None
        sent = "".join(_strings(fake.bodies[0]))
        texts = [" ".join(one.text.split()) if "prompt" in fake.bodies[0] else one.text for one in heard]
        assert [text for text in texts if text.strip() and text not in sent] == []


def _strings(value: Any) -> list[str]:
    """Return all the strings of a body, in order."""
    match value:
        case dict():
            return [text for one in value.values() for text in _strings(one)]
        case list():
            return [text for one in value for text in _strings(one)]
        case _:
            return [value] if isinstance(value, str) else []


async def test_a_talk_of_200_turns_grows_at_its_end_alone(fake: Fake, address: str) -> None:
    heading = Heading((settled(address, "Ada"), settled(address, "Bo")))
    async with pool() as shared:
        voice = voice_of(heading.participants[0], shared)
        for until in range(1, 200, 2):
            deltas = [one async for one in voice.speak("Be brief.", view(Transcript(heading, LONG[:until]), "Ada"))]
            assert isinstance(deltas[-1], Done)
    sizes = [len(json.dumps(body)) for body in fake.bodies]
    assert sizes == sorted(set(sizes))


# Tries


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


@pytest.mark.parametrize("fault", ["reset", "end", "garbage", "error", "stall"])
async def test_a_stream_that_breaks_midway_is_tried_again_whole_and_never_glued(
    fake: Fake, address: str, fault: Fault
) -> None:
    words = ("I think", " the answer", " is", " that", " forty", "-two.", " Yes")
    at = {"chat": 3, "responses": 6, "script": 2, "messages": 5, "ollama": 3}[
        next(k for k, v in WIRES.items() if v == address)
    ]
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


async def test_a_connection_that_breaks_before_any_answer_is_tried_again(fake: Fake, address: str) -> None:
    fake.replies += [Reply(fault="reset", at=-1), Reply()]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert "the connection to " in heard.failures[0].error


async def test_words_do_not_depend_on_how_the_bytes_were_cut(fake: Fake, address: str) -> None:
    words = ("naïve ", "💡 ", "日本語")
    fake.replies += [Reply(words, split=1), Reply(words)]
    assert (await said(address)).turn == (await said(address)).turn
    assert fake.replies == type(fake.replies)()


async def test_an_empty_reply_is_an_empty_turn_and_no_error(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(()))
    heard = await said(address)
    assert heard.turn == Turn("Ada")
    assert len(fake.requests) == 1


STOPS: dict[str, dict[str, Stop]] = {
    "messages": {"context": "length", "refusal": "refusal", "filtered": "refusal"},
    "responses": {"refusal": "refusal", "filtered": "filtered"},
    "chat": {"context": "length", "refusal": "refusal", "filtered": "filtered"},
    "script": {"filtered": "filtered"},
}


@pytest.mark.parametrize(
    ("wire", "told", "stop"),
    [(wire, *pair) for wire in WIRES for pair in ({"end": "end", "length": "length"} | STOPS.get(wire, {})).items()],
)
async def test_every_reason_to_stop_is_told_in_moots_words_and_is_no_error(
    fake: Fake, wire: str, told: Any, stop: Stop
) -> None:
    fake.replies.append(Reply(("I cannot", " help."), stop=told))
    heard = await said(WIRES[wire])
    assert (heard.turn.text, heard.turn.stop) == ("I cannot help.", stop)
    assert len(fake.requests) == 1


COUNTS: dict[str, tuple[int | None, bool, int, int | None]] = {
    **dict.fromkeys(("chat", "responses", "script"), (3, True, 3, 1)),
    "messages": (0, False, 3, 1),
    "ollama": (0, True, 4, None),
}
"""What a fake reports: cached tokens, whether none are known to have been written there, output and reasoning."""


async def test_usage_model_and_request_id_are_the_providers_own(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(thoughts=("hm",)))
    done = (await said(address)).deltas[-1]
    assert isinstance(done, Done)
    wire = next(name for name, one in WIRES.items() if one == address)
    assert (done.usage.cached, done.usage.cache_write is None, done.usage.output, done.usage.reasoning) == COUNTS[wire]
    assert done.usage.input
    assert done.model.startswith(fake.bodies[0]["model"])
    assert done.request_id == "req_fake"


async def test_counts_that_are_missing_are_unknown_and_not_zero(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(usage=False))
    done = (await said(address)).deltas[-1]
    assert isinstance(done, Done)
    assert done.usage == Usage()


ASK = Question("Is a river alive?", ("yes", "no", "not sure"))


async def test_a_ballot_is_answered_and_says_how_it_was_obtained(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(("no",)))  # a server that holds an answer to a schema or a grammar says one of its own
    async with opened(address) as voice:
        deltas = [delta async for delta in voice.speak("Be brief.", HELLO, ASK)]
        request = voice.request("Be brief.", HELLO, ASK)
    (chosen,) = (delta for delta in deltas if isinstance(delta, Chosen))
    assert chosen.answer in ASK.options
    assert chosen.how
    assert fake.bodies == [request["body"]]


async def test_two_conversations_at_once_through_one_pool_never_mix(fake: Fake, address: str) -> None:
    fake.otherwise = lambda request: Reply(
        ("You", " are ", "Ada." if "to Ada" in request.text else "Bo."), pace=0.01, split=7
    )

    async def speak(shared: Pool, name: str) -> str:
        participant = settled(address, name)
        stream = voice_of(participant, shared).speak("Be brief.", (Message("user", "Cy", f"This goes to {name}."),))
        return "".join([delta.text async for delta in stream if isinstance(delta, Words)])

    async with pool() as shared:
        heard = await asyncio.gather(*[speak(shared, name) for name in ("Ada", "Bo") * 4])
    assert heard == ["You are Ada.", "You are Bo."] * 4
    at_once = 1 if address == WIRES["ollama"] else 8  # as many as its endpoint takes
    assert len({request.connection for request in fake.requests}) == at_once


@pytest.mark.parametrize("status", [500, 502, 529, 408, 409])
async def test_a_passing_error_is_tried_again_with_growing_waits(fake: Fake, address: str, status: int) -> None:
    fake.replies += [Reply(status=status), Reply(status=status), Reply()]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert heard.waits == [1.0, 2.0]
    assert all(f"HTTP {status}" in failure.error for failure in heard.failures)
    assert all(failure.request_id == "req_fake" for failure in heard.failures)


async def test_the_fifth_broken_try_is_the_last_and_says_what_to_do(fake: Fake, address: str) -> None:
    fake.replies += [Reply(status=500)] * 6
    heard = await said(address)
    assert len(fake.requests) == 5
    assert heard.waits == [1.0, 2.0, 4.0, 8.0]
    assert heard.failures[-1].wait is None
    assert str(heard.error).count("\n") == 0
    assert "tried 5 times" in str(heard.error)
    assert str(heard.error).endswith("try again later")


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


async def test_a_missing_model_is_named(fake: Fake, address: str) -> None:
    model = address.partition(":")[2].partition("?")[0]
    heard = await said(address.replace(model, "missing-model").replace("thinking=1024", "temperature=1"))
    assert "missing-model" in str(heard.error)
    assert len(fake.requests) == 1


async def test_the_wait_that_a_provider_asks_for_is_honoured(fake: Fake, address: str) -> None:
    fake.replies += [
        Reply(status=429, headers=(("retry-after", "0.3"),)),
        Reply(status=429, headers=(("retry-after-ms", "250"),)),
        Reply(status=503, headers=(("retry-after", format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)),)),
        Reply(),
    ]
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert heard.waits == [0.3, 0.25, 0.0]


async def test_a_full_context_is_told_from_other_errors(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with serve(monkeypatch, Fake(context=40)) as fake:
        heard = await said(address, (Message("user", "Bo", "word " * 60),))
        assert isinstance(heard.error, ContextFull)
        assert len(fake.requests) == 1


async def test_silence_before_the_first_word_has_a_limit_of_its_own(fake: Fake, address: str) -> None:
    fake.replies += [Reply(fault="stall", at=0), Reply()]
    heard = await said(address, first=0.2)
    assert "nothing came for 0.2 seconds" in heard.failures[0].error
    assert heard.turn.text == "Hello there."


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


async def test_one_connection_serves_turn_after_turn(fake: Fake, address: str) -> None:
    async with opened(address) as voice:
        for _ in range(3):
            assert isinstance([delta async for delta in voice.speak("", HELLO)][-1], Done)
    assert {request.connection for request in fake.requests} == {1}


@pytest.mark.parametrize("fault", ["reset", "stall"])
async def test_a_reply_that_is_complete_stays_so_whatever_the_connection_does_then(
    fake: Fake, address: str, fault: Fault
) -> None:
    fake.replies.append(Reply(fault=fault, at=5 if address == WIRES["chat"] else 99))
    heard = await said(address)
    assert heard.turn.text == "Hello there."
    assert len(fake.requests) == 1


# Keys


async def test_a_key_stands_in_one_header_and_nowhere_else(fake: Fake, address: str) -> None:
    assert (await said(address)).error is None
    (request,) = fake.requests
    assert KEY not in request.path + json.dumps(request.body)
    assert [name for name, value in request.headers.items() if KEY in value] in (["authorization"], ["x-api-key"])


def elsewhere(address: str, url: str, more: str = "") -> str:
    return f"{address}{'&' if '?' in address else '?'}base_url={url}{more}"


CUSTOM = "X-Team: CANARY-TEAM\nX-Api-Key: CANARY\nAuthorization: Bearer CANARY"


async def test_the_usual_key_is_not_sent_to_an_address_that_came_with_the_voice(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, placed: str, kind: str
) -> None:
    url = getattr(fake, f"{kind}_url")
    monkeypatch.delenv(f"{kind.upper()}_BASE_URL")
    monkeypatch.setenv(f"{kind.upper()}_CUSTOM_HEADERS", CUSTOM)
    for name in ("ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "CANARY")
    fake.key = None
    assert (await said(elsewhere(placed, url))).error is None
    assert "CANARY" not in fake.requests[0].text
    assert fake.requests[0].key == "none"


async def test_a_key_that_was_named_for_an_address_is_sent_to_it(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, placed: str, kind: str
) -> None:
    url = getattr(fake, f"{kind}_url")
    monkeypatch.delenv(f"{kind.upper()}_BASE_URL")
    monkeypatch.setenv(f"{kind.upper()}_API_KEY", "sk-other")
    monkeypatch.setenv(f"{kind.upper()}_CUSTOM_HEADERS", CUSTOM)
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    assert (await said(elsewhere(placed, url, "&key_env=MY_KEY"))).error is None
    assert fake.requests[0].key == KEY
    assert "CANARY-TEAM" not in fake.requests[0].text
    assert "sk-other" not in fake.requests[0].text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_neither_words_nor_keys_follow_a_redirect(fake: Fake, address: str, status: int) -> None:
    with Fake(key=None) as other:
        fake.replies.append(Reply(status=status, headers=(("location", f"{other.openai_url}/chat/completions"),)))
        assert str(status) in str((await said(address)).error)
        assert other.requests == []


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


async def test_a_missing_key_is_told_before_an_attempt_is(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    kind = address.partition(":")[0]
    monkeypatch.delenv(f"{kind.upper()}_API_KEY", raising=False)
    async with opened(address) as voice:
        with pytest.raises(VoiceError, match=f"set {kind.upper()}_API_KEY"):
            await anext(voice.speak("", HELLO))


async def test_a_dead_address_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with serve(monkeypatch, Fake()) as fake:
        pass  # and it is gone
    heard = await said(address)
    assert f"127.0.0.1:{fake.port}" in str(heard.error)
    assert len(heard.failures) == 5


async def test_the_same_model_on_both_sides_speaks_as_two(fake: Fake) -> None:
    fake.moves_prefix = "both go on with a past that was known before, as that of an imported talk is"
    heading = Heading((settled(WIRES["messages"], "Ada"), settled(WIRES["messages"], "Bo")))
    transcript = Transcript(heading, (Turn("Ada", (Text("Hi, Bo."),)), Turn("Bo", (Text("Hi, Ada."),))))
    async with pool() as shared:
        for name in heading.names:
            voice = voice_of(heading.participant(name), shared)
            assert [d async for d in voice.speak("", view(transcript, name))]
    roles = [[(m["role"], m["content"][-1]["text"]) for m in body["messages"]] for body in fake.bodies]
    assert roles == [
        [("user", OPENING), ("assistant", "Hi, Bo."), ("user", "Hi, Ada.")],
        [("user", "Hi, Bo."), ("assistant", "Hi, Ada."), ("user", SILENCE)],
    ]
