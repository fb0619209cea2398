"""Endpoints that everybody uses: lots, their public record, bids, admission."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from engine.evidence.receipts import Outcome, chain_document, public_key_text, receipt_of
from engine.journal.codec import decode_event
from engine.rules.auction.commands import AdmitBidder
from engine.rules.auction.formats.showing import hides_end, public_rules
from engine.rules.auction.terms import Admission
from engine.rules.rejections import Reject
from engine.rules.visibility import history_row, public_lot, you
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call, RefusedByEngine, accepted_view
from gateway.http.api.views import (
    AdmissionView,
    CommandView,
    EventsView,
    KeyView,
    LotsView,
    LotView,
    command_view,
    terms_view,
)
from gateway.http.api.wishes import AdmissionWish, BidWish, EventsQuery, LotsQuery
from gateway.http.commands import ask, find_lot, take_bid


async def key(call: Call) -> KeyView:
    """The market's public key."""
    return KeyView(call.services.config.market_name, "Ed25519", public_key_text(call.services.signing_key))


async def lots(call: Call, query: LotsQuery) -> LotsView:
    """Search the hall."""
    page = await call.services.hall.search(
        words=query.q,
        field=query.field,
        region=query.region,
        phases=[phase for phase in query.phase.split(",") if phase],
        sort=query.sort,
        after=query.after,
        limit=query.limit,
    )
    return LotsView(page.lots, page.next)


async def lot(call: Call) -> LotView:
    """One lot as it stands now."""
    state = await find_lot(call.services, call.lot_id)
    account = call.caller.account
    return LotView(
        epoch=call.services.engine.epoch(state.lot_id),
        live=public_lot(state),
        subject=state.subject,
        achievement=state.achievement,
        terms=terms_view(state.terms, hides_end=hides_end(state)),
        rules=None if state.play is None else public_rules(state.play.terms),
        you=None if account is None else you(state, call.caller.party_on(state.lot_id)),
    )


async def events(call: Call, query: EventsQuery) -> EventsView:
    """A page of a lot's public record."""
    state = await find_lot(call.services, call.lot_id)
    records = await call.services.reader.lot_events(state.lot_id, query.after, query.limit)
    play = None if state.play is None else state.play.terms
    rows = [history_row(r.stream_seq, r.at_us, decode_event(r.type, r.version, r.body), play) for r in records]
    return EventsView(
        [row for row in rows if row is not None], records[-1].stream_seq if len(records) == query.limit else None
    )


async def chain(call: Call) -> dict[str, Any]:
    """The public digest chain of a lot."""
    state = await find_lot(call.services, call.lot_id)
    contents = await call.services.reader.lot_contents(state.lot_id)
    return chain_document(state.lot_id, contents, call.services.config.market_name)


async def place_bid(call: Call, wish: BidWish) -> CommandView:
    """Place a bid."""
    arrived_at_us = call.services.now_us
    take_bid(call.services, call.caller)
    state = await find_lot(call.services, call.lot_id)
    command = wish.command(call.caller.party_on(state.lot_id))
    receipt = await ask(call.services, call.caller, state.lot_id, command, wish.id.bytes, arrived_at_us=arrived_at_us)
    return accepted_view(receipt)


async def command(call: Call) -> CommandView:
    """What became of one of the caller's own commands."""
    try:
        command_id = UUID(call.path["id"]).bytes
    except ValueError:
        raise Refused(Code.MALFORMED, fields="id") from None
    record = await call.services.reader.find_command(call.lot_id, command_id, call.caller.party_on(call.lot_id))
    if record is None:
        raise Refused(Code.NOT_FOUND)
    return command_view(receipt_of(record), call.path["id"])


async def admission(call: Call, wish: AdmissionWish) -> AdmissionView:
    """Ask for a bidder code: given at once where admission is open, asked of the operator elsewhere."""
    services, party_id = call.services, call.caller.party_on(call.lot_id)
    state = await find_lot(services, call.lot_id)
    known = state.codes.get(party_id)
    if known is not None:
        return AdmissionView("admitted", known)
    if state.phase.is_final:
        raise Refused(Reject.ENDED)
    if party_id == state.seller_id:
        raise Refused(Reject.SELLER_MAY_NOT_BID)
    if state.terms.admission is Admission.LISTING:
        raise Refused(Reject.NOT_ADMITTED)
    if state.terms.admission is Admission.APPROVED:
        await services.admissions.ask(state.lot_id, party_id)
        return AdmissionView("asked", None)
    receipt = await ask(services, call.caller, state.lot_id, AdmitBidder(bidder_id=party_id), wish.id.bytes)
    if receipt.decision is Outcome.ACCEPTED:
        return AdmissionView("admitted", accepted_view(receipt).code)
    if receipt.code is Reject.ALREADY_ADMITTED:  # a second tab was faster
        return AdmissionView("admitted", str(receipt.data["code"]))
    raise RefusedByEngine(receipt)
