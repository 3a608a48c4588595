"""A conversation is started from the browser: said what it may come to first, then begun."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from fakes.served import Served, served
from moot.scenario import caps_of, shipped
from moot.web.starting import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = "Cy = person:web\nDee = person:web"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "moot.db") as one:
        yield one


def test_every_scenario_and_form_has_a_page_with_its_cast(site: Served) -> None:
    cookie = site.cookie()
    for what in (*shipped(), *FORMS):
        answer = site.ask("GET", f"/start?what={what}", cookie)
        assert answer.status == 200, what
        assert f'name="what" value="{what}"' in answer.text
    assert site.ask("GET", "/start?what=nothing", cookie).status == 400


def test_nothing_is_on_record_where_only_the_cost_is_asked_for(site: Served) -> None:
    cast = "Cy = anthropic:claude-sonnet-4-5\nDee = openai:no-such-model-at-all"
    fields = {"what": "talk", "cast": cast, "arguments": "turns = 4"}
    answer = site.ask("POST", "/start", site.cookie(), urlencode(fields))
    assert answer.status == 200, answer
    assert re.match(r"About 4 calls, [\d,]+ to [\d,]+ tokens; cost unknown", answer.text)
    free = site.ask("POST", "/start", site.cookie(), urlencode(fields | {"cast": PEOPLE}))
    assert "cost nothing" in free.text
    assert site.run(site.store.list()) == []


def test_what_is_started_has_its_cast_and_limits_and_is_shown(site: Served) -> None:
    fields = {"what": "talk", "cast": PEOPLE, "topic": "Rivers", "turns": "5", "go": "1"}
    answer = site.ask("POST", "/start", site.cookie(), urlencode(fields))
    assert answer.status == 201, answer
    heading = site.run(site.store.read(answer.headers["location"].removeprefix("/c/"))).transcript.heading
    assert (heading.names, heading.topic, caps_of(heading).turns) == (("Cy", "Dee"), "Rivers", 5)


def test_what_makes_no_sense_is_refused_and_nothing_is_begun(site: Served) -> None:
    cookie = site.cookie()
    for wrong in ({"turns": "many"}, {"arguments": "a b"}, {"arguments": "nothing = 1"}, {"what": "../x"}):
        fields = {"what": "talk", "cast": PEOPLE, "go": "1"} | wrong
        assert site.ask("POST", "/start", cookie, urlencode(fields)).status == 400, wrong
    assert site.run(site.store.list()) == []
