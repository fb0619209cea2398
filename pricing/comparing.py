"""The comparison that people can follow (worked example WE-02): like deals made comparable step by step, then weighted by likeness,
age and quality. It stands beside the model in every quote that has deals.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import numpy as np
from msgspec import Struct

from pricing.approaches.comparables import Comparable, MarketValue, market_value
from pricing.hedonic import Hedonic, distances
from pricing.learning.kernel import Rows
from pricing.market import Market
from pricing.normalising import competition_step, payment_step, rights_step
from pricing.quotes import Facts, NormalDeal

WEIGHED: Final = 30
"""The nearest deals that are weighed."""
NEAR_MIN: Final = 1e-4


class Compared(Struct, frozen=True, kw_only=True):
    """The value by comparison and the deals with each step."""

    value: MarketValue
    deals: tuple[NormalDeal, ...]


def compare(
    market: Market, facts: Facts, mode: str, at_us: int, left_out: Collection[int], shown: int
) -> Compared | None:
    """Compare with the market's sold deals; None where fewer than two can be compared.

    Args:
        market: The market.
        facts: What is known of the achievement; its kind of licence is applied at the end.
        mode: How it would be sold.
        at_us: Day of valuation.
        left_out: Places of deals that the person who asked does not want.
        shown: How many deals are told.
    """
    model, hedonic, priors = market.model, market.hedonic, market.priors
    places = np.flatnonzero(model.used & ~model.deals.unsold)
    places = places[~np.isin(places, list(left_out))]
    if len(places) < 2:
        return None
    table = market.lots_of(facts, mode, at_us).full()
    row, known = model.encoder.encode(table), ~np.isnan(table.numbers)
    rows, rows_known = model.rows.take(places), market.told[places]
    apart = distances(row, known, rows, rows_known)
    decay = priors.figure_of("yearly_decay")
    age = np.maximum(float(row.years[0]) - rows.years, 0.0)
    weight = np.exp(-(apart**2) / (2 * hedonic.bandwidth**2)) * decay**age / model.deals.scale[places]
    order = np.argsort(-weight, kind="stable")[:WEIGHED]
    order = order[weight[order] > NEAR_MIN * float(weight.max())]
    steps = [_steps(market, hedonic, int(places[at]), mode, facts, at_us) for at in order]
    both = rows_known & known
    target = tuple(float(value) for value in row.z[0])
    found = tuple(
        Comparable(
            price=float(market.known[int(places[at])].observation.price_fen), age_years=float(age[at]),
            index_ratio=math.exp(sum(log for _, log in one)), features=_features(rows, int(at), both, target),
            distance=float(apart[at]), quality=float(1 / model.deals.scale[places[at]]),
        )
        for at, one in zip(order, steps, strict=True)
    )  # fmt: skip
    slopes = tuple(float(value) for value in hedonic.slopes)
    value = market_value(found, target, slopes, bandwidth=hedonic.bandwidth, yearly_decay=decay)
    if value is None:
        return None
    deals = []
    for rank in range(min(shown, len(order))):
        one = market.known[int(places[order[rank]])]
        whole = math.log(value.adjusted[rank]) - math.log(one.observation.price_fen)
        features = whole - sum(log for _, log in steps[rank])
        deals.append(
            NormalDeal(
                ref=one.ref, title=one.observation.title, mode=one.observation.mode, price_fen=one.observation.price_fen,
                steps=(*steps[rank], ("features", features)), adjusted_fen=round(value.adjusted[rank]),
                distance=found[rank].distance, age_years=found[rank].age_years, quality=found[rank].quality,
                weight=value.weights[rank],
            )
        )  # fmt: skip
    return Compared(value=value, deals=tuple(deals))


def _steps(
    market: Market, hedonic: Hedonic, place: int, mode: str, facts: Facts, at_us: int
) -> tuple[tuple[str, float], ...]:
    """Return the logs that make a deal's price one for this achievement, mode and day; what stays is how unlike the things are."""
    one = market.known[place]
    o, sigma = one.observation, market.sigma
    bidders = round(facts.bidders if facts.bidders is not None else market.demand.mean)
    competition = competition_step(o.mode, o.bidders, sigma) - competition_step(mode, max(bidders, 2), sigma)
    return (
        ("rights", rights_step(o.licence, market.priors) - rights_step(facts.licence, market.priors)),
        ("payment", payment_step(o, market.priors)),
        ("competition", competition + hedonic.mode_effect(mode) - hedonic.mode_effect(o.mode)),
        ("time", hedonic.log_level(at_us) - hedonic.log_level(one.at_us)),
    )


def _features(
    rows: Rows, at: int, both: np.ndarray[tuple[int, int], np.dtype[np.bool_]], target: tuple[float, ...]
) -> tuple[float, ...]:
    """Return the standard numbers of a deal; what one of the two does not tell is taken to be equal."""
    return tuple(float(z) if told else want for z, told, want in zip(rows.z[at], both[at], target, strict=True))
