"""An answer to a question on every wire: what holds it to the options, how it was got, and what is on record of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes import Fake, Reply
from fakes.speaking import HELLO, WIRES, opened, serve, settled
from moot.convene import convene
from moot.transcript import Ballot, Heading, Question, Transcript, freeze
from moot.view import Message
from moot.voices import Attempt, Chosen, Delta, Done, Failed, Place, Pool, Thinking, Usage, VoiceError, Words, fold
from moot.voices import anthropic as anthropic_wire
from moot.voices.ballots import AGAIN, ROOM, grammar_of, schema_of
from moot.voices.options import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

ASK = Question("Is a river alive?", ("yes", "no", "not sure"))
PAIR = Question("Is a river alive?", ("yes", "no"))
SCHEMA = {
    "chat": "openai:gpt-4o?wire=chat&ballots=schema",
    "responses": "openai:gpt-5?wire=responses",
    "messages": "anthropic:claude-sonnet-4-5?thinking=1024",
    "ollama": "ollama:qwen3:4b",
}
GRAMMAR = {
    "chat": "openai:tiny?wire=chat&ballots=grammar&logprobs=true",
    "script": "openai:tiny?style=script&ballots=grammar&logprobs=true",
}
PARSE = {name: f"{address}{'&' if '?' in address else '?'}ballots=parse" for name, address in WIRES.items()}
HELD = {**{f"{name} schema": one for name, one in SCHEMA.items()}, **{f"{n} grammar": a for n, a in GRAMMAR.items()}}


async def asked(address: str, ask: Question = ASK, view: Sequence[Message] = HELLO) -> list[Delta]:
    async with opened(address) as voice:
        return [delta async for delta in voice.speak("Be brief.", view, ask)]


def chosen(deltas: Sequence[Delta]) -> Chosen:
    [found] = [delta for delta in deltas if isinstance(delta, Chosen)]
    return found


def failures(deltas: Sequence[Delta]) -> list[Failed]:
    return [delta for delta in deltas if isinstance(delta, Failed)]


def held_schema(body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a request holds its answer to, from wherever its wire has it."""
    outer = body.get("response_format", {}).get("json_schema") or body.get("text", {}).get("format")
    return body.get("format") or (outer or body["output_config"]["format"])["schema"]


@pytest.mark.parametrize("wire", SCHEMA)
async def test_where_the_provider_has_schemas_the_answer_is_held_to_one(fake: Fake, wire: str) -> None:
    fake.replies.append(Reply(('{"answer": ', '"B"}')))
    assert chosen(await asked(SCHEMA[wire])) == Chosen("no", how="held to a schema")
    schema = held_schema(fake.bodies[0])
    assert schema == schema_of(ASK)
    assert schema["properties"] == {"answer": {"type": "string", "enum": ["A", "B", "C"]}}
    assert shown(ASK) in json.dumps(fake.bodies[0]).encode().decode("unicode_escape")


@pytest.mark.parametrize("wire", GRAMMAR)
async def test_where_the_server_has_grammars_the_answer_is_held_to_one(fake: Fake, wire: str) -> None:
    fake.replies.append(Reply(("C",), odds=((0, (("A", 0.1), ("B", 0.1), ("C", 0.3), ("The", 0.5))),)))
    found = chosen(await asked(GRAMMAR[wire]))
    assert found.answer == "not sure"
    assert found.probabilities == pytest.approx((0.2, 0.2, 0.6))
    assert found.how == "held to a grammar, the most probable"
    body = fake.bodies[0]
    assert body["grammar"] == grammar_of(ASK) == 'root ::= "A" | "B" | "C"'
    neutral = {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "repeat_penalty": 1, "dry_multiplier": 0}
    assert {name: body.get(name) for name in neutral} == neutral


@pytest.mark.parametrize("wire", PARSE)
async def test_elsewhere_the_answer_is_read_from_the_words(fake: Fake, wire: str) -> None:
    fake.replies.append(Reply(("B", ") no")))
    assert chosen(await asked(PARSE[wire])) == Chosen("no", how="read from the words")
    held = ("response_format", "grammar", "text", "output_config", "logprobs", "top_logprobs")
    assert not any(name in fake.bodies[0] for name in held)


@pytest.mark.parametrize("address", HELD.values(), ids=HELD)
async def test_the_most_probable_option_is_the_answer_whatever_was_drawn(fake: Fake, address: str) -> None:
    likely = (0, (("yes", 0.2), ("no", 0.6)))
    if "grammar" in address:
        fake.replies.append(Reply(("yes",), odds=(likely,)))
        found = chosen(await asked(address, PAIR))
        assert (found.answer, found.how) == ("no", "held to a grammar, the most probable")
        assert found.probabilities == pytest.approx((0.25, 0.75))
    else:
        fake.replies.append(Reply(('{"answer":"', "yes", '"}')))
        assert chosen(await asked(address, PAIR)) == Chosen("yes", how="held to a schema")


@pytest.mark.parametrize("wire", ["chat", "responses"])
async def test_a_schemas_probabilities_are_those_of_the_label_within_the_json(fake: Fake, wire: str) -> None:
    likely = (("B", 0.5), ("A", 0.25), ("C", 0.25))
    fake.replies.append(Reply(('{"answer":"', "A", '"}'), odds=((1, likely),)))
    found = chosen(await asked(f"openai:gpt-4o?wire={wire}&ballots=schema&logprobs=true"))
    assert (found.answer, found.how) == ("no", "held to a schema, the most probable")
    assert found.probabilities == pytest.approx((0.25, 0.5, 0.25))


async def test_probabilities_that_the_list_does_not_settle_are_not_told(fake: Fake) -> None:
    likely = (("A", 0.5), ("B", 0.25))
    fake.replies.append(Reply(('{"answer":"', "A", '"}'), odds=((1, likely),)))
    found = chosen(await asked("openai:gpt-4o?wire=chat&ballots=schema&logprobs=true"))
    assert found == Chosen("yes", how="held to a schema")


@pytest.mark.parametrize("wire", ["chat", "responses"])
async def test_thoughts_and_odd_figures_give_no_probabilities(fake: Fake, wire: str) -> None:
    """What is listed for other words than those that were said, or is no probability, counts for nothing."""
    odd = {"token": "B", "logprob": "low", "top_logprobs": [{"token": "A", "logprob": float("-inf")}, 7, {"x": 1}]}
    if wire == "chat":
        frames: list[dict[str, Any]] = [
            {"choices": [{"delta": {"reasoning": "B"}, "logprobs": {"content": [odd]}}]},
            {"choices": [{"delta": {"content": '{"answer":"B"}'}, "logprobs": {"content": [odd]}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop", "logprobs": {"content": None}}]},
        ]
    else:
        answer = {"type": "response.output_text.delta", "delta": '{"answer":"B"}', "logprobs": [odd]}
        frames = [answer, {"type": "response.completed", "response": {}}]
    fake.replies.append(Reply(raw=tuple(json.dumps(frame) for frame in frames)))
    found = chosen(await asked(f"openai:gpt-4o?wire={wire}&ballots=schema&logprobs=true"))
    assert found == Chosen("no", how="held to a schema")


async def test_openais_own_models_are_held_to_a_schema_and_tell_what_they_can() -> None:
    async with opened("openai:gpt-4o?wire=chat") as voice:
        body = voice.request("", HELLO, ASK)["body"]
        assert body["response_format"]["json_schema"]["strict"] is True
        assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
    async with opened("openai:gpt-4o") as voice:
        body = voice.request("", HELLO, ASK)["body"]
        assert body["text"]["format"]["strict"] is True
        assert (body["include"], body["top_logprobs"]) == (["message.output_text.logprobs"], 20)
    for address in ("openai:gpt-5.2-chat-latest?wire=chat", "openai:o3?wire=chat"):
        async with opened(address) as voice:
            body = voice.request("", HELLO, ASK)["body"]
            assert "response_format" in body
            assert "logprobs" not in body


@pytest.mark.parametrize("address", HELD.values(), ids=HELD)
async def test_a_server_that_refuses_to_hold_an_answer_is_asked_plainly(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with serve(monkeypatch, Fake(Reply(("B",)), holding="refused")) as fake:
        deltas = await asked(address)
    assert chosen(deltas) == Chosen("no", how="read from the words")
    assert [failure.error[:8] for failure in failures(deltas)] == ["HTTP 400"]
    first, second = fake.bodies
    ours = {"response_format", "text", "output_config", "format", "grammar", "chat_template_kwargs", "logprobs"}
    ours |= {"top_logprobs"}
    assert second == {name: value for name, value in first.items() if name not in ours | {"post_sampling_probs"}}


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("openai:gpt-5?wire=chat&ballots=schema&logprobs=true", ["response_format"]),
        ("openai:gpt-5?wire=responses&logprobs=true", ["include", "text"]),
        ("openai:gpt-5?wire=responses&logprobs=true&reasoning=false", ["text"]),
    ],
)
async def test_a_model_that_tells_no_probabilities_is_still_held(fake: Fake, address: str, left: list[str]) -> None:
    deltas = await asked(address)
    assert chosen(deltas).how == "held to a schema"
    assert len(failures(deltas)) == 1
    ours = {"response_format", "text", "logprobs", "top_logprobs", "include"}
    assert sorted(fake.bodies[1].keys() & ours) == left


async def test_an_effort_is_kept_where_a_schema_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(monkeypatch, Fake(Reply(("B",)), holding="refused")) as fake:
        await asked("anthropic:claude-opus-4-5?effort=low")
    assert [body.get("output_config") for body in fake.bodies] == [
        {"effort": "low", "format": {"type": "json_schema", "schema": schema_of(ASK)}},
        {"effort": "low"},
    ]


async def test_a_conversation_that_is_too_long_is_not_mistaken_for_a_schema_that_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(monkeypatch, Fake(context=5)) as fake, pytest.raises(VoiceError, match="fills its context"):
        await asked(SCHEMA["messages"])
    assert len(fake.requests) == 1


async def test_a_refusal_for_another_reason_is_told_after_one_plain_try(fake: Fake) -> None:
    no_credit = Reply(status=400, code="invalid_request_error", message="Your credit balance is too low")
    fake.replies.extend([no_credit, no_credit])
    with pytest.raises(VoiceError, match="credit balance is too low"):
        await asked(SCHEMA["messages"])
    assert len(fake.requests) == 2


@pytest.mark.parametrize("address", SCHEMA.values(), ids=SCHEMA)
async def test_a_server_that_ignores_the_schema_is_read_strictly(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with serve(monkeypatch, Fake(Reply(("B",)), holding="ignored")) as fake:
        assert chosen(await asked(address)) == Chosen("no", how="read from the words")
        fake.replies.append(Reply(('{"answer": "maybe"}',)))
        fake.replies.append(Reply(("C",)))
        assert chosen(await asked(address)) == Chosen("not sure", how="read from the words, asked twice")
        assert "maybe" in fake.requests[-1].text


@pytest.mark.parametrize("address", [*PARSE.values(), *HELD.values()], ids=[*PARSE, *HELD])
async def test_the_request_is_what_was_announced_and_can_be_made_again(fake: Fake, address: str) -> None:
    async with opened(address) as voice:
        request = voice.request("Be brief.", HELLO, ASK)
        fake.replies.append(Reply(("C",)))
        told = [delta async for delta in voice.speak("Be brief.", HELLO, ASK)]
        plain = json.dumps(voice.request("Be brief.", HELLO)["body"])
        other = voice.request("Be brief.", HELLO, replace(ASK, options=("no", "yes", "not sure")))
    assert told[0] == Attempt(request)
    assert [one["body"] for one in (request,)] == fake.bodies[:1]
    assert other["body"] != request["body"]
    assert "river" not in plain
    assert not any(name in plain for name in ("json_schema", "grammar", "logprobs"))


@pytest.mark.parametrize("wire", PARSE)
async def test_an_answer_that_names_no_option_is_asked_for_once_more(fake: Fake, wire: str) -> None:
    fake.replies.extend([Reply(("It depends.",)), Reply(("no",))])
    deltas = await asked(PARSE[wire])
    assert sum(isinstance(delta, Attempt) for delta in deltas) == 2
    assert [failure.error for failure in failures(deltas)] == ["no option could be made out of the answer"]
    assert chosen(deltas) == Chosen("no", how="read from the words, asked twice")
    assert "It depends." in fake.requests[1].text
    assert AGAIN.format(options="A, B, C") in fake.requests[1].text


@pytest.mark.parametrize("wire", PARSE)
async def test_an_answer_that_names_none_twice_is_kept_as_words(fake: Fake, wire: str) -> None:
    fake.replies.extend([Reply(("It depends.",)), Reply(("As I said.",))])
    async with opened(PARSE[wire]) as voice:
        speech = fold(voice.participant, [one async for one in voice.speak("Be brief.", HELLO, ASK)], (), ASK)
    assert speech.turn.text == "As I said."
    assert speech.turn.heard_by == ()
    [ballot] = [part for part in speech.turn.parts if isinstance(part, Ballot)]
    assert (ballot.answer, ballot.how) == ("", "no option could be made out of the answer, asked twice")
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    ("wire", "stop"),
    [(wire, stop) for wire in SCHEMA for stop in ("refusal", "length") if (wire, stop) != ("ollama", "refusal")],
)
async def test_a_refusal_is_no_answer_and_is_not_pressed(fake: Fake, wire: str, stop: Any) -> None:
    fake.replies.append(Reply(("No, I would rather not say.",), stop=stop))
    deltas = await asked(SCHEMA[wire])
    assert Words("No, I would rather not say.") in deltas
    assert chosen(deltas).answer == ""
    assert len(fake.requests) == 1


async def test_a_broken_stream_is_asked_again_whole(fake: Fake) -> None:
    fake.replies.extend([Reply(("yes", " and"), fault="reset", at=2), Reply(("no",))])
    told = await asked(PARSE["chat"])
    assert chosen(told) == Chosen("no", how="read from the words")
    broken = next(at for at, delta in enumerate(told) if isinstance(delta, Failed))
    assert told[broken - 1] == Words("yes")  # it is kept beside the record, and counted


@pytest.mark.parametrize(
    ("address", "manner", "limit"),
    [
        ("openai:gpt-4o?wire=chat&temperature=1.5&top_p=0.5&stop=x&presence_penalty=1&max_tokens=9", "", "max_tokens"),
        ("openai:gpt-4o?wire=responses&temperature=1.5&top_p=0.5&max_tokens=9", "", "max_output_tokens"),
        ("anthropic:claude-sonnet-4-5?temperature=0.5&top_k=3&top_p=0.5&max_tokens=9", "", "max_tokens"),
        ("openai:tiny?style=script&temperature=1.5&repeat_penalty=1.2&max_tokens=9", "\n", "max_tokens"),
    ],
)
async def test_a_voices_manner_of_speaking_has_no_part_in_its_answer(
    fake: Fake, address: str, manner: str, limit: str
) -> None:
    await asked(address)
    body = fake.bodies[0]
    assert not body.keys() & {"temperature", "top_p", "top_k", "presence_penalty", "repeat_penalty"}
    assert body.get("stop", [""]) == [manner]
    assert body[limit] == ROOM


async def test_an_answer_is_not_cut_after_so_many_sentences(fake: Fake) -> None:
    fake.replies.append(Reply(("I have thought. ", "It moves. ", "My answer is: no.")))
    assert chosen(await asked("openai:gpt-4o?wire=chat&sentences=1&ballots=parse")).answer == "no"


@pytest.mark.parametrize("address", ["openai:gpt-5?wire=responses", "anthropic:claude-sonnet-4-5?thinking=1024"])
async def test_thoughts_before_an_answer_are_kept(fake: Fake, address: str) -> None:
    fake.replies.append(Reply(('{"answer":"A"}',), thoughts=("Water", " flows.")))
    deltas = await asked(address)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Thinking)).startswith("Water")
    assert chosen(deltas).answer == "yes"


async def test_repeats_of_a_question_draw_by_other_seeds(fake: Fake) -> None:
    async with opened("openai:tiny?wire=chat&seed=true&ballots=parse") as voice:
        seeds = [voice.request("", HELLO, replace(ASK, draw=draw))["body"]["seed"] for draw in range(3)]
    assert len(set(seeds)) == 3
    assert not fake.requests


@pytest.mark.parametrize(
    "address",
    [
        "openai:gpt-4o?wire=chat&ballots=guess",
        "openai:gpt-5?wire=responses&ballots=grammar",
        "anthropic:claude-4?ballots=grammar",
    ],
)
async def test_a_way_that_a_wire_does_not_have_is_refused(fake: Fake, address: str) -> None:
    with pytest.raises(VoiceError, match="ballots cannot be"):
        settled(address)
    assert not fake.requests


LONG = tuple(
    Message("user" if number % 2 == 0 else "assistant", ("Bo", "Ada")[number % 2], f"Turn {number} of a long talk.")
    for number in range(9)
)


def marked(body: dict[str, Any]) -> list[str]:
    return [block["text"] for one in body["messages"] for block in one["content"] if "cache_control" in block]


async def turned(view: Sequence[Message], address: str = "anthropic:claude-sonnet-4-5?ballots=parse") -> Usage:
    async with opened(address) as voice:
        return used([one async for one in voice.speak("Be brief.", view)])


def used(deltas: Sequence[Delta]) -> Usage:
    [done] = [delta for delta in deltas if isinstance(delta, Done)]
    return done.usage


@pytest.mark.parametrize(("until", "ends"), [(9, (8, 6)), (8, (7, 6)), (1, (0,)), (0, ())])
async def test_the_question_is_after_what_is_marked_for_the_cache(until: int, ends: Sequence[int]) -> None:
    async with opened("anthropic:claude-sonnet-4-5") as voice:
        body = voice.request("Be brief.", LONG[:until], ASK)["body"]
    assert marked(body) == [LONG[end].text for end in reversed(ends)]
    assert body["messages"][-1]["content"][-1]["text"] == shown(ASK)


async def test_a_ballot_reads_the_talk_from_the_cache_and_writes_nothing_that_only_it_has(fake: Fake) -> None:
    [*_, spoken] = [await turned(LONG[:until]) for until in (1, 3, 5, 7)]
    fake.replies.append(Reply(("no",)))
    voted = used(await asked("anthropic:claude-sonnet-4-5?ballots=parse", PAIR, LONG[:7]))
    assert voted.cached == spoken.input
    assert voted.cache_write == 0
    later = await turned(LONG[:9])
    assert later.cached == spoken.input


async def test_a_repair_marks_what_the_first_request_did(fake: Fake) -> None:
    fake.replies.extend([Reply(("It depends.",)), Reply(("no",))])
    await asked("anthropic:claude-sonnet-4-5?ballots=parse", PAIR, LONG[:7])
    first, second = map(marked, fake.bodies)
    assert first == second == [LONG[4].text, LONG[6].text]


async def test_ballots_under_one_schema_read_each_others_cache(fake: Fake) -> None:
    """What an answer is held to comes first in what Anthropic caches, so that a talk and its ballots share nothing."""
    for until in (1, 3, 5, 7):
        await turned(LONG[:until])
    address = "anthropic:claude-sonnet-4-5"
    first = used(await asked(address, PAIR, LONG[:7]))
    second = used(await asked(address, replace(PAIR, text="Is a stone alive?"), LONG[:9]))
    assert first.cached == 0
    assert first.cache_write
    assert second.cached == first.cache_write


async def test_an_answer_that_could_not_be_read_is_counted_with_its_tokens(fake: Fake, store: SqliteStore) -> None:
    fake.replies.extend([Reply(("It depends, I think.",)), Reply(("no",))])
    told = {"of": "Ada", "question": ASK.text, "options": ASK.options, "after": 0}
    heading = Heading((settled("anthropic:claude-sonnet-4-5?ballots=parse"),), form="ask", arguments=freeze(told))
    await store.start("a1", Transcript(heading))
    async with Pool() as pool:
        voice = anthropic_wire.open_voice(heading.participants[0], 1, pool, Place())
        async for _ in convene(store, "a1", {"Ada": voice}):
            pass
    first, second = await store.calls("a1")
    assert (first.outcome, first.partial, first.output) == ("failed", "It depends, I think.", 1)
    assert first.input
    assert (second.outcome, second.output) == ("done", 1)
    [turn] = (await store.read("a1")).transcript.turns
    assert turn.parts == (Ballot(ASK.text, ASK.options, "no", None, "read from the words, asked twice"),)
