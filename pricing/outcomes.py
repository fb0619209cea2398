"""From the state of a lot, a listing or a notice at its end to what the model may learn of it. Pure: the feed reads, this decides.

Prices that several modes would tell twice are told once: a session that a listing ordered is the listing's outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.rules.achievement.record import Mode
from engine.rules.auction import events as ae
from engine.rules.auction.state import LotState
from engine.rules.auction.state import Phase as LotPhase
from engine.rules.auction.terms import Admission
from engine.rules.listing import events as le
from engine.rules.listing.events import DealWay
from engine.rules.listing.state import IntentPhase, ListingState
from engine.rules.listing.terms import OfferedMode
from engine.rules.publicity.state import NoticeState
from engine.values import CNY
from pricing.facts import industry_of_field
from pricing.integrity.watching import PARTIES_A_LOT_MAX
from pricing.observations import Observation
from pricing.quotes import Facts

_OFFERED: Final = {
    OfferedMode.TRANSFER: "assign", OfferedMode.EXCLUSIVE: "exclusive", OfferedMode.SOLE: "sole", OfferedMode.PLAIN: "ordinary",
}  # fmt: skip
_AGREED: Final = {
    Mode.TRANSFER: "assign", Mode.EXCLUSIVE: "exclusive", Mode.SOLE: "sole", Mode.PLAIN: "ordinary", Mode.OPEN: "ordinary",
}  # fmt: skip


class Bids(Struct, frozen=True, kw_only=True):
    """What was bid in a session: the last bid of each who lost, largest first, and who dropped out before the end."""

    lost: tuple[tuple[str, int], ...] = ()
    dropped_out: tuple[str, ...] = ()


def bids_of(winner: str, excluded: Iterable[str], events: Iterable[Any]) -> Bids:
    """Return the losers' last open bids; a proxy's maximum is a secret for ever and is not read."""
    last: dict[str, int] = {}
    for event in events:
        if isinstance(event, ae.BidAccepted) and event.price_changed:
            sent = int(event.price) if event.amount is None else min(int(event.amount), int(event.price))
            last[str(event.bidder_id)] = max(sent, last.get(str(event.bidder_id), 0))
    last.pop(winner, None)
    lost = sorted(last.items(), key=lambda one: (-one[1], one[0]))[:PARTIES_A_LOT_MAX]
    return Bids(lost=tuple(lost), dropped_out=tuple(sorted(map(str, excluded)))[:PARTIES_A_LOT_MAX])


def lot_outcome(state: LotState, event: Any, bids: Bids) -> Observation | None:
    """Return a session's outcome: its price, or what nobody paid. None for demonstrations and for sessions of listings."""
    if state.terms.currency != CNY or state.subject.demonstration or state.terms.admission is Admission.LISTING:
        return None
    sold = isinstance(event, ae.LotSold) and state.phase is LotPhase.SOLD
    reserve = None if state.terms.reserve is None else int(state.terms.reserve.amount)
    asked = max(int(state.terms.start_price), reserve or 0)
    price = int(event.price) if isinstance(event, ae.LotSold) else asked
    if price <= 0:
        return None
    one = Observation(
        sold=sold, price_fen=price, mode=state.terms.format, industry=industry_of_field(state.subject.field),
        field=state.subject.field, region=state.subject.region[:4], title=state.subject.title_zh,
        bidders=len(state.codes), reserve_fen=reserve, seller=str(state.seller_id), buyer=str(state.winner or ""),
        parties=tuple(sorted(map(str, state.codes)))[:PARTIES_A_LOT_MAX], settled=False,
    )  # fmt: skip
    return with_bids(one, bids)


def with_bids(one: Observation, bids: Bids) -> Observation:
    """Return an observation with what was bid by those who lost."""
    return replace(
        one, dropped_fen=tuple(fen for _, fen in bids.lost), droppers=tuple(party for party, _ in bids.lost),
        withdrawn=tuple(sorted({*one.withdrawn, *bids.dropped_out})),
    )  # fmt: skip


def listing_outcome(state: ListingState, event: Any, bids: Bids) -> Observation | None:
    """Return a listing's outcome: a signed deal, or a list price that nobody paid."""
    terms, subject = state.terms, state.subject
    if terms.currency != CNY or subject.demonstration:
        return None
    competed = sum(intent.phase in (IntentPhase.WON, IntentPhase.UNSUCCESSFUL) for intent in state.intents)
    mode = "listing"
    if isinstance(event, le.DealSigned):
        deal = state.deals[event.deal_no - 1]
        price, sold, buyer = int(deal.price), True, str(deal.buyer_id)
        related = any(intent.related for intent in state.intents if intent.buyer_id == deal.buyer_id)
        if deal.way is DealWay.SESSION:
            mode = "listing_bidding"
    else:
        price, sold, buyer, related = int(terms.list_price or 0), False, "", False
    if price <= 0:
        return None
    valuation = None if terms.state_asset is None else int(terms.state_asset.valuation)
    gone = (IntentPhase.WITHDRAWN, IntentPhase.LAPSED, IntentPhase.DISQUALIFIED)
    one = Observation(
        sold=sold, price_fen=price, mode=mode, industry=industry_of_field(subject.field), field=subject.field,
        region=subject.region[:4], licence=_OFFERED.get(terms.mode, "ordinary"), title=subject.title_zh,
        valuation_fen=valuation, bidders=competed, seller=str(state.seller_id), buyer=buyer, related=related,
        parties=tuple(sorted({str(i.buyer_id) for i in state.intents}))[:PARTIES_A_LOT_MAX],
        withdrawn=tuple(sorted({str(i.buyer_id) for i in state.intents if i.phase in gone}))[:PARTIES_A_LOT_MAX],
    )  # fmt: skip
    return with_bids(one, bids)


def agreement_outcome(state: NoticeState) -> Observation | None:
    """Return an agreement that was struck after a clean publicity. One buyer came: its price is no price of competition."""
    deal, content = state.deal, state.content
    if deal is None or deal.currency != CNY or content.demonstration or int(deal.price) <= 0:
        return None
    buyer = deal.buyer.party_id or f"outside-{sha256(deal.buyer.name_zh.encode()).hexdigest()[:12]}"
    payment = deal.payment
    return Observation(
        sold=True, price_fen=int(deal.price), mode="agreement", industry=industry_of_field(content.field), field=content.field,
        region=content.region[:4], licence=_AGREED.get(deal.mode, "assign"), title=content.title_zh, bidders=1,
        seller=str(deal.seller_id), buyer=buyer, parties=(buyer,), related=deal.related is not None, settled=False,
        instalments_fen=tuple(int(part.amount) for part in payment.instalments), royalty_bps=payment.royalty_bps,
    )  # fmt: skip


def with_facts(one: Observation, facts: Facts) -> Observation:
    """Return an observation with what the achievement's record said when it was sold; what the terms said stays."""
    return replace(
        one, trl=facts.trl, remaining_years=facts.remaining_years, family=facts.family, industry=facts.industry,
        field=one.field or facts.field, region=one.region or facts.region,
    )  # fmt: skip
