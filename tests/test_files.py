"""Files, folders and archives as they are offered for reading: hostile until they are read."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.packed import zipped
from moot.formats import Unreadable, read
from moot.formats.files import MOST_VALUES, documents, held, lines, loads, unpacked

if TYPE_CHECKING:
    from pathlib import Path

CHAT = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]}


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), plain, max_size=3), min_size=1, max_size=5), st.sampled_from((None, 1)))
def test_a_list_and_lines_give_the_same_documents(given_: list[dict[str, Any]], indent: int | None) -> None:
    as_list = json.dumps(given_, indent=indent).encode()
    as_lines = "".join(f"{json.dumps(one)}\n" for one in given_).encode()
    assert [one for _, one in documents(held(as_list))] == given_
    assert [one for _, one in documents(held(as_lines))] == given_


def test_a_list_longer_than_a_piece_is_read_whole() -> None:
    many = [{"at": at, "words": "x" * 5_000} for at in range(1_000)]
    assert [one for _, one in documents(held(json.dumps(many).encode()))] == many


def test_a_document_longer_than_a_piece_is_read_whole() -> None:
    long = [{"words": "y" * 3 * 2**20}, {"words": "z"}]
    assert [one for _, one in documents(held(json.dumps(long).encode()))] == long


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (b'[{"a": 1}, {"b"', "conversation 2 of this list is broken JSON"),
        (b'[{"a": 1}, ', "breaks off after 1 document"),
        (b'[{"a": 1}\n{"a": NaN}]', "NaN is no JSON number"),
        (b'[{"a": ' + b"[" * 100_000 + b"]", "64 deep|broken JSON"),
        (b'[{"a": 1' + b"0" * 5_000 + b"}]", "cannot be read"),
        (b'[{"a": "\xff"}]', "not UTF-8"),
        (b'{"a": 1}\n{"a": "\xff"}\n', "line 2 is not UTF-8"),
        (b'{"a": 1}\n{"a": 1', "line 2: broken JSON"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
    ],
)
def test_broken_documents_say_where(file: bytes, line: str) -> None:
    with pytest.raises(Unreadable, match=line):
        list(documents(held(file)))


def test_a_document_of_too_many_values_is_refused_before_it_is_read() -> None:
    with pytest.raises(Unreadable, match="more than 600,000 values"):
        loads("[" + "{}," * MOST_VALUES + "{}]")
    with pytest.raises(Unreadable, match="more than 600,000 values"):
        list(documents(held(b"[[" + b"[]," * MOST_VALUES + b"[]]]")))


def test_a_line_may_be_long_but_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moot.formats.files.LARGEST_FILE", 100)
    with pytest.raises(Unreadable, match="line 2 is longer"):
        list(lines(held(b"a\n" + b"b" * 101)))


def test_an_archive_of_one_file_is_read_as_that_file_is() -> None:
    talk = json.dumps(CHAT).encode()
    assert read(zipped(("chat.json", talk)))[0].transcript == read(talk)[0].transcript


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "C:\\evil.json", "..\\evil"])
def test_an_archive_whose_names_lead_out_of_it_is_refused(name: str) -> None:
    with pytest.raises(Unreadable, match="leads out of it"):
        unpacked(held(zipped((name, b"{}"))))


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    with pytest.raises(Unreadable, match="when it is unpacked"):
        unpacked(held(zipped(("zeros.json", b"0" * 50_000_000))))
    with pytest.raises(Unreadable, match="files in one archive"):
        unpacked(held(zipped(*((f"{at}.json", b"") for at in range(10_001)))))
    too_large = bytearray(zipped(("a.json", b"{}" * 100), method=zipfile.ZIP_STORED))
    for mark, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = too_large.index(mark) + place
        too_large[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    with pytest.raises(Unreadable, match="unpacked, this archive"):
        unpacked(held(bytes(too_large)))


def test_a_damaged_archive_is_told_as_such() -> None:
    whole = zipped(("chat.json", json.dumps(CHAT).encode() * 50))
    with pytest.raises(Unreadable, match="cannot be read"):
        read(whole[:60], "talk.zip")
    damaged = bytearray(whole)
    damaged[50:60] = b"\0" * 10
    with pytest.raises(Unreadable, match="damaged"):
        read(bytes(damaged))
    secret = bytearray(whole)
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        secret[secret.index(mark) + place] |= 1
    with pytest.raises(Unreadable, match="encrypted"):
        read(bytes(secret))


def test_files_of_no_known_data_set_are_refused() -> None:
    with pytest.raises(Unreadable, match="no data set with these 2 files"):
        read(zipped(("a.txt", b"A: hi"), ("b.txt", b"B: ho")))


BOMBS = {
    "objects": b'[{"messages":[' + b"{}," * 2**22 + b"{}]}]",
    "depth": b'{"a":' * 2**21,
    "text": b"A: hi\n\nB: ho\n\n" * 2**21,
    "labels": b"Ada Model: x\n\nPrompt:\n p\n\n" + b"Ada:\na\n\n" * 2**21,
    "markdown": b"# t\n\n| name | voice |\n| --- | --- |\n| A | person |\n\n" + b"## A\n\nhi\n\n" * 2**21,
    "zip": zipped(("conversations.json", b"[" + b" " * 2**26 + b"]")),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_within_five_seconds_and_300_megabytes(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "bomb").write_bytes(BOMBS[bomb])
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom moot.formats import File, Unreadable, read_files\n"
        "path, began = Path(sys.argv[1]), time.process_time()\n"
        "try:\n    list(read_files((File('bomb', path.stat().st_size, lambda: path.open('rb')),)))\n"
        "except Unreadable as error:\n"
        "    print(time.process_time() - began, error)\n"
        # Not what getrusage tells: that begins with the peak of the process that started this one.
        "    status = Path('/proc/self/status')\n"
        "    peak = [line for line in status.read_text().split('\\n') if 'VmHWM' in line] if status.exists() else []\n"
        "    print(int(peak[0].split()[1]) // 1024 if peak else 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb")], capture_output=True, text=True, check=True
    )
    told, megabytes = ran.stdout.splitlines()
    seconds, line = told.split(" ", 1)
    assert float(seconds) < 5, line
    assert int(megabytes) < 300, line
