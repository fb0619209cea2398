"""Income approach: relief from royalty (许可费节省法, 收入分成法). What a buyer does not have to pay to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

HURDLE_MAX: Final = 0.25
"""Above this rate the discount already carries the risk of failure: a probability of success besides counts it twice."""
SALES_ROYALTY_WARN: Final = 0.20
PROFIT_ROYALTY_WARN: Final = 0.40
"""Guidance of CNIPA for open licences: royalty generally at most 20 % of net sales or 40 % of profit."""


class InputProblem(StrEnum):
    """What is wrong with the inputs of a valuation; the first stops it, the others are shown as warnings."""

    RISK_DOUBLE_COUNT = "risk_double_count"
    ROYALTY_HIGH = "royalty_high"
    PROFIT_SHARE_HIGH = "profit_share_high"
    LIFE_BEYOND_LEGAL = "life_beyond_legal"
    SALES_IMPLAUSIBLE = "sales_implausible"
    COST_IMPLAUSIBLE = "cost_implausible"
    SALES_BEFORE_READY = "sales_before_ready"
    APPROACHES_DISAGREE = "approaches_disagree"
    FEW_COMPARABLES = "few_comparables"
    NO_COMPARABLES = "no_comparables"
    FAR_FROM_KNOWN = "far_from_known"
    BELOW_FLOOR = "below_floor"
    FEW_BIDDERS = "few_bidders"
    OPTION_INSTEAD = "option_instead"
    """The cash flow is priced as an option: added to it, its upside would count twice."""
    BELOW_COMPLETION = "below_completion"
    """The income is worth less than what must still be spent: no cash flow to price."""
    NOTHING_MORE = "nothing_more"
    """The comparison says nothing that the model does not say already."""
    DEALS_LEFT_OUT = "deals_left_out"


class IncomeInputs(Struct, frozen=True, kw_only=True):
    """`sales` per year of the product, the first year first; rates are shares; money in one unit."""

    sales: tuple[float, ...]
    royalty: float
    tax: float
    discount: float
    success: float = 1.0
    completion_cost: float = 0.0


class IncomeValue(Struct, frozen=True, kw_only=True):
    """Present values by year, their sum if it works, and what is left after risk and completion."""

    yearly: tuple[float, ...]
    if_it_works: float
    expected: float
    value: float


class Swing(Struct, frozen=True, kw_only=True):
    """What one input does alone: a bar of the tornado."""

    name: str
    low_input: float
    high_input: float
    low: float
    high: float


def royalty_rate(lowest: float, highest: float, weights: tuple[float, ...], scores: tuple[float, ...]) -> float:
    """Return the royalty rate between the bounds by weighted scores 0..100 of legal, technical and economic value (WE-03)."""
    position = sum(w * s for w, s in zip(weights, scores, strict=True)) / 100
    return lowest + (highest - lowest) * position


def royalty_by_margin(intercept: float, slope: float, margin: float) -> float:
    """Return the cross-check by operating margin: reported rates rise linearly with it; no rule of a fixed share holds."""
    return intercept + slope * margin


def check_income(inputs: IncomeInputs) -> tuple[InputProblem, ...]:
    """Return what is wrong; `RISK_DOUBLE_COUNT` means that the result must not be used."""
    found = []
    if inputs.success < 1 and inputs.discount > HURDLE_MAX:
        found.append(InputProblem.RISK_DOUBLE_COUNT)
    if inputs.royalty > SALES_ROYALTY_WARN:
        found.append(InputProblem.ROYALTY_HIGH)
    return tuple(found)


def income_value(inputs: IncomeInputs) -> IncomeValue:
    """Return the value of the saved royalties, discounted from the middle of each year (WE-03)."""
    yearly = tuple(
        sale * inputs.royalty * (1 - inputs.tax) / (1 + inputs.discount) ** (year + 0.5)
        for year, sale in enumerate(inputs.sales)
    )
    total = sum(yearly)
    expected = total * inputs.success
    return IncomeValue(yearly=yearly, if_it_works=total, expected=expected, value=expected - inputs.completion_cost)


def tornado(inputs: IncomeInputs, bounds: Mapping[str, tuple[float, float]]) -> tuple[Swing, ...]:
    """Return what each input does when it alone goes to its bounds, the widest first (WE-32).

    `bounds` names royalty, discount, success, or `sales` (as factors on every year).
    """
    swings = []
    for name, (low_input, high_input) in bounds.items():
        ends = [income_value(_moved(inputs, name, to)).value for to in (low_input, high_input)]
        swings.append(Swing(name=name, low_input=low_input, high_input=high_input, low=min(ends), high=max(ends)))
    return tuple(sorted(swings, key=lambda swing: swing.low - swing.high))


def _moved(inputs: IncomeInputs, name: str, to: float) -> IncomeInputs:
    if name == "sales":
        return replace(inputs, sales=tuple(sale * to for sale in inputs.sales))
    return replace(inputs, **{name: to})
