"""Receipts: what the market tells a bidder about one command, and the signed document he can keep.

A receipt document holds the whole event as recorded (header, body, salt) and its digests, signed by the market's key. With the
lot's public chain anyone can check, offline, that the log still contains it (`ortoo verify --receipt`).
"""

from __future__ import annotations

from base64 import b64encode
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.journal.codec import decode_event
from engine.journal.digests import header_bytes
from engine.journal.records import Record
from engine.journal.streams import kind_of
from engine.rules.auction.events import BidRejected, Event
from engine.rules.availability.probing import RoundRecorded
from engine.rules.listing.events import ListingEvent, ListingRefusal
from engine.rules.publicity.events import NoticeEvent
from engine.rules.rejections import Reject
from engine.values import InstantUs, LotId, SubjectId

_REFUSALS: Final = (BidRejected, ListingRefusal)
RECEIPT_TAG = b"ortoo/receipt/v1\n"


class Outcome(StrEnum):
    """What became of a command."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


ACCEPTED: Final = Outcome.ACCEPTED
"""By a name of its own, for every bid: a member looked up in its enum costs as much as a call."""


class Receipt(Struct, frozen=True, gc=False):
    """The answer to one command. `seq` None: it is not in the log (never was, or not yet known: then send the same id again)."""

    decision: Outcome
    subject_id: SubjectId
    command_id: bytes | None
    seq: int | None = None
    at_us: InstantUs | None = None
    digest: bytes | None = None
    code: Reject | None = None
    data: dict[str, str | int] = {}
    event: Event | ListingEvent | NoticeEvent | RoundRecorded | None = None


def refused(subject_id: SubjectId, command_id: bytes | None, code: Reject, **data: str | int) -> Receipt:
    """Return a refusal that is not on record."""
    return Receipt(Outcome.REJECTED, subject_id, command_id, code=code, data=data)


def receipt_of(record: Record) -> Receipt:
    """Return the receipt that a recorded command has, today and in ten years."""
    kind = kind_of(record.stream)
    assert kind is not None, "nobody sends commands to the journal's own streams"
    return recorded(kind.subject(record.stream), record, decode_event(record.type, record.version, record.body))


def receipt_on_record(
    record: Record, subject_id: SubjectId, command_id: bytes | None, request_digest: bytes | None, actor: str
) -> Receipt:
    """Return the recorded answer to whoever sends a command with this id, or a refusal if the id was used for something else."""
    if record.request_digest != request_digest or record.actor != actor:
        return refused(subject_id, command_id, Reject.COMMAND_ID_REUSED)
    return receipt_of(record)


def recorded(
    subject_id: SubjectId, record: Record, event: Event | ListingEvent | NoticeEvent | RoundRecorded
) -> Receipt:
    """Return the receipt for a record whose event is at hand."""
    command_id, seq, at_us, digest = record.command_id, record.stream_seq, record.at_us, record.digest
    if type(event) not in _REFUSALS:
        return Receipt(ACCEPTED, subject_id, command_id, seq, at_us, digest, event=event)
    assert isinstance(event, (BidRejected, ListingRefusal))
    code = Reject(event.reject)
    return Receipt(Outcome.REJECTED, subject_id, command_id, seq, at_us, digest, code, event.data, event)


def receipt_document(record: Record, previous: bytes, key: Ed25519PrivateKey, origin: str) -> dict[str, Any]:
    """Return the receipt to download: canonical JSON values with a detached Ed25519 signature.

    Args:
        record: The recorded command.
        previous: Digest of the event before it in its stream.
        key: The market's signing key.
        origin: Name of the market.
    """
    statement: dict[str, Any] = {
        "kind": "ortoo.receipt",
        "v": 1,
        "origin": origin,
        "header": msgspec.json.decode(header_bytes(record)),
        "body": record.body.decode(),
        "salt": record.salt.hex(),
        "content": record.content.hex(),
        "previous": previous.hex(),
        "digest": record.digest.hex(),
        "key": public_key_text(key),
    }
    signature = key.sign(RECEIPT_TAG + canonical_bytes(statement))
    return {**statement, "signature": b64encode(signature).decode()}


def public_key_text(key: Ed25519PrivateKey) -> str:
    """Return the public half of a signing key, base64 of 32 bytes."""
    return b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def chain_document(lot_id: LotId, contents: list[bytes], origin: str) -> dict[str, Any]:
    """Return the public chain of a lot: the content digests of all its events, in order, without any content."""
    return {
        "kind": "ortoo.chain",
        "v": 1,
        "origin": origin,
        "lot": lot_id,
        "contents": [content.hex() for content in contents],
    }
