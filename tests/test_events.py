"""Server-sent events come out alike however their bytes were cut, and what cannot be read is told so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.voices.events import Unreadable, events, read_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

pytestmark = pytest.mark.anyio


async def told(*pieces: bytes) -> list[object]:
    async def coming() -> AsyncGenerator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in events(coming()) if event is not None]


def written(values: Iterable[object], end: str) -> bytes:
    return "".join(f"event: x{end}data: {json.dumps(one, ensure_ascii=False)}{end}{end}" for one in values).encode()


values = st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers(), max_size=3), max_size=4)


@given(values, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(0, 300), max_size=9))
async def test_events_do_not_depend_on_how_the_bytes_were_cut(
    values: list[dict[str, object]], end: str, cuts: list[int]
) -> None:
    whole = written(values, end)
    places = sorted(min(cut, len(whole)) for cut in cuts)
    pieces = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]
    assert await told(*pieces) == await told(whole) == values


@pytest.mark.parametrize(
    "silence",
    [b": on my way\n\n", b"event: ping\n\n", b"retry: 5\n\n", b"id: 7\n\n", b"data:\n\n", b"data: [DONE]\n\n", b"\n"],
)
async def test_an_event_without_data_says_nothing_but_that_the_other_side_is_alive(silence: bytes) -> None:
    assert await told(silence, b'data: {"a":1}\n\n', silence, silence, b"data:5\n\n") == [{"a": 1}, 5]


async def test_data_in_several_lines_is_one_event_and_an_open_one_is_none() -> None:
    assert await told(b'data: {"a":\ndata: 1}\n\ndata: {"b": 2}\n') == [{"a": 1}]


@pytest.mark.parametrize(
    "text", [b"{not", b"\xff", b"[" * 100_000, b"9" * 5_000], ids=["torn", "bytes", "deep", "long"]
)
async def test_what_cannot_be_read_is_told_so_whatever_the_reason(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(text)
    with pytest.raises(Unreadable):
        await told(b"data: " + text + b"\n\n")
