"""One simulation: what is to happen is drawn from a seed, then grids are run, broken off and run again to their end.

It must never draw anything that the seed does not decide.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest

import moot.convene
import moot.experiment.purse
import moot.voices.attempts
from moot.convene import NO_LIMITS, Closed, Spoken, convene
from moot.experiment.budget import Budget
from moot.experiment.design import identity_of
from moot.experiment.grid import Ended, Turned, Way, carry_grid
from moot.experiment.purse import Terms, carried, open_purse
from moot.forms import AWAY, Wait, maker_of, open_form
from moot.spending import Caps, Limits
from moot.store import Conflict
from moot.transcript import CHAIR, Ballot, Text, Transcript, Turn, as_json, link
from moot.view import view
from moot.voices.limits import Bounds, Limiter
from simulation.clock import Clock, Stuck, TimeOfDay
from simulation.headings import SHAPES, VARIANTS, heading_of
from simulation.laws import FAILURES, Laws
from simulation.record import Line, Memory, Weather
from simulation.voices import FAULTS, PATIENCE, Actor, Provider, Sky, answer_to

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from moot.experiment.grid import Event
    from moot.store import Store
    from moot.transcript import Heading
    from moot.voices import Voice

LONGEST = 86_400.0
"""Seconds of its own time within which a run must come to its end."""

STEP_IN = "Please go on, all of you."
"""What the chair says where a person steps in."""

MOST_CALM_RUNS = 25
"""Runs in good weather after which all must be closed."""


BLOWS = ("kill", "cancel", "drain", "step in", "clock", "leap")
"""What may strike at a step: a worker dies or is told to stop or end, a person steps in, the clock is set or leaps."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a seed decides beforehand."""

    headings: tuple[Heading, ...]
    runs: int
    workers: int
    overlapping: bool
    leased: bool
    one_machine: bool
    concurrency: int
    weather: Weather
    sky: Sky
    bounds: Bounds
    tokens: int | None
    of_each: int | None
    blows: Mapping[int, str]
    interrupted: bool


def plan_of(chance: Random) -> Plan:
    """Draw a plan."""
    places = chance.sample(range(len(SHAPES) * VARIANTS), chance.choice((1, 1, 2, 2, 3)))
    headings = tuple(heading_of(place % len(SHAPES), place // len(SHAPES)) for place in places)
    workers = chance.choice((1, 1, 2, 3, 4))
    overlapping = workers > 1 and chance.random() < 0.3
    leased, one_machine = not overlapping and chance.random() < 0.5, chance.random() < 0.5
    weather = Weather(*(chance.choice((0.0, 0.0, most)) for most in (0.1, 0.05, 0.05)))
    kinds = tuple(chance.sample(FAULTS, chance.choice((1, 3, len(FAULTS)))))
    sky = Sky(chance.choice((0.0, 0.1, 0.3, 0.5)), kinds, chance.choice((0.0, 0.0, 0.2)))
    bounds = Bounds(chance.choice((None, None, 20)), chance.choice((None, None, 3000)), chance.choice((None, 1, 2)))
    blows = {
        chance.randint(1, 300): chance.choice(("kill", "kill", *BLOWS)) for _ in range(chance.choice((0, 1, 2, 4)))
    }
    tokens = None if overlapping else chance.choice((None, None, 400, 1500, 4000))
    of_each = None if overlapping else chance.choice((None, None, None, 600, 2000))
    runs = chance.choice((1, 2, 3))
    interrupted = chance.random() < 0.1
    most = chance.choice((1, 2, 3))
    way = (runs, workers, overlapping, leased, one_machine, most)
    return Plan(headings, *way, weather, sky, bounds, tokens, of_each, blows, interrupted)


@dataclass(slots=True)
class Worker:
    """One process that carries conversations on."""

    line: Line
    headings: Sequence[Heading]
    over: asyncio.Event
    budget: Budget | None
    task: asyncio.Task[None] | None = None
    later: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation came to: which law was broken, if any, and what has happened."""

    seed: int
    broken: str
    digest: str
    steps: int
    trace: Sequence[str]


class World:
    """One simulation under way."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self.chance = Random(seed)
        self.plan = plan_of(self.chance)
        self.clock = clock
        self.memory = Memory(clock)
        self.laws = Laws(clock, self.memory)
        self.laws.at_step = self.at_step
        self.workers: list[Worker] = []
        self.all: list[Worker] = []
        self.excused: set[int] = set()
        self.people: set[asyncio.Task[None]] = set()
        self.calm = False
        self.count = 0

    # What strikes

    def at_step(self, step: int, what: str) -> None:
        """Let happen what the plan says."""
        blow = self.plan.blows.get(step, "")
        if self.plan.interrupted and " close " in what and not what.endswith("done") and not self.calm:
            blow = "last word"
        if not blow or self.calm:
            return
        self.laws.trace.append(f"{self.clock.now:.6f} BLOW {blow}")
        live = [one for one in self.workers if one.task and not one.task.done() and one.line.alive]
        match blow:
            case "clock":
                self.clock.drift += self.chance.choice((-900.0, 3600.0))
            case "leap":
                self.clock.now += 4000.0
            case "step in":
                self._begin(self._step_in(self.chance.choice(self.plan.headings)))
            case "last word":
                self._begin(self._last_word(what.rpartition(" ")[2]))
            case _ if live:
                one = self.chance.choice(live)
                if blow == "kill":
                    one.line.cut()
                if blow == "drain":
                    one.over.set()
                elif one.task:
                    self.clock.call_soon(one.task.cancel)
            case _:
                pass

    def _begin(self, work: Any) -> None:
        task = self.clock.create_task(work)
        self.people.add(task)
        task.add_done_callback(self.people.discard)

    # People

    def _line(self, name: str) -> Line:
        """Return a way to the record for a person, whom nothing goes wrong for."""
        return Line(self.memory, self.laws, self.chance, Weather(), name)

    async def _step_in(self, heading: Heading) -> None:
        await self._say(heading, lambda _: Turn(CHAIR, (Text(STEP_IN),)))

    async def _last_word(self, begun: str) -> None:
        """Have the chair say something while a conversation is being closed, by a person who has seen all of it."""
        identity = next(one for one in self.memory.kept if one.startswith(begun))
        stored, turn = self.memory.read(identity), Turn(CHAIR, (Text(STEP_IN),))
        with suppress(Conflict):
            count, chain = len(stored.transcript.turns), link(stored.digest, as_json(turn))
            await self._line("person").append(identity, count, turn, chain)

    async def _answer(self, heading: Heading) -> None:
        await asyncio.sleep(self.chance.choice((0.0, 3.0, 5_000.0)))
        await self._say(heading, answered)

    async def _say(self, heading: Heading, words: Any) -> None:
        """Put a person's turn on record, after those that were read; where others come in between, read again."""
        line, identity = self._line("person"), identity_of(heading)
        while identity in self.memory.kept:
            stored = await line.read(identity)
            turn = words(stored.transcript)
            if turn is None or (turn.speaker == CHAIR and stored.listing.closed is not None):
                return
            await asyncio.sleep(self.chance.choice((0.0, 0.01, 20.0)))
            try:
                await line.append(identity, len(stored.transcript.turns), turn, link(stored.digest, as_json(turn)))
            except Conflict:
                continue
            return

    # Workers

    def _worker(self, headings: Sequence[Heading], cap: int | None) -> Worker:
        self.count += 1
        weather = Weather() if self.calm else self.plan.weather
        line = Line(self.memory, self.laws, self.chance, weather, f"w{self.count}")
        budget = None
        if cap is not None and not self.plan.leased:
            budget = Budget(Caps(tokens=cap), NO_LIMITS.price, self._calls(headings))
            self.laws.budgets.append((budget, cap))
        return Worker(line, headings, asyncio.Event(), budget)

    def _calls(self, headings: Sequence[Heading]) -> list[Any]:
        known = [one for one in map(identity_of, headings) if one in self.memory.kept]
        return [call for one in known for call in self.memory.calls_of(one)]

    async def _life(self, worker: Worker) -> None:
        """Carry a worker's conversations on, as the real runner does."""
        sky = Sky() if self.calm else self.plan.sky
        limiter = Limiter(Bounds() if self.calm else self.plan.bounds)
        provider = Provider(worker.line, self.laws, self.clock, self.chance, sky, limiter)
        patience = replace(PATIENCE, jitter=self.chance.random)
        caps = Caps() if self.calm else Caps(tokens=self.plan.of_each)

        def voices(heading: Heading) -> Mapping[str, Voice]:
            return {one.name: Actor(identity_of(heading), one, provider, patience) for one in heading.participants}

        async def ready(_: Heading) -> None: ...

        def tell(event: Event) -> None:
            if isinstance(event, Turned) and worker.over.is_set():
                worker.later[event.id] += 1
                self.laws.holds(worker.later[event.id] <= 1, f"{event} was begun after the run was told to end")
            if worker.line.alive:
                self.laws.told(event, may_rest=lambda reason: self._may_rest(event.id, reason, worker))
            if isinstance(event, Ended) and event.reason.startswith("waiting for"):
                heading = next(one for one in worker.headings if identity_of(one) == event.id)
                self._begin(self._answer(heading))

        limits = Limits(caps, ledger=worker.budget)
        way = Way(voices, lambda _: limits, maker_of, ready, tell)
        if self.plan.leased:
            await self._leased(worker, way, caps)
        else:
            await carry_grid(cast("Store", worker.line), worker.headings, way, self.plan.concurrency, worker.over)

    async def _leased(self, worker: Worker, way: Way, caps: Caps) -> None:
        """Carry on what others may be carrying as well, within a budget that is shared, as one of several processes."""
        store, price, cap = cast("Store", worker.line), NO_LIMITS.price, None if self.calm else self.plan.tokens
        terms = Terms("grid", Caps(tokens=cap), price)
        purse = await open_purse(store, terms, [identity_of(one) for one in self.plan.headings])
        async with purse.at_work() as lease:
            worker.line.lease = lease
            budget = Budget(terms.caps, price, source=purse, lease=lease)
            await budget.beat()
            if cap is not None:
                self.laws.budgets.append((budget, cap))
            limits = Limits(caps, ledger=budget)
            way = replace(way, limits=lambda _: limits, hold=lambda one: carried(store, lease, one, price))
            async with budget.beating():
                await carry_grid(store, worker.headings, way, self.plan.concurrency, worker.over)
            await budget.beat()

    def end(self) -> None:
        """Have everybody who is left come to an end, where the simulation was broken off."""
        self.clock.over, self.clock.rounds = "", 0
        for one in self.all:
            one.line.cut()
        left = asyncio.all_tasks(self.clock)
        for task in left:
            task.cancel()
        if left:
            self.clock.run_until_complete(asyncio.wait(left, timeout=1.0))

    @contextmanager
    def processes(self) -> Generator[None]:
        """Have moot take the workers for processes: their leases have names in order, and die with them."""
        names = (f"lease {number}" for number in count())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(moot.experiment.purse, "new_lease", lambda: next(names))
            patch.setattr(moot.experiment.purse, "sign_of_life", lambda _: nullcontext())
            patch.setattr(moot.experiment.purse, "is_gone", self.is_gone)
            yield

    def is_gone(self, lease: str) -> bool:
        """Whether a lease is known to be of a process that has died: on one machine that shows at once."""
        return self.plan.one_machine and any(one.line.lease == lease and not one.line.alive for one in self.all)

    def _may_rest(self, identity: str, reason: str, worker: Worker) -> bool:
        if reason.startswith("waiting for"):
            return any(one.voice == AWAY for one in self.memory.kept[identity].heading.participants)
        return worker.over.is_set() and reason == "the run was told to end"

    def _shares(self) -> list[tuple[list[Heading], int | None]]:
        """Return who carries what, and within what."""
        headings, count = self.plan.headings, 1 if self.calm else self.plan.workers
        tokens = None if self.calm else self.plan.tokens
        if (self.plan.overlapping or self.plan.leased) and not self.calm:
            return [(self.chance.sample(headings, len(headings)), tokens) for _ in range(count)]
        parts = [list(headings[at::count]) for at in range(count)]
        parts = [one for one in parts if one]
        if tokens is None:
            return [(one, None) for one in parts]
        used = [Budget(Caps(), NO_LIMITS.price, self._calls(one)).spent.tokens for one in parts]
        left = max(0, tokens - sum(used)) // len(parts)
        return [(one, spent + left) for one, spent in zip(parts, used, strict=True)]

    async def run_once(self) -> None:
        """Let all workers run until none does; one that dies may have another go on in its place."""
        self.workers = []
        self.laws.budgets = []
        for headings, cap in self._shares():
            self._start(self._worker(headings, cap))
        begun = self.clock.now
        while live := [one.task for one in self.workers if one.task and not one.task.done()]:
            await asyncio.wait(live, return_when=asyncio.FIRST_COMPLETED, timeout=LONGEST)
            if self.clock.now - begun > LONGEST:
                raise Stuck(f"a run has taken more than {LONGEST:g} seconds")
        for one in self.workers:
            if one.task and not one.task.cancelled() and (error := one.task.exception()):
                self.laws.holds(any(known in str(error) for known in FAILURES), f"a worker ended as {error!r}")

    def _start(self, worker: Worker) -> None:
        self.workers.append(worker)
        self.all.append(worker)
        worker.task = self.clock.create_task(self._life(worker))

    async def settle(self) -> None:
        """Wait until nothing is under way any more, and look at everything."""
        while self.people:
            await asyncio.wait(list(self.people))
        await asyncio.sleep(200.0)
        for one in self.workers:
            self.excused |= one.line.excused
            if not one.line.alive:
                self.excused |= {at for at, call in enumerate(self.memory.calls) if call.outcome == "open"}
        voices = {
            identity_of(one): {who.name for who in one.participants if who.voice != AWAY} for one in self.plan.headings
        }
        self.laws.at_rest(voices, self.excused)

    async def whole(self) -> None:
        """Run the grid as often as planned, then in good weather until all is closed."""
        self.laws.cap = self.plan.tokens
        if self.plan.of_each is not None:
            self.laws.caps = {identity_of(one): self.plan.of_each for one in self.plan.headings}
        for _ in range(self.plan.runs):
            await self.run_once()
            await self.settle()
        self.calm, self.laws.cap, self.laws.caps = True, None, {}
        for _ in range(MOST_CALM_RUNS):
            await self.run_once()
            await self.settle()
            if all(one.closed is not None for one in self.memory.kept.values()):
                return
        self.laws.holds(False, "in good weather it does not come to its end")


def answered(transcript: Transcript) -> Turn | None:
    """Return what a person says who is waited for, None where nobody is."""
    match open_form(transcript.heading)(transcript):
        case Wait(name, ask, heard_by):
            shown = [message.words for message in view(transcript, name)]
            said = answer_to({"body": {"messages": shown, "person": name}}, ask)
            if ask:
                pick = ask.options[len(shown) % len(ask.options)]
                return Turn(name, (Ballot(ask.text, ask.options, pick, how="chosen by a person"),), ())
            return Turn(name, (Text("".join(sign.text for sign in said.signs) or "Well."),), heard_by)
        case _:
            return None


@contextmanager
def timekeeping(clock: Clock) -> Generator[None]:
    """Have moot read this clock."""
    with pytest.MonkeyPatch.context() as patch:
        for one in (moot.convene, moot.voices.attempts):
            patch.setattr(one, "time", TimeOfDay(clock))
        yield


def undisturbed(heading: Heading, stepped_in: frozenset[int]) -> tuple[str, str | None]:
    """Return the digest of a conversation to which nothing happens, and why it closes; a person steps in as told."""
    return _undisturbed(heading, stepped_in) if stepped_in else _alone(heading)


@cache
def _alone(heading: Heading) -> tuple[str, str | None]:
    return _undisturbed(heading, frozenset())


def _undisturbed(heading: Heading, stepped_in: frozenset[int]) -> tuple[str, str | None]:
    with Clock() as clock, timekeeping(clock):
        return clock.run_until_complete(_carried(clock, heading, stepped_in))


async def _carried(clock: Clock, heading: Heading, stepped_in: frozenset[int]) -> tuple[str, str | None]:
    memory, identity, chance = Memory(clock), identity_of(heading), Random(0)
    laws = Laws(clock, memory)
    line = Line(memory, laws, chance, Weather(), "alone")
    provider = Provider(line, laws, clock, chance, Sky(), Limiter())
    voices = {one.name: Actor(identity, one, provider) for one in heading.participants}
    await line.start(identity, Transcript(heading))
    while True:
        stored = memory.read(identity)
        count, turn = len(stored.transcript.turns), answered(stored.transcript)
        if count in stepped_in:
            turn = Turn(CHAIR, (Text(STEP_IN),))
        if turn:
            memory.append(identity, count, turn, link(stored.digest, as_json(turn)), None)
            continue
        async with aclosing(convene(cast("Store", line), identity, voices)) as events:
            async for event in events:
                if isinstance(event, Spoken) and event.number in stepped_in:
                    break
                if isinstance(event, Closed):
                    return memory.read(identity).digest, memory.kept[identity].closed


def simulate(seed: int) -> Outcome:
    """Go through one simulation and say what it came to."""
    with Clock() as clock, timekeeping(clock):
        world = World(seed, clock)
        laws = world.laws
        try:
            with world.processes():
                try:
                    clock.run_until_complete(world.whole())
                finally:
                    world.end()
        except Stuck as stuck:
            laws.holds(False, str(stuck))
        except Exception as error:  # noqa: BLE001 - whatever escapes, it is told with its seed
            laws.holds(False, f"{type(error).__name__}: {error}")
    laws.holds(not clock.unclosed, f"nobody has closed {clock.unclosed}")
    for one in world.plan.headings if not laws.broken else ():
        identity = identity_of(one)
        stored = world.memory.read(identity)
        said = frozenset(at for at, turn in enumerate(stored.transcript.turns) if turn.text == STEP_IN)
        alone = undisturbed(one, said)
        here = (stored.digest, stored.listing.closed)
        laws.holds(here == alone, f"{identity} came to {here}, and undisturbed to {alone}")
    return Outcome(seed, laws.broken, laws.digest(), laws.steps, laws.trace)
