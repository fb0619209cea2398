"""What goes wrong on purpose: answers that are lost, slow, repeated, out of order. Drawn from a seed, so that a run can be told apart."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Faults:
    """How often what goes wrong; percentages."""

    lose_percent: int = 0
    """Messages whose answer never leaves, half of them before anything was kept; and answers sent that we think were not taken."""
    delay_ms: int = 0
    """Longest time before an answer."""
    repeat_percent: int = 0
    """Answers that are sent once more though they were taken."""
    shuffle: bool = False
    """Answers leave in any order."""
    seed: int = 0
    drawn: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = random.Random(self.seed)  # noqa: S311  # faults, not secrets

    def loses(self) -> bool:
        """Tell whether this one is lost."""
        return self.drawn.randrange(100) < self.lose_percent

    def loses_before(self) -> bool:
        """Tell whether what is lost is lost before it was kept."""
        return self.drawn.randrange(2) == 0

    def repeats(self) -> bool:
        """Tell whether this one is sent once more."""
        return self.drawn.randrange(100) < self.repeat_percent

    def pause_s(self) -> float:
        """Return how long this answer takes."""
        return self.drawn.randrange(self.delay_ms + 1) / 1_000
