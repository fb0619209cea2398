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
    champion_crps: Sequence[float],
    challenger_crps: Sequence[float],
    challenger_scores: Sequence[float],
    coverage: Sequence[bool],
    deals: int,
) -> Verdict:
    """Return whether a challenger fitted on more deals replaces the champion (specification §7 no. 2).

    Losses are paired: each outcome that the champion forecast before it came, and the challenger's forecast of the same deal by all the
    others. While those are fewer than thirty, more data win unless the test of Diebold and Mariano says that the champion is better.
    Afterwards the challenger's score must be no worse and its own left-out misses must lie within 80 % intervals often enough; a
    champion out of its own bounds gives way to any challenger that is not proven to be worse.

    Args:
        champion_crps: The champion's scores of paired outcomes.
        challenger_crps: The challenger's scores of the same.
        challenger_scores: Left-out misses of the challenger, in its own units.
        coverage: Whether each outcome fell into the champion's range.
        deals: Deals that the challenger knows.
    """
    share = sum(coverage) / len(coverage) if coverage else None
    inside = _share_within(challenger_scores)
    paired = len(champion_crps)
    ours, theirs = (sum(losses) / paired if paired else None for losses in (champion_crps, challenger_crps))
    worse_p = diebold_mariano(champion_crps, challenger_crps)
    metrics: dict[str, float | None] = {
        "deals": float(deals),
        "paired": float(paired),
        "champion_crps": ours,
        "challenger_crps": theirs,
        "challenger_better_p": diebold_mariano(challenger_crps, champion_crps),
        "challenger_worse_p": worse_p,
        "champion_coverage": share,
        "challenger_coverage": inside,
    }
    if paired < DEALS_MIN:
        return Verdict(promote=worse_p >= WORSE_P, metrics=metrics)
    champion_out = share is not None and not COVERAGE_LOW <= share <= COVERAGE_HIGH
    challenger_in = inside is None or COVERAGE_LOW <= inside <= COVERAGE_HIGH
    better = ours is not None and theirs is not None and theirs <= ours
    return Verdict(promote=(better and challenger_in) or (champion_out and worse_p >= WORSE_P), metrics=metrics)


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
