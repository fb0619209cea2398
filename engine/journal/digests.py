"""The digest chain of a stream (ADR 0002).

    content = SHA-256("ortoo/event/v1\\n" ‖ salt ‖ uint32 length of header ‖ header ‖ body)
    digest  = SHA-256("ortoo/chain/v1\\n" ‖ previous digest ‖ content)

The header is canonical JSON of every column but salt, body and digests. Two levels, so that the list of contents can be
published for anyone to recompute the chain without seeing a single private event.
"""

from __future__ import annotations

from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

from engine.journal.records import Record
from engine.layout import content_bytes
from engine.layout.reference import header_of

CONTENT_TAG = b"ortoo/event/v1\n"
CHAIN_TAG = b"ortoo/chain/v1\n"
STREAM_TAG = b"ortoo/stream/v1\n"

_columns_of: Final = attrgetter(
    "shard", "seq", "epoch", "stream", "stream_seq", "type", "version",
    "at_us", "arrived_at_us", "command_id", "request_digest", "actor",
)  # fmt: skip


def first_digest(stream: str) -> bytes:
    """Return what stands before the first event of a stream."""
    return sha256(STREAM_TAG + stream.encode()).digest()


def header_bytes(record: Record) -> bytes:
    """Return the canonical header of a record."""
    return header_of(*_columns_of(record))


def content_of(record: Record) -> bytes:
    """Return the digest of a record's content, computed anew from its columns."""
    return digest_of_columns(record.salt, record.body, *_columns_of(record))


def digest_of_columns(salt: bytes, body: bytes, *columns: Any) -> bytes:
    """Return the content digest of an event; `columns` as `header_of` takes them."""
    return sha256(content_bytes(CONTENT_TAG, salt, body, *columns)).digest()


def content_digest(salt: bytes, header: bytes, body: bytes) -> bytes:
    """Return the digest of one event whose header is at hand as bytes, whatever its place in the chain."""
    return sha256(b"".join((CONTENT_TAG, salt, len(header).to_bytes(4, "big"), header, body))).digest()


def chain_digest(previous: bytes, content: bytes) -> bytes:
    """Return the digest that commits to an event and to all before it in its stream."""
    return sha256(CHAIN_TAG + previous + content).digest()
