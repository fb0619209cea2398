"""The one table of doors: every HTTP route and every frame, and who may use it. Nothing opens without a row here.

A caller passes when his role is in `who`. A token also needs the row's scope; without a scope the door takes no tokens. Whoever
comes with a cookie, or with nothing, needs the form's `csrf` for everything but reading. What a person may see or do with one
object (his own receipt, his own draft) is checked where the object is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.accounts.model import Caller, Role, Scope
from gateway.doors import (
    ANYONE,
    BIDDERS,
    FRAME,
    MEMBERS,
    OPERATORS,
    STAFF,
    Door,
    Who,
)
from gateway.errors import Code
from gateway.money_doors import MONEY_ROWS

_API: Final = (
    Door("GET", "/api/openapi.json", ANYONE, Scope.READ),
    Door("GET", "/api/v1/key", ANYONE, Scope.READ),
    Door("GET", "/api/v1/lots", ANYONE, Scope.READ),
    Door("POST", "/api/v1/lots", OPERATORS, Scope.DESK),
    Door("GET", "/api/v1/lots/{lot}", ANYONE, Scope.READ),
    Door("GET", "/api/v1/lots/{lot}/events", ANYONE, Scope.READ),
    Door("GET", "/api/v1/lots/{lot}/chain", ANYONE, Scope.READ),
    Door("POST", "/api/v1/lots/{lot}/bids", BIDDERS, Scope.BID),
    Door("GET", "/api/v1/lots/{lot}/commands/{id}", MEMBERS, Scope.READ),
    Door("POST", "/api/v1/lots/{lot}/admission", BIDDERS, Scope.BID),
    Door("GET", "/api/v1/lots/{lot}/bidders", STAFF, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/bidders", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/desk/pauses", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/desk/resumptions", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/pause", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/resume", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/void", OPERATORS, Scope.DESK),
    Door("GET", "/api/v1/lots/{lot}/void-requests", STAFF, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/void-requests", STAFF, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/void-requests/{request}", STAFF, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/withdraw", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/rules/preview", frozenset({Role.SELLER, *STAFF}), Scope.DESK),
    Door("GET", "/api/v1/me", MEMBERS, Scope.READ),
    Door("POST", "/api/v1/me/password", MEMBERS),
    Door("GET", "/api/v1/me/bids", MEMBERS, Scope.READ),
    Door("GET", "/api/v1/me/receipts/{lot}/{seq}", MEMBERS, Scope.READ),
    Door("GET", "/api/v1/tokens", MEMBERS),
    Door("POST", "/api/v1/tokens", MEMBERS),
    Door("DELETE", "/api/v1/tokens/{id}", MEMBERS),
)

_FORMATS: Final = (
    Door("POST", "/api/v1/sessions", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/takes", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/lots/{lot}/envelopes", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/lots/{lot}/best-bid", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/lots/{lot}/priority", BIDDERS, Scope.BID),
    # Officers and assessors are named in the terms of a session: the handler, and the rule, let nobody else through.
    Door("GET", "/api/v1/lots/{lot}/boxes", MEMBERS),
    Door("POST", "/api/v1/lots/{lot}/shares", MEMBERS),
    Door("POST", "/api/v1/lots/{lot}/scores", MEMBERS),
    Door("POST", "/api/v1/lots/{lot}/refusals", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/exclusions", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/lots/{lot}/extension", OPERATORS, Scope.DESK),
    Door("GET", "/me/opening-key", MEMBERS),
    Door("GET", "/api/v1/me/officer-key", MEMBERS, Scope.READ),
    Door("PUT", "/api/v1/me/officer-key", MEMBERS),
)

_HEALTH: Final = (
    Door("GET", "/livez", ANYONE, Scope.READ),
    Door("GET", "/readyz", ANYONE, Scope.READ),
    Door("GET", "/metrics", STAFF, Scope.READ),
)

_PAGES: Final = (
    Door("GET", "/static/{path}", ANYONE),
    Door("GET", "/", ANYONE),
    Door("GET", "/lots/{lot}", ANYONE),
    Door("GET", "/lots/{lot}/room", ANYONE),
    Door("POST", "/lots/{lot}/bids", BIDDERS),
    Door("POST", "/lots/{lot}/takes", BIDDERS),
    Door("POST", "/lots/{lot}/admission", BIDDERS),
    Door("GET", "/login", ANYONE),
    Door("POST", "/login", ANYONE),
    Door("GET", "/register", ANYONE),
    Door("POST", "/register", ANYONE),
    Door("POST", "/logout", ANYONE),
    Door("POST", "/language", ANYONE),
    Door("GET", "/verify", ANYONE),
    Door("GET", "/me/bids", MEMBERS),
    Door("GET", "/me/tokens", MEMBERS),
    Door("POST", "/me/tokens", MEMBERS),
    Door("GET", "/receipts/{lot}/{seq}", MEMBERS),
    Door("GET", "/desk", STAFF),
    Door("GET", "/desk/lots/new", OPERATORS),
    Door("POST", "/desk/lots/new", OPERATORS),
    Door("GET", "/desk/sessions/new", OPERATORS),
    Door("POST", "/desk/sessions/new", OPERATORS),
    Door("GET", "/desk/drafts/{id}", STAFF),
    Door("POST", "/desk/drafts/{id}", OPERATORS),
    Door("GET", "/desk/lots/{lot}", STAFF),
    Door("POST", "/desk/lots/{lot}", OPERATORS),
    Door("POST", "/desk/lots/{lot}/void", STAFF),
    Door("POST", "/desk/lots/{lot}/acts", OPERATORS),
    Door("GET", "/desk/halting", OPERATORS),
    Door("POST", "/desk/halting", OPERATORS),
)

_BOARD: Final = (
    Door("GET", "/board", ANYONE),
    Door("GET", "/board/notices/{notice}", ANYONE),
    Door("GET", "/board/notices/{notice}/record.json", ANYONE),
    Door("GET", "/board/notices/{notice}/qr.svg", ANYONE),
    Door("GET", "/board/notices/{notice}/availability", ANYONE),
    Door("GET", "/board/shown/{digest}", ANYONE),
    Door("GET", "/board/deals/lots/{lot}", ANYONE),
    Door("GET", "/board/deals/listings/{listing}/{no}", ANYONE),
    Door("GET", "/board/feed.atom", ANYONE),
    Door("GET", "/board/feed.json", ANYONE),
    Door("GET", "/board/widget", ANYONE),
    Door("GET", "/board/widget.js", ANYONE),
    Door("GET", "/board/embed", ANYONE),
    Door("GET", "/wall", ANYONE),
    Door("GET", "/board/wall.json", ANYONE),
)

_LIVE: Final = (
    Door("GET", "/live", ANYONE, Scope.READ),
    Door(FRAME, "join", ANYONE, Scope.READ),
    Door(FRAME, "leave", ANYONE, Scope.READ),
    Door(FRAME, "hall", ANYONE, Scope.READ),
    Door(FRAME, "ping", ANYONE, Scope.READ),
    Door(FRAME, "bid", BIDDERS, Scope.BID),
    Door(FRAME, "status", MEMBERS, Scope.READ),
)

_ACHIEVEMENTS: Final = (
    Door("GET", "/api/v1/achievements/{id}", ANYONE, Scope.READ),
    Door("GET", "/api/v1/achievements/{id}/versions", ANYONE, Scope.READ),
    Door("GET", "/api/v1/achievements/{id}/nda", ANYONE, Scope.READ),
    Door("POST", "/api/v1/achievements/{id}/nda", BIDDERS, Scope.BID),
    Door("GET", "/api/v1/achievements/{id}/signatures", MEMBERS, Scope.DESK),
    Door("GET", "/api/v1/me/achievements", BIDDERS, Scope.READ),
    Door("GET", "/api/v1/desk/achievements", STAFF, Scope.DESK),
    Door("POST", "/api/v1/achievements", BIDDERS, Scope.DESK),
    Door("GET", "/api/v1/achievements/{id}/draft", MEMBERS, Scope.DESK),
    Door("POST", "/api/v1/achievements/{id}/draft", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/achievements/{id}/acts", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("POST", "/api/v1/achievements/{id}/files", BIDDERS, Scope.DESK),
    Door("DELETE", "/api/v1/achievements/{id}/files/{file}", BIDDERS, Scope.DESK),
    Door("GET", "/achievements/{id}", ANYONE),
    Door("GET", "/achievements/{id}/nda", ANYONE),
    Door("POST", "/achievements/{id}/nda", BIDDERS),
    Door("GET", "/achievements/{id}/history", ANYONE),
    Door("GET", "/achievements/{id}/files/{file}", ANYONE),
    Door("GET", "/console", BIDDERS),
    Door("POST", "/console/achievements", BIDDERS),
    Door("GET", "/console/achievements/{id}", BIDDERS),
    Door("POST", "/console/achievements/{id}", BIDDERS),
    Door("GET", "/console/achievements/{id}/steps/{step}", BIDDERS),
    Door("POST", "/console/achievements/{id}/steps/{step}", BIDDERS),
    Door("GET", "/console/achievements/{id}/rights/{place}", BIDDERS),
    Door("POST", "/console/achievements/{id}/rights/{place}", BIDDERS),
    Door("POST", "/console/achievements/{id}/files", BIDDERS),
    Door("POST", "/console/achievements/{id}/files/{file}", BIDDERS),
    Door("GET", "/desk/achievements", STAFF),
    Door("GET", "/desk/achievements/{id}", STAFF),
    Door("POST", "/desk/achievements/{id}", OPERATORS),
)

_PARTIES: Final = (
    Door("GET", "/api/v1/me/party", BIDDERS, Scope.READ),
    Door("POST", "/api/v1/me/party", BIDDERS),
    Door("POST", "/api/v1/me/party/submit", BIDDERS),
    Door("POST", "/api/v1/me/party/bank-account", BIDDERS),
    Door("POST", "/api/v1/me/party/invitations", BIDDERS),
    Door("POST", "/api/v1/me/party/accept", BIDDERS),
    Door("POST", "/api/v1/me/party/members", BIDDERS),
    Door("POST", "/api/v1/me/party/relations", BIDDERS),
    Door("POST", "/api/v1/me/party/agents", BIDDERS),
    Door("POST", "/api/v1/me/party/broker", BIDDERS),
    Door("GET", "/api/v1/desk/parties", STAFF, Scope.DESK),
    Door("GET", "/api/v1/desk/parties/waiting", STAFF, Scope.DESK),
    Door("POST", "/api/v1/desk/parties/{party}", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/desk/parties/{party}/broker", OPERATORS, Scope.DESK),
    Door("GET", "/api/v1/desk/agents", STAFF, Scope.DESK),
    Door("POST", "/api/v1/desk/agents", OPERATORS, Scope.DESK),
    Door("GET", "/me/party", BIDDERS),
    Door("POST", "/me/party", BIDDERS),
    Door("GET", "/invitations/{secret}", ANYONE),
    Door("POST", "/invitations/{secret}", BIDDERS),
    Door("GET", "/desk/parties", STAFF),
    Door("POST", "/desk/parties", OPERATORS),
    Door("GET", "/desk/parties/{party}", STAFF),
    Door("POST", "/desk/parties/{party}", OPERATORS),
)
_LISTINGS: Final = (
    Door("GET", "/api/v1/listings", ANYONE, Scope.READ),
    Door("POST", "/api/v1/listings", BIDDERS, Scope.DESK),
    Door("GET", "/api/v1/listings/{listing}", ANYONE, Scope.READ),
    Door("POST", "/api/v1/listings/{listing}/watch", BIDDERS, Scope.READ),
    Door("DELETE", "/api/v1/listings/{listing}/watch", BIDDERS, Scope.READ),
    Door("POST", "/api/v1/listings/{listing}/resubmit", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/revise", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/price", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/withdraw", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/publish", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/return", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/refuse", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/suspend", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/resume", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/terminate", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/intents", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/correct", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/withdraw", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/review", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/answer", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/settle", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/intents/{no}/disqualify", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/take", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/takings", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/takings/{no}/confirm", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/offers", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/offers/{no}/withdraw", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/offers/{no}/accept-counter", BIDDERS, Scope.BID),
    Door("POST", "/api/v1/listings/{listing}/offers/{no}/accept", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/offers/{no}/reject", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/offers/{no}/counter", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/deals/{no}/signing", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/listings/{listing}/deals/{no}/default", OPERATORS, Scope.DESK),
    Door("GET", "/api/v1/me/listings", BIDDERS, Scope.READ),
    Door("GET", "/api/v1/desk/listings", STAFF, Scope.DESK),
    Door("GET", "/console/listings", BIDDERS),
    Door("POST", "/console/listings", BIDDERS),
    Door("GET", "/console/listings/drafts/{id}/{step}", BIDDERS),
    Door("POST", "/console/listings/drafts/{id}/{step}", BIDDERS),
    Door("GET", "/console/listings/{listing}", BIDDERS),
    Door("POST", "/console/listings/{listing}", BIDDERS),
    Door("GET", "/listings", ANYONE),
    Door("GET", "/listings/{listing}", ANYONE),
    Door("POST", "/listings/{listing}", BIDDERS),
    Door("GET", "/me/listings", BIDDERS),
    Door("GET", "/calendar", ANYONE),
    Door("GET", "/calendar.ics", ANYONE),
    Door("GET", "/desk/listings", STAFF),
    Door("GET", "/desk/listings/{listing}", STAFF),
    Door("POST", "/desk/listings/{listing}", OPERATORS),
)
_NOTICES: Final = (
    Door("GET", "/api/v1/notices", ANYONE, Scope.READ),
    Door("POST", "/api/v1/notices", BIDDERS, Scope.DESK),
    Door("GET", "/api/v1/notices/{notice}", ANYONE, Scope.READ),
    Door("POST", "/api/v1/notices/{notice}/objections", ANYONE),
    Door("POST", "/api/v1/notices/{notice}/resubmit", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/approve", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/publish", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/correct", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/revise", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/withdraw", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/confirm", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/contract", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/archive", BIDDERS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/return", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/terminate", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/gaps", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/objections/{no}/receive", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/objections/{no}/panel", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/objections/{no}/extend", OPERATORS, Scope.DESK),
    Door("POST", "/api/v1/notices/{notice}/objections/{no}/decide", OPERATORS, Scope.DESK),
    Door("GET", "/api/v1/me/publicity", BIDDERS, Scope.READ),
    Door("GET", "/api/v1/me/ladder", BIDDERS, Scope.READ),
    Door("POST", "/api/v1/me/ladder", BIDDERS, Scope.DESK),
    Door("GET", "/api/v1/desk/publicity", STAFF, Scope.DESK),
    Door("GET", "/console/notices", BIDDERS),
    Door("POST", "/console/notices", BIDDERS),
    Door("GET", "/console/notices/drafts/{id}/{step}", BIDDERS),
    Door("POST", "/console/notices/drafts/{id}/{step}", BIDDERS),
    Door("POST", "/console/notices/drafts/{id}/files", BIDDERS),
    Door("GET", "/console/notices/{notice}", BIDDERS),
    Door("POST", "/console/notices/{notice}", BIDDERS),
    Door("GET", "/console/notices/{notice}/files/{file}", BIDDERS),
    Door("GET", "/console/approvals", BIDDERS),
    Door("POST", "/console/approvals", BIDDERS),
    Door("GET", "/notices/{notice}/objection", ANYONE),
    Door("POST", "/notices/{notice}/objection", ANYONE),
    Door("GET", "/objections", ANYONE),
    Door("POST", "/objections", ANYONE),
    Door("GET", "/objections/{id}", ANYONE),
    Door("POST", "/objections/{id}", ANYONE),
    Door("POST", "/objections/{id}/files", ANYONE),
    Door("GET", "/desk/notices", STAFF),
    Door("GET", "/desk/notices/{notice}", STAFF),
    Door("POST", "/desk/notices/{notice}", OPERATORS),
    Door("GET", "/desk/objections/{id}/files/{file}", STAFF),
)
_CATALOGUE: Final = (
    Door("GET", "/api/v1/catalogue", ANYONE, Scope.READ),
    Door("GET", "/api/v1/needs", ANYONE, Scope.READ),
    Door("POST", "/api/v1/needs", BIDDERS, Scope.DESK),
    Door("GET", "/api/v1/needs/{id}", ANYONE, Scope.READ),
    Door("GET", "/api/v1/needs/{id}/matches", ANYONE, Scope.READ),
    Door("POST", "/api/v1/needs/{id}/acts", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("GET", "/api/v1/achievements/{id}/matches", ANYONE, Scope.READ),
    Door("GET", "/api/v1/me/needs", BIDDERS, Scope.READ),
    Door("GET", "/api/v1/me/searches", MEMBERS, Scope.READ),
    Door("POST", "/api/v1/me/searches", MEMBERS, Scope.DESK),
    Door("DELETE", "/api/v1/me/searches/{id}", MEMBERS, Scope.DESK),
    Door("GET", "/api/v1/me/notices", MEMBERS, Scope.READ),
    Door("POST", "/api/v1/me/notices/read", MEMBERS, Scope.DESK),
    Door("GET", "/api/v1/me/imports", frozenset({*BIDDERS, *OPERATORS}), Scope.READ),
    Door("GET", "/api/v1/me/imports/{id}", frozenset({*BIDDERS, *OPERATORS}), Scope.READ),
    Door("POST", "/api/v1/me/imports", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("POST", "/api/v1/me/imports/{id}/acts", frozenset({*BIDDERS, *OPERATORS}), Scope.DESK),
    Door("GET", "/catalogue", ANYONE),
    Door("GET", "/catalogue/feed.json", ANYONE),
    Door("POST", "/catalogue/searches", MEMBERS),
    Door("GET", "/me/searches", MEMBERS),
    Door("POST", "/me/searches", MEMBERS),
    Door("GET", "/achievements/{id}/matches", ANYONE),
    Door("POST", "/matches/dismiss", MEMBERS),
    Door("GET", "/me/notices", MEMBERS),
    Door("POST", "/me/notices", MEMBERS),
    Door("GET", "/needs", ANYONE),
    Door("GET", "/needs/{id}", ANYONE),
    Door("GET", "/me/needs", BIDDERS),
    Door("GET", "/me/needs/new", BIDDERS),
    Door("POST", "/me/needs/new", BIDDERS),
    Door("GET", "/me/needs/{id}", BIDDERS),
    Door("POST", "/me/needs/{id}", BIDDERS),
    Door("GET", "/desk/needs", STAFF),
    Door("GET", "/desk/needs/{id}", STAFF),
    Door("POST", "/desk/needs/{id}", OPERATORS),
    Door("GET", "/imports/template", ANYONE),
    Door("GET", "/me/imports", frozenset({*BIDDERS, *OPERATORS})),
    Door("POST", "/me/imports", frozenset({*BIDDERS, *OPERATORS})),
    Door("GET", "/me/imports/{id}", frozenset({*BIDDERS, *OPERATORS})),
    Door("POST", "/me/imports/{id}", frozenset({*BIDDERS, *OPERATORS})),
)


_EVIDENCE: Final = (
    Door("POST", "/api/v1/evidence", MEMBERS, Scope.READ),
    Door("GET", "/api/v1/evidence/{number}", MEMBERS, Scope.READ),
    Door("GET", "/evidence/deals/{kind}/{id}", MEMBERS),
    Door("POST", "/evidence/deals/{kind}/{id}", MEMBERS),
    Door("GET", "/evidence/{number}/archive.zip", MEMBERS, Scope.READ),
    Door("GET", "/evidence/{number}/document.pdf", MEMBERS, Scope.READ),
    Door("GET", "/desk/evidence", STAFF),
    Door("GET", "/verify/evidence/{number}", ANYONE),
    Door("POST", "/verify/evidence/{number}", ANYONE),
    Door("GET", "/verify/notice", ANYONE),
    Door("GET", "/verify/notice/{number}", ANYONE),
    Door("POST", "/verify/notice/{number}", ANYONE),
    Door("GET", "/certificates/{number}/certificate.pdf", ANYONE, Scope.READ),
    Door("GET", "/certificates/{number}/statement.json", ANYONE, Scope.READ),
)


PRICERS: Final[Who] = frozenset({*BIDDERS, *OPERATORS})
"""Who may ask what something may be worth; what was asked is seen by who asked and by staff."""

_PRICING: Final = (
    Door("POST", "/api/v1/pricing/quotes", PRICERS, Scope.DESK),
    Door("POST", "/api/v1/pricing/what-if", PRICERS, Scope.DESK),
    Door("GET", "/api/v1/pricing/quotes/{id}", MEMBERS, Scope.DESK),
    Door("POST", "/api/v1/pricing/quotes/{id}/recompute", MEMBERS, Scope.DESK),
    Door("POST", "/api/v1/pricing/quotes/{id}/decisions", PRICERS, Scope.DESK),
    Door("POST", "/api/v1/pricing/fairness", MEMBERS, Scope.DESK),
    Door("GET", "/api/v1/pricing/calibration", ANYONE, Scope.READ),
    Door("GET", "/api/v1/pricing/index", ANYONE, Scope.READ),
    Door("GET", "/api/v1/pricing/models/{number}", ANYONE, Scope.READ),
    Door("GET", "/api/v1/surveillance/cases", STAFF, Scope.DESK),
    Door("POST", "/api/v1/surveillance/cases/{id}/verdicts", STAFF, Scope.DESK),
    Door("GET", "/pricing", ANYONE),
    Door("GET", "/pricing/new", PRICERS),
    Door("POST", "/pricing/new", PRICERS),
    Door("GET", "/me/quotes", PRICERS),
    Door("GET", "/pricing/quotes/{id}", MEMBERS),
    Door("POST", "/pricing/quotes/{id}", MEMBERS),
    Door("GET", "/pricing/quotes/{id}/report.pdf", MEMBERS),
    Door("GET", "/desk/pricing", STAFF),
    Door("POST", "/desk/pricing", OPERATORS),
    Door("GET", "/desk/surveillance", STAFF),
    Door("GET", "/desk/surveillance/{id}", STAFF),
    Door("POST", "/desk/surveillance/{id}", STAFF),
)

ROWS: Final = (
    *MONEY_ROWS,
    *_PRICING,
    *_EVIDENCE,
    *_BOARD,
    *_CATALOGUE,
    *_ACHIEVEMENTS,
    *_API,
    *_FORMATS,
    *_HEALTH,
    *_PAGES,
    *_LIVE,
    *_LISTINGS,
    *_NOTICES,
    *_PARTIES,
)


class DoorsUnsound(Exception):
    """Two rows for one door, or a route that nobody gave a row: the application does not start."""


def index_of(rows: Iterable[Door]) -> Mapping[tuple[str, str], Door]:
    """Return the rows by (method, path).

    Raises:
        DoorsUnsound: two rows for one door.
    """
    found: dict[tuple[str, str], Door] = {}
    for row in rows:
        if (row.method, row.path) in found:
            raise DoorsUnsound(f"two rows for {row.method} {row.path}")
        found[(row.method, row.path)] = row
    return found


DOORS: Final = index_of(ROWS)


def find_door(method: str, path: str) -> Door | None:
    """Return the row of a route or frame. HEAD goes where GET goes."""
    return DOORS.get(("GET" if method == "HEAD" else method, path))


def judge(door: Door, caller: Caller) -> Code | None:
    """Return why the caller may not pass, None if he may."""
    if caller.role not in door.who:
        return Code.UNAUTHENTICATED if caller.account is None else Code.FORBIDDEN
    if caller.token and (door.scope is None or door.scope not in caller.scopes):
        return Code.FORBIDDEN
    return None


def may_send(frame: str, caller: Caller) -> bool:
    """Tell whether the caller may send frames of this type."""
    door = find_door(FRAME, frame)
    return door is not None and judge(door, caller) is None
