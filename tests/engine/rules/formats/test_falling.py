"""The falling price: who arrives first takes, at the price that stands when he arrives."""

from __future__ import annotations

import pytest

from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.falling import standing_price
from engine.values import Amount, DurationUs, PartyId
from tests.engine.rules.formats.session import CLOCK, FormatSession
from tests.engine.rules.transcript import at

ONE = ft.Falling(clock=CLOCK)


def test_the_first_to_accept_wins_at_the_price_that_stands() -> None:
    lot = FormatSession(ONE, "A", "B")
    assert standing_price(lot.lot, at("09:02")) is None, "not yet open"
    lot.reach(at("09:02"))
    assert [standing_price(lot.lot, at(clock)) for clock in ("09:00", "09:00:59.999", "09:02", "09:05")] == [
        1000,
        1000,
        800,
        500,
    ]
    assert lot.take("09:02:10", "A", 800) == ""
    assert lot.take("09:02:10", "B", 800) == "late", "the one who arrived later has lost"
    assert lot.result() == "sold A 800"


def test_who_saw_a_higher_price_gets_the_lower_one_that_stands_when_he_arrives() -> None:
    lot = FormatSession(ONE, "A")
    assert lot.take("09:03:00.010", "A", 800) == ""
    lot.reach(at("09:04"))
    assert lot.result() == "sold A 700"


def test_a_wish_that_comes_before_its_price_is_refused_with_the_price() -> None:
    lot = FormatSession(ONE, "A")
    assert lot.take("09:01:59", "A", 800) == "price_not_reached"
    assert lot.take("09:02", "A", 800) == ""


def test_when_nobody_accepts_the_floor_stands_one_interval_and_the_lot_passes() -> None:
    lot = FormatSession(ONE, "A")
    lot.reach(at("09:05:59.999"))
    assert lot.result() == "open"
    lot.reach(at("09:06"))
    assert lot.result() == "passed no_bid"
    assert lot.take("09:06", "A", 500) == "late"


def test_a_pause_stops_the_clock_where_it_stood() -> None:
    lot = FormatSession(ONE, "A")
    lot.pause("09:01:30")
    assert lot.take("09:02", "A", 900) == "paused"
    lot.resume("09:11:30")
    assert standing_price(lot.lot, at("09:11:59.999")) == 900
    assert standing_price(lot.lot, at("09:12")) == 800


def test_an_outage_is_no_falling_time() -> None:
    lot = FormatSession(ONE, "A")
    lot.outage("09:01:10", "09:01:40")
    assert standing_price(lot.lot, at("09:02:29")) == 900 and standing_price(lot.lot, at("09:02:30")) == 800


def test_several_units_fall_on_until_all_are_taken_and_each_pays_his_price() -> None:
    lot = FormatSession(ft.Falling(clock=CLOCK, units=3), "A", "B")
    assert lot.take("09:01", "A", 900, 1) == ""
    assert lot.take("09:02", "B", 800, 3) == "quantity_out_of_range"
    assert lot.take("09:03", "B", 700, 2) == ""
    lot.reach(at("09:03"))
    assert lot.result() == "allocated A 1×900, B 2×700"


def test_what_is_left_at_the_end_of_the_clock_stays_unsold() -> None:
    lot = FormatSession(ft.Falling(clock=CLOCK, units=3), "A")
    assert lot.take("09:01", "A", 900, 2) == ""
    lot.reach(at("09:06"))
    assert lot.result() == "allocated A 2×900"


def test_a_clock_is_not_lengthened_and_outsiders_do_not_take() -> None:
    lot = FormatSession(ONE, "A")
    lot.reach(at("09:00"))
    assert lot.said(lot.send(fc.ExtendLot(by_us=DurationUs(1), reason="x"), at("09:01"))) == "wrong_phase"
    assert lot.take("09:01", "Z", 900) == "not_admitted"
    assert lot.take("09:01", "seller", 900) == "seller_may_not_bid"
    assert lot.bid("09:01", "A", 900) == "wrong_format"


def test_an_excluded_bidder_does_not_take() -> None:
    lot = FormatSession(ONE, "A")
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("09:00"))
    assert lot.take("09:01", "A", 900) == "excluded"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"floor": Amount(1000)}, "clock: out_of_range"),
        ({"step": Amount(0)}, "clock: out_of_range"),
        ({"step_us": DurationUs(0)}, "clock: out_of_range"),
    ],
)
def test_terms_of_a_clock_that_cannot_fall_are_refused(changes: dict[str, int], problem: str) -> None:
    from msgspec.structs import replace

    kind = ft.Falling(clock=replace(CLOCK, **changes))
    play = ft.SessionTerms(format=kind)
    good = FormatSession(ONE).lot.terms
    assert problem in ft.session_problems(good, play)
