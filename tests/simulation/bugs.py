"""Bugs that programs like moot have had, planted into its own source: a simulation that finds none of them is no test.

It must never plant a bug in what no longer reads as it did: then it says so, and the bug is to be written anew.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class Bug:
    """Some words of a function's source, and what stands there instead; `also` are places that import it by name."""

    name: str
    place: str
    changes: tuple[tuple[str, str], ...]
    also: tuple[str, ...] = ()

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the function with the bug in the place of the one without, for one test."""
        module, _, path = self.place.partition(":")
        home: Any = import_module(module)
        *owners, name = path.split(".")
        owner: Any = home
        for one in owners:
            owner = getattr(owner, one)
        source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
        for old, new in self.changes:
            assert source.count(old) == 1, f"{self.place} does not hold {old!r} once any more: write this bug anew"
            source = source.replace(old, new)
        made: dict[str, Any] = {}
        code = compile(source, f"<{self.name}>", "exec", __future__.annotations.compiler_flag)
        exec(code, vars(home), made)  # noqa: S102 - our own source, with a bug
        monkeypatch.setattr(owner, name, made[name])
        for one in self.also:
            monkeypatch.setattr(import_module(one), name, made[name])


VOICES = ("simulation.voices",)
GRID = ("moot.experiment.grid",)
_APPEND = "await store.append(identity, len(before.turns), event.turn, chain, event.call)"
_LATE = "number = number or await desk.begin(draft.call)\n                        "
_SPOKEN = "yield Spoken(len(transcript.turns), event.turn)"

BUGS = (
    Bug(
        "a turn is told before it is on record",
        "moot.convene:convene",
        ((_APPEND, "PLACE"), (_SPOKEN, _APPEND), ("PLACE", _SPOKEN)),
        GRID,
    ),
    Bug(
        "a conflict is swallowed",
        "moot.convene:convene",
        ((_APPEND, f"with __import__('contextlib').suppress(Exception): {_APPEND}"),),
        GRID,
    ),
    Bug(
        "who resumes asks for the last turn again",
        "moot.convene:convene",
        (
            (
                "= stored.transcript, stored.digest,",
                "= stored.transcript.until(max(0, len(stored.transcript.turns) - 1)), stored.digest,",
            ),
        ),
        GRID,
    ),
    Bug(
        "a new run forgets what earlier ones have used",
        "moot.convene:convene",
        (("await store.calls(identity)", "()"),),
        GRID,
    ),
    Bug(
        "the chain of digests stands still",
        "moot.convene:convene",
        (("link(chain, as_json(event.turn))", "chain"),),
        GRID,
    ),
    Bug(
        "a try goes on with the words of a broken one",
        "moot.convene:_Draft.anew",
        (("if not self._paused:", "if False:"),),
    ),
    Bug(
        "the row of a call is written when its answer comes",
        "moot.convene:_speak",
        (
            ("number = await desk.begin(draft.call)", "pass"),
            (
                "for piece in draft.take(delta):",
                f"{_LATE}for piece in draft.take(delta):",
            ),
        ),
    ),
    Bug(
        "the end of a broken call is not put on record",
        "moot.convene:_Desk.finish",
        (("await self._store.finish(number, call)", "pass"),),
    ),
    Bug("nothing is set aside", "moot.convene:_Desk.refusal", (("await limits.ledger.reserve(call)", '""'),)),
    Bug("a budget is not given back", "moot.convene:_Desk._settle", (("self._limits.ledger and self._sent", "False"),)),
    Bug(
        "a conversation is closed whoever has spoken meanwhile",
        "moot.convene:_Desk.close",
        (("reason, turns)\n", "reason)\n"),),
    ),
    Bug(
        "a broken try costs nothing",
        "moot.spending:_went_out",
        (("or bool(call.partial) or call.first_ms is not None", ""),),
    ),
    Bug("a broken thought costs nothing", "moot.spending:_went_out", ((" or call.first_ms is not None", ""),)),
    Bug("a broken answer costs nothing", "moot.voices.ballots:answers", (("if said:", "if False:"),), VOICES),
    Bug(
        "a passage is not given back where a try breaks",
        "moot.voices.limits:Limiter._ended",
        (("self._under_way -= 1", "self._under_way -= passage.used is not None"),),
    ),
    Bug(
        "whoever waits for a passage is not woken",
        "moot.voices.limits:Limiter._ended",
        (("self._changed.set()", "pass"),),
    ),
    Bug(
        "silence is waited for without end",
        "moot.voices.attempts:_Watched._look",
        (("self._waiting.cancel()", "pass"),),
    ),
    Bug(
        "a try after a pause is not whole",
        "moot.voices.attempts:attempts",
        (("number + 1, 0, request  #", "number + 1, 0, part  #"),),
        VOICES,
    ),
    Bug(
        "words after a broken try are glued to it",
        "moot.voices.ballots:answers",
        (('said = ""\n                        yield delta', "yield delta"),),
        VOICES,
    ),
    Bug(
        "one that fails stops the others",
        "moot.experiment.grid:_guarded",
        (("except Exception", "except ZeroDivisionError"),),
    ),
    Bug(
        "a conversation is carried by several at once",
        "moot.experiment.purse:carried",
        (("return False", "break"),),
        ("simulation.world",),
    ),
    Bug(
        "a lease may hold what another holds",
        "moot.experiment.purse:Purse._answer",
        (("refusal(self._terms.caps, leased.plus(own)", "refusal(self._terms.caps, own"),),
    ),
    Bug(
        "who was taken for dead is forgotten with what it has spent",
        "moot.experiment.purse:_settle",
        (("spent(rows.calls_under(lease.id), 0, price)", "Spent()"),),
    ),
    Bug(
        "who is told to end goes on",
        "moot.experiment.grid:_carry",
        (("if over.is_set():", "if False:"),),
    ),
    Bug(
        "a conversation that is closed is begun anew",
        "moot.experiment.grid:_carry",
        (("except NotFound:", "except ZeroDivisionError:"),),
    ),
)
