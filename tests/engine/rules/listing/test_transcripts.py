"""Whole listings, read like a record (domain.md §3.3). The calendar knows weekends only; 2 March 2026 is a Monday."""

from __future__ import annotations

import pytest

from engine.rules.listing import commands as c
from engine.rules.listing import deposits
from engine.rules.listing import events as e
from engine.rules.listing.state import IntentPhase, ListingPhase
from engine.rules.listing.terms import ExtensionTerms
from engine.values import Amount, PartyId
from tests.engine.rules.listing.transcript import PRICE, Record, disclosed, state_asset, when

A, B = PartyId("A"), PartyId("B")


def phases(record: Record) -> list[str]:
    """Return where the applications stand."""
    return [intent.phase.value for intent in record.now.intents]


def effects(record: Record) -> dict[str, list[str]]:
    """Return what the whole record did to held deposits, by event."""
    found: dict[str, list[str]] = {}
    for before, event in zip(record.before, record.events, strict=True):
        if before is None:
            continue
        for name in ("released_by", "converted_by", "forfeited_by", "no_longer_due"):
            for number in getattr(deposits, name)(before, event):
                found.setdefault(name, []).append(f"{number} by {type(event).__name__}")
    return found


def test_one_buyer() -> None:
    record = Record(disclosed())
    assert record.apply("03-05 15:00", "A", PRICE + 1_00) == "intent_registered"
    record.say("03-06 09:30", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.say("03-09 10:00", c.AnswerIntent(intent_no=1, agrees=True))
    assert (record.intent(1).deposit, when(record.intent(1).due_us)) == (PRICE // 10, "03-12 24:00")
    record.say("03-11 16:00", c.ConfirmDeposit(intent_no=1, deposit_id="d-77"))
    record.reach("03-17 08:00")
    record.say("03-20 14:00", c.RecordSigning(deal_no=1, contract_ref="2026-1"))
    assert record.tail() == [
        "03-02 09:00 submitted",
        "03-02 09:00 published",
        "03-05 15:00 intent_registered",
        "03-06 09:30 intent_passed",
        "03-09 10:00 intent_qualified",
        "03-11 16:00 buyer_admitted",
        "03-16 24:00 intake_closed",
        "03-16 24:00 deal_struck",
        "03-20 14:00 deal_signed",
    ]
    (deal,) = record.now.deals
    assert (deal.buyer_id, deal.price, deal.way, when(deal.sign_by_us)) == (
        "A",
        PRICE + 1_00,
        "sole_buyer",
        "03-24 24:00",
    )
    assert record.now.phase is ListingPhase.SIGNED
    assert effects(record) == {"converted_by": ["1 by DealSigned"]}


def test_several_buyers_bid() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A", PRICE + 9_00)
    record.admit("03-04 10:00", "B")
    record.apply("03-05 10:00", "C")
    record.reach("03-16 23:59")
    assert (
        record.say("03-17 09:00", c.ReviewIntent(intent_no=3, verdict=c.Verdict.REFUSE, reason="无资质"))
        == "intent_refused"
    )
    record.reach("03-17 09:00")
    assert record.tail(11) == ["03-16 24:00 intake_closed", "03-17 09:00 intent_refused", "03-17 09:00 session_ordered"]
    ordered = record.events[-1]
    assert isinstance(ordered, e.SessionOrdered)
    codes = [record.intent(1).code, record.intent(2).code]
    assert ordered.lot_id == "achievement-1.1" and when(ordered.opens_at_us) == "03-18 09:00"
    assert ordered.start_price == PRICE, "the bidding begins at the list price: nobody is held to his quote"
    assert ordered.bidders == (("A", codes[0]), ("B", codes[1])) and codes[0] != codes[1]
    sold = c.RecordSession(
        lot_id=ordered.lot_id, outcome=c.SessionOutcome.SOLD, winner_id=B, price=Amount(PRICE + 3_000_00)
    )
    assert record.say("03-19 09:05", sold) == "session_recorded"
    record.reach("03-19 09:05")
    assert record.tail(14) == ["03-19 09:05 session_recorded", "03-19 09:05 deal_struck"]
    assert (record.now.deals[0].buyer_id, record.now.deals[0].price) == ("B", PRICE + 3_000_00)
    assert phases(record) == ["unsuccessful", "won", "refused"]
    assert effects(record) == {"released_by": ["1 by DealStruck"]}


def test_one_buyer_and_bidding_in_any_case() -> None:
    record = Record(disclosed(always_bid=True))
    record.admit("03-03 10:00", "A")
    record.reach("03-17 00:00")
    assert record.now.phase is ListingPhase.BIDDING


def test_nobody_comes_two_cycles_then_the_end() -> None:
    record = Record(disclosed())
    record.reach("04-30 00:00")
    assert record.tail(2) == ["03-16 24:00 period_lengthened", "03-23 24:00 period_lengthened", "03-30 24:00 ended"]
    assert record.now.end_reason is e.EndReason.NO_BUYER


def test_nobody_comes_and_the_notice_said_nothing_of_cycles() -> None:
    record = Record(disclosed(extension=None))
    record.reach("04-30 00:00")
    assert record.tail(2) == ["03-16 24:00 ended"]


def test_a_session_without_a_bid_leads_to_the_next_cycle_and_the_deposits_go_back() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.admit("03-03 10:00", "B")
    record.reach("03-17 00:00")
    lot_id = record.now.lot_id
    assert lot_id is not None
    record.say("03-19 10:00", c.RecordSession(lot_id=lot_id, outcome=c.SessionOutcome.PASSED))
    record.reach("03-19 10:00")
    assert record.tail()[-2:] == ["03-19 10:00 session_recorded", "03-19 10:00 period_lengthened"]
    assert when(record.now.discloses_until_us) == "03-26 24:00"
    assert effects(record) == {"released_by": ["1 by SessionRecorded", "2 by SessionRecorded"]}
    record.admit("03-20 10:00", "A")
    record.admit("03-20 10:00", "C")
    record.reach("03-27 00:00")
    assert record.now.lot_id == "achievement-1.2", "a second session of a listing is a lot of its own"
    record.say("03-30 10:00", c.RecordSession(lot_id=record.now.lot_id, outcome=c.SessionOutcome.PASSED))
    record.reach("05-30 10:00")
    assert record.now.end_reason is e.EndReason.NO_BUYER, "the last cycle itself had no bidder"


def test_a_voided_session_waits_for_the_operator_and_is_held_again_with_the_same_buyers() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.admit("03-03 10:00", "B")
    record.reach("03-17 00:00")
    assert record.now.lot_id is not None
    record.say("03-18 10:00", c.RecordSession(lot_id=record.now.lot_id, outcome=c.SessionOutcome.VOIDED))
    assert record.now.phase is ListingPhase.SUSPENDED and phases(record) == ["admitted", "admitted"]
    record.say("03-20 10:00", c.ResumeListing(reason="故障已排除"))
    record.reach("03-20 10:00")
    assert record.now.phase is ListingPhase.BIDDING and record.now.lot_id == "achievement-1.2"
    assert effects(record) == {}


def test_a_price_change_begins_a_new_round_and_the_applications_of_the_old_one_end() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.apply("03-04 10:00", "B")
    change = c.ChangePrice(price=Amount(90_000_00), reason="市场反馈")
    assert record.say("03-06 11:00", change) == "price_changed"
    assert (record.now.round_no, record.now.price, when(record.now.discloses_until_us)) == (2, 90_000_00, "03-20 24:00")
    assert phases(record) == ["unsuccessful", "unsuccessful"]
    assert effects(record) == {"released_by": ["1 by PriceChanged"]}
    assert record.apply("03-07 10:00", "A", 90_000_00) == "intent_registered", "he may apply again at the new price"
    assert record.intent(3).round_no == 2


def test_a_suspension_keeps_the_remaining_days() -> None:
    record = Record(disclosed())
    record.say("03-05 11:00", c.SuspendListing(reason="权属争议"))
    assert record.apply("03-05 12:00", "A") == "paused"
    # 5 March to 16 March: eight working days were left, the day of the suspension included.
    record.say("03-30 11:00", c.ResumeListing(reason="争议已解决"))
    assert (record.now.phase, when(record.now.discloses_until_us)) == (ListingPhase.LISTED, "04-09 24:00")


def test_a_suspended_state_asset_has_ten_days_left_and_twenty_in_all() -> None:
    record = Record(state_asset(disclosure_working_days=20))
    assert when(record.now.discloses_until_us) == "03-30 24:00"
    record.say("03-27 11:00", c.SuspendListing(reason="权属争议"))
    # 18 full working days were shown, two are left: at least ten are given.
    record.say("04-10 11:00", c.ResumeListing(reason="争议已解决"))
    assert when(record.now.discloses_until_us) == "04-24 24:00"
    early = Record(state_asset())
    early.say("03-04 11:00", c.SuspendListing(reason="权属争议"))
    # One full working day was shown (3 March): nineteen more make twenty in all.
    early.say("03-10 11:00", c.ResumeListing(reason="争议已解决"))
    assert when(early.now.discloses_until_us) == "04-06 24:00"


def test_an_obstacle_that_stays_ends_the_listing() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.say("03-05 11:00", c.SuspendListing(reason="权属争议"))
    record.reach("04-04 11:00")
    assert (record.now.phase, record.now.end_reason) == (ListingPhase.ENDED, e.EndReason.SUSPENDED_TOO_LONG)
    assert effects(record) == {"released_by": ["1 by ListingEnded"]}


def test_twelve_months_without_a_buyer() -> None:
    record = Record(disclosed(extension=ExtensionTerms(cycle_working_days=20, cycles_max=20)))
    record.reach("2027-06-01 00:00")
    assert record.now.end_reason is e.EndReason.TOO_LONG
    assert record.tail()[-1] == "03-02 09:00 ended"


def test_who_has_applied_in_time_is_heard_after_twelve_months() -> None:
    record = Record(disclosed(extension=ExtensionTerms(cycle_working_days=20, cycles_max=20)))
    record.admit("2027-02-26 10:00", "A")
    record.reach("2027-06-01 00:00")
    assert record.now.phase is ListingPhase.DEAL


def test_the_seller_objects_and_the_approving_body_decides() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    record.apply("03-03 11:00", "B")
    for number in (1, 2):
        record.say("03-04 10:00", c.ReviewIntent(intent_no=number, verdict=c.Verdict.PASS))
    for number in (1, 2):
        record.say("03-05 10:00", c.AnswerIntent(intent_no=number, agrees=False, reason="竞争对手"))
    record.say("03-10 10:00", c.SettleIntent(intent_no=1, qualifies=True, authority="自治区科技厅", reason="条件符合"))
    record.say("03-10 10:00", c.SettleIntent(intent_no=2, qualifies=False, authority="自治区科技厅", reason="条件不符"))
    assert record.tail(4) == [
        "03-04 10:00 intent_passed",
        "03-04 10:00 intent_passed",
        "03-05 10:00 intent_disputed",
        "03-05 10:00 intent_disputed",
        "03-10 10:00 intent_qualified",
        "03-10 10:00 intent_refused",
    ]
    assert phases(record) == ["deposit_due", "refused"]


def test_a_seller_who_says_nothing_has_agreed() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    record.say("03-04 10:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.reach("03-10 00:00")
    assert record.tail(4) == ["03-09 24:00 intent_qualified"]
    qualified = record.events[-1]
    assert isinstance(qualified, e.IntentQualified) and qualified.by is e.QualifiedBy.SILENCE


def test_where_the_terms_say_so_silence_is_a_no() -> None:
    record = Record(disclosed(seller_silence_agrees=False))
    record.apply("03-03 10:00", "A")
    record.say("03-04 10:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.reach("03-10 00:00")
    assert (record.intent(1).phase, record.intent(1).reason) == (IntentPhase.LAPSED, "undecided")


def test_a_deposit_that_is_not_paid_in_time_is_giving_up() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    record.say("03-03 11:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.say("03-03 12:00", c.AnswerIntent(intent_no=1, agrees=True))
    record.reach("03-07 00:00")
    assert (record.intent(1).phase, record.intent(1).reason) == (IntentPhase.LAPSED, "deposit_unpaid")
    assert effects(record) == {"no_longer_due": ["1 by IntentLapsed"]}
    assert record.say("03-07 09:00", c.ConfirmDeposit(intent_no=1, deposit_id="late")) == "wrong_phase"


def test_what_is_open_at_the_decision_comes_to_nothing() -> None:
    record = Record(disclosed())
    for buyer in ("A", "B", "C", "D"):
        record.apply("03-13 10:00", buyer)
    record.say("03-16 10:00", c.ReviewIntent(intent_no=2, verdict=c.Verdict.CORRECTION, reason="缺营业执照"))
    record.say("03-16 10:00", c.ReviewIntent(intent_no=3, verdict=c.Verdict.PASS))
    record.say("03-23 10:00", c.ReviewIntent(intent_no=4, verdict=c.Verdict.PASS))
    record.say("03-23 11:00", c.AnswerIntent(intent_no=4, agrees=True))
    assert when(record.now.decides_at_us) == "03-23 24:00" == when(record.intent(4).due_us)
    record.reach("03-24 00:00")
    assert [intent.reason for intent in record.now.intents] == [
        "undecided",
        "not_corrected",
        "deposit_unpaid",
        "deposit_unpaid",
    ]
    assert record.tail()[-1] == "03-23 24:00 period_lengthened", "nobody is left: the next cycle"
    assert when(record.now.discloses_until_us) == "03-31 24:00"


def test_the_seller_answers_early_enough_for_the_deposit() -> None:
    record = Record(disclosed())
    record.apply("03-16 10:00", "A")
    record.say("03-19 10:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    assert when(record.intent(1).due_us) == "03-20 24:00", "three working days would end after the decision on 23 March"
    record.reach("03-21 00:00")
    assert when(record.intent(1).due_us) == "03-23 24:00", "silence qualified him, and a working day is left to pay"


@pytest.mark.parametrize(
    ("until", "cost", "liable"),
    [("nobody", 0, False), ("applied", 5_000_00, False), ("admitted", 5_000_00, True)],
)
def test_a_withdrawal_costs_once_somebody_applied_and_makes_liable_once_somebody_is_admitted(
    until: str, cost: int, liable: bool
) -> None:
    record = Record(disclosed())
    if until == "applied":
        record.apply("03-03 10:00", "A")
    if until == "admitted":
        record.admit("03-03 10:00", "A")
    assert record.say("03-05 10:00", c.WithdrawListing(reason="自用")) == "withdrawn"
    withdrawn = record.events[-1]
    assert isinstance(withdrawn, e.ListingWithdrawn)
    assert (withdrawn.cost, withdrawn.liable) == (cost, liable)
    assert effects(record) == ({"released_by": ["1 by ListingWithdrawn"]} if liable else {})


@pytest.mark.parametrize(("side", "effect"), [(c.Side.BUYER, "forfeited_by"), (c.Side.SELLER, "released_by")])
def test_a_side_that_does_not_sign(side: c.Side, effect: str) -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    record.reach("03-17 00:00")
    assert record.say("03-25 09:00", c.RecordDefault(deal_no=1, side=side, reason="拒签合同")) == "deal_defaulted"
    assert record.now.phase is ListingPhase.DEFAULTED
    assert effects(record) == {effect: ["1 by DealDefaulted"]}
    assert record.say("03-26 09:00", c.RecordSigning(deal_no=1, contract_ref="x")) == "wrong_phase"


def test_the_form_is_corrected_before_publication() -> None:
    record = Record(disclosed(), publish=False)
    assert record.apply("03-02 10:00", "A") == "no_such_listing", "what is not published is not there"
    assert record.say("03-02 11:00", c.ReturnListing(reason="")) == "reason_required"
    assert record.say("03-02 11:00", c.ReturnListing(reason="缺决策文件")) == "returned"
    assert record.say("03-02 12:00", c.PublishListing()) == "wrong_phase"
    again = c.ResubmitListing(terms=disclosed(list_price=Amount(1_00)), subject=record.now.subject)
    assert record.say("03-03 09:00", again) == "resubmitted"
    assert record.say("03-03 10:00", c.PublishListing()) == "published"
    assert (record.now.price, when(record.now.discloses_until_us)) == (1_00, "03-17 24:00")


def test_a_necessary_change_is_approved_and_begins_the_period_again() -> None:
    record = Record(disclosed())
    record.admit("03-03 10:00", "A")
    revise = c.ReviseListing(
        terms=disclosed(disclosure_working_days=5), subject=record.now.subject, reason="更正专利号", approval_no=""
    )
    assert record.say("03-04 10:00", revise) == "approval_required"
    assert (
        record.say(
            "03-04 10:00",
            c.ReviseListing(**{f: getattr(revise, f) for f in ("terms", "subject", "reason")}, approval_no="N-1"),
        )
        == "revised"
    )
    assert (record.now.round_no, when(record.now.discloses_until_us)) == (2, "03-11 24:00")
    assert effects(record) == {"released_by": ["1 by ListingRevised"]}
