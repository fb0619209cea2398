"""The worked numbers of domain.md §6.4 to the fen, by the parameters of the data; and the properties of the functions."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import day_from_civil, format_day, parse_day
from settlement.benefits.parameters import Confidence, NotInForce, Parameters, parameters_on
from settlement.benefits.sheet import Assumed, Basis, Section, sheet_of
from settlement.benefits.subsidy import Claimant, Hurdle, subsidy, window_of
from settlement.benefits.taxes import comprehensive_tax, corporate_tax, reward_tax, stamp_tax, vat

DAY = day_from_civil(2026, 11, 28)
NOW = parameters_on(DAY)
YUAN = 100
amounts = st.integers(0, 10**14)


@pytest.mark.parametrize(
    ("revenue", "cost", "fees", "tax", "without"),
    [
        (9_000_000_00, 2_200_000_00, 200_000_00, 200_000_00, 1_650_000_00),
        (5_000_000_00, 0, 0, 0, 1_250_000_00),
        (5_000_001_00, 0, 0, 13, 1_250_000_25),
        (8_000_000_00, 0, 0, 375_000_00, 2_000_000_00),
        (20_000_000_00, 0, 0, 1_875_000_00, 5_000_000_00),
        (1_000_00, 2_000_00, 0, 0, 0),
    ],
)
def test_corporate_income_tax_free_to_five_million_and_half_above(
    revenue: int, cost: int, fees: int, tax: int, without: int
) -> None:
    found = corporate_tax(revenue, cost, fees, NOW)
    assert (found.tax_fen, found.without_fen, found.saved_fen) == (tax, without, without - tax)


def test_the_example_of_nine_million_saves_1_450_000() -> None:
    found = corporate_tax(9_000_000_00, 2_200_000_00, 200_000_00, NOW)
    assert (found.income_fen, found.saved_fen) == (6_600_000_00, 1_450_000_00)


@pytest.mark.parametrize(
    ("reward", "other", "before", "tax", "without"),
    [
        (1_000_000_00, 0, 0, 79_080_00, 243_080_00),
        (1_000_000_00, 200_000_00, 11_480_00, 139_080_00, 331_080_00),
        (0, 200_000_00, 11_480_00, 11_480_00, 11_480_00),
    ],
)
def test_half_of_a_cash_reward_counts(reward: int, other: int, before: int, tax: int, without: int) -> None:
    found = reward_tax(reward, other, NOW)
    assert (found.before_fen, found.tax_fen, found.without_fen) == (before, tax, without)


def test_what_the_reward_adds_and_the_rule_saves() -> None:
    alone, beside = reward_tax(1_000_000_00, 0, NOW), reward_tax(1_000_000_00, 200_000_00, NOW)
    assert alone.saved_fen == 164_000_00
    assert (beside.added_fen, beside.without_fen - beside.before_fen) == (127_600_00, 319_600_00)


@pytest.mark.parametrize(
    ("taxable", "tax"),
    [(36_000, 1_080), (144_000, 11_880), (300_000, 43_080), (420_000, 73_080), (660_000, 145_080), (960_000, 250_080)],
)
def test_the_progressive_table_is_continuous_at_its_edges(taxable: int, tax: int) -> None:
    """Where a wrong quick deduction would make a jump: one yuan more costs no more than its own rate."""
    income = (taxable + 60_000) * YUAN
    assert comprehensive_tax(income, 0, NOW) == tax * YUAN
    assert 0 <= comprehensive_tax(income + YUAN, 0, NOW) - tax * YUAN <= 45


def test_vat_of_1_060_000_including_six_per_cent() -> None:
    taxed, free = vat(1_060_000_00, NOW, exempt=False), vat(1_060_000_00, NOW, exempt=True)
    assert (taxed.net_fen, taxed.tax_fen, taxed.due_fen) == (1_000_000_00, 60_000_00, 60_000_00)
    assert (free.due_fen, free.net_fen) == (0, 1_000_000_00)


def test_stamp_tax_of_three_million_is_900_on_each_side() -> None:
    assert stamp_tax(3_000_000_00, NOW) == 900_00


@given(amounts, amounts, amounts)
def test_relief_never_costs_and_parts_sum_to_the_whole(revenue: int, cost: int, fees: int) -> None:
    corporate, price = corporate_tax(revenue, cost, fees, NOW), vat(revenue, NOW, exempt=False)
    assert corporate.saved_fen >= 0
    assert corporate.exempt_fen + corporate.halved_fen == max(0, corporate.income_fen)
    assert price.net_fen + price.tax_fen == revenue
    assert comprehensive_tax(revenue, 0, NOW) <= comprehensive_tax(revenue + cost, 0, NOW)


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2026-10-31", "2025-11-01", "2026-10-31"),
        ("2026-11-01", "2026-11-01", "2027-10-31"),
        ("2027-02-28", "2026-11-01", "2027-10-31"),
    ],
)
def test_the_window_of_the_subsidy_is_november_to_october(day: str, first: str, last: str) -> None:
    parsed = parse_day(day)
    assert parsed is not None
    assert tuple(format_day(one) for one in window_of(parsed)) == (first, last)


def test_without_known_rates_no_subsidy_is_computed() -> None:
    asked = subsidy(Claimant.BUYER, 3_000_000_00, NOW, on=DAY, registered=True, in_region=True)
    assert asked.amount_fen is None and asked.hurdles == ()


def _with_rates(rate: int, contract_cap: int, unit_cap: int) -> Parameters:
    values = {"subsidy_buyer_bps": rate, "subsidy_contract_cap_fen": contract_cap, "subsidy_unit_cap_fen": unit_cap}
    rows = {code: msgspec.structs.replace(row, value=values.get(code, row.value)) for code, row in NOW.rows.items()}
    return msgspec.structs.replace(NOW, rows=rows)


@pytest.mark.parametrize(
    ("caps", "used", "granted"),
    [
        ((10**9, 10**9), 0, 300_000_00),
        ((200_000_00, 10**9), 0, 200_000_00),
        ((10**9, 250_000_00), 50_000_00, 200_000_00),
    ],
)
def test_once_rates_are_known_caps_of_contract_and_unit_hold(caps: tuple[int, int], used: int, granted: int) -> None:
    known = _with_rates(1_000, *caps)
    asked = subsidy(Claimant.BUYER, 3_000_000_00, known, on=DAY, registered=True, in_region=True, unit_used_fen=used)
    assert asked.amount_fen == granted


def test_hurdles_are_named_and_nothing_is_granted() -> None:
    asked = subsidy(Claimant.BUYER, 0, _with_rates(1_000, 10**9, 10**9), on=DAY, registered=False, in_region=False)
    assert asked.hurdles == (Hurdle.NOT_REGISTERED, Hurdle.NOT_PAID, Hurdle.NOT_IN_REGION)
    assert asked.amount_fen is None


def test_the_exemption_after_2025_is_marked_unconfirmed() -> None:
    assert parameters_on(day_from_civil(2025, 12, 31)).row("vat_exempt").confidence is Confidence.CONFIRMED
    assert parameters_on(day_from_civil(2026, 1, 1)).row("vat_exempt").confidence is Confidence.UNCONFIRMED
    with pytest.raises(NotInForce):
        parameters_on(day_from_civil(2000, 1, 1)).number("vat_rate_bps")


def _basis(side: Claimant, **more: object) -> Basis:
    given: dict[str, object] = {
        "deal": "DA-a1", "side": side, "registration_no": "2026150101000123", "registered_on": DAY, "technical_fen": 3_000_000_00,
        "paid_fen": 3_000_000_00, "exemptable": True, "enterprise": False, "nonprofit": True, "in_region": True,
    }  # fmt: skip
    return Basis(**{**given, **more})  # type: ignore[arg-type]


def test_a_sheet_shows_each_side_what_is_its_own() -> None:
    seller = sheet_of(_basis(Claimant.SELLER), Assumed(reward_fen=1_000_000_00), NOW)
    buyer = sheet_of(_basis(Claimant.BUYER), Assumed(), NOW)
    assert [part.section for part in seller.parts] == list(Section)
    assert [part.section for part in buyer.parts] == [Section.VAT, Section.STAMP, Section.SUBSIDY]
    parts = {part.section: part for part in seller.parts}
    assert parts[Section.REWARD].applies and not parts[Section.CORPORATE].applies
    assert not parts[Section.VAT].sure, "its exemption for 2026 was not verified"
    assert "rates_unknown" in parts[Section.SUBSIDY].notes


def test_without_a_registration_number_no_benefit_applies() -> None:
    sheet = sheet_of(_basis(Claimant.SELLER, registration_no="", enterprise=True), Assumed(), NOW)
    applies = {part.section: part.applies for part in sheet.parts}
    assert applies[Section.VAT] is applies[Section.CORPORATE] is applies[Section.REWARD] is False
