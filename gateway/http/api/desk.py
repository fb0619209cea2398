"""Endpoints of the operator desk: publish, admit, run. Every act is in the lot's log with its actor, and in the audit log."""

from __future__ import annotations

import secrets
from typing import Final

from msgspec import Struct

from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.auction import commands as c
from engine.rules.auction.increments import increment_at, opening_price
from engine.rules.auction.terms import terms_problems
from engine.values import Amount, LotId, PartyId
from gateway.desk.halting import Told, tell_all
from gateway.desk.publishing import seller_of, sold_achievement
from gateway.desk.voiding import needs_second_person, published
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call, accepted_view
from gateway.http.api.views import BiddersView, BidderView, CommandView, PreviewView
from gateway.http.api.wishes import (
    AdmitWish,
    CommandWish,
    PauseAllWish,
    PauseWish,
    PreviewWish,
    PublishWish,
    ReasonWish,
    ResumeAllWish,
    ResumeWish,
    VoidAloneWish,
)
from gateway.http.commands import ask, find_lot, outcome_of
from gateway.services import Services

CODE_SEEDS: Final = 900_000


class ToldView(Struct, frozen=True):
    """What each session answered to an act on many."""

    sessions: list[Told]


async def publish(call: Call, wish: PublishWish) -> CommandView:
    """Publish a lot under fixed terms."""
    seller = await seller_of(call.services, wish.seller)
    achievement = await sold_achievement(call.services, seller, wish.achievement)
    # The seed is the publisher's secret, drawn anew for each sending; the digest is of what the client meant.
    digest = request_digest(wish.meant())
    command = wish.command(secrets.randbelow(CODE_SEEDS), seller, achievement)
    receipt = await ask(call.services, call.caller, LotId(wish.lot), command, wish.id.bytes, digest=digest)
    return await told(call, "lot.publish", receipt)


async def pause(call: Call, wish: PauseWish) -> CommandView:
    """Stop the clock of a lot."""
    return await _act(call, wish, c.PauseLot(reason=wish.reason, kind=wish.kind), "lot.pause")


async def resume(call: Call, wish: ResumeWish) -> CommandView:
    """Let bidding go on."""
    return await _act(call, wish, wish.command(), "lot.resume")


async def pause_all(call: Call, wish: PauseAllWish) -> ToldView:
    """Stop the clocks of all running sessions: one reason, an event in the journal of each."""
    command = c.PauseLot(reason=wish.reason, kind=wish.kind)
    return ToldView(await tell_all(call.services, call.caller, call.origin, wish.id, command, wish.lots))


async def resume_all(call: Call, wish: ResumeAllWish) -> ToldView:
    """Let all halted sessions go on, at once or at an instant."""
    return ToldView(await tell_all(call.services, call.caller, call.origin, wish.id, wish.command(), wish.lots))


async def void(call: Call, wish: VoidAloneWish) -> CommandView:
    """End a session without a bid, without effect. With bids it takes two people (`voiding`)."""
    if needs_second_person(await find_lot(call.services, call.lot_id)):
        raise Refused(Code.SECOND_PERSON_NEEDED)
    reason = wish.reason if wish.ground is None else published(wish.ground, wish.reason)
    return await _act(call, wish, c.VoidLot(reason=reason), "lot.void")


async def withdraw(call: Call, wish: ReasonWish) -> CommandView:
    """Take a lot back before bidding starts."""
    return await _act(call, wish, c.WithdrawLot(reason=wish.reason), "lot.withdraw")


async def bidders(call: Call) -> BiddersView:
    """Who bids under which code, and who waits for one. Looking is noted in the audit log."""
    services, state = call.services, await find_lot(call.services, call.lot_id)
    await services.accounts.note(call.caller, call.origin.network, "lot.bidders_read", state.lot_id)
    return await read_bidders(services, state.lot_id, state.codes)


async def read_bidders(services: Services, lot_id: LotId, codes: dict[PartyId, str]) -> BiddersView:
    """Return the bidders of a lot with their names; for staff only."""
    requests = [r for r in await services.admissions.waiting(lot_id) if r.party_id not in codes]
    known = await services.accounts.by_ids([*codes, *(r.party_id for r in requests)])

    def view(party_id: PartyId, code: str | None, asked_at_us: int | None) -> BidderView:
        account = known.get(party_id)
        login, shown = ("", "") if account is None else (account.login, account.display_name)
        return BidderView(party_id, login, shown, code, asked_at_us)

    return BiddersView(
        [view(party_id, code, None) for party_id, code in codes.items()],
        [view(r.party_id, None, r.asked_at_us) for r in requests],
    )


async def admit(call: Call, wish: AdmitWish) -> CommandView:
    """Give a party its bidder code."""
    party_id = PartyId(wish.party)
    account = (await call.services.accounts.by_ids([party_id])).get(party_id)
    if account is None or not account.role.trades:
        raise Refused(Code.MALFORMED, fields="party")
    view = await _act(call, wish, c.AdmitBidder(bidder_id=party_id), "lot.admit")
    await call.services.admissions.close(call.lot_id, party_id)
    return view


async def preview(call: Call, wish: PreviewWish) -> PreviewView:  # noqa: ARG001  # a pure function of the terms
    """What terms mean, before anybody is bound by them."""
    terms = wish.terms.terms()
    problems = terms_problems(terms)
    closing = terms.closing
    if problems:
        minimum, step = None, None
    else:
        price = opening_price(terms)
        step = increment_at(terms.increment, price)
        minimum = Amount(max(1, price if terms.first_bid_at_start else price + step))
    return PreviewView(
        problems=problems,
        minimum=None if minimum is None else str(minimum),
        step=None if step is None else str(step),
        window_us=closing.window_us(),
        lengthening_us=closing.lengthening_us(),
    )


async def _act(call: Call, wish: CommandWish, command: c.Command, act: str) -> CommandView:
    state = await find_lot(call.services, call.lot_id)
    receipt = await ask(call.services, call.caller, state.lot_id, command, wish.id.bytes)
    return await told(call, act, receipt)


async def told(call: Call, act: str, receipt: Receipt) -> CommandView:
    """Note an act in the audit log and return its answer."""
    await call.services.accounts.note(call.caller, call.origin.network, act, receipt.subject_id, outcome_of(receipt))
    return accepted_view(receipt)
