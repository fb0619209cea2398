"""Making prices comparable before anything is learnt from them: one kind of right, one form of payment, one kind of competition.

Each step is a log that is added to the price and can be taken off again; reports print them. Time is the index's part
(`pricing/hedonic.py`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from pricing.advice.reserve import second_value_factor
from pricing.approaches.payments import PaymentPlan, present_value
from pricing.observations import Observation
from pricing.priors.tables import Priors

COMPETED: Final = frozenset({"english", "sealed_first", "sealed_second", "dutch", "listing_bidding"})
"""Modes whose price is what the second highest value allows (revenue equivalence); a listing only where several competed."""
COMPETING_MAX: Final = 10
MONTHS_A_YEAR: Final = 12


def rights_step(licence: str, priors: Priors) -> float:
    """Return what turns the price of a licence into that of the whole right (table of rights)."""
    return -math.log(priors.rights_of(licence).factor)


def payment_step(one: Observation, priors: Priors) -> float:
    """Return what turns a price paid in parts into one paid at once (worked example WE-33).

    Notices say in words when a part is due, so parts are taken to be evenly apart (figure `instalment_months`), the first at signing.
    A royalty on top of the price is not counted: nobody knows yet what it brings, and such deals count less (`Observation.quality`).
    """
    if len(one.instalments_fen) < 2:
        return 0.0
    apart = priors.figure_of("instalment_months") / MONTHS_A_YEAR
    parts = tuple((place * apart, float(fen)) for place, fen in enumerate(one.instalments_fen))
    return math.log(
        present_value(PaymentPlan(entry=0.0, instalments=parts), priors.figure_of("capital_rate"))
        / sum(one.instalments_fen)
    )


def competition_step(mode: str, bidders: int, sigma: float) -> float:
    """Return what turns a price made by competition into the median of private values: minus ln kappa(n, sigma).

    A single bidder, a list price and an agreement are left as they are: what their mode does is learnt (`Hedonic.modes`).
    """
    if mode not in COMPETED or bidders < 2:
        return 0.0
    return -_log_kappa(round(sigma, 3), min(bidders, COMPETING_MAX))


@lru_cache(maxsize=256)
def _log_kappa(sigma: float, bidders: int) -> float:
    return math.log(second_value_factor(sigma, bidders))
