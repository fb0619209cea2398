"""Checkpoints: now and then a signed line about where every shard stands goes into a file beside the database.

A chain cannot show that its tail was cut off; a line kept elsewhere can (`ortoo verify --checkpoints FILE`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import asyncpg

from engine.evidence.checkpoints import Checkpoint, ShardHead, sign_checkpoint, write_checkpoint
from gateway.services import Services

FILE: Final = "checkpoints.jsonl"

log = logging.getLogger(__name__)


async def keep_checkpoints(services: Services) -> None:
    """Write a checkpoint every `checkpoint_seconds` for ever; only of shards that have moved."""
    known: dict[int, int] = {}
    while True:
        try:
            await write_if_moved(services, known)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            log.warning("checkpoint_failed", exc_info=True)
        await asyncio.sleep(services.config.checkpoint_seconds)


async def write_if_moved(services: Services, known: dict[int, int]) -> None:
    """Append one checkpoint of the shards whose head is not `known`, and remember them; nothing moved, nothing is written."""
    heads = [
        ShardHead(shard, seq, digest.hex())
        for shard, seq, digest in await services.reader.shard_heads()
        if known.get(shard) != seq
    ]
    if not heads:
        return
    checkpoint = Checkpoint(origin=services.config.market_name, at_us=services.now_us, heads=tuple(heads))
    line = write_checkpoint(sign_checkpoint(checkpoint, services.signing_key)) + b"\n"
    await asyncio.to_thread(_append, services.config.data_dir / FILE, line)
    known.update({head.shard: head.seq for head in heads})


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
