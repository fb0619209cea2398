"""Stored events of notices never change: every version ever written is read again from its bytes, its digest stays what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.journal.codec import UnknownEvent, decode_event, encode_event
from engine.journal.digests import chain_digest, content_digest, first_digest
from engine.layout.reference import header_of
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from tests.engine.rules.publicity.samples import samples

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "notice_events.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['type']}-{vector['version']}")
def test_vector(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    event = decode_event(vector["type"], vector["version"], body)
    assert encode_event(event) == (vector["type"], vector["version"], body)
    header = header_of(
        73, 3, 2, "notice/vector", 1, vector["type"], vector["version"], 1_900_000_000_000_001, None,
        b"\x01" * 16, b"\x02" * 32, "p1",
    )  # fmt: skip
    content = content_digest(b"\x03" * 32, header, body)
    assert content.hex() == vector["content"]
    assert chain_digest(first_digest("notice/vector"), content).hex() == vector["digest"]


def test_every_event_type_has_a_vector() -> None:
    assert {(vector["type"], vector["version"]) for vector in VECTORS} >= set(NOTICE_WIRE_NAMES.values())


def test_what_the_rules_make_now_is_what_the_vectors_hold() -> None:
    held = {(vector["type"], vector["version"]): vector["body"] for vector in VECTORS}
    for event in samples().values():
        name, version, body = encode_event(event)
        assert body.decode() == held[(name, version)], name


def test_an_event_of_the_future_is_not_guessed() -> None:
    with pytest.raises(UnknownEvent):
        decode_event("notice.published", 99, b"{}")
