"""Checkpoints: signed statements of where every shard stood, so that rows cut off the end of the log are missed.

A checkpoint is kept outside the database (a line in a file, and published); the chain alone cannot show that its tail is gone.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from engine.canonical import canonical_bytes

CHECKPOINT_TAG = b"ortoo/checkpoint/v1\n"


class ShardHead(Struct, frozen=True):
    """The newest record of a shard when a checkpoint was made."""

    shard: int
    seq: int
    digest: str
    """Hexadecimal."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A signed statement about the whole log."""

    origin: str
    at_us: int
    heads: tuple[ShardHead, ...]
    signature: str = ""


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Checkpoint:
    """Return the checkpoint with its signature."""
    signature = b64encode(key.sign(_signed_bytes(checkpoint))).decode()
    return msgspec.structs.replace(checkpoint, signature=signature)


def is_signed(checkpoint: Checkpoint, public_key: bytes) -> bool:
    """Tell whether the signature is the market's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            b64decode(checkpoint.signature), _signed_bytes(checkpoint)
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def read_checkpoint(line: bytes) -> Checkpoint:
    """Read one line of a checkpoint file.

    Raises:
        msgspec.DecodeError: the line is not a checkpoint.
    """
    return msgspec.json.decode(line, type=Checkpoint)


def write_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the line to keep, without a line end."""
    return canonical_bytes(msgspec.to_builtins(checkpoint))


def _signed_bytes(checkpoint: Checkpoint) -> bytes:
    plain: dict[str, Any] = msgspec.to_builtins(checkpoint)
    del plain["signature"]
    return CHECKPOINT_TAG + canonical_bytes(plain)
