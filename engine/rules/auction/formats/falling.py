"""The falling price in a session: accepting it, and what that leads to. Acceptance is decided by arrival."""

from __future__ import annotations

from engine.rules.auction.clearing.descending import price_at, runs_us
from engine.rules.auction.formats.commands import TakePrice
from engine.rules.auction.formats.events import PriceTaken
from engine.rules.auction.formats.refusing import Refusal, on_record, play_of, refuse_outsider, refuse_phase
from engine.rules.auction.formats.terms import Falling, Hybrid, clock_of
from engine.rules.auction.state import Accepted, Decision, LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs


def units_of(state: LotState) -> int:
    """Return how many units the clock sells."""
    kind = play_of(state).terms.format
    return kind.units if isinstance(kind, Falling) else 1


def standing_price(state: LotState, at_us: InstantUs) -> Amount | None:
    """Return the price that stands at an instant while the clock runs; None outside.

    The clock's start follows from its end: when a halt or an outage moves the end, the clock has stood still as long.
    """
    clock = clock_of(play_of(state).terms)
    if clock is None or state.closes_at_us is None or state.phase is not Phase.OPEN:
        return None
    started_us = state.closes_at_us - runs_us(clock)
    return price_at(clock, max(0, at_us - started_us))


def decide_taking(state: LotState, wish: TakePrice, at_us: InstantUs) -> Decision:
    """Judge an acceptance: whoever arrives first takes, at the price that stands when he arrives."""
    outsider = refuse_outsider(state, wish.bidder_id)
    if outsider is not None:
        return Rejected(outsider)
    refusal = refuse_phase(state, at_us, Phase.OPEN) or _refuse_taking(state, wish, at_us)
    if refusal is not None:
        return on_record(state, wish.bidder_id, wish.shown, refusal)
    price = standing_price(state, at_us)
    assert price is not None, "the clock has not ended"
    left = units_of(state) - play_of(state).taken - wish.quantity
    kind = play_of(state).terms.format
    closes_at_us = InstantUs(at_us + kind.sealed_round_us) if isinstance(kind, Hybrid) else None
    return Accepted(
        PriceTaken(
            bidder_id=wish.bidder_id,
            code=state.codes[wish.bidder_id],
            price=price,
            quantity=wish.quantity,
            left=left,
            closes_at_us=closes_at_us,
        )
    )


def _refuse_taking(state: LotState, wish: TakePrice, at_us: InstantUs) -> Refusal | None:
    if wish.bidder_id in state.excluded:
        return Reject.EXCLUDED, {}
    if clock_of(play_of(state).terms) is None:
        return Reject.WRONG_FORMAT, {}
    left = units_of(state) - play_of(state).taken
    if not 1 <= wish.quantity <= left:
        return (Reject.SOLD_OUT, {}) if left == 0 else (Reject.QUANTITY_OUT_OF_RANGE, {"most": left})
    price = standing_price(state, at_us)
    assert price is not None, "before the end of the clock some price stands"
    if wish.shown < price:
        return Reject.PRICE_NOT_REACHED, {"price": str(price)}
    return None
