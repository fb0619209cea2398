"""Pages as they were shown: a signed statement about each, made when it was fetched, never rendered again later."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from engine.canonical import canonical_bytes

SNAPSHOT_TAG: Final = b"ortoo/snapshot/v1\n"


class Snapshot(Struct, frozen=True, kw_only=True):
    """What the market says about a page it fetched from itself."""

    stream: str
    """What the page is about."""
    moment: str
    """Why it was taken: the wire name of the event."""
    seq: int
    """Place of that event in its stream."""
    event_at_us: int
    taken_at_us: int
    url: str
    """Path of the page."""
    status: int
    media_type: str
    size: int
    sha256: str
    signature: str = ""


def sign_snapshot(snapshot: Snapshot, key: Ed25519PrivateKey) -> Snapshot:
    """Return the statement with its signature."""
    signature = b64encode(key.sign(_signed_bytes(msgspec.to_builtins(snapshot)))).decode()
    return msgspec.structs.replace(snapshot, signature=signature)


def statement_problem(statement: Any, body: bytes | None, public_key: bytes) -> str | None:
    """Return what is wrong with a plain statement and the page it is about; None if nothing.

    Args:
        statement: A plain `Snapshot`; a field `member` beside it, where the page lies, is not signed.
        body: The page's bytes, None if they are not there.
        public_key: The market's.
    """
    try:
        plain = {name: value for name, value in statement.items() if name != "member"}
        Ed25519PublicKey.from_public_bytes(public_key).verify(b64decode(plain["signature"]), _signed_bytes(plain))
        if body is None or len(body) != plain["size"] or sha256(body).hexdigest() != plain["sha256"]:
            return "the page is missing or is not the one that was signed"
    except InvalidSignature:
        return "the statement about the page is not signed by the market"
    except (KeyError, TypeError, ValueError, AttributeError) as damage:
        return f"not a statement about a page ({type(damage).__name__})"
    return None


def _signed_bytes(plain: dict[str, Any]) -> bytes:
    return SNAPSHOT_TAG + canonical_bytes({name: value for name, value in plain.items() if name != "signature"})
