"""One row of the journal, exactly as stored."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.values import InstantUs, LotId

LOT_STREAM = "lot/"
SHARD_STREAM = "shard/"


class Record(Struct, frozen=True, gc=False):
    """An event in its two sequences. `(shard, seq)` and `(stream, stream_seq)` are gapless; the digests chain along a stream."""

    shard: int
    seq: int
    epoch: int
    stream: str
    stream_seq: int
    type: str
    version: int
    at_us: InstantUs
    """Decision time: the owning engine's clock at intake, never going backwards."""
    arrived_at_us: InstantUs | None
    """When a gateway received the command; evidence, never used for order."""
    command_id: bytes | None
    request_digest: bytes | None
    actor: str
    body: bytes
    """Canonical JSON."""
    salt: bytes
    """256 random bits, so that the digest can be published without the content being guessable."""
    content: bytes
    """Digest of salt, header and body; what the public chain lists."""
    digest: bytes
    """Digest of the previous digest of the stream and `content`."""
    entry_id: str | None = None
    """Entry of the bus that brought the command, `milliseconds-number`; evidence outside the digests (ADR 0018)."""


COLUMNS: Final = Record.__struct_fields__
KINDS: Final = "hqqtqthqqbbtbbbbt"
"""Type of each column, as `copy_rows` names them: smallint, bigint, text, bytea."""


def lot_stream(lot_id: LotId) -> str:
    """Return the stream name of a lot."""
    return LOT_STREAM + lot_id


def lot_of(stream: str) -> LotId:
    """Return the lot a stream belongs to; the stream must be a lot's."""
    assert stream.startswith(LOT_STREAM)
    return LotId(stream[len(LOT_STREAM) :])


def shard_stream(shard: int) -> str:
    """Return the stream that records who owned a shard."""
    return f"{SHARD_STREAM}{shard:02d}"
