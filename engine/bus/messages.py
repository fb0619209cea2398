"""What travels over Redis, as bytes: one byte of version, then MessagePack under the key of the log. Strict, so that old and new
programs can live side by side: what a program does not know it refuses (a command) or reads from the log instead (a change, a receipt).

    payload = version (1) ‖ salt of the sender (16) ‖ its counter (12) ‖ AES-256-GCM(message), key = SHA-256(tag ‖ key ‖ salt)

So Redis and the network in between see neither bids nor bidders, and nobody without the key can put a command into a stream.

A command's body is its canonical JSON, the bytes its request digest was made of; an event's is that of its record.
"""

from __future__ import annotations

import os
import typing
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from engine.bus.local import Envelope
from engine.evidence.receipts import Outcome, Receipt
from engine.journal.codec import command_bytes, decode_event, encode_event
from engine.journal.records import Record
from engine.rules.auction.commands import Command
from engine.rules.listing.commands import ListingCommand
from engine.rules.publicity.commands import NoticeCommand
from engine.rules.rejections import Reject
from engine.values import (
    LISTING_SHARDS,
    NOTICE_SHARDS,
    SHARDS,
    InstantUs,
    SubjectId,
    shard_of,
    shard_of_listing,
    shard_of_notice,
)

_CLOSED: Final = b"\x01"
"""Version of what is under the key; another form gets another byte."""
_OPEN: Final = b"\x02"
"""Version of what is in clear: markets without a key of the log."""
_SALT: Final = 16
_NONCE: Final = 12
SENDERS_KEPT: Final = 1_000
"""Processes whose keys are remembered."""
BY_RULE: Final = frozenset({"ReachDeadline", "RecordOutage"})
"""Commands that only the engine itself gives; from elsewhere they are refused."""

M = TypeVar("M")


class UnknownMessage(Exception):
    """Another program's version, or not a message at all."""


class SentCommand(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One command of an entry."""

    subject_id: SubjectId
    kind: str
    body: bytes
    command_id: bytes
    request_digest: bytes
    actor: str
    arrived_at_us: int | None


class Answer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The receipt of the command at `place` in the gateway's entry `number`; the rest as in `Receipt`, the event as in its record."""

    number: int
    place: int
    code: str | None
    data: dict[str, str | int]
    seq: int | None
    at_us: int | None
    digest: bytes | None
    type: str | None
    version: int
    body: bytes


class Told(Struct, frozen=True, array_like=True, tag="records", forbid_unknown_fields=True):
    """Records of one commit in one shard, without gaps."""

    records: tuple[Record, ...]


class Beat(Struct, frozen=True, array_like=True, tag="beat", forbid_unknown_fields=True):
    """A shard is owned, and stands at `seq`."""

    shard: int
    owner: str
    epoch: int
    seq: int
    at_us: int
    """The engine's clock."""


class Cover:
    """Closes what one process sends and opens what the others sent. Each process has one; without a key nothing is hidden."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._salt = os.urandom(_SALT)
        self._own = self._cipher(self._salt)
        self._sent = 0
        self._others: OrderedDict[bytes, AESGCM] = OrderedDict()

    def close(self, message: bytes) -> bytes:
        """Return a message as it travels."""
        if self._own is None:
            return _OPEN + message
        self._sent += 1
        nonce = self._sent.to_bytes(_NONCE, "big")
        return _CLOSED + self._salt + nonce + self._own.encrypt(nonce, message, None)

    def open(self, payload: bytes) -> bytes:
        """Return the message.

        Raises:
            UnknownMessage: it is of another version, or not from one of ours.
        """
        version = payload[:1]
        if self._key is None and version == _OPEN:
            return payload[1:]
        if self._key is None or version != _CLOSED:
            raise UnknownMessage(f"version {version.hex()}")
        salt, nonce = payload[1 : 1 + _SALT], payload[1 + _SALT : 1 + _SALT + _NONCE]
        cipher = self._others.get(salt)
        if cipher is None:
            cipher = self._others[salt] = AESGCM(self._derived(salt))
            if len(self._others) > SENDERS_KEPT:
                self._others.popitem(last=False)
        try:
            return cipher.decrypt(nonce, payload[1 + _SALT + _NONCE :], None)
        except (InvalidTag, ValueError):
            raise UnknownMessage("it was not closed with our key") from None

    def _cipher(self, salt: bytes) -> AESGCM | None:
        return None if self._key is None else AESGCM(self._derived(salt))

    def _derived(self, salt: bytes) -> bytes:
        assert self._key is not None
        return sha256(b"ortoo/bus/v1\n" + self._key + salt).digest()


class Coder(Generic[M]):
    """Messages of one type as bytes and back."""

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)

    def encode(self, message: M, cover: Cover) -> bytes:
        """Return a message as it travels."""
        return cover.close(_ENCODE(message))

    def decode(self, payload: bytes, cover: Cover) -> M:
        """Read a message.

        Raises:
            UnknownMessage: it is of another version, damaged, or not from one of ours.
        """
        try:
            return self._decoder.decode(cover.open(payload))
        except msgspec.DecodeError as error:
            raise UnknownMessage(str(error)) from error


_ENCODE: Final = msgspec.msgpack.Encoder().encode
COMMANDS: Final = Coder[tuple[SentCommand, ...]](tuple[SentCommand, ...])
ANSWERS: Final = Coder[tuple[Answer, ...]](tuple[Answer, ...])
CHANGES: Final = Coder[Told | Beat](Told | Beat)


_Decoders: TypeAlias = dict[str, tuple[type[Struct], msgspec.json.Decoder[Any]]]


def _decoders(union: Any) -> _Decoders:
    # Canonical JSON writes amounts as digits in quotes: read leniently, then held to the same bytes.
    return {
        kind.__name__: (kind, msgspec.json.Decoder(kind, strict=False))
        for kind in typing.get_args(union)
        if kind.__name__ not in BY_RULE
    }


_LANES: Final[tuple[tuple[Sequence[int], Callable[[Any], int], _Decoders], ...]] = (
    (range(SHARDS), shard_of, _decoders(Command)),
    (LISTING_SHARDS, shard_of_listing, _decoders(ListingCommand)),
    (NOTICE_SHARDS, shard_of_notice, _decoders(NoticeCommand)),
)
_OF_SHARD: Final = {shard: (place, decoders) for shards, place, decoders in _LANES for shard in shards}
BUS_SHARDS: Final = tuple(_OF_SHARD)
"""Shards whose commands travel; the prober's does not."""


def sent(envelope: Envelope[Any]) -> SentCommand:
    """Return a command as it travels; it must have an id."""
    assert envelope.command_id is not None and envelope.request_digest is not None, "what travels can be sent again"
    command = envelope.command
    return SentCommand(
        envelope.subject_id,
        type(command).__name__,
        command_bytes(command),
        envelope.command_id,
        envelope.request_digest,
        envelope.actor,
        envelope.arrived_at_us,
    )


def command_of(shard: int, found: SentCommand) -> Struct:
    """Rebuild a command.

    Raises:
        UnknownMessage: this program knows no such command in this shard, or not all of what it says.
    """
    shard_of_subject, decoders = _OF_SHARD[shard]
    known = decoders.get(found.kind)
    if known is None or shard_of_subject(found.subject_id) != shard:
        raise UnknownMessage(f"no command {found.kind[:40]} in shard {shard}")
    try:
        command: Struct = known[1].decode(found.body)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnknownMessage(f"{found.kind}: {error}") from error
    if command_bytes(command) != found.body or len(found.command_id) != 16 or len(found.request_digest) != 32:
        raise UnknownMessage(f"{found.kind} says more than this program knows")
    return command


def answer(number: int, place: int, receipt: Receipt) -> Answer:
    """Return a receipt as it travels."""
    event = receipt.event
    kind, version, body = (None, 0, b"") if event is None else encode_event(event)
    code = None if receipt.code is None else receipt.code.value
    return Answer(number, place, code, receipt.data, receipt.seq, receipt.at_us, receipt.digest, kind, version, body)


def receipt_of_answer(found: Answer, subject_id: SubjectId, command_id: bytes | None) -> Receipt:
    """Rebuild a receipt.

    Raises:
        UnknownMessage: it has a code or an event that this program does not know.
    """
    try:
        code = None if found.code is None else Reject(found.code)
        event = None if found.type is None else decode_event(found.type, found.version, found.body)
    except Exception as error:
        raise UnknownMessage(f"{found.code} {found.type}") from error
    return Receipt(
        Outcome.ACCEPTED if code is None else Outcome.REJECTED,
        subject_id,
        command_id,
        found.seq,
        None if found.at_us is None else InstantUs(found.at_us),
        found.digest,
        code,
        found.data,
        event,
    )


def by_shard(records: Sequence[Record]) -> dict[int, list[Record]]:
    """Return the records of each shard, in order."""
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record.shard, []).append(record)
    return found


def shard_tag(shard: int) -> str:
    """Return the hash tag of a shard."""
    return f"s{shard:02d}"


def commands_key(shard: int) -> str:
    """Return the key of the stream of commands of a shard."""
    return f"ortoo:{{s{shard:02d}}}:commands"


def shard_of_key(key: bytes) -> int:
    """Return the shard that a stream of commands belongs to."""
    return int(key[8:10])


def changes_channel(shard: int) -> str:
    """Return the channel of a shard's changes and heartbeats."""
    return f"ortoo:{{s{shard:02d}}}:changes"


def gateway_tag(gateway: str) -> str:
    """Return the hash tag of a gateway."""
    return f"g-{gateway}"


def receipts_channel(gateway: str) -> str:
    """Return the channel of a gateway's receipts."""
    return f"ortoo:{{g-{gateway}}}:receipts"


GATEWAYS_TAG: Final = "gateways"
GATEWAYS_CHANNEL: Final = "ortoo:{gateways}:beats"
"""Where every gateway says that it is there."""
