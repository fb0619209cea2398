"""The scenarios: who is there while something breaks, and what they do."""

from __future__ import annotations

from typing import Final, NamedTuple


class Scenario(NamedTuple):
    """Numbers of people and lots. Times in seconds."""

    name: str
    says: str
    lots: int
    bidders: int
    """Each sits in one room."""
    watchers: int = 0
    slow: int = 0
    """Watchers on a bad line of `SLOW_BYTES_PER_S`."""
    readers: int = 0
    """Readers of the board, each with a page every second."""
    closes_in_s: float | None = None
    """The lots end this long after bidding began (None: in a day)."""
    window_s: float | None = None
    """A bid so close to the end moves it by as much."""
    storm: bool = False
    """Every line is reset at the moment of the fault, and all come back at once."""
    pause_s: tuple[float, float] = (0.02, 0.2)
    """Least and greatest pause of a bidder between two looks at the price."""


SLOW_BYTES_PER_S: Final = 2_000.0
SCENARIOS: Final = (
    Scenario("rush", "all bidders bid in the last ten seconds of their lots", 4, 32, closes_in_s=10, pause_s=(0.005, 0.05)),
    Scenario("rush-extended", "the same where a bid within 3 s of the end moves it by 3 s", 4, 32, closes_in_s=10,
             window_s=3, pause_s=(0.2, 1.0)),
    Scenario("many-rooms", "many lots, two bidders in each", 24, 48),
    Scenario("watchers", "a crowd watches two lots", 2, 8, watchers=120),
    Scenario("reconnect-storm", "a crowd watches, loses its lines together and comes back together", 2, 8, watchers=120, storm=True),
    Scenario("slow-phones", "half of those who watch are on a bad line", 2, 8, watchers=20, slow=20),
    Scenario("board-readers", "the board is read while bidders bid", 4, 16, readers=40),
    Scenario("mixed-day", "some of everything", 8, 32, watchers=40, slow=8, readers=16),
)  # fmt: skip
BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}
