"""Which Redis server holds what: a single one, the master that Sentinels name, or the nodes of a Redis Cluster.

Everything of a shard (or of a gateway) lies under one hash tag, so it lies on one server. A session is a set of connections to the
servers as they are now; when any of them is lost, or says that a key has moved, the session ends and the next one asks anew.
"""

from __future__ import annotations

import asyncio
import binascii
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from engine.bus.wire import Address, Command, Login, RedisGone, Wire, connect

SLOTS: Final = 16_384
PORT: Final = 6_379
SENTINEL_PORT: Final = 26_379
PING_EVERY_S: Final = 0.5
AGAIN_S: Final = (0.05, 1.0)
"""Pauses between two sessions, shortest and longest."""
HELD_S: Final = 2.0
"""A session that held so long was a good one."""
SILENT_S: Final = 2.0
"""A server that said nothing for so long, though it was asked, is gone."""


log = logging.getLogger(__name__)

Range: TypeAlias = tuple[int, int, Address]
"""First slot, last slot, and the server that holds them."""


class RedisUrlInvalid(ValueError):
    """The address of Redis cannot be read; the text says which forms there are."""


class Servers(Struct, frozen=True):
    """What an address says: how the servers are found, and how to log in."""

    kind: str
    """`single`, `sentinel` or `cluster`."""
    seeds: tuple[Address, ...]
    login: Login
    service: str = ""
    """Name under which the Sentinels know the master."""


FORMS: Final = (
    "redis://host:6379/0, rediss://… (TLS), unix:///path, redis+cluster://host:port,host:port,"
    " redis+sentinel://host:port,host:port/name; with user:password@ before the hosts"
)


def read_url(url: str) -> Servers:
    """Read the address of Redis; `FORMS` says which there are.

    Raises:
        RedisUrlInvalid: it has none of these forms.
    """
    scheme, _, kind = urlsplit(url).scheme.partition("+")
    rest = url.partition("://")[2]
    if "?" in rest or "#" in rest:
        raise RedisUrlInvalid(FORMS)
    before, at, hosts = rest.rpartition("@")
    user, _, password = before.partition(":") if at else ("", "", "")
    if scheme == "unix" and not kind and hosts.startswith("/"):
        return Servers("single", (Address("", 0, hosts),), Login(unquote(user), unquote(password)))
    hosts, _, name = hosts.partition("/")
    if scheme not in ("redis", "rediss") or kind not in ("", "cluster", "sentinel") or not hosts:
        raise RedisUrlInvalid(FORMS)
    if (kind == "sentinel" and not name) or (kind == "" and ("," in hosts or (name and not name.isdigit()))):
        raise RedisUrlInvalid(FORMS)
    port = SENTINEL_PORT if kind == "sentinel" else PORT
    seeds = tuple(_address(host, port) for host in hosts.split(","))
    database = int(name) if kind == "" and name else 0
    login = Login(unquote(user), unquote(password), database, scheme == "rediss")
    return Servers(kind or "single", seeds, login, name if kind == "sentinel" else "")


def _address(text: str, port: int) -> Address:
    parts = urlsplit(f"//{text}")
    try:
        return Address(parts.hostname or "127.0.0.1", parts.port or port)
    except ValueError:
        raise RedisUrlInvalid(f"not a host and port: {text[:80]}") from None


def slot_of(tag: str) -> int:
    """Return the hash slot of every key with this tag in braces."""
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


class Session:
    """Connections to every server that holds something; use it inside `opened`."""

    def __init__(
        self, servers: Servers, ranges: Sequence[Range], wires: Mapping[Address, Wire], *, clustered: bool
    ) -> None:
        self._servers = servers
        self._clustered = clustered
        self._ranges = ranges
        self._wires = wires
        self._tags: dict[str, Address] = {}

    @property
    def nodes(self) -> list[Address]:
        """Return the servers."""
        return list(self._wires)

    def node_of(self, tag: str) -> Address:
        """Return the server that holds what has this tag.

        Raises:
            RedisGone: none does now.
        """
        found = self._tags.get(tag)
        if found is None:
            slot = slot_of(tag)
            found = next((node for first, last, node in self._ranges if first <= slot <= last), None)
            if found is None:
                raise RedisGone("the cluster has no node for a slot")
            self._tags[tag] = found
        return found

    def together(self, tags: Iterable[str]) -> list[list[str]]:
        """Return the tags in groups that one command may name: all of a server, but in a Redis Cluster each alone."""
        if self._clustered:
            return [[tag] for tag in tags]
        return [list(tags)]

    @property
    def heard_s(self) -> float:
        """When the most silent of the servers last said something, on the loop's clock."""
        return min(wire.heard_s for wire in self._wires.values())

    async def call(self, commands: Sequence[tuple[str, Command]]) -> list[Any]:
        """Send (tag, command) pairs, all of one server together, and return their replies in order.

        Raises:
            RedisGone: one of the servers did not do as told; the others may have.
        """
        by_node: dict[Address, list[int]] = {}
        for place, (tag, _) in enumerate(commands):
            by_node.setdefault(self.node_of(tag), []).append(place)
        replies: list[Any] = [None] * len(commands)

        async def of_node(node: Address, places: list[int]) -> None:
            answers = await self._wires[node].call([commands[place][1] for place in places])
            for place, answer in zip(places, answers, strict=True):
                replies[place] = answer

        if len(by_node) == 1:
            await of_node(*next(iter(by_node.items())))
        else:
            results = await asyncio.gather(*(of_node(*item) for item in by_node.items()), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        return replies

    async def another(self, node: Address, on_push: Callable[[list[Any]], None] | None = None) -> Wire:
        """Return one more connection to a server, for reading that blocks or for a subscription; the caller closes it.

        Raises:
            RedisGone: it cannot be reached.
        """
        return await connect(node, self._servers.login, on_push)

    async def listen(
        self, channels: Mapping[str, str], on_message: Callable[[bytes, bytes], None], ready: Callable[[], None]
    ) -> None:
        """Call `on_message(channel, payload)` for what is published on sharded channels (channel → tag) until one server is lost.

        `ready` is called when all are subscribed: what is published from then on comes.

        Raises:
            RedisGone: a server is lost, or a channel has moved.
        """
        by_node: dict[Address, list[str]] = {}
        for channel, tag in channels.items():
            by_node.setdefault(self.node_of(tag), []).append(channel)
        missing = len(channels)
        trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_push(push: list[Any]) -> None:
            nonlocal missing
            if not isinstance(push, list):
                _fail(trouble, str(push))
            elif push[0] == b"smessage":
                on_message(push[1], push[2])
            elif push[0] == b"ssubscribe":
                missing -= 1
                if missing == 0:
                    ready()
            elif push[0] == b"sunsubscribe":
                _fail(trouble, "a channel has moved")

        wires: list[Wire] = []
        try:
            for node, names in by_node.items():
                wire = await self.another(node, on_push)
                wires.append(wire)
                wire.say([("SSUBSCRIBE", name) for name in names])
            await self._watch(wires, trouble)
        finally:
            for wire in wires:
                wire.close()

    async def _watch(self, wires: list[Wire], trouble: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.wait(
                [trouble, *(wire.lost for wire in wires)], timeout=PING_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            if trouble.done():
                trouble.result()
            for wire in wires:
                if wire.lost.done() or loop.time() - wire.heard_s > SILENT_S:
                    raise RedisGone("a subscription was lost")
                wire.say([("PING",)])

    async def watch(self) -> None:
        """Ask every server now and then whether it is there, until one is lost.

        Raises:
            RedisGone: it is lost.
        """
        while True:
            await asyncio.wait(
                [wire.lost for wire in self._wires.values()], timeout=PING_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            await asyncio.gather(*(wire.call([("PING",)], SILENT_S) for wire in self._wires.values()))


def _fail(trouble: asyncio.Future[None], why: str) -> None:
    if not trouble.done():
        trouble.set_exception(RedisGone(why))


@asynccontextmanager
async def opened(servers: Servers) -> AsyncIterator[Session]:
    """Yield a session with a connection to every server that holds keys.

    Raises:
        RedisGone: one of them cannot be reached.
    """
    ranges, clustered = await _FINDERS[servers.kind](servers)
    wires: dict[Address, Wire] = {}
    try:
        for _, _, node in ranges:
            if node not in wires:
                wires[node] = await connect(node, servers.login)
        if servers.kind == "sentinel":
            for wire in wires.values():
                if (await wire.call([("ROLE",)]))[0][0] != b"master":
                    raise RedisGone("the Sentinels name a server that is no master any more")
        yield Session(servers, ranges, wires, clustered=clustered)
    finally:
        for wire in wires.values():
            wire.close()


async def keep_session(serve: Callable[[], Coroutine[Any, Any, None]], what: str) -> None:
    """Run one session after another for ever; after one that did not hold the pause is longer, and never the same for all."""
    loop, pause_s = asyncio.get_running_loop(), AGAIN_S[0]
    while True:
        began_s = loop.time()
        try:
            await serve()
        except* (RedisGone, OSError) as troubles:
            log.warning("redis_lost", extra={"of": what, "why": str(troubles.exceptions[0])})
        if loop.time() - began_s > HELD_S:
            pause_s = AGAIN_S[0]
        await asyncio.sleep(pause_s * (0.5 + random.random() / 2))  # noqa: S311  # spreads the herd
        pause_s = min(AGAIN_S[1], pause_s * 2)


async def _find_single(servers: Servers) -> tuple[list[Range], bool]:
    about, asked = await _first_answer(servers, servers.login, ("INFO", "cluster"))
    if b"cluster_enabled:1" in about:  # one node of a cluster was named: it knows the others
        return await _find_nodes(servers)
    return [(0, SLOTS - 1, asked)], False


async def _find_master(servers: Servers) -> tuple[list[Range], bool]:
    command: Command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", servers.service)
    reply, _ = await _first_answer(servers, Login(tls=servers.login.tls), command)
    if reply is None:
        raise RedisGone(f"the Sentinels know no master {servers.service}")
    return [(0, SLOTS - 1, Address(reply[0].decode(), int(reply[1])))], False


async def _find_nodes(servers: Servers) -> tuple[list[Range], bool]:
    reply, asked = await _first_answer(servers, servers.login, ("CLUSTER", "SLOTS"))
    return [
        (int(first), int(last), Address((node[0] or b"").decode() or asked.host, int(node[1])))
        for first, last, node, *_ in reply
    ], True


async def _first_answer(servers: Servers, login: Login, command: Command) -> tuple[Any, Address]:
    trouble = RedisGone("no server named")
    for seed in servers.seeds:
        try:
            wire = await connect(seed, login)
        except RedisGone as error:
            trouble = error
            continue
        try:
            return (await wire.call([command]))[0], seed
        except RedisGone as error:
            trouble = error
        finally:
            wire.close()
    raise trouble


_FINDERS: Final[Mapping[str, Callable[[Servers], Coroutine[Any, Any, tuple[list[Range], bool]]]]] = {
    "single": _find_single,
    "sentinel": _find_master,
    "cluster": _find_nodes,
}
