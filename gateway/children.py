"""Processes beside `ortoo serve` and `ortoo demo`: each started again when it ends by itself, and ended with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

AGAIN_S: Final = 5.0
END_S: Final = 10.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def kept_running(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    on_running: Callable[[bool], None] = lambda running: None,
) -> AsyncIterator[None]:
    """Run `ortoo <arguments>` until the block ends.

    The child's standard input is a pipe that this process holds: it is told of our end by its end, whatever killed us.

    Args:
        arguments: Command and its arguments.
        environment: Variables besides this process's own.
        on_running: Hears when the child starts (true) and ends (false).
    """
    keeping = asyncio.create_task(_keep(arguments, {**os.environ, **environment}, on_running))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep(arguments: Sequence[str], environment: Mapping[str, str], on_running: Callable[[bool], None]) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", *arguments, env=environment, stdin=asyncio.subprocess.PIPE,
        )  # fmt: skip
        on_running(True)
        try:
            log.error("child_ended", extra={"command": arguments[0], "status": await process.wait()})
        finally:
            on_running(False)
            await _end(process)
        await asyncio.sleep(AGAIN_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def end_with_parent(stopping: asyncio.Event) -> None:
    """Set `stopping` when the standard input ends: the parent is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: _Ending(reader, stopping), sys.stdin)


class _Ending(asyncio.StreamReaderProtocol):
    """Sets an event when the other end of the pipe is gone."""

    def __init__(self, reader: asyncio.StreamReader, stopping: asyncio.Event) -> None:
        super().__init__(reader)
        self._stopping = stopping

    def eof_received(self) -> bool | None:
        self._stopping.set()
        return super().eof_received()
