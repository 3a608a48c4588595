"""A series in the browser: how far it is, what it used and what failed, each leading to its conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.served import Served, put_all, said, served, talk_of
from moot.store import Call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moot.transcript import Transcript

ONE, TWO = "00000000000000a1", "00000000000000b2"


def of_series(name: str) -> Transcript:
    talk = talk_of(said("Ada", "Hello."), title=f"A talk of {name}")
    return replace(talk, heading=replace(talk.heading, series=name))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "moot.db") as one:
        one.run(put_all(one.store, **{ONE: of_series("Rivers & <i>"), TWO: of_series("Rivers & <i>")}))
        yield one


def test_a_series_says_how_far_it_is_what_failed_and_that_a_price_is_unknown(site: Served) -> None:
    async def spend() -> None:
        begun = Call(1, "Ada", "openai:no-such-model", "d", outcome="open")
        number = await site.store.begin(ONE, begun)
        await site.store.finish(number, replace(begun, outcome="failed", error="no", input=10, output=5))
        await site.store.close(TWO, "all said")

    site.run(spend())
    cookie = site.cookie()
    assert "1 of 2 ended" in site.ask("GET", "/experiments", cookie).text
    page = site.ask("GET", "/experiment?name=Rivers+%26+%3Ci%3E", cookie).text
    assert "1 of 2 conversations have ended" in page
    assert "failed requests: 1" in page
    assert page.count("cost unknown") == 2
    assert "<i>" not in page
    assert f'href="/c/{ONE}"' in page
    assert f'href="/c/{TWO}"' in page


def test_a_series_that_is_not_there_is_said_so(site: Served) -> None:
    cookie = site.cookie()
    assert site.ask("GET", "/experiment?name=Nothing", cookie).status == 404
    assert site.ask("GET", "/experiment", cookie).status == 404
