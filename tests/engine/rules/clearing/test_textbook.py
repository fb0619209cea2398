"""Cases with known answers, each with where it comes from; amounts are whole units."""

from __future__ import annotations

import pytest

from engine.rules.auction.clearing.descending import Clock, price_at, runs_us, steps_of
from engine.rules.auction.clearing.hybrid import clear_hybrid, least_best_bid
from engine.rules.auction.clearing.lottery import drawn, ticket
from engine.rules.auction.clearing.multi_unit import Pricing, UnitBid, clear_units
from engine.rules.auction.clearing.packages import PackageBid, clear_packages, worth_without
from engine.rules.auction.clearing.priority import Exercise, Holder, all_answered, is_triggered, winner_among
from engine.rules.auction.clearing.rounds import RoundRules, least_start, may_follow, may_sell_off
from engine.rules.auction.clearing.sealed import (
    Excluded,
    SealedBid,
    Tie,
    first_price,
    lowest_price,
    second_price,
)
from engine.rules.auction.clearing.weighted import Criterion, clear_weighted, mean_score
from engine.values import Amount, DurationUs, InstantUs

DIGEST = bytes(32)


def sealed(*amounts: int) -> list[SealedBid]:
    """Bids of A, B, C … in this order of arrival."""
    return [
        SealedBid(code=chr(ord("A") + place), seq=place + 1, amount=Amount(amount))
        for place, amount in enumerate(amounts)
    ]


@pytest.mark.parametrize(
    ("amounts", "reserve", "winner", "first", "second"),
    [
        ((10, 8, 5), None, "A", 10, 8),  # Vickrey 1961: the winner pays the second-highest bid
        ((10, 8, 5), 9, "A", 10, 9),  # the reserve counts as a bid
        ((10, 8, 5), 10, "A", 10, 10),
        ((10, 8, 5), 11, None, None, None),  # 拍卖法 art. 50: below the reserve a bid has no effect
        ((7,), None, "A", 7, 0),  # alone and without a reserve the second price is nothing
        ((7,), 4, "A", 7, 4),
        ((5, 9, 9), None, "B", 9, 9),  # equal: the earlier one, at its own price either way
        ((), 4, None, None, None),
    ],
)
def test_sealed_first_and_second_price(
    amounts: tuple[int, ...], reserve: int | None, winner: str | None, first: int | None, second: int | None
) -> None:
    floor = None if reserve is None else Amount(reserve)
    one = first_price(sealed(*amounts), floor, Tie.EARLIEST, DIGEST)
    two = second_price(sealed(*amounts), floor, Tie.EARLIEST, DIGEST)
    assert (one.winner, one.price) == (winner, first)
    assert (two.winner, two.price) == (winner, second)


def test_procurement_goes_to_the_lowest_bid_between_floor_and_ceiling_that_was_not_refused() -> None:
    found = lowest_price(
        sealed(90, 101, 59, 70, 80), ceiling=Amount(100), floor=Amount(60), refused={"D": "no licence"},
        tie=Tie.EARLIEST, digest=DIGEST,
    )  # fmt: skip
    assert (found.winner, found.price, found.ranked) == ("E", 80, ("E", "A"))
    assert found.excluded == {"B": Excluded.ABOVE_CEILING, "C": Excluded.BELOW_FLOOR, "D": Excluded.REFUSED}


@pytest.mark.parametrize(
    ("amounts", "ceiling", "floor", "winner"),
    [
        # the mirror of the first price (Krishna, ch. 2): the lowest wins and is paid what he asked
        ((90, 80, 85), None, None, "B"),
        ((80, 80, 85), None, None, "A"),  # equal: the earlier one
        ((100,), 100, None, "A"),  # at the ceiling it counts
        ((101,), 100, None, None),
        ((59, 60), None, 60, "B"),  # below the floor nobody can deliver
        ((), 100, 60, None),
    ],
)
def test_the_lowest_sealed_price_wins_and_is_paid(
    amounts: tuple[int, ...], ceiling: int | None, floor: int | None, winner: str | None
) -> None:
    found = lowest_price(
        sealed(*amounts), ceiling=None if ceiling is None else Amount(ceiling),
        floor=None if floor is None else Amount(floor), refused={}, tie=Tie.EARLIEST, digest=DIGEST,
    )  # fmt: skip
    assert found.winner == winner
    assert found.price == (None if winner is None else amounts[ord(winner) - ord("A")])


@pytest.mark.parametrize("bids", [(700, 900, 800), (900, 900, 500), (500, 1000, 600), (400, 300), (600,)])
def test_a_falling_price_and_a_sealed_first_price_come_to_the_same(bids: tuple[int, ...]) -> None:
    """Vickrey 1961: who stops the clock at his bid wins what the same bids would win sealed."""
    clock = Clock(start=Amount(1000), step=Amount(100), step_us=DurationUs(10), floor=Amount(500))
    taken = None
    for tick in range(0, runs_us(clock), 10):
        price = price_at(clock, tick)
        willing = [code for code, bid in zip("ABC", bids, strict=False) if price is not None and bid >= price]
        if taken is None and willing:
            taken = willing[0], price
    found = first_price(sealed(*bids), clock.floor, Tie.EARLIEST, DIGEST)
    assert taken == (None if found.winner is None else (found.winner, found.price))


def test_a_tie_by_lot_is_drawn_from_the_published_digest_and_anybody_can_draw_again() -> None:
    winners = set()
    for byte in range(16):
        digest = bytes([byte]) * 32
        found = first_price(sealed(5, 5, 5, 4), None, Tie.LOT, digest)
        assert found.tied == ("A", "B", "C") or set(found.tied) == {"A", "B", "C"}
        assert found.winner == min("ABC", key=lambda code: ticket(digest, code)) == drawn(digest, "ABC")[0]
        winners.add(found.winner)
    assert winners == {"A", "B", "C"}, "no code is favoured"


def units(*bids: tuple[int, int]) -> list[UnitBid]:
    """(price, quantity) of A, B, C … in this order of arrival."""
    return [
        UnitBid(code=chr(ord("A") + place), seq=place + 1, amount=Amount(amount), quantity=quantity)
        for place, (amount, quantity) in enumerate(bids)
    ]


def test_units_go_down_the_demand_curve() -> None:
    """The shape of a treasury auction (Krishna, Auction Theory, ch. 12): highest prices are filled first."""
    demand = units((50, 2), (47, 1), (45, 3), (40, 1))
    own = clear_units(demand, 4, None, Pricing.PAY_AS_BID)
    assert [(one.code, one.quantity, one.price) for one in own.allocations] == [
        ("A", 2, 50),
        ("B", 1, 47),
        ("C", 1, 45),
    ]
    assert (own.clearing_price, own.sold, own.rationed) == (45, 4, True)
    for pricing, price in ((Pricing.LOWEST_ACCEPTED, 45), (Pricing.HIGHEST_REJECTED, 45)):
        assert {one.price for one in clear_units(demand, 4, None, pricing).allocations} == {price}
    assert {one.price for one in clear_units(demand, 6, None, Pricing.HIGHEST_REJECTED).allocations} == {40}


KRISHNA = {"1": (50, 47, 40, 32, 15, 5), "2": (42, 28, 20, 12, 7, 3), "3": (45, 35, 24, 14, 9, 6)}
"""Krishna, Auction Theory, ch. 12: six units, three bidders with a falling bid for each further unit."""


@pytest.mark.parametrize(
    ("pricing", "paid"),
    [
        (Pricing.PAY_AS_BID, {"1": 50 + 47 + 40, "2": 42, "3": 45 + 35}),  # discriminatory
        (
            Pricing.LOWEST_ACCEPTED,
            {"1": 3 * 35, "2": 35, "3": 2 * 35},
        ),  # the price at which the market clears, from above
        (Pricing.HIGHEST_REJECTED, {"1": 3 * 32, "2": 32, "3": 2 * 32}),  # uniform price: the highest losing bid
    ],
)
def test_six_units_for_three_bidders_with_falling_demand(pricing: Pricing, paid: dict[str, int]) -> None:
    vectors = [(code, amount) for code, vector in KRISHNA.items() for amount in vector]
    bids = [
        UnitBid(code=code, seq=place, amount=Amount(amount), quantity=1)
        for place, (code, amount) in enumerate(vectors, start=1)
    ]
    found = clear_units(bids, 6, None, pricing)
    totals = dict.fromkeys(KRISHNA, 0)
    for one in found.allocations:
        totals[one.code] += one.quantity * one.price
    assert totals == paid


def test_at_the_margin_units_are_shared_in_proportion_with_largest_remainders() -> None:
    shared = clear_units(units((10, 5), (10, 3), (10, 2)), 5, None, Pricing.PAY_AS_BID)
    assert [one.quantity for one in shared.allocations] == [3, 1, 1], "2.5, 1.5, 1.0: the earlier of equal remainders"


def test_who_wants_all_or_nothing_is_passed_over_where_less_is_left() -> None:
    bids = units((10, 2), (9, 4), (8, 3))
    bids[1] = UnitBid(code="B", seq=2, amount=Amount(9), quantity=4, partly=False)
    found = clear_units(bids, 5, None, Pricing.LOWEST_ACCEPTED)
    assert [(one.code, one.quantity, one.price) for one in found.allocations] == [("A", 2, 8), ("C", 3, 8)]
    highest_rejected = clear_units(bids, 5, None, Pricing.HIGHEST_REJECTED)
    assert {one.price for one in highest_rejected.allocations} == {8}, "nobody pays more than he bid"


def package(code: str, seq: int, lots: str, amount: int, group: str = "") -> PackageBid:
    return PackageBid(code=code, seq=seq, lots=frozenset(lots), amount=Amount(amount), group=group)


@pytest.mark.parametrize(
    ("bids", "winners", "total"),
    [
        # de Vries and Vohra 2003: the whole against its parts
        ([package("1", 1, "xy", 100), package("2", 2, "x", 75), package("3", 3, "y", 75)], (2, 3), 150),
        ([package("1", 1, "xy", 160), package("2", 2, "x", 75), package("3", 3, "y", 75)], (1,), 160),
        ([package("1", 1, "xy", 150), package("2", 2, "x", 75), package("3", 3, "y", 75)], (1,), 150),  # equal: earlier
        (
            [package("2", 1, "x", 75), package("1", 2, "xy", 150), package("3", 3, "y", 75)],
            (2,),
            150,
        ),  # latest is no. 3
        # Rothkopf, Pekeč, Harstad 1998: the highest single bid need not be in the best combination
        ([package("1", 1, "abc", 8), package("2", 2, "ab", 6), package("3", 3, "c", 4)], (2, 3), 10),
        # bids that exclude each other
        ([package("1", 1, "a", 5, "g"), package("1", 2, "b", 4, "g"), package("2", 3, "a", 2)], (2, 3), 6),
        ([package("1", 1, "a", 5, "g"), package("1", 2, "b", 4, "g"), package("2", 3, "b", 1)], (1, 3), 6),
        ([package("1", 1, "a", 5), package("1", 2, "b", 4), package("2", 3, "a", 2)], (1, 2), 9),
    ],
)
def test_the_combination_worth_most_wins(bids: list[PackageBid], winners: tuple[int, ...], total: int) -> None:
    lots = sorted({lot for bid in bids for lot in bid.lots})
    found = clear_packages(lots, bids)
    assert (tuple(bid.seq for bid in found.winners), found.total) == (winners, total)
    assert all(worth_without(lots, bids, seq) <= total for seq in winners)


def test_reserves_of_single_lots_bind_packages_too() -> None:
    bids = [package("1", 1, "xy", 100), package("2", 2, "x", 60)]
    found = clear_packages("xy", bids, {"x": Amount(50), "y": Amount(60)})
    assert (found.winners, found.unsold) == ((bids[1],), frozenset("y"))


def test_weighted_scores_by_the_published_formula() -> None:
    criteria = [Criterion(name="plan", weight=30), Criterion(name="team", weight=10)]
    scores = {"A": {"plan": [80, 90, 70], "team": [60]}, "B": {"plan": [100, 100, 100], "team": [90]}}
    ranked = clear_weighted(sealed(200, 150), 60, criteria, scores)
    # A: 0.6×100 + 0.3×80 + 0.1×60 = 90; B: 0.6×75 + 0.3×100 + 0.1×90 = 84
    assert [(one.code, one.total_ppm) for one in ranked] == [("A", 90_000_000), ("B", 84_000_000)]


@pytest.mark.parametrize(
    ("scores", "mean"), [([50], 50), ([50, 70], 60), ([0, 60, 70, 80, 100], 70), ([0, 0, 0, 0, 100], 0)]
)
def test_one_highest_and_one_lowest_score_do_not_count_from_five_assessors_on(scores: list[int], mean: int) -> None:
    assert mean_score(scores) == mean


def test_the_price_falls_by_steps_and_the_floor_stands_one_interval() -> None:
    clock = Clock(start=Amount(100), step=Amount(30), step_us=DurationUs(10), floor=Amount(25))
    assert steps_of(clock) == 3
    assert [price_at(clock, at) for at in (0, 9, 10, 29, 30, 39, 40)] == [100, 100, 70, 40, 25, 25, None]
    assert runs_us(clock) == 40


@pytest.mark.parametrize(
    ("amounts", "best_bid", "winner", "price"),
    [
        ((), None, "T", 50),  # nobody challenges: the taker at his mark
        ((54,), None, "T", 50),  # below mark and step: does not count
        ((55, 60), None, "B", 60),  # the taker leaves his best bid
        ((55, 60), 64, "B", 60),  # too low
        ((55, 60), 65, "T", 65),
        ((60, 60), None, "A", 60),
    ],
)
def test_hybrid_sale(amounts: tuple[int, ...], best_bid: int | None, winner: str, price: int) -> None:
    found = clear_hybrid("T", Amount(50), Amount(5), sealed(*amounts), None if best_bid is None else Amount(best_bid))
    assert (found.winner, found.price) == (winner, price)
    assert least_best_bid(sealed(*amounts), Amount(50), Amount(5)) == (
        max(amounts) + 5 if max(amounts, default=0) >= 55 else None
    )


def exercise(code: str, rank: int, seq: int, price: int = 100) -> Exercise:
    return Exercise(code=code, rank=rank, seq=seq, price=Amount(price), at_us=InstantUs(seq))


@pytest.mark.parametrize(
    ("exercises", "winner"),
    [
        ([], None),
        ([exercise("A", 1, 5)], "A"),
        ([exercise("A", 2, 1), exercise("B", 1, 9)], "B"),  # 网络司法拍卖规定 art. 21: the earlier rank
        ([exercise("A", 1, 2), exercise("B", 1, 1)], "B"),  # the same rank: the earlier one
        ([exercise("A", 1, 1, price=90)], None),  # somebody bid higher and the holder was silent
        ([exercise("A", 1, 1, price=90), exercise("B", 2, 2)], "B"),
    ],
)
def test_rights_of_priority_go_by_rank_then_time_at_the_final_price(
    exercises: list[Exercise], winner: str | None
) -> None:
    assert winner_among(exercises, Amount(100)) == winner


def test_equal_ranks_asked_at_the_top_are_drawn_by_lot() -> None:
    """旧拍卖规定 art. 13: several holders of one rank, the lot decides."""
    both = [exercise("A", 1, 1), exercise("B", 1, 2)]
    assert {winner_among(both, Amount(100), by_lot=True, digest=bytes([n]) * 32) for n in range(12)} == {"A", "B"}


def test_licences_touch_no_right_of_priority() -> None:
    assert is_triggered("TRANSFER") and not is_triggered("EXCLUSIVE_LICENCE")


def test_nobody_is_waited_for_once_all_holders_have_answered() -> None:
    holders = [Holder(party="p", rank=1, ground="completer"), Holder(party="q", rank=2, ground="commissioner")]
    assert not all_answered(holders, {"p": False}) and all_answered(holders, {"p": False, "q": True})


@pytest.mark.parametrize(
    ("start", "cut_bps", "least"),
    [(100, 2_000, 80), (101, 2_000, 81), (100, 1_000, 90), (100, 5_000, 80), (0, 2_000, 0)],
)
def test_a_second_round_starts_at_most_a_fifth_lower(start: int, cut_bps: int, least: int) -> None:
    assert least_start(RoundRules(cut_max_bps=cut_bps), Amount(start)) == least


def test_there_is_no_third_round_unless_the_terms_say_so() -> None:
    assert may_follow(RoundRules(), 1) and not may_follow(RoundRules(), 2)
    assert may_follow(RoundRules(rounds_max=3), 2)


def test_a_sell_off_follows_the_last_round_where_the_terms_say_so_and_nothing_follows_it() -> None:
    rules = RoundRules(sell_off=True)
    assert [may_sell_off(rules, number) for number in (1, 2, 3)] == [False, True, False]
    assert not may_sell_off(RoundRules(), 2)
