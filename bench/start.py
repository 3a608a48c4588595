"""How long moot takes to start, beside Python itself: medians over interleaved runs, with the budgets they must keep.

It must never measure anything but whole processes, as a user's shell starts them. Run it with `make bench`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

RUNS = 21
FEWEST = 15
WARM_UP = 2

MOOT = str(Path(sys.executable).with_name("moot"))


@dataclass(frozen=True, slots=True)
class Start:
    """One way to start; `budget` is in milliseconds, None for the measuring stick itself."""

    title: str
    command: tuple[str, ...]
    budget: int | None = None


STARTS = (
    Start("python -c pass", (sys.executable, "-c", "pass")),
    Start("import moot", (sys.executable, "-c", "import moot"), 100),
    Start("moot --version", (MOOT, "--version"), 150),
    Start("moot --help", (MOOT, "--help"), 250),
)


def milliseconds(command: tuple[str, ...]) -> float:
    """Return how long the command took; `CalledProcessError` where it failed."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return (time.perf_counter() - begun) * 1000


def measure(runs: int) -> dict[Start, list[float]]:
    """Return the times of each start; they take turns, so that a busy moment of the machine falls on all alike."""
    times: dict[Start, list[float]] = {start: [] for start in STARTS}
    for run in range(WARM_UP + runs):
        for start in STARTS:
            took = milliseconds(start.command)
            if run >= WARM_UP:
                times[start].append(took)
    return times


def table(times: dict[Start, list[float]]) -> str:
    """Return the figures as a table, a row for each start."""
    bare = statistics.median(times[STARTS[0]])
    rows = [f"{'':16}{'n':>4}{'median ms':>11}{'quartiles ms':>16}{'to bare':>9}{'budget ms':>11}"]
    for start, each in times.items():
        low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
        over = start.budget is not None and middle > start.budget
        budget = "" if start.budget is None else f"{start.budget}{' over' if over else ''}"
        span = f"{low:.1f} to {high:.1f}"
        rows.append(f"{start.title:16}{len(each):>4}{middle:>11.1f}{span:>16}{middle / bare:>9.2f}{budget:>11}")
    return "\n".join(rows)


def main() -> None:
    """Measure and print; the number of runs may be given as the one argument."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    if runs < FEWEST:
        sys.exit(f"{runs} runs are too few for quartiles: at least {FEWEST}")
    try:
        print(table(measure(runs)))
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        sys.exit(f"`{' '.join(error.cmd)}` failed: {''.join(last)}")


if __name__ == "__main__":
    main()
