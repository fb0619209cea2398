"""The port of the journal: what a writer needs of durable storage. Adapters: PostgreSQL, and the simulator's fault-injecting one.

Both pass the contract suite in tests/contract/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from engine.journal.records import Record
from engine.values import InstantUs


class InDoubt(Exception):
    """An append did not end in a clean success: it may or may not be in the log. State built on it must be dropped."""


class Fenced(InDoubt):
    """Another writer has taken a shard of this batch. Nothing of it was written."""


class JournalUnavailable(Exception):
    """The journal cannot be reached now; nothing was written by this call."""


class Taken(Struct, frozen=True):
    """A shard that is now ours: its new epoch, its head, and since when nobody served it."""

    shard: int
    epoch: int
    head_seq: int
    chain: bytes
    """Head digest of the shard's own stream."""
    unserved_from_us: InstantUs | None
    """Last decision or sign of life of the owner before; None for a shard that was never served."""
    handed_over: bool = False
    """The owner before had decided everything due until then and let go in order."""


class Stored(Struct, frozen=True):
    """What the log holds of one lot: a snapshot if there is one, the records after it, and every command id ever used."""

    stream: str
    snapshot: bytes | None
    snapshot_digest: bytes | None
    records: Sequence[Record]
    commands: dict[bytes, int]


class EventLog(Protocol):
    """Durable, append-only, fenced by epochs."""

    async def append(self, records: Sequence[Record]) -> None:
        """Write the records in one transaction and return when they are durable.

        Raises:
            Fenced: a shard of the batch is owned by somebody else, nothing was written.
            InDoubt: anything else but success.
        """
        ...

    async def take(self, shards: Sequence[int], owner: str, at_us: InstantUs) -> list[Taken]:
        """Become the owner of the shards: raise their epochs in the log, so that no earlier owner can write any more.

        Waits for a statement of the previous owner in flight. After it returns, everything read is replicated.

        Raises:
            JournalUnavailable: try again later.
        """
        ...

    async def load_live(self, shards: Sequence[int]) -> list[Stored]:
        """Return every lot of the shards that has not ended."""
        ...

    async def load(self, stream: str, *, commands: bool = True) -> Stored | None:
        """Return one lot, ended or not; None if the log has no such stream.

        Without `commands` the ids it has answered are left out: enough to show it, not to decide on it.
        """
        ...

    async def find_command(self, stream: str, command_id: bytes, actor: str) -> Record | None:
        """Return the record of a command that somebody gave, None if it is not in the log."""
        ...

    async def record_at(self, stream: str, stream_seq: int) -> Record | None:
        """Return one record of a stream, None if there is none."""
        ...

    async def save_snapshot(self, stream: str, stream_seq: int, state: bytes, digest: bytes) -> None:
        """Keep a state to start from. A cache: losing it costs time only."""
        ...

    async def alive(self, owner: str, at_us: InstantUs) -> None:
        """Leave a sign of life."""
        ...
