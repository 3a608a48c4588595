"""The simulation: thousands of small grids under faults from a seed, on a clock that jumps; each law holds throughout.

To go through one seed alone, or through others: MOOT_TEST_SEED=17 MOOT_TEST_SEEDS=1 pytest tests/test_simulation.py.
"""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulation.bugs import BUGS, Bug
from simulation.voices import FAULTS
from simulation.world import BLOWS, Outcome, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = int(os.environ.get("MOOT_TEST_SEED", "0"))
COUNT = int(os.environ.get("MOOT_TEST_SEEDS", "2000"))
PART = 100
"""Seeds of one test, so that its dots tell how far it is."""

PARTS = [range(FIRST + at, FIRST + min(at + PART, COUNT)) for at in range(0, COUNT, PART)]
ENOUGH = 600
"""Seeds within which each planted bug is found."""

TOLD = 60
"""Steps before a broken law that are told."""


@pytest.fixture(autouse=True)
def _undivided_attention() -> Iterator[None]:
    """Leave the tracer and most of the collector's work out of it: both take longer than all that is simulated."""
    tracer = sys.gettrace()
    sys.settrace(None)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    sys.settrace(tracer)


def broken(outcome: Outcome) -> str:
    """Return what is told of a simulation in which a law did not hold."""
    again = f"MOOT_TEST_SEED={outcome.seed} MOOT_TEST_SEEDS=1 pytest tests/test_simulation.py -k laws"
    return "\n".join(("", *outcome.trace[-TOLD:], f"SEED {outcome.seed}: {outcome.broken}", f"once more: {again}"))


@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_the_laws_hold_whatever_goes_wrong(seeds: range) -> None:
    for seed in seeds:
        outcome = simulate(seed)
        assert not outcome.broken, broken(outcome)


def test_a_seed_gives_the_same_again_to_the_last_step() -> None:
    seeds = range(FIRST, FIRST + 25)
    here = " ".join(simulate(seed).digest for seed in seeds)
    assert " ".join(simulate(seed).digest for seed in seeds) == here
    code = f"from simulation.world import simulate\nprint(*(simulate(seed).digest for seed in {seeds!r}))"
    folder = Path(__file__).parent
    paths = os.pathsep.join((str(folder), *filter(None, sys.path)))
    elsewhere = os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": "7"}
    told = subprocess.run([sys.executable, "-c", code], env=elsewhere, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == here


def test_everything_that_can_go_wrong_does() -> None:
    met: Counter[str] = Counter()
    for seed in range(150):
        for line in simulate(seed).trace:
            what = line.partition(" ")[2]
            met[what.partition(" meets ")[2] or what] += 1
    for kind in (*FAULTS, *(f"BLOW {blow}" for blow in BLOWS)):
        assert met[kind] >= 3, (kind, met[kind])


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_simulation_finds(bug: Bug, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # what a broken program leaves behind is told there, at length
    bug.plant(monkeypatch)
    found = next((seed for seed in range(ENOUGH) if simulate(seed).broken), None)
    assert found is not None, f"nothing was broken within {ENOUGH} seeds"
