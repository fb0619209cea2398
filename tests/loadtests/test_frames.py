"""Frames as bytes: what is masked comes back, what is cut comes back whole."""

from __future__ import annotations

import pytest

from loadtests.client.frames import FRAME_MAX, TEXT, Frame, FrameTooLong, masked, split


def unmasked(frame: bytes) -> bytes:
    """Read a client's frame as a server does."""
    head = 4 if frame[1] & 127 == 126 else 2
    mask = frame[head : head + 4]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(frame[head + 4 :]))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 300, 65_000])
def test_a_masked_frame_carries_its_payload(size: int) -> None:
    payload = bytes(at % 251 for at in range(size))
    frame = masked(TEXT, payload, b"\x01\x80\xff\x10")
    assert frame[0] == 0x81
    assert frame[1] & 0x80
    assert unmasked(frame) == payload


def test_frames_are_cut_wherever_the_network_cuts_them() -> None:
    long = b"x" * 300
    stream = b"\x81\x02hi" + b"\x81\x7e\x01\x2c" + long + b"\x89\x00"
    expected = [Frame(1, b"hi"), Frame(1, long), Frame(9, b"")]
    for cut in range(len(stream)):
        first, rest = split(stream[:cut])
        second, left = split(rest + stream[cut:])
        assert (first + second, left) == (expected, b"")


def test_a_frame_without_bound_is_refused() -> None:
    with pytest.raises(FrameTooLong):
        split(b"\x81\x7f" + (FRAME_MAX + 1).to_bytes(8, "big"))
