"""What a writer takes at most, and how long it keeps what is over."""

from __future__ import annotations

from msgspec import Struct


class WriterLimits(Struct, frozen=True, kw_only=True):
    """Bounds of the writer; each has a written answer when it is reached."""

    inbox_max: int = 20_000
    """Commands waiting; one more is answered `busy`."""
    batch_max: int = 1_000
    """Commands decided for one append; the rest wait for the next."""
    snapshot_every: int = 1_000
    """Events of a lot between two snapshots."""
    keep_ended_us: int = 600_000_000
    """How long an ended lot stays in memory after its last event."""
    slow_commit_us: int = 2_000_000
    """A commit that took longer was time in which nobody learned anything: it is recorded as an outage."""
