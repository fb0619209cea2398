"""What the market's deals say by plain regression: slopes for comparing deals, the effect of modes, and the index of prices over time.

It is fitted with the model and stands until the next fit. The model forecasts; this makes the comparison and the index, which people
can follow with a pencil.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.calendar import civil_of, day_of
from engine.values import InstantUs
from pricing.approaches.price_index import Level, smoothed_index
from pricing.learning.kernel import Array, Rows
from pricing.quotes import IndexPoint

RIDGE: Final = 8.0
"""So many deals speak for a slope of nought."""
GROUP_RIDGE: Final = 4.0
MODE_DEALS: Final = 10.0
DEALS_A_PERIOD_SEEN: Final = 5
"""A quarter with fewer sold deals moves nothing and its number is not told: a single price could be read off."""
QUARTERS_MAX: Final = 40
BANDWIDTHS: Final = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5)
BANDWIDTH_DEALS_MIN: Final = 30
BANDWIDTH_DEALS_MAX: Final = 300
BASE: Final = 100.0


class Sold(Struct, frozen=True):
    """Sold deals as the regression sees them: rows, log prices for the whole right paid at once and freed of competition, modes, ages."""

    rows: Rows
    known: NDArray[np.bool_]
    """Which numbers of which deal are known."""
    log_price: Array
    modes: tuple[str, ...]
    at_us: NDArray[np.int64]
    quality: Array

    def __len__(self) -> int:
        return len(self.log_price)


class Hedonic(Struct, frozen=True):
    """The regression. Slopes are per standard unit of each number."""

    slopes: Array
    modes: Mapping[str, float]
    first_quarter: int
    levels: tuple[Level, ...]
    bandwidth: float
    bandwidth_learnt: bool

    def log_level(self, at_us: int) -> float:
        """Return the log of the index at an instant; before and after the known quarters that of the nearest one."""
        if not self.levels:
            return 0.0
        place = min(max(quarter_of(at_us) - self.first_quarter, 0), len(self.levels) - 1)
        return self.levels[place].log_level

    def mode_effect(self, mode: str) -> float:
        """Return how much dearer (log) a mode is than all, beyond what competition explains; 0 for one never seen."""
        return self.modes.get(mode, 0.0)

    def periods(self) -> tuple[IndexPoint, ...]:
        """Return the index by quarter, the first one 100."""
        start = self.levels[0].log_level if self.levels else 0.0
        return tuple(
            IndexPoint(
                quarter=quarter_name(self.first_quarter + place), level=BASE * float(np.exp(one.log_level - start)),
                deals=one.deals, published=one.published,
            )
            for place, one in enumerate(self.levels)
        )  # fmt: skip


def quarter_of(at_us: int) -> int:
    """Return the quarter of an instant in China, counted from the year 0."""
    year, month, _ = civil_of(day_of(InstantUs(at_us)))
    return year * 4 + (month - 1) // 3


def quarter_name(quarter: int) -> str:
    """Return `2026Q3`."""
    return f"{quarter // 4}Q{quarter % 4 + 1}"


def fit_hedonic(sold: Sold, *, drift: float, noise: float, bandwidth: float, decay: float, now_us: int) -> Hedonic:
    """Fit slopes, modes, index and bandwidth.

    Args:
        sold: The sold deals.
        drift: Variance of the index from one quarter to the next.
        noise: Variance of one deal around its forecast, before deals say otherwise.
        bandwidth: Width of the comparison until thirty deals choose one by leaving each out.
        decay: Weight of a comparable after one year.
        now_us: The newest outcome.
    """
    width = sold.rows.z.shape[1]
    if len(sold) < 2:
        return Hedonic(np.zeros(width), {}, 0, (), bandwidth, False)
    slopes, residual = _regression(sold)
    modes = _modes(sold.modes, residual)
    residual = residual - np.array([modes[mode] for mode in sold.modes])
    first, levels = _levels(sold.at_us, residual, drift, noise, now_us)
    found = Hedonic(slopes, modes, first, levels, bandwidth, False)
    if len(sold) < BANDWIDTH_DEALS_MIN:
        return found
    return Hedonic(slopes, modes, first, levels, _best_bandwidth(sold, found, decay), True)


def _regression(sold: Sold) -> tuple[Array, Array]:
    """Return slopes of the numbers and what numbers and groups leave unexplained; both are drawn to nought while deals are few."""
    z = np.where(sold.known, sold.rows.z, 0.0)
    hot = [np.eye(int(codes.max(initial=0)) + 2)[codes] for codes in sold.rows.codes[:, :3].T]
    design = np.hstack((z, *hot))
    penalty = np.concatenate((np.full(z.shape[1], RIDGE), np.full(design.shape[1] - z.shape[1], GROUP_RIDGE)))
    weight = sold.quality[:, None]
    middle = float(np.average(sold.log_price, weights=sold.quality))
    left = (design * weight).T @ design + np.diag(penalty)
    coefficients = np.linalg.solve(left, (design * weight).T @ (sold.log_price - middle))
    return coefficients[: z.shape[1]], sold.log_price - middle - design @ coefficients


def _modes(modes: Sequence[str], residual: Array) -> dict[str, float]:
    names = np.array(modes)
    found = {}
    for name in sorted(set(modes)):
        chosen = residual[names == name]
        found[name] = float(chosen.mean()) * len(chosen) / (len(chosen) + MODE_DEALS)
    return found


def _levels(
    at_us: NDArray[np.int64], residual: Array, drift: float, noise: float, now_us: int
) -> tuple[int, tuple[Level, ...]]:
    quarters = np.array([quarter_of(int(at)) for at in at_us])
    last = quarter_of(now_us)
    first = max(int(quarters.min()), last - QUARTERS_MAX + 1)
    counts = [int((quarters == q).sum()) for q in range(first, last + 1)]
    counts = [count if count >= DEALS_A_PERIOD_SEEN else 0 for count in counts]
    means = [
        float(residual[quarters == q].mean()) if count else 0.0
        for q, count in zip(range(first, last + 1), counts, strict=True)
    ]
    return first, smoothed_index(tuple(means), tuple(counts), noise=noise, drift=drift)


def distances(row: Rows, known: NDArray[np.bool_], rows: Rows, rows_known: NDArray[np.bool_]) -> Array:
    """Return Gower's distance of one row to others: the mean over what both tell of numbers (in quarters of the reach), industry, field,
    region and title; 0 is the same thing, 1 as unlike as can be.
    """
    both = rows_known & known
    apart = np.minimum(np.abs(rows.z - row.z) / 4.0, 1.0) * both
    differ = (rows.codes[:, :3] != row.codes[:, :3]).astype(np.float64)
    total, count = apart.sum(1) + differ.sum(1), both.sum(1) + differ.shape[1]
    if rows.text.shape[1]:
        total = total + 1.0 - np.maximum(rows.text @ row.text[0], 0.0)
        count = count + 1
    return np.asarray(total / count, dtype=np.float64)


def _best_bandwidth(sold: Sold, found: Hedonic, decay: float) -> float:
    """Choose the width by which left-out deals are met best by the others."""
    places = np.argsort(sold.at_us, kind="stable")[-BANDWIDTH_DEALS_MAX:]
    rows, known, y = sold.rows.take(places), sold.known[places], sold.log_price[places]
    level = np.array([found.log_level(int(at)) for at in sold.at_us[places]])
    effect = np.array([found.mode_effect(sold.modes[place]) for place in places])
    y = y - level - effect
    apart = np.vstack([distances(rows.take(slice(i, i + 1)), known[i : i + 1], rows, known) for i in range(len(y))])
    years = np.abs(rows.years[:, None] - rows.years)
    moved = np.where(known, rows.z, 0.0) @ found.slopes
    target = y[None, :] + moved[:, None] - moved[None, :]
    losses = []
    for width in BANDWIDTHS:
        weights = np.exp(-(apart**2) / (2 * width**2)) * decay**years * sold.quality[places]
        np.fill_diagonal(weights, 0.0)
        total = weights.sum(1)
        fine = total > 0
        mean = (weights * target).sum(1)[fine] / total[fine]
        losses.append(float(np.abs(mean - y[fine]).mean()) if fine.any() else np.inf)
    return BANDWIDTHS[int(np.argmin(losses))]
