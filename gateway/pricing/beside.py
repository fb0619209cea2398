"""The pricing process beside the market. The market never waits for it and trades without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.children import kept_running
from gateway.config import Config
from pricing.client import PricingClient
from pricing.store import PricingStore


@dataclass
class Pricing:
    """Where quotes are asked for and read. `dsn` is the database of the process."""

    client: PricingClient
    store: PricingStore
    dsn: str
    running: bool = False
    """The child lives; it may still be fitting its first model."""


@asynccontextmanager
async def pricing_beside(config: Config, pricing: Pricing) -> AsyncIterator[None]:
    """Keep the process up until the block ends; with `pricing_process` off somebody else runs it, or nobody."""
    if not config.pricing_process:
        yield
        return

    def tell(running: bool) -> None:
        pricing.running = running

    environment = {
        "ORTOO_DATABASE_URL": pricing.dsn,
        "ORTOO_DATA_DIR": str(config.data_dir),
        "ORTOO_LOG_KEY_FILE": str(config.log_key_path),
        "ORTOO_LOG_FORMAT": config.log_format,
        "ORTOO_LOG_LEVEL": config.log_level,
    }
    async with kept_running(("pricing", "--child"), environment, tell):
        yield
