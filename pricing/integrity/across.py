"""Screens across auctions: who comes together, who takes turns, who always loses for one seller, and what may be reported.

Each gives a p-value and never a verdict; the list that goes to people is cut so that about one case in ten may be false.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from scipy.stats import binom, hypergeom, mannwhitneyu

FALSE_DISCOVERY: Final = 0.10


def together(lots: int, first: int, second: int, both: int) -> float:
    """Return the chance that two bidders meet in so many lots or more by accident (worked example WE-26)."""
    return float(hypergeom.sf(both - 1, lots, first, second))


def rotation(members: int, lots: int) -> float:
    """Return the chance of winners in a strict turn, in any order of the members (worked example WE-26)."""
    return float(math.factorial(members) / members**lots)


def no_repeat(members: int, lots: int) -> float:
    """Return the chance that nobody wins twice running."""
    return float(((members - 1) / members) ** (lots - 1))


def always_loses(losses: int, lots: int, win_rate: float) -> float:
    """Return the chance to lose at least so many of a seller's lots at the usual rate of winning; weak evidence alone."""
    return float(binom.sf(losses - 1, lots, 1 - win_rate))


def larger(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the chance that the first figures rank so high above the second ones by accident (Mann and Whitney; exact while few)."""
    return float(mannwhitneyu(first, second, alternative="greater").pvalue)


def reserve_hits(hits: int, lots: int, usual: float) -> float:
    """Return the chance of so many bids within 0.1 % of a secret reserve: a leak, if it is small."""
    return float(binom.sf(hits - 1, lots, usual))


def discoveries(p_values: Sequence[float], rate: float = FALSE_DISCOVERY) -> tuple[bool, ...]:
    """Tell which cases go to people so that the expected share of false ones is at most `rate`, whatever their dependence.

    Benjamini and Yekutieli.
    """
    m = len(p_values)
    if not m:
        return ()
    harmonic = sum(1 / k for k in range(1, m + 1))
    order = sorted(range(m), key=lambda i: p_values[i])
    last = 0
    for rank, place in enumerate(order, start=1):
        if p_values[place] <= rate * rank / (m * harmonic):
            last = rank
    chosen = set(order[:last])
    return tuple(place in chosen for place in range(m))
