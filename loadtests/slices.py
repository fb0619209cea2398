"""One slice of measuring: a run of bids with the CPU time that each party used in it, repeated when others
used the machine.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from loadtests.client.driver import LoadClient, Run
from loadtests.machine import busy_ns, cpu_ns, family

FOREIGN_CORES_MAX: Final = 0.3
"""More foreign work than this in a slice, and it is measured again."""
REPEATS_MAX: Final = 2
"""How often one slice is measured again before it is kept as it is."""


class Target(msgspec.Struct, frozen=True):
    """A server under load and the connections to it that a section uses."""

    name: str
    pid: int
    client: LoadClient
    some: range


class Slice(msgspec.Struct, frozen=True):
    """A run and what it cost: microseconds of CPU for each answer."""

    run: Run
    server_us: float
    postgres_us: float
    client_us: float
    server_share: float
    """Part of one core that the server used."""
    client_share: float
    foreign_cores: float


class Meter:
    """Measures slices against the clock of the whole benchmark."""

    def __init__(self, postgres_pid: int, limit_s: float) -> None:
        self._postgres_pid = postgres_pid
        self._began_s = time.monotonic()
        self._limit_s = limit_s
        self.disturbed = 0
        """Slices kept in spite of foreign work."""
        self.repeated = 0

    def spent_s(self) -> float:
        """Return how long the benchmark has been measuring."""
        return time.monotonic() - self._began_s

    def has_time(self, share: float) -> bool:
        """Tell whether less than this share of the time allowed is spent."""
        return self.spent_s() < share * self._limit_s

    async def take(self, target: Target, run: Callable[[], Awaitable[Run]]) -> Slice:
        """Measure one slice; again, at most `REPEATS_MAX` times, while others use the machine.

        Raises:
            ClientFailed: a bid was not answered exactly once.
        """
        taken = await self._once(target, run)
        for _ in range(REPEATS_MAX):
            if taken.foreign_cores <= FOREIGN_CORES_MAX or not self.has_time(0.9):
                break
            self.repeated += 1
            again = await self._once(target, run)
            taken = min(taken, again, key=lambda one: one.foreign_cores)
        self.disturbed += taken.foreign_cores > FOREIGN_CORES_MAX
        return taken

    async def _once(self, target: Target, run: Callable[[], Awaitable[Run]]) -> Slice:
        # PostgreSQL starts backends only when a connection opens, so the family stays the same during a slice.
        groups = ([target.pid], family(self._postgres_pid), [target.client.pid])
        before = [cpu_ns(group) for group in groups]
        busy_before_ns, began_s = busy_ns(), time.monotonic()
        done = (await run()).checked()
        seconds = time.monotonic() - began_s
        used_ns = [cpu_ns(group) - earlier for group, earlier in zip(groups, before, strict=True)]
        foreign_ns = busy_ns() - busy_before_ns - sum(used_ns)
        server_us, postgres_us, client_us = (used / 1_000 / max(1, done.all) for used in used_ns)
        return Slice(
            run=done,
            server_us=server_us,
            postgres_us=postgres_us,
            client_us=client_us,
            server_share=used_ns[0] / 1e9 / seconds,
            client_share=used_ns[2] / 1e9 / seconds,
            foreign_cores=max(0.0, foreign_ns / 1e9 / seconds),
        )
