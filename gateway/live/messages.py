"""All frames of the room protocol v1 as tagged structs, and the one decoder for what clients send.

Decoding is strict: unknown fields, wrong types, floats, numbers beyond 2**53 - 1, lone surrogates, bytes that are not UTF-8 and
repeated keys are refused.
"""

from __future__ import annotations

import json
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from engine.canonical import INTEGER_MAX
from engine.evidence.receipts import ACCEPTED, Receipt
from engine.layout import accepted_frame, id_text
from engine.rules.auction.events import BidAccepted
from engine.rules.rejections import RETRY, Reject
from engine.rules.visibility import You

VERSION: Final = 1

Whole = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Text = Annotated[str, Meta(max_length=64)]


class Join(Struct, tag_field="t", tag="join", forbid_unknown_fields=True, gc=False):
    """Watch a lot; `after` is the last seq seen under `epoch`."""

    lot: Text
    after: Whole | UnsetType | None = UNSET
    epoch: Whole | UnsetType | None = UNSET


class Leave(Struct, tag_field="t", tag="leave", forbid_unknown_fields=True, gc=False):
    """Stop watching a lot."""

    lot: Text


class Bid(Struct, tag_field="t", tag="bid", forbid_unknown_fields=True, gc=False):
    """Offer an amount, or leave a maximum, or both. The same id is the same wish, for ever."""

    id: Text
    lot: Text
    amount: Text | UnsetType | None = UNSET
    maximum: Text | UnsetType | None = UNSET
    confirm: bool | UnsetType = UNSET


class Status(Struct, tag_field="t", tag="status", forbid_unknown_fields=True, gc=False):
    """What became of this command?"""

    id: Text
    lot: Text


class Ping(Struct, tag_field="t", tag="ping", forbid_unknown_fields=True, gc=False):
    """Sample of the clock; `n` comes back."""

    n: Whole


class WatchHall(Struct, tag_field="t", tag="hall", forbid_unknown_fields=True, gc=False):
    """Live prices of all lots."""


ClientFrame = Join | Leave | Bid | Status | Ping | WatchHall

_DECODE = msgspec.json.Decoder(ClientFrame).decode
encode = msgspec.json.Encoder().encode


class _Head(Struct):
    t: str


_DECODE_HEAD = msgspec.json.Decoder(_Head).decode
_TYPES: Final = frozenset(str(cls.__struct_config__.tag) for cls in (Join, Leave, Bid, Status, Ping, WatchHall))


class FrameRefused(Exception):
    """A frame that is none of ours: `code` and what is wrong in one word."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(code, problem)
        self.code = code
        self.problem = problem


def decode(payload: bytes) -> ClientFrame:
    """Read a client's frame.

    Raises:
        FrameRefused: `malformed` or `unknown_type`.
    """
    try:
        frame: ClientFrame = _DECODE(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refusal(payload, error) from None
    # The decoder takes the last of repeated keys. Every pair has a colon and no value of a valid frame holds one, so this is
    # cheap: only frames with more colons than fields are looked at closely.
    if payload.count(b":") != _pairs(frame) and _repeats_a_key(payload):
        raise FrameRefused("malformed", "repeated_key")
    return frame


def _repeats_a_key(payload: bytes) -> bool:
    pairs: list[tuple[str, object]] = json.loads(payload, object_pairs_hook=list)
    return len({key for key, _ in pairs}) < len(pairs)


def _pairs(frame: ClientFrame) -> int:
    if type(frame) is Bid:
        return 3 + (frame.amount is not UNSET) + (frame.maximum is not UNSET) + (frame.confirm is not UNSET)
    names = frame.__struct_fields__
    return 1 + sum(getattr(frame, name) is not UNSET for name in names)


def _refusal(payload: bytes, error: Exception) -> FrameRefused:
    if isinstance(error, UnicodeDecodeError):
        return FrameRefused("malformed", "utf8")
    if not isinstance(error, msgspec.ValidationError):
        return FrameRefused("malformed", "json")
    try:
        head = _DECODE_HEAD(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return FrameRefused("malformed", "fields")
    return FrameRefused("malformed", "fields") if head.t in _TYPES else FrameRefused("unknown_type", "t")


# What the server sends. The field order is the order on the wire.


class Welcome(Struct, tag_field="t", tag="welcome", gc=False):
    """The first frame. `user`: this connection belongs to somebody who is logged in."""

    v: int
    server_us: int
    user: bool
    retry_ms: int


class Snapshot(Struct, tag_field="t", tag="snapshot"):
    """A lot as it stands, with its newest public rows, and what this party alone may see."""

    lot: str
    epoch: int
    seq: int
    server_us: int
    live: Raw
    rows: Raw
    you: You | None


class Change(Struct, tag_field="t", tag="change"):
    """What happened in (prev, seq]; the same bytes for every viewer. `skipped` rows of it are left out, the oldest."""

    lot: str
    epoch: int
    prev: int
    seq: int
    server_us: int
    live: Raw
    rows: Raw
    skipped: int


class Resumed(Struct, tag_field="t", tag="resumed"):
    """Everything since `prev`, which the client named in its join."""

    lot: str
    epoch: int
    prev: int
    seq: int
    server_us: int
    live: Raw
    rows: Raw
    skipped: int


class Rejected(Struct, tag_field="t", tag="rejected"):
    """A refusal; `seq` None means that it is not on record."""

    id: str
    lot: str
    code: str
    retry: str
    data: dict[str, str | int]
    seq: int | None
    at_us: int | None
    digest: str | None


class Outcome(Struct, tag_field="t", tag="outcome", gc=False):
    """Nothing is recorded under this id (by this party)."""

    id: str
    found: bool
    lot: str


class Pong(Struct, tag_field="t", tag="pong", gc=False):
    """Answer to a ping."""

    n: int
    server_us: int


class HallRow(Struct, gc=False):
    """A lot in the hall."""

    lot: str
    seq: int
    phase: str
    price: str | None
    bids: int
    closes_at_us: int | None


class Hall(Struct, tag_field="t", tag="hall"):
    """Lots that changed; the first ones after `hall` was asked for are all lots."""

    lots: list[HallRow]


class Heartbeat(Struct, tag_field="t", tag="heartbeat"):
    """Sign of life with (epoch, seq) of each watched lot, so that a lost tail is noticed."""

    server_us: int
    heads: dict[str, tuple[int, int]]


class Error(Struct, tag_field="t", tag="error"):
    """A frame was refused before it became a command. `data` names the bid or lot it was about, where known."""

    code: str
    retry: str
    data: dict[str, str | int]


class Bye(Struct, tag_field="t", tag="bye", gc=False):
    """The connection ends; come back after a random part of `retry_ms` if `code` is below 4500."""

    code: int
    retry_ms: int


def answer(receipt: Receipt) -> bytes:
    """Return the private answer to a command: `accepted` or `rejected`."""
    if receipt.decision is ACCEPTED:
        event = receipt.event
        return accepted_frame(receipt, event if type(event) is BidAccepted else None)
    code = receipt.code or Reject.IN_DOUBT
    retry = RETRY[code]
    shown = "" if receipt.command_id is None else id_text(receipt.command_id)
    hex_digest = None if receipt.digest is None else receipt.digest.hex()
    return encode(
        Rejected(shown, receipt.subject_id, code, retry, receipt.data, receipt.seq, receipt.at_us, hex_digest)
    )
