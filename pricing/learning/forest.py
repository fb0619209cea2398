"""A forest beside the process: it sees steps and interactions that a smooth model does not."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from pricing.learning.kernel import Array, Rows

TREES: Final = 200
DEALS_MIN: Final = 20
"""Below so many deals a forest knows less than the process alone."""


class Forest:
    """A fitted forest with what it says about each deal from the trees that did not see it."""

    def __init__(self, rows: Rows, y: Array, scale: Array, seed: int, trees: int = TREES) -> None:
        self._trees = RandomForestRegressor(
            trees, min_samples_leaf=2, max_features=0.5, bootstrap=True, oob_score=True, n_jobs=1, random_state=seed
        )
        self._trees.fit(_table(rows), y, sample_weight=1 / scale)
        self.out_of_bag: Array = np.asarray(self._trees.oob_prediction_, dtype=np.float64)
        self._fast: list[Any] = [tree.tree_ for tree in self._trees.estimators_]

    def predict(self, rows: Rows) -> Array:
        """Return the mean of the trees."""
        table = _table(rows)
        total = np.zeros(len(rows))
        for tree in self._fast:
            total += tree.predict(table)[:, 0]
        return total / len(self._fast)


def _table(rows: Rows) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.hstack((rows.z, rows.codes, rows.years[:, None])), dtype=np.float32)
