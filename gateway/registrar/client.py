"""Sends messages to an outside registrar's system over HTTPS; every silence is `later`."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from gateway.registrar.keys import Keys, KeysUnusable
from gateway.registrar.signing import sign
from settlement.registration.feed.delivering import Answered, Verdict
from settlement.registration.feed.outbox import Message

CALL_S: Final = 15.0
ANSWER_MAX: Final = 16_384
PATH: Final = "/messages"
IDEMPOTENCY: Final = "Idempotency-Key"
_NEVER: Final = frozenset({400, 404, 405, 409, 410, 413, 415, 422})
"""Statuses after which the same message will not be taken; 401 and 403 are a matter of keys and may pass."""

log = logging.getLogger(__name__)


class HttpReceiver:
    """Implements `Receiver`."""

    def __init__(
        self, url: str, keys: Callable[[], Keys], *, ca_file: Path | None = None, call_s: float = CALL_S
    ) -> None:
        """Make the client; connections open with the first message.

        Args:
            url: Where the system takes messages; `/messages` is added.
            keys: Gives the keys as they are in the file now.
            ca_file: Certificates that the system's own is signed by, where it is not one that the machine trusts already.
            call_s: How long one call may take.
        """
        self._url = URL(url.rstrip("/") + PATH)
        self._keys = keys
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file is not None else True
        self._timeout = aiohttp.ClientTimeout(total=call_s)
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def deliver(self, message: Message) -> Answered:
        """Send a message."""
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            headers = {
                **sign(self._keys(), "POST", self._url.raw_path_qs, message.body, int(time.time())),
                IDEMPOTENCY: message.id,
                "Content-Type": "application/json",
            }
            async with self._http.post(
                self._url, data=message.body, headers=headers, allow_redirects=False, ssl=self._tls
            ) as response:
                answer = await response.content.read(ANSWER_MAX)
                return verdict_of(response.status, answer)
        except KeysUnusable as problem:
            log.error("registrar_keys_unusable", extra={"problem": str(problem)})
            return Answered(Verdict.LATER, "keys")
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            return Answered(Verdict.LATER, type(problem).__name__)


def verdict_of(status: int, answer: bytes) -> Answered:
    """Return what a status means for a message."""
    if 200 <= status < 300:
        return Answered(Verdict.TAKEN)
    code = _code(answer)
    problem = f"{status} {code}".strip()
    return Answered(Verdict.NEVER if status in _NEVER else Verdict.LATER, problem)


def _code(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer, type=dict[str, object]).get("code", ""))[:64]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
