"""`ortoo verify` over a database whose lots are hidden: with the key all of it, without or with another one a word, never a wrong verdict."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from gateway.accounts.model import Role
from gateway.serve import running
from gateway.verify_command import main
from tests.gateway.conftest import Town, market_config, wish


async def verify(*arguments: str) -> int:
    return await asyncio.to_thread(main, list(arguments))


async def test_verify_needs_the_key_and_finds_a_changed_byte_under_it(
    fresh_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORTOO_DATA_DIR", str(tmp_path / "elsewhere"))  # no key lies where verify looks by itself
    async with (
        running(market_config(fresh_database, tmp_path)) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        town = Town(services, http)
        lot, buyer = await town.lot("a1"), await town.person(Role.BIDDER)
        assert (await buyer.post(f"/api/v1/lots/{lot}/admission", wish()))[0] == 200
        assert (await buyer.post(f"/api/v1/lots/{lot}/bids", wish(maximum="5000")))[0] == 200
        key = services.config.log_key_path
    of_database = ("--database", fresh_database)
    capsys.readouterr()
    assert await verify(*of_database, "--log-key", str(key)) == 0
    assert "clean" in capsys.readouterr().out
    assert await verify(*of_database) == 2
    assert "--log-key FILE" in capsys.readouterr().err
    other = tmp_path / "other.key"
    other.write_bytes(os.urandom(32))
    other.chmod(0o600)
    for wrong in (other, tmp_path / "missing.key"):
        assert await verify(*of_database, "--log-key", str(wrong)) == 2
        assert "--log-key FILE" in capsys.readouterr().err
    monkeypatch.setenv("ORTOO_LOG_KEY_FILE", str(key))
    assert await verify(*of_database) == 0, "the configured key is found"
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
        changed = await connection.execute(
            "UPDATE event SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE type = 'lot.bid_accepted'"
        )
        assert changed == "UPDATE 1"
    finally:
        await connection.close()
    capsys.readouterr()
    assert await verify(*of_database) == 1
    assert "the content does not match its digest" in capsys.readouterr().out


async def test_the_pricing_process_refuses_another_key(fresh_database: str, tmp_path: Path) -> None:
    """It could read no outcome: it says so and ends, instead of learning nothing for ever."""
    async with running(market_config(fresh_database, tmp_path)):
        environment = {
            **os.environ, "ORTOO_DATABASE_URL": fresh_database, "ORTOO_DATA_DIR": str(tmp_path / "elsewhere"),
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "pricing", env=environment, stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(120):
            _, said = await process.communicate()
    assert process.returncode == 1 and b"restore log.key from the back-up" in said
