"""Sealed envelopes: what a bidder's browser sends instead of his amount, and how two officers together open it. Pure.

The bid is encrypted with a fresh content key (AES-256-GCM). That key is split into three shares of which any two give it back (Shamir
1979, over GF(256)); each share is encrypted to one officer's public key (ECDH on P-256 with a fresh key, HKDF-SHA-256, AES-256-GCM).
Officers decrypt their shares in their own browsers: the market holds no key that opens anything. A digest of each share stands in the
envelope, so that a false share is seen and named. Everything is bound to its lot and bidder code by `context`: a copied envelope
does not open for somebody else. The same in the browser: gateway/static/js/lib/envelope.js; vectors: tests/vectors/envelopes.json.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

SHARES: Final = 3
THRESHOLD: Final = 2
KEY_LENGTH: Final = 32
NONCE_LENGTH: Final = 12
POINT_LENGTH: Final = 65
PLAINTEXT_MAX: Final = 4_096
ENVELOPE_MAX: Final = 8_192
"""Characters of an envelope as text."""
_COMMITMENT_TAG: Final = b"ortoo/share/v1\n"
_BOX_INFO: Final = b"ortoo/box/v1\n"
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186)."""
_NO_NONCE: Final = bytes(NONCE_LENGTH)
"""A box's key is fresh for every box, so its nonce may be constant."""

RandomBytes = Callable[[int], bytes]


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An envelope on the wire; bytes are base64."""

    v: int
    sealed: str
    """Nonce, then the encrypted bid."""
    boxes: tuple[str, str, str]
    """For each officer: ephemeral public point, then his encrypted share."""
    commitments: tuple[str, str, str]
    """Digests of the three shares, hex."""


class MalformedEnvelope(ValueError):
    """The text is no envelope: a program that is not ours made it."""


def context_of(lot_id: str, code: str) -> bytes:
    """Return what an envelope is bound to."""
    return f"{lot_id}\n{code}".encode()


def read_envelope(text: str) -> Envelope:
    """Read an envelope and check its outer form.

    Raises:
        MalformedEnvelope: it cannot be opened by anybody.
    """
    if len(text) > ENVELOPE_MAX:
        raise MalformedEnvelope("too long")
    try:
        envelope = msgspec.json.decode(text, type=Envelope)
        lengths = [len(b64decode(box, validate=True)) for box in envelope.boxes]
        sealed = len(b64decode(envelope.sealed, validate=True))
        commitments = [len(bytes.fromhex(one)) for one in envelope.commitments]
    except (msgspec.DecodeError, ValueError) as problem:
        raise MalformedEnvelope("not in the form of an envelope") from problem
    box_length = POINT_LENGTH + KEY_LENGTH + 16
    if envelope.v != 1 or lengths != [box_length] * SHARES or commitments != [32] * SHARES:
        raise MalformedEnvelope("parts of the wrong length")
    if not NONCE_LENGTH + 16 < sealed <= NONCE_LENGTH + 16 + PLAINTEXT_MAX:
        raise MalformedEnvelope("no content, or too much")
    return envelope


def seal(plaintext: bytes, keys: Sequence[str], context: bytes, random_bytes: RandomBytes) -> str:
    """Return an envelope for three officers' public keys, as text. The browser does the same; this serves bots and tests."""
    assert len(keys) == SHARES and len(plaintext) <= PLAINTEXT_MAX
    content_key, nonce = random_bytes(KEY_LENGTH), random_bytes(NONCE_LENGTH)
    shares = split(content_key, random_bytes(KEY_LENGTH))
    envelope = Envelope(
        v=1,
        sealed=b64encode(nonce + AESGCM(content_key).encrypt(nonce, plaintext, context)).decode(),
        boxes=tuple(
            _box(share, key, context, place, random_bytes)
            for place, (share, key) in enumerate(zip(shares, keys, strict=True))
        ),  # type: ignore[arg-type]
        commitments=tuple(commitment(place, share).hex() for place, share in enumerate(shares)),  # type: ignore[arg-type]
    )
    return msgspec.json.encode(envelope).decode()


def open_box(envelope: Envelope, place: int, key: EllipticCurvePrivateKey, context: bytes) -> bytes | None:
    """Return the share that an officer finds in his box, None if it is not for his key."""
    box = b64decode(envelope.boxes[place])
    try:
        point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), box[:POINT_LENGTH])
        boxed = AESGCM(_box_key(key.exchange(ECDH(), point), context, place))
        return boxed.decrypt(_NO_NONCE, box[POINT_LENGTH:], context)
    except (InvalidTag, ValueError):
        return None


def commitment(place: int, share: bytes) -> bytes:
    """Return the digest by which a share is recognised."""
    return sha256(_COMMITMENT_TAG + bytes([place]) + share).digest()


def is_share(envelope: Envelope, place: int, share: bytes) -> bool:
    """Tell whether this is the share that the bidder made for that officer."""
    return commitment(place, share).hex() == envelope.commitments[place]


def open_envelope(envelope: Envelope, shares: Mapping[int, bytes], context: bytes) -> bytes | None:
    """Return the bid, from two shares or more; None if it does not open for this lot and bidder."""
    places = sorted(shares)[:THRESHOLD]
    assert len(places) == THRESHOLD, "one share opens nothing"
    sealed = b64decode(envelope.sealed)
    try:
        content_key = combine({place: shares[place] for place in places})
        return AESGCM(content_key).decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], context)
    except (InvalidTag, ValueError):
        return None


def split(secret: bytes, slope: bytes) -> list[bytes]:
    """Return three shares of which any two give the secret back: points at 1, 2, 3 of a line over GF(256), byte by byte."""
    return [bytes(s ^ _times(m, x) for s, m in zip(secret, slope, strict=True)) for x in range(1, SHARES + 1)]


def combine(shares: Mapping[int, bytes]) -> bytes:
    """Return the secret from two shares, by place 0 to 2."""
    (left, one), (right, two) = ((place + 1, share) for place, share in shares.items())
    by_left, by_right = _times(right, _inverse(left ^ right)), _times(left, _inverse(left ^ right))
    return bytes(_times(a, by_left) ^ _times(b, by_right) for a, b in zip(one, two, strict=True))


def private_key(random_bytes: RandomBytes) -> EllipticCurvePrivateKey:
    """Return a key pair; of the same random bytes always the same."""
    return derive_private_key(1 + int.from_bytes(random_bytes(KEY_LENGTH), "big") % (_ORDER - 1), SECP256R1())


def public_text(key: EllipticCurvePrivateKey) -> str:
    """Return the public half of an officer's key: base64 of the uncompressed point."""
    return b64encode(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).decode()


def is_public_key(text: str) -> bool:
    """Tell whether a text is the public key of an officer."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b64decode(text, validate=True))
    except ValueError:
        return False
    return True


def _box(share: bytes, public_key: str, context: bytes, place: int, random_bytes: RandomBytes) -> str:
    officer = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), b64decode(public_key))
    ephemeral = private_key(random_bytes)
    boxed = AESGCM(_box_key(ephemeral.exchange(ECDH(), officer), context, place)).encrypt(_NO_NONCE, share, context)
    return b64encode(b64decode(public_text(ephemeral)) + boxed).decode()


def _box_key(secret: bytes, context: bytes, place: int) -> bytes:
    return HKDF(SHA256(), KEY_LENGTH, salt=None, info=_BOX_INFO + bytes([place]) + context).derive(secret)


def _times(a: int, b: int) -> int:
    """Multiply in GF(256) with the polynomial of AES."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """Return the inverse in GF(256): a to the power of 254."""
    result, power = 1, a
    for _ in range(7):
        power = _times(power, power)
        result = _times(result, power)
    return result
