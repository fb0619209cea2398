"""The fast shell: picows on a listener of its own. A frame becomes a call, an answer one write; no task or future per connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from typing import Any, Final, cast

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from gateway.errors import status_of
from gateway.live.edge import LiveEdge
from gateway.live.session import RoomSession
from gateway.live.settings import FRAME_MAX
from gateway.live.visitors import Credentials, DoorClosed

log = logging.getLogger(__name__)

PATH: Final = b"/live"
BACKLOG: Final = 4_096
SMALL: Final = 512
"""Up to here picows copies a frame into its write buffer, which grows for good; larger frames are framed here instead."""
_TEXT: Final = WSMsgType.TEXT


class Intake:
    """Text frames of one turn of the event loop: read first, then taken one after another.

    Reading a socket and understanding a frame are each more code than the processor's first cache holds; taking turns would
    fetch all of it anew for every frame (docs/MEASURED.md).
    """

    def __init__(self, edge: LiveEdge) -> None:
        self._edge = edge
        self._loop = asyncio.get_running_loop()
        self.frames: list[tuple[RoomSession, bytes]] = []
        """Read and not taken yet. Whoever adds the first says so with `begin`."""

    def begin(self) -> None:
        """Take what will have been read at the end of this turn."""
        self._loop.call_soon(self.take)

    def take(self) -> None:
        """Take what was read, in order."""
        frames, self.frames = self.frames, []
        self._edge.take_all(frames)


class FastSocket(WSListener):
    """One socket: what picows calls, and the `Wire` of its session."""

    __slots__ = ("_credentials", "_edge", "_intake", "_session", "_transport")

    def __init__(self, edge: LiveEdge, intake: Intake, credentials: Credentials) -> None:
        self._edge = edge
        self._intake = intake
        self._credentials = credentials
        self._session: RoomSession
        self._transport: WSTransport

    # Called by picows.

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin the session. The headers are not needed any more; they would be the larger part of a watcher's memory."""
        self._transport = transport
        transport.request.headers.clear()
        transport.response.headers.clear()
        transport.underlying_transport.set_write_buffer_limits(high=self._edge.settings.slow_bytes, low=0)
        self._session = self._edge.open(self, self._credentials)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        kind, intake = frame.msg_type, self._intake
        if kind is _TEXT and frame.fin and not frame.rsv1:
            frames = intake.frames
            if not frames:
                intake.begin()
            frames.append((self._session, frame.get_payload_as_bytes()))
            return
        intake.take()  # what came before is answered before
        if kind == WSMsgType.PING:
            if self._edge.take_control(self._session):
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            self._edge.take_control(self._session)
        elif kind == WSMsgType.CLOSE:
            self._session.parted = True
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        else:
            self._edge.take_wrong(self._session, "binary" if kind == WSMsgType.BINARY else "fragmented")

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002  # picows's signature
        """End the session."""
        self._intake.take()
        self._edge.closed(self._session)

    def pause_writing(self) -> None:
        """More than `slow_bytes` wait in the process."""
        self._edge.slowed(self._session)

    def resume_writing(self) -> None:
        """All of it was taken by the kernel."""
        self._edge.drained(self._session)

    # The wire of the session.

    def send(self, payload: bytes) -> None:
        """Send one text frame."""
        if len(payload) <= SMALL:
            self._transport.send(_TEXT, payload)
        else:
            self._write(_framed(payload))

    def send_many(self, payloads: list[bytes]) -> None:
        """Send several text frames in one write."""
        self._write(b"".join([part for one in payloads for part in (_header(len(one)), one)]))

    def _write(self, frames: bytes) -> None:
        transport = self._transport
        if not (transport.is_close_frame_sent or transport.is_disconnected):
            transport.underlying_transport.write(frames)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._transport.send_ping()

    def buffered(self) -> int:
        """Return how many bytes wait in the process."""
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def close(self, code: int) -> None:
        """Send a close frame after what waits; the peer answers it, or the wheel drops the connection."""
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(cast(WSCloseCode, code))  # any number will do

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.disconnect(False)


_last_framed: list[bytes] = [b"", b""]


def _framed(payload: bytes) -> bytes:
    """Return a payload as a frame; a broadcast hands over the same object again and again, and is framed once."""
    if _last_framed[0] is not payload:
        _last_framed[:] = payload, _header(len(payload)) + payload
    return _last_framed[1]


def _header(size: int) -> bytes:
    """Return the header of an unmasked, whole text frame (RFC 6455 §5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


class _ShellLog:
    """What picows logs: only failures of our own code. Peers that break the protocol would fill the log otherwise."""

    @staticmethod
    def isEnabledFor(level: int) -> bool:  # noqa: N802  # the name logging gave it
        """Nothing below an exception is written."""
        return level > logging.ERROR

    def debug(self, *arguments: object) -> None:
        """Drop it."""

    log = info = warning = error = debug

    @staticmethod
    def exception(text: str, *arguments: object) -> None:
        """Write down a failure of our own code, with its trace."""
        log.error("live_socket_failed: %s", text % arguments, exc_info=True)  # noqa: LOG014  # picows calls it in its handlers


async def listen(edge: LiveEdge, host: str, port: int) -> asyncio.Server:
    """Open the listener; the caller keeps the server and closes it.

    Raises:
        OSError: the address cannot be bound.
    """
    intake = Intake(edge)

    def door(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        if request.path != PATH:
            return None
        try:
            credentials = edge.arrive(request.headers)
        except DoorClosed as closed:
            refusal = WSUpgradeResponse.create_error_response(HTTPStatus(status_of(closed.code)), closed.code.encode())
            return WSUpgradeResponseWithListener(refusal, None)
        _normalise_connection(request)
        return FastSocket(edge, intake, credentials)

    options: dict[str, Any] = {
        "backlog": BACKLOG,
        "enable_auto_ping": False,
        "enable_auto_pong": False,  # answered here, so that pings count against the frame limit
        "read_buffer_init_size": 2_048,
        "max_frame_size": 4 * FRAME_MAX,  # up to here a frame is answered `too_large`; beyond it the socket is closed
        "logger_name": _ShellLog(),
    }
    server: asyncio.Server = await ws_create_server(door, host, port, **options)
    for listening in server.sockets:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, edge.settings.send_buffer_bytes)
    return server


def _normalise_connection(request: WSUpgradeRequest) -> None:
    """Firefox sends `Connection: keep-alive, Upgrade`, which is valid; picows takes only `Upgrade` alone."""
    values = ",".join(request.headers.getall("Connection", ())).lower().split(",")
    if "upgrade" in [value.strip() for value in values]:
        request.headers["Connection"] = "Upgrade"
