"""The short form of the random money: no fen is lost, no deposit is in two states; and the simulation sees the bugs planted in it."""

from __future__ import annotations

import pytest

from settlement.deals.phases import Phase
from settlement.deposits.events import DepositState
from tests.simulation.money import PLANTS, World


def test_random_operations_with_crashes_keep_every_fen() -> None:
    world = World(seed=20_261_128)
    world.run(30_000)
    assert world.states == set(DepositState), set(DepositState) - world.states
    assert world.phases == set(Phase), set(Phase) - world.phases
    crashes = sum(count for name, count in world.done.items() if name.endswith(":crash"))
    assert crashes > 200, world.done


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_caught(plant: str) -> None:
    with pytest.raises(AssertionError):
        World(seed=1, plant=plant).run(30_000)
