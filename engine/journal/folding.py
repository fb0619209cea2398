"""Folding: what is stored of a stream becomes its state, every digest checked on the way."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from engine.journal.codec import decode_event, decode_state
from engine.journal.digests import chain_digest, content_of, first_digest
from engine.journal.log import Stored
from engine.journal.records import Record
from engine.journal.streams import StreamKind

REPLAY_AT_ONCE: Final = 2_000
"""Events replayed without leaving the loop."""


class CorruptLog(Exception):
    """A stored record does not fit its digest, its place or its state: somebody changed history, or there is a bug."""


def fold(kind: StreamKind, stored: Stored) -> tuple[Any, bytes]:
    """Return the state and the head digest of a stream, from its snapshot or from the beginning.

    Raises:
        CorruptLog: a record does not fit.
    """
    subject_id = kind.subject(stored.stream)
    state: Any = None if stored.snapshot is None else decode_state(kind.state, stored.snapshot)
    chain = stored.snapshot_digest or first_digest(stored.stream)
    for record in stored.records:
        expected_seq = 1 if state is None else state.seq + 1
        if record.stream_seq != expected_seq or not continues(chain, record):
            raise CorruptLog(f"{stored.stream} event {record.stream_seq}")
        chain = record.digest
        state = kind.evolve(state, subject_id, decode_event(record.type, record.version, record.body), record.at_us)
    return state, chain


def continues(chain: bytes, record: Record) -> bool:
    """Tell whether a record is whole and follows the head digest of its stream."""
    content = content_of(record)
    return content == record.content and chain_digest(chain, content) == record.digest


async def fold_aside(kind: StreamKind, stored: Stored) -> tuple[Any, bytes]:
    """Return what `fold` does; a long history without a snapshot takes seconds to replay, and the market goes on meanwhile.

    Raises:
        CorruptLog: a record does not fit.
    """
    long = len(stored.records) > REPLAY_AT_ONCE
    return await asyncio.to_thread(fold, kind, stored) if long else fold(kind, stored)
