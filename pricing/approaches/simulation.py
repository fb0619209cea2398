"""Monte Carlo of the income approach, with its exact mean beside it. Two numbers: if it works, and weighted by risk."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

DRAWS_MAX: Final = 1_000_000


class UncertainIncome(Struct, frozen=True, kw_only=True):
    """Level yearly sales ~ LogN(ln median, sd), royalty ~ Beta(a, b), success ~ Bernoulli(success)."""

    sales_median: float
    sales_log_sd: float
    royalty_a: float
    royalty_b: float
    success: float
    years: int
    discount: float
    tax: float


class Simulated(Struct, frozen=True, kw_only=True):
    """Result of a simulation. `worthless` is the share of draws without success: a mean ± sd would hide it."""

    draws: int
    seed: int
    mean: float
    standard_error: float
    p10: float
    p50: float
    p90: float
    worthless: float
    works_p10: float
    works_p50: float
    works_p90: float
    histogram: tuple[int, ...]
    histogram_top: float
    """Upper end of the last bin; the bins are equal, from 0, over draws that succeed."""


class Moments(Struct, frozen=True, kw_only=True):
    """Exact moments."""

    annuity: float
    sales: float
    royalty: float
    mean: float
    sd: float


def moments(inputs: UncertainIncome) -> Moments:
    """Return exact mean and sd of the value (worked example WE-05)."""
    annuity = _annuity(inputs)
    scale = annuity * (1 - inputs.tax)
    sales = inputs.sales_median * math.exp(inputs.sales_log_sd**2 / 2)
    a, b = inputs.royalty_a, inputs.royalty_b
    royalty = a / (a + b)
    sales_square = sales**2 * math.exp(inputs.sales_log_sd**2)
    royalty_square = royalty * (a + 1) / (a + b + 1)
    mean = inputs.success * sales * royalty * scale
    square = inputs.success * sales_square * royalty_square * scale**2
    return Moments(annuity=annuity, sales=sales, royalty=royalty, mean=mean, sd=math.sqrt(square - mean**2))


def simulate(inputs: UncertainIncome, draws: int, seed: int, bins: int = 24) -> Simulated:
    """Simulate; the same seed gives the same result, bit for bit."""
    if not 0 < draws <= DRAWS_MAX:
        raise ValueError("draws")
    generator = np.random.default_rng(seed)
    sales = generator.lognormal(math.log(inputs.sales_median), inputs.sales_log_sd, draws)
    royalty = generator.beta(inputs.royalty_a, inputs.royalty_b, draws)
    works = generator.random(draws) < inputs.success
    values = sales * royalty * works * _annuity(inputs) * (1 - inputs.tax)
    return _summary(values, works, draws, seed, bins)


def _summary(values: NDArray[np.float64], works: NDArray[np.bool_], draws: int, seed: int, bins: int) -> Simulated:
    won = values[works] if works.any() else np.zeros(1)
    top = float(np.quantile(won, 0.98)) or 1.0
    counts, _ = np.histogram(np.minimum(won, top), bins=bins, range=(0.0, top))
    p10, p50, p90 = (float(q) for q in np.quantile(values, (0.1, 0.5, 0.9)))
    works_p10, works_p50, works_p90 = (float(q) for q in np.quantile(won, (0.1, 0.5, 0.9)))
    return Simulated(
        draws=draws,
        seed=seed,
        mean=float(values.mean()),
        standard_error=float(values.std(ddof=1)) / math.sqrt(draws) if draws > 1 else 0.0,
        p10=p10,
        p50=p50,
        p90=p90,
        worthless=1 - float(works.mean()),
        works_p10=works_p10,
        works_p50=works_p50,
        works_p90=works_p90,
        histogram=tuple(int(count) for count in counts),
        histogram_top=top,
    )


def _annuity(inputs: UncertainIncome) -> float:
    return float(sum((1 + inputs.discount) ** -(year + 0.5) for year in range(inputs.years)))
