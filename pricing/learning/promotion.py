"""Champion and challenger: a newly fitted model is used only if nothing says that it is worse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from pricing.lognormal import NORMAL

COVERAGE_LOW, COVERAGE_HIGH = 0.74, 0.86
WORSE_P: Final = 0.1
DEALS_MIN: Final = 30


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether the challenger is used, and the figures that decided."""

    promote: bool
    metrics: Mapping[str, float | None]


def promoted(
    champion_crps: Sequence[float], challenger_scores: Sequence[float], coverage: Sequence[bool], deals: int
) -> Verdict:
    """Return whether a challenger fitted on more deals replaces the champion.

    While the champion has forecast fewer than thirty outcomes, more data win. Afterwards the challenger's own left-out misses must lie
    within 80 % intervals often enough, or the champion must have left its own bounds.
    """
    share = sum(coverage) / len(coverage) if coverage else None
    inside = _share_within(challenger_scores)
    metrics: dict[str, float | None] = {
        "deals": float(deals),
        "champion_crps": sum(champion_crps) / len(champion_crps) if champion_crps else None,
        "champion_coverage": share,
        "challenger_coverage": inside,
    }
    if len(coverage) < DEALS_MIN:
        return Verdict(promote=True, metrics=metrics)
    champion_out = share is not None and not COVERAGE_LOW <= share <= COVERAGE_HIGH
    challenger_in = inside is None or COVERAGE_LOW <= inside <= COVERAGE_HIGH
    return Verdict(promote=challenger_in or champion_out, metrics=metrics)


def _share_within(scores: Sequence[float]) -> float | None:
    """Return the share of left-out misses within the interval that the others promise."""
    if len(scores) < DEALS_MIN:
        return None
    from pricing.learning.conformal import credible_quantile

    half = len(scores) // 2
    reach = credible_quantile(scores[:half], 0.2)
    return sum(score <= reach for score in scores[half:]) / (len(scores) - half)


def diebold_mariano(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the p-value of "the first forecaster is better" from paired losses."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    n = len(differences)
    if n < 2:
        return 1.0
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    if variance == 0:
        return 0.0 if mean > 0 else 1.0
    return 1 - NORMAL.cdf(mean / math.sqrt(variance / n))
