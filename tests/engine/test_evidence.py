"""Receipts and checkpoints checked without the market; every change of a byte is noticed (P8)."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evidence.checkpoints import (
    Checkpoint,
    ShardHead,
    is_signed,
    read_checkpoint,
    sign_checkpoint,
    write_checkpoint,
)
from engine.evidence.offline import check_against_chain, check_receipt
from engine.evidence.receipts import chain_document, receipt_document
from engine.evidence.verification import Walk, verify_log
from engine.journal.codec import decode_event, decode_state, encode_event, encode_state
from engine.journal.digests import first_digest
from engine.journal.records import Record, lot_stream
from engine.journal.sealing import seal
from engine.rules.auction.evolving import evolve
from engine.rules.auction.state import LotState
from engine.values import InstantUs, shard_of
from gateway.verify_command import main as verify
from tests.engine.rules.transcript import LOT, Session, fixed_terms

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


def bidding_record() -> list[Record]:
    """The sealed events of a short session, as if one shard held nothing else."""
    session = Session(fixed_terms(proxy=True), "A", "B")
    session.bid("09:01", "A", maximum=5000)
    session.bid("09:02", "B", 900)
    session.bid("09:03", "B", 2000)
    records: list[Record] = []
    for place, event in enumerate(session.events, start=1):
        name, version, body = encode_event(event)
        records.append(
            seal(
                shard=shard_of(LOT), seq=place, epoch=1, stream=lot_stream(LOT), stream_seq=place, type_version=(name, version),
                at_us=InstantUs(1_000 + place), arrived_at_us=None, command_id=os.urandom(16), request_digest=os.urandom(32),
                actor="A", body=body, salt=os.urandom(32), previous=records[-1].digest if records else first_digest(lot_stream(LOT)),
            )
        )  # fmt: skip
    return records


RECORDS = bidding_record()
CHAIN = chain_document(LOT, [record.content for record in RECORDS], "test")
RECEIPT = receipt_document(RECORDS[4], RECORDS[3].digest, KEY, "test")


def test_a_receipt_is_sound_and_the_chain_contains_it() -> None:
    assert check_receipt(RECEIPT, PUBLIC) == []
    assert check_against_chain(RECEIPT, CHAIN) == []


def test_the_chain_shows_no_content() -> None:
    text = json.dumps(CHAIN)
    assert "5000" not in text
    assert all(len(content) == 64 for content in CHAIN["contents"])


@pytest.mark.parametrize(
    "field", ["header", "body", "salt", "content", "previous", "digest", "origin", "signature", "key"]
)
def test_a_forged_receipt_is_noticed(field: str) -> None:
    forged: dict[str, Any] = copy.deepcopy(RECEIPT)
    if field == "header":
        forged["header"]["at_us"] -= 1
    else:
        text = forged[field]
        forged[field] = ("B" if text[0] != "B" else "C") + text[1:]
    assert check_receipt(forged, PUBLIC)


def test_a_rewritten_log_no_longer_contains_the_receipt() -> None:
    for place in range(5):
        forged = copy.deepcopy(CHAIN)
        forged["contents"][place] = "00" * 32
        assert check_against_chain(RECEIPT, forged), place
    assert check_against_chain(RECEIPT, {**CHAIN, "contents": CHAIN["contents"][:3]}) == [
        "the log no longer reaches this event"
    ]
    assert check_against_chain(RECEIPT, {**CHAIN, "lot": "other"}) == ["the chain is of another lot"]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8
    )
)
def test_whatever_is_no_receipt_is_told_so(value: Any) -> None:
    document = value if isinstance(value, dict) else {"kind": value}
    assert check_receipt(document)
    assert check_against_chain(document, CHAIN)


def test_the_command_checks_a_receipt_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipt, chain = tmp_path / "receipt.json", tmp_path / "chain.json"
    receipt.write_text(json.dumps(RECEIPT))
    chain.write_text(json.dumps(CHAIN))
    assert verify(["--receipt", str(receipt), "--chain", str(chain)]) == 0
    assert "the log contains it" in capsys.readouterr().out
    receipt.write_text(json.dumps({**RECEIPT, "body": RECEIPT["body"].replace("5", "6")}))
    assert verify(["--receipt", str(receipt)]) == 1
    assert verify([]) == 2


def test_checkpoints_are_signed_and_survive_the_file() -> None:
    checkpoint = sign_checkpoint(Checkpoint(origin="t", at_us=1, heads=(ShardHead(3, 7, "ab"),)), KEY)
    assert is_signed(read_checkpoint(write_checkpoint(checkpoint)), PUBLIC)
    forged = Checkpoint(origin="t", at_us=2, heads=checkpoint.heads, signature=checkpoint.signature)
    assert not is_signed(forged, PUBLIC)


async def test_rows_cut_off_the_end_are_missed_by_a_checkpoint() -> None:
    head = RECORDS[-1]
    checkpoint = Checkpoint(origin="t", at_us=1, heads=(ShardHead(head.shard, head.seq, head.digest.hex()),))

    async def read(shard: int, after: int) -> list[Record]:
        return [record for record in RECORDS[:-1] if record.shard == shard and record.seq > after]

    async def nothing():  # type: ignore[no-untyped-def]
        return
        yield

    verdict = await verify_log(read, nothing(), [checkpoint])
    assert "cut off" in verdict.findings[0].problem


def test_a_removed_row_in_the_middle_is_named() -> None:
    walk = Walk()
    assert walk.step(RECORDS[0], 1, 1) is None
    assert "missing" in (walk.step(RECORDS[2], 2, 1) or "")


@settings(max_examples=50)
@given(st.integers(0, len(RECORDS) - 1), st.data())
def test_any_flipped_bit_of_a_stored_body_is_noticed(place: int, data: st.DataObject) -> None:
    record = RECORDS[place]
    bit = data.draw(st.integers(0, len(record.body) * 8 - 1))
    body = bytearray(record.body)
    body[bit // 8] ^= 1 << bit % 8
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    walk = Walk()
    for earlier in RECORDS[:place]:
        walk.step(earlier, earlier.seq, 1)
    assert walk.step(Record(**{**fields, "body": bytes(body)}), record.seq, 1)


def test_events_and_states_come_back_from_their_bytes() -> None:
    state: LotState | None = None
    for record in RECORDS:
        event = decode_event(record.type, record.version, record.body)
        assert encode_event(event) == (record.type, record.version, record.body)
        state = evolve(state, LOT, event, record.at_us)
        assert decode_state(LotState, encode_state(state)) == state
