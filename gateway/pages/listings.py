"""The market of listings: search, one listing with what its terms mean, the buyer's way from application to deal, own list, calendar."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from aiohttp import web

from engine.catalogue.codes.regions import prefix_of
from engine.journal.codec import decode_event
from engine.journal.streams import LISTINGS
from engine.rules.listing.public_history import public_event
from engine.rules.listing.state import IntentPhase, ListingState
from engine.rules.listing.terms import OfferedMode, SaleWay
from engine.rules.listing.visibility import buyers_listing, public_listing, staff_listing
from gateway.agencies import agencies
from gateway.doors import BIDDERS
from gateway.errors import Code, Refused
from gateway.http.api import listing_wishes as w
from gateway.http.api import listings as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.asking import CALLER, origin_of
from gateway.http.commands import outcome_of
from gateway.listings.asking import find_visible, is_seller
from gateway.pages.i18n import language_of
from gateway.pages.listing_desk import Problem
from gateway.pages.listing_words import price_words, sentences
from gateway.pages.rendering import page, see_other
from gateway.pages.typed import command_id, digits, must_be_digits, optional_yuan, yuan
from gateway.parties.names import names_of
from gateway.services import SERVICES, Services

A_PAGE: Final = 20
TAIL: Final = 300
SHOWN_PHASES: Final = ("listed", "bidding", "deciding", "deal", "signed", "ended", "suspended")
ASKED_TWICE: Final = frozenset({"take", "withdraw_intent", "accept_counter"})
"""What makes or ends something at once."""
STEPPER: Final = ("under_review", "seller_asked", "deposit_due", "admitted")
"""The way of an application, as the buyer sees it."""


async def show_market(request: web.Request) -> web.Response:
    """GET /listings."""
    services, query = request.app[SERVICES], request.query
    chosen = {name: query.get(name, "")[:100] for name in ("words", "field", "region", "mode", "phase")}
    found = await services.listings.search(
        words=chosen["words"], field=chosen["field"], region=prefix_of(chosen["region"]),
        mode=chosen["mode"] if chosen["mode"] in set(OfferedMode) else "",
        phases=[chosen["phase"]] if chosen["phase"] in SHOWN_PHASES else [],
        newest=query.get("sort") == "newest", after=query.get("after", "")[:80], limit=A_PAGE,
    )  # fmt: skip
    return page(
        request, "listings/market.html", found=found, chosen=chosen, sort=query.get("sort", ""), now_us=services.now_us,
        modes=[mode.value for mode in OfferedMode], phases=SHOWN_PHASES,
    )  # fmt: skip


async def show_one(request: web.Request) -> web.Response:
    """GET /listings/{listing}."""
    state = await find_visible(request.app[SERVICES], request[CALLER], request.match_info["listing"])
    return await _one_page(request, state, None, {})


async def act_on_one(request: web.Request) -> web.Response:
    """POST /listings/{listing}: a buyer's act; buying and stepping back are asked twice."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_visible(services, caller, request.match_info["listing"])
    form = await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if act in ASKED_TWICE and form.get("sure") != "1":
        must_be_digits(typed)
        return await _one_page(request, state, None, {**typed, "ask": act})
    path = {**request.match_info, **({"no": typed["no"]} if typed.get("no", "").isdigit() else {})}
    try:
        await _ACTS[act](Call(services, caller, origin_of(request), path), typed)
    except RefusedByEngine as refused:
        return await _one_page(request, state, Problem(outcome_of(refused.receipt), refused.receipt.data), typed)
    except Refused as refused:
        return await _one_page(request, state, Problem(refused.code.value, refused.data), typed)
    return see_other(
        str(form.get("next", "")) if form.get("next") == "/me/listings" else f"/listings/{state.listing_id}"
    )


async def show_own(request: web.Request) -> web.Response:
    """GET /me/listings: applications, deals and the watch list, each with what comes next."""
    services, caller = request.app[SERVICES], request[CALLER]
    own = await api.own(Call(services, caller, origin_of(request), request.match_info))
    principals = await names_of(services, [principal for _, principal in agencies(caller)])
    return page(request, "listings/own.html", own=own, principals=principals, now_us=services.now_us)


async def _one_page(
    request: web.Request, state: ListingState, problem: Problem | None, typed: dict[str, str]
) -> web.Response:
    services, caller, language = request.app[SERVICES], request[CALLER], language_of(request)
    seen = public_listing(state) or staff_listing(state).listing
    party_id = None
    if caller.account is not None and caller.role in BIDDERS:
        party_id = caller.party_on(state.listing_id)
    mine = None if party_id is None else buyers_listing(state, party_id)
    intent = mine.intents[-1] if mine is not None and mine.intents else None
    return page(
        request, "listings/one.html", 200 if problem is None else 409, state=state, seen=seen, mine=mine, intent=intent,
        problem=problem, typed=typed, sentences=sentences(state.terms, language),
        price=price_words(state.terms, state.price, language), history=await _history(services, state),
        checklist=await _checklist(request, state, party_id, intent), seller=is_seller(caller, state), stepper=STEPPER,
        watching=party_id is not None and await services.listings.watches(caller.party_id, state.listing_id),
        command_id=typed.get("command_id") or str(uuid.uuid4()), now_us=services.now_us,
        posted=state.terms.way is SaleWay.POSTED, open_licence=state.terms.way is SaleWay.OPEN_LICENCE,
        open_intent=intent is not None and intent.phase not in _OVER,
    )  # fmt: skip


_OVER: Final = frozenset(
    phase.value
    for phase in (
        IntentPhase.REFUSED,
        IntentPhase.LAPSED,
        IntentPhase.WITHDRAWN,
        IntentPhase.DISQUALIFIED,
        IntentPhase.UNSUCCESSFUL,
    )
)


async def _history(services: Services, state: ListingState) -> list[Any]:
    rows = await services.pool.fetch(_EVENTS, LISTINGS.stream(state.listing_id), TAIL)
    lines = [
        public_event(row["stream_seq"], row["at_us"], decode_event(row["type"], row["version"], row["body"]))
        for row in rows
    ]
    return [line for line in lines if line is not None]


_EVENTS: Final = (
    "SELECT stream_seq, at_us, type, version, body FROM event WHERE stream = $1 ORDER BY stream_seq DESC LIMIT $2"
)


class Check(NamedTuple):
    """One line of the checklist before an application or a session. `address`: where what is missing can be mended."""

    word: str
    met: bool
    address: str = ""


async def _checklist(request: web.Request, state: ListingState, party_id: Any, intent: Any) -> list[Check]:
    """Return what a visitor needs before he may apply and, once he has, before the session opens."""
    services, caller = request.app[SERVICES], request[CALLER]
    if caller.account is None:
        return [Check("login", False, f"/login?next=/listings/{state.listing_id}")]
    if party_id is None:
        return [Check("staff", False)]
    if party_id == state.seller_id:
        return [Check("seller", False, f"/console/listings/{state.listing_id}")]
    party = await services.parties.read(party_id)
    found = [Check("verified", party is not None and party.verified, "/me/party")]
    if state.terms.deposit is not None:
        found.append(Check("bank", await services.parties.bank_account(party_id) is not None, "/me/party"))
    if state.terms.foreign_blocked:
        found.append(Check("foreign", party is not None and not party.foreign))
    if intent is not None and intent.phase in _IN_PLAY:
        found.append(Check("form", intent.phase not in ("under_review", "correction")))
        found.append(Check("answer", intent.phase in ("deposit_due", "admitted")))
        if state.terms.deposit is not None:
            deposit = f"/me/deposits/{state.listing_id}.{intent.intent_no}" if intent.phase == "deposit_due" else ""
            found.append(Check("deposit", intent.phase == "admitted", deposit))
        found.append(Check("code", intent.code is not None))
    return found


_IN_PLAY: Final = frozenset({"under_review", "correction", "seller_asked", "disputed", "deposit_due", "admitted"})


async def _apply(call: Call, typed: dict[str, str]) -> Any:
    wish = w.IntentWish(
        id=command_id(typed), quote=optional_yuan(typed, "quote"), statement=typed.get("statement", "")[:4_000],
        related=typed.get("related", "")[:200],
    )  # fmt: skip
    return await api.register_intent(call, wish)


async def _correct(call: Call, typed: dict[str, str]) -> Any:
    quote = optional_yuan(typed, "quote")
    return await api.correct_intent(
        call, w.CorrectionWish(id=command_id(typed), quote=quote, statement=typed.get("statement", "")[:4_000])
    )


async def _withdraw(call: Call, typed: dict[str, str]) -> Any:
    return await api.withdraw_intent(call, w.StepBackWish(id=command_id(typed)))


async def _take(call: Call, typed: dict[str, str]) -> Any:
    return await api.take(call, w.TakeWish(id=command_id(typed), price=digits(typed, "price")))


async def _notify(call: Call, typed: dict[str, str]) -> Any:
    proof = typed.get("payment_proof", "").strip()[:200]
    if not proof:
        raise Refused(Code.MALFORMED, fields="payment_proof")
    return await api.notify_taking(call, w.TakingWish(id=command_id(typed), payment_proof=proof))


async def _offer(call: Call, typed: dict[str, str]) -> Any:
    amount = yuan(typed, "amount")
    return await api.make_offer(call, w.OfferWish(id=command_id(typed), amount=amount))


async def _withdraw_offer(call: Call, typed: dict[str, str]) -> Any:
    return await api.withdraw_offer(call, w.StepBackWish(id=command_id(typed)))


async def _accept_counter(call: Call, typed: dict[str, str]) -> Any:
    return await api.accept_counter(call, w.OfferAnswerWish(id=command_id(typed), amount=digits(typed, "amount")))


async def _watch(call: Call, _typed: dict[str, str]) -> Any:
    return await api.watch(call)


async def _unwatch(call: Call, _typed: dict[str, str]) -> Any:
    return await api.unwatch(call)


_ACTS: Final[dict[str, Callable[[Call, dict[str, str]], Awaitable[Any]]]] = {
    "apply": _apply,
    "correct": _correct,
    "withdraw_intent": _withdraw,
    "take": _take,
    "notify": _notify,
    "offer": _offer,
    "withdraw_offer": _withdraw_offer,
    "accept_counter": _accept_counter,
    "watch": _watch,
    "unwatch": _unwatch,
}

ROUTES = [
    web.get("/listings", show_market),
    web.get("/listings/{listing}", show_one),
    web.post("/listings/{listing}", act_on_one),
    web.get("/me/listings", show_own),
]
