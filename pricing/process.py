"""The pricing process: keeps the model, answers quotes on a loopback socket, follows the log. Numbers are crunched here alone.

Nobody waits for it: the market trades without pricing. A request is one line of JSON with the secret from the data directory, the
answer is one line; work is done one request after another in a thread, and a full queue is said to be full.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from engine.journal.secrecy import CLEAR, Secrecy
from pricing.client import ENDPOINT_FILE, LINE_MAX, Endpoint
from pricing.desk import PricingDesk
from pricing.following import OutcomeFeed
from pricing.quotes import WishInvalid
from pricing.store import PricingStore

QUEUE_MAX: Final = 16
READ_S: Final = 5.0
POOL: Final = 4
FOLLOW_S: Final = 5.0
"""How often the log is looked at: outcomes are learnt the same day, not the same second."""

log = logging.getLogger(__name__)


async def run(
    dsn: str,
    data_dir: Path,
    *,
    ready: Callable[[], None] = lambda: None,
    stopping: asyncio.Event | None = None,
    secrecy: Secrecy = CLEAR,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> None:
    """Serve until `stopping` is set."""
    stopping = asyncio.Event() if stopping is None else stopping
    async with asyncpg.create_pool(dsn, min_size=1, max_size=POOL) as pool:
        desk = PricingDesk(PricingStore(pool), now_us)
        await desk.open()
        feed = OutcomeFeed(pool, desk, secrecy)
        server = Server(desk, secrets.token_hex(16))
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=LINE_MAX)
        port = listening.sockets[0].getsockname()[1]
        endpoint = data_dir / ENDPOINT_FILE
        _write_endpoint(endpoint, Endpoint(port=port, secret=server.secret))
        tasks = [asyncio.create_task(_for_ever(work)) for work in (feed.run, desk.refit_when_due)]
        try:
            async with listening:
                ready()
                await stopping.wait()
        finally:
            endpoint.unlink(missing_ok=True)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            desk.close()


class Server:
    """Answers one line per connection."""

    def __init__(self, desk: PricingDesk, secret: str) -> None:
        self.secret = secret
        self._desk = desk
        self._waiting = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, answer it, hang up."""
        try:
            async with asyncio.timeout(READ_S):
                line = await reader.readline()
            writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
            async with asyncio.timeout(READ_S):
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError):
            log.info("request_not_read")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(READ_S):
                    await writer.wait_closed()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            return {"error": "malformed", "field": "line"}
        if not hmac.compare_digest(str(request.get("secret", "")).encode(), self.secret.encode()):
            return {"error": "forbidden"}
        if self._waiting >= QUEUE_MAX:
            return {"error": "busy"}
        self._waiting += 1
        try:
            return await self._desk.answer(str(request.get("ask", "")), request)
        except WishInvalid as wrong:
            return {"error": "malformed", "field": str(wrong)}
        except (msgspec.ValidationError, KeyError, TypeError):
            return {"error": "malformed", "field": "wish"}
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("database_away", exc_info=True)
            return {"error": "unavailable"}
        finally:
            self._waiting -= 1


def _write_endpoint(path: Path, endpoint: Endpoint) -> None:
    """Write where the process listens, readable by its owner only, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(endpoint))
    partial.rename(path)


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            await work()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("pricing_work_failed", exc_info=True)
        await asyncio.sleep(FOLLOW_S)
