"""Price and plan together (权重报价): assessors score the plans before prices are opened, then the highest total wins.

total = price_weight × price score + Σ weight × plan score of each criterion. The highest counting price scores 100, any other
100 × price / highest. A criterion scores the mean of its assessors' scores, without one highest and one lowest where there are five
assessors or more. Scores are exact fractions of a millionth, rounded down once at the end, so that anybody gets the same with paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from msgspec import Struct

from engine.rules.auction.clearing.sealed import SealedBid
from engine.values import Amount

SCORE_MAX: Final = 100
TRIM_FROM: Final = 5
"""From so many assessors on, one highest and one lowest score of a criterion do not count."""
MILLIONTHS: Final = 1_000_000


class Criterion(Struct, frozen=True, kw_only=True):
    """One part of the plan. Weights, with that of the price, sum to 100."""

    name: str
    weight: int


class Total(Struct, frozen=True, kw_only=True):
    """A bidder's scores, in millionths of a point."""

    code: str
    seq: int
    amount: Amount
    price_score_ppm: int
    plan_scores_ppm: dict[str, int]
    total_ppm: int


Scores = Mapping[str, Mapping[str, Sequence[int]]]
"""code -> criterion -> the assessors' scores, 0 to 100, one for each assessor."""


def clear_weighted(
    bids: Sequence[SealedBid],
    price_weight: int,
    criteria: Sequence[Criterion],
    scores: Scores,
    reserve: Amount | None = None,
) -> tuple[Total, ...]:
    """Return the totals, best first: higher total, then higher price, then earlier bid. Bids below the reserve do not count."""
    counting = [bid for bid in bids if bid.amount >= (reserve or 0)]
    highest = max((bid.amount for bid in counting), default=Amount(0))
    totals = []
    for bid in counting:
        price = Fraction(SCORE_MAX * bid.amount, highest) if highest else Fraction(0)
        plan = {one.name: mean_score(scores[bid.code][one.name]) for one in criteria}
        total = price_weight * price + sum((one.weight * plan[one.name] for one in criteria), Fraction(0))
        totals.append(
            Total(
                code=bid.code,
                seq=bid.seq,
                amount=bid.amount,
                price_score_ppm=_ppm(price),
                plan_scores_ppm={name: _ppm(score) for name, score in plan.items()},
                total_ppm=_ppm(total * Fraction(1, SCORE_MAX)),
            )
        )
    return tuple(sorted(totals, key=lambda one: (-one.total_ppm, -one.amount, one.seq)))


def mean_score(scores: Sequence[int]) -> Fraction:
    """Return the mean of the assessors' scores of one criterion."""
    counted = sorted(scores)
    if len(counted) >= TRIM_FROM:
        counted = counted[1:-1]
    return Fraction(sum(counted), len(counted))


def _ppm(score: Fraction) -> int:
    return score * MILLIONTHS // 1
