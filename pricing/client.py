"""Asking the pricing process, with a bound on every wait. Who asks goes on without an answer when it is away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

ENDPOINT_FILE: Final = "pricing.json"
LINE_MAX: Final = 1_000_000
WAIT_S: Final = 8.0


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the process listens on this machine, and the secret that opens it."""

    port: int
    secret: str


class PricingAway(Exception):
    """The pricing process does not answer now: nothing was decided, ask again later."""


class PricingRefused(Exception):
    """The process refused the request; the arguments are the code and the field."""

    def __init__(self, code: str, field: str = "") -> None:
        super().__init__(code, field)
        self.code, self.field = code, field


class PricingClient:
    """Asks the process whose endpoint stands in the data directory."""

    def __init__(self, data_dir: Path, wait_s: float = WAIT_S) -> None:
        self._path = data_dir / ENDPOINT_FILE
        self._wait_s = wait_s

    async def ask(self, ask: str, **arguments: Any) -> dict[str, Any]:
        """Ask and return the answer.

        Raises:
            PricingAway: nobody answers within the wait, or the process is busy.
            PricingRefused: the request is out of bounds.
        """
        try:
            endpoint = msgspec.json.decode(self._path.read_bytes(), type=Endpoint)
            async with asyncio.timeout(self._wait_s):
                answer = await _exchange(endpoint, {**arguments, "ask": ask, "secret": endpoint.secret})
        except (OSError, TimeoutError, msgspec.DecodeError, asyncio.IncompleteReadError, ValueError) as away:
            raise PricingAway("the pricing process does not answer") from away
        code = answer.get("error")
        if code in ("busy", "unavailable"):
            raise PricingAway(str(code))
        if code is not None:
            raise PricingRefused(str(code), str(answer.get("field", "")))
        return answer


async def _exchange(endpoint: Endpoint, request: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port, limit=LINE_MAX)
    try:
        writer.write(msgspec.json.encode(request) + b"\n")
        await writer.drain()
        return msgspec.json.decode(await reader.readuntil(b"\n"), type=dict[str, Any])
    finally:
        writer.close()
