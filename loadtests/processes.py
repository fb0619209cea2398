"""Child processes of a load test: start, learn their port, pin them, end them. Only what was started here is
ever ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from loadtests.machine import pin

ROOT: Final = Path(__file__).parent.parent
LINE_MAX: Final = 1 << 20


class StartFailed(Exception):
    """A child process ended, or did not say where it listens in time."""


class Child:
    """A running child process that prints a line of JSON when it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log
        self.pid = process.pid

    @classmethod
    async def start(
        cls, module: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start `python -m module`; its errors go to `log`."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments, cwd=ROOT, env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=LINE_MAX,
            )  # fmt: skip
        return cls(process, log)

    async def ready(self, limit_s: float = 60) -> dict[str, Any]:
        """Return the first line of JSON that the child prints.

        Raises:
            StartFailed: none came; the message holds the end of its log.
        """
        try:
            async with asyncio.timeout(limit_s):
                while line := await self._line():
                    if line.startswith(b"{"):
                        answer: dict[str, Any] = msgspec.json.decode(line)
                        return answer
        except TimeoutError:
            pass
        raise StartFailed(f"pid {self.pid} did not get ready within {limit_s:.0f} s:\n{self.log.read_text()[-2000:]}")

    async def ask(self, line: str, limit_s: float) -> dict[str, Any]:
        """Send a line to the child's stdin and return its answer."""
        await self.tell(line)
        return await self.ready(limit_s)

    async def tell(self, line: str) -> None:
        """Send a line to the child's stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    def pin(self, cores: Iterable[int]) -> None:
        """Keep it on these cores."""
        pin(self.pid, cores)

    async def kill(self) -> None:
        """`kill -9`."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self, limit_s: float = 20) -> None:
        """Ask it to end, and make it."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._process.wait()
        await self.kill()

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._process.returncode is None

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        return await self._process.stdout.readline()
