"""Verification: walk the whole log, recompute every digest, replay every lot, compare with the snapshots and the checkpoints.

Reads the database as anybody with read access could; shares only the digest and rule code with the writer. The first bad row of
each shard is named, with what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import Struct

from engine.evidence.checkpoints import Checkpoint
from engine.journal.codec import decode_event, decode_state, encode_state
from engine.journal.digests import chain_digest, content_of, first_digest
from engine.journal.records import Record
from engine.journal.streams import LISTINGS, LOTS, NOTICES, kind_of
from engine.rules.auction.formats.checking import opening_problem
from engine.rules.auction.state import LotState
from engine.values import ALL_SHARDS, InstantUs

ReadShard = Callable[[int, int], Awaitable[list[Record]]]
"""(shard, after seq) -> the next records of the shard, oldest first; empty at the end."""


class Finding(Struct, frozen=True):
    """One thing that is wrong, at one place."""

    place: str
    problem: str


class Verdict(Struct, kw_only=True):
    """What a verification found."""

    events: int = 0
    lots: int = 0
    listings: int = 0
    notices: int = 0
    snapshots: int = 0
    checkpoints: int = 0
    findings: list[Finding] = []

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not self.findings


class _Stream:
    """A stream while it is walked: its chain, its length, and the state of what it is about."""

    __slots__ = ("at_us", "chain", "kind", "seq", "state")

    def __init__(self, name: str) -> None:
        self.chain = first_digest(name)
        self.seq = 0
        self.at_us = InstantUs(0)
        self.kind = kind_of(name)
        self.state: Struct | None = None


class Walk:
    """Walks records in shard order and remembers where each stream stands."""

    def __init__(self) -> None:
        self.streams: dict[str, _Stream] = {}
        self.digests_wanted: dict[tuple[str, int], bytes] = {}
        """(stream, stream_seq) -> digest that a checkpoint or a snapshot promises."""
        self.states_wanted: dict[tuple[str, int], bytes] = {}
        """(stream, stream_seq) -> state that a snapshot promises."""

    def step(self, record: Record, expected_seq: int, epoch: int) -> str | None:
        """Check the next record of a shard; return what is wrong with it, None if nothing."""
        stream = self.streams.get(record.stream)
        if stream is None:
            stream = self.streams[record.stream] = _Stream(record.stream)
        problem = _misplaced(record, stream, expected_seq, epoch)
        if problem is not None:
            return problem
        content = content_of(record)
        if content != record.content:
            return "the content does not match its digest: a column of this row was changed"
        stream.chain = chain_digest(stream.chain, content)
        if stream.chain != record.digest:
            return "the digest does not continue the chain: this row or one before it was replaced"
        stream.seq, stream.at_us = record.stream_seq, record.at_us
        return self._replay(record, stream) or self._compare(record, stream)

    def _replay(self, record: Record, stream: _Stream) -> str | None:
        kind = stream.kind
        if kind is None:
            return None
        try:
            event = decode_event(record.type, record.version, record.body)
            if isinstance(stream.state, LotState) and (problem := opening_problem(stream.state, event)) is not None:
                return problem
            stream.state = kind.evolve(stream.state, kind.subject(record.stream), event, record.at_us)
        except Exception as error:  # whatever a forged body makes the decoder or the rules say, it is this row's fault
            return f"the event cannot follow the state before it ({type(error).__name__})"
        return None

    def _compare(self, record: Record, stream: _Stream) -> str | None:
        place = (record.stream, record.stream_seq)
        if self.digests_wanted.pop(place, record.digest) != record.digest:
            return "the digest differs from the one a checkpoint or snapshot holds"
        wanted = self.states_wanted.pop(place, None)
        if wanted is not None and (stream.state is None or encode_state(stream.state) != wanted):
            return "the state replayed from the log differs from the snapshot: delete the snapshot"
        return None


def _misplaced(record: Record, stream: _Stream, expected_seq: int, epoch: int) -> str | None:
    if record.seq != expected_seq:
        return f"expected seq {expected_seq}: a row is missing"
    if record.stream_seq != stream.seq + 1:
        return f"expected stream_seq {stream.seq + 1}: a row of {record.stream} is missing"
    if record.at_us < stream.at_us:
        return "decided before the event that precedes it"
    if record.epoch < epoch:
        return "written under an epoch that had ended: a fenced writer got through"
    kind = stream.kind
    if kind is not None and kind.shard_of(kind.subject(record.stream)) != record.shard:
        return "the stream does not belong to this shard"
    return None


async def verify_log(
    read_shard: ReadShard,
    snapshots: AsyncIterator[tuple[str, int, bytes, bytes]],
    checkpoints: list[Checkpoint],
    progress: Callable[[int], None] = lambda events: None,
) -> Verdict:
    """Verify everything.

    Args:
        read_shard: Pages of a shard.
        snapshots: (stream, stream_seq, state, digest) of every snapshot.
        checkpoints: Signed statements about the log, their signatures already checked.
        progress: Called with the number of events walked, now and then.
    """
    walk, verdict = Walk(), Verdict()
    async for stream, stream_seq, state, digest in snapshots:
        verdict.snapshots += 1
        walk.digests_wanted[(stream, stream_seq)] = digest
        try:
            kind = kind_of(stream)
            assert kind is not None, "only what rules decide has states"
            decode_state(kind.state, state)
            walk.states_wanted[(stream, stream_seq)] = state
        except Exception as error:
            verdict.findings.append(Finding(f"snapshot of {stream}", f"unreadable ({type(error).__name__})"))
    heads: dict[int, tuple[int, bytes]] = {}
    promised = {(c.shard, c.seq): bytes.fromhex(c.digest) for checkpoint in checkpoints for c in checkpoint.heads}
    verdict.checkpoints = len(checkpoints)
    for shard in ALL_SHARDS:
        await _verify_shard(shard, read_shard, walk, verdict, heads, promised, progress)
    for stream, stream_seq in walk.digests_wanted:
        verdict.findings.append(
            Finding(f"{stream} event {stream_seq}", "a snapshot promises it, but the log ends before it")
        )
    for shard, seq in promised:
        verdict.findings.append(
            Finding(
                f"shard {shard} seq {seq}", "a checkpoint promises it, but the log does not hold it: rows were cut off"
            )
        )
    verdict.lots = sum(stream.kind is LOTS for stream in walk.streams.values())
    verdict.listings = sum(stream.kind is LISTINGS for stream in walk.streams.values())
    verdict.notices = sum(stream.kind is NOTICES for stream in walk.streams.values())
    return verdict


async def _verify_shard(
    shard: int,
    read_shard: ReadShard,
    walk: Walk,
    verdict: Verdict,
    heads: dict[int, tuple[int, bytes]],
    promised: dict[tuple[int, int], bytes],
    progress: Callable[[int], None],
) -> None:
    seq, epoch = 0, 0
    while True:
        page = await read_shard(shard, seq)
        if not page:
            return
        for record in page:
            problem = walk.step(record, seq + 1, epoch)
            if problem is None and promised.pop((shard, record.seq), record.digest) != record.digest:
                problem = "the digest differs from the one a checkpoint holds: history was rewritten"
            if problem is not None:
                place = f"shard {shard} seq {record.seq} ({record.stream} event {record.stream_seq}, {record.type})"
                verdict.findings.append(Finding(place, problem))
                return  # what follows a bad row cannot be judged
            seq, epoch = record.seq, max(epoch, record.epoch)
            heads[shard] = (seq, record.digest)
            verdict.events += 1
        progress(verdict.events)
