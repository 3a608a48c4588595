"""Forms that users write: a function in a Python file, named by its path, or one that a package offers.

It must never run a file that nobody here has named: a form that came with somebody's conversation stays shut, and one
whose file has changed since a conversation began does not go on with it unnoticed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, cast

from moot.forms import SHELF, maker_of
from moot.transcript import CHAIR, Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from moot.forms import Maker
    from moot.store import Stored

GROUP = "moot.forms"
"""The entry points by which a package offers forms."""

DIGEST_BYTES = 8


def settled(given: str, folder: Path) -> str:
    """Return a form's name as a heading keeps it: of a file, its full path and a digest of what it says now.

    `given` is one of moot's own forms, one that a package offers, or PATH:FUNCTION with a path relative to `folder`.
    `Invalid` where there is no such form.
    """
    path, colon, function = given.rpartition(":")
    if not colon or given in SHELF:
        find(given)
        return given
    file = (folder / Path(path).expanduser()).resolve()
    name = f"{_short(file)}:{function}#{_digest(_source(file))}"
    find(name)
    return name


def find(name: str) -> Maker:
    """Return what a form's name stands for; `Invalid` where it stands for nothing, or for a file that has changed."""
    if name in SHELF:
        return maker_of(name)
    path, colon, rest = name.rpartition(":")
    if colon:
        function, _, digest = rest.partition("#")
        return _in_file(Path(path).expanduser(), function, digest)
    offered = [one for one in entry_points(group=GROUP) if one.name == name]
    return _callable(offered[0].load(), name) if offered else maker_of(name)


def find_foreign(name: str) -> Maker:
    """Return what a form's name stands for where it came with a file of somebody's: none but moot's own will do."""
    if name in SHELF:
        return maker_of(name)
    raise Invalid(
        f"the form {name!r} came with an imported file, and moot runs no code that you have not named yourself; "
        "start a conversation of your own with it: moot run PATH.py:FUNCTION VOICE VOICE"
    )


def forms_of(stored: Stored) -> Callable[[str], Maker]:
    """Return what finds the form of a conversation: one that came with a file is moot's own, or none."""
    return find_foreign if CHAIR in stored.listing.foreigners else find


def _in_file(path: Path, function: str, digest: str) -> Maker:
    source = _source(path)
    if digest and digest != _digest(source):
        raise Invalid(
            f"the form in {path} has changed since this conversation began ({digest}, now {_digest(source)}); "
            "put the old file back, or start anew"
        )
    module = _module(path, _digest(source))
    if not hasattr(module, function):
        raise Invalid(f"{path} has no function {function!r}")
    return _callable(getattr(module, function), f"{path}:{function}")


def _module(path: Path, digest: str) -> ModuleType:
    name = f"moot_own_form_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Invalid(f"{path} is no Python file: a form is written PATH.py:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses in it look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise Invalid(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _callable(thing: object, name: str) -> Maker:
    if not callable(thing):
        raise Invalid(f"{name} is no function that makes a form")
    return cast("Maker", thing)


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"the form in {path} cannot be read: {error.strerror}") from None


def _digest(source: bytes) -> str:
    return hashlib.blake2b(source, digest_size=DIGEST_BYTES).hexdigest()


def _short(file: Path) -> str:
    """Return a path with the home folder as "~": shorter, and it tells nobody who you are."""
    home = Path.home()
    return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else str(file)
