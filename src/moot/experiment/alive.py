"""A sign of life that other processes of this machine can look at: a locked file, which a kill lets go of at once.

It must never hold anything but the lock, nor be waited for.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextlib.contextmanager
def sign_of_life(lease: str) -> Generator[None]:
    """Give a sign of life for a lease until this is left, or this process dies; where no file can be, give none.

    It is given before the lease is on record, so that nobody takes a file for dead that is about to be locked.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - not everywhere

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path = _path(lease)
            file = stack.enter_context(path.open("wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
            stack.callback(path.unlink, missing_ok=True)
        yield


def is_gone(lease: str) -> bool:
    """Whether a lease belongs to a process of this machine that has died; False also where that cannot be known."""
    if sys.platform == "win32":
        return False
    import fcntl  # noqa: PLC0415 - not everywhere

    try:
        with _path(lease).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _path(lease: str) -> Path:
    """Return where a lease's file is, in a folder that is this user's alone; `OSError` where there can be none."""
    folder = Path(tempfile.gettempdir()) / f"moot-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is somebody else's")
    return folder / f"{lease}.lock"
