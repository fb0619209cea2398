"""The operator's desk for listed trade: what waits, with its age, and everything about one listing on one page.

A form becomes the same wish as over REST. Acts that cannot be taken back are asked twice, without JavaScript too: the first click shows
what follows.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from aiohttp import web
from multidict import MultiDictProxy

from engine.journal.codec import decode_event
from engine.journal.streams import LISTINGS
from engine.rules.listing.commands import Side, Verdict
from engine.rules.listing.events import LISTING_WIRE_NAMES
from engine.rules.listing.state import DealPhase, IntentPhase, ListingPhase, ListingState
from engine.rules.listing.visibility import staff_listing
from gateway.errors import Code, Refused
from gateway.formatting import until
from gateway.http.api import listing_wishes as w
from gateway.http.api import listings as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.wishes import ReasonWish
from gateway.http.asking import CALLER, network_of, origin_of
from gateway.http.commands import outcome_of
from gateway.listings.asking import find_listing
from gateway.pages.i18n import language_of
from gateway.pages.listing_words import price_words, sentences
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES, Services

TAIL: Final = 200
FINAL_ACTS: Final = frozenset({"refuse", "terminate", "disqualify", "default_buyer", "default_seller", "settle_no"})
"""Asked twice."""
Form = MultiDictProxy[Any]


class Problem(NamedTuple):
    """Why an act was refused, beside what was typed."""

    code: str
    data: dict[str, str | int]


async def show_queues(request: web.Request) -> web.Response:
    """GET /desk/listings."""
    services = request.app[SERVICES]
    queues, coming = await api.queues(_call(request)), await _coming(services)
    rows = await services.listings.by_id(sorted({listing for _, dues in coming for _, _, listing in dues}))
    parties = [
        *(row.buyer_id for row in (*queues.to_review, *queues.disputed)),
        *(row.buyer_id for row in queues.to_sign),
    ]
    return page(
        request, "listing_desk/queues.html", queues=queues, names=await names_of(services, parties),
        counts=await services.listings.count_by_phase(), now_us=services.now_us, coming=coming,
        titles={name: (row.title_zh, row.title_en) for name, row in rows.items()},
    )  # fmt: skip


async def show_one(request: web.Request) -> web.Response:
    """GET /desk/listings/{listing}."""
    state = await find_listing(request.app[SERVICES], request.match_info["listing"])
    return await _one_page(request, state, None, {}, "")


async def act_on_one(request: web.Request) -> web.Response:
    """POST /desk/listings/{listing}: one of the acts; what is final is confirmed first."""
    state = await find_listing(request.app[SERVICES], request.match_info["listing"])
    form = await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if act in FINAL_ACTS and form.get("sure") != "1":
        return await _one_page(request, state, None, typed, act)
    try:
        await _ACTS[act](_call(request, typed), typed)
    except RefusedByEngine as refused:
        problem = Problem(outcome_of(refused.receipt), refused.receipt.data)
        return await _one_page(request, state, problem, typed, "")
    except Refused as refused:
        return await _one_page(request, state, Problem(refused.code.value, refused.data), typed, "")
    return see_other(f"/desk/listings/{state.listing_id}")


async def _one_page(
    request: web.Request, state: ListingState, problem: Problem | None, typed: dict[str, str], sure: str
) -> web.Response:
    services, language = request.app[SERVICES], language_of(request)
    seen = staff_listing(state)
    await services.accounts.note(request[CALLER], network_of(request), "listing.read", state.listing_id)
    deposits = {
        intent.intent_no: deposit
        for intent in seen.intents
        if (deposit := await services.settling.deposits.read(f"{state.listing_id}.{intent.intent_no}")) is not None
    }
    rows = await services.pool.fetch(_EVENTS, LISTINGS.stream(state.listing_id), TAIL)
    events = [(row, decode_event(row["type"], row["version"], row["body"])) for row in rows]
    parties = {
        state.seller_id,
        *(i.buyer for i in seen.intents),
        *(o.buyer for o in seen.offers),
        *(d.buyer for d in seen.deals),
    }
    return page(
        request, "listing_desk/one.html", 200 if problem is None else 409,
        state=state, seen=seen, sentences=sentences(state.terms, language), deposits=deposits,
        price=price_words(state.terms, state.price, language), events=[_event_row(row, event) for row, event in events],
        names=await names_of(services, parties), problem=problem, typed=typed, sure=sure,
        command_id=typed.get("command_id") if sure else str(uuid.uuid4()), now_us=services.now_us,
    )  # fmt: skip


_EVENTS: Final = "SELECT * FROM event WHERE stream = $1 ORDER BY stream_seq DESC LIMIT $2"


def _event_row(row: Any, event: Any) -> dict[str, Any]:
    name = LISTING_WIRE_NAMES[type(event)][0].removeprefix("listing.")
    reason = getattr(event, "reason", "") or getattr(event, "reject", "")
    no = next(
        (value for n in ("intent_no", "offer_no", "deal_no", "taking_no") if (value := getattr(event, n, None))), None
    )
    return {
        "seq": row["stream_seq"], "at_us": row["at_us"], "name": name, "no": no, "reason": str(reason),
        "actor": row["actor"], "digest": row["digest"].hex(),
    }  # fmt: skip


async def _coming(services: Services) -> list[tuple[str, list[tuple[int, str, str]]]]:
    """Return what falls due in the next thirty days: day -> (instant, kind, listing), soonest first."""
    until_us = services.now_us + 30 * 86_400_000_000
    found: list[tuple[int, str, str]] = []
    for state in services.engine.listings.states():
        dues = [("period", state.discloses_until_us if state.phase is ListingPhase.LISTED else None)]
        dues.append(("decision", state.decides_at_us if state.phase is ListingPhase.DECIDING else None))
        dues.append(("session", state.session_opens_at_us if state.phase is ListingPhase.BIDDING else None))
        dues += [("sign", deal.sign_by_us) for deal in state.deals if deal.phase is DealPhase.STRUCK]
        dues += [("deposit", i.due_us) for i in state.intents if i.phase is IntentPhase.DEPOSIT_DUE]
        found += [
            (due_us, kind, state.listing_id) for kind, due_us in dues if due_us is not None and due_us <= until_us
        ]
    days: dict[str, list[tuple[int, str, str]]] = {}
    for due in sorted(found):
        days.setdefault(until(due[0])[:10], []).append(due)
    return list(days.items())


def _call(request: web.Request, typed: dict[str, str] | None = None) -> Call:
    path = {**request.match_info, **({"no": typed["no"]} if typed and typed.get("no", "").isdigit() else {})}
    return Call(request.app[SERVICES], request[CALLER], origin_of(request), path)


def _id(typed: dict[str, str]) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get("command_id", ""))
    except ValueError:
        return uuid.uuid4()


def _reason(typed: dict[str, str]) -> str:
    return (typed.get("reason", "").strip() or typed.get("ready", "").strip())[:500]


def _with_reason(act: Callable[[Call, ReasonWish], Awaitable[Any]]) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await act(call, _reason_wish(typed))

    return send


def _reason_wish(typed: dict[str, str]) -> ReasonWish:
    reason = _reason(typed)
    if not reason:
        raise Refused(Code.MALFORMED, fields="reason")
    return ReasonWish(id=_id(typed), reason=reason)


def _review(verdict: Verdict) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await api.review_intent(call, w.ReviewWish(id=_id(typed), verdict=verdict, reason=_reason(typed)))

    return send


def _settle(qualifies: bool) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        reason, authority = _reason_wish(typed).reason, typed.get("authority", "").strip()[:200]
        if not authority:
            raise Refused(Code.MALFORMED, fields="authority")
        wish = w.SettleWish(id=_id(typed), qualifies=qualifies, authority=authority, reason=reason)
        return await api.settle_intent(call, wish)

    return send


def _default(side: Side) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        wish = w.DefaultWish(id=_id(typed), side=side, reason=_reason_wish(typed).reason)
        return await api.record_default(call, wish)

    return send


async def _publish(call: Call, typed: dict[str, str]) -> Any:
    return await api.publish(call, w.PublishListingWish(id=_id(typed)))


async def _sign(call: Call, typed: dict[str, str]) -> Any:
    contract = typed.get("contract_ref", "").strip()[:200]
    if not contract:
        raise Refused(Code.MALFORMED, fields="contract_ref")
    return await api.record_signing(call, w.SigningWish(id=_id(typed), contract_ref=contract))


async def _confirm_taking(call: Call, typed: dict[str, str]) -> Any:
    wish = w.TakingAnswerWish(id=_id(typed), paid=typed.get("paid") == "1", reason=_reason(typed))
    return await api.confirm_taking(call, wish)


_ACTS: Final[dict[str, Callable[[Call, dict[str, str]], Awaitable[Any]]]] = {
    "publish": _publish,
    "return": _with_reason(api.send_back),
    "refuse": _with_reason(api.refuse),
    "suspend": _with_reason(api.suspend),
    "resume": _with_reason(api.resume),
    "terminate": _with_reason(api.terminate),
    "review_pass": _review(Verdict.PASS),
    "review_correction": _review(Verdict.CORRECTION),
    "review_refuse": _review(Verdict.REFUSE),
    "settle_yes": _settle(True),
    "settle_no": _settle(False),
    "disqualify": _with_reason(api.disqualify),
    "taking": _confirm_taking,
    "sign": _sign,
    "default_buyer": _default(Side.BUYER),
    "default_seller": _default(Side.SELLER),
}

ROUTES = [
    web.get("/desk/listings", show_queues),
    web.get("/desk/listings/{listing}", show_one),
    web.post("/desk/listings/{listing}", act_on_one),
]
