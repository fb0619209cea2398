"""By how much the log grew with a commit: told to those who follow it in the same process, so that they need not read it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from engine.journal.records import Record


class Advance(Struct, frozen=True):
    """By how much the log of a shard grew: all of its records from `first_seq` to `last_seq`, and the streams they stand in."""

    shard: int
    first_seq: int
    last_seq: int
    streams: frozenset[str]


def advances_of(records: Sequence[Record]) -> list[Advance]:
    """Return how far each shard went with the records of one commit, which are in the order of the log."""
    first, last = records[0], records[-1]
    streams = {record.stream for record in records}
    if len(streams) == 1:  # as it is in a rush on one lot
        return [Advance(first.shard, first.seq, last.seq, frozenset(streams))]
    by_shard: dict[int, list[Record]] = {}
    for record in records:
        by_shard.setdefault(record.shard, []).append(record)
    return [
        Advance(shard, part[0].seq, part[-1].seq, frozenset({record.stream for record in part}))
        for shard, part in by_shard.items()
    ]


AdvanceListener = Callable[[Sequence[Advance]], None]
