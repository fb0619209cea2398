"""Sealing: an event becomes a record with its place, header and digests."""

from __future__ import annotations

from engine.journal.digests import chain_digest, digest_of_columns
from engine.journal.records import Record
from engine.values import InstantUs

SALT_LENGTH = 32


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
    kind, version = type_version
    content = digest_of_columns(
        salt, body,
        shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, command_id, request_digest, actor,
    )  # fmt: skip
    return Record(
        shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, command_id, request_digest, actor,
        body, salt, content, chain_digest(previous, content), entry_id,
    )  # fmt: skip
