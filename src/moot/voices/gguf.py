"""What a GGUF file says of itself: just enough of its head to know how to speak with the model in it.

It must never trust the file: each length is held against the file's own, and whatever does not fit is an error.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from moot.voices import VoiceError

if TYPE_CHECKING:
    from pathlib import Path

    Scalar = int | float | bool | str

_SCALARS: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class Head:
    """A model's kind, the tokens it was trained to read at once (0: not said), and whether it knows how to chat."""

    architecture: str
    context: int
    chats: bool


class _Broken(Exception):
    """The bytes are not those of a GGUF file; the message says why."""


def read_head(path: Path) -> Head:
    """Read the head of a GGUF file; `VoiceError` where it cannot be read or is none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _head(_Reader(content))
    except ValueError:
        raise VoiceError(f"{str(path)!r} is not a GGUF model: it is empty") from None
    except OSError as error:
        raise VoiceError(f"cannot read the model {str(path)!r}: {error.strerror or error}") from None
    except _Broken as error:
        raise VoiceError(f"{str(path)!r} is not a GGUF model: {error}") from None


class _Reader:
    """Reads values one after the other, never beyond the end."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._at = 0

    def scalar(self, code: str) -> int | float | bool:
        """Return the next number, as `struct` codes it."""
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def count(self) -> int:
        """Return the next length."""
        return int(self.scalar("<Q"))

    def string(self) -> str:
        """Return the next string."""
        return self._take(self.count()).decode("utf-8", "replace")

    def skip(self, length: int) -> None:
        """Go on past so many bytes."""
        if length > len(self._content) - self._at:
            raise _Broken("it ends too early")
        self._at += length

    def _take(self, length: int) -> bytes:
        start = self._at
        self.skip(length)
        return self._content[start : self._at]


def _head(reader: _Reader) -> Head:
    if reader.scalar("<I") != int.from_bytes(b"GGUF", "little"):
        raise _Broken("it does not begin like one")
    version = reader.scalar("<I")
    if version not in _VERSIONS:
        raise _Broken(f"its version is {version}, and moot reads {' and '.join(map(str, _VERSIONS))}")
    reader.count()  # tensors
    found: dict[str, Scalar] = {}
    for _ in range(reader.count()):
        name, kind = reader.string(), int(reader.scalar("<I"))
        value = _value(reader, kind)
        if value is not None:
            found[name] = value
    architecture = found.get("general.architecture")
    if not isinstance(architecture, str):
        raise _Broken("it does not say what kind of model it is")
    context = found.get(f"{architecture}.context_length")
    template = found.get("tokenizer.chat_template")
    return Head(architecture, context if isinstance(context, int) else 0, bool(template))


def _value(reader: _Reader, kind: int) -> Scalar | None:
    """Return the next value; a list is passed over, as nothing here needs one."""
    if kind == _STRING:
        return reader.string()
    if kind == _ARRAY:
        of, count = int(reader.scalar("<I")), reader.count()
        if of == _STRING:
            for _ in range(count):
                reader.skip(reader.count())
        else:
            reader.skip(struct.calcsize(_code(of)) * count)
        return None
    return reader.scalar(_code(kind))


def _code(kind: int) -> str:
    if kind not in _SCALARS:
        raise _Broken(f"it holds a value of the unknown kind {kind}")
    return _SCALARS[kind]
