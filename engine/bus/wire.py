"""One connection to one Redis server: commands go out together, replies come back in order, published messages as they come.

On hiredis' parser and nothing else. There is no retry and no silent subscribing again: whatever goes wrong ends the connection,
and whoever holds it begins anew and heals what was missed (ADR 0018).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, cast

import hiredis
from msgspec import Struct

CALL_S: Final = 2.0
"""A server that does not answer for so long is gone."""
CONNECT_S: Final = 2.0

Word: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Word, ...]


class RedisGone(Exception):
    """The server cannot be reached, does not answer, or answers with an error. What was under way may or may not have been done."""


class _Refusal(Exception):
    """An error reply."""


class Address(Struct, frozen=True):
    """Where a server listens: a host and a port, or a socket in the file system."""

    host: str
    port: int = 0
    path: str = ""


class Login(Struct, frozen=True):
    """How to introduce oneself to every server."""

    user: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False


class Wire(asyncio.Protocol):
    """A connection."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(replyError=_Refusal)
        self._on_push: Callable[[list[Any]], None] | None = None
        self._waiting: deque[tuple[asyncio.Future[list[Any]], int, list[Any]]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is gone."""
        self.heard_s = self._loop.time()
        """When the server last said anything, on the loop's clock."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Protocol: begin."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Protocol: whoever waits is told that nothing will come."""
        if not self.lost.done():
            self.lost.set_result(None)
        while self._waiting:
            future = self._waiting.popleft()[0]
            if not future.done():
                future.set_exception(RedisGone(str(exc or "connection closed")))

    def data_received(self, data: bytes) -> None:
        """Protocol: hand every whole reply to whom it belongs."""
        self._reader.feed(data)
        self.heard_s = self._loop.time()
        try:
            while (reply := self._reader.gets()) is not False:
                if self._on_push is not None:
                    self._on_push(reply)
                else:
                    self._take(reply)
        except Exception:
            self.close()
            raise

    def _take(self, reply: Any) -> None:
        future, count, replies = self._waiting[0]
        replies.append(reply)
        if len(replies) < count:
            return
        self._waiting.popleft()
        if future.done():
            return
        refusal = next((reply for reply in replies if isinstance(reply, _Refusal)), None)
        if refusal is None:
            future.set_result(replies)
        else:
            future.set_exception(RedisGone(str(refusal)))

    async def call(self, commands: Sequence[Command], within_s: float = CALL_S) -> list[Any]:
        """Send commands together and return their replies.

        Raises:
            RedisGone: no answer, or one of them was refused.
        """
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        self._waiting.append((future, len(commands), []))
        self.say(commands)
        try:
            async with asyncio.timeout(within_s):
                return await future
        except TimeoutError:
            self.close()
            raise RedisGone("no answer in time") from None

    def say(self, commands: Sequence[Command]) -> None:
        """Send commands without waiting.

        Raises:
            RedisGone: the connection is closed.
        """
        if self._transport is None or self._transport.is_closing():
            raise RedisGone("connection closed")
        pack: Callable[[Any], bytes] = hiredis.pack_command  # its stubs know single words only
        self._transport.write(b"".join(pack(command) for command in commands))

    def tell_pushes(self, on_push: Callable[[list[Any]], None] | None) -> None:
        """From now on this is a connection that subscribes: everything that comes is told there, nothing is a reply."""
        self._on_push = on_push

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()


async def connect(address: Address, login: Login, on_push: Callable[[list[Any]], None] | None = None) -> Wire:
    """Return a connection that is logged in.

    Raises:
        RedisGone: the server cannot be reached or refuses the login.
    """
    context = ssl.create_default_context() if login.tls else None
    greeting: list[Command] = []
    if login.password:
        greeting.append(("AUTH", login.user or "default", login.password))
    if login.database:
        greeting.append(("SELECT", login.database))
    try:
        async with asyncio.timeout(CONNECT_S):
            wire = await _connection(address, context)
    except (OSError, TimeoutError) as error:
        raise RedisGone(f"{address.path or f'{address.host}:{address.port}'}: {error or 'no answer'}") from error
    try:
        await wire.call([*greeting, ("PING",)])
    except BaseException:
        wire.close()
        raise
    wire.tell_pushes(on_push)
    return wire


async def _connection(address: Address, context: ssl.SSLContext | None) -> Wire:
    loop = asyncio.get_running_loop()
    if address.path:
        return (await loop.create_unix_connection(Wire, address.path))[1]
    return (await loop.create_connection(Wire, address.host, address.port, ssl=context))[1]
