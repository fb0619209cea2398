"""The digest chain of a stream (ADR 0002).

    content = SHA-256("ortoo/event/v1\\n" ‖ salt ‖ uint32 length of header ‖ header ‖ body)
    digest  = SHA-256("ortoo/chain/v1\\n" ‖ previous digest ‖ content)

The header is canonical JSON of every column but salt, body and digests. Two levels, so that the list of contents can be
published for anyone to recompute the chain without seeing a single private event.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

from engine.canonical import canonical_bytes_unchecked
from engine.journal.records import Record

CONTENT_TAG = b"ortoo/event/v1\n"
CHAIN_TAG = b"ortoo/chain/v1\n"
STREAM_TAG = b"ortoo/stream/v1\n"


class Header(Struct, frozen=True):
    """The columns that the content digest covers besides the body; fields in canonical (alphabetical) order."""

    actor: str
    arrived_at_us: int | None
    at_us: int
    command_id: str | None
    epoch: int
    request_digest: str | None
    seq: int
    shard: int
    stream: str
    stream_seq: int
    type: str
    version: int


def first_digest(stream: str) -> bytes:
    """Return what stands before the first event of a stream."""
    return sha256(STREAM_TAG + stream.encode()).digest()


def header_bytes(record: Record) -> bytes:
    """Return the canonical header of a record."""
    return header_of(
        record.shard, record.seq, record.epoch, record.stream, record.stream_seq, record.type, record.version,
        record.at_us, record.arrived_at_us, record.command_id, record.request_digest, record.actor,
    )  # fmt: skip


def header_of(
    shard: int,
    seq: int,
    epoch: int,
    stream: str,
    stream_seq: int,
    kind: str,
    version: int,
    at_us: int,
    arrived_at_us: int | None,
    command_id: bytes | None,
    request_digest: bytes | None,
    actor: str,
) -> bytes:
    """Return the canonical header of these columns; binary ids are written in hexadecimal."""
    return canonical_bytes_unchecked(
        Header(
            actor,
            arrived_at_us,
            at_us,
            None if command_id is None else command_id.hex(),
            epoch,
            None if request_digest is None else request_digest.hex(),
            seq,
            shard,
            stream,
            stream_seq,
            kind,
            version,
        )
    )


def content_digest(salt: bytes, header: bytes, body: bytes) -> bytes:
    """Return the digest of one event, whatever its place in the chain."""
    return sha256(b"".join((CONTENT_TAG, salt, len(header).to_bytes(4, "big"), header, body))).digest()


def chain_digest(previous: bytes, content: bytes) -> bytes:
    """Return the digest that commits to an event and to all before it in its stream."""
    return sha256(CHAIN_TAG + previous + content).digest()
