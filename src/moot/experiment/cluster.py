"""A grid on many machines: the same runner in the worker processes of a Ray cluster, on one record.

It must never hand Ray a key, or where the record is and how it is opened: each process finds those in its own
environment. Ray keeps nothing that is needed later; whatever dies is convened again from the record.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, replace
from functools import partial, wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from moot import __version__
from moot.config import user_folder
from moot.experiment.alive import sign_of_life
from moot.experiment.budget import Budget
from moot.experiment.grid import Ended, Way, carry_grid
from moot.experiment.purse import Purse, Terms, carried, new_lease
from moot.keys import find as find_key
from moot.own_forms import find
from moot.prices import Rates, price_of
from moot.scenario import caps_of
from moot.store import StoreError, is_postgres
from moot.voices import Pool
from moot.voices.limits import Bounds, Limiter
from moot.voices.sharing import Allotment, Leased
from moot.voices.spec import check, open_voices, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from moot.experiment.grid import Event
    from moot.experiment.purse import Answer
    from moot.spending import Caps, Limits, Spent
    from moot.store import Call
    from moot.store.postgres import PostgresStore
    from moot.transcript import Heading
    from moot.voices.endpoints import Endpoint
    from moot.voices.limits import Passages
    from moot.voices.sharing import Back, Share

P = ParamSpec("P")
T = TypeVar("T")

INSTALL = 'pip install "moot[ray]"'
RECORD = "MOOT_DB"
"""The variable in which each process of a cluster finds the record's address."""

TELL_SECONDS = 0.2
"""How often a worker tells what has happened there."""

LEAVE_SECONDS = 10.0
LONGEST_SAID = 300
SPARE = 8
"""What a worker can be told while it carries as many conversations as it may."""

BEAT_SECONDS = 2.0
MOST_DEATHS = 3
"""Workers that may die one after the other, in one place, before any conversation has ended there."""


class ClusterError(Exception):
    """The cluster cannot be used, and why, in one line for a person."""


class Died(Exception):
    """A worker, or its machine, is no more."""


@dataclass(frozen=True, slots=True)
class Order:
    """What every process of a run is told; there is nothing secret in it.

    `most` is how many conversations a worker carries at a time; `run` is the lease of the run as a whole, by which a
    process knows that its record is the run's.
    """

    run: str
    name: str
    budget: Caps
    earlier: Spent
    counted: frozenset[str]
    prices: Mapping[str, Rates]
    endpoints: Mapping[str, Endpoint]
    limits: Limits
    most: int

    @property
    def terms(self) -> Terms:
        """The budget that all share."""
        return Terms(self.name, self.budget, partial(price_of, prices=self.prices))


def _own_record() -> PostgresStore:
    """Open the record that this process's environment names."""
    where = os.environ.get(RECORD, "")
    if not is_postgres(where):
        raise ClusterError(
            f"a process on {socket.gethostname()} knows no record: set {RECORD} to its postgresql:// address there, "
            "before: ray start"
        )
    from moot.store.postgres import PostgresStore  # noqa: PLC0415 - a database is imported when it is opened

    return PostgresStore(where)


def _plainly(work: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Have an actor's method raise what it raises without its causes, for Ray keeps the text of all of them."""

    @wraps(work)
    async def plain(*given: P.args, **named: P.kwargs) -> T:
        try:
            return await work(*given, **named)
        except (ClusterError, StoreError) as error:
            raise type(error)(str(error)) from None

    return plain


class Office:
    """The one named actor of a run: what its workers share, and what they tell."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._allotments = {name: Allotment(_bounds(one)) for name, one in order.endpoints.items()}
        self._events: list[Event] = []
        self._told = asyncio.Event()

    @_plainly
    async def open(self) -> str:
        """Open the record, and see that it is the run's; return this process's version of moot."""
        store, order = _own_record(), self._order
        await same_record(store, order.run)
        self._purse = Purse(store, order.terms, order.earlier, order.counted)
        return __version__

    @_plainly
    async def begin(self, lease: str) -> None:
        """Begin a worker's lease."""
        await self._purse.begin(lease)

    @_plainly
    async def ask(self, lease: str, used: Spent, aside: Spent, call: Call | None) -> Answer:
        """See `Purse.ask`."""
        return await self._purse.ask(lease, used, aside, call)

    @_plainly
    async def gone(self, lease: str) -> None:
        """End the lease of a worker that has left or died: what it has used is read back from its calls."""
        for one in self._allotments.values():
            one.gone(lease)
        await self._purse.end(lease)

    async def share(self, lease: str, name: str, tokens: int, back: Sequence[Back]) -> Share:
        """See `Allotment.lease`."""
        return await self._allotments[name].lease(lease, tokens, back)

    async def over(self, lease: str, name: str) -> None:
        """See `Allotment.ended`."""
        self._allotments[name].ended(lease)

    async def hold_back(self, name: str, seconds: float) -> None:
        """See `Allotment.hold_back`."""
        self._allotments[name].hold_back(seconds)

    async def tell(self, events: Sequence[Event]) -> None:
        """Keep what has happened until the driver asks."""
        self._events += events
        self._told.set()

    async def heard(self, seconds: float) -> list[Event]:
        """Return what has happened since this was asked last, waiting so long for something to happen."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), seconds)
        self._told.clear()
        events, self._events = self._events, []
        return events


@dataclass(frozen=True, slots=True)
class _Desk:
    """The office, as one worker sees it: the source of its budget, and the giver of one endpoint's shares."""

    office: Any
    lease_: str
    name: str = ""

    async def ask(self, lease: str, used: Spent, aside: Spent, call: Call | None) -> Answer:
        """See `Purse.ask`."""
        return await told(self.office.ask.remote(lease, used, aside, call))

    async def lease(self, tokens: int, back: Sequence[Back]) -> Share:
        """See `Allotment.lease`."""
        return await told(self.office.share.remote(self.lease_, self.name, tokens, back))

    def ended(self) -> None:
        """See `Allotment.ended`."""
        self.office.over.remote(self.lease_, self.name)

    def hold_back(self, seconds: float) -> None:
        """See `Allotment.hold_back`."""
        self.office.hold_back.remote(self.name, seconds)


class Worker:
    """One process that carries conversations: the runner as it is on one machine, with the office's leases."""

    def __init__(self, lease: str, office: Any, order: Order) -> None:  # noqa: ANN401 - Ray's handle of an actor
        self._lease, self._office, self._order = lease, office, order
        self._over = asyncio.Event()
        self._events: list[Event] = []
        self._checked: dict[object, asyncio.Task[None]] = {}
        self._stack = AsyncExitStack()

    @_plainly
    async def open(self) -> str:
        """Begin a lease and open what conversations need; return this process's version of moot."""
        order = self._order
        self._stack.enter_context(sign_of_life(self._lease))
        self._store = await self._stack.enter_async_context(_own_record())
        await same_record(self._store, order.run)
        await told(self._office.begin.remote(self._lease))
        key = partial(_key, user_folder(os.environ))
        self._pool = await self._stack.enter_async_context(Pool(order.endpoints, key, self._limited, order.most))
        source = _Desk(self._office, self._lease)
        self._budget = Budget(order.budget, order.terms.price, source=source, lease=self._lease)
        await self._stack.enter_async_context(self._budget.beating(BEAT_SECONDS))
        return __version__

    @_plainly
    async def carry(self, heading: Heading) -> tuple[Ended, ...]:
        """Carry one conversation on; see `carry_grid`. What happens is told before it is over."""
        way = Way(
            lambda one: open_voices(one, self._pool, one.names),
            self._limits,
            find,
            self._ready,
            self._events.append,
            lambda identity: carried(self._store, self._lease, identity, self._order.terms.price),
        )
        teller = asyncio.create_task(self._telling())
        try:
            return await carry_grid(self._store, [heading], way, 1, self._over)
        finally:
            teller.cancel()
            await self._tell()

    async def drain(self) -> None:
        """Finish turns under way, and begin no other."""
        self._over.set()

    async def leave(self) -> None:
        """Let go of everything."""
        await self._stack.aclose()

    def _limits(self, heading: Heading) -> Limits:
        usual = self._order.limits
        conversation = usual.conversation.and_at_most(caps_of(heading))
        return replace(usual, conversation=conversation, price=self._order.terms.price, ledger=self._budget)

    def _limited(self, name: str, bounds: Bounds) -> Passages:
        return Limiter() if bounds == Bounds() else Leased(bounds, _Desk(self._office, self._lease, name))

    async def _ready(self, heading: Heading) -> None:
        """See that all can speak: each cast once, as what an embedded model lacks is fetched once."""

        async def checked() -> None:
            for participant in heading.participants:
                check(participant, self._pool)
            await prepare(heading.participants, _untold)

        if heading.participants not in self._checked:
            self._checked[heading.participants] = asyncio.create_task(checked())
        await asyncio.shield(self._checked[heading.participants])

    async def _telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await self._tell()

    async def _tell(self) -> None:
        events, self._events[:] = self._events[:], []
        if events:
            await told(self._office.tell.remote(events))


def _untold(what: str, done: int, total: int) -> None:
    del what, done, total


def _key(folder: Any, variable: str) -> str:  # noqa: ANN401 - a path
    found = find_key(variable, folder, os.environ)
    return found.value if found else ""


def _bounds(endpoint: Endpoint) -> Bounds:
    return Bounds(endpoint.requests_per_minute, endpoint.tokens_per_minute, endpoint.concurrency)


async def same_record(store: PostgresStore, run: str) -> None:
    """Raise where the run is not on this record."""
    if run not in await store.leasing(lambda rows: {one.id for one in rows.all()}):
        raise ClusterError(
            f"{RECORD} on {socket.gethostname()} is another record than that of the run; set it to the same database"
        )


async def told(answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever was asked
    """Return what an actor answers; its own errors as they were raised there, `Died` where it is no more."""
    from ray.exceptions import RayActorError, RayTaskError  # noqa: PLC0415 - an optional extra

    async def waited() -> Any:  # noqa: ANN401 - as above
        return await answer

    asked = asyncio.create_task(waited())
    asked.add_done_callback(lambda one: one.cancelled() or one.exception())
    try:
        return await asyncio.shield(asked)  # Ray's client cannot bear that an answer is no longer waited for
    except RayTaskError as error:
        raise error.cause from None
    except RayActorError as error:
        raise Died(" ".join(str(error).split())) from None


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that this process has joined; `own` is whether it was started for this run alone."""

    ray: Any
    own: bool

    @property
    def cores(self) -> int:
        """All cores that it has."""
        return int(self.ray.cluster_resources().get("CPU", 1))

    @property
    def nodes(self) -> int:
        """All machines that it has."""
        return sum(bool(one.get("Alive")) for one in self.ray.nodes())


@asynccontextmanager
async def joined(address: str = "") -> AsyncGenerator[Cluster]:
    """Join the cluster at an address; where none is named, that of RAY_ADDRESS or of this machine, or start one."""
    try:
        ray: Any = import_module("ray")  # an optional extra, whose types are not all known
    except ImportError:
        raise ClusterError(f"many machines need Ray: {INSTALL}") from None
    address = address or os.environ.get("RAY_ADDRESS", "") or "auto"
    quietly: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "namespace": "moot"}
    own = address == "local"
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        if not own:
            with suppress(ConnectionError) if address == "auto" else nullcontext():
                await asyncio.to_thread(ray.init, address, **quietly)  # in a thread, where it sets no signals
        if not ray.is_initialized():
            own = True
            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
            await asyncio.to_thread(ray.init, "local", include_dashboard=False, **quietly)
    except Exception as error:  # noqa: BLE001 - whatever it was: Ray raises what its parts do
        raise ClusterError(f"the cluster cannot be joined: {' '.join(str(error).split())[:LONGEST_SAID]}") from None
    try:
        with redirect_stdout(sys.stderr):  # where Ray says what dies: standard output is for events
            yield Cluster(ray, own)
    finally:
        await asyncio.to_thread(ray.shutdown)


@asynccontextmanager
async def crewed(
    cluster: Cluster, order: Order, workers: int, over: asyncio.Event, tell: Callable[[Event], None]
) -> AsyncGenerator[Callable[[Sequence[Heading]], Awaitable[tuple[Ended, ...]]]]:
    """Yield what carries conversations on with so many workers; see `carry_grid`. What one that died had, others carry.

    All of them are ended when this is left.
    """
    crew = _Crew(cluster, order, workers, over)
    try:
        await crew.open(tell)
        yield crew.carry
        await crew.leave()
    except Died as died:
        raise ClusterError(f"what the workers share has died, run the same again to go on: {died}") from None
    finally:
        await crew.dismiss()


class _Crew:
    """The workers of one run, and what is left to do."""

    def __init__(self, cluster: Cluster, order: Order, count: int, over: asyncio.Event) -> None:
        self._ray, self._order, self._count, self._over = cluster.ray, order, count, over
        self._waiting: deque[Heading] = deque()
        self._left = 0
        self._all = asyncio.Event()
        self._ended: list[Ended] = []
        self._workers: dict[str, Any] = {}
        self._idle: list[str] = []
        self._deaf = False
        self._office = self._ray.remote(Office).options(name=f"moot-{order.run}", num_cpus=0).remote(order)
        self._listener: asyncio.Task[None] | None = None

    async def open(self, tell: Callable[[Event], None]) -> None:
        """Open the office, and listen to what is told there."""
        _same_version(await told(self._office.open.remote()))
        self._listener = asyncio.create_task(self._listen(tell))

    async def carry(self, headings: Sequence[Heading]) -> tuple[Ended, ...]:
        """Have these conversations carried, until none is left or it is over."""
        self._waiting, self._left, self._ended = deque(headings), len(headings), []
        self._all.clear()
        beside = [asyncio.create_task(one) for one in (self._drain(), self._all.wait())]
        places = [asyncio.create_task(self._place()) for _ in range(min(self._count, self._left))]
        watched = [*places, *beside, *([self._listener] if self._listener else [])]
        try:
            while not self._all.is_set() and not all(one.done() for one in places):
                pending = [one for one in watched if not one.done()]
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()  # what went wrong in one place ends the run
        finally:
            await _cancelled([*places, *beside])
        return tuple(self._ended)

    async def leave(self) -> None:
        """Have all workers let go of everything, and hear the last that they tell."""
        await asyncio.gather(*map(self._left_by, self._workers))
        self._deaf = True
        if self._listener:
            await told(self._office.tell.remote(()))  # it is answered now
            await self._listener

    async def dismiss(self) -> None:
        """End all workers, and their leases."""
        await _cancelled([self._listener] if self._listener else [])
        for worker in self._workers.values():
            self._ray.kill(worker)
        with suppress(Died, StoreError):
            for lease in self._workers:
                await told(self._office.gone.remote(lease))
        self._ray.kill(self._office)

    async def _place(self) -> None:
        """Have conversations carried by one worker, and by another where that dies."""
        deaths = 0
        while self._left and not self._over.is_set():
            before, lease = len(self._ended), self._idle.pop() if self._idle else new_lease()
            try:
                worker = self._workers[lease] if lease in self._workers else await self._hired(lease)
                try:
                    await self._served(worker)
                finally:
                    self._idle.append(lease)
            except Died as died:
                self._idle = [one for one in self._idle if one != lease]
                self._ray.kill(self._workers.pop(lease))
                await told(self._office.gone.remote(lease))
                deaths = 0 if len(self._ended) > before else deaths + 1
                if deaths == MOST_DEATHS:
                    raise ClusterError(f"worker after worker dies before a conversation has ended: {died}") from None

    async def _hired(self, lease: str) -> Any:  # noqa: ANN401 - Ray's handle of an actor
        how = {"num_cpus": 1, "max_concurrency": self._order.most + SPARE, "scheduling_strategy": "SPREAD"}
        worker = self._ray.remote(Worker).options(**how).remote(lease, self._office, self._order)
        self._workers[lease] = worker
        _same_version(await told(worker.open.remote()))
        return worker

    async def _served(self, worker: Any) -> None:  # noqa: ANN401 - as above
        seats = [asyncio.create_task(self._seat(worker)) for _ in range(self._order.most)]
        try:
            await asyncio.gather(*seats)
        finally:
            await _cancelled(seats)

    async def _seat(self, worker: Any) -> None:  # noqa: ANN401 - as above
        """Have one conversation after the other carried; what a death cuts off is given to whoever is free."""
        while self._left and not self._over.is_set():
            if not self._waiting:
                await asyncio.sleep(TELL_SECONDS)  # what others carry may come back yet
                continue
            heading = self._waiting.popleft()
            try:
                ended = await told(worker.carry.remote(heading))
            except BaseException:
                self._waiting.appendleft(heading)
                raise
            self._ended += ended
            self._left -= len(ended)
            if not self._left:
                self._all.set()

    async def _listen(self, tell: Callable[[Event], None]) -> None:
        while not self._deaf:
            for event in await told(self._office.heard.remote(BEAT_SECONDS)):
                tell(event)

    async def _drain(self) -> None:
        await self._over.wait()
        for worker in self._workers.values():
            worker.drain.remote()
        await asyncio.Event().wait()

    async def _left_by(self, lease: str) -> None:
        with suppress(Died, TimeoutError):
            await asyncio.wait_for(told(self._workers[lease].leave.remote()), LEAVE_SECONDS)


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for one in tasks:
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _same_version(theirs: str) -> None:
    if theirs != __version__:
        raise ClusterError(f"a process of the cluster runs moot {theirs}, this one {__version__}: install the same")
