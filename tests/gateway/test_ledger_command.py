"""The ledger on the command line, the money in `ortoo verify`, and what is counted for the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from gateway import cli
from gateway.ledger_command import yuan
from gateway.verify_command import main as verify
from tests.settlement.conftest import Clock, House


@pytest.fixture
async def stocked(fresh_database: str) -> str:
    """A database with one held deposit; returns its address."""
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        await House(pool, Clock()).held()
    return fresh_database


def ask(monkeypatch: pytest.MonkeyPatch, dsn: str, *arguments: str) -> int:
    monkeypatch.setenv("ORTOO_DATABASE_URL", dsn)
    return cli.main(["admin", "ledger", *arguments])


def in_thread(work: Callable[[], Any]) -> Any:
    """Commands have an event loop of their own."""
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(60)


async def test_the_trial_balance_and_a_statement(
    stocked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_thread(lambda: ask(monkeypatch, stocked, "trial-balance")) == 0
    printed = capsys.readouterr().out
    assert "deposit_held" in printed and "-300000.00" in printed
    assert in_thread(lambda: ask(monkeypatch, stocked, "trial-balance", "--at", "2020-01-01T00:00", "--json")) == 0
    assert '"debit_fen":0' in capsys.readouterr().out
    assert in_thread(lambda: ask(monkeypatch, stocked, "trial-balance", "--at", "yesterday")) == 2
    assert in_thread(lambda: ask(monkeypatch, stocked, "statement", "--deposit", "d1")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("entry,time,fact") and len(lines) == 4
    assert in_thread(lambda: ask(monkeypatch, stocked, "statement")) == 2


async def test_verify_looks_at_the_money_too(stocked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert in_thread(lambda: verify(["--database", stocked])) == 0
    assert "2 ledger entries, 1 deposits" in capsys.readouterr().out
    connection = await asyncpg.connect(stocked)
    await connection.execute("ALTER TABLE deposit_event DISABLE TRIGGER USER")
    await connection.execute("UPDATE deposit_event SET actor = 'somebody else' WHERE seq = 2")
    await connection.close()
    assert in_thread(lambda: verify(["--database", stocked])) == 1
    assert "BAD  deposit d1: event 2 was changed or is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (-1, "-0.01"), (123_450, "1234.50"), (10**17, "1" + "0" * 15 + ".00")]
)
def test_fen_are_written_as_yuan_exactly(fen: int, text: str) -> None:
    assert yuan(fen) == text
