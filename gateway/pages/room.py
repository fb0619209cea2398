"""The live room: the same page for a browser without JavaScript and, enhanced, for one with it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from aiohttp import web
from markupsafe import Markup

from engine.rules.auction.formats.showing import public_rules
from engine.rules.auction.formats.terms import Weighted
from engine.rules.auction.state import LotState
from engine.values import PartyId
from gateway.accounts.model import Caller
from gateway.http.asking import CALLER
from gateway.http.commands import find_lot
from gateway.pages.i18n import browser_texts, language_of
from gateway.pages.lot import lot_context
from gateway.pages.rendering import page
from gateway.services import SERVICES, Services


async def show_room(request: web.Request) -> web.Response:
    """GET /lots/{lot}/room."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_lot(services, request.match_info["lot"])
    context = await lot_context(request, services, caller, state)
    language = language_of(request)
    data = room_data(services, state, context, language, caller)
    return page(
        request, "room.html", room_data=embedded(data), room_texts=embedded_text(browser_texts(language)), **context
    )


def room_data(
    services: Services, state: LotState, context: dict[str, Any], language: str, caller: Caller
) -> dict[str, Any]:
    """Return what the browser starts from: the snapshot at a sequence number, and how to connect."""
    terms, party = state.terms, None if caller.account is None else caller.party_id
    return {
        "lot": state.lot_id,
        "epoch": services.engine.epoch(state.lot_id),
        "seq": state.seq,
        "server_us": services.now_us,
        "live": msgspec.to_builtins(context["lot"]),
        "rows": [msgspec.to_builtins(row) for row in reversed(context["rows"])],
        "you": None if context["you"] is None else msgspec.to_builtins(context["you"]),
        "currency": {"code": terms.currency.code, "exponent": terms.currency.exponent},
        "proxy": terms.proxy,
        "proxy_lowering": terms.proxy_lowering,
        "language": language,
        "may_bid": bool(context["may_bid"]),
        "signed_in": caller.account is not None,
        "live_port": services.config.live_port,
        "live_public_url": services.config.live_public_url,
        "start_price": str(terms.start_price),
        "rules": None if state.play is None else msgspec.to_builtins(public_rules(state.play.terms)),
        "officer": _officer_place(state, party),
        "assessor": _is_assessor(state, party),
    }


def _officer_place(state: LotState, party: PartyId | None) -> int | None:
    """Return the visitor's place among those who open sealed bids, None for everybody else."""
    opening = None if state.play is None else state.play.terms.opening
    people = [] if opening is None else [one.party for one in (*opening.officers, opening.recovery)]
    return people.index(party) if party in people else None


def _is_assessor(state: LotState, party: PartyId | None) -> bool:
    kind = None if state.play is None else state.play.terms.format
    return isinstance(kind, Weighted) and party in kind.assessors


def embedded(value: Any) -> Markup:
    """Return JSON that is safe inside a script element of type application/json."""
    return embedded_text(json.dumps(value, ensure_ascii=False))


def embedded_text(text: str) -> Markup:
    """Return JSON text with everything escaped that could end the element."""
    safe = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(safe)  # noqa: S704 - JSON in which nothing can end the script element


ROUTES = [web.get("/lots/{lot}/room", show_room)]
