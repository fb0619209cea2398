"""Rights of priority in a session: in the room at equal price (P1), asked at the top (P2), afterwards (P3), in writing (P5)."""

from __future__ import annotations

from hashlib import sha256

from engine.rules.auction.clearing.priority import PriorityMode, winner_among
from engine.rules.auction.closing import after_bid
from engine.rules.auction.commands import PlaceBid
from engine.rules.auction.formats import commands as c
from engine.rules.auction.formats import events as e
from engine.rules.auction.formats.holders import holder_of, to_be_asked
from engine.rules.auction.formats.refusing import Refusal, on_record, play_of, refuse_outsider, refuse_phase
from engine.rules.auction.formats.results import Outcome
from engine.rules.auction.state import Accepted, Decision, LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, PartyId

AFTER_BIDDING = frozenset({PriorityMode.ASKED_AT_TOP, PriorityMode.AFTERWARDS, PriorityMode.IN_WRITING})


def exercise_in_room(state: LotState, bid: PlaceBid, at_us: InstantUs) -> e.PriorityExercised | None:
    """Return what a holder's bid equal to the top is (P1, 网络司法拍卖规定 art. 21); None if it is a bid like any other."""
    priority = play_of(state).terms.priority
    if priority is None or priority.mode is not PriorityMode.IN_ROOM or not state.phase.is_bidding:
        return None
    holder = holder_of(state, bid.bidder_id)
    equal = bid.amount is not None and bid.amount == state.price and bid.maximum is None
    if holder is None or not equal or bid.bidder_id == state.leader or bid.bidder_id in state.excluded:
        return None
    if bid.bidder_id not in state.codes or (state.closes_at_us is not None and at_us >= state.closes_at_us):
        return None
    if any(one.code == state.codes[bid.bidder_id] and one.price == state.price for one in play_of(state).exercises):
        return None
    closes_at_us, extended = after_bid(state, at_us)
    assert bid.amount is not None
    return e.PriorityExercised(
        bidder_id=bid.bidder_id,
        code=state.codes[bid.bidder_id],
        rank=holder.rank,
        price=bid.amount,
        closes_at_us=closes_at_us,
        extended=extended,
    )


def window_after(state: LotState, outcome: Outcome, from_us: InstantUs) -> e.PriorityOpened | None:
    """Return the window in which holders may exercise after the bidding; None where nobody need be asked."""
    priority = play_of(state).terms.priority
    if priority is None or priority.mode not in AFTER_BIDDING or outcome.winner is None or outcome.price is None:
        return None
    if not to_be_asked(state, outcome.winner, outcome.price):
        return None
    return e.PriorityOpened(
        price=outcome.price,
        code=state.codes[outcome.winner],
        closes_at_us=InstantUs(from_us + priority.window_us),
    )


def decide_exercise(state: LotState, wish: c.ExercisePriority, at_us: InstantUs) -> Decision:
    """Judge a holder's yes after the bidding: at the price that was made, in the window, once."""
    outsider = refuse_outsider(state, wish.bidder_id)
    if outsider is not None:
        return Rejected(outsider)
    refusal = refuse_phase(state, at_us, Phase.PRIORITY) or _refuse_holder(state, wish.bidder_id)
    if refusal is None and wish.price != state.price:
        refusal = Reject.PRICE_CHANGED, {"price": str(state.price)}
    if refusal is not None:
        return on_record(state, wish.bidder_id, wish.price, refusal)
    holder = holder_of(state, wish.bidder_id)
    assert holder is not None
    return Accepted(
        e.PriorityExercised(
            bidder_id=wish.bidder_id,
            code=state.codes[wish.bidder_id],
            rank=holder.rank,
            price=wish.price,
            closes_at_us=state.closes_at_us,
            extended=False,
        )
    )


def decide_waiver(state: LotState, wish: c.WaivePriority, at_us: InstantUs) -> Decision:
    """Judge a holder's no."""
    outsider = refuse_outsider(state, wish.bidder_id)
    if outsider is not None:
        return Rejected(outsider)
    refusal = refuse_phase(state, at_us, Phase.PRIORITY) or _refuse_holder(state, wish.bidder_id)
    if refusal is not None:
        return on_record(state, wish.bidder_id, None, refusal)
    return Accepted(e.PriorityWaived(bidder_id=wish.bidder_id, code=state.codes[wish.bidder_id]))


def _refuse_holder(state: LotState, party: PartyId) -> Refusal | None:
    if party in state.excluded:
        return Reject.EXCLUDED, {}
    if holder_of(state, party) is None:
        return Reject.NO_PRIORITY, {}
    play = play_of(state)
    exercised = any(one.code == state.codes[party] and one.price == state.price for one in play.exercises)
    if exercised or party in play.waived or party == state.leader:
        return Reject.ALREADY_SUBMITTED, {}
    return None


def by_priority(state: LotState, winner: PartyId, price: Amount) -> PartyId:
    """Return who buys at last: a holder who exercised at the final price, else the winner of the bidding."""
    play = play_of(state)
    priority = play.terms.priority
    if priority is None:
        return winner
    out = {state.codes[party] for party in state.excluded if party in state.codes}
    # The draw among equal ranks (P2) hangs on what others made and nobody can choose afterwards: lot, price, top bidder.
    digest = sha256(f"{state.lot_id}\n{price}\n{state.codes[winner]}".encode()).digest()
    code = winner_among(
        [one for one in play.exercises if one.code not in out],
        price,
        by_lot=priority.mode is PriorityMode.ASKED_AT_TOP,
        digest=digest,
    )
    return winner if code is None else next(party for party, one in state.codes.items() if one == code)
