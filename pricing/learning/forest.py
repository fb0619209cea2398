"""A forest beside the process: it sees steps and interactions that a smooth model does not."""

from __future__ import annotations

from collections.abc import Sequence
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
        self._seen: list[NDArray[np.bool_]] | None = None

    def predict(self, rows: Rows, without: Sequence[int] = ()) -> Array:
        """Return the mean of the trees; of those alone that never saw the deals at the places `without`, where there are any."""
        trees = self._fast if not without else self._blind(without) or self._fast
        table = _table(rows)
        total = np.zeros(len(rows))
        for tree in trees:
            total += tree.predict(table)[:, 0]
        return total / len(trees)

    def _blind(self, without: Sequence[int]) -> list[Any]:
        """Return the trees whose draw of deals holds none of these; about a third of all for one deal."""
        if self._seen is None:
            count = len(self.out_of_bag)
            self._seen = [np.bincount(drawn, minlength=count) > 0 for drawn in self._trees.estimators_samples_]
        places = list(without)
        return [tree for tree, seen in zip(self._fast, self._seen, strict=True) if not seen[places].any()]


def _table(rows: Rows) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.hstack((rows.z, rows.codes, rows.years[:, None])), dtype=np.float32)
