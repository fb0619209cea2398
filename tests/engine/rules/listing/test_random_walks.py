"""What must hold whatever people do and whenever: no oversold seat, no price below the rule, every deposit ends in one way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.journal.codec import decode_event, decode_state, encode_event, encode_state
from engine.rules.auction.evolving import IllegalTransition
from engine.rules.listing import closing, deals, deposits, evolving_offers, offers, posted
from engine.rules.listing import events as e
from engine.rules.listing.answers import live_deals, no
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.commands import ReachDeadline
from engine.rules.listing.deciding import decide
from engine.rules.listing.evolving import evolve
from engine.rules.listing.state import (
    DealPhase,
    IntentPhase,
    ListingAccepted,
    ListingPhase,
    ListingRejected,
    ListingState,
)
from engine.rules.listing.terms import SaleWay
from engine.rules.listing.terms_checking import listing_terms_problems
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs
from tests.engine.rules.listing.transcript import CALENDAR, LISTING, Record
from tests.engine.rules.listing.walking import Draw, draw_command, draw_step_us, draw_terms


class Walk(Record):
    """A record that checks every step."""

    def __init__(self, draw: Draw) -> None:
        terms = draw_terms(draw)
        assert listing_terms_problems(terms) == []
        self.deposits: Counter[tuple[str, int]] = Counter()
        super().__init__(terms, publish=False)
        for _ in range(draw(1, 60)):
            at_us = InstantUs(self.now.last_at_us + draw_step_us(draw, self.now))
            self.send(at_us, draw_command(draw, self.now, at_us))

    def _decide(self, command, at_us):  # type: ignore[no-untyped-def]
        before = self.state
        decision = super()._decide(command, at_us)
        assert decision == decide(before, LISTING, command, at_us, CALENDAR), "decided twice, decided otherwise"
        if decision.event is not None:
            check_step(before, decision.event, self.now, self.deposits)
            stored = decode_event(*encode_event(decision.event))
            assert evolve(before, LISTING, stored, at_us) == self.now
        if isinstance(decision, ListingRejected):
            assert decision.event is None or isinstance(decision.event, e.ListingRefusal)
            assert isinstance(decision.code, Reject)
        else:
            assert isinstance(decision, ListingAccepted)
        return decision


def check_step(
    before: ListingState | None, event: e.ListingEvent, after: ListingState, ended: Counter[tuple[str, int]]
) -> None:
    """Check what one event did."""
    assert after.seq == (0 if before is None else before.seq) + 1
    if before is None:
        return
    assert after.last_at_us >= before.last_at_us
    if before.phase.is_final:
        assert isinstance(event, e.ListingRefusal) and after.phase is before.phase
    seats = after.terms.seats
    taken = [deal.seat_no for deal in live_deals(after) if deal.seat_no is not None]
    assert len(taken) == len(set(taken)) and (seats is None or len(live_deals(after)) <= seats)
    if isinstance(event, e.DealStruck):
        check_deal(before, event)
    for way, found in (
        ("released", deposits.released_by(before, event)),
        ("converted", deposits.converted_by(before, event)),
        ("forfeited", deposits.forfeited_by(before, event)),
    ):
        for intent_no in found:
            ended[way, intent_no] += 1
    for intent_no in deposits.no_longer_due(before, event):
        assert before.intents[intent_no - 1].deposit_id is None


def check_deal(before: ListingState, event: e.DealStruck) -> None:
    """No deal below the price that the rule asks for, and none with the seller."""
    assert event.buyer_id != before.seller_id
    if event.way in (e.DealWay.SOLE_BUYER, e.DealWay.SESSION):
        assert before.price is not None and event.price >= before.price
    if event.way in (e.DealWay.POSTED, e.DealWay.OPEN_LICENCE):
        assert event.price == before.price
    if event.way is e.DealWay.OFFER:
        assert event.offer_no is not None and before.offers[event.offer_no - 1].amount == event.price
    if event.intent_no is not None:
        assert before.intents[event.intent_no - 1].buyer_id == event.buyer_id


def check_end(walk: Walk) -> None:
    """Every deposit that was ever held has ended in exactly one way once the listing is final."""
    state = walk.now
    held = {intent.no for intent in state.intents if intent.deposit_id is not None}
    ways = Counter(intent_no for (_, intent_no), times in walk.deposits.items() for _ in range(times))
    assert all(times == 1 for times in ways.values()), "a deposit ended twice"
    assert set(ways) <= held
    if state.phase.is_final:
        assert set(ways) == held, "a deposit hangs"
        assert not [intent for intent in state.intents if intent.phase.is_live]
        assert not [deal for deal in state.deals if deal.phase is DealPhase.STRUCK]
    if state.terms.way is SaleWay.DISCLOSED:
        assert len(state.deals) <= 1
    assert decode_state(ListingState, encode_state(state)) == state


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_commands(data: st.DataObject) -> None:
    walk = Walk(lambda low, high: data.draw(st.integers(low, high)))
    check_end(walk)


def walk_seeds(count: int, first: int = 0) -> Counter[str]:
    """Walk with a plain generator, which is much faster; return which events were seen."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + count):
        walk = Walk(random.Random(seed).randint)
        check_end(walk)
        seen.update(type(event).__name__ for event in walk.events)
        seen.update(f"phase {walk.now.phase.value}" for _ in (1,))
    return seen


def test_many_walks_and_every_event_is_seen() -> None:
    seen = walk_seeds(2_500)
    missing = {cls.__name__ for cls in e.LISTING_WIRE_NAMES} - set(seen)
    assert missing <= {"PeriodRecounted"}, "a walk that never sees an event proves nothing about it"
    assert {f"phase {phase.value}" for phase in ListingPhase if phase.is_final} <= set(seen)


def test_a_deadline_always_leads_somewhere() -> None:
    """The writer marks deadlines until none is due: one that is refused would hold it for ever."""
    for seed in range(300):
        state = Walk(random.Random(seed).randint).now
        for _ in range(400):
            due_us = next_deadline(state)
            if due_us is None:
                break
            at_us = max(due_us, state.last_at_us)
            decision = decide(state, LISTING, ReachDeadline(due_us=due_us), at_us, CALENDAR)
            assert isinstance(decision, ListingAccepted)
            state = evolve(state, LISTING, decision.event, at_us)
        else:
            raise AssertionError("deadlines without end")


def plant_oversold_seats(patch: pytest.MonkeyPatch) -> None:
    """There is always a seat, and the last one closes nothing."""
    for module in (posted, offers, deals):
        patch.setattr(module, "free_seat", lambda state: len(state.deals) + 1)
    patch.setattr(evolving_offers, "_seats_left", lambda state: state.terms.way is not SaleWay.DISCLOSED)


def plant_two_for_one_seat(patch: pytest.MonkeyPatch) -> None:
    """Everybody gets the first seat."""
    patch.setattr(deals, "free_seat", lambda _state: 1)


def plant_cheap_sales(patch: pytest.MonkeyPatch) -> None:
    """A single buyer pays one fen."""
    struck = deals.struck
    patch.setattr(closing, "struck", lambda state, buyer, _price, *rest: struck(state, buyer, Amount(1), *rest))


def plant_selling_to_oneself(patch: pytest.MonkeyPatch) -> None:
    """The seller may take his own listing."""
    patch.setattr(posted, "may_not_buy", lambda *_, **__: None)


def plant_a_changed_end(patch: pytest.MonkeyPatch) -> None:
    """A final listing takes an event."""
    patch.setattr(deals, "_open_deal", lambda state, _no: state.deals[0] if state.deals else no(Reject.NO_SUCH_DEAL))


@pytest.mark.parametrize(
    "plant",
    [plant_oversold_seats, plant_two_for_one_seat, plant_cheap_sales, plant_selling_to_oneself, plant_a_changed_end],
    ids=lambda plant: plant.__name__,
)
def test_the_walks_find_planted_faults(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, IllegalTransition)):
        walk_seeds(2_500)


def test_a_deposit_left_hanging_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deposits, "_GOES_BACK", frozenset({IntentPhase.WITHDRAWN}))
    with pytest.raises(AssertionError, match="a deposit hangs"):
        walk_seeds(1_500)
