"""The book: the sessions of the owned shards in memory, and how a batch of commands becomes records. No I/O, no clock.

Everything here is built on what may not be committed yet; after any doubt the whole book is thrown away and read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from engine.bus.local import Change, Envelope
from engine.evidence.receipts import Receipt, recorded, refused
from engine.journal.codec import decode_event, decode_state, encode_event
from engine.journal.digests import chain_digest, content_digest, first_digest, header_bytes
from engine.journal.log import StoredLot, Taken
from engine.journal.records import Record, lot_of, lot_stream
from engine.journal.sealing import SALT_LENGTH, seal
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import Command, ReachDeadline, RecordOutage
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import Event
from engine.rules.auction.evolving import evolve
from engine.rules.auction.groups import group_shifts
from engine.rules.auction.state import LotState, Rejected
from engine.rules.rejections import Reject
from engine.values import InstantUs, LotId, group_of, shard_of

SALTS_AT_ONCE = 64


class CorruptLog(Exception):
    """A stored record does not fit its digest, its place or its state: somebody changed history, or there is a bug."""


class LiveLot:
    """One session in memory: state, head digest of its chain, and every command id it has answered."""

    __slots__ = ("chain", "commands", "shard", "state", "stream")

    def __init__(self, stream: str, state: LotState | None, chain: bytes, commands: dict[bytes, int]) -> None:
        self.stream = stream
        self.shard = shard_of(lot_of(stream))
        self.state = state
        self.chain = chain
        self.commands = commands


def rebuild(stored: StoredLot) -> LiveLot:
    """Replay a stored lot from its snapshot or from the beginning, checking every digest on the way.

    Raises:
        CorruptLog: a record does not fit.
    """
    lot_id = lot_of(stored.stream)
    state = None if stored.snapshot is None else decode_state(stored.snapshot)
    chain = stored.snapshot_digest or first_digest(stored.stream)
    for record in stored.records:
        expected_seq = 1 if state is None else state.seq + 1
        content = content_digest(record.salt, header_bytes(record), record.body)
        chain = chain_digest(chain, content)
        if record.stream_seq != expected_seq or content != record.content or chain != record.digest:
            raise CorruptLog(f"{stored.stream} event {record.stream_seq}")
        state = evolve(state, lot_id, decode_event(record.type, record.version, record.body), record.at_us)
    return LiveLot(stored.stream, state, chain, stored.commands)


class Batch:
    """What one turn of the writer decided: records to append, then answers to give and changes to tell."""

    __slots__ = ("answers", "changes", "records", "repeats")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.answers: list[tuple[Envelope, Receipt]] = []
        self.repeats: list[Envelope] = []
        """Commands whose id is known: they are answered from the log."""
        self.changes: list[Change] = []


class Book:
    """Sessions of the shards taken, ready to decide."""

    def __init__(self, taken: Iterable[Taken], random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._heads = {shard.shard: [shard.epoch, shard.head_seq] for shard in taken}
        self._lots: dict[LotId, LiveLot] = {}
        self._groups: dict[str, list[LotId]] = {}
        self._unreadable: set[LotId] = set()
        self._random_bytes = random_bytes
        self._salts: list[bytes] = []

    def __contains__(self, lot_id: LotId) -> bool:
        return lot_id in self._lots or lot_id in self._unreadable

    def add(self, stored: StoredLot) -> LotState | None:
        """Take up a stored lot and return its state.

        Raises:
            CorruptLog: it does not fit its digests; the lot answers `lot_unreadable` from now on, the others go on.
        """
        lot_id = lot_of(stored.stream)
        try:
            lot = rebuild(stored)
        except Exception as error:
            self._unreadable.add(lot_id)
            raise CorruptLog(stored.stream) from error
        self._insert(lot_id, lot)
        return lot.state

    def add_new(self, lot_id: LotId) -> None:
        """Make room for a lot that the log does not know."""
        stream = lot_stream(lot_id)
        self._insert(lot_id, LiveLot(stream, None, first_digest(stream), {}))

    def forget(self, lot_id: LotId) -> None:
        """Drop a lot from memory; the log keeps it."""
        if self._lots.pop(lot_id, None) is not None:
            self._groups[group_of(lot_id)].remove(lot_id)

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot's shard is owned."""
        return self._heads[shard_of(lot_id)][0]

    def owns(self, lot_id: LotId) -> bool:
        """Tell whether the lot's shard is ours."""
        return shard_of(lot_id) in self._heads

    def states(self) -> Sequence[LotState]:
        """Return the states of all lots in memory."""
        return [lot.state for lot in self._lots.values() if lot.state is not None]

    def state(self, lot_id: LotId) -> LotState | None:
        """Return a lot's state as decided so far, committed or not."""
        lot = self._lots.get(lot_id)
        return None if lot is None else lot.state

    def chain(self, lot_id: LotId) -> bytes:
        """Return the head digest of a lot's chain."""
        return self._lots[lot_id].chain

    def decide(self, envelope: Envelope, batch: Batch) -> None:
        """Decide one command on the evolving state. Duplicates come first, then due deadlines, then the command itself."""
        lot = self._lots.get(envelope.lot_id)
        if lot is None:
            code = Reject.LOT_UNREADABLE if envelope.lot_id in self._unreadable else Reject.NO_SUCH_LOT
            batch.answers.append((envelope, refused(envelope.lot_id, envelope.command_id, code)))
            return
        if envelope.command_id is not None and envelope.command_id in lot.commands:
            batch.repeats.append(envelope)
            return
        self._mark_deadlines(envelope.lot_id, lot, envelope.at_us, batch)
        decision = decide(lot.state, envelope.lot_id, envelope.command, self._not_before(lot, envelope.at_us))
        event = decision.event
        if event is None:
            assert isinstance(decision, Rejected)
            receipt = refused(envelope.lot_id, envelope.command_id, decision.code, **decision.data)
            batch.answers.append((envelope, receipt))
            return
        record = self._record(envelope.lot_id, lot, event, envelope.at_us, envelope, batch)
        batch.answers.append((envelope, recorded(envelope.lot_id, record, event)))

    def reach_deadlines(self, lot_id: LotId, at_us: InstantUs, batch: Batch) -> None:
        """Mark what is due on a lot by now."""
        lot = self._lots.get(lot_id)
        if lot is not None:
            self._mark_deadlines(lot_id, lot, at_us, batch)

    def record_outage(self, from_us: InstantUs, to_us: InstantUs, batch: Batch, shard: int | None = None) -> None:
        """Tell the lots in memory (of one shard, or all) that they were not served between the two instants."""
        for lot_id, lot in list(self._lots.items()):
            if lot.state is not None and shard in (None, lot.shard):
                self._by_rule(lot_id, lot, RecordOutage(from_us=from_us, to_us=to_us), to_us, batch)

    def _mark_deadlines(self, lot_id: LotId, lot: LiveLot, at_us: InstantUs, batch: Batch) -> None:
        while lot.state is not None:
            due_us = next_deadline(lot.state)
            if due_us is None or due_us > at_us:
                return
            self._by_rule(lot_id, lot, ReachDeadline(due_us=due_us), at_us, batch)

    def _by_rule(self, lot_id: LotId, lot: LiveLot, command: Command, at_us: InstantUs, batch: Batch) -> None:
        event = decide(lot.state, lot_id, command, self._not_before(lot, at_us)).event
        if event is not None:
            self._record(lot_id, lot, event, at_us, None, batch)

    @staticmethod
    def _not_before(lot: LiveLot, at_us: InstantUs) -> InstantUs:
        return at_us if lot.state is None else InstantUs(max(at_us, lot.state.last_at_us))

    def _record(
        self, lot_id: LotId, lot: LiveLot, event: Event, at_us: InstantUs, cause: Envelope | None, batch: Batch
    ) -> Record:
        before = lot.state
        at_us = self._not_before(lot, at_us)
        shard = lot.shard
        head = self._heads[shard]
        head[1] += 1
        kind, version, body = encode_event(event)
        record = seal(
            shard=shard,
            seq=head[1],
            epoch=head[0],
            stream=lot.stream,
            stream_seq=1 if before is None else before.seq + 1,
            type_version=(kind, version),
            at_us=at_us,
            arrived_at_us=None if cause is None else cause.arrived_at_us,
            command_id=None if cause is None else cause.command_id,
            request_digest=None if cause is None else cause.request_digest,
            actor="engine" if cause is None else cause.actor,
            body=body,
            salt=self._salt(),
            previous=lot.chain,
        )
        lot.chain = record.digest
        lot.state = evolve(before, lot_id, event, at_us)
        if record.command_id is not None:
            lot.commands[record.command_id] = record.stream_seq
        batch.records.append(record)
        batch.changes.append(Change(lot_id, head[0], record.stream_seq, at_us, event, lot.state))
        if before is not None:
            self._shift_group(before, event, record, batch)
        return record

    def _shift_group(self, before: LotState, event: Event, record: Record, batch: Batch) -> None:
        group = self._groups[group_of(before.lot_id)]
        if len(group) == 1:
            return
        others = [state for lot_id in group if (state := self._lots[lot_id].state) is not None]
        for lot_id, shift in group_shifts(before, event, record.stream_seq, others):
            self._by_rule(lot_id, self._lots[lot_id], shift, record.at_us, batch)

    def _insert(self, lot_id: LotId, lot: LiveLot) -> None:
        if lot_id not in self._lots:
            self._groups.setdefault(group_of(lot_id), []).append(lot_id)
        self._lots[lot_id] = lot

    def _salt(self) -> bytes:
        if not self._salts:
            drawn = self._random_bytes(SALT_LENGTH * SALTS_AT_ONCE)
            self._salts = [drawn[i : i + SALT_LENGTH] for i in range(0, len(drawn), SALT_LENGTH)]
        return self._salts.pop()
