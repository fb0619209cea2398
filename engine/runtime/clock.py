"""The clock that counts. One per engine process; everything else in the engine is told the time."""

from __future__ import annotations

import time
from typing import Final, Protocol

from engine.values import InstantUs

SLEW_US_PER_S: Final = 5_000


class Clock(Protocol):
    """Says what time it is, in microseconds since 1970."""

    def now_us(self) -> InstantUs:
        """Return the time now."""
        ...


class SteadyClock:
    """Wall time carried by the monotonic clock, so that a step of the wall clock never closes a session early or late.

    `follow()` is called about once a second and leans towards the wall clock by at most 5 ms a second.
    """

    def __init__(self) -> None:
        self._offset_us = _wall_us() - _monotonic_us()
        self._followed_us = _monotonic_us()

    def now_us(self) -> InstantUs:
        """Return the time now; goes on evenly whatever the wall clock does."""
        return InstantUs(time.monotonic_ns() // 1_000 + self._offset_us)

    def error_us(self) -> int:
        """Return how far the wall clock is ahead of this one; large after somebody set the machine's clock."""
        return _wall_us() - self.now_us()

    def follow(self) -> None:
        """Lean towards the wall clock, by at most `SLEW_US_PER_S` for each second since the last call."""
        now_us = _monotonic_us()
        most_us = SLEW_US_PER_S * (now_us - self._followed_us) // 1_000_000
        self._followed_us = now_us
        self._offset_us += max(-most_us, min(most_us, self.error_us()))


def _wall_us() -> int:
    return time.time_ns() // 1_000


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1_000
