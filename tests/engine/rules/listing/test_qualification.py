"""Applications: what is refused and which reason comes first, consortia, corrections, bounds, who may act on whose behalf."""

from __future__ import annotations

import pytest

from engine.rules.listing import answers
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.state import ListingRejected
from engine.values import AMOUNT_MAX, Amount, PartyId
from tests.engine.rules.listing.transcript import PRICE, Record, disclosed, posted

A, B = PartyId("A"), PartyId("B")


def test_refusals_in_order_of_precedence() -> None:
    record = Record(disclosed(foreign_blocked=True))
    # Everything is wrong at once; one thing after the other is put right.
    wrong = {"foreign": True, "quote": PRICE - 1, "statement": "x" * 4_001}
    assert record.apply("03-03 10:00", "seller", **wrong) == "seller_may_not_buy"  # type: ignore[arg-type]
    assert record.apply("03-03 10:00", "A", **wrong) == "foreign_blocked"  # type: ignore[arg-type]
    wrong["foreign"] = False
    assert record.apply("03-03 10:00", "A", **wrong) == "below_list_price"  # type: ignore[arg-type]
    assert record.apply("03-03 10:00", "A", AMOUNT_MAX + 1) == "amount_out_of_range"
    assert record.apply("03-03 10:00", "A", PRICE, statement="x" * 4_001) == "terms_invalid"
    assert record.apply("03-03 10:00", "A", PRICE, statement="\x00") == "terms_invalid"
    assert record.apply("03-03 10:00", "A", PRICE) == "intent_registered"
    assert record.apply("03-03 10:01", "A", PRICE - 1) == "already_registered"
    record.say("03-03 10:02", c.SuspendListing(reason="核查"))
    assert record.apply("03-03 10:03", "A", PRICE - 1) == "paused"
    record.say("03-03 10:04", c.TerminateListing(reason="权属争议"))
    assert record.apply("03-03 10:05", "A", PRICE - 1) == "ended"
    assert Record(posted()).apply("03-03 10:00", "A") == "wrong_phase", "where anybody may buy nobody applies"


def test_a_listing_that_does_not_exist() -> None:
    from engine.rules.listing.deciding import decide
    from tests.engine.rules.listing.transcript import CALENDAR, LISTING, at

    decision = decide(None, LISTING, c.PublishListing(), at("03-02 09:00"), CALENDAR)
    assert isinstance(decision, ListingRejected) and decision.code.value == "no_such_listing"


def test_a_consortium_applies_once_and_without_the_seller() -> None:
    record = Record(disclosed())
    assert record.apply("03-03 10:00", "A", joint_with=(PartyId("seller"),)) == "seller_may_not_buy"
    assert record.apply("03-03 10:00", "A", joint_with=(A,)) == "terms_invalid"
    assert record.apply("03-03 10:00", "A", joint_with=(B, B)) == "terms_invalid"
    assert record.apply("03-03 10:00", "A", joint_with=tuple(PartyId(f"m{n}") for n in range(11))) == "terms_invalid"
    assert record.apply("03-03 10:00", "A", joint_with=(B,)) == "intent_registered"
    assert record.apply("03-03 11:00", "B") == "already_registered", "a member does not bid against his own consortium"


def test_who_stepped_back_may_apply_again() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    assert record.say("03-03 11:00", c.WithdrawIntent(intent_no=1, buyer_id=B)) == "not_this_buyer"
    assert record.say("03-03 11:00", c.WithdrawIntent(intent_no=1, buyer_id=A)) == "intent_withdrawn"
    assert record.say("03-03 11:01", c.WithdrawIntent(intent_no=1, buyer_id=A)) == "wrong_phase"
    second = record.admit("03-04 10:00", "A")
    assert second.no == 2 and second.code != record.intent(1).code, "a code is never given twice"


def test_a_correction_goes_back_to_the_review() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    assert record.say("03-03 11:00", c.CorrectIntent(intent_no=1, buyer_id=A)) == "wrong_phase"
    review = c.ReviewIntent(intent_no=1, verdict=c.Verdict.CORRECTION)
    assert record.say("03-03 11:00", review) == "reason_required"
    record.say("03-03 11:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.CORRECTION, reason="缺执照"))
    assert record.say("03-03 12:00", c.CorrectIntent(intent_no=1, buyer_id=A, quote=Amount(1))) == "below_list_price"
    assert record.say("03-03 12:00", c.CorrectIntent(intent_no=1, buyer_id=A, quote=PRICE)) == "intent_corrected"
    assert record.intent(1).phase.value == "under_review"


@pytest.mark.parametrize(
    "command",
    [
        c.ReviewIntent(intent_no=9, verdict=c.Verdict.PASS),
        c.AnswerIntent(intent_no=0, agrees=True),
        c.SettleIntent(intent_no=9, qualifies=True, authority="x", reason="x"),
        c.ConfirmDeposit(intent_no=-1, deposit_id="d"),
        c.DisqualifyBuyer(intent_no=9, reason="x"),
        c.WithdrawIntent(intent_no=9, buyer_id=A),
        c.CorrectIntent(intent_no=9, buyer_id=A),
    ],
    ids=lambda command: type(command).__name__,
)
def test_an_application_that_does_not_exist(command: c.ListingCommand) -> None:
    assert Record(disclosed()).say("03-03 10:00", command) == "no_such_intent"


def test_a_disqualified_buyer_gets_his_deposit_back_and_takes_no_part() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.admit("03-03 10:00", "B")
    assert record.say("03-04 10:00", c.DisqualifyBuyer(intent_no=1, reason="")) == "reason_required"
    assert record.say("03-04 10:00", c.DisqualifyBuyer(intent_no=1, reason="虚假材料")) == "buyer_disqualified"
    record.reach("03-17 00:00")
    assert record.now.deals[0].buyer_id == "B"


def test_money_that_comes_in_during_a_suspension_admits() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    record.say("03-03 11:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.say("03-03 12:00", c.AnswerIntent(intent_no=1, agrees=True))
    record.say("03-03 13:00", c.SuspendListing(reason="核查"))
    assert record.say("03-20 10:00", c.ConfirmDeposit(intent_no=1, deposit_id="d")) == "buyer_admitted"


def test_a_full_record_takes_no_more_buyers_but_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    monkeypatch.setattr(answers, "LIVES_MAX", 1)
    assert record.apply("03-03 11:00", "B") == "listing_full"
    assert not [event for event in record.events if isinstance(event, e.ListingRefusal)]
    assert record.say("03-03 12:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS)) == "intent_passed"


def test_the_winner_of_a_session_is_one_of_its_buyers_and_pays_at_least_the_list_price() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.admit("03-03 10:00", "B")
    record.reach("03-17 00:00")
    lot_id = record.now.lot_id
    assert lot_id is not None

    def recorded(winner: str, price: int | None, lot: str = lot_id) -> str:
        amount = None if price is None else Amount(price)
        sold = c.SessionOutcome.SOLD
        command = c.RecordSession(lot_id=lot, outcome=sold, winner_id=PartyId(winner), price=amount)  # type: ignore[arg-type]
        return record.say("03-19 10:00", command)

    assert recorded("A", PRICE, "achievement-1.9") == "wrong_phase"
    assert recorded("X", PRICE) == "not_admitted"
    assert recorded("A", None) == "amount_missing"
    assert recorded("A", PRICE - 1) == "below_list_price"
    assert recorded("A", PRICE) == "session_recorded"
    assert recorded("A", PRICE) == "wrong_phase"
