"""Hard caps: nothing is sent with which one might be passed, and reaching one only pauses."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moot.convene import Event, Pause, Spoken, convene
from moot.forms import Close, Form, Move, Speak, in_seeded_order
from moot.spending import ASSUMED_OUTPUT, Caps, Limits, Spent, at_worst, refusal, reserved, spent
from moot.store import Call
from moot.transcript import Ballot, Heading, Invalid, Participant, Question, Text, Transcript, Turn, canonical, freeze
from moot.view import view
from moot.voices import Attempt, Chosen, Delta, Done, Failed, Thinking, Usage, Words, fold

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from moot.store import Outcome
    from moot.store.sqlite import SqliteStore
    from moot.view import Message

pytestmark = pytest.mark.anyio

CENT = Decimal("0.01")


def a_cent_a_token(call: Call) -> Decimal | None:
    if call.voice == "unpriced:x":
        return None
    return CENT * ((call.input or 0) + (call.output or 0))


def call(outcome: Outcome = "done", **fields: Any) -> Call:
    return Call(0, "Ada", fields.pop("voice", "x:y"), "d", outcome=outcome, **fields)


class Metered:
    """A voice whose every answer costs the same: 10 tokens read, 5 written, of 200 bytes and 20 tokens at most."""

    def __init__(self, usage: Usage = Usage(10, output=5)) -> None:  # noqa: B008 - a frozen value
        self.asked = 0
        self.usage = usage

    def request(self, brief: str, messages: Sequence[Message], ask: Question | None = None) -> dict[str, Any]:
        return {"body": {"words": "x" * 40, "max_tokens": 20}}

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        yield Attempt(self.request(brief, messages))
        self.asked += 1
        yield Words(f"Turn {len(messages)}.")
        yield Done(usage=self.usage)


PAIR = Heading((Participant("Ada", "x:y"), Participant("Bo", "x:y")), arguments=freeze({"turns": 9}))


async def run(store: SqliteStore, voice: Metered, limits: Limits, identity: str = "a1") -> list[Event]:
    return [event async for event in convene(store, identity, {"Ada": voice, "Bo": voice}, limits=limits)]


@pytest.mark.parametrize(
    ("caps", "turns", "says"),
    [
        (Caps(turns=2), 2, "may have 2 turns"),
        (Caps(tokens=100), 4, "may use 100 tokens, has used 60"),
        (Caps(dollars=Decimal("0.81")), 2, "may cost \\$0.81"),
        (Caps(seconds=0.0), 0, "may take 0 seconds"),
        (Caps(tokens=1), 0, "may use 1 tokens"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_reaching_a_cap_pauses_before_anything_is_sent(
    store: SqliteStore, caps: Caps, turns: int, says: str, *, whole: bool
) -> None:
    await store.start("a1", Transcript(PAIR))
    voice = Metered()
    limits = Limits(caps, Caps(), a_cent_a_token) if whole else Limits(Caps(), caps, a_cent_a_token)
    events = await run(store, voice, limits)
    assert isinstance(events[-1], Pause)
    assert events[-1].limit
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(events[-1].reason)
    assert voice.asked == sum(isinstance(event, Spoken) for event in events) == turns
    stored = await store.read("a1")
    assert stored.listing.closed is None
    assert len(stored.transcript.turns) == len(await store.calls("a1")) == turns


async def test_a_cap_of_the_conversation_counts_what_earlier_runs_used(store: SqliteStore) -> None:
    await store.start("a1", Transcript(PAIR))
    limits = Limits(Caps(tokens=100), Caps(), a_cent_a_token)
    await run(store, Metered(), limits)
    voice = Metered()
    (event,) = await run(store, voice, limits)
    assert isinstance(event, Pause)
    assert voice.asked == 0
    events = await run(store, voice, Limits(Caps(), Caps(tokens=100), a_cent_a_token))  # a run begins at nothing
    assert sum(isinstance(event, Spoken) for event in events) == 4


async def test_what_was_not_reported_counts_at_its_worst(store: SqliteStore) -> None:
    await store.start("a1", Transcript(PAIR))
    most_read, most_written = reserved(Metered().request("", ()))
    events = await run(
        store, Metered(Usage()), Limits(Caps(tokens=2 * (most_read + most_written)), Caps(), a_cent_a_token)
    )
    assert sum(isinstance(event, Spoken) for event in events) == 2


async def test_a_cap_on_money_cannot_be_kept_without_prices(store: SqliteStore) -> None:
    heading = Heading((Participant("Ada", "unpriced:x"), Participant("Bo", "x:y")))
    await store.start("a1", Transcript(heading))
    (event,) = await run(store, Metered(), Limits(Caps(dollars=Decimal(9)), Caps(), a_cent_a_token))
    assert isinstance(event, Pause)
    assert "the price of unpriced:x is not known" in event.reason


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), max_size=12), st.integers(0, 900))
def test_no_cap_is_ever_passed_whatever_calls_turn_out_to_use(used: list[tuple[int, int]], cap: int) -> None:
    total = Spent()
    caps = Caps(tokens=cap, dollars=CENT * cap)
    for read, written in used:
        asked = call("open", reserved_input=500, reserved_output=20)
        if refusal(caps, total, asked, a_cent_a_token, "x"):
            continue
        total = total.and_call(call(input=read, output=written), a_cent_a_token)
    assert total.tokens <= cap
    assert total.dollars <= CENT * cap


def test_what_counts_of_a_call_is_what_may_be_billed() -> None:
    worst: dict[str, Any] = {"reserved_input": 30, "reserved_output": 7}
    for one, tokens in (
        (call(input=3, output=4), 7),
        (call(**worst), 37),
        (call("open", **worst), 37),
        (call("left", **worst), 37),
        (call("failed", error="refused", **worst), 0),
        (call("failed", partial="Half a", **worst), 37),
        (call("failed", first_ms=0, **worst), 37),  # it had begun to think
    ):
        assert spent([one], 0, a_cent_a_token).tokens == tokens
    assert at_worst(call(input=3, **worst)).output == 7


def test_what_is_reserved_is_never_less_than_a_text_can_take() -> None:
    body = {"messages": [{"role": "user", "content": "字" * 100}], "max_tokens": 50}
    read, written = reserved({"body": body})
    assert read >= 200
    assert written == 50
    assert reserved({"body": {"options": {"num_predict": 9}}})[1] == 9
    assert reserved({"body": {"x": 1}})[1] == ASSUMED_OUTPUT
    assert reserved({"line": 3}) == (0, 0)


VALUES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.lists(st.text(max_size=5))
BODIES = st.dictionaries(st.text(max_size=5), VALUES, max_size=3)


@settings(max_examples=40)
@given(BODIES, BODIES, st.booleans())
def test_the_length_of_a_body_is_that_of_its_own_json_wherever_it_was_written(
    body: dict[str, Any],
    around: dict[str, Any],
    beforehand: bool,  # noqa: FBT001 - drawn
) -> None:
    request = around | {"body": body | {"options": None}}
    written = canonical(request) if beforehand else ""
    assert reserved(request, written)[0] == len(canonical(request["body"])) // 2


def test_of_two_caps_the_smaller_holds() -> None:
    one, other = Caps(turns=3, tokens=5, seconds=1.5), Caps(turns=2, dollars=CENT, seconds=2.5)
    assert one.and_at_most(other) == other.and_at_most(one) == Caps(2, 5, CENT, 1.5)


def test_limits_know_no_price_unless_told() -> None:
    assert Limits().price(call()) is None


ASK = Question("Is a river alive?", ("yes", "no"))


def asking(heading: Heading, find: object) -> Form:
    def form(transcript: Transcript) -> Move:
        return Close("asked") if transcript.turns else Speak("Ada", ASK)

    return form


class Answering(Metered):
    """A voice that says no."""

    async def speak(
        self, brief: str, messages: Sequence[Message], ask: Question | None = None
    ) -> AsyncGenerator[Delta, None]:
        assert ask is ASK
        yield Attempt({})
        yield Thinking("hm")
        yield Chosen("no", (0.25, 0.75), "grammar")
        yield Done()


async def test_a_form_that_asks_gets_a_ballot_that_nobody_else_hears(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moot.convene.open_form", asking)
    await store.start("a1", Transcript(PAIR))
    await run(store, Answering(), Limits())
    (turn,) = (await store.read("a1")).transcript.turns
    assert turn.heard_by == ()
    assert turn.parts[1] == Ballot(ASK.text, ASK.options, "no", (0.25, 0.75), "grammar")
    assert view(Transcript(PAIR, (turn,)), "Bo") == ()


def test_the_answer_of_a_void_attempt_is_void() -> None:
    told: list[Delta] = [Attempt({}), Chosen("yes"), Failed("reset", 0), Attempt({}), Words("Perhaps."), Done()]
    speech = fold(PAIR.participants[0], told, (), ASK)
    assert speech.turn == Turn("Ada", (Ballot(ASK.text, ASK.options, ""), Text("Perhaps.")), ())


@pytest.mark.parametrize("options", [(), ("yes",), ("yes", "yes"), ("yes", " ")])
def test_a_question_has_different_options_to_choose_from(options: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        Question("?", options)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True), st.integers())
def test_a_seeded_order_is_an_order_of_the_same_options_and_repeatable(options: list[str], seed: int) -> None:
    order = in_seeded_order(options, seed, "Ada")
    assert sorted(order) == sorted(options)
    assert order == in_seeded_order(list(reversed(options)), seed, "Ada")


def test_seeds_give_every_order_its_turn() -> None:
    orders = [in_seeded_order(("a", "b"), seed, "x") for seed in range(200)]
    assert 70 < orders.count(("a", "b")) < 130
