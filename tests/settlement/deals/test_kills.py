"""kill -9 of the settlement worker, a real process of its own, at every step of a deal: it goes on where it stood and the ledger balances."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from settlement.deals.phases import Phase
from tests.settlement.conftest import START_US
from tests.settlement.deals.conftest import DealHouse
from tests.settlement.deals.kill_worker import BAD, GOOD, PAID_FEN, POINTS


@pytest.mark.slow
async def test_a_worker_killed_at_every_step_goes_on_and_the_ledger_balances(
    house: DealHouse, fresh_database: str
) -> None:
    for lot in ("good", "bad"):
        await house.sell_lot(lot)
    command = (sys.executable, "-m", "tests.settlement.deals.kill_worker", fresh_database, str(START_US))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    out, trouble = await process.communicate()
    assert process.returncode == 0, trouble.decode()
    lives = dict(line.rsplit(" ", 1) for line in out.decode().splitlines())
    wanted = {
        f"{deal} {name}:{place}" for deal, names in POINTS.items() for name in names for place in ("before", "after")
    }
    assert set(lives) == {*wanted, "end"}, trouble.decode()
    assert {life for life, end in lives.items() if end != "killed"} == {"end"}, (lives, trouble.decode())
    assert lives["end"] == "0"
    good, bad = await house.deal(GOOD), await house.deal(BAD)
    assert (good.phase, bad.phase) == (Phase.ARCHIVED, Phase.DEFAULTED)
    assert bad.shortfall_fen == 20_000_000
    paid = await house.pool.fetch("SELECT kind, amount_fen, state FROM payout ORDER BY kind, amount_fen")
    assert [(row["kind"], row["amount_fen"], row["state"]) for row in paid] == [
        ("damages", 20_000_000, "settled"), ("price", 300_000_000, "settled"), ("price_refund", PAID_FEN - 20_000_000, "settled"),
    ]  # fmt: skip
    assert await house.balances() == {}
    await house.sound()
