"""`ortoo verify` understands every format: a log with all of them is sound, and one changed event of each kind is found and named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import lru_cache

import msgspec
import pytest
from msgspec.structs import replace

from engine.evidence.verification import Verdict, verify_log
from engine.journal.codec import decode_event, encode_event
from engine.journal.digests import first_digest
from engine.journal.records import Record, lot_of
from engine.journal.sealing import seal
from engine.rules.auction.events import SessionPublished
from engine.rules.auction.formats.events import FORMAT_WIRE_NAMES, BidsOpened, SealingClosed
from engine.rules.auction.formats.terms import RULE_VERSIONS, format_of
from engine.values import Amount
from tests.simulation.fault_log import Faults
from tests.simulation.formats import KINDS
from tests.simulation.market import Market, Plan
from tests.simulation.virtual_loop import run_virtual

FORMAT_EVENTS = sorted(name for name, _ in FORMAT_WIRE_NAMES.values())
Log = dict[int, list[Record]]


@lru_cache
def market_log() -> tuple[Log, list[tuple[str, int, bytes, bytes]]]:
    """The log and the snapshots of a simulated market that held every format."""
    logging.disable(logging.CRITICAL)

    async def hold() -> Market:
        plan = Plan(seed=7, bids=3_000, lots=0, sessions=20, kinds=KINDS, faults=Faults(), crash_every_s=30.0)
        market = Market(plan)
        await market.run()
        return market

    try:
        database = run_virtual(hold()).database
    finally:
        logging.disable(logging.NOTSET)
    snapshots = [(stream, seq, state, digest) for stream, (seq, state, digest) in database.snapshots.items()]
    return database.rows, snapshots


def verdict_of(rows: Log, snapshots: list[tuple[str, int, bytes, bytes]]) -> Verdict:
    async def read(shard: int, after: int) -> list[Record]:
        return rows.get(shard, [])[after : after + 500]

    async def promised() -> AsyncIterator[tuple[str, int, bytes, bytes]]:
        for one in snapshots:
            yield one

    return asyncio.run(verify_log(read, promised(), []))


def changed(rows: Log, name: str, body: bytes | None = None, event: object = None) -> tuple[Log, Record]:
    """Return the log with one record of this type changed: one byte, or (an event) with the chain continued as if it were true."""
    shard, place, old = next(
        (shard, place, record)
        for shard, records in sorted(rows.items())
        for place, record in enumerate(records)
        if record.type == name
    )
    fields = {field: getattr(old, field) for field in old.__struct_fields__}
    forged = Record(**{**fields, "body": body if body is not None else _one_byte_other(old.body)})
    return {**rows, shard: [*rows[shard][:place], forged, *rows[shard][place + 1 :]]}, old


def _one_byte_other(body: bytes) -> bytes:
    place = next(at for at, byte in enumerate(body) if chr(byte).isdigit())
    return body[:place] + (b"1" if body[place : place + 1] != b"1" else b"2") + body[place + 1 :]


def test_a_log_with_every_format_is_sound() -> None:
    rows, snapshots = market_log()
    records = [record for shard in rows.values() for record in shard]
    published = [decode_event(r.type, r.version, r.body) for r in records if r.type == "lot.session_published"]
    assert {format_of(one.play) for one in published if isinstance(one, SessionPublished)} == set(RULE_VERSIONS)
    assert {record.type for record in records} >= set(FORMAT_EVENTS)
    verdict = verdict_of(rows, snapshots)
    assert verdict.clean, verdict.findings
    assert verdict.events == len(records) and verdict.lots == len(published)


@pytest.mark.parametrize("name", FORMAT_EVENTS)
def test_one_changed_event_is_found_and_named(name: str) -> None:
    rows, snapshots = market_log()
    forged, old = changed(rows, name)
    findings = verdict_of(forged, snapshots).findings
    assert findings[0].problem.startswith("the content does not match its digest")
    assert f"{old.stream} event {old.stream_seq}, {name}" in findings[0].place


@pytest.mark.parametrize("name", ["lot.sealing_closed", "lot.bids_opened"])
def test_an_opening_rewritten_with_its_whole_chain_is_found_all_the_same(name: str) -> None:
    """Somebody who holds the database writes another opening and continues the digests: the envelopes still say what they held."""
    rows, _ = market_log()
    shard, old = next(
        (shard, record)
        for shard, records in sorted(rows.items())
        for record in records
        if record.type == name and (name != "lot.bids_opened" or b'"amount"' in record.body)
    )
    event = decode_event(old.type, old.version, old.body)
    if isinstance(event, SealingClosed):
        event = replace(event, commitment="00" * 32)
    else:
        assert isinstance(event, BidsOpened)
        event = replace(event, bids=(replace(event.bids[0], amount=Amount(event.bids[0].amount + 1)), *event.bids[1:]))
    forged, previous = [], None
    for record in rows[shard]:
        if record.stream != old.stream:
            forged.append(record)
            continue
        body = encode_event(event)[2] if record is old else record.body
        sealed = seal(
            record.shard, record.seq, record.epoch, record.stream, record.stream_seq, (record.type, record.version),
            record.at_us, record.arrived_at_us, record.command_id, record.request_digest, record.actor, body, record.salt,
            previous or _first(record),
        )  # fmt: skip
        previous = sealed.digest
        forged.append(sealed)
    found = verdict_of({**rows, shard: forged}, []).findings
    assert any(f"event {old.stream_seq}, {name}" in one.place for one in found), lot_of(old.stream)
    assert {one.problem.split(" ")[0] for one in found} <= {"the", "what"}


def _first(record: Record) -> bytes:
    return first_digest(record.stream)


def test_every_event_of_the_formats_has_digits_to_change() -> None:
    assert _one_byte_other(msgspec.json.encode({"a": 1})) == b'{"a":2}'
