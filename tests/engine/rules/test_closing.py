"""The end: court style, first-bid clock, hard end, limits, groups; who moves it and who does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.rules.auction.commands import PublishLot, Subject
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import BidAccepted, PassReason
from engine.rules.auction.groups import group_shifts
from engine.rules.auction.state import Accepted, Phase, Rejected
from engine.rules.auction.terms import Closing, ExtensionFrom, ExtensionScope, FixedIncrement, Reserve, Terms
from engine.values import Amount, DurationUs, LotId
from tests.engine.rules.transcript import LOT, SELLER, Session, at, fixed_terms


@pytest.mark.parametrize(
    "bid_at, closes",
    [
        ("09:54:59.999999", "10:00:00"),
        ("09:55:00", "10:00:00"),
        ("09:55:00.000001", "10:00:00.000001"),
        ("09:59:59", "10:04:59"),
    ],
)
def test_court_style_a_bid_in_the_last_five_minutes_moves_the_end_to_bid_time_plus_five(
    bid_at: str, closes: str
) -> None:
    session = Session(fixed_terms(), "A")
    session.bid(bid_at, "A", 1000)
    assert session.closes() == closes


def test_a_bid_at_the_instant_of_closing_is_late() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    assert session.bid("10:00", "B", 1100) == "late"


def test_a_bid_one_microsecond_before_closing_is_in_time() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    assert session.bid("09:59:59.999999", "B", 1100) == "1100 B"


def test_a_rejected_bid_never_extends() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    assert session.bid("09:59:59", "B", 1050) == "bid_below_minimum"
    assert session.closes() == "10:00:00"


def test_an_automatic_bid_that_changes_the_price_extends() -> None:
    session = Session(fixed_terms(proxy=True), "A", "B")
    session.bid("09:10", "A", maximum=5000)
    assert session.bid("09:59:00", "B", 2000) == "2100 A"
    assert session.closes() == "10:04:00"


def test_a_silent_change_of_a_maximum_does_not_extend() -> None:
    session = Session(fixed_terms(proxy=True), "A")
    session.bid("09:10", "A", maximum=5000)
    session.bid("09:59:00", "A", maximum=6000)
    assert session.closes() == "10:00:00"


def test_an_extension_counts_from_the_end_in_force_not_from_the_original_one() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:58", "A", 1000)
    assert session.closes() == "10:03:00"
    session.bid("10:02", "B", 1100)
    assert session.closes() == "10:07:00"


def test_extension_from_the_end_adds_to_the_end() -> None:
    session = Session(fixed_terms(closing={"extension_from": ExtensionFrom.CLOSING}), "A")
    session.bid("09:58", "A", 1000)
    assert session.closes() == "10:05:00"


def test_a_window_longer_than_the_extension() -> None:
    terms = fixed_terms(extension_s=60, closing={"extension_window_us": DurationUs(600_000_000)})
    session = Session(terms, "A")
    session.bid("09:52", "A", 1000)
    assert session.closes() == "10:00:00", "bid time + 1 min is before the end in force"


def test_the_hard_end_caps_every_extension() -> None:
    session = Session(fixed_terms(closing={"hard_end_us": at("10:02")}), "A", "B")
    session.bid("09:59", "A", 1000)
    assert session.closes() == "10:02:00"
    session.bid("10:01:59", "B", 1100)
    assert session.closes() == "10:02:00"
    assert session.bid("10:02", "A", 1200) == "late"


def test_no_more_extensions_than_the_terms_allow() -> None:
    session = Session(fixed_terms(closing={"extensions_max": 1}), "A", "B")
    session.bid("09:59", "A", 1000)
    session.bid("10:03", "B", 1100)
    assert session.closes() == "10:04:00"
    assert session.lot.extensions == 1


def test_without_an_extension_the_end_is_fixed() -> None:
    session = Session(fixed_terms(extension_s=None), "A")
    session.bid("09:59:59", "A", 1000)
    assert session.closes() == "10:00:00"


def first_bid_clock() -> Terms:
    closing = Closing(
        opens_at_us=at("09:00"), first_bid_clock_us=DurationUs(3_600_000_000), extension_us=DurationUs(900_000_000)
    )
    reserve = Reserve(amount=Amount(1000), public=True)
    return Terms(closing=closing, increment=FixedIncrement(Amount(100)), start_price=Amount(0), reserve=reserve)


def test_the_first_accepted_bid_starts_the_clock() -> None:
    session = Session(first_bid_clock(), "A", "B")
    assert session.bid("13:00", "B", 999) == "bid_below_minimum"
    assert session.lot.closes_at_us is None
    session.bid("17:00", "A", 1000)
    assert session.closes() == "18:00:00"


def test_a_session_ends_once() -> None:
    session = Session(fixed_terms(), "A")
    session.bid("09:10", "A", 1000)
    session.reach(at("23:00"))
    session.reach(at("1+10:00"))
    assert sum(type(event).__name__ in ("LotSold", "LotPassed") for event in session.events) == 1


def test_no_bid_means_passed() -> None:
    session = Session(fixed_terms(), "A")
    session.reach(at("10:00"))
    assert (session.lot.phase, session.lot.pass_reason) == (Phase.PASSED, PassReason.NO_BID)


def test_lots_of_a_group_close_one_after_another() -> None:
    terms = fixed_terms(closing={"extension_scope": ExtensionScope.GROUP})
    first = Session(terms, "A").lot
    lots = [replace(first, lot_id=LotId(f"sale.{number}")) for number in (1, 2, 3)] + [
        replace(first, lot_id=LotId("other.2"))
    ]
    event = BidAccepted(
        bidder_id=first.seller_id, code="1", kind="bid", amount=Amount(1), maximum=None, price=Amount(1),  # type: ignore[arg-type]
        price_changed=True, leader_code="1", automatic=False, closes_at_us=at("10:03"), extended=True,
    )  # fmt: skip
    shifts = group_shifts(lots[1], event, 7, lots)
    assert [(lot_id, shift.by_us, shift.cause_lot_id) for lot_id, shift in shifts] == [
        ("sale.3", 180_000_000, "sale.2")
    ], "later lots of the same group only"


@pytest.mark.parametrize(
    ("closing", "last", "late"),
    [
        ({"closes_at_us": at("10:00")}, "09:59:59", "10:00"),
        (
            {"free_period_us": DurationUs(1_800_000_000), "limited_cycle_us": DurationUs(60_000_000)},
            "09:29:59",
            "09:30",
        ),
        ({"first_bid_clock_us": DurationUs(60_000_000), "hard_end_us": at("09:45")}, "09:44:59", "09:45"),
    ],
    ids=["fixed end", "free period", "hard end"],
)
def test_a_session_is_not_published_after_a_period_in_which_all_could_bid(
    closing: dict[str, Any], last: str, late: str
) -> None:
    terms = Terms(
        closing=Closing(opens_at_us=at("09:00"), **closing),
        increment=FixedIncrement(Amount(100)),
        start_price=Amount(1000),
    )
    publish = PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=SELLER)
    assert isinstance(decide(None, LOT, publish, at(last)), Accepted)
    refusal = decide(None, LOT, publish, at(late))
    assert isinstance(refusal, Rejected)
    assert refusal.data == {"problems": "closing: closes_in_the_past"}
