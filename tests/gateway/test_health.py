"""Health, metrics, logs; how the process comes up, goes down and survives its database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from engine.evidence.receipts import public_key_text
from engine.journal.secrecy import LogKeyUnusable
from gateway.accounts.model import Role
from gateway.cli import main
from gateway.config import read_config, variable_of
from gateway.errors import ERRORS
from gateway.http.health import readiness
from gateway.http.metrics import Metrics
from gateway.serve import running
from gateway.signing_key import KeyUnusable, signing_key
from tests.gateway.conftest import PASSWORD, Town, market_config, wish

ROOT = Path(__file__).resolve().parents[2]


# Readiness.


async def test_a_market_that_runs_is_ready(town: Town):
    anyone = await town.person(None)
    assert await anyone.get("/livez") == (200, {"alive": True})
    assert await anyone.get("/readyz") == (200, {"ready": True, "database": True, "engine": True, "draining": False})


async def test_a_market_that_drains_takes_nothing_new_and_still_answers(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    town.services.draining.set()
    status, answer = await bidder.get("/readyz")
    assert (status, answer["draining"]) == (503, True)
    status, answer = await bidder.post(f"/api/v1/lots/{lot}/bids", wish(amount="1000"))
    assert (status, answer["code"], answer["retry"]) == (503, "draining", "same_id")
    assert (await bidder.get(f"/api/v1/lots/{lot}"))[0] == 200


async def test_without_its_database_a_market_is_alive_and_not_ready(town: Town):
    anyone = await town.person(None)
    await town.services.pool.close()
    assert (await anyone.get("/livez"))[0] == 200
    status, answer = await anyone.get("/readyz")
    assert (status, answer["database"]) == (503, False)


async def test_without_its_engine_a_market_is_not_ready(town: Town):
    await town.services.engine.stop()
    found = await readiness(town.services)
    assert (found.ready, found.database, found.engine) == (False, True, False)
    bidder, lot = await town.person(Role.BIDDER), "a1"
    status, answer = await bidder.post(f"/api/v1/lots/{lot}/bids", wish(amount="1"))
    assert status in (404, 503), answer


# Metrics.


async def metrics_of(town: Town) -> str:
    operator = await town.person(Role.OPERATOR)
    async with operator.http.get(operator.base + "/metrics", headers=operator.headers) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return await response.text()


async def test_commands_are_counted_by_outcome(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await bidder.post(f"/api/v1/lots/{lot}/admission", wish())
    await bidder.post(f"/api/v1/lots/{lot}/bids", wish(amount="1000"))
    await bidder.post(f"/api/v1/lots/{lot}/bids", wish(amount="1"))
    text = await metrics_of(town)
    assert 'ortoo_commands_total{outcome="accepted",verb="bid"} 1.0' in text
    assert 'ortoo_commands_total{outcome="already_leading",verb="bid"} 1.0' in text
    assert 'ortoo_http_requests_total{method="POST",route="/api/v1/lots/{lot}/bids",status="200"} 1.0' in text
    assert "ortoo_commit_batch_size_count" in text
    assert "ortoo_ws_connections 0.0" in text


async def test_labels_are_closed_sets_whatever_strangers_ask_for(town: Town):
    anyone = await town.person(None)
    for path in ("/evil-one", "/api/v1/lots/evil-two", "/api/v1/evil-three"):
        await anyone.get(path)
    async with anyone.http.request("EVIL", anyone.base + "/livez"):
        pass
    assert "evil" not in (await metrics_of(town)).lower()


def test_an_outcome_that_is_no_code_is_a_mistake():
    metrics = Metrics()
    for code in ("accepted", *ERRORS):
        metrics.command("bid", code, 0.1)
    with pytest.raises(AssertionError):
        metrics.command("bid", "lot-a1", 0.1)
    with pytest.raises(AssertionError):
        metrics.command("p0123456789abcdef", "accepted", 0.1)


async def test_the_lag_of_the_loop_is_measured(town: Town):
    async with asyncio.timeout(60):
        while "ortoo_event_loop_lag_seconds_count 0.0" in await metrics_of(town):
            await asyncio.sleep(0.05)


# The signing key.


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path):
    path = tmp_path / "deep" / "signing.key"
    first = public_key_text(signing_key(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key_text(signing_key(path)) == first
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        signing_key(path)


def test_a_broken_key_is_not_replaced_by_a_new_one(tmp_path: Path):
    path = tmp_path / "signing.key"
    path.write_bytes(b"half")
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="back-up"):
        signing_key(path)
    assert path.read_bytes() == b"half"


# The process.


def _as_text(value: object) -> str:
    """Write a setting as its variable holds it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@asynccontextmanager
async def process(dsn: str, directory: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m gateway.cli …` with the configuration of a test market."""
    config = market_config(dsn, directory).model_dump(exclude={"database_url", "public_origins"}, exclude_none=True)
    environment = {variable_of(name): _as_text(value) for name, value in config.items()} | {"ORTOO_DATABASE_URL": dsn}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *arguments, cwd=ROOT, env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def ready_line(child: asyncio.subprocess.Process) -> dict[str, Any]:
    assert child.stdout is not None
    async with asyncio.timeout(30):
        line = await child.stdout.readline()
    assert line, (await child.stderr.read()).decode() if child.stderr else ""
    return dict(json.loads(line))


async def test_the_process_says_where_it_listens_and_drains_when_told(fresh_database: str, tmp_path: Path):
    async with process(fresh_database, tmp_path, "serve") as child:
        ports = await ready_line(child)
        assert ports["pid"] == child.pid
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{ports['http']}/readyz") as response:
            assert response.status == 200
        async with (
            websockets.connect(f"ws://127.0.0.1:{ports['live']}/live", compression=None) as fast,
            websockets.connect(f"ws://127.0.0.1:{ports['http']}/live", compression=None) as fallback,
        ):
            for room in (fast, fallback):
                assert json.loads(await room.recv())["t"] == "welcome"
            child.send_signal(signal.SIGTERM)
            for room in (fast, fallback):
                async with asyncio.timeout(60):
                    await room.wait_closed()
                assert room.close_code == 4412
        async with asyncio.timeout(60):
            _, errors = await child.communicate()
        assert child.returncode == 0, errors.decode()
        events = [json.loads(line)["event"] for line in errors.decode().splitlines()]
        assert events[-1] == "stopped"


async def test_a_market_with_another_key_of_the_log_does_not_start(fresh_database: str, tmp_path: Path):
    """It could read no lot; a new key is never taken in the place of the right one."""
    async with running(market_config(fresh_database, tmp_path / "one")):
        pass
    with pytest.raises(LogKeyUnusable, match=r"restore log\.key"):
        async with running(market_config(fresh_database, tmp_path / "two")):
            pass


async def test_a_second_engine_on_the_same_log_ends_the_first(fresh_database: str, tmp_path: Path):
    """What the first had not committed is not in the log, and it says so instead of serving on."""
    fenced = asyncio.Event()
    async with (
        running(market_config(fresh_database, tmp_path / "one"), on_end=fenced.set) as first,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        town = Town(first, http)
        bidder, lot = await town.person(Role.BIDDER), await town.lot()
        log_key = first.config.log_key_path  # the same on every machine
        async with running(market_config(fresh_database, tmp_path / "two", log_key_file=log_key)) as second:
            status, answer = await bidder.post(f"/api/v1/lots/{lot}/admission", wish())
            assert (status, answer["retry"]) == (504, "same_id")
            async with asyncio.timeout(60):
                await fenced.wait()
            assert not (await readiness(first)).ready
            assert (await readiness(second)).ready
            assert [r.type for r in await second.reader.lot_events(lot)] == ["lot.published", "lot.opened"]


def test_a_wrong_call_is_refused():
    with pytest.raises(SystemExit) as usage:
        main(["no-such-command"])
    assert usage.value.code == 2


async def test_a_market_that_cannot_start_says_why(fresh_database: str, tmp_path: Path):
    async with process(fresh_database + "_gone", tmp_path, "serve") as child:
        out, errors = await child.communicate()
    assert child.returncode == 1
    assert out == b""
    assert errors.decode().splitlines()[-1].startswith("ortoo serve: ")
    assert "Traceback" not in errors.decode()


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("ORTOO_HTTP_PORT", "eighty")
    assert main(["serve"]) == 2
    assert "ORTOO_HTTP_PORT" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("ortoo 0.")


async def test_accounts_are_made_on_the_command_line_beside_a_running_market(fresh_database: str, tmp_path: Path):
    async def admin(*arguments: str, given: str = "") -> tuple[int | None, str, str]:
        async with process(fresh_database, tmp_path / "admin", "admin", *arguments) as child:
            out, errors = await child.communicate(given.encode())
        return child.returncode, out.decode(), errors.decode()

    async with running(market_config(fresh_database, tmp_path)) as services:
        code, out, _ = await admin("create-account", "Chief", "--role", "operator", given=PASSWORD + "\n")
        assert (code, json.loads(out)["role"]) == (0, "operator")
        assert (await admin("create-account", "chief", given=PASSWORD + "\n"))[::2] == (1, "ortoo admin: name_taken\n")
        assert (await admin("create-account", "weak", given="x\n"))[
            2
        ] == "ortoo admin: weak_password problem=too_short\n"
        session = await services.accounts.log_in("chief", PASSWORD, "192.0.2.1")
        _, out, _ = await admin("create-token", "chief", "--scopes", "desk", "read")
        caller = await services.accounts.identities.by_token(json.loads(out)["secret"])
        assert caller is not None
        told = asyncio.Event()
        services.accounts.identities.subscribe_revocations(lambda revocation: told.set())
        assert (await admin("disable", "chief"))[0] == 0
        async with asyncio.timeout(30):
            await told.wait()
        assert await services.accounts.identities.by_session(session.id) is None
        _, out, _ = await admin("list")
        assert json.loads(out)["disabled"] is True
        assert (await admin("disable", "nobody"))[0] == 1


def _postmaster(lock: Path) -> int | None:
    """The process id in PostgreSQL's lock file, None while there is none."""
    try:
        return int(lock.read_text().splitlines()[0])
    except (OSError, IndexError):
        return None


async def test_a_market_brings_its_database_and_keeps_it_up(tmp_path: Path):
    """Embedded: started, killed with -9 under the running market, started again, stopped at the end."""
    config = read_config(
        {}, data_dir=tmp_path, http_port=0, live_port=0, drain_seconds=0, password_time_cost=1, password_memory_kib=64
    )
    lock = tmp_path / "postgres" / "data" / "postmaster.pid"
    async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        town = Town(services, http)
        bidder, lot = await town.person(Role.BIDDER), await town.lot()
        await bidder.post(f"/api/v1/lots/{lot}/admission", wish())
        assert (await bidder.post(f"/api/v1/lots/{lot}/bids", wish(amount="1000")))[0] == 200
        killed = _postmaster(lock)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        sent = wish(amount="9999", maximum="10000")
        async with asyncio.timeout(60):
            while _postmaster(lock) in (None, killed) or not (await readiness(services)).ready:
                await asyncio.sleep(0.05)
            # In doubt or busy at first, as the engine finds its connection gone: the same id is sent until it is answered.
            retry: Any = "same_id"
            while retry == "same_id":
                status, answer = await bidder.post(f"/api/v1/lots/{lot}/bids", sent)
                retry = answer.get("retry")
        assert (status, answer["code"]) == (409, "already_leading")
        _, view = await bidder.get(f"/api/v1/lots/{lot}")
        assert view["live"]["price"] == "1000"
    assert not lock.exists()
