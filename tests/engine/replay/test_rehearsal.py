"""Rehearsals use the real rules: known crowds bring known proceeds, the same seed the same, and no sale is told as no sale."""

from __future__ import annotations

import pytest

from engine.replay.crowds import Crowd
from engine.replay.rehearsal import rehearse_once
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.weighted import Criterion
from engine.rules.auction.commands import PublishSession, Subject
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.terms import Reserve
from engine.values import Amount, DurationUs, PartyId
from gateway.desk.rehearsing import BARS, rehearse, spread_of
from tests.engine.rules.formats.session import CLOCK, OPENING, session_terms
from tests.engine.rules.transcript import SELLER


def session(kind: ft.Format, **more: object) -> PublishSession:
    opening = OPENING if ft.takes_envelopes(ft.SessionTerms(format=kind)) else None
    play = ft.SessionTerms(format=kind, opening=opening)
    subject = Subject(title_zh="测", title_en="T")
    return PublishSession(terms=session_terms(play, **more), play=play, subject=subject, seller_id=SELLER)


HYBRID = ft.Hybrid(clock=CLOCK, sealed_round_us=DurationUs(60_000_000), best_bid_us=DurationUs(60_000_000))
WEIGHTED = ft.Weighted(price_weight=60, criteria=(Criterion(name="plan", weight=40),), assessors=(PartyId("X"),))
LOTS = tuple(ft.PackageLot(name=name, title_zh=name, title_en=name) for name in "wx")
ALIKE = Crowd(bidders=4, middle=800, spread=0.0, seed=1)
"""Everybody's value is 800."""


@pytest.mark.parametrize(
    ("kind", "proceeds"),
    [
        (ft.Falling(clock=CLOCK), 800),
        (ft.Falling(clock=CLOCK, units=3), 2_400),
        (ft.Sealed(pricing=ft.SealedPricing.FIRST), 600),
        (ft.Sealed(pricing=ft.SealedPricing.SECOND), 800),
        (ft.Units(units=2, pricing=Pricing.LOWEST_ACCEPTED), 1_600),
        (ft.Ascending(), 791),  # bids of 1, 11, … 791
        (ft.Sealed(pricing=ft.SealedPricing.LOWEST), 1_000),  # 800 and a fourth of it
        (ft.Sealed(pricing=ft.SealedPricing.LOWEST, ceiling=Amount(900)), 900),
        (HYBRID, 800),  # nobody can go higher than the taker
        (WEIGHTED, 600),
        (ft.Packages(lots=LOTS), 660),  # the whole: 880, less a fourth; its parts: twice 300
        (ft.Packages(lots=LOTS, bids_each_max=1), 660),
    ],
)
def test_bidders_of_one_value_bring_what_the_rules_say(kind: ft.Format, proceeds: int) -> None:
    assert rehearse_once(session(kind), ALIKE, 0) == proceeds


def test_without_a_bid_at_the_reserve_there_is_no_sale() -> None:
    dear = session(ft.Sealed(pricing=ft.SealedPricing.SECOND), reserve=Reserve(Amount(900), public=False))
    assert rehearse_once(dear, ALIKE, 0) is None
    assert rehearse_once(session(ft.Falling(clock=CLOCK)), Crowd(bidders=2, middle=400, spread=0.0, seed=1), 0) is None


def test_the_same_seed_rehearses_the_same_and_another_does_not() -> None:
    wide = Crowd(bidders=5, middle=800, spread=0.4, seed=7)
    runs = [rehearse_once(session(ft.Falling(clock=CLOCK)), wide, run) for run in range(20)]
    assert runs == [rehearse_once(session(ft.Falling(clock=CLOCK)), wide, run) for run in range(20)]
    assert len(set(runs)) > 2


async def test_a_rehearsal_is_told_as_a_distribution() -> None:
    spread = await rehearse(session(ft.Falling(clock=CLOCK)), Crowd(bidders=3, middle=600, spread=0.4, seed=3))
    assert 0 < spread.sold <= spread.runs
    assert list(spread.quantiles.values()) == sorted(spread.quantiles.values())
    assert len(spread.bars) == BARS and sum(bar.count for bar in spread.bars) == spread.sold
    assert spread_of([None, None]).quantiles == {}


def test_a_hybrid_sale_is_challenged_where_the_steps_of_the_clock_are_wide() -> None:
    wide = Crowd(bidders=6, middle=850, spread=0.1, seed=7)
    proceeds = [rehearse_once(session(HYBRID), wide, run) for run in range(12)]
    above = [one for one in proceeds if one is not None and one % 100 != 0]
    assert above, "a sealed bid or the taker's answer to it, between two prices of the clock"


def test_a_procurement_whose_ceiling_is_below_all_costs_buys_nothing() -> None:
    cheap = session(ft.Sealed(pricing=ft.SealedPricing.LOWEST, ceiling=Amount(700)))
    assert rehearse_once(cheap, ALIKE, 0) is None


@pytest.mark.parametrize("name", sorted(ft.RULE_VERSIONS))
def test_every_format_is_told_as_a_distribution(name: str) -> None:
    kinds: list[ft.Format] = [
        ft.Falling(clock=CLOCK),
        ft.Sealed(pricing=ft.SealedPricing.FIRST),
        ft.Ascending(),
        HYBRID,
        WEIGHTED,
    ]
    kinds += [ft.Units(units=2, pricing=Pricing.PAY_AS_BID), ft.Packages(lots=LOTS)]
    kind = next(one for one in kinds if ft.format_of(ft.SessionTerms(format=one)) == name)
    crowd = Crowd(bidders=3, middle=800, spread=0.3, seed=5)
    spread = spread_of([rehearse_once(session(kind), crowd, run) for run in range(8)])
    assert spread.sold and len({*spread.quantiles.values()}) > 1, "a range, not one number"
