"""Silence: what each audience sees of every state and every event of many listings, walked through field by field."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing import record_rows
from engine.rules.listing.record_rows import buyers_row, party_of, public_row, sellers_row, staff_row
from engine.rules.listing.state import ListingState
from engine.rules.listing.terms import OfferTerms
from engine.rules.listing.visibility import buyers_listing, public_listing, sellers_listing, staff_listing
from engine.values import Amount, PartyId
from tests.engine.rules.listing.test_random_walks import Walk
from tests.engine.rules.listing.transcript import Record, disclosed, posted

QUOTE = Amount(123_456_789_01)
SECRET_TEXTS = ("STATEMENT-A", "RELATED-A", "WHY-A", "DEPOSIT-A", "CONTRACT-7", "DISPUTE-A")


def strings(value: Any) -> set[str]:
    """Return every text and number in what somebody is shown."""
    found: set[str] = set()

    def walk(plain: Any) -> None:
        if isinstance(plain, dict):
            for item in plain.values():
                walk(item)
        elif isinstance(plain, (list, tuple)):
            for item in plain:
                walk(item)
        elif plain is not None:
            found.add(str(plain))

    walk(msgspec.to_builtins(value))
    return found


def told() -> Record:
    """A disclosed listing in which buyer-A does everything that must not be seen, and buyer-B is there too."""
    record = Record(disclosed())
    record.apply(
        "03-03 10:00", "buyer-A", QUOTE, statement="STATEMENT-A", related="RELATED-A", joint_with=(PartyId("buyer-J"),)
    )
    record.say("03-03 11:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.CORRECTION, reason="WHY-A"))
    record.say(
        "03-03 12:00", c.CorrectIntent(intent_no=1, buyer_id=PartyId("buyer-A"), quote=QUOTE, statement="STATEMENT-A")
    )
    record.say("03-03 13:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.say("03-03 14:00", c.AnswerIntent(intent_no=1, agrees=False, reason="DISPUTE-A"))
    record.say("03-04 10:00", c.SettleIntent(intent_no=1, qualifies=True, authority="厅", reason="符合"))
    record.say("03-04 11:00", c.ConfirmDeposit(intent_no=1, deposit_id="DEPOSIT-A"))
    record.apply("03-04 12:00", "buyer-A")
    record.admit("03-05 10:00", "buyer-B")
    record.reach("03-17 00:00")
    return record


def rows(record: Record, see: Any) -> list[Any]:
    """Return what an audience sees of every event."""
    found = []
    for place, event in enumerate(record.events):
        after = record.before[place + 1] if place + 1 < len(record.before) else record.now
        assert after is not None
        row = see(after, after.last_at_us, event)
        if row is not None:
            found.append(row)
    return found


def test_nobody_else_learns_who_applied_what_he_would_pay_and_how_it_stands() -> None:
    record = told()
    for shown in (
        strings([public_listing(record.now), *rows(record, public_row)]),
        strings(
            [
                buyers_listing(record.now, PartyId("buyer-B")),
                *rows(record, lambda s, t, x: buyers_row(s, PartyId("buyer-B"), t, x)),
            ]
        ),
        strings(
            [
                buyers_listing(record.now, PartyId("outsider")),
                *rows(record, lambda s, t, x: buyers_row(s, PartyId("outsider"), t, x)),
            ]
        ),
    ):
        assert not shown & {"buyer-A", "buyer-J", str(QUOTE), record.intent(1).code or "", *SECRET_TEXTS}


def test_nobody_can_count_the_applicants() -> None:
    one, two = Record(disclosed()), Record(disclosed())
    for record in (one, two):
        record.apply("03-03 10:00", "A")
    two.apply("03-03 11:00", "B")
    first, second = public_listing(one.now), public_listing(two.now)
    assert first is not None and second is not None
    assert msgspec.structs.replace(first, seq=0) == msgspec.structs.replace(second, seq=0)


def test_a_buyer_sees_all_that_is_his_own() -> None:
    record = told()
    mine = buyers_listing(record.now, PartyId("buyer-A"))
    assert mine is not None and len(mine.intents) == 1
    shown = strings([mine, *rows(record, lambda s, t, x: buyers_row(s, PartyId("buyer-A"), t, x))])
    assert {"STATEMENT-A", "WHY-A", "DEPOSIT-A", str(QUOTE), record.intent(1).code, "already_registered"} <= shown
    assert "buyer-B" not in shown


def test_the_seller_sees_who_applied_but_no_quote_no_code_no_deposit_no_refusal() -> None:
    record = told()
    shown = strings([sellers_listing(record.now), *rows(record, sellers_row)])
    assert {"buyer-A", "buyer-B", "buyer-J", "STATEMENT-A", "RELATED-A", "DISPUTE-A"} <= shown
    codes = {intent.code for intent in record.now.intents}
    assert not shown & {str(QUOTE), "WHY-A", "DEPOSIT-A", "already_registered", *codes}
    assert not any(
        row.kind in ("buyer_admitted", "refusal", "intent_corrected", "intent_returned")
        for row in rows(record, sellers_row)
    )


def test_staff_see_everything() -> None:
    record = told()
    shown = strings([staff_listing(record.now), *rows(record, staff_row)])
    assert {"buyer-A", "buyer-B", str(QUOTE), "STATEMENT-A", "WHY-A", "DEPOSIT-A", "already_registered"} <= shown
    assert len(rows(record, staff_row)) == len(record.events)


def test_a_result_is_public_without_names() -> None:
    record = Record(posted(seats=2))
    record.take("03-02 10:00", "buyer-A")
    record.take("03-02 11:00", "buyer-B")
    record.say("03-03 10:00", c.RecordSigning(deal_no=1, contract_ref="CONTRACT-7"))
    record.say("03-03 10:00", c.RecordDefault(deal_no=2, side=c.Side.BUYER, reason="WHY-A"))
    seen = public_listing(record.now)
    assert seen is not None and [deal.price for deal in seen.deals] == ["10000000", "10000000"]
    shown = strings([seen, *rows(record, public_row)])
    assert not shown & {"buyer-A", "buyer-B", *SECRET_TEXTS}
    assert {"deal_struck", "deal_signed", "deal_defaulted"} <= shown


def test_the_standing_offer_shows_its_amount_and_never_its_buyer() -> None:
    record = Record(posted())
    record.offer("03-02 10:00", "buyer-A", 77_00)
    record.say("03-02 11:00", c.CounterOffer(offer_no=1, amount=Amount(88_00)))
    record.offer("03-02 12:00", "buyer-B", 66_00)
    seen = public_listing(record.now)
    assert seen is not None and seen.standing_offer == "6600"
    shown = strings([seen, *rows(record, public_row)])
    assert "8800" not in shown and not shown & {"buyer-A", "buyer-B"}


def test_offers_side_by_side_are_nobody_elses_business() -> None:
    terms = posted(seats=2, offers=OfferTerms(must_rise=False, one_standing=False))
    record = Record(terms)
    record.offer("03-02 10:00", "buyer-A", 77_00)
    seen = public_listing(record.now)
    assert seen is not None and seen.standing_offer is None
    assert "7700" not in strings([seen, *rows(record, public_row)])


def test_what_is_not_published_is_not_shown() -> None:
    record = Record(disclosed(), publish=False)
    record.say("03-02 10:00", c.ReturnListing(reason="WHY-A"))
    assert public_listing(record.now) is None and buyers_listing(record.now, PartyId("x")) is None
    assert rows(record, public_row) == []
    assert sellers_listing(record.now).listing.reason == "WHY-A"


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_many_walks_leak_no_party_to_the_public_and_no_other_party_to_a_buyer(start: int) -> None:
    for seed in range(start, start + 100):
        walk = Walk(random.Random(seed).randint)
        parties = {"A", "B", "C", "D", "E"}
        assert not strings([public_listing(walk.now), *rows(walk, public_row)]) & parties
        mine = rows(walk, lambda s, t, x: buyers_row(s, PartyId("A"), t, x))
        assert not strings(mine) & (parties - {"A"})
        own = buyers_listing(walk.now, PartyId("A"))
        # His own consortium (E) is his to see.
        assert not strings(own) & (parties - {"A", "E"})
        assert not any(
            isinstance(x, e.ListingRefusal) for x in walk.events if sellers_row(walk.now, walk.now.last_at_us, x)
        )


def test_every_event_has_a_line_for_staff_and_somebody_decided_about_the_public() -> None:
    assert record_rows._PUBLIC < record_rows._SELLERS < set(e.LISTING_WIRE_NAMES)


def test_whose_an_event_is() -> None:
    record = told()
    state: ListingState = record.now
    assert party_of(state, e.IntentReturned(intent_no=1, reason="x")) == "buyer-A"
    assert party_of(state, e.ListingEnded(reason=e.EndReason.NO_BUYER)) is None
