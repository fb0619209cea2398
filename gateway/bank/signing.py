"""Messages between bank and market carry a signature: HMAC-SHA256 over method, path, time, nonce and body.

Headers: `X-Bank-Timestamp` (whole seconds since 1970), `X-Bank-Nonce` (32 lower-case hexadecimal digits, new for each sending),
`X-Bank-Signature` (64 lower-case hexadecimal digits).
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

TIMESTAMP: Final = "X-Bank-Timestamp"
NONCE: Final = "X-Bank-Nonce"
SIGNATURE: Final = "X-Bank-Signature"
WINDOW_S: Final = 300
"""A message is taken when its time is at most this far from ours; its nonce is remembered for twice as long."""
SECRET_BYTES: Final = 32
_TIME = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class SecretUnusable(Exception):
    """The shared secret cannot be used; a new one is never made in its place, the bank would know nothing of it."""


class Problem(StrEnum):
    """Why a message is not believed."""

    HEADERS = "headers"
    SIGNATURE = "signature"
    TIME = "time"
    NONCE = "nonce"


def sign(secret: bytes, method: str, path: str, body: bytes, at_s: int, nonce: str | None = None) -> dict[str, str]:
    """Return the headers of a message sent at `at_s`, seconds since 1970."""
    nonce = nonce or secrets.token_hex(16)
    return {TIMESTAMP: str(at_s), NONCE: nonce, SIGNATURE: _mac(secret, method, path, str(at_s), nonce, body)}


def problem_of(
    secret: bytes, method: str, path: str, headers: Mapping[str, str], body: bytes, now_s: int
) -> Problem | None:
    """Return why a message is not believed, None if it is. Whether its nonce is new is for the caller to find out.

    The signature is compared in constant time and before the time is looked at: who cannot sign learns nothing of our clock.
    """
    at, nonce, given = headers.get(TIMESTAMP, ""), headers.get(NONCE, ""), headers.get(SIGNATURE, "")
    if not (_TIME.fullmatch(at) and _NONCE.fullmatch(nonce) and _SIGNATURE.fullmatch(given)):
        return Problem.HEADERS
    if not hmac.compare_digest(_mac(secret, method, path, at, nonce, body), given):
        return Problem.SIGNATURE
    return None if abs(int(at) - now_s) <= WINDOW_S else Problem.TIME


def _mac(secret: bytes, method: str, path: str, at: str, nonce: str, body: bytes) -> str:
    head = "\n".join(("ortoo-bank-1", method, path, at, nonce, "")).encode()
    return hmac.new(secret, head + body, sha256).hexdigest()


def shared_secret(path: Path) -> bytes:
    """Return the secret shared with the bank, made at the first start; only the owner may read the file.

    Raises:
        SecretUnusable: others may read the file, or it holds too little.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SecretUnusable(f"{path}: others may read the bank's secret: chmod 600")
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = secrets.token_bytes(SECRET_BYTES)
        _keep(path, secret)
        return path.read_bytes()  # the one that won, if two processes started at once
    if len(secret) < SECRET_BYTES:
        raise SecretUnusable(f"{path}: the bank's secret is shorter than {SECRET_BYTES} bytes")
    return secret


def _keep(path: Path, secret: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # whole or not at all, and never over another's
    except FileExistsError:
        pass
    finally:
        partial.unlink()
