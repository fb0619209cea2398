"""Keeps a prober running beside `ortoo serve` and `ortoo demo`: a process of its own that ends with its parent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.children import kept_running
from gateway.config import Config


@asynccontextmanager
async def probing(config: Config) -> AsyncIterator[None]:
    """Run a prober until the block ends; one that ends by itself is started again.

    Args:
        config: The market's, with the ports in use. `probe_minutes` 0: none is started, somebody else runs it.
    """
    if config.probe_minutes == 0:
        yield
        return
    environment = {
        "ORTOO_DATA_DIR": str(config.data_dir),
        "ORTOO_PROBE_URL": config.probe_url or config.public_address,
        "ORTOO_LOG_FORMAT": config.log_format,
        "ORTOO_LOG_LEVEL": config.log_level,
    }
    async with kept_running(("probe", "--child"), environment):
        yield


async def probe_for_ever(config: Config) -> None:
    """Keep a prober running until this is cancelled, see `probing`."""
    async with probing(config):
        await asyncio.get_running_loop().create_future()
