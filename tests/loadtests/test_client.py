"""Both load clients, in C and in Python, against the real echo process and against a server that
misbehaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from loadtests.client.driver import ClientFailed, Connection, LoadClient, compiled_client
from loadtests.processes import Child

CORES = range(64)
CLIENTS = ["c", "python"]


def program(kind: str) -> Path | None:
    """Return the compiled client or None for the Python one."""
    if kind == "python":
        return None
    compiled = compiled_client()
    if compiled is None:
        pytest.skip("no gcc here")
    return compiled


@asynccontextmanager
async def clients(kind: str, port: int, connections: int) -> AsyncIterator[LoadClient]:
    """A load client with that many connections, stopped afterwards."""
    client = await LoadClient.start(port, [Connection(None, "lot-a")] * connections, program=program(kind), cores=CORES)
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def echo(tmp_path: Path) -> AsyncIterator[int]:
    """The real echo process; yields its port."""
    child = await Child.start("loadtests.echo", [], log=tmp_path / "echo.log")
    try:
        yield (await child.ready())["live"]
    finally:
        await child.stop()


class Clerk(WSListener):
    """Answers bids as the test wants: `plan` says how, by the number of the bid."""

    def __init__(self, plan: dict[int, str]) -> None:
        """Keep the plan."""
        self._plan = plan
        self._number = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer one frame."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        message = msgspec.json.decode(frame.get_payload_as_bytes())
        if message["t"] == "join":
            self._send(transport, {"t": "snapshot", "lot": message["lot"], "seq": 7})
            self._send(transport, {"t": "change", "lot": message["lot"], "prev": 7, "seq": 9})
            self._send(transport, {"t": "change", "lot": message["lot"], "prev": 8, "seq": 10})
            return
        self._number += 1
        accepted = {"t": "accepted", "id": message["id"], "lot": message["lot"], "seq": self._number}
        refused = {
            "t": "rejected",
            "id": message["id"],
            "lot": message["lot"],
            "code": "late",
            "seq": self._number,
        }
        match self._plan.get(self._number, "accept"):
            case "accept":
                self._send(transport, accepted)
            case "refuse":
                self._send(transport, refused)
            case "undecided":
                self._send(transport, {**refused, "code": "busy", "seq": None})
            case "twice":
                self._send(transport, accepted)
                self._send(transport, accepted)
            case "error":
                self._send(transport, {"t": "error", "code": "rate_limited"})
            case "close":
                transport.disconnect()

    @staticmethod
    def _send(transport: WSTransport, message: dict[str, object]) -> None:
        transport.send(WSMsgType.TEXT, msgspec.json.encode(message))


@asynccontextmanager
async def clerks(plan: dict[int, str]) -> AsyncIterator[int]:
    """A server of clerks in this process; yields its port."""

    def accept(request: WSUpgradeRequest) -> WSListener:
        return Clerk(plan)

    server = await ws_create_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("kind", CLIENTS)
async def test_closed_loop_counts_every_echo_once(kind: str, tmp_path: Path) -> None:
    async with echo(tmp_path) as port, clients(kind, port, 20) as client:
        run = (await client.closed(0.2, settle=0.05)).checked()
    assert run.echoed == run.all == run.sent
    assert 20 < run.answers < run.all
    assert 0 < run.p50_us <= run.p99_us <= run.p999_us <= run.max_us < 5_000_000


@pytest.mark.parametrize("kind", CLIENTS)
async def test_open_loop_sends_what_was_scheduled(kind: str, tmp_path: Path) -> None:
    async with echo(tmp_path) as port, clients(kind, port, 5) as client:
        run = (await client.open(0.2, 500, settle=0.1, some=range(2, 4))).checked()
    assert run.sent in (150, 151)


@pytest.mark.parametrize("kind", CLIENTS)
async def test_answers_are_sorted_by_kind_and_logged(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "answers"
    async with clerks({2: "refuse", 3: "undecided"}) as port, clients(kind, port, 1) as client:
        run = (await client.open(0.1, 50, settle=0.0, log=log)).checked()
    assert (run.rejected, run.undecided, run.accepted) == (1, 1, run.sent - 2)
    assert run.codes == {"late": 1, "busy": 1}
    lines = log.read_bytes().splitlines()
    assert [msgspec.json.decode(line.partition(b" ")[2])["t"] for line in lines[:3]] == [
        "accepted",
        "rejected",
        "rejected",
    ]
    assert all(int(line.partition(b" ")[0]) > 1_700_000_000_000_000 for line in lines)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("fault", ["twice", "error", "close"])
async def test_a_fault_of_the_server_fails_the_run(kind: str, fault: str) -> None:
    async with clerks({3: fault}) as port, clients(kind, port, 1) as client:
        run = await client.open(0.1, 50, settle=0.0)
        with pytest.raises(ClientFailed):
            run.checked()


@pytest.mark.parametrize("kind", CLIENTS)
async def test_watchers_count_viewers_and_gaps(kind: str) -> None:
    async with clerks({}) as port, clients(kind, port, 3) as client:
        await client.join()
        seen = await client.seen()
        for _ in range(50):  # the changes follow the snapshots
            if sum(change.viewers for change in seen.changes) == 6:
                break
            await asyncio.sleep(0.02)
            more = await client.seen()
            seen = type(seen)(seen.gaps + more.gaps, 0, [*seen.changes, *more.changes])
    viewers: dict[int, int] = {}
    for change in seen.changes:
        viewers[change.seq] = viewers.get(change.seq, 0) + change.viewers
        assert change.first_us <= change.last_us
    assert viewers == {9: 3, 10: 3}
    assert seen.gaps == 3


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_refused_upgrade_is_an_error_at_the_start(kind: str) -> None:
    server = await ws_create_server(lambda request: None, "127.0.0.1", 0)
    try:
        with pytest.raises(ClientFailed):
            await LoadClient.start(
                server.sockets[0].getsockname()[1],
                [Connection("token", "a")],
                program=program(kind),
                cores=CORES,
            )
    finally:
        server.close()
