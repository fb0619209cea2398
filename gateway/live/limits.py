"""Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371), one integer of memory for each thing that is limited."""

from __future__ import annotations

from msgspec import Struct


class Rate(Struct, frozen=True):
    """So many a second with a burst. The caller keeps one integer for each subject: when its budget is whole again."""

    interval_us: int
    """Time that one use costs."""
    tolerance_us: int
    """How far ahead of time the subject may be: (burst - 1) intervals."""

    @classmethod
    def per_second(cls, rate: float, *, burst: int) -> Rate:
        """Return a limit of `rate` a second after a first `burst`.

        Raises:
            ValueError: the rate is not positive or the burst is not at least one.
        """
        if rate <= 0 or burst < 1:
            raise ValueError("a rate is positive and a burst at least one")
        interval_us = max(1, round(1_000_000 / rate))
        return cls(interval_us, interval_us * (burst - 1))

    def take(self, whole_at_us: int, now_us: int) -> int:
        """Use one: return the new `whole_at_us`, or 0 if the limit is reached (the old value stays in force)."""
        if whole_at_us < now_us:
            return now_us + self.interval_us
        if whole_at_us - now_us > self.tolerance_us:
            return 0
        return whole_at_us + self.interval_us

    def pause_us(self, whole_at_us: int, now_us: int) -> int:
        """Return how long to wait until one more is allowed; 0 if it is allowed now."""
        return max(0, whole_at_us - now_us - self.tolerance_us)


class Budget:
    """The bids of one account, shared by all its connections and by the API."""

    __slots__ = ("rate", "whole_at_us")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.whole_at_us = 0

    def take(self, now_us: int) -> bool:
        """Use one; False if the limit is reached."""
        after_us = self.rate.take(self.whole_at_us, now_us)
        if after_us:
            self.whole_at_us = after_us
        return after_us != 0

    def pause_us(self, now_us: int) -> int:
        """Return how long to wait until one more is allowed."""
        return self.rate.pause_us(self.whole_at_us, now_us)
