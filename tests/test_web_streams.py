"""What tabs are told: the same to all, nothing twice and nothing missing, whatever breaks in between."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from fakes.served import Served, events, paced, put_all, said, served, talk_of
from moot.forms.course import EDITED
from moot.stepping import put
from moot.store import open_store
from moot.transcript import Ballot, Participant, Text, Thought, Transcript, Turn, freeze
from moot.web.hub import MOST_WAITING, Viewer, frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TALK = "00000000000000aa"
LINES = tuple(f"Line {n}: {' '.join(f'w{n * 37 % 101}x{k}' for k in range(25))}." for n in range(8))
VIEWERS = 50


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "moot.db") as one:
        yield one


@dataclass
class Tab:
    """A tab as moot.js keeps it: turns by number, and what is being spoken."""

    turns: dict[int, str] = field(default_factory=dict[int, str])
    twice: list[int] = field(default_factory=list[int])
    draft: str | None = None
    state: str = ""
    drops: int = 0

    @property
    def last(self) -> int:
        """The number of the last turn that it has."""
        return max(self.turns, default=0)

    def take(self, kind: str, number: int | None, told: str) -> None:
        """Take an event."""
        match kind:
            case "turn" if number is not None:
                if number in self.turns:
                    self.twice.append(number)
                self.turns[number] = told
                self.draft = None
            case "void":
                self.draft = None
            case "draft":
                self.draft = json.loads(told)["text"]
            case "words":
                assert self.draft is not None, "words of a turn that was not begun"
                self.draft += json.loads(told)["text"]
                assert any(line.startswith(f"{self.draft}".strip()) for line in LINES), self.draft
            case "state":
                self.state = json.loads(told)["state"]
            case _:
                pass


def follow(site: Served, cookie: str, tab: Tab, seed: int, until: int, most: float = 0.9) -> None:
    """Follow a conversation, hanging up within `most` seconds, until the tab has so many turns or a minute is over."""
    chance = random.Random(seed)
    over = time.monotonic() + 60
    while tab.last < until and time.monotonic() < over:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
        connection.request("GET", f"/c/{TALK}/live?after=0", None, {"cookie": cookie, "last-event-id": str(tab.last)})
        answer = connection.getresponse()
        assert answer.status == 200
        kept, hang_up = b"", time.monotonic() + chance.uniform(0.05, most)
        while tab.last < until and time.monotonic() < hang_up:
            piece = answer.read1(chance.choice((7, 200, 4096) if most < 1 else (1 << 20,)))
            if not piece:
                break
            kept += piece
            whole, gap, rest = kept.rpartition(b"\n\n")
            if gap:
                kept = rest
                for event in events(whole + gap):
                    tab.take(*event)
        tab.drops += 1
        connection.close()


def test_fifty_tabs_with_dropped_connections_end_with_what_the_record_has(site: Served) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: paced(LINES)}))
    tabs = [Tab() for _ in range(VIEWERS)]
    threads = [
        threading.Thread(target=follow, args=(site, cookie, tab, seed, len(LINES)), daemon=True)
        for seed, tab in enumerate(tabs)
    ]
    for thread in threads:
        thread.start()
    assert site.ask("POST", f"/c/{TALK}/go", cookie, "").status == 204
    for thread in threads:
        thread.join(60)
    stored = site.run(site.store.read(TALK))
    assert [turn.text for turn in stored.transcript.turns] == list(LINES)
    for tab in tabs:
        assert tab.twice == []
        assert sorted(tab.turns) == list(range(1, len(LINES) + 1))
        assert all(LINES[number - 1] in article for number, article in tab.turns.items())
    assert len({tuple(sorted(tab.turns.items())) for tab in tabs}) == 1, "a frame is the same for all"
    assert sum(tab.drops for tab in tabs) > 2 * VIEWERS


def test_a_tab_that_does_not_read_holds_up_nobody(site: Served) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: talk_of()}))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", site.port))
    host = f"Host: 127.0.0.1:{site.port}\r\nCookie: {cookie}\r\n"
    slow.sendall(f"GET /c/{TALK}/live HTTP/1.1\r\n{host}\r\n".encode())
    tab = Tab()
    quick = threading.Thread(target=follow, args=(site, cookie, tab, 1, 30, 60), daemon=True)
    quick.start()

    async def speak() -> None:
        for number in range(30):
            turn = said(("Ada", "Bo")[number % 2], f"{number} " + "x" * 90_000)
            await put(site.store, await site.store.read(TALK), turn)
            await site.site.hub.catch_up(TALK)

    site.run(speak())
    quick.join(10)
    assert sorted(tab.turns) == list(range(1, 31)), "3 MB came through, beside one who takes none of them"
    slow.close()


def test_a_viewer_that_is_too_far_behind_is_told_so_and_keeps_nothing() -> None:
    viewer = Viewer()
    for number in range(MOST_WAITING):
        viewer.give(number, b"x")
    assert not viewer.over
    viewer.give(1, b"one too many")
    assert viewer.over
    assert viewer.taken() == []
    viewer.give(2, b"more")
    assert viewer.taken() == []


def test_a_frame_says_any_text_in_lines_of_its_own() -> None:
    lines = [b"id: 3", b"event: turn", b"data: a", b"data: ", b"data: b", b"data: ", b"data: event: x", b"", b""]
    assert frame("turn", "a\r\nb\n\nevent: x", 3) == b"\n".join(lines)


def gathered(site: Served, path: str, cookie: str, seconds: float) -> Tab:
    tab, kept = Tab(), b""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=seconds)
    connection.request("GET", path, None, {"cookie": cookie})
    answer = connection.getresponse()
    over = time.monotonic() + seconds
    try:
        while time.monotonic() < over:
            kept += answer.read1(65536)
    except TimeoutError:
        pass
    connection.close()
    for event in events(kept):
        tab.take(*event)
    return tab


def test_turns_that_another_process_puts_on_record_are_told_as_they_come(site: Served, tmp_path: Path) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: talk_of(said("Ada", "Hello."))}))

    async def elsewhere() -> None:
        async with open_store(tmp_path / "moot.db") as store:
            for number in range(2, 5):
                await asyncio.sleep(0.3)
                await put(store, await store.read(TALK), said("Bo", f"Turn {number}."))
            await store.close(TALK, "all said")

    other = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    other.start()
    tab = gathered(site, f"/c/{TALK}/live?after=1", cookie, 3.0)
    other.join()
    assert sorted(tab.turns) == [2, 3, 4]
    assert tab.state == "closed"
    assert tab.twice == []


def test_a_list_is_told_how_its_conversations_stand(site: Served) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: paced(LINES[:2], pace=0.02)}))
    rows: list[tuple[str, int]] = []

    def listen() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=4)
        connection.request("GET", f"/live?ids={TALK}", None, {"cookie": cookie})
        answer, kept = connection.getresponse(), b""
        while b'"closed"' not in kept:
            kept += answer.read1(65536)
        rows.extend((told["state"], told["turns"]) for _, _, text in events(kept) for told in [json.loads(text)])
        connection.close()

    listener = threading.Thread(target=listen)
    listener.start()
    time.sleep(0.3)
    site.ask("POST", f"/c/{TALK}/go", cookie, "")
    listener.join(10)
    assert rows[0] == ("open", 0)
    assert ("live", 1) in rows
    assert rows[-1] == ("closed", 2)


def test_a_guest_is_told_only_what_they_hear(site: Served) -> None:
    ballot = Turn("Bo", (Ballot("Is it?", ("yes", "no"), "yes"),), ())
    turns = (
        said("chair", "For Ada alone.", heard_by=("Ada",)),
        Turn("Bo", (Thought("Bo thinks of gold."), Text("Hello."))),
        said("Bo", "Psst.", heard_by=("Bo",)),
        ballot,
        said("Ada", "Hello to you."),
    )
    site.run(put_all(site.store, **{TALK: talk_of(*turns)}))

    async def first(name: str) -> bytes:
        stream = site.site.hub.follow(TALK, name, 0)
        told = [await anext(stream), await anext(stream)]
        await stream.aclose()
        return b"".join(told)

    ada, bo, owner = (site.run(first(name)) for name in ("Ada", "Bo", ""))
    assert b"For Ada alone." in ada
    assert b"Psst" not in ada
    assert b"gold" not in ada
    assert b"Is it?" not in ada
    assert b"person:web" not in ada, "nor which voice speaks"
    assert b"For Ada alone." not in bo
    assert b"gold" not in bo, "a page of one's own is no place for thoughts either"
    assert b"gold" in owner
    assert b"Psst" in owner


def test_pausing_ends_with_the_turn_and_stepping_in_comes_after_it(site: Served) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: paced(LINES, pace=0.02)}))
    assert site.ask("POST", f"/c/{TALK}/go", cookie, "").status == 204
    assert site.ask("POST", f"/c/{TALK}/go", cookie, "").status == 409
    time.sleep(0.2)
    assert site.ask("POST", f"/c/{TALK}/say", cookie, "words=Come+to+the+point.&after=0").status == 204
    stored = site.run(site.store.read(TALK))
    assert [turn.speaker for turn in stored.transcript.turns[:2]] == ["Ada", "chair"]
    assert stored.transcript.turns[0].text == LINES[0]
    assert site.site.hub.is_live(TALK), "it goes on as it did before"
    assert site.ask("POST", f"/c/{TALK}/rest", cookie, "").status == 204
    over = time.monotonic() + 10
    while site.site.hub.is_live(TALK) and time.monotonic() < over:
        time.sleep(0.05)
    stored = site.run(site.store.read(TALK))
    assert [turn.speaker for turn in stored.transcript.turns] == ["Ada", "chair", "Bo"]
    assert all(call.outcome == "done" for call in site.run(site.store.calls(TALK)))


def test_stopping_keeps_the_words_beside_the_record(site: Served) -> None:
    cookie = site.cookie()
    site.run(put_all(site.store, **{TALK: paced(LINES, pace=0.05)}))
    site.ask("POST", f"/c/{TALK}/go", cookie, "")
    time.sleep(0.5)
    assert site.ask("POST", f"/c/{TALK}/rest", cookie, "now=1").status == 204
    over = time.monotonic() + 5
    while site.site.hub.is_live(TALK) and time.monotonic() < over:
        time.sleep(0.02)
    (call,) = site.run(site.store.calls(TALK))
    assert call.outcome == "left"
    assert LINES[0].startswith(call.partial)
    assert call.partial
    assert site.run(site.store.look(TALK)).turns == 0


def test_a_voice_that_cannot_speak_is_said_and_nothing_is_changed(site: Served) -> None:
    cookie = site.cookie()
    talk = paced(LINES[:2])
    silent = (Participant("Ada", "script:gone.txt"), talk.heading.participants[1])
    site.run(put_all(site.store, **{TALK: Transcript(replace(talk.heading, participants=silent))}))
    answer = site.ask("POST", f"/c/{TALK}/go", cookie, "")
    assert answer.status == 422
    assert "Ada has no lines to speak" in answer.text
    assert not site.site.hub.is_live(TALK)


def test_an_imported_voice_may_not_choose_where_words_go(site: Served) -> None:
    cookie = site.cookie()
    brought = Participant("Ada", "openai:gpt-5", settings=freeze({"base_url": "http://evil.example/v1"}))
    talk = talk_of()
    heading = replace(talk.heading, participants=(brought, talk.heading.participants[1]))
    site.run(site.store.start(TALK, Transcript(heading), ("Ada",)))
    answer = site.ask("POST", f"/c/{TALK}/go", cookie, "")
    assert answer.status == 422
    assert "may not choose http://evil.example/v1" in answer.text


def test_whoever_is_waited_for_is_named_with_what_they_are_asked(site: Served) -> None:
    site.run(put_all(site.store, **{TALK: talk_of(prompt="Hello?")}))
    tab = gathered(site, f"/c/{TALK}/live", site.cookie(), 1.0)
    assert tab.state in ("open", "waiting")
    cookie = site.cookie()
    assert site.ask("POST", f"/c/{TALK}/go", cookie, "").status == 204
    time.sleep(0.5)
    page = site.ask("GET", f"/c/{TALK}", cookie).text
    assert "waiting for Ada" in page
    assert '<option value="Ada" selected>' in page
    assert site.ask("POST", f"/c/{TALK}/say", cookie, "words=Hi.&as=Ada&after=1&go=1").status == 204
    assert EDITED not in page
