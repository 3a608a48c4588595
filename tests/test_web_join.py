"""Whoever was invited hears what their participant hears, says their words, and reaches nothing else."""

from __future__ import annotations

import asyncio
import html
import http.client
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from fakes.served import Served, events, put_all, said, served, talk_of
from moot.forms import Wait
from moot.stepping import pending
from moot.transcript import Heading, Participant, Text, Thought, Transcript, Turn, freeze
from moot.web.doors import Visitor
from moot.web.hub import Standing, as_told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = "00000000000000a1"
OTHER = "00000000000000b2"
ADA = Visitor("participant", OURS, "Ada")
SECRETS = ("The persuader arm", "whisper", "Bo keeps this", "hidden plan", "script:", OTHER, "Elsewhere", "ZZKEY")


def cast() -> tuple[Participant, ...]:
    lines = freeze({"lines": ["One.", "Two.", "Three."]})
    return (
        Participant("Ada", "person:web", "You are Ada."),
        Participant("Bo", "script:bo.txt", "Bo keeps this.", lines),
    )


def talk() -> Transcript:
    turns = (
        said("Ada", "Is a river alive?"),
        Turn("Bo", (Thought("A hidden plan."), Text("It *is*."))),
        said("chair", "A whisper for Bo.", heard_by=("Bo",)),
    )
    ignored = {"loop": "ignore", "collapse": "ignore", "goodbye": "ignore", "meta": "ignore"}
    heading = Heading(cast(), title="The persuader arm", arguments=freeze({"turns": 6} | ignored))
    return Transcript(heading, turns)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "moot.db") as one:
        one.run(
            put_all(one.store, **{OURS: talk(), OTHER: talk_of(said("Ada", "Elsewhere, ZZKEY."), title="Elsewhere")})
        )
        yield one


def invited(site: Served, name: str = "Ada") -> str:
    """Return the cookie of whoever follows the link that the owner makes."""
    answer = site.ask("POST", f"/c/{OURS}/invite", site.cookie(), f"name={name}")
    assert answer.status == 200, answer
    came = site.ask("GET", answer.text.removeprefix(site.address))
    assert 'content="0;url=/join"' in came.text
    return re.split("[;]", came.headers["set-cookie"])[0]


def first_told(site: Served, cookie: str, after: int = 0) -> list[tuple[str, int | None, str]]:
    """Return the events that a stream begins with, up to how the conversation stands."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request("GET", f"/join/live?after={after}", None, {"cookie": cookie})
    answer, told = connection.getresponse(), b""
    while b"event: state" not in told:
        piece = answer.read1(4096)
        assert piece, told
        told += piece
    connection.close()
    return list(events(told))


def test_a_guest_is_shown_what_they_hear_and_nothing_else(site: Served) -> None:
    cookie = invited(site)
    page = site.ask("GET", "/join", cookie)
    assert page.status == 200
    stream = first_told(site, cookie)
    told = "".join(data for _, _, data in stream)
    for words in (page.text, told):
        assert "Is a river alive?" in words
        assert "<em>is</em>" in words
        for secret in (*SECRETS, OURS):
            assert secret not in words, secret
    assert "You are Ada." in page.text
    assert [number for kind, number, _ in stream if kind == "turn"] == [1, 2]


def test_a_guest_reaches_no_page_of_the_owner_and_no_other_conversation(site: Served) -> None:
    cookie = invited(site)
    for path in ("/", f"/c/{OURS}", f"/c/{OTHER}", f"/c/{OURS}/live", "/search?words=ZZKEY", f"/c/{OURS}/t/3/raw"):
        answer = site.ask("GET", path, cookie)
        assert answer.status == 403, path
        assert not [secret for secret in (*SECRETS, "alive") if secret in html.unescape(answer.text).replace(path, "")]
    assert site.ask("POST", f"/c/{OURS}/say", cookie, "words=I+am+the+chair").status == 403
    assert site.ask("POST", f"/c/{OURS}/invite", cookie, "name=Ada").status == 403


def test_a_guest_speaks_only_as_themselves_and_what_waited_goes_on(site: Served) -> None:
    cookie = invited(site)
    asked = "words=Says+who%3F%0D%0AYou%3F&as=Bo&after="
    assert site.ask("POST", "/join/say", cookie, asked + "1").status == 409, "turn 2 was not heard"
    assert site.ask("POST", "/join/say", cookie, "words=+&after=2").status == 400
    assert site.ask("POST", "/join/say", cookie, asked + "2").status == 204, "turn 3 is not theirs to hear"

    async def answered() -> Any:
        for _ in range(200):
            stored = await site.store.read(OURS)
            if isinstance(pending(stored), Wait) and len(stored.transcript.turns) > 4:
                return stored
            await asyncio.sleep(0.02)
        raise AssertionError("nobody has answered")

    turns = site.run(answered()).transcript.turns
    assert turns[3] == said("Ada", "Says who?\nYou?")
    assert turns[4].speaker == "Bo"


def test_only_people_are_invited_and_a_link_can_be_taken_back(site: Served) -> None:
    owner = site.cookie()
    assert site.ask("POST", f"/c/{OURS}/invite", owner, "name=Bo").status == 400
    assert site.ask("POST", f"/c/{OURS}/invite", owner, "name=Nobody").status == 400
    assert "Invite <bdi>Ada</bdi>" in site.ask("GET", f"/c/{OURS}", owner).text
    cookie = invited(site)
    assert site.ask("POST", f"/c/{OURS}/invite", owner, "name=Ada&back=1").status == 200
    assert site.ask("GET", "/join", cookie).status == 401


def test_whoever_leaves_is_let_out(site: Served) -> None:
    cookie = invited(site)
    answer = site.ask("POST", "/join/leave", cookie, "")
    assert "You have left" in site.ask("GET", answer.headers["location"], cookie).text
    assert site.ask("GET", "/join", cookie).status == 401
    assert site.ask("POST", "/join/say", cookie, "words=Hello&after=2").status == 401


def test_guests_are_not_told_why_a_conversation_rests() -> None:
    failed = Standing("open", "openai:gpt-5 wants a key")
    assert as_told(failed, "Ada") == Standing("open", "")
    assert as_told(failed, "") == failed
    asked = Standing("waiting", "waiting for Bo", "Bo", "Who has won?")
    assert as_told(asked, "Ada") == Standing("waiting", "others are to speak")
    assert as_told(asked, "Bo") == Standing("waiting", "it is your turn", "Bo", "Who has won?")
    assert as_told(Standing("closed", "Bo's context is full"), "Ada") == Standing("closed", "it is over")


def until_theirs(page: Any) -> None:
    """Wait until the title says whose turn it is; the page's policy forbids the driver's own way of waiting."""
    over = time.monotonic() + 10
    while not page.title().startswith("Your turn"):
        assert time.monotonic() < over, page.title()
        time.sleep(0.03)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED IN A BROWSER: there is no Chromium on this machine")
def test_in_a_browser_a_guest_keeps_a_draft_sees_their_turn_in_the_title_and_leaves(site: Served) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="NOT TESTED IN A BROWSER: there is no Playwright")
    link = site.ask("POST", f"/c/{OURS}/invite", site.cookie(), "name=Ada").text
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        troubles: list[str] = []
        page.on("console", lambda told: troubles.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda told: troubles.append(str(told)))
        page.goto(link)
        page.wait_for_url("**/join")
        until_theirs(page)
        page.fill("#words", "Not a word is lost")
        page.reload()
        assert page.input_value("#words") == "Not a word is lost"
        page.click("text=Say")
        page.wait_for_selector("#t5")
        until_theirs(page)
        assert page.input_value("#words") == ""
        assert "whisper" not in page.content()
        page.click("text=Leave")
        page.wait_for_selector("text=You have left")
        browser.close()
    assert troubles == []
