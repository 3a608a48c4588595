"""The server without a browser: who gets in, where requests may come from, and what each page answers."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from fakes.served import Served, put_all, said, served, talk_of
from moot.store import Call, open_store
from moot.transcript import Text, Thought, Turn, as_json, link
from moot.web.app import WAYS, application
from moot.web.doors import OWNER, Doors, Visitor
from moot.web.guard import HEADERS, LARGEST_BODY
from moot.web.serving import hosts_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moot.web.ways import Way

RIVER = "0000000000000001"
GUESTS = {
    "nobody": None,
    "owner": OWNER,
    "participant": Visitor("participant", RIVER, "Ada"),
    "rater": Visitor("rater", "study", "R1"),
}
FIELDS = {
    "/say": {"words": "I disagree.", "as": "Ada"},
    "/edit": {"words": "Quite so."},
    "/rest": {"now": "1"},
    "/go": {"more": "1"},
    "/invite": {"name": "Ada"},
    "/start": {"what": "talk", "cast": "Cy = person:web\nDee = person:web", "go": "1"},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "moot.db") as one:
        turns = (said("Ada", "Is a river alive?"), said("Bo", "No."))
        talk = talk_of(*turns, title="Rivers")
        one.run(put_all(one.store, **{RIVER: replace(talk, heading=replace(talk.heading, series="Study"))}))
        yield one


def path_of(way: Way) -> str:
    """Return an address that a way leads to."""
    filled = re.sub(r"\{turn[^}]*\}", "1", way.path.replace("{id}", RIVER).replace("{name}", "moot.css"))
    query = {
        "/view": "as=Ada",
        "/compare": f"a={RIVER}&b={RIVER}",
        "/search": "words=river",
        "/experiment": "name=Study",
    }
    return filled + next((f"?{words}" for end, words in query.items() if filled.endswith(end)), "")


def fields_of(way: Way) -> str | None:
    given = next((fields for end, fields in FIELDS.items() if way.path.endswith(end)), {})
    return urlencode(given) if way.method == "POST" else None


def test_each_way_lets_in_its_roles_and_nobody_else(site: Served) -> None:
    cookies = {role: site.cookie(visitor) if visitor else "" for role, visitor in GUESTS.items()}
    for way, (role, cookie) in itertools.product(WAYS, cookies.items()):
        answer = site.ask(way.method, path_of(way), cookie, fields_of(way))
        if way.path == "/enter":
            assert answer.status == 401, "there is no token in it"
        elif role in way.roles or "anyone" in way.roles:
            assert answer.status in (200, 201, 204), (way, role, answer)
        else:
            assert answer.status == (401 if role == "nobody" else 403), (way, role, answer)
            assert b"alive" not in answer.body
            assert b"Rivers" not in answer.body


def test_the_table_has_roles_for_every_way_and_each_way_once() -> None:
    assert all(way.roles for way in WAYS)
    assert [way.path for way in WAYS if "anyone" in way.roles] == ["/enter", "/static/{name}"]
    assert len({(way.method, way.path) for way in WAYS}) == len(WAYS)
    assert all(way.method in ("GET", "POST") for way in WAYS)


class Direct:
    """An application that is asked without a network, so that a matrix of thousands takes seconds."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def ask(self, method: str, path: str, headers: dict[str, str | None]) -> tuple[int, dict[str, str]]:
        """Return the status and headers of an answer."""
        told: list[Any] = []
        plain, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": plain,
            "raw_path": plain.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value is not None],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        return told[0]["status"], {name.decode(): value.decode() for name, value in told[0]["headers"]}


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
HOSTS = ("127.0.0.1:8765", "localhost:8765", "[::1]:8765", "127.0.0.1", "evil.example:8765", "127.0.0.1:8766", None)
ORIGINS = ("http://{host}", "null", "http://evil.example", "http://127.0.0.1:9", None)
SITES = ("same-origin", "none", "same-site", "cross-site", None)


@pytest.mark.anyio
async def test_only_own_hosts_are_answered_and_only_own_pages_change_anything(site: Served) -> None:
    direct = Direct(application(site.site, hosts_for("127.0.0.1", 8765, ())))
    count = 0
    for way, method, host, origin, place in itertools.product(WAYS, METHODS, HOSTS, ORIGINS, SITES):
        given = {"host": host, "origin": origin and origin.format(host=host), "sec-fetch-site": place}
        status, headers = await direct.ask(method, path_of(way), given)
        for name, value in HEADERS.items():
            assert headers[name] == value
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        is_ours = host in HOSTS[:3]
        reads = method in ("GET", "HEAD")
        may = (
            place in ("same-origin", "none", None) if reads else origin == ORIGINS[0] and place in ("same-origin", None)
        )
        if not is_ours:
            assert status == 421, given
        elif not may:
            assert status == 403, (method, given)
        elif ("GET" if reads else method) not in [one.method for one in WAYS if one.path == way.path]:
            assert status == 405, (method, way)
        else:
            assert status in ((200, 401) if "anyone" in way.roles else (401,)), (method, way, status)
        count += 1
    assert count == len(WAYS) * 6 * 7 * 5 * 5


def test_a_page_that_another_site_leads_to_is_asked_for_once_more_from_here(site: Served) -> None:
    led = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    answer = site.ask("GET", f"/c/{RIVER}?x=1", "", **led)
    assert f'content="0;url=/c/{RIVER}?x=1"' in answer.text
    assert site.ask("GET", f"/c/{RIVER}", "").status == 401


def test_a_link_is_good_once_and_its_cookie_is_out_of_reach(site: Served) -> None:
    path = site.link().removeprefix(site.address)
    first, second = site.ask("GET", path), site.ask("GET", path)
    assert (first.status, second.status) == (200, 401)
    assert 'http-equiv="refresh" content="0;url=/"' in first.text
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert str(site.port) in cookie, "two servers of one machine share their cookies"
    assert "set-cookie" not in second.headers
    assert site.entered == [OWNER]


def test_a_token_is_long_and_nobody_who_was_turned_out_comes_back() -> None:
    doors = Doors()
    token = doors.invite(GUESTS["rater"] or OWNER, once=False)
    assert len(token) >= 43
    one, other = doors.enter(token), doors.enter(token)
    assert one
    assert other
    assert one[0] != other[0]
    assert doors.who([one[0]], ("rater",)) == GUESTS["rater"]
    assert doors.who([one[0]], ("owner",)) is None
    doors.turn_out(one[1])
    assert doors.who([one[0], other[0]], ("rater",)) is None
    assert doors.enter(token) is None


def test_what_is_too_large_or_no_form_is_refused(site: Served) -> None:
    cookie = site.cookie()
    assert site.ask("POST", f"/c/{RIVER}/say", cookie, "words=" + "x" * LARGEST_BODY).status == 413
    assert site.ask("POST", f"/c/{RIVER}/say", cookie, "words=%ff").status == 400
    assert site.ask("POST", f"/c/{RIVER}/say", cookie, None).status == 400
    assert site.ask("POST", f"/c/{RIVER}/say", cookie, "&".join(f"f{n}=1" for n in range(400))).status == 400


def test_the_list_is_narrowed_by_the_address_and_comes_in_pages(site: Served) -> None:
    cookie = site.cookie()
    talks = {f"{n:016x}": talk_of(title=f"Number {n}") for n in range(0x100, 0x100 + 60)}
    site.run(put_all(site.store, **talks))
    site.run(site.store.close(RIVER, "all said"))
    first, last = site.ask("GET", "/", cookie).text, site.ask("GET", "/?page=2", cookie).text
    assert first.count("<li data-id") == 50
    assert last.count("<li data-id") == 11
    assert site.ask("GET", "/?page=99", cookie).text.count("<li data-id") == 11
    for query, count in (
        ("text=number+30", 10),  # 300 to 309
        ("text=NUMBER", 50),
        ("status=closed", 1),
        ("status=open&page=2", 10),
        ("form=debate", 0),
        ("form=talk&voice=person", 50),
        ("voice=openai", 0),
        ("series=x", 0),
    ):
        assert site.ask("GET", f"/?{query}", cookie).text.count("<li data-id") == count, query
    assert site.ask("GET", "/?text=no+such+words", cookie).text.count("No conversation is like that") == 1


def test_a_search_leads_to_the_turn(site: Served) -> None:
    answer = site.ask("GET", "/search?words=RIVER", site.cookie())
    assert f'href="/c/{RIVER}#t1"' in answer.text
    assert "1 turn in which" in answer.text


def test_a_turn_says_what_it_took(site: Served) -> None:
    identity = "00000000000000ca"
    call = Call(0, "Ada", "anthropic:claude-sonnet-4-5", "d", outcome="open")
    done = Call(
        0, "Ada", call.voice, "d", outcome="done", model="claude-sonnet-4-5-2", input=1200, output=34, cached=1000,
        reasoning=5, first_ms=800, total_ms=2100,
    )  # fmt: skip
    parts = (Thought("Hmm, *careful*."), Text("Yes."))

    async def record() -> None:
        await site.store.start(identity, talk_of())
        number = await site.store.begin(identity, call)
        stored = await site.store.read(identity)
        turn = Turn("Ada", parts, ("Bo",), "length", ("spoke for Bo",))
        await site.store.append(identity, 0, turn, link(stored.digest, as_json(turn)), (number, done))

    site.run(record())
    text = site.ask("GET", f"/c/{identity}", site.cookie()).text
    for words in (
        "claude-sonnet-4-5-2",
        "1,200 tokens (1,000 tokens cached)",
        "34 tokens (5 tokens thinking)",
        "first word 0.8 s",
        "in all 2.1 s",
        "cut off by the length limit; spoke for Bo",
        "to Bo only",
        "<summary>Thought</summary>",
        "<em>careful</em>",
    ):
        assert words in text, words
    assert re.search(r"cost \$0\.00\d\d", text)


def test_what_does_not_exist_is_said_so(site: Served) -> None:
    cookie = site.cookie()
    for path in (
        "/c/ffff",
        "/c/..%2f",
        "/nowhere",
        "/static/nothing.js",
        "/static/../app.py",
        f"/compare?a={RIVER}&b=f",
    ):
        assert site.ask("GET", path, cookie).status == 404, path
    assert site.ask("GET", f"/c/{RIVER}/t/99/raw", cookie).status == 400
    assert site.ask("GET", f"/c/{RIVER}/t/1/view?as=Nobody", cookie).status == 400
    assert site.ask("GET", f"/c/{RIVER}/t/{'9' * 40}/raw", cookie).status == 400
    assert site.ask("HEAD", f"/c/{RIVER}/live", cookie).status == 200


def test_words_go_on_record_only_after_those_that_the_page_had(site: Served) -> None:
    cookie, path = site.cookie(), f"/c/{RIVER}/say"
    assert site.ask("POST", path, cookie, "words=Late&after=1").status == 409
    assert site.ask("POST", path, cookie, "words=+&after=2").status == 400
    assert site.ask("POST", path, cookie, "words=Hello&after=2&as=Nobody").status == 400
    assert site.ask("POST", path, cookie, "words=Please+go+on.&after=2&to=Bo").status == 204
    last = site.run(site.store.read(RIVER)).transcript.turns[-1]
    assert last == said("chair", "Please go on.", heard_by=("Bo",))


def test_a_fork_and_an_edit_lead_to_a_new_conversation(site: Served) -> None:
    cookie = site.cookie()
    fork = site.ask("POST", f"/c/{RIVER}/fork", cookie, "at=1")
    assert fork.status == 201
    edit = site.ask("POST", f"/c/{RIVER}/t/2/edit", cookie, "words=Perhaps.%0D%0AYes.&title=Milder")
    identity = edit.headers["location"].removeprefix("/c/").partition("#")[0]
    stored = site.run(site.store.read(identity))
    assert stored.transcript.turns[-1] == said("Bo", "Perhaps.\nYes.", marks=("edited",))
    assert stored.transcript.heading.title == "Milder"
    text = site.ask("GET", f"/c/{identity}", cookie).text
    assert "2/2" in text
    assert f'href="/c/{RIVER}#t2"' in text
    tree = site.ask("GET", f"/c/{identity}/tree", cookie).text
    assert tree.count("<li class") == 3
    both = site.ask("GET", f"/compare?a={RIVER}&b={identity}", cookie).text
    assert "1 turn in common" in both
    assert "Perhaps." in both
    assert site.ask("POST", f"/c/{RIVER}/t/2/edit", cookie, "words=No.").status == 400


def test_the_exact_request_is_shown(site: Served) -> None:
    text = site.ask("GET", f"/c/{RIVER}/t/2/view?as=Bo", site.cookie()).text
    assert "You are Bo." in text
    assert "no request is on record for this turn" in text


def wait_for_link(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return re.findall(r"http\S+", process.stdout.readline())[0]


def test_a_server_ends_within_three_seconds_though_tabs_are_open(tmp_path: Path) -> None:
    where = tmp_path / "moot.db"

    async def prepare() -> None:
        async with open_store(where) as store:
            await store.start(RIVER, talk_of(said("Ada", "Hello.")))

    asyncio.run(prepare())
    command = [sys.executable, "-m", "moot", "serve", "--port", "0", "--db", str(where)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        link = wait_for_link(process)
        port = int(link.split(":")[2].partition("/")[0])
        head = f"Host: 127.0.0.1:{port}\r\nConnection: close\r\n"
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            plain.sendall(f"GET {link.partition(str(port))[2]} HTTP/1.1\r\n{head}\r\n".encode())
            cookie = re.findall(r"set-cookie: ([^;]+)", plain.makefile().read())[0]
        viewers = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(5)]
        for viewer in viewers:
            viewer.sendall(f"GET /c/{RIVER}/live HTTP/1.1\r\n{head}Cookie: {cookie}\r\n\r\n".encode())
            assert b"200 OK" in viewer.recv(4096)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
        took = time.monotonic() - begun
        for viewer in viewers:
            viewer.close()
    finally:
        process.kill()
        _, troubles = process.communicate()
    assert took < 3, took
    assert code == 128 + signal.SIGTERM
    assert troubles == ""


def test_elsewhere_than_at_this_machine_is_listened_only_when_asked_by_name() -> None:
    command = [sys.executable, "-m", "moot", "serve", "--port", "0", "--host", "0.0.0.0"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 2
    assert "--allow-remote" in run.stderr
    assert run.stdout == ""


def test_a_port_that_is_taken_is_named(site: Served) -> None:
    command = [sys.executable, "-m", "moot", "serve", "--port", str(site.port)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 2
    assert f"nobody can listen at 127.0.0.1:{site.port}" in run.stderr
