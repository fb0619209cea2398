"""Taxes on a technology contract: value added, corporate income, cash reward, stamp (domain.md §5.18, worked numbers §6.4). Pure.

Amounts in fen. Every legal amount is rounded half up to the fen, once; nothing is a float.
"""

from __future__ import annotations

from msgspec import Struct

from settlement.benefits.parameters import Parameters
from settlement.deals.fees import ALL_BPS, PPM, half_up


class Vat(Struct, frozen=True):
    """Value added tax of a price that includes it."""

    price_fen: int
    net_fen: int
    """Without tax, were it taxed."""
    tax_fen: int
    """The tax in it, were it taxed."""
    exempt: bool
    due_fen: int


class CorporateTax(Struct, frozen=True):
    """Corporate income tax on technology transfer income of one tax year."""

    income_fen: int
    """技术转让所得: revenue less cost, related taxes and fees; below zero: a loss."""
    exempt_fen: int
    halved_fen: int
    tax_fen: int
    without_fen: int

    @property
    def saved_fen(self) -> int:
        """What the relief saves."""
        return self.without_fen - self.tax_fen


class RewardTax(Struct, frozen=True):
    """A year's income tax of a completer. `before`: of his other income alone."""

    counted_fen: int
    before_fen: int
    tax_fen: int
    """With the rule: half of the reward counts."""
    without_fen: int
    """Were the whole reward to count."""

    @property
    def added_fen(self) -> int:
        """What the reward costs in tax."""
        return self.tax_fen - self.before_fen

    @property
    def saved_fen(self) -> int:
        """What the rule saves."""
        return self.without_fen - self.tax_fen


def vat(price_fen: int, parameters: Parameters, *, exempt: bool) -> Vat:
    """Return the value added tax of a price including tax. 1,060,000 yuan at 6 %: 1,000,000 and 60,000.

    Exempt income gives the buyer no credit (增值税法 art. 22).
    """
    rate = parameters.number("vat_rate_bps")
    net = half_up(price_fen * ALL_BPS, ALL_BPS + rate)
    exempt = exempt and bool(parameters.number("vat_exempt"))
    return Vat(price_fen, net, price_fen - net, exempt, 0 if exempt else price_fen - net)


def corporate_tax(revenue_fen: int, cost_fen: int, fees_fen: int, parameters: Parameters) -> CorporateTax:
    """Return the corporate income tax of a year's technology transfers: to 5,000,000 yuan nothing, above it half.

    Args:
        revenue_fen: Without equipment, parts, materials and services that can be separated (P-CIT3).
        cost_fen: Net value of what was transferred; of a licence its amortisation.
        fees_fen: Related taxes and fees, of a licence its share of the period's costs, too.
        parameters: What holds at the end of the tax year.
    """
    income = revenue_fen - cost_fen - fees_fen
    taxable = max(0, income)
    exempt = min(taxable, parameters.number("cit_exempt_fen"))
    rate, half = parameters.number("cit_rate_bps"), parameters.number("cit_above_bps")
    return CorporateTax(
        income_fen=income,
        exempt_fen=exempt,
        halved_fen=taxable - exempt,
        tax_fen=half_up((taxable - exempt) * rate * half, ALL_BPS * ALL_BPS),
        without_fen=half_up(taxable * rate, ALL_BPS),
    )


def comprehensive_tax(income_fen: int, deductions_fen: int, parameters: Parameters) -> int:
    """Return the tax of a year's comprehensive income by the whole progressive table."""
    taxable = max(0, income_fen - parameters.number("iit_standard_fen") - deductions_fen)
    for bracket in parameters.iit_brackets.rows:
        if bracket.to_fen is None or taxable <= bracket.to_fen:
            return max(0, half_up(taxable * bracket.rate_bps, ALL_BPS) - bracket.quick_fen)
    raise AssertionError("the last bracket is open")


def reward_tax(reward_fen: int, other_fen: int, parameters: Parameters, deductions_fen: int = 0) -> RewardTax:
    """Return the income tax of a cash reward beside other income of the year (财税〔2018〕58号: half of it counts).

    Holds for non-profit research bodies and universities, within 36 months of the income, after publicity and registration.
    """
    counted = half_up(reward_fen * parameters.number("iit_counted_bps"), ALL_BPS)
    return RewardTax(
        counted_fen=counted,
        before_fen=comprehensive_tax(other_fen, deductions_fen, parameters),
        tax_fen=comprehensive_tax(other_fen + counted, deductions_fen, parameters),
        without_fen=comprehensive_tax(other_fen + reward_fen, deductions_fen, parameters),
    )


def stamp_tax(amount_fen: int, parameters: Parameters) -> int:
    """Return the stamp tax of one side; each side pays its own (印花税法 art. 10). `amount_fen` without VAT where it is stated apart."""
    return half_up(amount_fen * parameters.number("stamp_rate_ppm"), PPM)
