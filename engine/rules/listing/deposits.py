"""Bid deposits (保证金) as the listing knows them: how much, and which event lets one go back, become price, or be lost.

The state is the one truth: what an event does to a deposit is read off the applications before and after it. So every deposit
that was held ends in exactly one way, and settlement needs nothing but the log.
"""

from __future__ import annotations

from engine.rules.listing import events as e
from engine.rules.listing.commands import Side
from engine.rules.listing.evolving import evolve
from engine.rules.listing.state import Intent, IntentPhase, ListingState
from engine.rules.listing.terms import ALL_BPS, DepositTerms, FixedDeposit, ListingTerms
from engine.values import Amount, ceil_div

_GOES_BACK = frozenset({IntentPhase.WITHDRAWN, IntentPhase.DISQUALIFIED, IntentPhase.UNSUCCESSFUL})


def deposit_cap(deposit: DepositTerms, price: Amount) -> Amount:
    """Return the greatest lawful deposit at a list price, rounded down: never above the lawful share."""
    return Amount(price * deposit.cap_bps // ALL_BPS)


def deposit_for(terms: ListingTerms, price: Amount | None) -> Amount | None:
    """Return what a buyer must deposit at the list price in force; None if the terms ask for nothing.

    A share is rounded up to the minor unit, its own greatest amount and the lawful cap come after the rounding. A fixed deposit
    that a lower price has made too large shrinks to the cap.
    """
    deposit = terms.deposit
    if deposit is None or price is None:
        return None
    size = deposit.size
    if isinstance(size, FixedDeposit):
        wanted = size.amount
    else:
        wanted = Amount(ceil_div(price * size.share_bps, ALL_BPS))
        wanted = wanted if size.at_most is None else min(wanted, size.at_most)
    amount = min(wanted, deposit_cap(deposit, price))
    return amount if amount > 0 else None


def released_by(before: ListingState, event: e.ListingEvent) -> tuple[int, ...]:
    """Return the applications whose held deposit begins to go back by this event (release clock of the terms)."""
    if isinstance(event, e.DealDefaulted):
        held = _held(before, event.intent_no)
        return held if event.side is Side.SELLER else ()
    after = evolve(before, before.listing_id, event, before.last_at_us)
    return tuple(
        was.no
        for was, now in zip(before.intents, after.intents, strict=False)
        if was.deposit_id is not None and was.phase is not now.phase and now.phase in _GOES_BACK
    )


def converted_by(before: ListingState, event: e.ListingEvent) -> tuple[int, ...]:
    """Return the applications whose held deposit becomes part of the price: the buyer's, when the contract is signed."""
    return _held(before, event.intent_no) if isinstance(event, e.DealSigned) else ()


def forfeited_by(before: ListingState, event: e.ListingEvent) -> tuple[int, ...]:
    """Return the applications whose held deposit is to be lost, after appeal: the buyer's, who refused (悔拍)."""
    if isinstance(event, e.DealDefaulted) and event.side is Side.BUYER:
        return _held(before, event.intent_no)
    return ()


def no_longer_due(before: ListingState, event: e.ListingEvent) -> tuple[int, ...]:
    """Return the applications that ended by this event while their deposit was asked for but not held: the claim lapses."""
    after = evolve(before, before.listing_id, event, before.last_at_us)
    return tuple(
        was.no
        for was, now in zip(before.intents, after.intents, strict=False)
        if was.phase is IntentPhase.DEPOSIT_DUE and was.deposit is not None and not now.phase.is_live
    )


def _held(before: ListingState, intent_no: int | None) -> tuple[int, ...]:
    if intent_no is None or _intent(before, intent_no).deposit_id is None:
        return ()
    return (intent_no,)


def _intent(state: ListingState, intent_no: int) -> Intent:
    return state.intents[intent_no - 1]
