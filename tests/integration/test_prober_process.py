"""`ortoo serve` with its prober: two processes. The looks are in the log, and a market that is killed leaves no prober behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import asyncpg

from engine.journal.codec import decode_event
from engine.rules.availability.probing import Place, Problem

WITHIN_S = 90


async def test_the_market_is_looked_at_from_outside_and_its_prober_ends_with_it(
    fresh_database: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ, "ORTOO_DATABASE_URL": fresh_database, "ORTOO_DATA_DIR": str(tmp_path), "ORTOO_HTTP_PORT": "0", "ORTOO_LIVE_PORT": "0",
        "ORTOO_LOG_LEVEL": "error", "ORTOO_PROBE_MINUTES": "1",
    }  # fmt: skip
    market = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "serve", env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert market.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            while "http" not in (said := json.loads(await market.stdout.readline())):
                pass
        assert said["pid"] == market.pid
        connection = await asyncpg.connect(fresh_database)
        async with asyncio.timeout(WITHIN_S):
            while (row := await connection.fetchrow("SELECT * FROM event WHERE type = 'probe.round'")) is None:
                await asyncio.sleep(0.1)
            sighting = decode_event(row["type"], row["version"], row["body"]).sightings[0]
            assert (sighting.place, sighting.problem, sighting.status) == (Place.BOARD, Problem.NONE, 200)
            children = _probers_of(market.pid)
            assert len(children) == 1
            market.send_signal(signal.SIGKILL)
            await market.wait()
            while _is_running(children[0]):
                await asyncio.sleep(0.1)
        await connection.close()
    finally:
        if market.returncode is None:
            market.kill()
            await market.wait()


def _probers_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"\0probe\0" in line:
            found.append(int(entry.name))
    return found


def _is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
