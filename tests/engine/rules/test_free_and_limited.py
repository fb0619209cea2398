"""动态报价: a free period, then timed cycles; each bid starts a new cycle. domain rules §2.3 and its numeric example."""

from __future__ import annotations

import pytest

from engine.rules.auction.events import PassReason
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import Closing, ExtensionFrom, FixedIncrement, Terms, terms_problems
from engine.values import Amount, DurationUs
from tests.engine.rules.transcript import Session, at

MINUTE = 60_000_000


def dynamic(free_minutes: int = 30, cycle_s: int = 120, start: int = 1000, step: int = 100, **more: object) -> Terms:
    closing = Closing(
        opens_at_us=at("10:00"),
        free_period_us=DurationUs(free_minutes * MINUTE),
        limited_cycle_us=DurationUs(cycle_s * 1_000_000),
        **more,  # type: ignore[arg-type]
    )
    return Terms(closing=closing, increment=FixedIncrement(Amount(step)), start_price=Amount(start))


def test_the_numeric_example_of_the_inner_mongolia_session() -> None:
    session = Session(dynamic(start=7_487_968_00, step=50_000_00), "A", "B")
    assert session.bid("10:10", "A", 7_537_968_00) == "753796800 A"
    assert session.bid("10:31:40", "B", 7_587_968_00) == "758796800 B"
    assert session.closes() == "10:33:40"
    assert session.bid("10:33:39.900", "A", 7_637_968_00) == "763796800 A"
    assert session.closes() == "10:35:39.9"
    assert session.bid("10:35:39.950", "B", 7_687_968_00) == "late"
    assert session.lot.phase is Phase.SOLD
    assert session.lot.winner == "A"
    assert session.lot.price == 7_487_968_00 + 3 * 50_000_00


def test_a_late_bid_is_told_by_how_much() -> None:
    session = Session(dynamic(), "A", "B")
    session.bid("10:10", "A", 1000)
    session.bid("10:32:00.050", "B", 1100)
    assert session.events[-1].data == {"late_by_us": 50_000}  # type: ignore[union-attr]


def test_in_the_free_period_nothing_moves_the_end() -> None:
    session = Session(dynamic(), "A", "B")
    session.bid("10:29:59", "A", 1000)
    assert session.lot.closes_at_us is None
    session.reach(at("10:30"))
    assert session.lot.phase is Phase.LIMITED
    assert session.closes() == "10:32:00"


def test_a_cycle_that_passes_without_a_bid_ends_the_session() -> None:
    session = Session(dynamic(), "A")
    session.bid("10:10", "A", 1000)
    session.reach(at("10:31:59"))
    assert session.lot.phase is Phase.LIMITED
    session.reach(at("10:32"))
    assert session.lot.phase is Phase.SOLD


@pytest.mark.parametrize("bid_at, closes", [("10:30:10", "10:34:00"), ("10:31:59", "10:34:00")])
def test_cycles_counted_from_the_end_of_the_cycle(bid_at: str, closes: str) -> None:
    session = Session(dynamic(extension_from=ExtensionFrom.CLOSING), "A", "B")
    session.bid(bid_at, "A", 1000)
    assert session.closes() == closes


def test_several_bids_in_one_cycle_give_one_more_cycle() -> None:
    session = Session(dynamic(extension_from=ExtensionFrom.CLOSING), "A", "B")
    session.bid("10:30:10", "A", 1000)
    session.bid("10:30:20", "B", 1100)
    assert session.closes() == "10:34:00"


def test_without_a_free_bid_the_limited_period_runs_once_and_ends_unsold() -> None:
    session = Session(dynamic(limited_if_no_free_bid=True), "A")
    session.reach(at("10:31:59"))
    assert session.lot.phase is Phase.LIMITED
    session.reach(at("10:32"))
    assert (session.lot.phase, session.lot.pass_reason) == (Phase.PASSED, PassReason.NO_BID)


def test_without_a_free_bid_the_session_ends_with_the_free_period_where_the_terms_say_so() -> None:
    session = Session(dynamic(limited_if_no_free_bid=False), "A")
    session.reach(at("10:30"))
    assert (session.lot.phase, session.lot.pass_reason) == (Phase.PASSED, PassReason.NO_BID)


def test_who_did_not_bid_in_the_free_period_may_not_bid_in_the_limited_one() -> None:
    session = Session(dynamic(require_free_bid=True, limited_if_no_free_bid=False), "A", "B")
    session.bid("10:10", "A", 1000)
    assert session.bid("10:30:30", "B", 1100) == "free_bid_required"
    assert session.closes() == "10:32:00"


def test_a_required_free_bid_and_a_limited_period_without_one_contradict_each_other() -> None:
    terms = dynamic(require_free_bid=True, limited_if_no_free_bid=True)
    assert terms_problems(terms) == ["closing: require_free_bid_contradiction"]
