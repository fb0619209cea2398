"""Commissions: every worked amount of domain.md §6.3, exact to the fen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from settlement.deals.fees import FeeTerms, commission, fee_terms, fees_of, half_up, scales

YUAN = 100


@pytest.mark.parametrize(
    ("price_yuan", "fee_yuan"),
    [(2_000_000, 100_000), (12_000_000, 380_000), (60_000_000, 1_240_000), (150_000_000, 1_890_000)],
)
def test_the_court_scale_is_digressive_and_cumulative(price_yuan: int, fee_yuan: int) -> None:
    scale = scales()["court-buyer"]
    assert commission(scale.bands, scale.minimum_fen, price_yuan * YUAN) == fee_yuan * YUAN


@pytest.mark.parametrize(
    ("price_fen", "fee_fen"), [(1, 0), (10, 1), (9, 0), (100_000_001, 5_000_000), (100_000_010, 5_000_001)]
)
def test_without_agreement_five_per_cent_half_up(price_fen: int, fee_fen: int) -> None:
    scale = scales()["auction-law"]
    assert commission(scale.bands, scale.minimum_fen, price_fen) == fee_fen


@pytest.mark.parametrize(
    ("price_yuan", "fee_yuan"), [(5_000, 1_000), (20_000, 1_000), (20_001, 1_000.05), (2_000_000, 100_000)]
)
def test_a_side_pays_at_least_the_minimum(price_yuan: int, fee_yuan: float) -> None:
    terms = fee_terms("culture-exchange")
    assert fees_of(terms, price_yuan * YUAN).buyer_fen == round(fee_yuan * YUAN)


def test_the_first_auctions_cost_the_buyer_nothing() -> None:
    fees = fees_of(fee_terms("court-buyer", buyer_waived=True), 2_000_000 * YUAN)
    assert (fees.buyer_fen, fees.seller_fen) == (0, 100_000 * YUAN)
    assert fees_of(fee_terms("waived"), 2_000_000 * YUAN) == fees_of(FeeTerms(scale="", version=""), 1)


def test_a_seller_never_pays_more_than_the_price_brings() -> None:
    assert fees_of(fee_terms("culture-exchange"), 300).seller_fen == 300


def test_a_broker_is_optional_and_has_a_share_of_the_commissions() -> None:
    terms = fee_terms("court-buyer")
    alone = fees_of(terms, 2_000_000 * YUAN)
    shared = fees_of(replace(terms, broker_id="b", broker_share_bps=3_333), 2_000_000 * YUAN)
    assert (alone.broker_fen, alone.market_fen) == (0, 200_000 * YUAN)
    assert (shared.broker_fen, shared.market_fen) == (6_666_000, 13_334_000)


@given(st.sampled_from(sorted(scales())), st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_higher_price_never_costs_less(code: str, one: int, other: int) -> None:
    scale = scales()[code]
    low, high = sorted((one, other))
    assert commission(scale.bands, scale.minimum_fen, low) <= commission(scale.bands, scale.minimum_fen, high)


@given(st.integers(0, 10**15), st.integers(1, 10**9))
def test_half_up_is_exact(dividend: int, divisor: int) -> None:
    found = half_up(dividend, divisor)
    assert abs(found * divisor - dividend) * 2 <= divisor and 2 * (found * divisor - dividend) > -divisor


def test_every_scale_names_its_source_and_how_sure_it_is() -> None:
    for scale in scales().values():
        assert scale.source and scale.confidence in ("confirmed", "unconfirmed", "design") and scale.zh and scale.en
        tops = [band.to_fen for band in scale.bands]
        assert not tops or (tops[-1] is None and None not in tops[:-1])
