"""Start price, reserve, increments, multiples, jumps, ties; and the order in which refusals take precedence."""

from __future__ import annotations

import pytest

from engine.rules.auction.codes import code_for
from engine.rules.auction.events import PassReason
from engine.rules.auction.increments import increment_at
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import (
    FixedIncrement,
    LadderIncrement,
    PercentIncrement,
    Reserve,
    terms_problems,
)
from engine.rules.rejections import RETRY, Reject
from engine.values import Amount
from tests.engine.rules.transcript import SELLER, Session, at, fixed_terms

LADDER = LadderIncrement(steps=((Amount(0), Amount(5)), (Amount(100), Amount(25)), (Amount(500), Amount(100))))


@pytest.mark.parametrize(
    "increment, price, step",
    [
        (FixedIncrement(Amount(50_000_00)), 7_487_968_00, 50_000_00),
        (PercentIncrement(100_000), 1000, 100),
        (PercentIncrement(100_000), 1001, 101),  # rounded up to the fen
        (PercentIncrement(100_000), 0, 1),  # at least one fen
        (PercentIncrement(6_667), 7_487_968_00, 4_992_229),
        (LADDER, 0, 5),
        (LADDER, 99, 5),
        (LADDER, 100, 25),
        (LADDER, 10_000, 100),
    ],
)
def test_the_increment_at_a_price(increment: FixedIncrement, price: int, step: int) -> None:
    assert increment_at(increment, Amount(price)) == step


def test_the_first_bid_may_equal_the_start_price() -> None:
    session = Session(fixed_terms(), "A")
    assert session.bid("09:01", "A", 999) == "bid_below_minimum"
    assert session.bid("09:02", "A", 1000) == "1000 A"


def test_the_first_bid_must_be_one_increment_above_the_start_where_the_terms_say_so() -> None:
    session = Session(fixed_terms(first_bid_at_start=False), "A")
    assert session.bid("09:01", "A", 1000) == "bid_below_minimum"
    assert session.bid("09:02", "A", 1100) == "1100 A"


def test_an_equal_bid_does_not_displace_the_leader() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:01", "A", 1000)
    assert session.bid("09:01", "B", 1000) == "bid_below_minimum"
    assert session.lot.leader == "A"


def test_a_refusal_says_what_the_minimum_is() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:01", "A", 1000)
    session.bid("09:02", "B", 1050)
    assert session.events[-1].data == {"minimum": "1100", "step": "100"}  # type: ignore[union-attr]


@pytest.mark.parametrize("amount, outcome", [(1100, "1100 B"), (1150, "not_a_multiple"), (1300, "1300 B")])
def test_the_excess_is_a_whole_multiple_of_the_increment(amount: int, outcome: str) -> None:
    session = Session(fixed_terms(multiple_only=True), "A", "B")
    session.bid("09:01", "A", 1000)
    assert session.bid("09:02", "B", amount) == outcome


def test_the_first_bid_too_stands_on_the_steps() -> None:
    session = Session(fixed_terms(multiple_only=True), "A")
    assert session.bid("09:01", "A", 1050) == "not_a_multiple"


def test_a_jump_above_the_bound_needs_confirmation() -> None:
    session = Session(fixed_terms(jump_confirm_steps=10), "A", "B")
    session.bid("09:01", "A", 1000)
    assert session.bid("09:02", "B", 2100) == "2100 B"
    assert session.bid("09:03", "A", 32_010) == "jump_needs_confirmation"
    assert session.events[-1].data == {"limit": "3200", "minimum": "2200"}  # type: ignore[union-attr]
    assert session.bid("09:04", "A", 32_010, confirm=True) == "32010 A"


def test_a_public_reserve_is_the_least_first_bid() -> None:
    session = Session(fixed_terms(reserve=Reserve(amount=Amount(3000), public=True)), "A")
    assert session.bid("09:01", "A", 2999) == "bid_below_minimum"
    assert session.bid("09:02", "A", 3000) == "3000 A"


def test_bids_under_a_secret_reserve_stand_but_do_not_win() -> None:
    session = Session(fixed_terms(reserve=Reserve(amount=Amount(3000), public=False)), "A")
    assert session.bid("09:01", "A", 2000) == "2000 A"
    session.reach(at("11:00"))
    assert (session.lot.phase, session.lot.pass_reason, session.lot.winner) == (
        Phase.PASSED,
        PassReason.RESERVE_NOT_MET,
        None,
    )


def test_a_price_at_the_reserve_wins() -> None:
    session = Session(fixed_terms(reserve=Reserve(amount=Amount(3000), public=False)), "A")
    session.bid("09:01", "A", 3000)
    session.reach(at("11:00"))
    assert session.lot.phase is Phase.SOLD


def test_refusals_in_order_of_precedence() -> None:
    """One thing is mended at a time, from the top; the next code appears."""
    terms = fixed_terms(multiple_only=True, jump_confirm_steps=1)
    session = Session(terms, "A")
    assert session.bid("08:00", "X", 0) == "not_started"
    assert session.bid("09:01", SELLER, 0) == "seller_may_not_bid"
    assert session.bid("09:01", "X", 0) == "not_admitted"
    assert session.bid("09:02", "A") == "amount_missing"
    assert session.bid("09:02", "A", 0) == "amount_out_of_range"
    assert session.bid("09:02", "A", 10**30 + 1) == "amount_out_of_range"
    assert session.bid("09:02", "A", 999, maximum=500) == "proxy_not_allowed"
    assert session.bid("09:02", "A", 999) == "bid_below_minimum"
    assert session.bid("09:02", "A", 9999) == "not_a_multiple"
    assert session.bid("09:02", "A", 9900 + 100) == "jump_needs_confirmation"
    assert session.bid("09:02", "A", 1000) == "1000 A"
    assert session.bid("09:03", "A", 1100) == "already_leading"
    assert session.bid("11:00", "A", 1100) == "late"


def test_every_code_says_whether_trying_again_helps() -> None:
    assert set(RETRY) == set(Reject)


def test_noise_of_outsiders_is_not_put_on_record() -> None:
    session = Session(fixed_terms(), "A")
    before = len(session.events)
    session.bid("08:59", "X", 2000)
    session.bid("08:59", SELLER, 2000)
    assert len(session.events) == before


def test_a_full_lot_says_so() -> None:
    session = Session(fixed_terms(events_max=3), "A")
    session.bid("09:01", "A", 1000)
    assert session.bid("09:02", "A", 1100) == "lot_full"


def test_a_leader_may_raise_his_own_bid_where_the_terms_say_so() -> None:
    session = Session(fixed_terms(leader_may_raise=True), "A")
    session.bid("09:01", "A", 1000)
    assert session.bid("09:02", "A", 1500) == "1500 A"


def test_codes_of_a_lot_never_repeat_and_do_not_count_up() -> None:
    codes = [code_for(number, seed=712) for number in range(12_000)]
    assert len(set(codes)) == len(codes)
    assert codes[:3] == ["812", "301", "690"]


def test_bad_terms_are_named() -> None:
    terms = fixed_terms(opens="10:00", closes="09:00", increment=FixedIncrement(Amount(0)), start_price=Amount(-1))
    assert terms_problems(terms) == [
        "start_price: out_of_range",
        "increment: out_of_range",
        "closing: closes_before_opening",
    ]
