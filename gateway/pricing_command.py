"""`ortoo pricing`: the process that works quotes out, beside the market; and `ortoo pricing recompute QUOTE`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from gateway.children import end_with_parent
from gateway.config import Config, ConfigurationInvalid, read_config
from gateway.http.logs import set_up_logs
from pricing.client import PricingAway, PricingClient, PricingRefused

THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
RECOMPUTE_WAIT_S: Final = 600.0
NICE: Final = 5
"""Bids come first when both want the processor."""


def main(arguments: Sequence[str]) -> int:
    """Run the process until SIGTERM or SIGINT, or make one quote again; 1 when that fails, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="ortoo pricing", description=__doc__)
    parser.add_argument("--child", action="store_true", help="end when the standard input ends: the parent is gone")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    again = commands.add_parser("recompute", help="make a stored quote again and compare every byte")
    again.add_argument("quote", help="id of the quote, q…")
    options = parser.parse_args(arguments)
    try:
        config = read_config()
    except ConfigurationInvalid as problem:
        print(f"ortoo pricing: {problem}", file=sys.stderr)
        return 2
    if options.command == "recompute":
        return asyncio.run(_recompute(config, options.quote))
    return _serve(config, child=options.child)


def _serve(config: Config, *, child: bool) -> int:
    if config.database_url is None:
        print(
            "ortoo pricing: set ORTOO_DATABASE_URL to the market's database; `ortoo serve` and `ortoo demo` start this"
            " process themselves",
            file=sys.stderr,
        )
        return 2
    set_up_logs(config.log_format, config.log_level)
    os.nice(NICE)
    for name in THREADS:  # before numpy is imported: results must not depend on the machine
        os.environ[name] = "1"
    import asyncpg

    from engine.journal.postgres import claim_key
    from engine.journal.secrecy import LogKeyUnusable, Vault, read_log_key
    from pricing.process import run

    async def work() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        if child:
            await end_with_parent(stopping)
        assert config.database_url is not None, "checked above"
        dsn, log_key = config.database_url.get_secret_value(), read_log_key(config.log_key_path)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            await claim_key(pool, log_key)
        await run(
            dsn,
            config.data_dir,
            ready=lambda: None if child else print(json.dumps({"pricing": os.getpid()}), flush=True),
            stopping=stopping,
            secrecy=Vault(log_key),
        )

    try:
        asyncio.run(work())
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, LogKeyUnusable) as problem:
        print(f"ortoo pricing: {problem}", file=sys.stderr)
        return 1
    return 0


async def _recompute(config: Config, quote_id: str) -> int:
    client = PricingClient(config.data_dir, RECOMPUTE_WAIT_S)
    try:
        found = await client.ask("recompute", quote=quote_id)
    except PricingAway:
        print("ortoo pricing: the pricing process does not answer: start it", file=sys.stderr)
        return 1
    except PricingRefused as refused:
        print(f"ortoo pricing: {quote_id}: {refused.code}", file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0 if found["same"] else 1
