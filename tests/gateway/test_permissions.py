"""P9: every door, every kind of caller. The table is compared with one written down by hand here, and then tried on the real market."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web

from engine.values import PartyId
from gateway.accounts.model import ANONYMOUS, Account, Caller, Role, Scope
from gateway.doors import FRAME, Door
from gateway.errors import Code
from gateway.http.app import build_app, check_doors
from gateway.live.messages import ClientFrame
from gateway.live.visitors import visitor_of
from gateway.permissions import DOORS, ROWS, DoorsUnsound, find_door, index_of, judge, may_send
from gateway.services import Services
from tests.gateway.conftest import HERE, Person, Town

REVIEWED = Path(__file__).with_name("reviewed_doors.txt").read_text(encoding="utf-8")
"""Every door as it was last looked at by a person; its first lines say how it is read."""
LETTERS = {"a": None, "b": Role.BIDDER, "s": Role.SELLER, "o": Role.OPERATOR, "v": Role.SUPERVISOR, "r": Role.REGISTRAR}
REFUSALS = {Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.CSRF_FAILED, Code.ORIGIN_REFUSED}


def reviewed() -> Iterator[Door]:
    for line in REVIEWED.strip().splitlines():
        if line.startswith("#"):
            continue
        method, path, who, scope = line.split()
        letters = who.strip("-")
        roles = frozenset(LETTERS[letter] for letter in (letters + "r" if "bsov" in letters else letters))
        if scope == "signed":  # a signature opens it, no login
            yield Door(method, path, roles, signed=True)
            continue
        yield Door(method, path, roles, None if scope == "-" else Scope(scope))


# The table.


def test_the_table_is_the_reviewed_one():
    assert dict(DOORS) == dict(index_of(reviewed()))


def test_staff_never_bids():
    for door in ROWS:
        if "bid" in door.path.split("/")[-1] and door.changes and door.path.endswith("bids"):
            assert not {Role.OPERATOR, Role.SUPERVISOR, Role.REGISTRAR} & door.who


def test_two_rows_for_one_door_are_refused():
    with pytest.raises(DoorsUnsound, match="two rows"):
        index_of([*ROWS, ROWS[0]])


def test_every_frame_that_can_be_read_has_a_door():
    assert {door.path for door in ROWS if door.method == FRAME} == {
        frame.__struct_config__.tag for frame in get_args(ClientFrame)
    }


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("scope", [None, *Scope])
def test_the_live_edge_takes_frames_by_this_table(role: Role, scope: Scope | None):
    account = Account(
        id=PartyId("p" + "0" * 16),
        party=PartyId("p" + "0" * 16),
        login="x",
        display_name="x",
        role=role,
        language="zh",
        created_at_us=0,
    )
    caller = Caller(account=account)
    if scope is not None:
        caller = Caller(account=account, token="t", scopes=frozenset({scope}))
    frames = {
        door.path for door in reviewed() if door.method == FRAME and scope in (None, door.scope) and role in door.who
    }
    assert visitor_of(caller).frames == frames
    assert may_send("bid", caller) is (role in (Role.BIDDER, Role.SELLER) and scope in (None, Scope.BID))


def test_frames_without_a_row_are_sent_by_nobody():
    assert not may_send("sudo", ANONYMOUS)


# The application.


async def test_no_application_starts_with_a_route_that_has_no_row(market: Services):
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    app = build_app(market)
    app.router.add_get("/back-door", handler)
    with pytest.raises(DoorsUnsound, match="GET /back-door"):
        check_doors(app)
    app = build_app(market)
    app.router.add_route("*", "/live", handler)
    with pytest.raises(DoorsUnsound, match="live"):
        check_doors(app)


async def test_every_row_has_a_route(market: Services):
    routes = {(r.method, r.resource.canonical) for r in build_app(market).router.routes() if r.resource is not None}
    assert {(door.method, door.path) for door in ROWS if door.method != FRAME} - routes == set()


def address(door: Door) -> str:
    known = {"lot": "no-such-lot", "seq": "1", "path": "x"}
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], str(uuid4())), door.path)


async def code_of(person: Person, door: Door, **headers: str) -> str | None:
    """Send the emptiest request through a door and return the code of refusal, None if the caller passed."""
    sent = {**person.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = {name: value for name, value in sent.items() if value}
    async with person.http.request(
        door.method, person.base + address(door), headers=sent, allow_redirects=False
    ) as response:
        code = response.headers.get("X-Error-Code")
        assert response.status != 500, (door, await response.text())
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    return code if code in REFUSALS else None


HTTP_DOORS = [door for door in reviewed() if door.method != FRAME]


async def test_all_doors_all_roles_all_tokens(town: Town):
    """Every route with every kind of caller, against the table written by hand."""
    wrong: list[str] = []
    tried = 0
    for role in (None, *Role):
        person = await town.person(role)
        for door in HTTP_DOORS:
            if door.path == "/logout":
                continue  # ends the session of this walk; tried alone below
            for code, caller in [(await code_of(person, door, **_form_cookie(role)), None)]:
                expected = None if role in door.who else Code.UNAUTHENTICATED if role is None else Code.FORBIDDEN
                tried += 1
                if code != expected:
                    wrong.append(f"{role} {door.method} {door.path}: {code}, not {expected} {caller}")
        if role is None:
            continue
        for scope in Scope:
            secret = await person.token(scope)
            for door in HTTP_DOORS:
                code = await code_of(
                    person, door, Authorization=f"Bearer {secret}", Cookie="", X_CSRF_Token="", Origin=""
                )
                expected = None if role in door.who and door.scope is scope else Code.FORBIDDEN
                tried += 1
                if code != expected:
                    wrong.append(f"{role} token {scope} {door.method} {door.path}: {code}, not {expected}")
    assert wrong == []
    assert tried == (1 + len(Role)) * (len(HTTP_DOORS) - 1) + len(Role) * len(Scope) * len(HTTP_DOORS)


def _form_cookie(role: Role | None) -> dict[str, str]:
    """What an anonymous visitor's form carries."""
    return {"Cookie": "ortoo_form=" + "x" * 32, "X_CSRF_Token": "x" * 32} if role is None else {}


FORGERIES = {
    "no csrf": ({"X_CSRF_Token": ""}, Code.CSRF_FAILED),
    "wrong csrf": ({"X_CSRF_Token": "y" * 32}, Code.CSRF_FAILED),
    "csrf that is no text": ({"X_CSRF_Token": "\xff"}, Code.CSRF_FAILED),
    "another site": ({"Origin": "http://evil.example"}, Code.ORIGIN_REFUSED),
    "a site that begins alike": ({"Origin": "http://127.0.0.1.evil.example"}, Code.ORIGIN_REFUSED),
    "a sandboxed frame": ({"Origin": "null"}, Code.ORIGIN_REFUSED),
    "no origin, from another site": ({"Origin": "", "Sec_Fetch_Site": "cross-site"}, Code.ORIGIN_REFUSED),
    "no origin, from another host of the site": ({"Origin": "", "Sec_Fetch_Site": "same-site"}, Code.ORIGIN_REFUSED),
}


@pytest.mark.parametrize(("headers", "expected"), FORGERIES.values(), ids=FORGERIES.keys())
async def test_nobody_changes_anything_in_anothers_name(town: Town, headers: dict[str, str], expected: Code):
    people = {role: await town.person(role) for role in (None, *Role)}
    for door in HTTP_DOORS:
        if not door.changes:
            continue
        for role in door.who:
            cookie = _form_cookie(role) | headers
            code = await code_of(people[role], door, **cookie)
            assert code == expected, (door, role)


async def test_a_client_without_an_origin_needs_the_csrf_token_all_the_same(town: Town):
    bidder = await town.person(Role.BIDDER)
    door = find_door("POST", "/api/v1/lots/{lot}/bids")
    assert door is not None
    assert await code_of(bidder, door, Origin="") is None
    assert await code_of(bidder, door, Origin="", X_CSRF_Token="") == Code.CSRF_FAILED


async def test_the_csrf_token_of_another_session_is_refused(town: Town):
    anna, bert = await town.person(Role.BIDDER), await town.person(Role.BIDDER)
    door = find_door("POST", "/api/v1/lots/{lot}/bids")
    assert door is not None
    assert await code_of(anna, door, X_CSRF_Token=bert.headers["X-CSRF-Token"]) == Code.CSRF_FAILED


async def test_credentials_that_are_none_open_nothing(town: Town):
    anyone = await town.person(None)
    for door in HTTP_DOORS:
        for text in ("Bearer t0000000000000000.wrong", "Bearer ", "Basic eDp5", "x"):
            if door.path not in ("/livez",):
                code = await code_of(anyone, door, Authorization=text)
                assert code == Code.UNAUTHENTICATED or door.path == "/live", (door, text)


async def test_what_was_taken_back_opens_nothing(town: Town):
    bidder = await town.person(Role.BIDDER)
    assert bidder.account is not None
    secret = await bidder.token(Scope.READ)
    door = find_door("GET", "/api/v1/me")
    assert door is not None
    assert await code_of(bidder, door) is None
    assert await code_of(bidder, door, Cookie="", Authorization=f"Bearer {secret}") is None
    await town.services.accounts.disable(bidder.account.id, HERE)
    assert await code_of(bidder, door) == Code.UNAUTHENTICATED
    assert await code_of(bidder, door, Cookie="", Authorization=f"Bearer {secret}") == Code.UNAUTHENTICATED


async def test_logging_out_ends_the_session_and_not_just_the_cookie(town: Town):
    bidder = await town.person(Role.BIDDER)
    me, out = find_door("GET", "/api/v1/me"), find_door("POST", "/logout")
    assert me is not None
    assert out is not None
    assert await code_of(bidder, out) is None
    assert await code_of(bidder, me) == Code.UNAUTHENTICATED


def test_judge_tells_nobody_from_somebody():
    door = Door("GET", "/x", frozenset({Role.OPERATOR}))
    account = Account(
        id=PartyId("p" + "0" * 16),
        party=PartyId("p" + "0" * 16),
        login="x",
        display_name="x",
        role=Role.BIDDER,
        language="zh",
        created_at_us=0,
    )
    assert judge(door, ANONYMOUS) is Code.UNAUTHENTICATED
    assert judge(door, Caller(account=account)) is Code.FORBIDDEN


async def test_people_are_sent_to_the_login_page_and_back(town: Town):
    anyone = await town.person(None)
    async with anyone.http.get(anyone.base + "/me/bids?x=1&y=2", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/login?next=%2Fme%2Fbids%3Fx%3D1%26y%3D2"
    async with anyone.http.get(anyone.base + "/api/v1/me") as response:
        assert response.status == 401
        assert response.content_type == "application/problem+json"


async def test_an_anonymous_visitor_gets_a_form_that_works(town: Town):
    """Login page → cookie and hidden field → the form passes; without the cookie it does not."""
    anyone = await town.person(None)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(anyone.base + "/login") as response:
            page = await response.text()
            cookie = response.cookies["ortoo_form"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert f'value="{cookie.value}"' in page
        form = {"csrf": cookie.value, "login": "nobody", "password": "wrong"}
        async with browser.post(anyone.base + "/login", data=form, headers={"Origin": anyone.base}) as response:
            assert "X-Error-Code" not in response.headers
        browser.cookie_jar.clear()
        async with browser.post(anyone.base + "/login", data=form, headers={"Origin": anyone.base}) as response:
            assert response.headers["X-Error-Code"] == Code.CSRF_FAILED
