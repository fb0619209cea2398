"""From what is known about a lot to numbers: logs of skewed figures, standard units, codes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pricing.learning.kernel import UNKNOWN, Array, Rows, Texts

SKEWED: Final = 1.0
REACH_SD: Final = 4.0
"""A feature farther outside of what was seen is drawn back to here, and the lot is said to be unlike any known one."""


class Table(Struct, frozen=True):
    """Lots before encoding: numbers (NaN: not known), categories as text, unit embeddings (or no columns), years (or zeros)."""

    numbers: Array
    categories: NDArray[np.str_]
    text: Texts
    years: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Table:
        """Return some of the lots."""
        return Table(self.numbers[places], self.categories[places], self.text[places], self.years[places])


def table(numbers: Array, categories: NDArray[np.str_], text: Texts | None = None, years: Array | None = None) -> Table:
    """Return a table of two-dimensional columns; without texts or years those are empty."""
    n = len(numbers)
    return Table(
        np.atleast_2d(np.asarray(numbers, dtype=np.float64)),
        np.atleast_2d(np.asarray(categories, dtype=np.str_)),
        np.zeros((n, 0)) if text is None else text,
        np.zeros(n) if years is None else np.asarray(years, dtype=np.float64),
    )


class Encoder(Struct, frozen=True):
    """How raw figures become standard ones; fixed when a model is fitted."""

    logged: NDArray[np.bool_]
    offset: Array
    centre: Array
    scale: Array
    codes: tuple[dict[str, int], ...]

    def encode(self, lots: Table) -> Rows:
        """Return the rows. Unknown numbers become average ones; an untold category is one of its own; one never seen has no effect."""
        z = np.clip(self._standard(lots.numbers), -REACH_SD, REACH_SD)
        z[np.isnan(z)] = 0.0
        codes = np.full(lots.categories.shape, UNKNOWN, dtype=np.int64)
        for column, known in enumerate(self.codes):
            codes[:, column] = [known.get(str(value), UNKNOWN) for value in lots.categories[:, column]]
        return Rows(z, codes, lots.text, lots.years)

    def far(self, lots: Table) -> NDArray[np.bool_]:
        """Tell which lots have a feature that is farther from all known ones than any model may reach."""
        z = np.abs(np.nan_to_num(self._standard(lots.numbers)))
        return np.asarray((z > REACH_SD).any(axis=1))

    def _standard(self, numbers: Array) -> Array:
        moved = np.where(self.logged, np.log(np.maximum(numbers, 0.0) + self.offset), numbers)
        return np.asarray((moved - self.centre) / self.scale, dtype=np.float64)


def fit_encoder(lots: Table) -> Encoder:
    """Choose logs and units by the lots at hand."""
    count = lots.numbers.shape[1]
    logged, offset = np.zeros(count, dtype=bool), np.ones(count)
    centre, scale = np.zeros(count), np.ones(count)
    for column in range(count):
        x = lots.numbers[:, column]
        x = x[~np.isnan(x)]
        if len(x) < 2:
            continue
        if x.min() >= 0 and x.max() > 0 and _skewness(x) > SKEWED:
            logged[column] = True
            offset[column] = float(np.quantile(x[x > 0], 0.1)) / 2 if x.min() <= 0 else 1e-12
            x = np.log(x + offset[column])
        centre[column], scale[column] = float(x.mean()), float(x.std()) or 1.0
    known = tuple(_codes(lots.categories[:, column]) for column in range(lots.categories.shape[1]))
    return Encoder(logged, offset, centre, scale, known)


def _codes(values: Sequence[str] | NDArray[np.str_]) -> dict[str, int]:
    return {name: code for code, name in enumerate(sorted({str(value) for value in values}))}


def _skewness(x: Array) -> float:
    sd = float(x.std())
    return 0.0 if sd == 0 else float((((x - x.mean()) / sd) ** 3).mean())
