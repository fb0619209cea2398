"""What the compiled twin (compiled.c) does, in Python: the definition of its bytes, and what runs where no compiler was."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes_unchecked
from engine.values import Amount

Plan = tuple[tuple[int, str, bytes], ...]
"""A struct as a canonical object: (kind, attribute, `b'"key":'`) in order of keys. Kinds: `a` an amount, `e` an object of texts
and integers, `p` plain (text, integer, boolean, null).
"""
COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END: Final = b"\xff\xff"
Wire = tuple[str, int, Plan | None, Callable[[Any], bytes]]
"""How a class of events goes on the wire: name, version, its plan if it has one, and what makes the body of any of them."""
NOTHING: Final = bytes(32)
"""In the place of a salt or a request digest that is hidden, or that there is not."""
R = TypeVar("R")


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


def content_bytes(tag: bytes, salt: bytes, body: bytes, *columns: Any) -> bytes:
    """Return what the content digest covers: tag, salt, length of the header, header (of `columns`, as `header_of` takes
    them), body.
    """
    header = header_of(*columns)
    return b"".join((tag, salt, len(header).to_bytes(4, "big"), header, body))


def flat_object(plan: Plan, otherwise: Callable[[Any], bytes], value: Any) -> bytes:  # noqa: ARG001  # the twin's plan
    """Return the canonical bytes of a struct whose fields are flat. `otherwise` gives them for any struct, and so here."""
    return otherwise(value)


def seal(
    make: Callable[..., R],
    content_tag: bytes,
    chain_tag: bytes,
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
    body: bytes,
    salt: bytes,
    previous: bytes,
    entry_id: str | None,
) -> R:
    """Return the row that `make` makes of these columns and of their digests: of the content, and of the chain so far with it."""
    columns = (
        shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, command_id, request_digest, actor,
    )  # fmt: skip
    content = sha256(content_bytes(content_tag, salt, body, *columns)).digest()
    return make(*columns, body, salt, content, sha256(chain_tag + previous + content).digest(), entry_id)


ENGINE: Final = "engine"
"""Who acts when nobody sent a command."""


def seal_event(
    make: Callable[..., R],
    content_tag: bytes,
    chain_tag: bytes,
    wire: Wire,
    event: Any,
    live: Any,
    cause: Any,
    epoch: int,
    seq: int,
    stream_seq: int,
    at_us: int,
    salt: bytes,
) -> R:
    """Return the row of an event, sealed onto the chain of a stream in memory (`live`: shard, stream, chain); `cause` is the
    envelope of the command that led to it, None for what the engine does by itself.
    """
    kind, version, _plan, encode = wire
    arrived_at_us = command_id = request_digest = entry_id = None
    actor = ENGINE
    if cause is not None:
        arrived_at_us, command_id, request_digest = cause.arrived_at_us, cause.command_id, cause.request_digest
        actor, entry_id = cause.actor, cause.entry_id
    return seal(
        make, content_tag, chain_tag, live.shard, seq, epoch, live.stream, stream_seq, kind, version, at_us, arrived_at_us,
        command_id, request_digest, actor, encode(event), salt, live.chain, entry_id,
    )  # fmt: skip


def flat_digest(tag: bytes, plan: Plan, otherwise: Callable[[Any], bytes], value: Any) -> bytes:
    """Return the digest of a tag and of the canonical bytes of a struct whose fields are flat."""
    return sha256(tag + flat_object(plan, otherwise, value)).digest()


def sha256_of(tag: bytes, content: bytes) -> bytes:
    """Return the digest of a tag and what follows it."""
    return sha256(tag + content).digest()


def secrets(rows: Sequence[Any], prefix: str, public: frozenset[str], step: int) -> tuple[bytes, list[int]]:
    """Return what is to be hidden of rows (a list), one after another, and its length for each: salt, request digest (zeros for
    none) and body, with zeros up to a multiple of `step`. Rows of other streams than `prefix` and of `public` types have nothing.
    """
    parts = [_secret(row, step) if row.stream.startswith(prefix) and row.type not in public else b"" for row in rows]
    return b"".join(parts), [len(part) for part in parts]


def _secret(row: Any, step: int) -> bytes:
    secret: bytes = row.salt + (row.request_digest or NOTHING) + row.body
    return secret + bytes(-len(secret) % step)


def copy_rows(rows: Sequence[Any], names: tuple[str, ...], kinds: str) -> bytes:
    """Return a whole binary COPY of these attributes of each row (a list). Kinds: h smallint, q bigint, t text, b bytea.

    Raises:
        struct.error, OverflowError: a number does not fit its column.
    """
    return copy_hidden_rows(rows, names, kinds, [0] * len(rows), b"", 0, b"")


def copy_hidden_rows(
    rows: Sequence[Any],
    names: tuple[str, ...],
    kinds: str,
    lengths: Sequence[int],
    head: bytes,
    block: int,
    ciphered: bytes,
) -> bytes:
    """Return the COPY of rows of which some are hidden: one with a length has as its `body` the head, the number of its block of
    16 bytes, counted from `block`, and so many of the bytes `ciphered`; its `salt` is zeros and its `request_digest` null.

    Raises:
        struct.error, OverflowError: a number does not fit its column.
        ValueError: less is ciphered than the rows need.
    """
    parts = [COPY_HEAD]
    cells_of, width, at = attrgetter(*names), struct.pack("!h", len(names)), 0
    for row, length in zip(rows, lengths, strict=True):
        cells = dict(zip(names, cells_of(row), strict=True))
        if length:
            if at + length > len(ciphered):
                raise ValueError("less is ciphered than the rows need")
            body = head + (block + at // 16).to_bytes(4, "big") + ciphered[at : at + length]
            cells.update({name: cell for name, cell in _covered(body).items() if name in cells})
            at += length
        parts.append(width)
        for value, kind in zip(cells.values(), kinds, strict=True):
            parts.append(b"\xff\xff\xff\xff" if value is None else _cell(value, kind))
    parts.append(COPY_END)
    return b"".join(parts)


def _covered(body: bytes) -> dict[str, bytes | None]:
    return {"body": body, "salt": NOTHING, "request_digest": None}


def _cell(value: Any, kind: str) -> bytes:
    if kind == "h" or kind == "q":
        return struct.pack(f"!i{kind}", 2 if kind == "h" else 8, value)
    data: bytes = value.encode() if kind == "t" else value
    return struct.pack("!i", len(data)) + data


_BID: Final = re.compile(
    rb'\{"t":"bid","id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})","lot":"([a-z0-9][a-z0-9-]{0,39}(?:\.[0-9]{1,4})?)"'
    rb'(?:,"amount":(?:null|"(0|[1-9][0-9]{0,17})"))?(?:,"maximum":(?:null|"(0|[1-9][0-9]{0,17})"))?'
    rb'(?:,"confirm":(?:(true)|false))?\}'
)


def read_bid(payload: bytes) -> tuple[bytes, str, Amount | None, Amount | None, bool] | None:
    """Read a bid frame as browsers and programs write it: (command id, lot, amount, maximum, confirmed).

    None for a frame in any other form, which may be a valid bid all the same: the strict decoder of the protocol judges it.
    """
    match = _BID.fullmatch(payload)
    if match is None:
        return None
    command_id, lot, amount, maximum, confirmed = match.groups()
    return (
        bytes.fromhex(command_id.decode().replace("-", "")),
        lot.decode(),
        None if amount is None else Amount(int(amount)),
        None if maximum is None else Amount(int(maximum)),
        confirmed is not None,
    )


def read_id(text: str) -> bytes | None:
    """Return the 16 bytes of a UUID in its one lower-case form, None for anything else."""
    if len(text) != 36 or text[8:24:5] != "----" or text != text.lower():
        return None
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return raw if len(raw) == 16 else None


def id_text(command_id: bytes) -> str:
    """Write 16 bytes as a UUID."""
    digits = command_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class AcceptedFrame(Struct, tag_field="t", tag="accepted", gc=False):
    """What tells a bidder of his accepted bid; the fields in their order on the wire (docs/PROTOCOL.md)."""

    id: str
    lot: str
    seq: int
    at_us: int
    digest: str
    price: str | None
    leading: bool
    maximum: str | None
    closes_at_us: int | None
    extended: bool


def accepted_frame(receipt: Any, bid: Any) -> bytes:
    """Return the frame that tells of an accepted command: a receipt, and the event of a bid or None for anything else.

    Amounts in digits, the digest in hexadecimal.
    """
    of_bid: tuple[Any, ...] = (None, False, None, None, False)
    if bid is not None:
        leading = bid.leader_code == bid.code
        of_bid = (_digits(bid.price), leading, _digits(bid.maximum), bid.closes_at_us, bid.extended)
    place = (id_text(receipt.command_id), receipt.subject_id, receipt.seq, receipt.at_us, receipt.digest.hex())
    return msgspec.json.encode(AcceptedFrame(*place, *of_bid))


def _digits(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
