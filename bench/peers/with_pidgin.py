"""Pidgin's own experiment runner: its event log and live measures, its pacing by rate limits switched off.

It must never run in moot's environment: its own is made by run.py, which also names the server. Its turn is two
messages, one of each party.
"""
# pyright: basic, reportMissingImports=false
# The two lines above: what is imported here lives in the peer's own environment, where no type is checked.

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path

from pidgin.core.app_context import AppContext
from pidgin.core.rate_limiter import StreamingRateLimiter
from pidgin.experiments.config import ExperimentConfig
from pidgin.experiments.post_processor import PostProcessor
from pidgin.experiments.runner import ExperimentRunner
from work import PROMPT

from measured import measure


async def _at_once(_limiter: object, _provider: str, _tokens: int) -> float:
    return 0.0


async def _nothing_after(_processor: object) -> None:
    return None


# Neither its waits for a provider's limits nor its reading of the finished logs into a database is a turn's cost.
StreamingRateLimiter.acquire = _at_once
PostProcessor.wait_for_completion = _nothing_after
PostProcessor._sync_handle_experiment_complete = lambda _processor, _event: None  # noqa: SLF001 - it has no setting


def requests(folder: Path) -> int:
    """Return how many requests the logs in a folder tell of."""
    lines = (json.loads(line) for log in folder.rglob("events_*.jsonl") for line in log.read_text("utf-8").splitlines())
    return sum(line.get("event_type") == "MessageRequestEvent" for line in lines)


async def work(conversations: int, turns: int) -> int:
    """Run one experiment of so many repetitions, all at once; return the requests that its own logs hold."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ExperimentConfig(
            "bench",
            "gpt-4o",
            "gpt-4o",
            custom_prompt=PROMPT,
            max_turns=turns // 2,
            repetitions=conversations,
            max_parallel=max(conversations, 2),
            convergence_threshold=2.0,
            convergence_action="continue",
        )
        await ExperimentRunner(Path(folder), AppContext()).run_experiment_with_id("bench", "bench", settings)
        return requests(Path(folder))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    measure(work, int(sys.argv[2]), int(sys.argv[3]))
