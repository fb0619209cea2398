"""Terms of a deposit: what the notice said when it was required. Data fixed at that moment, with the version of the rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.values import SECOND_US

RULE_VERSION: Final = "deposit-1"
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US
HOURS_MAX: Final = 24 * 90
WORKING_DAYS_MAX: Final = 60


class SurplusPolicy(StrEnum):
    """What becomes of the part of a forfeited deposit that is more than the shortfall (domain.md §6.2)."""

    KEEP = "keep"
    RETURN = "return"


class ForfeitTo(StrEnum):
    """Who gets a forfeited deposit."""

    SELLER = "seller"
    VENUE = "venue"


class ForfeitBy(StrEnum):
    """How much of a deposit is lost by a default."""

    WHOLE = "whole"
    """All of it, when the appeal window has passed: liquidated damages by the notice (domain.md §2.7)."""
    SHORTFALL = "shortfall"
    """What the second sale brought less, with costs: decided by `DeductShortfall` after that sale (domain.md §6.2)."""


class DepositTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Terms. Exactly one of `release_hours` and `release_working_days` is set."""

    release_hours: int | None = None
    release_working_days: int | None = 3
    release_wait_us: int = 0
    """No release before this long after the clock's start: time to object, 0 for none."""
    own_account_only: bool = True
    """Held only when it came from the party's own verified account (domain.md §6.1); otherwise an operator decides."""
    bank_news_us: int = HOUR_US
    """How long after the due time a payment booked in time may still be told by the bank, before the deposit lapses."""
    forfeit_to: ForfeitTo = ForfeitTo.SELLER
    seller_id: str = ""
    forfeit_by: ForfeitBy = ForfeitBy.WHOLE
    surplus_policy: SurplusPolicy = SurplusPolicy.RETURN
    rule_version: str = RULE_VERSION


DEFAULT_TERMS: Final = DepositTerms()


def terms_problems(terms: DepositTerms) -> list[str]:
    """Return the names of what is wrong with terms, none if they can be used."""
    clocks = (terms.release_hours, terms.release_working_days)
    problems = []
    if sum(clock is not None for clock in clocks) != 1:
        problems.append("release_clock")
    if terms.release_hours is not None and not 1 <= terms.release_hours <= HOURS_MAX:
        problems.append("release_hours")
    if terms.release_working_days is not None and not 1 <= terms.release_working_days <= WORKING_DAYS_MAX:
        problems.append("release_working_days")
    if not 0 <= terms.release_wait_us <= 90 * DAY_US:
        problems.append("release_wait_us")
    if not 0 <= terms.bank_news_us <= 30 * DAY_US:
        problems.append("bank_news_us")
    if terms.forfeit_to is ForfeitTo.SELLER and not terms.seller_id:
        problems.append("seller_id")
    return problems


class Settlement(Struct, frozen=True):
    """What a default costs the defaulting buyer, fen."""

    shortfall_fen: int
    taken_fen: int
    """Out of the deposit."""
    returned_fen: int
    """Out of the deposit, back to the buyer."""
    due_fen: int
    """Still owed by the buyer beyond the deposit."""


def settle_default(
    *, first_price_fen: int, second_price_fen: int, costs_fen: int, deposit_fen: int, policy: SurplusPolicy
) -> Settlement:
    """Return what a defaulting buyer loses.

    `shortfall = max(0, first - second) + costs`, `due = max(0, shortfall - deposit)`; what the deposit is more than the shortfall
    is kept or returned by `policy`.

    Args:
        first_price_fen: Price the defaulter had agreed to.
        second_price_fen: Price of the second sale.
        costs_fen: Costs, and commissions of the first sale where the law adds them.
        deposit_fen: The deposit.
        policy: What becomes of a surplus.

    Source: domain.md §6.2 [L-AUC 39][L-NJA 24][L-JA 22].
    """
    shortfall = max(0, first_price_fen - second_price_fen) + costs_fen
    surplus = max(0, deposit_fen - shortfall)
    returned = surplus if policy is SurplusPolicy.RETURN else 0
    return Settlement(shortfall, deposit_fen - returned, returned, max(0, shortfall - deposit_fen))
