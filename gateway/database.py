"""The market's database: the configured one, or an embedded one that is started again when it dies; and the pool of connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import asyncpg

from engine.journal import embedded
from gateway.config import Config
from gateway.working import keep_at

QUERY_S: Final = 30.0
"""No reading takes longer; the journal's writer has connections of its own and no such limit."""
WATCH_S: Final = 0.5
POOL_ENDS_S: Final = 10.0
"""How long questions under way may still take when the process goes down."""

Report = Callable[[str], None]

log = logging.getLogger(__name__)


async def open_database(config: Config, report: Report, stack: AsyncExitStack) -> str:
    """Return the address of the database; start the embedded one if none is configured, and keep it up."""
    if config.database_url is not None:
        return config.database_url.get_secret_value()

    async def start() -> embedded.EmbeddedPostgres:
        return await embedded.start(
            config.data_dir / "postgres", configured_bin_dir=config.postgres_bin_dir, report=report
        )

    keeper = _DatabaseKeeper(await start(), start)
    stack.push_async_callback(keeper.stop)
    keep_at(stack, keeper.watch)
    return keeper.server.dsn()


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """Nobody sets anything on a connection of the pool; asyncpg itself ends a transaction that was left open. Its own way would ask
    the database once more after every use, a tenth of the process's time in a rush.
    """


class _DatabaseKeeper:
    """Starts the embedded database again if it dies under us; the engine then recovers from the log."""

    def __init__(
        self, server: embedded.EmbeddedPostgres, start: Callable[[], Coroutine[Any, Any, embedded.EmbeddedPostgres]]
    ) -> None:
        self.server = server
        self._start = start

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            if not self.server.alive:
                log.error("database_died")
                try:
                    self.server = await self._start()
                except embedded.PostgresUnavailable:
                    log.exception("database_does_not_start")

    async def stop(self) -> None:
        await self.server.stop()


@asynccontextmanager
async def open_pool(config: Config, dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Yield the pool that everything but the engine's writers asks through."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=2,
        max_size=config.database_connections,
        command_timeout=QUERY_S,
        timeout=QUERY_S,
        reset=_nothing_to_reset,
    )
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(POOL_ENDS_S):
                await pool.close()
        except TimeoutError:
            pool.terminate()
