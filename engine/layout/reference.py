"""What the compiled twin (compiled.c) does, in Python: the definition of its bytes, and what runs where no compiler was."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from engine.canonical import canonical_bytes_unchecked

Plan = tuple[tuple[int, str, bytes], ...]
"""A struct as a canonical object: (kind, attribute, `b'"key":'`) in order of keys. Kinds: `a` an amount, `e` an object of texts
and integers, `p` plain (text, integer, boolean, null).
"""
COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END: Final = b"\xff\xff"


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


def copy_rows(rows: Sequence[Any], names: tuple[str, ...], kinds: str) -> bytes:
    """Return a whole binary COPY of these attributes of each row (a list). Kinds: h smallint, q bigint, t text, b bytea.

    Raises:
        struct.error, OverflowError: a number does not fit its column.
    """
    parts = [COPY_HEAD]
    cells_of, width = attrgetter(*names), struct.pack("!h", len(names))
    for row in rows:
        parts.append(width)
        for value, kind in zip(cells_of(row), kinds, strict=True):
            parts.append(b"\xff\xff\xff\xff" if value is None else _cell(value, kind))
    parts.append(COPY_END)
    return b"".join(parts)


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


def read_bid(payload: bytes) -> tuple[bytes, str, int | None, int | None, bool] | None:
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
        None if amount is None else int(amount),
        None if maximum is None else int(maximum),
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
