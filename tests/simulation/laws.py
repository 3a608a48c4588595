"""What must be true after each step of a simulation, whatever has gone wrong.

It must never ask the code under test: it looks at the record, at what providers were sent and at what they bill.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from moot.experiment.grid import Began, Ended, Turned
from moot.forms import Close, open_form
from moot.spending import spent, unpriced
from moot.transcript import link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moot.experiment.budget import Budget
    from moot.experiment.grid import Event
    from moot.transcript import Transcript
    from simulation.clock import Clock
    from simulation.record import Line, Memory


class Laws:
    """Watches one simulation: `step` after each thing that happens, `broken` says what was wrong first."""

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self.broken = ""
        self.steps = 0
        self.trace: list[str] = []
        self.at_step: Callable[[int, str], None] = _nothing
        self.budgets: list[tuple[Budget, int]] = []
        self.billed: Counter[str] = Counter()
        self.cap: int | None = None
        self.caps: dict[str, int] = {}
        self._clock = clock
        self._memory = memory
        self._acknowledged: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._views: dict[tuple[str, str], Sequence[Any]] = {}
        self._rested: dict[str, Any] = {}
        self._sent: Counter[tuple[str, str]] = Counter()

    def digest(self) -> str:
        """Return what names all that has happened."""
        return blake2b("\n".join(self.trace).encode(), digest_size=16).hexdigest()

    def step(self, what: str) -> None:
        """Take note of a step, see that no budget is passed, and let happen what is to happen then."""
        self.trace.append(f"{self._clock.now:.6f} {what}")
        self.steps += 1
        for budget, cap in self.budgets:
            used = budget.spent.tokens + budget.reserved.tokens
            self.holds(used <= cap, f"{used} tokens are spent or set aside of {cap}")
        self.at_step(self.steps, what)

    def holds(self, claim: bool, otherwise: str) -> None:  # noqa: FBT001 - the claim itself
        """Take note of the first claim that does not hold."""
        if not claim and not self.broken:
            self.broken = f"{otherwise} (step {self.steps}, {self._clock.now:.3f} seconds)"
            self.trace.append(f"{self._clock.now:.6f} LAW BROKEN: {otherwise}")
            self._clock.over = self.broken

    def acknowledged(self, identity: str, seq: int, digest: str) -> None:
        """Take note that a worker was told that this turn is on record."""
        self._acknowledged[identity][seq] = digest
        self.recorded(identity)
        self.step(f"{identity[:4]} turn {seq} is acknowledged {digest[:6]}")

    def committed(self, identity: str, what: str) -> None:
        """Look at a conversation after something was written."""
        if identity:
            self.recorded(identity)
        self.step(what)

    def recorded(self, identity: str) -> None:
        """No acknowledged turn is lost or changed, and turns are numbered without gap or repeat."""
        rows = self._memory.kept[identity].rows if identity in self._memory.kept else []
        self.holds(all(row[0] == at for at, row in enumerate(rows)), f"{identity} has a gap or a turn twice")
        for seq, digest in self._acknowledged[identity].items():
            kept = rows[seq][2] if seq < len(rows) else "nothing"
            self.holds(kept == digest, f"turn {seq} of {identity} was acknowledged as {digest}, and there is {kept}")

    def sent(self, line: Line, identity: str, speaker: str, request: Mapping[str, Any], shared: int) -> None:
        """A request that a provider sees is on record, for a turn that is not, and its view has only grown."""
        digest = link("", dict(request))
        kept = self._memory.kept.get(identity)
        calls = self._memory.calls
        mine = [one for one in map(calls.__getitem__, kept.numbers if kept else ()) if one.request == digest]
        self._sent[identity, digest] += 1
        who = f"a request of {speaker}'s in {identity}"
        self.holds(len(mine) >= self._sent[identity, digest], f"{who} was sent before it was on record")
        self.holds(any(one.outcome == "open" for one in mine), f"{who} was sent when its call had ended")
        known = line.seen.get(identity, -1)
        for one in mine[-1:]:
            self.holds(one.seq == known, f"{who} is for turn {one.seq}, and {known} turns are known to be on record")
        lease = self._memory.leases.get(line.lease)
        holds = self._memory.held.get(identity) == line.lease
        self.holds(
            not lease or lease.seen is None or holds, f"{who} was sent by one who does not hold the conversation"
        )
        view = request["body"]["messages"][:shared]
        longest = self._views.get((identity, speaker), ())
        fits = all(one == other for one, other in zip(view, longest, strict=False))
        self.holds(fits, f"{who} does not extend the one before")
        if len(view) > len(longest):
            self._views[identity, speaker] = view
        self.step(f"{line.name} sends {identity[:4]} {speaker} {digest[:6]}")

    def bill(self, identity: str, tokens: int) -> None:
        """What providers bill never passes a cap."""
        self.billed[identity] += tokens
        if self.cap is not None:
            total = self.billed.total()
            self.holds(total <= self.cap, f"{total} tokens are billed of {self.cap}")
        if identity in self.caps:
            used, cap = self.billed[identity], self.caps[identity]
            self.holds(used <= cap, f"{used} tokens are billed to {identity}, which may use {cap}")

    def told(self, event: Event, *, may_rest: Callable[[str], bool]) -> None:
        """A turn is on record before it is told of, and each end is one that there can be."""
        kept = self._memory.kept.get(event.id)
        length = len(kept.rows) if kept else 0
        match event:
            case Began(_, turns) | Turned(_, turns):
                self.holds(turns <= length, f"{event} was told, and {length} turns are on record")
            case Ended(_, "resting", reason, limit):
                self.holds(limit or may_rest(reason), f"it cannot rest: {event}")
            case Ended(_, how, reason):
                legal = how == "closed" or (how == "failed" and any(one in reason for one in FAILURES))
                self.holds(legal, f"it failed of no fault: {event}")
        self.step(f"told {event}")

    def at_rest(self, voices: Mapping[str, set[str]], excused: set[int]) -> None:
        """When nothing is under way: each turn of a voice has the one call that became it, and no call is left open."""
        for identity, kept in self._memory.kept.items():
            state = (len(kept.rows), kept.closed, [self._memory.calls[one].outcome for one in kept.numbers])
            if self._rested.get(identity) == state:
                continue
            self._rested[identity] = state
            self.recorded(identity)
            stored = self._memory.read(identity)
            self.holds(not stored.broken, f"the record does not agree with itself: {stored.broken}")
            done = Counter(
                (self._memory.calls[one].seq, self._memory.calls[one].speaker)
                for one in kept.numbers
                if self._memory.calls[one].outcome == "done"
            )
            turns = [(at, turn.speaker) for at, turn in enumerate(stored.transcript.turns)]
            bought = Counter(one for one in turns if one[1] in voices[identity])
            self.holds(
                done == bought,
                f"of {identity} {done - bought} are calls without a turn, {bought - done} turns without a call",
            )
            left = [one for one in kept.numbers if self._memory.calls[one].outcome == "open" and one not in excused]
            counted = spent(self._memory.calls_of(identity), 0, unpriced).tokens
            billed = self.billed[identity]
            self.holds(billed <= counted, f"{billed} tokens are billed to {identity}, and {counted} are counted")
            self.holds(not left, f"calls {left} of {identity} are open, and nobody is at them")
            self._closed(identity, stored.transcript)

    def _closed(self, identity: str, transcript: Transcript) -> None:
        """A conversation is closed for a reason that its form gives, or because a context was full."""
        reason = self._memory.kept[identity].closed
        if reason is None or "fills its context" in reason:
            return
        move = open_form(transcript.heading)(transcript)
        self.holds(move == Close(reason), f"{identity} was closed as {reason!r}, and its form says {move}")


def _nothing(step: int, what: str) -> None:
    """Let nothing happen."""


FAILURES = (
    "cannot answer",
    "the disk of the record fails",
    "the way to the record was lost",
    "put on record by somebody else",
    "somebody else has spoken",
    "there is a conversation",
    "out of the blue",
    "gave no sign of life",
)
