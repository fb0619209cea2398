"""What a model learns from: sold lots with their prices, unsold lots with the amount that nobody paid."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from pricing.learning.encoding import Table
from pricing.learning.kernel import Array


class Lots(Struct, frozen=True):
    """Lots to forecast. `log_valuation` is NaN where there is no valuation."""

    table: Table
    log_valuation: Array

    def __len__(self) -> int:
        return len(self.table)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Lots:
        """Return some of the lots."""
        return Lots(self.table.take(places), self.log_valuation[places])

    def full(self) -> Table:
        """Return the table with the valuation as a number and whether there is one as a category."""
        known = np.where(np.isnan(self.log_valuation), "", "valued")
        return Table(
            np.column_stack((self.table.numbers, self.log_valuation)),
            np.column_stack((self.table.categories, known)).astype(np.str_),
            self.table.text,
            self.table.years,
        )


class Deals(Struct, frozen=True):
    """Lots with what became of them. `unsold`: `log_price` is the log of what nobody paid. `scale` is 1 / quality of the data."""

    lots: Lots
    log_price: Array
    unsold: NDArray[np.bool_]
    scale: Array

    def __len__(self) -> int:
        return len(self.log_price)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Deals:
        """Return some of the deals."""
        return Deals(self.lots.take(places), self.log_price[places], self.unsold[places], self.scale[places])


def joined(first: Deals, second: Deals) -> Deals:
    """Return the deals of both, in this order."""
    one, two = first.lots.table, second.lots.table
    merged = Table(
        np.concatenate((one.numbers, two.numbers)),
        np.concatenate((one.categories, two.categories)).astype(np.str_),
        np.concatenate((one.text, two.text)),
        np.concatenate((one.years, two.years)),
    )
    return Deals(
        Lots(merged, np.concatenate((first.lots.log_valuation, second.lots.log_valuation))),
        np.concatenate((first.log_price, second.log_price)),
        np.concatenate((first.unsold, second.unsold)),
        np.concatenate((first.scale, second.scale)),
    )


def sold_deals(lots: Lots, log_price: Array) -> Deals:
    """Return deals that were all sold and are all of full quality."""
    n = len(log_price)
    return Deals(lots, log_price, np.zeros(n, dtype=bool), np.ones(n))
