"""The port of ownership: which engine should write which shard, and until when. A hint for liveness; the log's fence is the safety.

Adapters: PostgreSQL, and the simulator's. Leases are judged by the database's clock alone; no two machines' clocks are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from engine.values import InstantUs


class Holding(Struct, frozen=True):
    """Who holds a shard."""

    owner: str | None
    """None: it was let go."""
    held: bool
    """The owner's lease has not run out."""
    served_epoch: int | None
    """Last epoch that an owner has marked as served."""


class View(Struct, frozen=True):
    """What the rows say now."""

    engines: Sequence[str]
    """Engines that hold a lease and are not leaving, in the order of their names."""
    holdings: Mapping[int, Holding]
    """By shard; one that was never owned is missing."""


class HandedOver(Struct, frozen=True):
    """A shard let go in order."""

    shard: int
    epoch: int
    served_until_us: InstantUs
    """Everything due until then is decided and in the log."""


class Leases(Protocol):
    """Rows of engines and shards, shared by all engines. Every call may raise `JournalUnavailable`: nothing is known then."""

    async def renew(self, owner: str, lease_us: int, *, leaving: bool) -> View:
        """Hold a lease for so long from now on, and return what the rows say. One that is leaving gets no shards any more."""
        ...

    async def claim(self, owner: str, shards: Sequence[int]) -> list[int]:
        """Become the holder of those of the shards that nobody holds; return them."""
        ...

    async def mark_served(self, owner: str, epochs: Mapping[int, int]) -> None:
        """Say that these shards are served under these epochs: from now on the owner's signs of life count for them."""
        ...

    async def release(self, owner: str, shards: Sequence[HandedOver]) -> None:
        """Let go of shards in order, so that whoever takes them knows that nothing was missed."""
        ...

    async def abandon(self, owner: str, shards: Sequence[int]) -> None:
        """Let go of shards that were claimed and are not served: how long nobody served them is in the log."""
        ...

    async def end(self, owner: str) -> None:
        """End the lease now."""
        ...
