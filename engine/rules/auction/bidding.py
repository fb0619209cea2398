"""Whether a bid holds: the checks in order of precedence, and what an accepted bid changes."""

from __future__ import annotations

from engine.rules.auction.closing import after_bid
from engine.rules.auction.commands import PlaceBid
from engine.rules.auction.events import BID, BidAccepted, BidKind, BidRejected
from engine.rules.auction.increments import increment_at, is_multiple, jump_limit, minimum_bid
from engine.rules.auction.proxy import ceiling_of, challenge, price_after_raise
from engine.rules.auction.state import LIMITED, OPEN, Accepted, Decision, LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import AMOUNT_MAX, Amount, InstantUs

Refusal = tuple[Reject, dict[str, str | int]]


def decide_bid(state: LotState, bid: PlaceBid, at_us: InstantUs) -> Decision:
    """Judge a bid. Refusals of admitted bidders are put on record; those of outsiders are noise and are not."""
    refusal = _refuse_by_phase(state, at_us)
    if bid.bidder_id not in state.codes:
        if refusal is None:
            code = Reject.SELLER_MAY_NOT_BID if bid.bidder_id == state.seller_id else Reject.NOT_ADMITTED
            refusal = (code, {})
        return Rejected(*refusal)
    if state.seq >= state.terms.events_max:
        return Rejected(Reject.LOT_FULL)
    if state.excluded and bid.bidder_id in state.excluded:
        refusal = refusal or (Reject.EXCLUDED, {})
    refusal = refusal or _refuse_by_form(state, bid) or _refuse_by_price(state, bid)
    if refusal is not None:
        code, data = refusal
        event = BidRejected(
            bidder_id=bid.bidder_id, amount=bid.amount, maximum=bid.maximum, reject=code.value, data=data
        )
        return Rejected(code, data, event)
    return Accepted(_accepted(state, bid, at_us))


def _refuse_by_phase(state: LotState, at_us: InstantUs) -> Refusal | None:
    phase = state.phase
    if phase is OPEN or phase is LIMITED:
        if state.free_ends_at_us is not None and phase is OPEN:
            assert at_us < state.free_ends_at_us, "the end of the free period was not marked"
        if state.closes_at_us is not None and at_us >= state.closes_at_us:
            return Reject.LATE, {"late_by_us": at_us - state.closes_at_us}
        return None
    match phase:
        case Phase.SCHEDULED:
            return Reject.NOT_STARTED, {"opens_at_us": state.opens_at_us}
        case Phase.PAUSED | Phase.INTERRUPTED:
            return Reject.PAUSED, {}
        case Phase.SOLD | Phase.PASSED if state.ended_at_us is not None:
            return Reject.LATE, {"late_by_us": at_us - state.ended_at_us}
        case _:
            return Reject.ENDED, {}


def _refuse_by_form(state: LotState, bid: PlaceBid) -> Refusal | None:
    if state.phase is LIMITED and state.terms.closing.require_free_bid and bid.bidder_id not in state.free_bidders:
        return Reject.FREE_BID_REQUIRED, {}
    amount, maximum = bid.amount, bid.maximum
    if amount is None and maximum is None:
        return Reject.AMOUNT_MISSING, {}
    if amount is not None and not 1 <= amount <= AMOUNT_MAX:
        return Reject.AMOUNT_OUT_OF_RANGE, {}
    if maximum is not None:
        if not 1 <= maximum <= AMOUNT_MAX:
            return Reject.AMOUNT_OUT_OF_RANGE, {}
        if not state.terms.proxy:
            return Reject.PROXY_NOT_ALLOWED, {}
        if amount is not None and maximum < amount:
            return Reject.MAXIMUM_BELOW_AMOUNT, {}
    return None


def _refuse_by_price(state: LotState, bid: PlaceBid) -> Refusal | None:
    if bid.bidder_id == state.leader:
        if bid.amount is None:
            assert bid.maximum is not None
            return _refuse_own_maximum(state, bid.maximum)
        if not state.terms.leader_may_raise:
            return Reject.ALREADY_LEADING, {}
    least = minimum_bid(state)
    offered = bid.amount if bid.amount is not None else ceiling_of(None, bid.maximum)
    if offered < least:
        return Reject.BID_BELOW_MINIMUM, _steps(state, least)
    if state.terms.multiple_only:
        for given in (bid.amount, bid.maximum):
            if given is not None and not is_multiple(state, given):
                return Reject.NOT_A_MULTIPLE, _steps(state, least)
    limit = jump_limit(state)
    if limit is not None and bid.amount is not None and bid.amount > limit and not bid.confirmed_jump:
        return Reject.JUMP_NEEDS_CONFIRMATION, {"limit": str(limit), "minimum": str(least)}
    return None


def _steps(state: LotState, least: Amount) -> dict[str, str | int]:
    price = state.price if state.price is not None else least
    return {"minimum": str(least), "step": str(increment_at(state.terms.increment, price))}


def _refuse_own_maximum(state: LotState, maximum: Amount) -> Refusal | None:
    held, price = state.leader_maximum, state.price
    assert held is not None and price is not None
    if maximum == held:
        return Reject.MAXIMUM_UNCHANGED, {}
    if maximum < held and not state.terms.proxy_lowering:
        return Reject.MAXIMUM_NOT_LOWERABLE, {}
    if maximum < price:
        return Reject.MAXIMUM_BELOW_PRICE, {"price": str(price)}
    if maximum > held and state.terms.multiple_only and not is_multiple(state, maximum):
        return Reject.NOT_A_MULTIPLE, _steps(state, minimum_bid(state))
    return None


def _accepted(state: LotState, bid: PlaceBid, at_us: InstantUs) -> BidAccepted:
    kind, automatic = BID, False
    if bid.bidder_id == state.leader:
        assert state.leader_maximum is not None and state.price is not None
        if bid.amount is not None:
            price = Amount(max(bid.amount, price_after_raise(state, ceiling_of(bid.amount, bid.maximum))))
        elif ceiling_of(None, bid.maximum) > state.leader_maximum:
            kind, price = BidKind.RAISE_MAXIMUM, price_after_raise(state, ceiling_of(None, bid.maximum))
        else:
            kind, price = BidKind.LOWER_MAXIMUM, state.price
    else:
        standing = challenge(state, bid.amount, bid.maximum)
        price, automatic = standing.price, standing.automatic
    price_changed = price != state.price
    closes_at_us, extended = after_bid(state, at_us) if price_changed else (state.closes_at_us, False)
    leader = state.leader if automatic and state.leader is not None else bid.bidder_id
    return BidAccepted(
        bidder_id=bid.bidder_id,
        code=state.codes[bid.bidder_id],
        kind=kind,
        amount=bid.amount,
        maximum=bid.maximum,
        price=price,
        price_changed=price_changed,
        leader_code=state.codes[leader],
        automatic=automatic,
        closes_at_us=closes_at_us,
        extended=extended,
    )
