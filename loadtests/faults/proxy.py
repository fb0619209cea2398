"""A small TCP proxy that breaks lines on purpose: cut, delay, throttle, hold one direction or both (half-open).

It may stand between any two parts that speak over TCP or, towards the target, over a Unix socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Final

CHUNK: Final = 16_384
LINES_MAX: Final = 20_000
TO_TARGET: Final = "to target"
TO_CLIENT: Final = "to client"
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST."""


class Proxy:
    """A listener on a free loopback port that passes bytes to `target`, or does not."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        """`target` is (host, port) or the path of a Unix socket; it may be changed while the proxy runs."""
        self.target = target
        self.delay_s = 0.0
        """How long each chunk waits on its way, in either direction."""
        self.bytes_per_s: float | None = None
        """Most bytes a second towards each client; None: no limit."""
        self.passed_bytes = 0
        self._flows = {direction: asyncio.Event() for direction in (TO_TARGET, TO_CLIENT)}
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._sockets: set[asyncio.StreamWriter] = set()
        self._refusing = False
        for flow in self._flows.values():
            flow.set()

    async def start(self, port: int = 0) -> Proxy:
        """Listen; return itself."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=CHUNK)
        return self

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def lines(self) -> int:
        """Open lines."""
        return len(self._lines)

    def hold(self, *directions: str) -> None:
        """Pass nothing in these directions (both, if none is named): lines stay open and silent."""
        for direction in directions or (TO_TARGET, TO_CLIENT):
            self._flows[direction].clear()

    def cut(self) -> None:
        """Reset every line and refuse new ones until `heal`."""
        self._refusing = True
        self.reset()

    def reset(self) -> None:
        """Reset every line once; new ones are taken."""
        for writer in self._sockets:
            transport = writer.transport
            end = transport.get_extra_info("socket")
            if end is not None and end.family in (socket.AF_INET, socket.AF_INET6):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def heal(self) -> None:
        """Pass everything at once again."""
        self._refusing, self.delay_s, self.bytes_per_s = False, 0.0, None
        for flow in self._flows.values():
            flow.set()

    async def stop(self) -> None:
        """Close the listener and every line."""
        if self._server is not None:
            self._server.close()
        self.heal()
        self.reset()
        for line in list(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        self._sockets.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self._refusing or len(self._lines) > LINES_MAX:
                return
            far_reader, far = await self._connect()
            self._sockets.add(far)
            pumps = [
                asyncio.create_task(self._pump(reader, far, TO_TARGET)),
                asyncio.create_task(self._pump(far_reader, writer, TO_CLIENT)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the target is away, or this proxy stops: either way the client sees its line close
        finally:
            for end in (writer, far):
                if end is not None:
                    self._sockets.discard(end)
                    end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target, limit=CHUNK)
        return await asyncio.open_connection(*self.target, limit=CHUNK)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        flow = self._flows[direction]
        while chunk := await reader.read(CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await flow.wait()
            self.passed_bytes += len(chunk)
            writer.write(chunk)
            await writer.drain()
            if self.bytes_per_s is not None and direction == TO_CLIENT:
                await asyncio.sleep(len(chunk) / self.bytes_per_s)
