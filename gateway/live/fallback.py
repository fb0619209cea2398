"""The fallback shell: the same sessions on the pages' own port, through aiohttp, for networks that let only one port through."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from gateway.errors import status_of
from gateway.live.edge import LiveEdge
from gateway.live.session import RoomSession
from gateway.live.settings import FRAME_MAX
from gateway.live.visitors import DoorClosed

DRAIN_ABOVE: Final = 65_536
"""The writer waits for the kernel above this many bytes, so that what waits is counted here."""


class FallbackSocket:
    """One socket: a queue of frames and the task that writes them; the `Wire` of its session."""

    def __init__(self, edge: LiveEdge, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.session: RoomSession
        self._edge = edge
        self._socket = socket
        self._transport = transport
        self._waiting: list[tuple[WSMsgType, bytes]] = []
        self._bytes = 0
        self._close_code = 0
        self._wake = asyncio.Event()

    def send(self, payload: bytes) -> None:
        """Send one text frame."""
        self._put(WSMsgType.TEXT, payload)

    def send_many(self, payloads: list[bytes]) -> None:
        """Send several text frames."""
        for payload in payloads:
            self._put(WSMsgType.TEXT, payload)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._put(WSMsgType.PING, b"")

    def pong(self, payload: bytes) -> None:
        """Answer a ping."""
        self._put(WSMsgType.PONG, payload)

    def buffered(self) -> int:
        """Return how many bytes wait in the process."""
        return self._bytes + self._transport.get_write_buffer_size()

    def close(self, code: int) -> None:
        """Send a close frame after what waits."""
        self._close_code = self._close_code or code
        self._wake.set()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    async def write(self) -> None:
        """Write what is put until the socket closes."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting, []
                for kind, payload in batch:
                    await self._socket.send_frame(payload, kind)
                    self._bytes -= len(payload)
            if self._close_code:
                await self._socket.close(code=self._close_code)
                return
            self._edge.drained(self.session)

    def _put(self, kind: WSMsgType, payload: bytes) -> None:
        if self._close_code:
            return
        self._waiting.append((kind, payload))
        self._bytes += len(payload)
        self._wake.set()
        if self.buffered() > self._edge.settings.slow_bytes:
            self._edge.slowed(self.session)


async def live(edge: LiveEdge, request: web.Request) -> web.StreamResponse:
    """Serve one connection until it ends: the handler of `GET /live`."""
    try:
        credentials = edge.arrive(request.headers)
    except DoorClosed as closed:
        return web.Response(status=status_of(closed.code), text=closed.code)
    socket = web.WebSocketResponse(
        compress=False, autoping=False, max_msg_size=4 * FRAME_MAX, writer_limit=DRAIN_ABOVE, timeout=5.0
    )
    if not socket.can_prepare(request):
        return web.Response(status=400, text="websocket")
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket
    wire = FallbackSocket(edge, socket, transport)
    wire.session = edge.open(wire, credentials)
    writer = asyncio.create_task(wire.write())
    try:
        await _read(edge, socket, wire)
        wire.session.parted = socket.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE)
    finally:
        edge.closed(wire.session)
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await writer
    return socket


async def _read(edge: LiveEdge, socket: web.WebSocketResponse, wire: FallbackSocket) -> None:
    session = wire.session
    async for message in socket:
        match message.type:
            case WSMsgType.TEXT:
                edge.take(session, message.data.encode())
            case WSMsgType.PING:
                if edge.take_control(session):
                    wire.pong(message.data)
            case WSMsgType.PONG:
                edge.take_control(session)
            case WSMsgType.BINARY:
                edge.take_wrong(session, "binary")
