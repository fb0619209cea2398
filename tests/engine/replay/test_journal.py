"""Replays into the real journal: the same results, a log that verifies, states that the log alone rebuilds."""

from __future__ import annotations

import asyncpg

from engine.evidence.verification import verify_log
from engine.journal.postgres import PostgresLog
from engine.journal.reader import Reader
from engine.replay import driver
from engine.replay.driver import replay_in_memory, replay_into
from engine.replay.format import read_recording
from loadtests.converters.foundation import read_auctions
from loadtests.converters.recordings import replay_lines
from tests.engine.replay.recordings import read
from tests.loadtests.test_converters import FOUNDATION


async def test_the_journal_holds_what_the_replay_said(fresh_database: str, monkeypatch) -> None:
    monkeypatch.setattr(driver, "BATCH_RECORDS", 20)  # many commits
    recording = read(replay_lines(read_auctions(FOUNDATION)))
    log = PostgresLog(fresh_database)
    try:
        results = await replay_into(log, recording)
    finally:
        await log.close()
    assert results == await replay_in_memory(recording)
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=1) as pool:
        reader = Reader(pool)
        verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
        accepted = await pool.fetchval("SELECT count(*) FROM event WHERE type = 'lot.bid_accepted'")
    assert verdict.findings == []
    assert verdict.lots == len(recording.lots)
    assert accepted == sum(result.accepted for result in results)
    assert sum(result.accepted + sum(result.rejected.values()) for result in results) == len(recording.bids)


async def test_an_empty_recording_is_no_error(fresh_database: str) -> None:
    log = PostgresLog(fresh_database)
    try:
        assert await replay_into(log, read_recording([])) == []
    finally:
        await log.close()
