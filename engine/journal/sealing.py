"""Sealing: an event becomes a record with its place, header and digests."""

from __future__ import annotations

from functools import partial
from typing import Final

from engine.journal.digests import CHAIN_TAG, CONTENT_TAG
from engine.journal.records import Record
from engine.layout import seal as seal_row
from engine.layout import seal_event as seal_event_row
from engine.values import InstantUs

SALT_LENGTH: Final = 32

seal_event: Final = partial(seal_event_row, Record, CONTENT_TAG, CHAIN_TAG)
"""`seal_event` as the book calls it: (wire, event, live, cause, epoch, seq, stream_seq, at_us, salt)."""


def seal(
    shard: int,
    seq: int,
    epoch: int,
    stream: str,
    stream_seq: int,
    type_version: tuple[str, int],
    at_us: InstantUs,
    arrived_at_us: InstantUs | None,
    command_id: bytes | None,
    request_digest: bytes | None,
    actor: str,
    body: bytes,
    salt: bytes,
    previous: bytes,
    entry_id: str | None = None,
) -> Record:
    """Return the record; `previous` is the digest of the event before it in its stream. `entry_id` is outside the digests."""
    return seal_row(
        Record, CONTENT_TAG, CHAIN_TAG, shard, seq, epoch, stream, stream_seq, *type_version, at_us, arrived_at_us, command_id,
        request_digest, actor, body, salt, previous, entry_id,
    )  # fmt: skip
