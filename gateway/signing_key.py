"""The market's signing key: made at the first start, never in the place of one that cannot be read."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class KeyUnusable(Exception):
    """The signing key cannot be used; a new one is never made in its place, receipts given out would be worthless."""


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the market's signing key, made at the first start; only the owner may read the file.

    Raises:
        KeyUnusable: others may read the file, or it is no key.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(f"{path}: others may read the signing key: chmod 600")
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    except ValueError as damage:
        raise KeyUnusable(f"{path}: this is no signing key; restore it from the back-up") from damage
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        partial = path.with_name(path.name + ".new")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.private_bytes_raw())
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)  # whole or not at all, whenever the power fails
        return key


def digest_key(key: Ed25519PrivateKey) -> bytes:
    """Return the key for digests of id numbers: nobody without the market's key can try numbers against the register."""
    return sha256(b"ortoo/id-number/v1\n" + key.private_bytes_raw()).digest()
