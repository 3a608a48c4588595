"""moot beside its peers: the same talks against the same server, each peer in an environment of its own.

It must never install anything outside the folder that it is told, or stop because one peer cannot be had. Run it with
`make bench-peers`, or as `run.py [FOLDER [RUNS]]`; the folder keeps the environments for the next time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BENCH))

from fake import served  # noqa: E402 - found by the line above
from overhead import Size, command, compare, table  # noqa: E402 - the same

RUNS = 3


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: its script, the packages of its environment, and the ways in which it can be had to speak."""

    name: str
    packages: tuple[str, ...]
    ways: tuple[str, ...] = ("", ", streamed")


PEERS = (
    Peer("autogen", ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5", "openai==3.57.0")),
    Peer(
        "langgraph",
        (
            "langgraph==1.2.22",
            "langchain-openai==1.7.4",
            "langgraph-checkpoint-sqlite==3.1.2",
            "openai==3.57.0",
        ),
    ),
    Peer("pidgin", ("pidgin-ai==1.1.0", "openai==3.57.0"), (", streamed",)),
)
SIZES = (Size(1, 20), Size(200, 20), Size(3, 200))
OURS = ("moot, chat", "bare client.post, aiohttp, chat", "bare client.post, chat", "bare SDK, chat")


def environment(peer: Peer, folder: Path) -> Path | str:
    """Return the peer's Python, made where there is none, or why there cannot be one."""
    home = folder / peer.name
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    try:
        if not python.exists():
            venv.create(home, with_pip=True)
        install = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages)
        subprocess.run(install, check=True, capture_output=True, text=True)
    except (subprocess.CalledProcessError, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        return said[-1] if said else "pip failed"
    return python


def commands(peer: Peer, python: Path, size: Size) -> dict[str, tuple[str, ...]]:
    """Return the command of each of a peer's ways to speak."""
    script = str(Path(__file__).with_name(f"with_{peer.name}.py"))
    numbers = str(size.conversations), str(size.turns)
    return {f"{peer.name}{way}": (str(python), script, way or "whole", *numbers) for way in peer.ways}


def main() -> None:
    """Set up what can be set up, measure, and say plainly what is missing."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "moot-peers"
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else RUNS  # noqa: PLR2004 - the second argument
    pythons = {peer: environment(peer, folder) for peer in PEERS}
    os.environ["PYTHONPATH"] = str(BENCH)
    with served() as url:
        for size in SIZES:
            told = {load: command(load, size) for load in OURS}
            for peer, python in pythons.items():
                told |= commands(peer, python, size) if isinstance(python, Path) else {}
            costs = compare(told, url, size, runs)
            print(table(size, costs), flush=True)
            for load in told.keys() - costs.keys():
                print(f"{load}: could not be run here (why is told above)")
    for peer, python in pythons.items():
        if isinstance(python, str):
            print(f"{peer.name}: could not be installed here: {python}")


if __name__ == "__main__":
    main()
