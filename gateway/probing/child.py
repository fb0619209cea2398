"""Keeps a prober running beside `ortoo serve` and `ortoo demo`: a process of its own that ends with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway.config import Config

AGAIN_S: Final = 5.0
END_S: Final = 10.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def probing(config: Config) -> AsyncIterator[None]:
    """Run a prober until the block ends; one that ends by itself is started again.

    Args:
        config: The market's, with the ports in use. `probe_minutes` 0: none is started, somebody else runs it.
    """
    if config.probe_minutes == 0:
        yield
        return
    keeping = asyncio.create_task(_keep(config))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep(config: Config) -> None:
    environment = {
        **os.environ,
        "ORTOO_DATA_DIR": str(config.data_dir),
        "ORTOO_PROBE_URL": config.probe_url or config.public_address,
        "ORTOO_LOG_FORMAT": config.log_format,
        "ORTOO_LOG_LEVEL": config.log_level,
    }
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "probe", "--child", env=environment, stdin=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            log.error("prober_ended", extra={"status": await process.wait()})
        finally:
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
