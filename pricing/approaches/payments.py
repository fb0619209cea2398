"""What a payment plan is worth today: entry fee and royalties beside a lump sum, at the same risk."""

from __future__ import annotations

from msgspec import Struct


class PaymentPlan(Struct, frozen=True, kw_only=True):
    """`royalty` is a share of the yearly sales."""

    entry: float
    royalty: float = 0.0
    sales: tuple[float, ...] = ()
    instalments: tuple[tuple[float, float], ...] = ()
    """Pairs of (years from now, amount)."""


def present_value(plan: PaymentPlan, discount: float) -> float:
    """Return the lump sum that is worth as much; royalties fall due in the middle of each year (worked example WE-33)."""
    royalties = sum(plan.royalty * sale / (1 + discount) ** (year + 0.5) for year, sale in enumerate(plan.sales))
    later = sum(amount / (1 + discount) ** years for years, amount in plan.instalments)
    return float(plan.entry + royalties + later)
