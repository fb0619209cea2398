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
from gateway.errors import Code
from gateway.http.app import build_app, check_doors
from gateway.live.messages import ClientFrame
from gateway.live.visitors import visitor_of
from gateway.permissions import DOORS, FRAME, ROWS, Door, DoorsUnsound, find_door, index_of, judge, may_send
from gateway.services import Services
from tests.gateway.conftest import HERE, Person, Town

REVIEWED = Path(__file__).with_name("reviewed_doors.txt").read_text(encoding="utf-8")
"""Every door as it was last looked at by a person; its first lines say how it is read."""
LETTERS = {"a": None, "b": Role.BIDDER, "s": Role.SELLER, "o": Role.OPERATOR, "v": Role.SUPERVISOR, "r": Role.REGISTRAR}
# a: anonymous, b: bidder, s: seller, o: operator, v: supervisor; then the scope of tokens, `-` where none opens it.
REVIEWED = """
POST   /api/v1/pricing/quotes            bso   desk
POST   /api/v1/pricing/what-if           bso   desk
GET    /api/v1/pricing/quotes/{id}       bsov  desk
POST   /api/v1/pricing/quotes/{id}/recompute bsov  desk
POST   /api/v1/pricing/quotes/{id}/decisions bso   desk
POST   /api/v1/pricing/fairness          bsov  desk
GET    /api/v1/pricing/calibration       absov read
GET    /api/v1/pricing/models/{number}   absov read
GET    /api/v1/surveillance/cases        ov    desk
POST   /api/v1/surveillance/cases/{id}/verdicts ov    desk
GET    /pricing                          absov -
GET    /pricing/new                      bso   -
POST   /pricing/new                      bso   -
GET    /me/quotes                        bso   -
GET    /pricing/quotes/{id}              bsov  -
POST   /pricing/quotes/{id}              bsov  -
GET    /pricing/quotes/{id}/report.pdf   bsov  -
GET    /desk/pricing                     ov    -
POST   /desk/pricing                     o     -
GET    /desk/surveillance                ov    -
GET    /desk/surveillance/{id}           ov    -
POST   /desk/surveillance/{id}           ov    -
GET    /board                            absov -
GET    /board/notices/{notice}           absov -
GET    /board/notices/{notice}/record.json absov -
GET    /board/notices/{notice}/qr.svg    absov -
GET    /board/notices/{notice}/availability absov -
GET    /board/shown/{digest}             absov -
GET    /board/deals/lots/{lot}           absov -
GET    /board/deals/listings/{listing}/{no} absov -
GET    /board/feed.atom                  absov -
GET    /board/feed.json                  absov -
GET    /board/widget                     absov -
GET    /board/widget.js                  absov -
GET    /board/embed                      absov -
GET    /wall                             absov -
GET    /board/wall.json                  absov -
POST   /api/v1/evidence                  bsov  read
GET    /api/v1/evidence/{number}         bsov  read
GET    /evidence/deals/{kind}/{id}       bsov  -
POST   /evidence/deals/{kind}/{id}       bsov  -
GET    /evidence/{number}/archive.zip    bsov  read
GET    /evidence/{number}/document.pdf   bsov  read
GET    /desk/evidence                    ov    -
GET    /verify/evidence/{number}         absov -
POST   /verify/evidence/{number}         absov -
GET    /verify/notice                    absov -
GET    /verify/notice/{number}           absov -
POST   /verify/notice/{number}           absov -
GET    /certificates/{number}/certificate.pdf absov read
GET    /certificates/{number}/statement.json absov read
GET    /console/listings                 bs    -
POST   /console/listings                 bs    -
GET    /console/listings/drafts/{id}/{step} bs    -
POST   /console/listings/drafts/{id}/{step} bs    -
GET    /console/listings/{listing}       bs    -
POST   /console/listings/{listing}       bs    -
GET    /listings                         absov -
GET    /listings/{listing}               absov -
POST   /listings/{listing}               bs    -
GET    /me/listings                      bs    -
GET    /calendar                         absov -
GET    /calendar.ics                     absov -
GET    /desk/listings                    ov    -
GET    /desk/listings/{listing}          ov    -
POST   /desk/listings/{listing}          o     -
GET    /api/v1/notices                   absov read
POST   /api/v1/notices                   bs    desk
GET    /api/v1/notices/{notice}          absov read
POST   /api/v1/notices/{notice}/objections absov -
POST   /api/v1/notices/{notice}/resubmit bs    desk
POST   /api/v1/notices/{notice}/approve  bs    desk
POST   /api/v1/notices/{notice}/publish  bs    desk
POST   /api/v1/notices/{notice}/correct  bs    desk
POST   /api/v1/notices/{notice}/revise   bs    desk
POST   /api/v1/notices/{notice}/withdraw bs    desk
POST   /api/v1/notices/{notice}/confirm  bs    desk
POST   /api/v1/notices/{notice}/contract bs    desk
POST   /api/v1/notices/{notice}/archive  bs    desk
POST   /api/v1/notices/{notice}/return   bso   desk
POST   /api/v1/notices/{notice}/terminate o     desk
POST   /api/v1/notices/{notice}/gaps     o     desk
POST   /api/v1/notices/{notice}/objections/{no}/receive o     desk
POST   /api/v1/notices/{notice}/objections/{no}/panel o     desk
POST   /api/v1/notices/{notice}/objections/{no}/extend o     desk
POST   /api/v1/notices/{notice}/objections/{no}/decide o     desk
GET    /api/v1/me/publicity              bs    read
GET    /api/v1/me/ladder                 bs    read
POST   /api/v1/me/ladder                 bs    desk
GET    /api/v1/desk/publicity            ov    desk
GET    /console/notices                  bs    -
POST   /console/notices                  bs    -
GET    /console/notices/drafts/{id}/{step} bs    -
POST   /console/notices/drafts/{id}/{step} bs    -
POST   /console/notices/drafts/{id}/files bs    -
GET    /console/notices/{notice}         bs    -
POST   /console/notices/{notice}         bs    -
GET    /console/notices/{notice}/files/{file} bs    -
GET    /console/approvals                bs    -
POST   /console/approvals                bs    -
GET    /notices/{notice}/objection       absov -
POST   /notices/{notice}/objection       absov -
GET    /objections                       absov -
POST   /objections                       absov -
GET    /objections/{id}                  absov -
POST   /objections/{id}                  absov -
POST   /objections/{id}/files            absov -
GET    /desk/notices                     ov    -
GET    /desk/notices/{notice}            ov    -
POST   /desk/notices/{notice}            o     -
GET    /desk/objections/{id}/files/{file} ov    -
GET    /api/v1/me/party                  bs    read
POST   /api/v1/me/party                  bs    -
POST   /api/v1/me/party/submit           bs    -
POST   /api/v1/me/party/bank-account     bs    -
POST   /api/v1/me/party/invitations      bs    -
POST   /api/v1/me/party/accept           bs    -
POST   /api/v1/me/party/members          bs    -
POST   /api/v1/me/party/relations        bs    -
POST   /api/v1/me/party/agents           bs    -
POST   /api/v1/me/party/broker           bs    -
GET    /api/v1/desk/parties              ov    desk
GET    /api/v1/desk/parties/waiting      ov    desk
POST   /api/v1/desk/parties/{party}      o     desk
POST   /api/v1/desk/parties/{party}/broker o     desk
GET    /api/v1/desk/agents               ov    desk
POST   /api/v1/desk/agents               o     desk
GET    /me/party                         bs    -
POST   /me/party                         bs    -
GET    /invitations/{secret}             absov -
POST   /invitations/{secret}             bs    -
GET    /desk/parties                     ov    -
POST   /desk/parties                     o     -
GET    /desk/parties/{party}             ov    -
POST   /desk/parties/{party}             o     -
GET    /api/v1/listings                  absov read
POST   /api/v1/listings                  bs    desk
GET    /api/v1/listings/{listing}        absov read
POST   /api/v1/listings/{listing}/watch  bs    read
DELETE /api/v1/listings/{listing}/watch  bs    read
POST   /api/v1/listings/{listing}/resubmit bs    desk
POST   /api/v1/listings/{listing}/revise bs    desk
POST   /api/v1/listings/{listing}/price  bs    desk
POST   /api/v1/listings/{listing}/withdraw bs    desk
POST   /api/v1/listings/{listing}/publish o     desk
POST   /api/v1/listings/{listing}/return o     desk
POST   /api/v1/listings/{listing}/refuse o     desk
POST   /api/v1/listings/{listing}/suspend o     desk
POST   /api/v1/listings/{listing}/resume o     desk
POST   /api/v1/listings/{listing}/terminate o     desk
POST   /api/v1/listings/{listing}/intents bs    bid
POST   /api/v1/listings/{listing}/intents/{no}/correct bs    bid
POST   /api/v1/listings/{listing}/intents/{no}/withdraw bs    bid
POST   /api/v1/listings/{listing}/intents/{no}/review o     desk
POST   /api/v1/listings/{listing}/intents/{no}/answer bs    desk
POST   /api/v1/listings/{listing}/intents/{no}/settle o     desk
POST   /api/v1/listings/{listing}/intents/{no}/disqualify o     desk
POST   /api/v1/listings/{listing}/take   bs    bid
POST   /api/v1/listings/{listing}/takings bs    bid
POST   /api/v1/listings/{listing}/takings/{no}/confirm bso   desk
POST   /api/v1/listings/{listing}/offers bs    bid
POST   /api/v1/listings/{listing}/offers/{no}/withdraw bs    bid
POST   /api/v1/listings/{listing}/offers/{no}/accept-counter bs    bid
POST   /api/v1/listings/{listing}/offers/{no}/accept bs    desk
POST   /api/v1/listings/{listing}/offers/{no}/reject bs    desk
POST   /api/v1/listings/{listing}/offers/{no}/counter bs    desk
POST   /api/v1/listings/{listing}/deals/{no}/signing o     desk
POST   /api/v1/listings/{listing}/deals/{no}/default o     desk
GET    /api/v1/me/listings               bs    read
GET    /api/v1/desk/listings             ov    desk
GET    /api/openapi.json                     absov read
GET    /api/v1/key                           absov read
GET    /api/v1/lots                          absov read
POST   /api/v1/lots                          o     desk
GET    /api/v1/lots/{lot}                    absov read
GET    /api/v1/lots/{lot}/events             absov read
GET    /api/v1/lots/{lot}/chain              absov read
POST   /api/v1/lots/{lot}/bids               bs    bid
GET    /api/v1/lots/{lot}/commands/{id}      bsov  read
POST   /api/v1/lots/{lot}/admission          bs    bid
GET    /api/v1/lots/{lot}/bidders            ov    desk
POST   /api/v1/sessions                      o     desk
POST   /api/v1/lots/{lot}/takes              bs    bid
POST   /api/v1/lots/{lot}/envelopes          bs    bid
POST   /api/v1/lots/{lot}/best-bid           bs    bid
POST   /api/v1/lots/{lot}/priority           bs    bid
GET    /api/v1/lots/{lot}/boxes              bsov  -
POST   /api/v1/lots/{lot}/shares             bsov  -
POST   /api/v1/lots/{lot}/scores             bsov  -
POST   /api/v1/lots/{lot}/refusals           o     desk
POST   /api/v1/lots/{lot}/exclusions         o     desk
POST   /api/v1/lots/{lot}/extension          o     desk
GET    /me/opening-key                       bsov  -
GET    /api/v1/me/officer-key                bsov  read
PUT    /api/v1/me/officer-key                bsov  -
POST   /api/v1/lots/{lot}/bidders            o     desk
POST   /api/v1/lots/{lot}/pause              o     desk
POST   /api/v1/lots/{lot}/resume             o     desk
POST   /api/v1/lots/{lot}/void               o     desk
POST   /api/v1/lots/{lot}/withdraw           o     desk
POST   /api/v1/rules/preview                 sov   desk
GET    /api/v1/me                            bsov  read
POST   /api/v1/me/password                   bsov  -
GET    /api/v1/me/bids                       bsov  read
GET    /api/v1/me/receipts/{lot}/{seq}       bsov  read
GET    /api/v1/tokens                        bsov  -
POST   /api/v1/tokens                        bsov  -
DELETE /api/v1/tokens/{id}                   bsov  -
GET    /api/v1/achievements/{id}             absov read
GET    /api/v1/achievements/{id}/versions    absov read
GET    /api/v1/achievements/{id}/nda         absov read
POST   /api/v1/achievements/{id}/nda         bs    bid
GET    /api/v1/achievements/{id}/signatures  bsov  desk
GET    /api/v1/me/achievements               bs    read
GET    /api/v1/desk/achievements             ov    desk
POST   /api/v1/achievements                  bs    desk
GET    /api/v1/achievements/{id}/draft       bsov  desk
POST   /api/v1/achievements/{id}/draft       bs    desk
POST   /api/v1/achievements/{id}/acts        bso   desk
POST   /api/v1/achievements/{id}/files       bs    desk
DELETE /api/v1/achievements/{id}/files/{file} bs    desk
GET    /achievements/{id}                    absov -
GET    /achievements/{id}/nda                absov -
POST   /achievements/{id}/nda                bs    -
GET    /achievements/{id}/history            absov -
GET    /achievements/{id}/files/{file}       absov -
GET    /console                              bs    -
POST   /console/achievements                 bs    -
GET    /console/achievements/{id}            bs    -
POST   /console/achievements/{id}            bs    -
GET    /console/achievements/{id}/steps/{step} bs    -
POST   /console/achievements/{id}/steps/{step} bs    -
GET    /console/achievements/{id}/rights/{place} bs    -
POST   /console/achievements/{id}/rights/{place} bs    -
POST   /console/achievements/{id}/files      bs    -
POST   /console/achievements/{id}/files/{file} bs    -
GET    /desk/achievements                    ov    -
GET    /desk/achievements/{id}               ov    -
POST   /desk/achievements/{id}               o     -
POST   /api/v1/bank/callbacks                -     signed
GET    /api/v1/bank/exceptions               ov    desk
POST   /api/v1/bank/exceptions/{id}/acts     o     desk
GET    /api/v1/bank/statements               ov    desk
POST   /api/v1/bank/statements               o     desk
POST   /api/v1/bank/statements/check         o     desk
GET    /api/v1/bank/days/{day}               ov    desk
GET    /api/v1/bank/payments                 ov    desk
POST   /api/v1/bank/payment-files            o     desk
GET    /desk/bank                            ov    -
GET    /desk/bank/exceptions/{id}            ov    -
POST   /desk/bank/exceptions/{id}            o     -
GET    /desk/bank/statements                 ov    -
POST   /desk/bank/statements/check           o     -
POST   /desk/bank/statements                 o     -
GET    /desk/bank/day                        ov    -
GET    /desk/bank/payments                   ov    -
POST   /desk/bank/payments                   o     -
GET    /desk/bank/payments/{number}          o     -
GET    /livez                                absov read
GET    /readyz                               absov read
GET    /metrics                              ov    read
GET    /static/{path}                        absov -
GET    /                                     absov -
GET    /lots/{lot}                           absov -
GET    /lots/{lot}/room                      absov -
POST   /lots/{lot}/bids                      bs    -
POST   /lots/{lot}/admission                 bs    -
GET    /login                                absov -
POST   /login                                absov -
GET    /register                             absov -
POST   /register                             absov -
POST   /logout                               absov -
POST   /language                             absov -
GET    /verify                               absov -
GET    /me/bids                              bsov  -
GET    /me/tokens                            bsov  -
POST   /me/tokens                            bsov  -
GET    /receipts/{lot}/{seq}                 bsov  -
GET    /desk                                 ov    -
GET    /desk/lots/new                        o     -
POST   /desk/lots/new                        o     -
GET    /desk/drafts/{id}                     ov    -
POST   /desk/drafts/{id}                     o     -
GET    /desk/lots/{lot}                      ov    -
POST   /desk/lots/{lot}                      o     -
GET    /api/v1/catalogue                     absov read
GET    /api/v1/needs                         absov read
POST   /api/v1/needs                         bs    desk
GET    /api/v1/needs/{id}                    absov read
GET    /api/v1/needs/{id}/matches            absov read
POST   /api/v1/needs/{id}/acts               bso   desk
GET    /api/v1/achievements/{id}/matches     absov read
GET    /api/v1/me/needs                      bs    read
GET    /api/v1/me/searches                   bsov  read
POST   /api/v1/me/searches                   bsov  desk
DELETE /api/v1/me/searches/{id}              bsov  desk
GET    /api/v1/me/notices                    bsov  read
POST   /api/v1/me/notices/read               bsov  desk
GET    /api/v1/me/imports                    bso   read
GET    /api/v1/me/imports/{id}               bso   read
POST   /api/v1/me/imports                    bso   desk
POST   /api/v1/me/imports/{id}/acts          bso   desk
GET    /catalogue                            absov -
GET    /catalogue/feed.json                  absov -
POST   /catalogue/searches                   bsov  -
GET    /me/searches                          bsov  -
POST   /me/searches                          bsov  -
GET    /achievements/{id}/matches            absov -
POST   /matches/dismiss                      bsov  -
GET    /me/notices                           bsov  -
POST   /me/notices                           bsov  -
GET    /needs                                absov -
GET    /needs/{id}                           absov -
GET    /me/needs                             bs    -
GET    /me/needs/new                         bs    -
POST   /me/needs/new                         bs    -
GET    /me/needs/{id}                        bs    -
POST   /me/needs/{id}                        bs    -
GET    /desk/needs                           ov    -
GET    /desk/needs/{id}                      ov    -
POST   /desk/needs/{id}                      o     -
GET    /imports/template                     absov -
GET    /me/imports                           bso   -
POST   /me/imports                           bso   -
GET    /me/imports/{id}                      bso   -
POST   /me/imports/{id}                      bso   -
GET    /api/v1/me/deals                      bsov  read
GET    /api/v1/deals/{deal}                  bsov  read
GET    /api/v1/deals/{deal}/events           bsov  read
POST   /api/v1/deals/{deal}/acts             bso   desk
GET    /api/v1/desk/deals                    ov    desk
GET    /api/v1/me/statement                  bsov  read
GET    /api/v1/desk/ledger                   ov    desk
GET    /me/deals                             bsov  -
GET    /deals/{deal}                         bsov  -
POST   /deals/{deal}                         bso   -
GET    /deals/{deal}/sign                    bsov  -
GET    /deals/{deal}/pay                     bsov  -
GET    /deals/{deal}/documents/{digest}      bsov  -
GET    /desk/deals                           ov    -
GET    /me/statement                         bsov  -
GET    /me/statement.{kind}                  bsov  -
GET    /desk/ledger                          ov    -
GET    /desk/ledger.{kind}                   ov    -
GET    /api/v1/me/deposits                   bsov  read
GET    /api/v1/me/deposits/{id}              bsov  read
POST   /api/v1/me/deposits/{id}/appeal       bs    bid
GET    /api/v1/deposits                      ov    desk
GET    /api/v1/deposits/{id}                 ov    desk
POST   /api/v1/deposits/{id}/acts            o     desk
POST   /api/v1/payouts/{order}/reissue       o     desk
GET    /me/deposits                          bsov  -
GET    /me/deposits/{id}                     bsov  -
POST   /me/deposits/{id}                     bs    -
GET    /me/deposits/{id}/statement.csv       bsov  -
GET    /desk/deposits                        ov    -
POST   /desk/deposits/problems               o     -
GET    /desk/deposits/{id}                   ov    -
POST   /desk/deposits/{id}                   o     -
GET    /desk/deposits/{id}/statement.csv     ov    -
POST   /desk/payouts/{order}                 o     -
GET    /live                                 absov read
FRAME  join                                  absov read
FRAME  leave                                 absov read
FRAME  hall                                  absov read
FRAME  ping                                  absov read
FRAME  bid                                   bs    bid
FRAME  status                                bsov  read
"""
LETTERS = {"a": None, "b": Role.BIDDER, "s": Role.SELLER, "o": Role.OPERATOR, "v": Role.SUPERVISOR}
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
