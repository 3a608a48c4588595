import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moot.convene import Closed, Event, Pause, Retry, Said, Spoken, convene
from moot.forms import Form, Move, Speak, Wait
from moot.store import Conflict, StoreError, open_store
from moot.store.sqlite import SqliteStore
from moot.transcript import (
    Heading,
    Participant,
    Question,
    Text,
    Thought,
    Transcript,
    Turn,
    as_json,
    digest,
    freeze,
    link,
)
from moot.view import Message, view
from moot.voices import (
    Attempt,
    ContextFull,
    Delta,
    Done,
    Failed,
    Pool,
    Rest,
    Thinking,
    Usage,
    Voice,
    VoiceError,
    Words,
)
from moot.voices.spec import open_voices

pytestmark = pytest.mark.anyio


def scripted(*lines: Sequence[str], names: Sequence[str] = ("Ada", "Bo", "Cy"), **arguments: Any) -> Heading:
    people = (
        Participant(name, f"script:{name}", settings=freeze({"lines": said, "pace": 0.0}))
        for name, said in zip(names, lines, strict=False)
    )
    return Heading(tuple(people), arguments=freeze(arguments))


class Telling:
    """A voice that tells the given deltas, one list a turn, and remembers what it was asked."""

    def __init__(self, *turns: Sequence[Delta | Exception]) -> None:
        self.turns = list(turns)
        self.closed = 0

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        return {"brief": brief, "messages": [message.words for message in messages]}

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        try:
            for delta in self.turns.pop(0):
                match delta:
                    case Exception():
                        raise delta
                    case Attempt():
                        yield Attempt(self.request(brief, messages))
                    case _:
                        yield delta
        finally:
            self.closed += 1


ATTEMPT = Attempt({})


async def run(store: SqliteStore, identity: str, voices: Mapping[str, Voice], **how: Any) -> list[Event]:
    async with aclosing(convene(store, identity, voices, **how)) as events:
        return [event async for event in events]


async def begin(store: SqliteStore, heading: Heading) -> Mapping[str, Voice]:
    await store.start("a1", Transcript(heading))
    return open_voices(heading, Pool())


async def test_two_talk_until_the_form_closes(store: SqliteStore) -> None:
    heading = scripted(["One.", "Three."], ["Two."], turns=3, prompt="Count.", to="first")
    events = await run(store, "a1", await begin(store, heading))
    spoken = [(event.number, event.turn.speaker, event.turn.text) for event in events if isinstance(event, Spoken)]
    assert spoken == [(1, "chair", "Count."), (2, "Ada", "One."), (3, "Bo", "Two."), (4, "Ada", "Three.")]
    assert events[-1] == Closed("all 3 turns are spoken")
    stored = await store.read("a1")
    assert stored.listing.closed == "all 3 turns are spoken"
    assert [call.outcome for call in await store.calls("a1")] == ["done"] * 3


async def test_what_is_said_piece_by_piece_is_the_turn(store: SqliteStore) -> None:
    heading = scripted(["One two  three "], [""], turns=1)
    events = await run(store, "a1", await begin(store, heading))
    assert "".join(event.delta.text for event in events if isinstance(event, Said)) == "One two  three "


async def test_a_turn_is_on_record_before_it_is_shown_as_spoken(store: SqliteStore) -> None:
    heading = scripted(["One."], ["Two."], turns=2, prompt="Count.")
    voices = await begin(store, heading)
    async with aclosing(convene(store, "a1", voices)) as events:
        async for event in events:
            if isinstance(event, Spoken):
                assert (await store.read("a1")).transcript.turns[event.number - 1] == event.turn


async def test_a_request_is_on_record_before_it_is_sent(store: SqliteStore) -> None:
    sent: list[list[str]] = []

    class Watching(Telling):
        async def speak(
            self, brief: str, messages: Sequence[Message], ask: Question | None = None
        ) -> AsyncGenerator[Delta, None]:
            yield Attempt(self.request(brief, messages))
            sent.append([call.outcome for call in await store.calls("a1")])
            yield Done()

    await begin(store, scripted(["x"], ["y"], turns=1))
    await run(store, "a1", {"Ada": Watching(), "Bo": Watching()})
    assert sent == [["open"]]


async def test_law_6_the_request_of_any_turn_can_be_made_again_from_the_record(store: SqliteStore) -> None:
    heading = replace(scripted([], [], [], turns=7, prompt="Begin.", to="all"), seed=3)
    await begin(store, heading)
    voices = {name: Telling(*([ATTEMPT, Words(f"{name} {n}"), Done()] for n in range(3))) for name in heading.names}
    await run(store, "a1", voices)
    transcript = (await store.read("a1")).transcript
    calls = await store.calls("a1")
    assert len(calls) == 7
    for call in calls:
        heard = view(transcript.until(call.seq), call.speaker)
        assert call.request == link("", voices[call.speaker].request("", heard))


async def test_a_failed_attempt_is_on_record_and_void(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=1))
    told = [
        ATTEMPT,
        Words("Half a"),
        Failed("reset", 0.5, "req-1"),
        ATTEMPT,
        Words("Whole."),
        Done(usage=Usage(5, output=2)),
    ]
    events = await run(store, "a1", {"Ada": Telling(told)})
    assert Retry("Ada", "reset", 0.5) in events
    assert (await store.read("a1")).transcript.turns == (Turn("Ada", (Text("Whole."),)),)
    failed, done = await store.calls("a1")
    assert (failed.outcome, failed.error, failed.partial, failed.request_id) == ("failed", "reset", "Half a", "req-1")
    assert (done.outcome, done.partial, done.input, done.output, done.cached) == ("done", "", 5, 2, None)


async def test_a_voice_that_gives_up_raises_and_all_turns_stay(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=4))
    gone = Telling([ATTEMPT, Words("H"), Failed("503"), VoiceError("gave up")])
    with pytest.raises(VoiceError, match="gave up"):
        await run(store, "a1", {"Ada": Telling([ATTEMPT, Words("One."), Done()]), "Bo": gone})
    assert len((await store.read("a1")).transcript.turns) == 1
    assert [call.outcome for call in await store.calls("a1")] == ["done", "failed"]


async def test_an_error_in_the_middle_leaves_its_words_beside_the_record(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=4))
    with pytest.raises(VoiceError):
        await run(store, "a1", {"Ada": Telling([ATTEMPT, Words("Half"), VoiceError("gone")])})
    (call,) = await store.calls("a1")
    assert (call.outcome, call.partial) == ("left", "Half")
    assert (await store.read("a1")).transcript.turns == ()


async def test_a_model_that_writes_the_others_turn_is_cut_and_the_stream_left(store: SqliteStore) -> None:
    heading = scripted([], [], [], turns=2)
    await begin(store, heading)
    going_on = Telling([ATTEMPT, Words("Yes.\n"), Words("A"), Words("da: No"), Words("never told"), Done()])
    voices = {"Ada": Telling([ATTEMPT, Words("Hi."), Done()]), "Bo": going_on}
    events = await run(store, "a1", voices)
    assert "".join(event.delta.text for event in events if isinstance(event, Said) and event.name == "Bo") == "Yes."
    assert going_on.closed == 1
    turn = (await store.read("a1")).transcript.turns[1]
    assert turn == Turn("Bo", (Text("Yes."),), stop="interrupted", marks=("spoke for Ada",))
    assert (await store.calls("a1"))[1].cut == "\nAda: No"


async def test_words_held_back_as_a_possible_label_are_shown_in_the_end(store: SqliteStore) -> None:
    await begin(store, scripted([], [], [], turns=2))
    voices = {
        "Ada": Telling([ATTEMPT, Words("Hi."), Done()]),
        "Bo": Telling([ATTEMPT, Words("Yes.\n"), Words("Ad"), Done()]),
    }
    events = await run(store, "a1", voices)
    assert "".join(event.delta.text for event in events if isinstance(event, Said) and event.name == "Bo") == "Yes.\nAd"


async def test_thoughts_are_shown_and_kept_apart(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=1))
    told = [ATTEMPT, Thinking("hm"), Thinking(seal="s"), Words("Yes."), Done(model="m-1", request_id="r-1")]
    events = await run(store, "a1", {"Ada": Telling(told)})
    assert Said("Ada", Thinking("hm")) in events
    turn = (await store.read("a1")).transcript.turns[0]
    assert turn.parts == (Thought("hm", "script:Ada", "s"), Text("Yes."))
    (call,) = await store.calls("a1")
    assert (call.model, call.request_id) == ("m-1", "r-1")
    assert call.first_ms is not None
    assert call.total_ms is not None


async def test_a_person_who_leaves_rests_the_conversation(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=4))
    assert await run(store, "a1", {"Ada": Telling([Words("Half"), Rest()])}) == [
        Said("Ada", Words("Half")),
        Pause("Ada has left for now"),
    ]
    assert (await store.read("a1")).transcript.turns == ()
    assert (await store.read("a1")).listing.closed is None


async def test_a_person_has_no_requests(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=1))
    await run(store, "a1", {"Ada": Telling([Words("Typed."), Done()])})
    assert await store.calls("a1") == ()
    assert len((await store.read("a1")).transcript.turns) == 1


async def test_a_failure_that_was_never_announced_needs_no_row(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=1))
    events = await run(store, "a1", {"Ada": Telling([Failed("no key"), Words("x"), Done()])})
    assert events[0] == Retry("Ada", "no key", None)
    assert await store.calls("a1") == ()


async def test_a_full_context_closes_the_conversation_with_that_reason(store: SqliteStore) -> None:
    await begin(store, scripted([], [], turns=4))
    full = Telling([ATTEMPT, Failed("too long"), ContextFull("Ada's model can read no more")])
    events = await run(store, "a1", {"Ada": full})
    assert events[-1] == Closed("Ada's model can read no more")
    assert (await store.read("a1")).listing.closed == "Ada's model can read no more"


async def test_so_many_turns_more_and_then_it_rests(store: SqliteStore) -> None:
    heading = scripted(["1", "3", "5"], ["2", "4", "6"], prompt="Count.")
    voices = await begin(store, heading)
    for total in (2, 4):
        events = await run(store, "a1", voices, more=2)
        assert isinstance(events[-1], Pause)
        assert len((await store.read("a1")).transcript.turns) == total + 1
    assert isinstance((await run(store, "a1", voices, more=0))[-1], Pause)


async def test_a_closed_conversation_closes_again_without_a_call(store: SqliteStore) -> None:
    voices = await begin(store, scripted(["1"], ["2"], turns=1))
    await run(store, "a1", voices)
    assert await run(store, "a1", voices) == [Closed("all 1 turns are spoken")]
    assert len(await store.calls("a1")) == 1


async def test_a_form_may_wait_for_someone(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(transcript: Transcript) -> Move:
        return Wait("Bo") if transcript.turns else Speak("Ada")

    def open_waiting(heading: Heading, find: object) -> Form:
        del heading, find
        return waiting

    monkeypatch.setattr("moot.convene.open_form", open_waiting)
    voices = await begin(store, scripted(["1"], ["2"]))
    assert (await run(store, "a1", voices))[-1] == Pause("waiting for Bo")


async def test_a_record_that_does_not_agree_with_itself_is_not_gone_on_with(store: SqliteStore) -> None:
    voices = await begin(store, scripted(["1"], ["2"], turns=2))
    await store.append("a1", 0, Turn("Ada"), "a wrong digest")
    with pytest.raises(StoreError, match="moot verify a1"):
        await run(store, "a1", voices)


async def test_of_two_that_convene_one_conversation_the_second_is_refused(store: SqliteStore) -> None:
    voices = await begin(store, scripted(["1", "3"], ["2", "4"], turns=4))

    class Overtaken(Telling):
        async def speak(
            self, brief: str, messages: Sequence[Message], ask: Question | None = None
        ) -> AsyncGenerator[Delta, None]:
            yield Attempt(self.request(brief, messages))
            stored = await store.read("a1")
            other = Turn("Ada", (Text("first"),))
            await store.append("a1", 0, other, link(stored.digest, as_json(other)))
            yield Words("second")
            yield Done()

    with pytest.raises(Conflict):
        await run(store, "a1", {**voices, "Ada": Overtaken()})
    stored = await store.read("a1")
    assert [turn.text for turn in stored.transcript.turns] == ["first"]
    assert [(call.outcome, call.partial) for call in await store.calls("a1")] == [("left", "second")]


async def test_ctrl_c_in_the_middle_of_a_turn_leaves_a_conversation_that_resumes(store: SqliteStore) -> None:
    heading = scripted(["One two three four five six seven"], ["Two."], turns=2)
    slow = replace(heading, participants=tuple(replace(one, settings=_paced(one)) for one in heading.participants))
    voices = await begin(store, slow)
    saying = asyncio.Event()

    async def talk() -> None:
        async with aclosing(convene(store, "a1", voices)) as events:
            async for event in events:
                if isinstance(event, Said):
                    saying.set()

    task = asyncio.create_task(talk())
    await saying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (call,) = await store.calls("a1")
    assert call.outcome == "left"
    assert call.partial.startswith("One")
    assert (await store.read("a1")).transcript.turns == ()
    assert isinstance((await run(store, "a1", voices))[-1], Closed)


async def test_a_conversation_that_somebody_steps_into_while_it_is_closed_is_not_closed(store: SqliteStore) -> None:
    voices = await begin(store, scripted(["One."], ["Two."], turns=2))
    close = store.close

    async def after_a_word(identity: str, reason: str, turns: int | None = None) -> None:
        stored, word = await store.read(identity), Turn("chair", (Text("Wait!"),))
        await store.append(identity, len(stored.transcript.turns), word, link(stored.digest, as_json(word)))
        await close(identity, reason, turns)

    store.close = after_a_word
    with pytest.raises(Conflict, match="cannot be closed: somebody else has spoken after turn 2"):
        await run(store, "a1", voices)
    stored = await store.read("a1")
    assert (len(stored.transcript.turns), stored.listing.closed) == (3, None)


def _paced(one: Participant) -> Any:
    return freeze(dict(one.settings) | {"pace": 0.02})


lines = st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=4)


@settings(max_examples=80)
@given(st.lists(lines, min_size=2, max_size=3), st.integers(0, 9), st.lists(st.integers(1, 12), max_size=20))
def test_law_2_stopped_at_any_event_and_convened_again_it_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, said: list[list[str]], turns: int, stops: list[int]
) -> None:
    heading = scripted(*said, turns=turns, prompt="Begin.")
    folder = tmp_path_factory.mktemp("law2")

    async def compare() -> None:
        async with open_store(folder / "whole.db") as store:
            await run(store, "a1", await begin(store, heading))
            whole = (await store.read("a1")).transcript
        async with open_store(folder / "broken.db") as store:
            voices = await begin(store, heading)
            shown: list[Turn] = []
            for stop in stops:
                await _until(store, voices, stop, shown.append)
                kept = (await store.read("a1")).transcript.turns
                assert list(kept[: len(shown)]) == shown
            await run(store, "a1", voices)
            assert digest((await store.read("a1")).transcript) == digest(whole)
            done = [call.seq for call in await store.calls("a1") if call.outcome == "done"]
            assert len(done) == len(set(done))

    asyncio.run(compare())


async def _until(store: SqliteStore, voices: Mapping[str, Voice], stop: int, spoken: Callable[[Turn], None]) -> None:
    """Convene for so many events at most."""
    async with aclosing(convene(store, "a1", voices)) as events:
        seen = 0
        async for event in events:
            seen += 1
            if isinstance(event, Spoken):
                spoken(event.turn)
            if seen == stop:
                return
