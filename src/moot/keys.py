"""The keys that `moot keys set` keeps, in a file that only its owner can read.

It must never say a key aloud: no error, no repr and no list holds more of one than its last four characters.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Source = Literal["environment", "key file"]

SHOWN = 4
"""Characters of a key's end that may be shown."""

LONG_ENOUGH = 12
"""Characters that a key must have before any of it is shown: the end of a short one is most of it."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class KeysError(ValueError):
    """The key file cannot be used, or a key cannot be kept; the message is one line for a person, without any key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, the variable that it stands for, and which source it was taken from."""

    variable: str
    source: Source
    value: str = field(repr=False)

    @property
    def end(self) -> str:
        """The last characters of the key, by which its owner knows it; empty where that would show too much of it."""
        return self.value[-SHOWN:] if len(self.value) >= LONG_ENOUGH else ""


def path(folder: Path) -> Path:
    """Return where the key file of a configuration folder is, whether or not there is one."""
    return folder / "keys.json"


def find(variable: str, folder: Path, environ: Mapping[str, str]) -> Key | None:
    """Return the key that a variable stands for: the environment's, or else the key file's; None where there is none.

    Raises `KeysError` where the environment has none and the key file cannot be used.
    """
    if set_here := environ.get(variable, "").strip():
        return Key(variable, "environment", set_here)
    kept = read(folder).get(variable, "")
    return Key(variable, "key file", kept) if kept else None


def read(folder: Path) -> dict[str, str]:
    """Return the kept keys by variable; `KeysError` where others can read the file, or it is no such file."""
    where = path(folder)
    try:
        with where.open("rb") as file:
            _refuse_if_open_to_others(where, os.fstat(file.fileno()).st_mode)
            held = _parsed(file.read())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"the key file {where} cannot be read: {error.strerror}") from None
    if held is None:
        raise KeysError(f"the key file {where} is damaged: move it away and set your keys anew with: moot keys set")
    return held


def _refuse_if_open_to_others(where: Path, mode: int) -> None:
    if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeysError(f"others can read the key file {where}, so it is not used: chmod 600 {where}")


def _parsed(content: bytes) -> dict[str, str] | None:
    try:
        held: Any = json.loads(content)
    except (ValueError, RecursionError):  # its own message would be followed by the keys
        return None
    if not isinstance(held, dict):
        return None
    named = cast("dict[str, Any]", held)
    return named if all(isinstance(key, str) for key in named.values()) else None


def keep(variable: str, key: str, folder: Path) -> None:
    """Keep a key under a variable's name, over an older one; `KeysError` where that cannot be."""
    if not is_variable(variable):
        raise KeysError("a key is kept under the name of a variable: letters, digits and underscores")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KeysError("that is no key: a key is one word of plain characters; nothing was kept")
    _write(folder, read(folder) | {variable: key})


def forget(variable: str, folder: Path) -> bool:
    """Remove a variable's key from the file; return whether there was one."""
    held = read(folder)
    if variable not in held:
        return False
    _write(folder, {name: key for name, key in held.items() if name != variable})
    return True


def is_variable(name: str) -> bool:
    """Whether an environment variable can be called this."""
    return bool(_VARIABLE.fullmatch(name))


def _write(folder: Path, held: Mapping[str, str]) -> None:
    """Put the file in place whole: it is open to its owner alone from its first byte, and never half written."""
    where = path(folder)
    beside = folder / f".keys-{secrets.token_hex(8)}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32" and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise KeysError(f"others can put files into {folder}, so no key is kept there: chmod 700 {folder}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
                json.dump(dict(held), file, indent=2, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(where)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise KeysError(f"the key file {where} cannot be written: {error.strerror}; nothing was kept") from None
