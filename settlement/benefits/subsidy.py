"""Subsidy after the trade (技术交易后补助, 内科发成字〔2021〕12号): who may ask, within which window, how much where rates are known. Pure.

Rates and caps were not found (domain.md §12): as long as the data has none, the sheet says so and computes nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.calendar import Day, civil_of, day_from_civil
from settlement.benefits.parameters import Parameters
from settlement.deals.fees import ALL_BPS, half_up

WINDOW_BEGINS: Final = (11, 1)
"""The evidence window is 1 November to 31 October (P-SUB23)."""


class Claimant(StrEnum):
    """On which side of the contract."""

    BUYER = "buyer"
    SELLER = "seller"


class Hurdle(StrEnum):
    """What stands against an application."""

    NOT_REGISTERED = "not_registered"
    NOT_PAID = "not_paid"
    NOT_IN_REGION = "not_in_region"


class Subsidy(Struct, frozen=True, kw_only=True):
    """What may be asked for. `amount_fen` None: the rates are not known."""

    claimant: Claimant
    window_first: Day
    window_last: Day
    hurdles: tuple[Hurdle, ...]
    paid_fen: int
    amount_fen: int | None


def window_of(day: Day) -> tuple[Day, Day]:
    """Return first and last day of the evidence window that a registration or trade falls into."""
    year, month, _ = civil_of(day)
    first_year = year if month >= WINDOW_BEGINS[0] else year - 1
    return day_from_civil(first_year, *WINDOW_BEGINS), day_from_civil(first_year + 1, 10, 31)


def subsidy(
    claimant: Claimant,
    paid_fen: int,
    parameters: Parameters,
    *,
    on: Day,
    registered: bool,
    in_region: bool,
    unit_used_fen: int = 0,
) -> Subsidy:
    """Return what one side may ask for.

    Args:
        claimant: Which side.
        paid_fen: What of the contract's technical price is paid.
        parameters: What holds on the day.
        on: Day of registration, or of the trade itself.
        registered: The contract has its number.
        in_region: The claimant is registered and pays tax in Inner Mongolia.
        unit_used_fen: What the unit was granted in the same window.
    """
    first, last = window_of(on)
    hurdles = [
        hurdle
        for hurdle, stands in (
            (Hurdle.NOT_REGISTERED, not registered),
            (Hurdle.NOT_PAID, paid_fen <= 0),
            (Hurdle.NOT_IN_REGION, not in_region),
        )
        if stands
    ]
    rate = parameters.row(f"subsidy_{claimant.value}_bps").value
    caps = (parameters.row("subsidy_contract_cap_fen").value, parameters.row("subsidy_unit_cap_fen").value)
    amount: int | None = None
    if rate is not None and None not in caps and not hurdles:
        contract_cap, unit_cap = caps
        assert contract_cap is not None and unit_cap is not None, "looked at just now"
        amount = min(half_up(paid_fen * rate, ALL_BPS), contract_cap, max(0, unit_cap - unit_used_fen))
    return Subsidy(
        claimant=claimant, window_first=first, window_last=last, hurdles=tuple(hurdles), paid_fen=max(0, paid_fen), amount_fen=amount
    )  # fmt: skip
