"""Envelopes: bytes fixed by vectors shared with the browser; any two shares open, one opens nothing, nothing opens elsewhere."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.envelopes import (
    MalformedEnvelope,
    combine,
    context_of,
    is_public_key,
    is_share,
    open_box,
    open_envelope,
    private_key,
    public_text,
    read_envelope,
    seal,
    split,
)
from engine.replay.formats import stream_of

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "envelopes.json").read_text(encoding="utf-8")
)
KEYS = [private_key(stream_of(f"officer {place}")) for place in range(3)]


@pytest.mark.parametrize("number", range(len(VECTORS["envelopes"])))
def test_vectors(number: int) -> None:
    vector = VECTORS["envelopes"][number]
    context = context_of(vector["lot"], vector["code"])
    assert [public_text(key) for key in KEYS] == [one["public"] for one in VECTORS["officers"]]
    made = seal(vector["plain"].encode(), [public_text(key) for key in KEYS], context, stream_of(f"vector {number}"))
    assert made == vector["envelope"], "of the same randomness the same bytes"
    envelope = read_envelope(vector["envelope"])
    shares = {place: bytes.fromhex(share) for place, share in enumerate(vector["shares"])}
    for place, key in enumerate(KEYS):
        assert open_box(envelope, place, key, context) == shares[place] and is_share(envelope, place, shares[place])
        assert open_box(envelope, place, key, context_of(vector["lot"], "999")) is None
    for pair in combinations(range(3), 2):
        chosen = {place: shares[place] for place in pair}
        assert open_envelope(envelope, chosen, context) == vector["plain"].encode()
        assert open_envelope(envelope, chosen, context_of("another", vector["code"])) is None


def test_any_two_shares_give_the_secret_and_one_fits_every_secret() -> None:
    secret, slope = bytes(range(32)), bytes(range(100, 132))
    shares = split(secret, slope)
    for one, other in combinations(range(3), 2):
        assert combine({one: shares[one], other: shares[other]}) == secret
    # For any other secret there is a line through the same share: alone it says nothing.
    other_secret = bytes(32)
    candidates = [m for m in range(256) if split(other_secret[:1], bytes([m]))[0] == shares[0][:1]]
    assert len(candidates) == 1


def test_every_changed_byte_is_noticed() -> None:
    vector = VECTORS["envelopes"][0]
    context = context_of(vector["lot"], vector["code"])
    text = bytearray(vector["envelope"].encode())
    shares = {0: bytes.fromhex(vector["shares"][0]), 1: bytes.fromhex(vector["shares"][1])}
    sealed = text.index(b'"sealed":"') + 10
    for at in range(sealed, sealed + 20):
        changed = bytes(text[:at]) + (b"A" if text[at : at + 1] != b"A" else b"B") + bytes(text[at + 1 :])
        assert open_envelope(read_envelope(changed.decode()), shares, context) is None


@pytest.mark.parametrize(
    "change", [{"v": 2}, {"boxes": ["", "", ""]}, {"commitments": ["00", "00", "00"]}, {"sealed": "AAAA"}, {"more": 1}]
)
def test_what_is_not_in_the_form_is_no_envelope(change: dict[str, Any]) -> None:
    parts = msgspec.json.decode(VECTORS["envelopes"][0]["envelope"])
    with pytest.raises(MalformedEnvelope):
        read_envelope(json.dumps({**parts, **change}))


@pytest.mark.parametrize("text", ["", "AAAA", "not base64", public_text(KEYS[0])[:-4] + "AAA="])
def test_what_is_no_point_of_the_curve_is_no_key(text: str) -> None:
    assert not is_public_key(text)
