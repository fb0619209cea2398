"""The sandbox bank of the demonstration: a process of its own beside the market, with an account for each demonstration buyer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from gateway.config import Config

START_S: Final = 30.0
BALANCE_FEN: Final = 5_000_000_00
"""Five million yuan each: enough for any demonstration deposit."""
FIRST_ACCOUNT: Final = 6_200_000_000_000_001_001


def account_numbers(logins: list[str]) -> dict[str, str]:
    """Return the sandbox account of each demonstration buyer: always the same number for the same place in the list."""
    return {login: str(FIRST_ACCOUNT + place) for place, login in enumerate(logins)}


@asynccontextmanager
async def sandbox_bank(config: Config, port: int, buyers: Mapping[str, str]) -> AsyncIterator[None]:
    """Run the sandbox bank until the block ends.

    Args:
        config: The market's, with the ports in use.
        port: Where the bank listens.
        buyers: Name of each account by its number.

    Raises:
        OSError: it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "sandbox-bank", "--port", str(port),
        "--data", str(config.data_dir / "sandbox-bank.sqlite"), "--secret-file", str(config.bank_secret_path),
        "--callback", f"http://127.0.0.1:{config.http_port}/api/v1/bank/callbacks",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        url = await _address(process)
        async with aiohttp.ClientSession() as http:
            for number, name in buyers.items():
                account = {"number": number, "name": name, "balance_fen": BALANCE_FEN}
                async with http.post(f"{url}/admin/accounts", json=account) as answer:
                    answer.raise_for_status()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise OSError("the sandbox bank does not start")
    return str(json.loads(line)["url"])
