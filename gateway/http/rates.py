"""Budgets of many subjects (accounts, networks), bounded: the subject unseen for longest is forgotten."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gateway.live.limits import Budget, Rate

SUBJECTS_MAX: Final = 50_000


class Budgets:
    """A budget for each subject, all of the same rate."""

    def __init__(self, rate: Rate, subjects_max: int = SUBJECTS_MAX) -> None:
        self._rate = rate
        self._subjects_max = subjects_max
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def of(self, subject: str) -> Budget:
        """Return the subject's budget; the same object while it is remembered."""
        budget = self._budgets.get(subject)
        if budget is None:
            budget = self._budgets[subject] = Budget(self._rate)
            if len(self._budgets) > self._subjects_max:
                self._budgets.popitem(last=False)
        else:
            self._budgets.move_to_end(subject)
        return budget
