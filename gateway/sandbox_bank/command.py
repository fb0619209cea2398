"""`ortoo sandbox-bank`: runs the sandbox bank as a process of its own, or inside another one for tests."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.bank.signing import SecretUnusable, shared_secret
from gateway.sandbox_bank.books import Books
from gateway.sandbox_bank.sending import Sender
from gateway.sandbox_bank.site import build_app


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox bank."""

    url: str
    books: Books


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 1 when it cannot start, with the reason."""
    parser = argparse.ArgumentParser(prog="ortoo sandbox-bank", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; others than this machine may then pay"
    )
    parser.add_argument("--data", type=Path, default=Path("var/sandbox-bank.sqlite"), help="file of the bank's books")
    parser.add_argument(
        "--secret-file", type=Path, default=Path("var/bank.secret"), help="secret shared with the market"
    )
    parser.add_argument(
        "--callback", default="http://127.0.0.1:8080/api/v1/bank/callbacks", help="where callbacks are sent"
    )
    parser.add_argument(
        "--no-automatic-callbacks", action="store_true", help="send callbacks only on POST /admin/deliver"
    )
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except (OSError, SecretUnusable) as problem:
        print(f"ortoo sandbox-bank: {problem}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with open_bank(
        options.data,
        shared_secret(options.secret_file),
        options.callback,
        host=options.host,
        port=options.port,
        automatic=not options.no_automatic_callbacks,
    ) as bank:
        print(json.dumps({"url": bank.url}), flush=True)
        await stopping.wait()


@asynccontextmanager
async def open_bank(
    data: Path,
    secret: bytes,
    callback_url: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    automatic: bool = True,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
) -> AsyncIterator[Sandbox]:
    """Yield a running sandbox bank.

    Args:
        data: File of its books.
        secret: Shared with the market.
        callback_url: Where callbacks go.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        automatic: Send callbacks when they are due; otherwise only on demand.
        now_us: The bank's clock.

    Raises:
        OSError: the port is taken or the file cannot be used.
    """
    books = Books(data, now_us)
    sender = Sender(books, callback_url, secret)
    await sender.start()
    runner = web.AppRunner(build_app(books, sender, secret), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    following = asyncio.create_task(sender.follow()) if automatic else None
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        used = runner.addresses[0][1]
        yield Sandbox(f"http://{host}:{used}", books)
    finally:
        if following is not None:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        await runner.cleanup()
        await sender.stop()
        books.close()
