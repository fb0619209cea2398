"""Each clearing rule against a naive oracle that tries everything: random cases of small numbers, so that ties are the normal case.

`ORTOO_ORACLE_CASES=100000` for the long run.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from fractions import Fraction

import pytest

from engine.rules.auction.clearing.descending import Clock, price_at
from engine.rules.auction.clearing.hybrid import clear_hybrid
from engine.rules.auction.clearing.multi_unit import Pricing, UnitBid, clear_units
from engine.rules.auction.clearing.packages import PackageBid, clear_packages
from engine.rules.auction.clearing.priority import Exercise, winner_among
from engine.rules.auction.clearing.sealed import SealedBid, Tie, first_price, lowest_price, second_price
from engine.rules.auction.clearing.weighted import Criterion, clear_weighted
from engine.values import Amount, DurationUs, InstantUs
from tests.engine.rules.clearing import oracles

CASES = int(os.environ.get("ORTOO_ORACLE_CASES", "1500"))
CODES = "ABCDEF"


@pytest.fixture(autouse=True)
def count() -> Iterator[None]:
    """Print how many cases agreed; `-rP` shows it."""
    yield
    print(f"{CASES:,} random cases agree")


def sealed_bids(rng: random.Random) -> list[SealedBid]:
    codes = rng.sample(CODES, rng.randint(0, 6))
    return [SealedBid(code=code, seq=seq, amount=Amount(rng.randint(0, 8))) for seq, code in enumerate(codes, start=1)]


def test_sealed_first_second_and_lowest() -> None:
    rng = random.Random(1)
    for _ in range(CASES):
        bids, reserve, digest = sealed_bids(rng), rng.choice([None, *range(9)]), rng.randbytes(32)
        tie, floor = rng.choice(list(Tie)), None if reserve is None else Amount(reserve)
        draw = digest if tie is Tie.LOT else None
        winner = oracles.highest(bids, reserve or 0, draw)
        one, two = first_price(bids, floor, tie, digest), second_price(bids, floor, tie, digest)
        assert one.winner == two.winner == (winner.code if winner else None)
        if winner is not None:
            assert one.price == winner.amount
            assert two.price == oracles.second_price(bids, winner, reserve or 0)
        ceiling, least = rng.choice([None, 6, 7]), rng.choice([None, 1, 2])
        refused = dict.fromkeys(rng.sample(CODES, rng.randint(0, 2)), "no")
        low = lowest_price(
            bids, ceiling=ceiling, floor=least, refused=refused, tie=tie, digest=digest  # type: ignore[arg-type]
        )  # fmt: skip
        fair = [
            b
            for b in bids
            if b.code not in refused and (ceiling is None or b.amount <= ceiling) and b.amount >= (least or 0)
        ]
        best = oracles.lowest(fair, draw)
        assert (low.winner, low.price) == ((best.code, best.amount) if best else (None, None))
        assert set(low.ranked) | set(low.excluded) == {bid.code for bid in bids}


def test_units_against_handing_out_one_after_another() -> None:
    """Without ties at the margin, units handed out singly to the best bid that still wants one give the same."""
    rng = random.Random(2)
    for _ in range(CASES):
        amounts = rng.sample(range(1, 12), rng.randint(0, 6))
        bids = [
            UnitBid(code=CODES[n], seq=n + 1, amount=Amount(amount), quantity=rng.randint(1, 4))
            for n, amount in enumerate(amounts)
        ]
        many, reserve = rng.randint(1, 8), rng.choice([None, 3, 6])
        won: dict[str, int] = {}
        for _unit in range(many):
            wanting = [b for b in bids if won.get(b.code, 0) < b.quantity and b.amount >= (reserve or 0)]
            if wanting:
                best = max(wanting, key=lambda b: b.amount)
                won[best.code] = won.get(best.code, 0) + 1
        for pricing in Pricing:
            found = clear_units(bids, many, None if reserve is None else Amount(reserve), pricing)
            assert {one.code: one.quantity for one in found.allocations} == won
            price_of = {bid.code: bid.amount for bid in bids}
            losing = [b.amount for b in bids if won.get(b.code, 0) < b.quantity and b.amount >= (reserve or 0)]
            for one in found.allocations:
                expected = {
                    Pricing.PAY_AS_BID: price_of[one.code],
                    Pricing.LOWEST_ACCEPTED: min(price_of[code] for code in won),
                    Pricing.HIGHEST_REJECTED: max([*losing, reserve or 0]),
                }[pricing]
                assert one.price == expected


def test_units_at_the_margin_against_trying_every_way_to_share() -> None:
    """With ties, and bidders who want all or nothing: as near to proportion as whole units allow, the earlier first."""
    rng = random.Random(9)
    for _ in range(CASES):
        bids = [
            UnitBid(code=CODES[n], seq=n + 1, amount=Amount(rng.randint(1, 3)), quantity=rng.randint(1, 3), partly=rng.random() < 0.7)
            for n in range(rng.randint(1, 5))
        ]  # fmt: skip
        many, least = rng.randint(1, 9), rng.choice([0, 0, 2])
        won = oracles.units(bids, many, least)
        for pricing in Pricing:
            found = clear_units(bids, many, Amount(least), pricing)
            assert {one.seq: one.quantity for one in found.allocations} == won
            for one in found.allocations:
                bid = next(bid for bid in bids if bid.seq == one.seq)
                assert one.price == oracles.unit_price(bids, won, bid, least, pricing)


def test_sharing_at_the_margin_is_fair_and_loses_no_unit() -> None:
    rng = random.Random(3)
    for _ in range(CASES):
        bids = [
            UnitBid(code=CODES[n], seq=n + 1, amount=Amount(rng.randint(1, 3)), quantity=rng.randint(1, 5), partly=rng.random() < 0.8)
            for n in range(rng.randint(1, 6))
        ]  # fmt: skip
        many = rng.randint(1, 12)
        found = clear_units(bids, many, None, Pricing.LOWEST_ACCEPTED)
        won = {one.seq: one.quantity for one in found.allocations}
        assert found.sold == sum(won.values()) <= many
        for bid in bids:
            got = won.get(bid.seq, 0)
            assert 0 <= got <= bid.quantity and (bid.partly or got in (0, bid.quantity))
            assert all(one.price <= bid.amount for one in found.allocations if one.seq == bid.seq)
            if got < bid.quantity and bid.partly:
                assert found.sold == many, "nobody who takes a part goes short while units are left"
                lower = [won.get(other.seq, 0) for other in bids if other.amount < bid.amount]
                assert not any(lower), "nobody below gets what somebody above wanted"
        peers = [b for b in bids if b.partly and all(o.partly for o in bids if o.amount == b.amount)]
        for one, other in itertools.combinations(peers, 2):
            if one.amount == other.amount:
                # shares of equals differ from proportion by less than one unit each
                left, right = (
                    Fraction(won.get(one.seq, 0), one.quantity),
                    Fraction(won.get(other.seq, 0), other.quantity),
                )
                assert abs(left - right) < Fraction(1, one.quantity) + Fraction(1, other.quantity)


def test_packages_against_trying_every_combination() -> None:
    rng = random.Random(4)
    for _ in range(CASES):
        lots = "wxyz"[: rng.randint(1, 4)]
        bids = []
        for seq in range(1, rng.randint(1, 8)):
            chosen = frozenset(rng.sample(lots, rng.randint(1, len(lots))))
            bids.append(
                PackageBid(
                    code=rng.choice("AB"),
                    seq=seq,
                    lots=chosen,
                    amount=Amount(rng.randint(1, 6)),
                    group=rng.choice(["", "g"]),
                )
            )
        reserves = {lot: Amount(rng.randint(0, 2)) for lot in lots}
        found = clear_packages(lots, bids, reserves)
        assert (found.total, {bid.seq for bid in found.winners}) == oracles.packages(bids, reserves)


def test_weighted_against_floating_point_on_paper() -> None:
    rng = random.Random(5)
    for _ in range(CASES):
        bids = [
            SealedBid(code=c, seq=n, amount=Amount(rng.randint(1, 9)))
            for n, c in enumerate("ABC"[: rng.randint(1, 3)], 1)
        ]
        weight = rng.choice([40, 60, 100])
        criteria = [Criterion(name="plan", weight=100 - weight)] if weight < 100 else []
        scores = {bid.code: {"plan": [rng.randint(0, 100) for _ in range(rng.randint(1, 6))]} for bid in bids}
        highest = max(bid.amount for bid in bids)

        ranked = clear_weighted(bids, weight, criteria, scores)
        for one in ranked:
            bid = next(bid for bid in bids if bid.code == one.code)
            plan = sorted(scores[bid.code]["plan"])
            plan = plan[1:-1] if len(plan) >= 5 else plan
            on_paper = weight * bid.amount / highest + (100 - weight) * sum(plan) / len(plan) / 100
            assert abs(one.total_ppm / 1_000_000 - on_paper) < 1e-5
        assert [one.code for one in ranked] == oracles.weighted(bids, weight, criteria, scores, 0)


def test_the_falling_price_against_a_clock_that_ticks() -> None:
    rng = random.Random(6)
    for _ in range(CASES):
        floor = rng.randint(0, 10)
        clock = Clock(
            start=Amount(floor + rng.randint(1, 20)),
            step=Amount(rng.randint(1, 7)),
            step_us=DurationUs(rng.randint(1, 5)),
            floor=Amount(floor),
        )
        for tick in range(120):
            assert price_at(clock, tick) == oracles.ticking(clock, tick)


def test_hybrid_against_the_rule_read_aloud() -> None:
    rng = random.Random(7)
    for _ in range(CASES):
        mark, step, bids = rng.randint(1, 5), rng.randint(1, 2), sealed_bids(rng)
        best_bid = rng.choice([None, *range(12)])
        found = clear_hybrid("taker", Amount(mark), Amount(step), bids, None if best_bid is None else Amount(best_bid))
        assert (found.winner, found.price) == oracles.hybrid("taker", mark, step, bids, best_bid)


def test_priority_against_asking_one_rank_after_another() -> None:
    rng = random.Random(8)
    for _ in range(CASES):
        said = [
            Exercise(
                code=CODES[n], rank=rng.randint(1, 3), seq=n + 1, price=Amount(rng.randint(9, 10)), at_us=InstantUs(n)
            )
            for n in range(rng.randint(0, 5))
        ]
        digest = rng.randbytes(32)
        assert winner_among(said, Amount(10)) == oracles.priority(said, 10, None)
        assert winner_among(said, Amount(10), by_lot=True, digest=digest) == oracles.priority(said, 10, digest)
