"""Messages between the market and an outside registrar carry a signature: HMAC-SHA256 over time, method, target and body.

Headers: `X-Ortoo-Key` (id of the key), `X-Ortoo-Timestamp` (whole seconds since 1970), `X-Ortoo-Signature` (`v1=` and 64 lower-case
hexadecimal digits). What is signed, lines joined by `\\n`: `ortoo-registrar-1`, timestamp, method, target (path and query as sent), SHA-256
of the body in hexadecimal. A message repeated within the window does nothing new: every message has an id of its own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final

from gateway.registrar.keys import Keys

KEY: Final = "X-Ortoo-Key"
TIMESTAMP: Final = "X-Ortoo-Timestamp"
SIGNATURE: Final = "X-Ortoo-Signature"
WINDOW_S: Final = 300
"""A message is believed when its time is at most this far from ours."""
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


class Problem(StrEnum):
    """Why a message is not believed."""

    HEADERS = "headers"
    KEY = "key"
    SIGNATURE = "signature"
    TIME = "time"


def sign(keys: Keys, method: str, target: str, body: bytes, at_s: int) -> dict[str, str]:
    """Return the headers of a message sent at `at_s`, seconds since 1970, signed by the newest key in force."""
    key = keys.signing(at_s)
    return {
        KEY: key.id,
        TIMESTAMP: str(at_s),
        SIGNATURE: "v1=" + _mac(key.secret_bytes, method, target, str(at_s), body),
    }


def problem_of(
    keys: Keys, method: str, target: str, headers: Mapping[str, str], body: bytes, now_s: int
) -> Problem | None:
    """Return why a message is not believed, None if it is.

    The signature is compared in constant time and before the time is looked at: who cannot sign learns nothing of our clock.
    """
    at, match = headers.get(TIMESTAMP, ""), _SIGNATURE.fullmatch(headers.get(SIGNATURE, ""))
    if not _TIME.fullmatch(at) or match is None:
        return Problem.HEADERS
    key = keys.believed(headers.get(KEY, ""), now_s)
    if key is None:
        return Problem.KEY
    if not hmac.compare_digest(_mac(key.secret_bytes, method, target, at, body), match[1]):
        return Problem.SIGNATURE
    return None if abs(int(at) - now_s) <= WINDOW_S else Problem.TIME


def _mac(secret: bytes, method: str, target: str, at: str, body: bytes) -> str:
    said = "\n".join(("ortoo-registrar-1", at, method, target, sha256(body).hexdigest()))
    return hmac.new(secret, said.encode(), sha256).hexdigest()
