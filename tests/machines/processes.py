"""`ortoo engine` and `ortoo gateway` as processes of a test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

WITHIN_S = 90.0
SETTINGS = {
    "ORTOO_HTTP_PORT": "0",
    "ORTOO_LIVE_PORT": "0",
    "ORTOO_ENGINE_PORT": "0",
    "ORTOO_BIDS_PER_SECOND": "10000",
    "ORTOO_BIDS_BURST": "100000",
    "ORTOO_FRAMES_PER_SECOND": "10000",
    "ORTOO_FRAMES_BURST": "100000",
    "ORTOO_DRAIN_SECONDS": "0",
    "ORTOO_DATABASE_CONNECTIONS": "4",
    "ORTOO_PRICING_PROCESS": "0",
    "ORTOO_PROBE_MINUTES": "0",
    "ORTOO_LOG_LEVEL": "error",
}


class Running:
    """One process; it can be killed and started again."""

    def __init__(self, command: str, dsn: str, redis_url: str, directory: Path, **more: str) -> None:
        self.command = command
        self.said: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._environment = {
            **os.environ, **SETTINGS, "ORTOO_DATABASE_URL": dsn, "ORTOO_REDIS_URL": redis_url, "ORTOO_DATA_DIR": str(directory),
            "ORTOO_LOG_KEY_FILE": str(directory / "log.key"), **more,
        }  # fmt: skip

    async def start(self) -> None:
        """Start it; returns when it says that it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", self.command, env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{"):
                    self.said = json.loads(line)
                    return
        raise RuntimeError(f"ortoo {self.command} did not start")

    @property
    def running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def kill(self) -> None:
        """`kill -9`."""
        self.running.kill()
        await self.running.wait()

    async def stop(self) -> int:
        """SIGTERM; return the exit status."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WITHIN_S):
                await self._process.wait()
        return self.running.returncode or 0
