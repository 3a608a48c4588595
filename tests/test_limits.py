"""How fast an endpoint is asked and how long a voice waits: never more than allowed, in order, and let go at once."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from contextlib import aclosing, suppress
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import Fake, Reply
from fakes.speaking import HELLO, WIRES, serve, settled, voice_of
from moot.voices import Attempt, Done, Failed, Paused, Pool, Thinking, Usage, VoiceError, Words
from moot.voices.attempts import MOST_PAUSES, GoOn, Patience, Trouble, attempts
from moot.voices.destination import Vendor, find_endpoint, limiter_of
from moot.voices.endpoints import KNOWN, Endpoint
from moot.voices.limits import GRAIN, MINUTE, USUAL_OUTPUT, Bounds, Limiter, Line, Minute, estimate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence

    from moot.voices import Delta
    from moot.voices.attempts import Sign
    from moot.voices.limits import Passages


class _Selector(selectors.SelectSelector):
    """Waits for nothing: the time at which a timer is due has come at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everyone waits for ever"
            self.now += timeout
        return ready


class Hasty(asyncio.SelectorEventLoop):
    """A loop whose hours take no time, so that a test can wait as long as a user would."""

    def __init__(self) -> None:
        self.clock = _Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def hastily(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def test() -> None:
        noise: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=Hasty) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: noise.append(context))
            runner.run(work())
        assert noise == []

    test.__name__ = work.__name__
    return test


def now() -> float:
    return asyncio.get_running_loop().time()


def clock() -> _Selector:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Hasty)
    return loop.clock


# A minute


USES = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 12)), max_size=40)


@given(USES, st.integers(1, 20))
def test_no_sixty_seconds_hold_more_than_is_allowed(uses: list[tuple[float, int]], most: int) -> None:
    minute, at, told = Minute(most), 0.0, list[tuple[float, int]]()
    for gap, amount in uses:
        at += gap
        while (seconds := minute.wait(amount, at)) > 0:
            at += seconds
        minute = minute.then(amount, at)
        told.append((at, amount))
        within = [one for when, one in told if when > at - MINUTE]
        assert sum(within) <= most or within[-1] > most
        assert sum(within[:-1]) == 0 or sum(within) <= most


@given(USES, st.integers(1, 20))
def test_nobody_waits_longer_than_needed(uses: list[tuple[float, int]], most: int) -> None:
    minute, at, told = Minute(most), 0.0, list[tuple[float, int]]()
    for gap, amount in uses:
        at += gap
        seconds = minute.wait(amount, at)
        earlier = at + seconds - 3 * GRAIN
        if earlier > at:
            within = [one for when, one in told if when > earlier - MINUTE]
            assert sum(within) + min(amount, most) > most
        at += seconds
        minute = minute.then(amount, at)
        told.append((at, amount))


@given(st.lists(st.tuples(st.floats(0, 0.05), st.integers(0, 9)), max_size=2000))
def test_what_is_remembered_of_a_minute_stays_small(uses: list[tuple[float, int]]) -> None:
    minute, at = Minute(10**9), 0.0
    for gap, amount in uses:
        at += gap
        minute = minute.then(amount, at)
    assert len(minute.used) <= MINUTE / GRAIN + 2
    assert len({when for when, _ in minute.used}) == len(minute.used)


def test_what_was_not_used_is_given_back_and_what_was_used_beyond_counts_from_then() -> None:
    minute = Minute(100).then(60, 1.0).then(40, 2.0)
    assert minute.wait(30, 3.0) == pytest.approx(58.0)
    assert minute.settled(1.0, 60, 10, 3.0).wait(30, 3.0) == 0
    beyond = minute.settled(1.0, 60, 75, 3.0)
    assert beyond.wait(60, 3.0) == pytest.approx(59.0)
    assert beyond.wait(90, 62.1) == pytest.approx(0.9)
    assert minute.settled(1.0, 60, 10, 90.0).wait(100, 90.0) == 0


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(0, 50), st.integers(0, 99)), max_size=20))
def test_a_minute_never_holds_less_than_nothing(uses: list[tuple[float, int, int]]) -> None:
    minute, at = Minute(60), 0.0
    for gap, taken, really in uses:
        minute = minute.then(taken, at)
        minute = minute.settled(at, taken, really, at + gap)
        at += gap
        assert all(amount >= 0 for _, amount in minute.used)


def test_a_request_is_estimated_by_its_length_and_by_how_long_its_answer_may_get() -> None:
    body = {"messages": [{"content": "x" * 4000}]}
    assert estimate({"body": body}) == pytest.approx(1000 + USUAL_OUTPUT, abs=20)
    assert estimate({"body": body | {"max_tokens": 10}}) == pytest.approx(1010, abs=20)
    assert estimate({"body": body | {"max_output_tokens": 10**6}}) == pytest.approx(1000 + USUAL_OUTPUT, abs=20)
    assert estimate({"body": body | {"options": {"num_predict": 10}}}) == pytest.approx(1010, abs=20)
    assert estimate({"line": 1}) == USUAL_OUTPUT


# Passing a limiter


BODY: Mapping[str, Any] = {"body": {"max_tokens": 50}}
SIZE = estimate(BODY)


async def pass_(limiter: Limiter, took: float, passed: list[tuple[int, float]], number: int, used: int | None) -> None:
    async with limiter.passage(BODY) as passage:
        passed.append((number, now()))
        await asyncio.sleep(took)
        passage.used = used


async def crowd(limiter: Limiter, count: int, took: float = 1.0, used: int | None = None) -> list[tuple[int, float]]:
    passed: list[tuple[int, float]] = []
    await asyncio.gather(*(pass_(limiter, took, passed, number, used) for number in range(count)))
    return passed


@hastily
async def test_requests_a_minute_pass_in_the_order_in_which_they_came() -> None:
    passed = await crowd(Limiter(Bounds(requests=3)), 8)
    assert [number for number, _ in passed] == list(range(8))
    assert [round(at / MINUTE) for _, at in passed] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert all(after >= before for (_, before), (_, after) in pairwise(passed))
    assert clock().turns < 80  # nobody looks at the clock while waiting


@hastily
async def test_no_more_requests_are_under_way_than_an_endpoint_takes_at_a_time() -> None:
    passed = await crowd(Limiter(Bounds(at_once=2)), 5, took=10)
    assert [number for number, _ in passed] == list(range(5))
    assert [at for _, at in passed] == [0, 0, 10, 10, 20]


@hastily
async def test_tokens_a_minute_are_reserved_and_then_counted_as_reported() -> None:
    reserved = await crowd(Limiter(Bounds(tokens=2 * SIZE)), 4)
    assert [round(at / MINUTE) for _, at in reserved] == [0, 0, 1, 1]
    fewer = await crowd(Limiter(Bounds(tokens=2 * SIZE + 2)), 4, used=1)  # what was reserved too much is free at once
    assert [at - fewer[0][1] for _, at in fewer] == [0, 0, 1, 1]
    more = await crowd(Limiter(Bounds(tokens=2 * SIZE)), 3, used=3 * SIZE)
    assert more[2][1] - more[0][1] > MINUTE


@hastily
async def test_a_request_larger_than_a_minute_passes_when_nothing_else_is_counted() -> None:
    limiter = Limiter(Bounds(tokens=10))
    assert [round(at / MINUTE) for _, at in await crowd(limiter, 3)] == [0, 1, 2]


@hastily
async def test_whoever_is_cancelled_while_waiting_is_let_go_at_once_and_holds_up_nobody() -> None:
    limiter = Limiter(Bounds(requests=1, at_once=1))
    passed: list[tuple[int, float]] = []
    tasks = [asyncio.create_task(pass_(limiter, 1.0, passed, number, None)) for number in range(4)]
    await asyncio.sleep(0.5)
    tasks[1].cancel()  # the first in the queue, and one behind it
    tasks[2].cancel()
    await asyncio.wait(tasks[1:3])
    assert now() == 0.5
    await tasks[3]
    assert [(number, round(at)) for number, at in passed] == [(0, 0), (3, 60)]


@hastily
async def test_a_request_that_is_broken_off_or_fails_makes_room() -> None:
    limiter = Limiter(Bounds(at_once=1))
    under_way = asyncio.create_task(pass_(limiter, 100.0, [], 0, None))
    await asyncio.sleep(1)
    under_way.cancel()
    await asyncio.wait([under_way])
    with pytest.raises(ZeroDivisionError):
        async with limiter.passage(BODY):
            raise ZeroDivisionError
    assert await crowd(limiter, 1) == [(0, 1.0)]


@hastily
async def test_a_wait_that_was_asked_for_holds_for_all_and_is_never_shortened() -> None:
    limiter = Limiter()
    limiter.hold_back(30)
    waiting = asyncio.create_task(crowd(limiter, 2))
    await asyncio.sleep(10)
    limiter.hold_back(100)
    limiter.hold_back(5)
    assert [at for _, at in await waiting] == [110, 110]


# Trying


FIVE = Patience(jitter=lambda: 1.0)
ONCE = Patience(tries=1, first=600, idle=180, tail=2, total=3600)


class Server:
    """What answers in this process: signs with seconds before them, a list for each try."""

    def __init__(self, *tries: Sequence[tuple[float, Sign]]) -> None:
        self.tries = deque(tries)
        self.requests: list[Mapping[str, Any]] = []
        self.limiter = Limiter()
        self.closed = 0

    async def connect(self) -> Line[Server]:
        return Line(self, self.limiter)

    async def send(self, server: Server, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        assert server is self
        self.requests.append(request)
        try:
            for seconds, sign in self.tries.popleft():
                if seconds:
                    await asyncio.sleep(seconds)
                yield sign
        finally:
            self.closed += 1

    def speak(self, patience: Patience = FIVE) -> AsyncGenerator[Delta]:
        return attempts("lab:m", BODY, self.connect, self.send, patience)


async def heard(server: Server, patience: Patience = FIVE) -> list[tuple[float, Delta]]:
    return [(now(), delta) async for delta in server.speak(patience)]


@hastily
async def test_a_try_is_told_only_when_its_limits_let_it_be_sent() -> None:
    server = Server(*[[(1.0, Words("Hi.")), (0.0, Done())]] * 3)
    server.limiter = Limiter(Bounds(requests=1))
    told = await asyncio.gather(*(heard(server) for _ in range(3)))
    assert [round(one[0][0] / MINUTE) for one in told] == [0, 1, 2]
    assert all(isinstance(one[0][1], Attempt) for one in told)


@hastily
async def test_a_wait_asked_of_one_conversation_holds_back_the_others() -> None:
    server = Server(
        [(1.0, Trouble("HTTP 429: slow down", after=30.0))],
        [(5.0, Words("Long.")), (0.0, Done())],
        *[[(0.0, Done())]] * 3,
    )
    first, second = asyncio.create_task(heard(server)), asyncio.create_task(heard(server))
    await asyncio.sleep(2)
    third = await heard(server)
    assert third[0] == (31.0, Attempt(BODY))
    assert [at for at, delta in await first if isinstance(delta, Attempt)] == [0.0, 31.0]
    assert [at for at, delta in await second if isinstance(delta, Attempt)] == [0.0]


@hastily
async def test_a_wait_asked_of_one_that_gives_up_holds_back_the_others_all_the_same() -> None:
    server = Server([(0.0, Trouble("HTTP 429", after=20.0))], [(0.0, Done())])
    with pytest.raises(VoiceError):
        await heard(server, ONCE)
    assert (await heard(server))[0][0] == 20.0


@hastily
async def test_a_wait_that_is_too_long_to_be_waited_for_keeps_nobody_else() -> None:
    server = Server([(0.0, Trouble("HTTP 429", after=7200.0))], [(0.0, Done())])
    with pytest.raises(VoiceError, match="wait 7200 seconds"):
        await heard(server)
    assert (await heard(server))[0][0] == 0.0


@hastily
async def test_tokens_that_were_reported_count_for_the_limit() -> None:
    server = Server([(0.0, Done(usage=Usage(input=400, output=100)))], [(0.0, Done(usage=Usage(input=1)))])
    server.limiter = Limiter(Bounds(tokens=500))
    await heard(server)
    assert round((await heard(server))[0][0]) == MINUTE


@hastily
async def test_silence_has_a_limit_before_the_first_word_and_another_after() -> None:
    before = await _broken([(601.0, Words("late"))])
    assert before == (600.0, "nothing came for 600 seconds")
    after = await _broken([(500.0, None), (599.0, Words("a")), (179.0, Thinking("b")), (181.0, Words("late"))])
    assert after == (500 + 599 + 179 + 180, "nothing came for 180 seconds")


@hastily
async def test_signs_of_life_do_not_go_on_for_ever() -> None:
    assert await _broken([(100.0, None)] * 99) == (3600.0, "it was not over after 3600 seconds")
    assert await _broken([(30.0, Words("a "))] * 999) == (3600.0, "it was not over after 3600 seconds")


@hastily
async def test_a_stream_that_never_lets_go_of_the_loop_ends_in_time_all_the_same() -> None:
    server = Server()

    async def send(server: Server, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        del server, request
        while True:
            clock().now += 1000.0
            yield Words("a ")

    server.send = send
    with pytest.raises(VoiceError, match="not over after 3600 seconds"):
        await heard(server, ONCE)
    assert now() == 4000.0


async def _broken(signs: Sequence[tuple[float, Sign]]) -> tuple[float, str]:
    server, begun = Server(signs), now()
    *_, last = await _until_given_up(server)
    assert isinstance(last, Failed)
    assert server.closed == 1
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    return now() - begun, last.error


async def _until_given_up(server: Server) -> list[Delta]:
    told: list[Delta] = []
    try:
        async for delta in server.speak(ONCE):
            told.append(delta)  # noqa: PERF401 - what was told before the end is wanted
    except VoiceError:
        return told
    raise AssertionError(told)


@hastily
async def test_a_complete_reply_is_not_waited_for_longer_than_its_tail() -> None:
    server = Server([(1.0, Done()), *[(1.5, None)] * 9, (0.0, Done(model="m"))])
    assert (await heard(server, ONCE))[-1] == (3.0, Done())
    server = Server([(1.0, Done()), (1.5, Done(model="m"))])
    assert (await heard(server, ONCE))[-1] == (5.5, Done(model="m"))


@hastily
async def test_a_listener_may_take_its_time() -> None:
    server = Server([(1.0, Words("a")), (1.0, Words("b")), (0.0, Done())])
    told: list[Delta] = []
    async for delta in server.speak(ONCE):
        told.append(delta)
        await asyncio.sleep(1000)
    assert told[1:] == [Words("a"), Words("b"), Done()]


@hastily
async def test_a_cancellation_is_never_taken_for_a_time_out() -> None:
    for seconds in (599.0, 600.0, 10.0):  # 600: both at once
        server = Server([(700.0, Done())])
        listening = asyncio.create_task(heard(server, ONCE))
        await asyncio.sleep(seconds)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert server.closed == 1


@hastily
async def test_a_time_out_leaves_no_cancellation_behind_where_the_stream_makes_nothing_of_it() -> None:
    server = Server()

    async def send(server: Server, request: Mapping[str, Any]) -> AsyncGenerator[Sign]:
        del server, request
        try:
            await asyncio.sleep(700)
        except asyncio.CancelledError:
            yield Trouble("the connection broke")

    server.send = send
    with pytest.raises(VoiceError, match="the connection broke"):
        await heard(server, ONCE)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@hastily
async def test_a_stream_that_ends_without_a_word_of_why_is_a_broken_one() -> None:
    server = Server([(0.0, Words("a"))], [(0.0, Done())])
    assert [type(delta) for _, delta in await heard(server)] == [Attempt, Words, Failed, Attempt, Done]


# Pauses


MORE: Mapping[str, Any] = {"body": {"max_tokens": 51}}
PAUSE = (0.0, GoOn(MORE, Paused(Usage(1, output=1))))


@hastily
async def test_a_pause_is_gone_on_from_and_takes_no_try() -> None:
    server = Server(*[[(0.0, Words("a")), PAUSE]] * 3, [(0.0, Words("b")), (0.0, Done())])
    told = [delta for _, delta in await heard(server, ONCE)]
    assert server.requests == [BODY, MORE, MORE, MORE]
    part = [Words("a"), PAUSE[1].paused]
    again = [Attempt(MORE), *part]
    assert told == [Attempt(BODY), *part, *again, *again, Attempt(MORE), Words("b"), Done()]


@hastily
async def test_what_breaks_after_a_pause_is_tried_again_from_the_beginning() -> None:
    server = Server([(0.0, Words("a")), PAUSE], [(0.0, Words("b")), (0.0, Trouble("reset"))], [(0.0, Done())])
    told = [delta for _, delta in await heard(server)]
    assert server.requests == [BODY, MORE, BODY]
    assert [type(delta) for delta in told] == [Attempt, Words, Paused, Attempt, Words, Failed, Attempt, Done]


@hastily
async def test_pauses_do_not_go_on_for_ever() -> None:
    server = Server(*[[PAUSE]] * (MOST_PAUSES + 1))
    with pytest.raises(VoiceError, match=f"paused {MOST_PAUSES} times"):
        await heard(server)
    assert len(server.requests) == MOST_PAUSES + 1


@hastily
async def test_the_last_pause_is_billed_like_the_others() -> None:
    failed: list[Failed] = []
    with suppress(VoiceError):
        async for delta in Server(*[[PAUSE]] * (MOST_PAUSES + 1)).speak():
            failed += [delta] if isinstance(delta, Failed) else []
    assert [one.usage for one in failed] == [Usage(1, output=1)]


# Endpoints


def pool_of(url: str) -> Pool:
    """One request at a time, to OpenAI or a server of one's own."""
    endpoints = {"openai": replace(KNOWN["openai"], concurrency=1), "lab": Endpoint("lab", url, concurrency=1)}
    return Pool(endpoints, lambda _: "key")


def limiter_at(pool: Pool, voice: str, **settings: str) -> Passages:
    vendor = Vendor("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_CUSTOM_HEADERS")
    return limiter_of(voice, find_endpoint(voice, settings, vendor, pool.key), vendor, pool)


def test_all_voices_of_an_endpoint_pass_one_limiter_and_those_of_another_address_pass_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = pool_of("http://127.0.0.1:9/v1")
    own = limiter_at(pool, "openai:gpt-5")
    assert limiter_at(pool, "openai:gpt-4o") is own
    elsewhere = limiter_at(pool, "openai:m", base_url="http://127.0.0.1:8/v1")
    assert limiter_at(pool, "openai:n", base_url="http://127.0.0.1:8/v1") is elsewhere
    lab = limiter_at(pool, "lab:m", base_url="http://127.0.0.1:9/v1")
    assert len({own, elsewhere, lab}) == 3
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8/v1")  # that is where OpenAI is now
    assert limiter_at(pool, "openai:m") is limiter_at(pool, "openai:m", base_url="http://127.0.0.1:8/v1") is own


@pytest.mark.anyio
async def test_what_is_configured_for_openai_holds_for_all_its_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Reply(("Yes.",), pace=0.02)
    with serve(monkeypatch, Fake(slow, slow, slow, key=None)) as fake:
        async with pool_of(fake.openai_url) as pool:
            spans = await asyncio.gather(*(span(pool, settled(WIRES["chat"], name)) for name in ("Ada", "Bo", "Cy")))
    assert all(end <= begun for (_, end), (begun, _) in pairwise(sorted(spans)))
    assert {request.connection for request in fake.requests} == {1}


async def span(pool: Pool, participant: Any) -> tuple[float, float]:
    begun = 0.0
    async for delta in voice_of(participant, pool).speak("", HELLO):
        begun = begun or (now() if isinstance(delta, Attempt) else 0.0)
    return begun, now()


@pytest.mark.anyio
async def test_whoever_waits_behind_a_request_is_let_go_at_once_and_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(monkeypatch, Fake(key=None)) as fake:
        async with pool_of(fake.openai_url) as pool:
            async with aclosing(voice_of(settled(WIRES["responses"]), pool).speak("", HELLO)) as first:
                await anext(first)
                waiting = asyncio.create_task(span(pool, settled(WIRES["chat"], "Bo")))
                await asyncio.sleep(0.05)
                waiting.cancel()
                await asyncio.wait([waiting], timeout=1)
                assert waiting.cancelled()
            assert fake.requests == []
            begun, end = await span(pool, settled(WIRES["chat"], "Cy"))
            assert 0 < begun <= end


@pytest.mark.anyio
async def test_retry_after_holds_back_every_conversation_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Reply(status=429, headers=(("retry-after-ms", "300"),))
    with serve(monkeypatch, Fake(refused, key=None)):
        async with Pool() as pool:
            refused_one, other = (
                voice_of(settled(WIRES["messages"], name), pool).speak("", HELLO) for name in ("Ada", "Bo")
            )
            async with aclosing(refused_one), aclosing(other):
                assert [type(await anext(refused_one)) for _ in range(2)] == [Attempt, Failed]
                begun = now()
                assert isinstance(await anext(other), Attempt)
                assert now() - begun > 0.28
