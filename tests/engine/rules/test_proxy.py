"""Proxy (maximum) bids, as on the best-known consumer auction site. Start 1000, increment 100 unless said otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rules.auction.state import Phase
from engine.rules.auction.terms import LadderIncrement, Reserve
from engine.values import Amount
from tests.engine.rules.transcript import Session, at, fixed_terms


def proxies(*bidders: str, **more: Any) -> Session:
    return Session(fixed_terms(proxy=True, **more), *(bidders or ("A", "B", "C")))


def test_the_first_maximum_shows_only_the_start_price() -> None:
    assert proxies().bid("09:01", "A", maximum=5000) == "1000 A"


@pytest.mark.parametrize(
    "first, second, outcome",
    [
        (5000, 3000, "3100 A"),  # second-highest plus one increment
        (5000, 4950, "5000 A"),  # capped by the winner's maximum
        (5000, 5000, "5000 A"),  # equal maxima: the earlier one
        (5000, 5050, "5050 B"),  # capped by the new winner's maximum
        (5000, 9000, "5100 B"),
    ],
)
def test_two_maxima(first: int, second: int, outcome: str) -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=first)
    assert session.bid("09:02", "B", maximum=second) == outcome


def test_an_open_bid_below_a_maximum_is_answered_at_once() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    assert session.bid("09:02", "B", 2000) == "2100 A"


def test_an_open_bid_above_every_maximum_shows_its_whole_amount() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    assert session.bid("09:02", "B", 7000) == "7000 B"


def test_an_open_bid_with_a_maximum_behind_it() -> None:
    session = proxies()
    assert session.bid("09:01", "A", 2000, maximum=5000) == "2000 A"
    assert session.bid("09:02", "B", 4000) == "4100 A"


def test_a_maximum_below_the_open_amount_is_refused() -> None:
    assert proxies().bid("09:01", "A", 2000, maximum=1500) == "maximum_below_amount"


def test_a_leader_who_raises_his_maximum_lifts_a_capped_price_to_the_full_increment() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    session.bid("09:02", "B", maximum=4950)
    assert session.lot.price == 5000
    assert session.bid("09:03", "A", maximum=8000) == "5050 A"


def test_raising_a_maximum_otherwise_changes_nothing() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    session.bid("09:02", "B", maximum=3000)
    assert session.bid("09:03", "A", maximum=8000) == "3100 A"
    assert session.bid("09:04", "B", maximum=6000) == "6100 A"


def test_nobody_bids_against_himself() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    assert session.bid("09:02", "A", maximum=9000) == "1000 A"
    assert session.bid("09:03", "A", 2000) == "already_leading"
    assert session.lot.price == 1000


def test_a_maximum_is_lowered_to_the_standing_price_where_the_terms_allow() -> None:
    session = proxies(proxy_lowering=True)
    session.bid("09:01", "A", maximum=5000)
    session.bid("09:02", "B", maximum=3000)
    assert session.bid("09:03", "A", maximum=3099) == "maximum_below_price"
    assert session.bid("09:04", "A", maximum=3100) == "3100 A"
    assert session.bid("09:05", "B", maximum=3200) == "3200 B"


def test_a_maximum_is_not_lowered_where_the_terms_do_not_allow() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    assert session.bid("09:02", "A", maximum=4000) == "maximum_not_lowerable"
    assert session.bid("09:03", "A", maximum=5000) == "maximum_unchanged"


def test_a_maximum_below_the_minimum_is_refused() -> None:
    session = proxies()
    session.bid("09:01", "A", maximum=5000)
    assert session.bid("09:02", "B", maximum=1099) == "bid_below_minimum"


def test_without_proxy_in_the_terms_a_maximum_is_refused() -> None:
    assert Session(fixed_terms(), "A").bid("09:01", "A", maximum=2000) == "proxy_not_allowed"


def secret_reserve(amount: int) -> Reserve:
    return Reserve(amount=Amount(amount), public=False)


def test_a_maximum_at_or_above_the_reserve_lifts_the_price_to_the_reserve() -> None:
    assert proxies(reserve=secret_reserve(4000)).bid("09:01", "A", maximum=4000) == "4000 A"


def test_a_maximum_below_the_reserve_does_not() -> None:
    session = proxies(reserve=secret_reserve(4000))
    assert session.bid("09:01", "A", maximum=3999) == "1000 A"
    assert not session.lot.reserve_met
    assert session.bid("09:02", "B", maximum=4500) == "4099 B"
    assert session.lot.reserve_met


def test_a_leader_whose_raised_maximum_reaches_the_reserve_lifts_the_price() -> None:
    session = proxies(reserve=secret_reserve(4000))
    session.bid("09:01", "A", maximum=2000)
    assert session.bid("09:02", "A", maximum=6000) == "4000 A"


def test_the_increment_is_the_one_at_the_second_highest_maximum() -> None:
    ladder = LadderIncrement(steps=((Amount(0), Amount(50)), (Amount(3000), Amount(500))))
    session = Session(fixed_terms(proxy=True, increment=ladder), "A", "B")
    session.bid("09:01", "A", maximum=9000)
    assert session.bid("09:02", "B", maximum=2900) == "2950 A"
    assert session.bid("09:03", "B", maximum=3000) == "3500 A"


def test_three_bidders_and_the_record() -> None:
    session = proxies()
    record = [
        session.bid("09:01", "A", maximum=2000),
        session.bid("09:02", "B", maximum=1500),
        session.bid("09:03", "C", maximum=3000),
        session.bid("09:04", "A", maximum=2500),
        session.bid("09:05", "B", maximum=3000),
    ]
    assert record == ["1000 A", "1600 A", "2100 C", "2600 C", "3000 C"]
    session.reach(at("10:00"))
    assert (session.lot.phase, session.lot.winner, session.lot.price) == (Phase.SOLD, "C", 3000)
