"""Cost approach (重置成本法): what it would take to make it again. A floor and a sanity check; sunk cost is not value."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Spending(Struct, frozen=True, kw_only=True):
    """What was spent in one year. `index` is the price index of that year, `years_ago` runs from the middle of the spending."""

    amount: float
    index: float
    years_ago: float


class CostInputs(Struct, frozen=True, kw_only=True):
    """Rates are shares (0.15 = 15 %)."""

    spent: tuple[Spending, ...]
    index_now: float
    capital_rate: float = 0.0
    margin: float = 0.0
    fees: float = 0.0
    functional_loss: float = 0.0
    economic_loss: float = 0.0


class CostValue(Struct, frozen=True, kw_only=True):
    """The steps of the calculation, in the unit of the spending."""

    replacement: float
    capital: float
    gross: float
    value: float


def cost_value(inputs: CostInputs) -> CostValue:
    """Return the depreciated replacement cost (GB/T 39057-2020; worked example WE-01)."""
    today = [one.amount * inputs.index_now / one.index for one in inputs.spent]
    replacement = sum(today)
    capital = _capital(today, inputs.spent, inputs.capital_rate)
    gross = (replacement + capital) * (1 + inputs.margin) + inputs.fees
    value = gross * (1 - inputs.functional_loss) * (1 - inputs.economic_loss)
    return CostValue(replacement=replacement, capital=capital, gross=gross, value=value)


def _capital(today: Sequence[float], spent: Sequence[Spending], rate: float) -> float:
    return float(sum(amount * ((1 + rate) ** one.years_ago - 1) for amount, one in zip(today, spent, strict=True)))
