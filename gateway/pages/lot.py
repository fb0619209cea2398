"""The lot page: everything about one lot, its rules in plain words, its history, and the way in."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web
from msgspec import Struct

from engine.journal.codec import decode_event
from engine.journal.records import Record
from engine.rules.auction import events as e
from engine.rules.auction.clearing.descending import runs_us, steps_of
from engine.rules.auction.commands import AdmitBidder, PlaceBid
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.commands import TakePrice
from engine.rules.auction.formats.falling import standing_price
from engine.rules.auction.formats.showing import hides_end
from engine.rules.auction.formats.terms import Ascending, clock_of, is_sell_off
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Admission
from engine.rules.rejections import Reject
from engine.rules.visibility import HistoryRow, history_row, public_lot, you
from engine.values import Amount, InstantUs, LotId, group_of, parse_amount, parse_digits
from gateway.accounts.model import Caller
from gateway.doors import BIDDERS
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER
from gateway.http.commands import ask, find_lot, take_bid
from gateway.pages.format_words import format_sentences
from gateway.pages.i18n import language_of
from gateway.pages.plain_words import increment_words, sentences
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services

ROWS_SHOWN = 100
TAIL = 400
INCIDENTS_MAX = 200
INCIDENT_TYPES = tuple(
    e.WIRE_NAMES[kind][0]
    for kind in (
        e.LotPaused, e.LotInterrupted, e.OutageCompensated, e.ResumeScheduled, e.LotResumed, e.ClosingShifted, e.LotVoided,
        e.LotWithdrawn, fe.BidderExcluded, fe.LotExtended, fe.OpeningLate, fe.BidRefusedUnopened,
    )
)  # fmt: skip
"""Events of the public incident log."""


async def show_lot(request: web.Request) -> web.Response:
    """GET /lots/{lot}."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_lot(services, request.match_info["lot"])
    return page(request, "lot.html", **await lot_context(request, services, caller, state))


async def lot_context(request: web.Request, services: Services, caller: Caller, state: LotState) -> dict[str, Any]:
    """Return what the lot page and the room have in common."""
    language = language_of(request)
    own = you(state, caller.party_on(state.lot_id)) if caller.account is not None else None
    asked = caller.account is not None and await services.admissions.has_asked(
        state.lot_id, caller.party_on(state.lot_id)
    )
    return {
        "lot": public_lot(state),
        "subject": state.subject,
        "terms": state.terms,
        "achievement": state.achievement,
        "rules": sentences(state.terms, language)
        if state.play is None
        else [*_open_terms(state, language), *format_sentences(state.terms, state.play.terms, language)],
        "increment": increment_words(state.terms, language),
        "rows": list(reversed(await history(services, state))),
        "incidents": await incidents(services, state),
        "you": own,
        "may_bid": caller.role in BIDDERS and caller.party_on(state.lot_id) != state.seller_id,
        "asked": asked,
        "now_us": services.now_us,
        "falling": falling_now(state, services.now_us),
        "round_no": 1 if state.play is None else state.play.terms.round_no,
        "sell_off": state.play is not None and is_sell_off(state.play.terms),
        "rounds_after": await services.hall.after(state.lot_id),
        "command_id": str(uuid.uuid4()),
    }


class FallingNow(Struct, frozen=True):
    """The falling price as it stood when the page was made: until when, and by how much it falls then (None at the floor)."""

    price: Amount
    until_us: InstantUs | None
    step: Amount
    at_floor: bool


def falling_now(state: LotState, now_us: int) -> FallingNow | None:
    """Return the price that stands on the clock; None where no clock runs."""
    if state.play is None or state.closes_at_us is None:
        return None
    clock, price = clock_of(state.play.terms), standing_price(state, InstantUs(now_us))
    if clock is None or price is None:
        return None
    started_us = state.closes_at_us - runs_us(clock)
    fallen = max(0, now_us - started_us) // clock.step_us
    at_floor = fallen >= steps_of(clock)
    until_us = InstantUs(started_us + (fallen + 1) * clock.step_us)
    # At a secret floor neither the end nor that it is the floor is told.
    hidden = at_floor and hides_end(state)
    return FallingNow(price, None if hidden else until_us, clock.step, at_floor and not hidden)


def _open_terms(state: LotState, language: str) -> list[str]:
    """Return the sentences of an ascending session that has rights of priority or further rounds; none for other formats."""
    ascending = state.play is not None and isinstance(state.play.terms.format, Ascending)
    return sentences(state.terms, language)[:-2] if ascending else []


async def incidents(services: Services, state: LotState) -> list[HistoryRow]:
    """Return what did not go its usual way, oldest first, from the whole record: halts, exclusions, more time, voids, with reasons."""
    play = None if state.play is None else state.play.terms
    rows = [
        history_row(record.stream_seq, record.at_us, decode_event(record.type, record.version, record.body), play)
        for record in await incident_records(services, state.lot_id)
    ]
    return [row for row in rows if row is not None]


async def incident_records(services: Services, lot_id: LotId) -> list[Record]:
    """Return the records of the incident log, oldest first."""
    return await services.reader.lot_of_types(lot_id, INCIDENT_TYPES, INCIDENTS_MAX)


async def history(services: Services, state: LotState) -> list[HistoryRow]:
    """Return the newest public rows of a lot, oldest of them first."""
    play = None if state.play is None else state.play.terms
    records = await services.reader.lot_tail(state.lot_id, TAIL)
    rows = [
        history_row(record.stream_seq, record.at_us, decode_event(record.type, record.version, record.body), play)
        for record in records
    ]
    return [row for row in rows if row is not None][-ROWS_SHOWN:]


async def join_lot(request: web.Request) -> web.Response:
    """POST /lots/{lot}/admission: get a bidder code, or ask the operator for one."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_lot(services, request.match_info["lot"])
    party_id = caller.party_on(state.lot_id)
    if party_id == state.seller_id:
        raise Refused(Reject.SELLER_MAY_NOT_BID)
    if state.terms.admission is Admission.LISTING:
        return see_other(f"/listings/{group_of(state.lot_id)}")
    if state.terms.admission is Admission.OPEN:
        receipt = await ask(services, caller, state.lot_id, AdmitBidder(bidder_id=party_id), uuid.uuid4().bytes)
        if receipt.code not in (None, Reject.ALREADY_ADMITTED):
            assert receipt.code is not None
            raise Refused(receipt.code, **receipt.data)
    elif party_id not in state.codes:
        await services.admissions.ask(state.lot_id, party_id)
    room = (await request.post()).get("room")
    return see_other(f"/lots/{state.lot_id}{'/room' if room else ''}")


async def bid_by_form(request: web.Request) -> web.Response:
    """POST /lots/{lot}/bids: a bid without JavaScript. Sent twice, the hidden command id makes it one bid."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_lot(services, request.match_info["lot"])
    form = await request.post()
    command_id = _command_id(str(form.get("command_id", "")))
    amount = _read(state, str(form.get("amount", "")))
    maximum = _read(state, str(form.get("maximum", "")))
    bid = PlaceBid(
        bidder_id=caller.party_on(state.lot_id),
        amount=amount,
        maximum=maximum,
        confirmed_jump=form.get("confirm") == "1",
    )
    take_bid(services, caller)
    receipt = await ask(services, caller, state.lot_id, bid, command_id)
    context = await lot_context(request, services, caller, await find_lot(services, state.lot_id))
    return page(request, "bid_result.html", receipt=receipt, bid=bid, **context)


async def take_by_form(request: web.Request) -> web.Response:
    """POST /lots/{lot}/takes: accept the falling price without JavaScript, never at more than the page showed."""
    services, caller = request.app[SERVICES], request[CALLER]
    state = await find_lot(services, request.match_info["lot"])
    form = await request.post()
    shown, quantity = str(form.get("shown", "")), str(form.get("quantity", "1")).strip() or "1"
    amount = parse_digits(shown)
    if amount is None or not (quantity.isascii() and quantity.isdigit() and len(quantity) < 6):
        raise Refused(Code.MALFORMED, fields="shown, quantity")
    command_id = _command_id(str(form.get("command_id", "")))
    take = TakePrice(bidder_id=caller.party_on(state.lot_id), shown=amount, quantity=int(quantity))
    take_bid(services, caller)
    receipt = await ask(services, caller, state.lot_id, take, command_id)
    context = await lot_context(request, services, caller, await find_lot(services, state.lot_id))
    event = receipt.event
    paid = event.price if isinstance(event, fe.PriceTaken) else None
    return page(request, "take_result.html", receipt=receipt, take=take, paid=paid, **context)


def _command_id(text: str) -> bytes:
    try:
        return uuid.UUID(text).bytes
    except ValueError:
        raise Refused(Code.MALFORMED, fields="command_id") from None


def _read(state: LotState, text: str) -> Amount | None:
    plain = text.strip().replace(",", "").replace("\uff0c", "")
    if not plain:
        return None
    amount = parse_amount(plain, state.terms.currency)
    if amount is None:
        raise Refused(Reject.AMOUNT_OUT_OF_RANGE)
    return amount


ROUTES = [
    web.get("/lots/{lot}", show_lot),
    web.post("/lots/{lot}/admission", join_lot),
    web.post("/lots/{lot}/bids", bid_by_form),
    web.post("/lots/{lot}/takes", take_by_form),
]
