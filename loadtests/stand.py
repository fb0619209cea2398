"""What every load test stands on: a PostgreSQL of its own and the real server process, `ortoo serve`, over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal import embedded
from engine.journal.secrecy import Vault, read_log_key
from loadtests.checker import BID_ACCEPTED, BID_REJECTED, LogRow, read_log
from loadtests.processes import Child

START_TRIES: Final = 20
READY_S: Final = 120.0
SETTINGS: Final[Mapping[str, str]] = {
    "ORTOO_HTTP_PORT": "0",
    "ORTOO_LIVE_PORT": "0",
    "ORTOO_BIDS_PER_SECOND": "10000",
    "ORTOO_BIDS_BURST": "100000",
    "ORTOO_FRAMES_PER_SECOND": "10000",
    "ORTOO_FRAMES_BURST": "100000",
    "ORTOO_CONNECTIONS_PER_ACCOUNT": "100000",
    "ORTOO_REQUESTS_PER_SECOND": "100000",
    "ORTOO_REQUESTS_BURST": "1000000",
    "ORTOO_PASSWORD_MEMORY_KIB": "1024",
    "ORTOO_PASSWORD_TIME_COST": "1",
    "ORTOO_LOG_LEVEL": "warning",
    "ORTOO_PRICING_PROCESS": "false",
    "ORTOO_FAULT_DETECTOR": "false",  # lines are cut on purpose here, and the sessions are to go on
}
"""A single machine plays all bidders, so what bounds one person or one address is out of the way."""
STAFF: Final = ("operator-of-the-load-test", "a password of the load test, nothing else")
"""Login and password of the operator account that publishes the lots."""


class Postgres:
    """A PostgreSQL of our own under `folder`, with the settings the product gives it."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = {}) -> None:
        """`settings` of the server go over the product's."""
        self.folder = folder
        self._settings = settings
        self._running: embedded.EmbeddedPostgres | None = None

    @property
    def dsn(self) -> str:
        """Address of its database."""
        return self._now().dsn()

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self._now().pid

    @property
    def alive(self) -> bool:
        """It runs."""
        return self._running is not None and self._running.alive

    async def start(self) -> None:
        """Start it, or start it again over the same data."""
        self._running = await embedded.start(self.folder, settings=self._settings)

    async def kill(self) -> None:
        """`kill -9` of all its processes at once."""
        self._now().kill()

    async def stop(self) -> None:
        """Shut it down."""
        if self._running is not None:
            await self._running.stop()

    def _now(self) -> embedded.EmbeddedPostgres:
        assert self._running is not None
        return self._running


class Server:
    """A real process of the market, `ortoo serve` or a part of it. It may be killed and started again over the same data."""

    def __init__(
        self, folder: Path, dsn: str, *, command: str = "serve", name: str = "server", more: Mapping[str, str] = {}
    ) -> None:
        """`more` settings go over those of every load test; its log is NAME.log in `folder`."""
        self._folder = folder
        self.command = command
        self.name = name
        self.environment = {**SETTINGS, "ORTOO_DATABASE_URL": dsn, "ORTOO_DATA_DIR": str(folder / "data"), **more}
        self.ready_s = READY_S
        self._child: Child | None = None
        self.http_port = 0
        self.live_port = 0

    @property
    def pid(self) -> int:
        """Process id now."""
        assert self._child is not None
        return self._child.pid

    def live_url(self) -> str:
        """Return where rooms are now."""
        return f"ws://127.0.0.1:{self.live_port}/live"

    @property
    def log(self) -> Path:
        """Where it writes its log."""
        return self._folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start it and wait until it takes bids; the ports stay what they were the first time."""
        environment = dict(self.environment)
        if self.http_port:
            environment |= {"ORTOO_HTTP_PORT": str(self.http_port), "ORTOO_LIVE_PORT": str(self.live_port)}
        self._child = await Child.start("gateway.cli", [self.command], log=self.log, environment=environment)
        ports = await self._child.ready(self.ready_s)
        self.http_port, self.live_port = int(ports.get("http", 0)), int(ports.get("live", 0))

    async def kill(self) -> None:
        """`kill -9`."""
        assert self._child is not None
        await self._child.kill()

    async def stop(self) -> None:
        """Ask it to drain and end."""
        if self._child is not None:
            await self._child.stop()


class Stand:
    """PostgreSQL, the server over it, and a look into the log."""

    def __init__(self, postgres: Postgres, server: Server) -> None:
        self.postgres = postgres
        self.server = server

    async def read_log(self, lots: Sequence[str]) -> list[LogRow]:
        """Read all rows of these lots."""
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            show = Vault(read_log_key(Path(self.server.environment["ORTOO_DATA_DIR"]) / "log.key")).show_body
            return await read_log(connection, lots, show)
        finally:
            await connection.close()

    async def count_decisions(self) -> tuple[int, int]:
        """Return how many accepted and refused bids the whole log holds."""
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            rows = await connection.fetch("SELECT type, count(*) FROM event GROUP BY type")
        finally:
            await connection.close()
        counts = {row["type"]: int(row["count"]) for row in rows}
        return counts.get(BID_ACCEPTED, 0), counts.get(BID_REJECTED, 0)


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Start PostgreSQL and the server under `folder`; take both down afterwards."""
    postgres = Postgres(folder / "postgres")
    await postgres.start()
    try:
        server = Server(folder, postgres.dsn)
        try:
            await server.start()
            yield Stand(postgres, server)
        finally:
            await server.stop()
    finally:
        await postgres.stop()
