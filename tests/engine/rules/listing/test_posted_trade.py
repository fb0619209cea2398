"""Posted price, seats, offers, open licences (domain.md §3.5): who gets it, who does not, and what is on record."""

from __future__ import annotations

import pytest

from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.state import ListingPhase, ListingRejected
from engine.rules.listing.terms import OfferedMode, OfferTerms
from engine.values import Amount, DurationUs, PartyId
from tests.engine.rules.listing.transcript import DEPOSIT, HOUR_US, PRICE, Record, at, open_licence, posted, when

A, B = PartyId("A"), PartyId("B")


def test_seats_go_to_the_first_who_take_them_and_one_each() -> None:
    record = Record(posted(seats=2))
    assert record.take("03-02 10:00", "A") == "deal_struck"
    assert record.take("03-02 10:00", "A") == "already_registered"
    assert record.take("03-02 10:00", "B") == "deal_struck"
    assert record.take("03-02 10:00", "C") == "sold_out"
    assert [(deal.buyer_id, deal.seat_no) for deal in record.now.deals] == [("A", 1), ("B", 2)]
    refusals = [event for event in record.events if isinstance(event, e.ListingRefusal)]
    assert [(refusal.party_id, refusal.command, refusal.amount, refusal.reject) for refusal in refusals] == [
        ("A", "take", PRICE, "already_registered"),
        ("C", "take", PRICE, "sold_out"),
    ], "who came a moment too late can show that he came"


def test_a_seat_is_free_again_after_a_default() -> None:
    record = Record(posted(seats=2))
    record.take("03-02 10:00", "A")
    record.take("03-02 10:00", "B")
    assert record.now.phase is ListingPhase.DEAL
    record.say("03-03 10:00", c.RecordDefault(deal_no=1, side=c.Side.BUYER, reason="未付款"))
    assert record.now.phase is ListingPhase.LISTED
    assert record.take("03-04 10:00", "C") == "deal_struck"
    assert record.now.deals[-1].seat_no == 1
    record.say("03-05 10:00", c.RecordSigning(deal_no=2, contract_ref="2"))
    assert record.now.phase is ListingPhase.DEAL
    record.say("03-05 10:00", c.RecordSigning(deal_no=3, contract_ref="3"))
    assert record.now.phase is ListingPhase.SIGNED


def test_a_withdrawal_does_not_touch_what_was_sold() -> None:
    record = Record(posted(seats=3))
    record.take("03-02 10:00", "A")
    assert record.say("03-03 10:00", c.WithdrawListing(reason="停止许可")) == "withdrawn"
    assert record.take("03-03 11:00", "B") == "ended"
    assert record.now.phase is ListingPhase.DEAL
    record.say("03-04 10:00", c.RecordSigning(deal_no=1, contract_ref="1"))
    assert record.now.phase is ListingPhase.WITHDRAWN


def test_the_price_that_the_buyer_saw_counts() -> None:
    record = Record(posted())
    record.say("03-02 10:00", c.ChangePrice(price=Amount(PRICE + 1), reason="提价"))
    assert record.now.round_no == 1 and record.now.offers == ()
    assert record.take("03-02 10:01", "A") == "price_changed"
    assert record.take("03-02 10:02", "A", PRICE + 1) == "deal_struck"


def test_a_posted_price_is_a_price_change_away_from_offers_only() -> None:
    record = Record(posted())
    assert record.say("03-02 10:00", c.ChangePrice(price=PRICE, reason="x")) == "price_unchanged"
    assert record.say("03-02 10:00", c.ChangePrice(price=None, reason="x")) == "price_changed"
    assert record.take("03-02 10:01", "A") == "price_changed"
    without = Record(posted(offers=None))
    assert without.say("03-02 10:00", c.ChangePrice(price=None, reason="x")) == "amount_missing"


def test_where_admission_is_asked_for_only_the_admitted_take() -> None:
    record = Record(posted(admission=Admission.APPROVED, deposit=DEPOSIT, seats=2, offers=None))
    assert record.take("03-02 10:00", "A") == "not_admitted"
    assert not [event for event in record.events if isinstance(event, e.ListingRefusal)], "an outsider's noise"
    record.admit("03-02 11:00", "A")
    record.admit("03-02 11:00", "B")
    record.admit("03-02 11:00", "C")
    assert record.take("03-02 12:00", "B") == "deal_struck"
    assert record.now.deals[0].intent_no == 2
    assert record.take("03-02 12:00", "A") == "deal_struck"
    assert [intent.phase.value for intent in record.now.intents] == ["won", "won", "unsuccessful"]


# Offers: `must_rise`, one standing, as on the recorded market (docs/REPLAY.md).
def test_an_offer_must_be_higher_and_displaces_the_standing_one() -> None:
    record = Record(posted())
    assert record.offer("03-02 10:00", "A", 100) == "offer_made"
    assert record.offer("03-02 10:01", "B", 100) == "offer_not_higher"
    assert record.offer("03-02 10:02", "B", 101) == "offer_made"
    assert record.offer("03-02 10:03", "B", 150) == "offer_made", "one may raise one's own"
    assert [offer.phase.value for offer in record.now.offers] == ["displaced", "displaced", "standing"]
    assert record.say("03-02 10:04", c.AcceptOffer(offer_no=1, amount=Amount(100))) == "no_such_offer"
    assert record.say("03-02 10:04", c.AcceptOffer(offer_no=3, amount=Amount(149))) == "price_changed"
    assert record.say("03-02 10:04", c.AcceptOffer(offer_no=3, amount=Amount(150))) == "deal_struck"
    deal = record.now.deals[0]
    assert (deal.buyer_id, deal.price, deal.way.value) == ("B", 150, "offer")
    assert record.now.offers[2].phase.value == "accepted"


def test_an_offer_can_be_taken_back_by_its_buyer_alone() -> None:
    record = Record(posted())
    record.offer("03-02 10:00", "A", 100)
    assert record.say("03-02 10:01", c.WithdrawOffer(offer_no=1, buyer_id=B)) == "not_this_buyer"
    assert record.say("03-02 10:01", c.WithdrawOffer(offer_no=1, buyer_id=A)) == "offer_withdrawn"
    assert record.say("03-02 10:02", c.WithdrawOffer(offer_no=1, buyer_id=A)) == "no_such_offer"
    assert record.say("03-02 10:02", c.WithdrawOffer(offer_no=1, buyer_id=B)) == "not_this_buyer", "nor how it fared"
    assert record.offer("03-02 10:03", "B", 1) == "offer_made", "nothing stands, so any amount will do"


def test_offers_and_counter_offers_expire() -> None:
    record = Record(posted(offers=OfferTerms(expires_after_us=DurationUs(48 * HOUR_US))))
    assert record.offer("03-02 10:00", "A", 100, expires_at_us=at("03-02 10:00")) == "expiry_out_of_range"
    assert record.offer("03-02 10:00", "A", 100, expires_at_us=at("03-05 10:00")) == "expiry_out_of_range"
    assert record.offer("03-02 10:00", "A", 100) == "offer_made"
    assert when(record.now.offers[0].expires_at_us) == "03-04 10:00"
    counter = c.CounterOffer(offer_no=1, amount=Amount(200), expires_at_us=at("03-03 10:00"))
    assert record.say("03-02 11:00", counter) == "counter_offered"
    assert record.say("03-02 12:00", c.AcceptOffer(offer_no=1, amount=Amount(100))) == "no_such_offer", (
        "民法典 art. 488"
    )
    assert record.say("03-03 10:00", c.AcceptCounter(offer_no=1, buyer_id=A, amount=Amount(200))) == "no_such_offer"
    assert record.tail()[-1] == "03-03 10:00 offer_expired"


def test_a_counter_offer_is_accepted_by_him_to_whom_it_was_made() -> None:
    record = Record(posted())
    record.offer("03-02 10:00", "A", 100)
    assert record.say("03-02 11:00", c.CounterOffer(offer_no=1, amount=Amount(100))) == "offer_not_higher"
    assert record.say("03-02 11:00", c.CounterOffer(offer_no=1, amount=Amount(200))) == "counter_offered"
    assert record.say("03-02 12:00", c.AcceptCounter(offer_no=1, buyer_id=B, amount=Amount(200))) == "not_this_buyer"
    assert record.say("03-02 12:00", c.AcceptCounter(offer_no=1, buyer_id=A, amount=Amount(199))) == "price_changed"
    assert record.say("03-02 12:00", c.AcceptCounter(offer_no=1, buyer_id=A, amount=Amount(200))) == "deal_struck"
    assert record.now.deals[0].way is e.DealWay.COUNTER_OFFER


@pytest.mark.parametrize(
    ("terms", "amount", "says"),
    [
        (posted(offers=None), 100, "offers_not_taken"),
        (posted(offers=OfferTerms(lowest=Amount(101))), 100, "offer_too_low"),
        (posted(), 0, "amount_out_of_range"),
        (posted(offers=OfferTerms(counter_offers=False)), 100, "offer_made"),
    ],
)
def test_what_an_offer_must_be(terms, amount: int, says: str) -> None:  # type: ignore[no-untyped-def]
    assert Record(terms).offer("03-02 10:00", "A", amount) == says


def test_without_one_standing_everybody_has_his_own_offer() -> None:
    record = Record(posted(seats=2, offers=OfferTerms(must_rise=False, one_standing=False)))
    record.offer("03-02 10:00", "A", 100)
    record.offer("03-02 10:00", "B", 90)
    record.offer("03-02 10:00", "A", 80)
    assert [offer.phase.value for offer in record.now.offers] == ["displaced", "standing", "standing"]


def test_the_seller_and_who_may_not_have_the_technology_do_not_buy() -> None:
    record = Record(posted(foreign_blocked=True))
    assert record.take("03-02 10:00", "seller") == "seller_may_not_buy"
    assert record.offer("03-02 10:00", "seller", 100) == "seller_may_not_buy"
    assert record.take("03-02 10:00", "X", foreign=True) == "foreign_blocked"
    assert record.take("03-02 10:00", "X") == "deal_struck"


def test_a_posted_listing_ends_when_it_was_too_long_on_the_market() -> None:
    record = Record(posted(seats=2))
    record.take("03-02 10:00", "A")
    record.reach("2027-03-02 09:00")
    assert (record.now.phase, record.now.end_reason) == (ListingPhase.DEAL, e.EndReason.TOO_LONG)
    record.say("2027-03-03 09:00", c.RecordSigning(deal_no=1, contract_ref="1"))
    assert record.now.phase is ListingPhase.ENDED


# Open licence: 专利法 arts. 50-52, 实施细则 arts. 85-88.
def test_the_taker_notifies_and_pays() -> None:
    record = Record(open_licence())
    notice = c.NotifyTaking(buyer_id=A, payment_proof="回单 1")
    assert record.take("03-02 10:00", "A") == "wrong_phase"
    assert record.say("03-02 10:00", notice) == "taking_notified"
    assert record.say("03-02 10:01", notice) == "already_registered"
    assert record.say("03-03 10:00", c.ConfirmTaking(taking_no=1, paid=False, reason="未到账")) == "taking_refused"
    assert record.say("03-03 11:00", c.ConfirmTaking(taking_no=1, paid=True)) == "wrong_phase"
    assert record.say("03-04 10:00", notice) == "taking_notified"
    assert record.say("03-04 11:00", c.ConfirmTaking(taking_no=2, paid=True)) == "deal_struck"
    assert (record.now.deals[0].price, record.now.deals[0].way.value, record.now.phase.value) == (
        PRICE,
        "open_licence",
        "listed",
    )
    assert record.say("03-05 10:00", c.ChangePrice(price=Amount(1), reason="x")) == "wrong_phase", (
        "a new statement is needed"
    )


def test_a_withdrawn_open_licence_leaves_earlier_takers_licensed() -> None:
    record = Record(open_licence())
    record.say("03-02 10:00", c.NotifyTaking(buyer_id=A, payment_proof="回单"))
    record.say("03-02 11:00", c.ConfirmTaking(taking_no=1, paid=True))
    record.say("03-02 12:00", c.NotifyTaking(buyer_id=B, payment_proof="回单"))
    record.say("03-03 10:00", c.WithdrawListing(reason="撤回声明"))
    assert record.say("03-03 11:00", c.ConfirmTaking(taking_no=2, paid=True)) == "wrong_phase"
    assert record.say("03-03 12:00", c.RecordSigning(deal_no=1, contract_ref="备案")) == "deal_signed"
    assert record.now.phase is ListingPhase.WITHDRAWN


@pytest.mark.parametrize("mode", [OfferedMode.EXCLUSIVE, OfferedMode.SOLE, OfferedMode.PLAIN])
def test_no_open_licence_beside_another_mode(mode: OfferedMode) -> None:
    decision = Record(open_licence(mode=mode, seats=1), publish=False).submit_decision
    assert isinstance(decision, ListingRejected)
    assert "mode: open_licence_conflict" in str(decision.data["problems"])
