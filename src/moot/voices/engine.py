"""The child process that runs one model: `python -m moot.voices.engine`, told what to run in one line on its stdin.

It must never outlive its parent, answer who does not hold its key, or write where a person would see it: it says one
line of JSON on its stdout, the address it answers at or why there is none, and ends when its stdin does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from importlib import import_module
from typing import IO, Any

KEY_BYTES = 32
ORIGIN = "http://localhost"
PROMPT_CACHE_MIB = 512


def main() -> int:
    """Run the model that the first line of stdin names, until stdin ends."""
    # Ctrl-C is for the parent, which decides what becomes of a turn that is being spoken.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        return 0
    leaving = threading.Thread(target=_leave_with_parent, daemon=True)
    leaving.start()
    with ExitStack() as stack:
        stdout = stack.enter_context(os.fdopen(os.dup(1), "w", encoding="utf-8"))
        log = stack.enter_context(tempfile.TemporaryFile())
        # The engine's native code writes its log there, past Python.
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        said, server = _serve(json.loads(line), log)
        _silence()
        stdout.write(json.dumps(said) + "\n")
    if server is not None:
        leaving.join()
    return 0 if server is not None else 1


def _leave_with_parent() -> None:
    # A pipe's other end closes however the parent dies. There is nothing to save, and a model still loading cannot
    # be asked to stop: hence the hard way out.
    sys.stdin.read()
    os._exit(0)


def _silence() -> None:
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, no path
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)


def _serve(order: dict[str, Any], log: IO[bytes]) -> tuple[dict[str, str], Any]:
    """Start the server; return what to tell the parent, and the server, which answers as long as it is kept."""
    # Threads that spin while they wait make the engine ten times slower wherever anything else wants the processor.
    # Its OpenMP reads this once, as it is loaded.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        xllamacpp: Any = import_module("xllamacpp")  # it has no types
    except ImportError as error:
        return {"error": f"the package that runs embedded models is missing ({error})"}, None
    try:
        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), order))
    except (RuntimeError, ValueError) as error:
        return {"error": _reason(log) or str(error)}, None
    return {"url": server.listening_address}, server


def _parameters(parameters: Any, order: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    cores = os.cpu_count() or 1
    parameters.model.path = order["path"]
    parameters.model_alias = {order["alias"]}  # what answers say of themselves: a name, not a place on this machine
    parameters.n_parallel = order["slots"]
    parameters.n_ctx = order["context"] * order["slots"]
    parameters.cpuparams.n_threads = max(1, cores - 1)
    parameters.cpuparams_batch.n_threads = cores
    # Gemma's sliding window would otherwise have it read its own last turn again.
    parameters.swa_full = True
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.fit_params = False
    # The engine always opens a port, which by default serves any page in a browser.
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [order["key"]]
    parameters.ui = False
    parameters.cors_origins = ORIGIN
    return parameters


def _reason(log: IO[bytes]) -> str:
    """Return what the engine's log gives as the cause of a failed start, or nothing."""
    log.seek(0)
    text = log.read().decode("utf-8", "replace")
    for pattern in (r"error loading model: (?:llama_model_loader: )?(.+)", r"^\S+ E (.+)$"):
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            return found[1].strip()
    return ""


if __name__ == "__main__":
    sys.exit(main())
