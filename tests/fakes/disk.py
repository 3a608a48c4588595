"""The disk under this process's own SQLite: it keeps a log of what is written, and fails when it is told to.

It must never change what SQLite does, but by the failures that were asked for: each file is opened by SQLite's own
code, whose methods are only listened to. Nothing waits for the real disk: what counts as safe is read from the log.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import shutil
import tempfile
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

OK = 0
ROOM = 500_000_000
FULL, OPENING, READING = 13, 14, 266  # SQLITE_FULL, _CANTOPEN, _IOERR_READ
WRITING, SYNCING, CUTTING = 778, 1034, 1546  # SQLITE_IOERR_WRITE, _FSYNC, _TRUNCATE
JOURNALS = 0x0800 | 0x4000 | 0x80000
"""SQLITE_OPEN_MAIN_JOURNAL, SUPER_JOURNAL and WAL: its folder is synced with the first sync of one."""

CREATE = 4  # SQLITE_OPEN_CREATE


@dataclass(frozen=True, slots=True)
class Made:
    """A file got a name in the folder; it is a file of its own, whatever had the name before."""

    name: str
    file: int


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes were written into a file."""

    file: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file was cut to a size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """What was written into a file before `since`, an index of the log, is safe; with the folder's names, or not."""

    file: int
    since: int
    names: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """A name was taken out of the folder; safely, or not yet."""

    name: str
    is_safe: bool


Op = Made | Written | Cut | Synced | Removed


@dataclass(slots=True)
class Failure:
    """Which operations of a kind fail: from the nth on, `times` times, with a code of SQLite's."""

    kinds: frozenset[str]
    nth: int
    code: int
    times: int = 1_000_000
    struck: int = 0


@dataclass(slots=True)
class Disk:
    """What happened in one folder since it was first listened to, and what is to fail there."""

    folder: Path
    log: list[Op] = field(default_factory=list["Op"])
    before: dict[str, bytes] = field(default_factory=dict[str, bytes])
    failure: Failure | None = None
    asked: int = 0
    """How many operations a failure could have struck."""

    hook: Callable[[str, str], None] | None = None
    """What hears of each operation before it is done: its kind and its file's name, in the thread that asks for it."""

    _names: dict[str, int] = field(default_factory=dict[str, int])
    _files: int = 0

    def __post_init__(self) -> None:
        for path in sorted(self.folder.iterdir()):
            self.before[path.name] = path.read_bytes()
            self._names[path.name] = self.new()

    def new(self) -> int:
        self._files += 1
        return self._files

    def opened(self, name: str, *, is_new: bool) -> int:
        """Return which file is opened; one that somebody made by other means is new here too."""
        if is_new or name not in self._names:
            self._names[name] = self.new()
            self.log.append(Made(name, self._names[name]))
            if not is_new and (there := (self.folder / name).read_bytes()):
                self.log.append(Written(self._names[name], 0, there))
        return self._names[name]

    def removed(self, name: str, *, is_safe: bool) -> None:
        if self._names.pop(name, None):
            self.log.append(Removed(name, is_safe))

    def folder_synced(self, known: int) -> None:
        """Stand in for `os.fsync`, by which moot has the names of a folder put on disk."""
        if os.path.samestat(os.fstat(known), self.folder.stat()):
            self.log.append(Synced(0, 0, names=True))

    def strikes(self, kind: str, name: str) -> int:
        """Return the code with which this operation fails, or 0."""
        if self.hook:
            self.hook(kind, name)
        failure = self.failure
        if failure is None or kind not in failure.kinds:
            return OK
        self.asked += 1
        if self.asked <= failure.nth or failure.struck >= failure.times:
            return OK
        failure.struck += 1
        return failure.code


@dataclass(slots=True)
class _Open:
    """A file that SQLite has open, and SQLite's own methods for it."""

    disk: Disk
    name: str
    file: int
    own: Any
    names_unsafe: bool


_FILE, _TEXT = c_void_p, c_void_p
_CLOSE = CFUNCTYPE(c_int, _FILE)
_MOVE = CFUNCTYPE(c_int, _FILE, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, _FILE, c_int64)
_SYNC = CFUNCTYPE(c_int, _FILE, c_int)
_OPEN = CFUNCTYPE(c_int, c_void_p, _TEXT, _FILE, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, _TEXT, c_int)


class _Methods(Structure):
    """`sqlite3_io_methods`, of which five are listened to."""

    _fields_ = (
        ("version", c_int),
        ("close", _CLOSE),
        ("read", _MOVE),
        ("write", _MOVE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", c_void_p * 13),
    )


class _Vfs(Structure):
    """`sqlite3_vfs`, of which two functions are listened to."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app", c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("others", c_void_p * 14),
    )


class _Ear:
    """SQLite's usual VFS with an ear at it; files outside of the folders that are listened to are left alone."""

    def __init__(self) -> None:
        self.disks: dict[str, Disk] = {}
        self._open_files: dict[int, _Open] = {}
        self._lib = ctypes.CDLL(_sqlite3.__file__)  # and with it the SQLite that it stands on
        self._lib.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._usual = self._lib.sqlite3_vfs_find(None)
        usual = self._usual.contents
        self._vfs = _Vfs.from_buffer_copy(usual)
        self._vfs.name, self._vfs.next = b"listened", None
        self._vfs.open, self._vfs.delete = _OPEN(self._opened), _DELETE(self._deleted)
        self._methods: dict[int, _Methods] = {}
        self._close, self._sync, self._truncate = _CLOSE(self._closed), _SYNC(self._synced), _TRUNCATE(self._cut)
        self._take, self._put = _MOVE(self._read), _MOVE(self._written)

    def begin(self) -> None:
        assert self._lib.sqlite3_vfs_register(byref(self._vfs), 1) == OK

    def end(self) -> None:
        assert self._lib.sqlite3_vfs_register(self._usual, 1) == OK
        assert self._lib.sqlite3_vfs_unregister(byref(self._vfs)) == OK

    def _of(self, path: int | None) -> tuple[Disk, str] | None:
        if not path:
            return None
        there = Path(ctypes.string_at(path).decode())
        disk = self.disks.get(str(there.parent))
        return (disk, there.name) if disk else None

    def _opened(self, vfs: int, path: int | None, file: int, flags: int, out: int) -> int:
        found = self._of(path)
        is_new = found is not None and not (found[0].folder / found[1]).exists()
        if found and (code := found[0].strikes("open", found[1])):
            return code
        code = self._usual.contents.open(vfs, path, file, flags, out)
        if code == OK and found:
            disk, name = found
            where = c_void_p.from_address(file)
            own = where.value or 0
            if own not in self._methods:
                ours = _Methods.from_buffer_copy(_Methods.from_address(own))
                ours.close, ours.sync, ours.truncate = self._close, self._sync, self._truncate
                ours.read, ours.write = self._take, self._put
                self._methods[own] = ours
            number = disk.opened(name, is_new=is_new)
            is_unsafe = bool(flags & JOURNALS and flags & CREATE)
            self._open_files[file] = _Open(disk, name, number, _Methods.from_address(own), is_unsafe)
            where.value = ctypes.addressof(self._methods[own])
        return code

    def _deleted(self, vfs: int, path: int, is_safe: int) -> int:
        found = self._of(path)
        if found and (code := found[0].strikes("delete", found[1])):
            return code
        if found:
            found[0].removed(found[1], is_safe=bool(is_safe))
        return self._usual.contents.delete(vfs, path, is_safe)

    def _closed(self, file: int) -> int:
        return self._open_files.pop(file).own.close(file)

    def _read(self, file: int, data: int, size: int, at: int) -> int:
        one = self._open_files[file]
        return one.disk.strikes("read", one.name) or one.own.read(file, data, size, at)

    def _written(self, file: int, data: int, size: int, at: int) -> int:
        one = self._open_files[file]
        if code := one.disk.strikes("write", one.name):
            return code
        one.disk.log.append(Written(one.file, at, ctypes.string_at(data, size)))
        return one.own.write(file, data, size, at)

    def _cut(self, file: int, size: int) -> int:
        one = self._open_files[file]
        if code := one.disk.strikes("cut", one.name):
            return code
        one.disk.log.append(Cut(one.file, size))
        return one.own.truncate(file, size)

    def _synced(self, file: int, flags: int) -> int:
        one = self._open_files[file]
        if code := one.disk.strikes("sync", one.name):
            return code
        one.disk.log.append(Synced(one.file, len(one.disk.log), one.names_unsafe))
        one.names_unsafe = False
        return OK


_ears: list[_Ear] = []


@contextmanager
def listening(folder: Path) -> Generator[Disk]:
    """Listen to what this process's SQLite does with the files of a folder; all that it opens there it closes first."""
    if not _ears:
        _ears.append(_Ear())
    (ear,) = _ears
    disk = Disk(folder)
    if not ear.disks:
        ear.begin()
    ear.disks[str(folder)] = disk
    try:
        with mock.patch.object(os, "fsync", disk.folder_synced):
            yield disk
    finally:
        del ear.disks[str(folder)]
        if not ear.disks:
            ear.end()


@contextmanager
def quick() -> Generator[Path]:
    """Make a folder in memory, where there is such a place, and remove it in the end."""
    folder = in_memory("moot-disk-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def in_memory(prefix: str) -> Path:
    """Make a folder where to sync costs nothing, if there is room enough; it is as good after a kill as any other."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of a name that nobody can guess is made in it
    is_there = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if is_there else None))
