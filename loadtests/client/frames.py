"""WebSocket frames of a client as bytes (RFC 6455), without any I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
FRAME_MAX: Final = 1 << 20
"""Longest frame taken from a server."""
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="


class Frame(NamedTuple):
    """A whole frame from the server."""

    opcode: int
    payload: bytes


class FrameTooLong(Exception):
    """The server announced a frame of more than `FRAME_MAX` bytes."""


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return a client's frame of less than 64 KiB; `mask` is 4 bytes."""
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    pad = (mask * (size // 4 + 1))[:size]
    hidden = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
    return head + mask + hidden


def split(buffer: bytes) -> tuple[list[Frame], bytes]:
    """Cut whole frames off the front; return them and what is left.

    Raises:
        FrameTooLong: no client of ours waits for that much.
    """
    frames = []
    at, size = 0, len(buffer)
    while size - at >= 2:
        length = buffer[at + 1] & 127
        head = {126: 4, 127: 10}.get(length, 2)
        if size - at < head:
            break
        if head > 2:
            length = int.from_bytes(buffer[at + 2 : at + head], "big")
        if length > FRAME_MAX:
            raise FrameTooLong(length)
        if size - at < head + length:
            break
        frames.append(Frame(buffer[at] & 15, buffer[at + head : at + head + length]))
        at += head + length
    return frames, buffer[at:]


def upgrade(port: int, token: str | None) -> bytes:
    """Return the HTTP request that opens a room connection."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{bearer}\r\n"
    ).encode()
