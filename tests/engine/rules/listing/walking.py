"""Random walks over listings: commands drawn for the state at hand, most of them possible, some of them nonsense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.state import Intent, IntentPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ListingTerms, OfferedMode, OfferTerms, SaleWay, SeatMethod
from engine.values import Amount, DurationUs, InstantUs, PartyId
from tests.engine.rules.listing.transcript import (
    CALENDAR,
    DEPOSIT,
    HOUR_US,
    PRICE,
    SELLER,
    SUBJECT,
    disclosed,
    open_licence,
    posted,
    state_asset,
)

Draw = Callable[[int, int], int]
"""Gives a whole number between two bounds, both included."""
BUYERS = tuple(PartyId(name) for name in ("A", "B", "C", "D", SELLER))


def draw_terms(draw: Draw) -> ListingTerms:
    """Draw terms that can be published."""
    more: dict[str, Any] = {"foreign_blocked": draw(0, 3) == 0, "seller_silence_agrees": draw(0, 1) == 0}
    match draw(0, 5):
        case 0:
            return disclosed(**more)
        case 1:
            return disclosed(**more, deposit=None, extension=None, always_bid=draw(0, 1) == 0)
        case 2:
            return state_asset(**more)
        case 3:
            return open_licence(foreign_blocked=draw(0, 1) == 0, seats=draw(1, 3) if draw(0, 1) else None)
        case 4:
            seats = draw(1, 3)
            return posted(
                **more,
                admission=Admission.APPROVED,
                deposit=DEPOSIT if draw(0, 1) else None,
                seats=seats,
                seat_method=SeatMethod.FIRST_COME,
            )
        case _:
            single = draw(0, 1) == 0
            return posted(
                **more,
                mode=OfferedMode.TRANSFER if single else OfferedMode.PLAIN,
                seats=1 if single else 3,
                offers=OfferTerms(
                    must_rise=single,
                    one_standing=single,
                    expires_after_us=None if draw(0, 1) else DurationUs(48 * HOUR_US),
                    lowest=Amount(100),
                ),
            )


def draw_command(draw: Draw, state: ListingState, at_us: InstantUs) -> c.ListingCommand:
    """Draw a command. Numbers, parties and prices are near those that the state knows."""
    if draw(0, 2) == 0:
        return _next_step(draw, state)
    pool = _COMMANDS
    if state.terms.way is SaleWay.OPEN_LICENCE:
        pool = _COMMANDS + _OF_OPEN_LICENCES * 6
    elif state.terms.way is SaleWay.POSTED and state.terms.admission is Admission.OPEN:
        pool = _COMMANDS + _OF_OFFERS * 3
    return pool[draw(0, len(pool) - 1)](draw, state, at_us)


def _next_step(draw: Draw, state: ListingState) -> c.ListingCommand:
    """What people would do next: without it few walks would come to a deal."""
    match state.phase:
        case ListingPhase.SUBMITTED:
            return c.PublishListing()
        case ListingPhase.BIDDING if state.lot_id is not None:
            admitted = [intent.buyer_id for intent in state.intents if intent.phase is IntentPhase.ADMITTED]
            price = Amount((state.price or PRICE) + draw(0, 9))
            outcome = list(c.SessionOutcome)[draw(0, 2)]
            winner_id = admitted[draw(0, len(admitted) - 1)]
            return c.RecordSession(lot_id=state.lot_id, outcome=outcome, winner_id=winner_id, price=price)
        case ListingPhase.DEAL if draw(0, 1):
            return c.RecordSigning(deal_no=draw(1, len(state.deals)), contract_ref="C-1")
        case ListingPhase.DEAL:
            return c.RecordDefault(deal_no=draw(1, len(state.deals)), side=list(c.Side)[draw(0, 1)], reason="悔拍")
        case _ if state.terms.way is SaleWay.OPEN_LICENCE:
            if state.takings and state.takings[-1].open and draw(0, 2):
                return c.ConfirmTaking(taking_no=len(state.takings), paid=draw(0, 3) > 0, reason="未到账")
            return c.NotifyTaking(buyer_id=_buyer(draw), payment_proof="回单")
        case _ if state.terms.admission is Admission.OPEN and draw(0, 1):
            return c.TakeListing(buyer_id=_buyer(draw), price=state.price or PRICE)
        case _:
            waiting = [intent for intent in state.intents if intent.phase.is_live]
            if waiting and draw(0, 2):
                return _next_of(draw, state, waiting[draw(0, len(waiting) - 1)])
            return c.RegisterIntent(buyer_id=_buyer(draw))


def _next_of(draw: Draw, state: ListingState, intent: Intent) -> c.ListingCommand:
    match intent.phase:
        case IntentPhase.UNDER_REVIEW:
            return c.ReviewIntent(intent_no=intent.no, verdict=c.Verdict.PASS)
        case IntentPhase.CORRECTION:
            return c.CorrectIntent(intent_no=intent.no, buyer_id=intent.buyer_id)
        case IntentPhase.SELLER_ASKED:
            return c.AnswerIntent(intent_no=intent.no, agrees=draw(0, 3) > 0, reason="冲突")
        case IntentPhase.DISPUTED:
            return c.SettleIntent(intent_no=intent.no, qualifies=True, authority="国资委", reason="符合")
        case IntentPhase.DEPOSIT_DUE:
            return c.ConfirmDeposit(intent_no=intent.no, deposit_id=f"d{intent.no}")
        case _:
            return c.TakeListing(buyer_id=intent.buyer_id, price=state.price or PRICE)


def _buyer(draw: Draw) -> PartyId:
    return BUYERS[draw(0, len(BUYERS) - 1)]


def _no(draw: Draw, many: int) -> int:
    return draw(0, many + 1) if draw(0, 9) == 0 else max(1, draw(max(1, many - 2), max(1, many)))


def _price(draw: Draw, state: ListingState) -> Amount:
    return Amount((state.price or PRICE) + draw(-2, 4) * 1_000_00 * (draw(0, 2) == 0))


def _owner(draw: Draw, held: tuple[Any, ...], number: int) -> PartyId:
    return held[number - 1].buyer_id if held and 1 <= number <= len(held) and draw(0, 5) else _buyer(draw)


def _reason(draw: Draw) -> str:
    return "" if draw(0, 12) == 0 else "原因"


def _intent_of(draw: Draw, state: ListingState) -> int:
    return _no(draw, len(state.intents))


def _withdraw_intent(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    number = _intent_of(draw, state)
    return c.WithdrawIntent(intent_no=number, buyer_id=_owner(draw, state.intents, number))


def _correct(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    number = _intent_of(draw, state)
    return c.CorrectIntent(intent_no=number, buyer_id=_owner(draw, state.intents, number), quote=_price(draw, state))


def _withdraw_offer(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    number = _no(draw, len(state.offers))
    return c.WithdrawOffer(offer_no=number, buyer_id=_owner(draw, state.offers, number))


def _accept_offer(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    number = _no(draw, len(state.offers))
    amount = state.offers[number - 1].amount if 1 <= number <= len(state.offers) else Amount(1)
    return c.AcceptOffer(offer_no=number, amount=amount)


def _accept_counter(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    number = _no(draw, len(state.offers))
    counter = state.offers[number - 1].counter if 1 <= number <= len(state.offers) else None
    return c.AcceptCounter(offer_no=number, buyer_id=_owner(draw, state.offers, number), amount=counter or Amount(1))


def _session(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    lot_id = state.lot_id if state.lot_id is not None else "x.1"
    outcome = list(c.SessionOutcome)[draw(0, 2)]
    return c.RecordSession(lot_id=lot_id, outcome=outcome, winner_id=_buyer(draw), price=_price(draw, state))  # type: ignore[arg-type]


def _offer(draw: Draw, state: ListingState, at_us: InstantUs) -> c.ListingCommand:
    top = max((offer.amount for offer in state.offers), default=Amount(100))
    expires_at_us = None if draw(0, 2) else InstantUs(at_us + draw(-1, 60) * HOUR_US)
    return c.MakeOffer(
        buyer_id=_buyer(draw), amount=Amount(top + draw(-1, 3)), expires_at_us=expires_at_us, foreign=draw(0, 9) == 0
    )


def _outage(draw: Draw, state: ListingState, at_us: InstantUs) -> c.ListingCommand:
    return c.RecordOutage(from_us=InstantUs(at_us - draw(0, 100) * HOUR_US), to_us=at_us)


def _revise(draw: Draw, state: ListingState, _at: InstantUs) -> c.ListingCommand:
    return c.ReviseListing(
        terms=state.terms, subject=SUBJECT, reason=_reason(draw), approval_no="" if draw(0, 4) == 0 else "N"
    )


_OF_OPEN_LICENCES: list[Callable[[Draw, ListingState, InstantUs], c.ListingCommand]] = [
    lambda d, s, t: c.NotifyTaking(buyer_id=_buyer(d), payment_proof="回单"),
    lambda d, s, t: c.ConfirmTaking(taking_no=_no(d, len(s.takings)), paid=d(0, 2) > 0, reason=_reason(d)),
]
_OF_OFFERS: list[Callable[[Draw, ListingState, InstantUs], c.ListingCommand]] = [
    _offer,
    _offer,
    _withdraw_offer,
    lambda d, s, t: c.RejectOffer(offer_no=_no(d, len(s.offers))),
    lambda d, s, t: c.CounterOffer(offer_no=_no(d, len(s.offers)), amount=_price(d, s)),
    _accept_offer,
    _accept_counter,
]
_COMMANDS: list[Callable[[Draw, ListingState, InstantUs], c.ListingCommand]] = [
    lambda d, s, t: c.PublishListing(),
    lambda d, s, t: c.PublishListing(),
    lambda d, s, t: c.ReturnListing(reason=_reason(d)),
    lambda d, s, t: c.ResubmitListing(terms=s.terms, subject=SUBJECT),
    lambda d, s, t: c.RefuseListing(reason="") if d(0, 9) else c.RefuseListing(reason="x"),
    lambda d, s, t: c.ChangePrice(price=_price(d, s), reason=_reason(d), approval_no="" if d(0, 1) else "N"),
    _revise,
    lambda d, s, t: c.SuspendListing(reason=_reason(d)),
    lambda d, s, t: c.ResumeListing(reason=_reason(d)),
    lambda d, s, t: c.ResumeListing(reason=_reason(d)),
    lambda d, s, t: c.WithdrawListing(reason="x" if d(0, 8) == 0 else ""),
    lambda d, s, t: c.TerminateListing(reason="x" if d(0, 8) == 0 else ""),
    *[
        lambda d, s, t: c.RegisterIntent(
            buyer_id=_buyer(d), quote=_price(d, s) if d(0, 1) else None, foreign=d(0, 9) == 0,
            joint_with=(PartyId("E"),) if d(0, 9) == 0 else (),
        )
    ] * 3,
    _correct,
    _withdraw_intent,
    *[lambda d, s, t: c.ReviewIntent(intent_no=_intent_of(d, s), verdict=c.Verdict.PASS)] * 3,
    lambda d, s, t: c.ReviewIntent(intent_no=_intent_of(d, s), verdict=list(c.Verdict)[d(0, 2)], reason=_reason(d)),
    *[lambda d, s, t: c.AnswerIntent(intent_no=_intent_of(d, s), agrees=d(0, 3) > 0, reason=_reason(d))] * 2,
    lambda d, s, t: c.SettleIntent(intent_no=_intent_of(d, s), qualifies=d(0, 1) == 0, authority="国资委", reason=_reason(d)),
    *[lambda d, s, t: c.ConfirmDeposit(intent_no=(no := _intent_of(d, s)), deposit_id=f"d{no}")] * 3,
    lambda d, s, t: c.DisqualifyBuyer(intent_no=_intent_of(d, s), reason=_reason(d)),
    *[lambda d, s, t: c.TakeListing(buyer_id=_buyer(d), price=_price(d, s), foreign=d(0, 9) == 0)] * 2,
    *_OF_OPEN_LICENCES,
    *_OF_OFFERS,
    _session,
    _session,
    lambda d, s, t: c.RecordSigning(deal_no=_no(d, len(s.deals)), contract_ref="C-1"),
    lambda d, s, t: c.RecordDefault(deal_no=_no(d, len(s.deals)), side=list(c.Side)[d(0, 1)], reason=_reason(d)),
    lambda d, s, t: c.ReachDeadline(due_us=t),
    _outage,
    lambda d, s, t: c.RecountPeriod(calendar_version=CALENDAR.version),
]  # fmt: skip


def draw_step_us(draw: Draw, state: ListingState) -> int:
    """Draw how much time passes: nothing, hours, days, or up to the very next deadline."""
    due_us = next_deadline(state)
    match draw(0, 9):
        case 0 | 1 | 2 | 3:
            return 0
        case 4 | 5 | 6:
            return draw(0, 30) * HOUR_US
        case 7:
            return draw(1, 20) * 24 * HOUR_US
        case _ if due_us is not None:
            return max(0, due_us - state.last_at_us - draw(0, 1))
        case _:
            return 1
