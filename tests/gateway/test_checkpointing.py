"""P5: a checkpoint kept outside the database shows that the end of the log was cut off, which the chain alone cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.evidence.checkpoints import is_signed, read_checkpoint
from engine.evidence.verification import verify_log
from engine.journal.records import Record
from gateway.checkpointing import FILE, write_if_moved
from tests.gateway.conftest import Town


async def test_a_checkpoint_shows_rows_cut_off(town: Town) -> None:
    await town.lot("a1")
    services = town.services
    await write_if_moved(services, {})
    last = (services.config.data_dir / FILE).read_bytes().splitlines()[-1]
    signed = read_checkpoint(last)
    assert is_signed(signed, services.signing_key.public_key().public_bytes_raw())
    reader, head = services.reader, signed.heads[0]

    async def cut(shard: int, after_seq: int) -> list[Record]:
        page = await reader.shard_page(shard, after_seq)
        return [record for record in page if (record.shard, record.seq) != (head.shard, head.seq)]

    whole = await verify_log(reader.shard_page, reader.snapshots(), [signed])
    assert not whole.findings
    short = await verify_log(cut, reader.snapshots(), [signed])
    assert any("rows were cut off" in finding.problem for finding in short.findings)


async def test_nothing_moved_nothing_written(town: Town, tmp_path: Path) -> None:
    await town.lot("a1")
    apart = tmp_path / "apart"  # the market keeps checkpoints of its own beside its data
    apart.mkdir()
    services = replace(town.services, config=town.services.config.model_copy(update={"data_dir": apart}))
    known: dict[int, int] = {}
    await write_if_moved(services, known)
    before = (apart / FILE).stat().st_size
    await write_if_moved(services, known)
    assert (apart / FILE).stat().st_size == before
