"""PostgreSQL with a synchronous standby, each behind a proxy, and the ways in which it breaks."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal import embedded
from loadtests.faults.proxy import Proxy
from loadtests.machine import family
from loadtests.stand import Postgres

STANDBY: Final = "ortoo_standby"
CAUGHT_UP_S: Final = 60.0
FULL_BYTES: Final = 8_192
"""No file may grow beyond this while the disk is full: every extension of a table and every write to the log of changes fails."""
SETTINGS: Final = {"max_connections": "200", "wal_level": "replica", "max_wal_senders": "5", "hot_standby": "on"}


class Database:
    """A primary and, if asked for, a standby that every commit waits for."""

    def __init__(self, folder: Path, *, standby: bool) -> None:
        self._folder = folder
        self._wants_standby = standby
        self._built = 0
        self.primary = Postgres(folder / "database-0", SETTINGS)
        self.standby: Postgres | None = None
        self.proxies = [Proxy("") for _ in range(2 if standby else 1)]
        """One address for each place; which of them is the primary changes with a fail-over."""
        self._at = 0

    @property
    def dsn(self) -> str:
        """Address of whichever server takes writes, through the proxies."""
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)
        return f"postgresql://{embedded.USER}@{hosts}/{embedded.USER}?target_session_attrs=read-write"

    @property
    def proxy(self) -> Proxy:
        """The line to the primary."""
        return self.proxies[self._at]

    async def start(self) -> None:
        """Start the primary, then the standby."""
        await self.primary.start()
        self.proxies[0].target = _socket_of(self.primary)
        for proxy in self.proxies:
            await proxy.start()
        if self._wants_standby:
            await self._build_standby()

    async def stop(self) -> None:
        """Stop everything."""
        for proxy in self.proxies:
            await proxy.stop()
        for server in (self.standby, self.primary):
            if server is not None and server.alive:
                await server.stop()

    async def crash(self) -> None:
        """`kill -9` of the primary and start it again over its data."""
        await self.primary.kill()
        await self.primary.start()
        self.proxy.target = _socket_of(self.primary)

    async def fail_over(self) -> None:
        """`kill -9` of the primary, for good, and promotion of the standby."""
        assert self.standby is not None
        await self.primary.kill()
        await _execute(self.standby.dsn, "SELECT pg_promote(true, 60)")
        self.primary, self.standby = self.standby, None
        self._at = 1 - self._at

    async def rebuild(self) -> None:
        """Give the primary a standby again where it lost its own."""
        if self._wants_standby and self.standby is None:
            await self._build_standby()

    def fill_disk(self) -> None:
        """Let no file of the primary grow."""
        self._limit_files(FULL_BYTES)

    async def free_disk(self) -> None:
        """Let files grow again; start the primary if it died of it."""
        self._limit_files(resource.RLIM_INFINITY)
        await asyncio.sleep(0.2)  # a server in the middle of dying is not up
        if self.primary.alive:
            self._limit_files(resource.RLIM_INFINITY)
        else:
            await self.primary.start()
            self.proxy.target = _socket_of(self.primary)

    def pause(self) -> None:
        """SIGSTOP to all processes of the primary."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    async def _build_standby(self) -> None:
        await _execute(self.primary.dsn, "ALTER SYSTEM RESET synchronous_standby_names")
        await _execute(self.primary.dsn, "SELECT pg_reload_conf()")
        self._built += 1
        folder = self._folder / f"database-{self._built}"
        folder.mkdir(mode=0o700)
        command = [
            str(embedded.find_binaries() / "pg_basebackup"), "-d", f"{self.primary.dsn}&application_name={STANDBY}",
            "-D", str(folder / "data"), "-c", "fast", "-X", "stream", "-R",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, told = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"pg_basebackup: {told.decode()}")
        self.standby = Postgres(folder, SETTINGS)
        await self.standby.start()
        self.proxies[1 - self._at].target = _socket_of(self.standby)
        await self._attached()
        await _execute(self.primary.dsn, f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
        await _execute(self.primary.dsn, "SELECT pg_reload_conf()")

    async def _attached(self) -> None:
        connection = await asyncpg.connect(self.primary.dsn)
        try:
            async with asyncio.timeout(CAUGHT_UP_S):
                while not await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
                ):
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    def _limit_files(self, most_bytes: int) -> None:
        for pid in family(self.primary.pid):
            try:
                hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, hard))
            except ProcessLookupError:
                continue

    def _signal(self, number: int) -> None:
        for pid in family(self.primary.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def remove_old(self) -> None:
        """Delete the data of servers that were given up."""
        kept = {self.primary.folder, *([self.standby.folder] if self.standby else [])}
        for folder in self._folder.glob("database-*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _socket_of(server: Postgres) -> str:
    return f"{server.dsn.partition('host=')[2]}/.s.PGSQL.5432"


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
