"""Screens for reviewers: what each finds, what it leaves alone, and that ties are controlled by themselves."""

from __future__ import annotations

import random

from pricing.integrity.links import Shared, ties
from pricing.integrity.watching import suspicions
from pricing.observations import Observation, Observed


def lot(number, buyer, price, losers, seller="s", withdrawn=()):
    """A sold lot: losers with their last bids."""
    ordered = sorted(losers.items(), key=lambda one: -one[1])
    one = Observation(
        sold=True, price_fen=price, mode="english", seller=seller, buyer=buyer, bidders=len(losers) + 1,
        parties=tuple(sorted({buyer, *losers, *withdrawn})), droppers=tuple(party for party, _ in ordered),
        dropped_fen=tuple(fen for _, fen in ordered), withdrawn=tuple(withdrawn),
    )  # fmt: skip
    return Observed(seq=number, ref=f"lot/x{number}", at_us=number, observation=one)


def honest(count=40, seed=4):
    """Lots of eight parties who come and bid at random."""
    draw = random.Random(seed)  # no secret
    found = []
    for number in range(1, count + 1):
        present = draw.sample([f"b{n}" for n in range(8)], 4)
        bids = sorted((round(1e8 * draw.lognormvariate(0, 0.4)) for _ in present), reverse=True)
        found.append(lot(number, present[0], bids[0] + 1, dict(zip(present[1:], bids[1:], strict=True))))
    return found


def named(found, screen):
    return [one for one in found if one.screen == screen]


def test_an_honest_market_puts_nobody_on_the_list():
    assert not any(one.listed for seed in range(6) for one in suspicions(honest(seed=seed), {}))


def test_who_always_gives_way_to_one_party_is_shown_with_the_lots_and_not_the_other_way_round():
    lots = honest()
    for number in range(41, 53):
        stops = {"ring2": 40_000_000 + number} if number % 3 else {}
        lots.append(
            lot(number, "ring1", 100_000_000, {**stops, "b1": 97_000_000}, withdrawn=() if stops else ("ring2",))
        )
    lots += [lot(53 + n, f"b{n % 8}", 100_000_000, {"ring2": 96_000_000 + n, "b9": 70_000_000}) for n in range(12)]
    found = named(suspicions(lots, {}), "gives_way")
    chosen = [one for one in found if one.listed]
    assert [one.subjects for one in chosen] == [("ring2", "ring1")]
    assert chosen[0].evidence[0]["ref"] == "lot/x41" and chosen[0].evidence[0]["short"] > 0.5


def test_bids_that_lie_too_close_where_two_parties_meet_are_shown():
    lots = honest()
    lots += [lot(100 + n, "c1", 100_000_000, {"c2": 99_500_000 - n, "b3": 99_200_000 + n}) for n in range(10)]
    chosen = [one for one in named(suspicions(lots, {}), "close_bids") if one.listed]
    assert ("c1", "c2") in {one.subjects for one in chosen}
    assert all(one.evidence[0]["spread"] < 0.01 for one in chosen)


def test_a_tie_counts_only_between_parties_that_met_and_a_large_network_says_little():
    lots = [lot(1, "a", 100, {"b": 90}), lot(2, "c", 100, {"d": 90})]
    shared = [
        Shared(kind="bank", parties=("a", "b")),
        Shared(kind="network", parties=("c", "d", "e", "f")),
        Shared(kind="person", parties=("a", "c")),
    ]
    found = ties(lots, shared, 41)
    assert [(one.pair, one.p_value) for one in found] == [(("a", "b"), 1e-4), (("c", "d"), 3 / 40)]
    assert found[0].rows == ({"shared": "bank", "chance": 1e-4}, {"ref": "lot/x1"})
    listed = {one.subjects: one.listed for one in suspicions(lots, {}, shared, 41)}
    assert listed == {("a", "b"): True, ("c", "d"): False}


def test_a_seller_tied_to_a_bidder_is_a_tie_too_and_many_honest_tests_do_not_hide_it():
    lots = [*honest(), lot(60, "b0", 100, {"b1": 90}, seller="s9")]
    shared = [Shared(kind="account", parties=("b1", "s9"))]
    found = [one for one in suspicions(lots, {}, shared, 9) if one.listed]
    assert [(one.screen, one.subjects) for one in found] == [("linked", ("b1", "s9"))]
