"""How long all measures of dynamics take over 10,000 conversations of 20 turns, with how much memory.

It must never leave out a subject, nor count the making of the table. Run it with `make bench`; the number of
conversations may be given as the one argument.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from moot.cli.embedding import packaged
from moot.measures.dynamics import Said, Talk, study
from moot.measures.dynamics.markers import MARKERS
from moot.measures.dynamics.meaning import vectors_of
from moot.measures.dynamics.themes import THEMES

TALKS, TURNS, WORDS = 10_000, 20, 17
GOAL = 2_000
"""Turns that must become vectors in a second of one core."""

SEED = 7


def made(amount: int) -> list[Talk]:
    """Return talks of words drawn by chance, a third of them function words, as many as in chats of people."""
    chance = np.random.default_rng(SEED)
    function = [word for each in MARKERS.values() for word in each.split() if "'" not in word]
    content = [word.rstrip("*") for each in THEMES.values() for word in each.split()]
    content += [
        f"{start}{end}" for start in ("tid", "moon", "salt", "wind", "ston", "riv") for end in ("e", "s", "ing", "ly")
    ]
    pool = np.array([*content, *function])
    talks: list[Talk] = []
    for at in range(amount):
        texts = [" ".join(chance.choice(pool, size)) + "." for size in chance.poisson(WORDS, TURNS) + 1]
        said = tuple(Said(("Ada", "Bo")[turn % 2], text, turn + 1) for turn, text in enumerate(texts))
        talks.append(Talk(f"c{at}", said, topic=f"t{at % 50}"))
    return talks


def main() -> None:
    """Measure and print."""
    talks = made(int(sys.argv[1]) if len(sys.argv) > 1 else TALKS)
    model = packaged()
    texts = [turn.text for talk in talks for turn in talk.turns]
    cpu = time.process_time()
    vectors_of(texts, model)
    rate = len(texts) / (time.process_time() - cpu)
    verdict = "met" if rate >= GOAL else "missed"
    print(f"{rate:,.0f} turns a second of CPU become vectors; the goal of {GOAL:,} is {verdict}.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    found = study(talks, model=model)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    scale = 1024 * (1024 if sys.platform == "darwin" else 1)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{len(found.scores)} figures of {len(talks):,} conversations, {len(texts):,} turns: {cpu:.1f} s of CPU, "
        f"{wall:.1f} s, at most {after / scale:,.0f} MB, of which {before / scale:,.0f} for the words and the model."
    )


if __name__ == "__main__":
    main()
