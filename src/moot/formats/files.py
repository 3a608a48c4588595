"""What is offered for reading, as named files whose bytes are read only when asked for: a file, a folder's, a zip's.

It must never write to disk, open what a file names, or let an archive or a document grow past its limits: a file is
hostile until it is read.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Never, cast

from moot.formats.page import DEEPEST, LARGEST_FILE, Unreadable, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_MEMBERS = 10_000
"""Files in an archive or a folder."""

MOST_UNPACKED = 2 * 2**30
"""Bytes of an archive's files together."""

MOST_RATIO = 100
"""Times by which a file of an archive may grow when it is unpacked; text shrinks to a tenth at the best."""

MOST_VALUES = 600_000
"""Objects and lists in one JSON document: more of them need hundreds of megabytes."""

MOST_COMMAS = 3_000_000

_CHUNK = 2**20
_SMALL = 2**16
_SPACE = re.compile(r"[ \t\r\n]*")
_UNSAFE = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:|\0")


@dataclass(frozen=True, slots=True)
class File:
    """A file by name: its size in bytes, and how to open it for reading, as often as one likes."""

    name: str
    size: int
    open: Callable[[], BinaryIO]

    def start(self, count: int = 8) -> bytes:
        """Return the first bytes."""
        with self.open() as stream:
            return stream.read(count)

    def whole(self, most: int = LARGEST_FILE) -> bytes:
        """Return all bytes; `Unreadable` where there are too many."""
        if self.size > most:
            raise Unreadable(f"{self.size:,} bytes are more than moot reads at once ({most:,}); split the file")
        with self.open() as stream:
            found = stream.read(most + 1)
        if len(found) > most:
            raise Unreadable(f"more than {most:,} bytes are more than moot reads at once; split the file")
        return found


def held(content: bytes, name: str = "") -> File:
    """Return bytes that are there already as a file."""
    return File(name, len(content), lambda: io.BytesIO(content))


def is_zip(file: File) -> bool:
    """Whether a file begins as an archive does."""
    return file.start(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpacked(file: File) -> tuple[File, ...]:
    """Return the files of a zip archive, without unpacking any; `Unreadable` where one of them is out of bounds."""
    try:
        with file.open() as stream, zipfile.ZipFile(stream) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"this zip archive cannot be read: {error}") from None
    if len(infos) > MOST_MEMBERS:
        raise Unreadable(f"{len(infos):,} files in one archive are more than moot reads ({MOST_MEMBERS:,})")
    if (total := sum(one.file_size for one in infos)) > MOST_UNPACKED:
        raise Unreadable(f"unpacked, this archive would be {total:,} bytes, and {MOST_UNPACKED:,} are the most")
    for one in infos:
        _judge(one)
    return tuple(_member(file, one) for one in infos)


def _judge(one: zipfile.ZipInfo) -> None:
    if _UNSAFE.search(one.orig_filename):
        raise Unreadable(f"this archive has a file whose name leads out of it: {one.orig_filename!r}")
    if one.flag_bits & 1:
        raise Unreadable(f"{one.filename!r} in this archive is encrypted; unpack it first")
    if one.file_size > _SMALL and one.file_size > MOST_RATIO * max(one.compress_size, 1):
        times = one.file_size // max(one.compress_size, 1)
        raise Unreadable(f"{one.filename!r} grows {times:,} times when it is unpacked, and {MOST_RATIO} is the most")


def _member(file: File, info: zipfile.ZipInfo) -> File:
    return File(info.filename, info.file_size, lambda: cast("BinaryIO", _Member(file, info)))


class _Member(io.RawIOBase):
    """One file of an archive as a stream that closes the archive with it, and ends where the archive said it would.

    That the archive lies about a size, or breaks off, is told as `Unreadable`.
    """

    def __init__(self, file: File, info: zipfile.ZipInfo) -> None:
        super().__init__()
        self._name = info.filename
        self._under = file.open()
        try:
            self._stream = zipfile.ZipFile(self._under).open(info)  # noqa: SIM115 - `close` does it
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
            self._under.close()
            raise Unreadable(f"{info.filename!r} in this archive cannot be read: {error}") from None

    def readable(self) -> bool:
        return True

    def readall(self) -> bytes:
        return self.read(-1)

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise Unreadable(f"{self._name!r} in this archive is damaged: {error}") from None

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - the base class takes any buffer
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._under.close()
        super().close()


def lines(file: File) -> Iterator[tuple[int, str]]:
    """Yield each line that is not blank with its number, decoded; `Unreadable` where one is too long or no UTF-8."""
    with file.open() as raw, io.BufferedReader(cast("io.RawIOBase", raw), _CHUNK) as stream:
        number = 0
        while line := stream.readline(LARGEST_FILE + 1):
            number += 1
            if len(line) > LARGEST_FILE:
                raise Unreadable(f"line {number} is longer than the {LARGEST_FILE:,} bytes that moot reads at once")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise Unreadable(f"line {number} is not UTF-8 text; save the file as UTF-8 and read it again") from None
            if text.strip():
                yield number, text


def documents(file: File) -> Iterator[tuple[str, Any]]:
    """Yield each document of a JSON file with where it stands: the lines of JSON Lines, a list's, or the one there is.

    A list is read one document at a time, so that no more of it than one is in memory.
    """
    if file.start(4).startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("this is UTF-16 text; save it as UTF-8 and read it again")
    with file.open() as stream:
        first = stream.read(_SMALL).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[":
        yield from _elements(file)
    elif _is_lines(file):
        for number, line in lines(file):
            yield f"line {number}", loads(line, f"line {number}: ")
    else:
        yield "", loads(_decoded(file.whole()))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"this is not UTF-8 text (byte {error.start:,} cannot be read); save it as UTF-8 and read it again"
        ) from None


def _is_lines(file: File) -> bool:
    """Whether the first line is a document of its own and is not the only one."""
    with_words = lines(file)
    first = next(with_words, None)
    if first is None or not first[1].rstrip().endswith("}") or next(with_words, None) is None:
        return False
    try:
        return isinstance(json.loads(first[1]), dict)
    except (ValueError, RecursionError):
        return False


def _elements(file: File) -> Iterator[tuple[str, Any]]:
    with file.open() as raw:
        stream = io.BufferedReader(cast("io.RawIOBase", raw), _CHUNK)
        found = _List(io.TextIOWrapper(stream, encoding="utf-8-sig"))
        for count, one in enumerate(found.elements(), 1):
            yield f"conversation {count}", one


class _List:
    """A JSON list, of which no more than one element is read at a time."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._decoder = json.JSONDecoder(parse_constant=_no_constant)
        self._held = ""
        self._at = 0
        self._over = False

    def elements(self) -> Iterator[Any]:
        self._next_mark()
        self._at += 1  # the bracket
        count = 0
        while (mark := self._next_mark()) not in ("]", ""):
            if mark == "," and count:
                self._at += 1
                mark = self._next_mark()
            if not mark:
                break
            count += 1
            yield self._element(count)
        if not mark:
            raise Unreadable(f"this JSON breaks off after {plural(count, 'document')}")

    def _next_mark(self) -> str:
        """Go on to what is no blank, and return it; nothing at the end of the file."""
        while True:
            found = _SPACE.match(self._held, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._held) or self._over:
                return self._held[self._at : self._at + 1]
            self._read(_CHUNK)

    def _element(self, count: int) -> Any:  # noqa: ANN401 - any JSON may stand there
        size = _CHUNK
        while True:
            try:
                if size > _CHUNK:  # what fits into one piece cannot be too many
                    _judge_size(self._held, self._at)
                found, end = self._decoder.raw_decode(self._held, self._at)
            except RecursionError:
                raise Unreadable(f"JSON nested more than {DEEPEST} deep is not read") from None
            except json.JSONDecodeError as error:
                if self._over or len(self._held) - self._at > LARGEST_FILE:
                    raise Unreadable(f"conversation {count} of this list is broken JSON: {error.msg}") from None
            except ValueError as error:
                raise _unreadable(error) from None
            else:
                if end < len(self._held) or self._over:  # a number at the very end may go on
                    self._at = end
                    return found
            self._read(size)
            size *= 2

    def _read(self, size: int) -> None:
        try:
            more = self._text.read(size)
        except UnicodeDecodeError:
            raise Unreadable("this is not UTF-8 text; save it as UTF-8 and read it again") from None
        self._held, self._at, self._over = self._held[self._at :] + more, 0, len(more) < size


def _judge_size(text: str, at: int) -> None:
    opened = text.count("{", at) + text.count("[", at)
    if opened > MOST_VALUES or text.count(",", at) > MOST_COMMAS:
        raise Unreadable(f"one document of this JSON holds more than {MOST_VALUES:,} values; split the file")


def loads(text: str, where: str = "") -> Any:  # noqa: ANN401 - any JSON may stand there; who asks for it judges it
    """Return the value of a JSON text; `Unreadable`, with where it stands, where it is broken or out of bounds."""
    try:
        _judge_size(text, 0)
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable(f"{where}JSON nested more than {DEEPEST} deep is not read") from None
    except json.JSONDecodeError as error:
        place = "" if where else f" in line {error.lineno}, column {error.colno}"
        raise Unreadable(f"{where}broken JSON{place}: {error.msg}") from None
    except Unreadable as error:
        raise Unreadable(f"{where}{error}") from None
    except ValueError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValueError) -> Unreadable:
    """A number with more digits than Python takes, or what is unreadable already."""
    return error if isinstance(error, Unreadable) else Unreadable(f"this JSON cannot be read: {error}")


def _no_constant(name: str) -> Never:
    raise Unreadable(f"{name} is no JSON number")
