"""The reference receiver as a real second process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp

from gateway.registrar.keys import Keys, added, write_keys

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    """A port that nobody uses now; the receiver comes back on the same after it was killed."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Receiver:
    """Starts, kills and asks the process; its books survive."""

    def __init__(self, directory: Path, port: int, *arguments: str, scheme: str = "http") -> None:
        self.keys_file = directory / "keys.json"
        if not self.keys_file.exists():
            write_keys(self.keys_file, added(Keys(()), "k1", 0))
        self.port, self.scheme, self._arguments = port, scheme, arguments
        self._data = directory / "receiver.sqlite"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "reference-receiver", "--port", str(self.port), "--data", str(self._data),
            "--keys-file", str(self.keys_file), *self._arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            assert json.loads(await self._process.stdout.readline())["url"]

    async def kill(self) -> None:
        """kill -9, as a power failure does."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            async with asyncio.timeout(30):
                await self._process.wait()

    async def overview(self) -> dict[str, Any]:
        connector = aiohttp.TCPConnector(ssl=False)
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.get(f"{self.url}/overview.json") as response,
        ):
            found: dict[str, Any] = await response.json()
            return found
