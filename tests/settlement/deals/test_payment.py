"""Payment modes and the schedules that come of them: the worked amounts of domain.md §6.4 (royalty) and §6.5, and their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.deals.fees import ALL_BPS
from settlement.deals.payment import (
    EntryRoyalty,
    Instalments,
    Lump,
    Part,
    Royalty,
    RoyaltyBase,
    Trigger,
    interest_fen,
    lines_of,
    owed_fen,
    paid_of,
    payment_problems,
    royalty_fen,
)
from settlement.deals.rules_data import deal_rules, rows

WAN = 1_000_000
"""Ten thousand yuan in fen."""


def a_royalty(**more: object) -> Royalty:
    given: dict[str, object] = {"base": RoyaltyBase.SALES, "rates_bps": (300,), "months": 12, "periods": 3}
    return Royalty(**{**given, **more})  # type: ignore[arg-type]


def problems(terms: object, *, price: int = 100 * WAN, state: bool = False, open_licence: bool = False) -> list[str]:
    return payment_problems(terms, price, deal_rules(), state_asset=state, open_licence=open_licence)  # type: ignore[arg-type]


def test_entry_fee_and_three_per_cent_of_sales() -> None:
    """入门费 500,000 + 3 % of 8, 12 and 15 million = 1,550,000 (domain.md §6.4)."""
    terms = EntryRoyalty(working_days=5, royalty=a_royalty())
    sales = [800 * WAN, 1_200 * WAN, 1_500 * WAN]
    royalties = [royalty_fen(terms.royalty, period, base, 0) for period, base in enumerate(sales, start=1)]
    assert royalties == [24 * WAN, 36 * WAN, 45 * WAN]
    entry, *rest = lines_of(terms, 50 * WAN, 0)
    assert (entry.amount_fen, [line.amount_fen for line in rest]) == (50 * WAN, [None] * 3)
    assert 50 * WAN + sum(royalties) == 155 * WAN


def test_one_line_for_a_lump_and_the_fee_beside_it() -> None:
    assert [(line.kind.value, line.amount_fen) for line in lines_of(Lump(working_days=5), 300 * WAN, 7)] == [
        ("price", 300 * WAN), ("buyer_fee", 7),
    ]  # fmt: skip


def test_a_state_assets_instalments_thirty_per_cent_first_within_a_year_secured_with_interest() -> None:
    parts = (
        Part(share_bps=3_000, after=Trigger.SIGNING, days=5),
        Part(share_bps=7_000, after=Trigger.SIGNING, days=365),
    )
    good = Instalments(parts=parts, secured=True, interest_daily_ppm=95)
    assert problems(good, state=True) == []
    small = Instalments(
        parts=(
            Part(share_bps=2_999, after=Trigger.SIGNING, days=5),
            Part(share_bps=7_001, after=Trigger.SIGNING, days=366),
        )
    )
    assert problems(small, state=True) == ["parts: first_too_small", "parts: too_long", "parts: unsecured"]
    assert problems(small) == []
    assert problems(a_royalty(), state=True) == ["kind: not_for_state_assets"]


@pytest.mark.parametrize(
    ("base", "rate", "found"),
    [
        (RoyaltyBase.SALES, 2_000, []), (RoyaltyBase.SALES, 2_001, ["rates: open_licence_cap"]),
        (RoyaltyBase.PROFIT, 4_000, []), (RoyaltyBase.PROFIT, 4_001, ["rates: open_licence_cap"]),
    ],
)  # fmt: skip
def test_caps_of_an_open_licence(base: RoyaltyBase, rate: int, found: list[str]) -> None:
    assert problems(a_royalty(base=base, rates_bps=(rate,)), open_licence=True) == found


def test_an_open_licence_costs_at_most_twenty_million() -> None:
    lump = Lump(working_days=5)
    assert problems(lump, price=2_000 * WAN, open_licence=True) == []
    assert problems(lump, price=2_000 * WAN + 1, open_licence=True) == ["price: open_licence_fixed_cap"]


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (Lump(working_days=0), ["working_days: out_of_range"]),
        (a_royalty(rates_bps=()), ["rates: out_of_range"]),
        (a_royalty(rates_bps=(0,)), ["rates: out_of_range"]),
        (a_royalty(months=2), ["months: unknown"]),
        (a_royalty(periods=0), ["periods: out_of_range"]),
        (a_royalty(floor_fen=10, cap_fen=29), ["floor: above_cap"]),
        (a_royalty(late_daily_ppm=1_001), ["interest: out_of_range"]),
        (Instalments(parts=()), ["parts: out_of_range", "parts: not_the_whole"]),
        (
            Instalments(parts=(Part(share_bps=5_000, after=Trigger.DELIVERY, days=1),) * 2),
            ["parts: first_after_signing"],
        ),
    ],
)
def test_terms_that_cannot_be_held_name_every_problem(terms: object, found: list[str]) -> None:
    assert problems(terms) == found


def test_floor_cap_and_rising_rates() -> None:
    terms = a_royalty(rates_bps=(200, 300, 500), floor_fen=10 * WAN, cap_fen=60 * WAN, periods=4)
    assert royalty_fen(terms, 1, 100 * WAN, 0) == 10 * WAN, "the floor"
    assert royalty_fen(terms, 2, 1_000 * WAN, 10 * WAN) == 30 * WAN, "the second rate"
    assert royalty_fen(terms, 3, 1_000 * WAN, 40 * WAN) == 20 * WAN, "the cap of all periods"
    assert royalty_fen(terms, 4, 1_000 * WAN, 60 * WAN) == 0, "nothing above the cap, not even the floor"


@pytest.mark.parametrize(
    ("amount", "ppm", "days", "interest"), [(100 * WAN, 95, 30, 285_000), (333, 500, 3, 0), (1_000, 500, 1, 1)]
)
def test_simple_interest_half_up(amount: int, ppm: int, days: int, interest: int) -> None:
    assert interest_fen(amount, ppm, days) == interest


@given(st.lists(st.integers(1, 5_000), min_size=2, max_size=12), st.integers(1, 10**13), st.integers(0, 10**9))
def test_parts_sum_to_the_whole(weights: list[int], price: int, fee: int) -> None:
    shares = [weight * ALL_BPS // sum(weights) for weight in weights[:-1]]
    shares.append(ALL_BPS - sum(shares))
    if any(share < 1 for share in shares):
        return
    terms = Instalments(parts=tuple(Part(share_bps=share, after=Trigger.SIGNING, days=1) for share in shares))
    lines = lines_of(terms, price, fee)
    assert owed_fen(lines) == price + fee
    assert [line.no for line in lines] == list(range(1, len(lines) + 1))


@given(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(0, 10**6))
def test_money_goes_to_the_lines_in_their_order(received: int, price: int, fee: int) -> None:
    parts = (
        Part(share_bps=3_000, after=Trigger.SIGNING, days=1),
        Part(share_bps=7_000, after=Trigger.DELIVERY, days=1),
    )
    lines = lines_of(Instalments(parts=parts), price, fee)
    paid = paid_of(lines, received)
    assert sum(paid) == min(received, owed_fen(lines))
    full = [taken == line.known_fen for taken, line in zip(paid, lines, strict=True)]
    assert full == sorted(full, reverse=True), "no line is paid before the one before it"


def test_every_period_names_its_source_and_how_sure_it_is() -> None:
    for name, row in rows().items():
        assert row.source and row.confidence in ("confirmed", "unconfirmed", "design"), name
