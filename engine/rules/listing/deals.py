"""Deals: how one is struck, signed, or refused by a side.

Sources: 合同编通则解释 art. 4 (the contract is formed when the trading system confirms it; published rules may say when: the rule
version stands in the deal); domain.md §3.3 (written contract within days), §3.4 (refusal of the buyer: deposit lost).
"""

from __future__ import annotations

from engine.calendar import Calendar, period_end
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.answers import free_seat, is_reason, no, ok
from engine.rules.listing.state import Deal, DealPhase, IntentPhase, ListingDecision, ListingRejected, ListingState
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, PartyId


def struck(
    state: ListingState,
    buyer_id: PartyId,
    price: Amount,
    way: e.DealWay,
    at_us: InstantUs,
    calendar: Calendar,
    offer_no: int | None = None,
) -> e.DealStruck:
    """Return the event of a deal at this instant. The caller has made sure that a seat is free."""
    seat_no = free_seat(state)
    assert seat_no is not None, "a deal without a free seat"
    intent_no = next(
        (intent.no for intent in state.intents if intent.buyer_id == buyer_id and intent.phase is IntentPhase.ADMITTED),
        None,
    )
    return e.DealStruck(
        deal_no=len(state.deals) + 1,
        buyer_id=buyer_id,
        intent_no=intent_no,
        price=price,
        way=way,
        seat_no=None if state.terms.seats is None else seat_no,
        sign_by_us=period_end(calendar, at_us, working_days=state.terms.sign_working_days).ends_at_us,
        rule_version=state.terms.rule_version,
        offer_no=offer_no,
    )


def sign(state: ListingState, command: c.RecordSigning) -> ListingDecision:
    """Both sides have signed; the buyer's deposit becomes part of the price."""
    deal = _open_deal(state, command.deal_no)
    if isinstance(deal, ListingRejected):
        return deal
    return ok(
        e.DealSigned(
            deal_no=deal.no, buyer_id=deal.buyer_id, intent_no=deal.intent_no, contract_ref=command.contract_ref
        )
    )


def default(state: ListingState, command: c.RecordDefault) -> ListingDecision:
    """A side refused to sign or pay. The deal stands in law; here its seat is given up and the deposit's way is decided."""
    deal = _open_deal(state, command.deal_no)
    if isinstance(deal, ListingRejected):
        return deal
    if not is_reason(command.reason):
        return no(Reject.REASON_REQUIRED)
    return ok(
        e.DealDefaulted(
            deal_no=deal.no,
            buyer_id=deal.buyer_id,
            intent_no=deal.intent_no,
            side=command.side,
            reason=command.reason,
        )
    )


def _open_deal(state: ListingState, deal_no: int) -> Deal | ListingRejected:
    if not 1 <= deal_no <= len(state.deals):
        return no(Reject.NO_SUCH_DEAL)
    deal = state.deals[deal_no - 1]
    return deal if deal.phase is DealPhase.STRUCK else no(Reject.WRONG_PHASE)
