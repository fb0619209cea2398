"""Refusals that all formats share: who may not act, when, and the refusal put on record for bidders who are admitted."""

from __future__ import annotations

from engine.rules.auction.events import BidRejected
from engine.rules.auction.formats.play import Play
from engine.rules.auction.state import LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, PartyId

Refusal = tuple[Reject, dict[str, str | int]]
REASON_LENGTH_MAX = 500


def play_of(state: LotState) -> Play:
    """Return what the session remembers of its format."""
    assert state.play is not None, "a session of open ascending bids alone has no other format"
    return state.play


def refuse_outsider(state: LotState, bidder_id: PartyId) -> Reject | None:
    """Return why somebody is no bidder here; such refusals are noise and not put on record."""
    if bidder_id in state.codes:
        return None
    return Reject.SELLER_MAY_NOT_BID if bidder_id == state.seller_id else Reject.NOT_ADMITTED


def refuse_phase(state: LotState, at_us: InstantUs, *phases: Phase) -> Refusal | None:
    """Return why the act is not possible now, when the session is in none of these phases."""
    phase = state.phase
    if phase in phases:
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
        case Phase.CLOSED if state.closes_at_us is not None:
            return Reject.LATE, {"late_by_us": at_us - state.closes_at_us}
        case Phase.VOIDED | Phase.WITHDRAWN:
            return Reject.ENDED, {}
        case _:
            return Reject.WRONG_PHASE, {}


def on_record(state: LotState, bidder_id: PartyId, amount: Amount | None, refusal: Refusal) -> Rejected:
    """Return a refusal of an admitted bidder, to be put on record."""
    code, data = refusal
    if state.seq >= state.terms.events_max:
        return Rejected(Reject.LOT_FULL)
    event = BidRejected(bidder_id=bidder_id, amount=amount, maximum=None, reject=code.value, data=data)
    return Rejected(code, data, event)


def is_reason(text: str) -> bool:
    """Tell whether a text may be published as a reason."""
    return len(text.strip()) > 0 and len(text) <= REASON_LENGTH_MAX
