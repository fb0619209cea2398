"""The book: the lots (or listings) of the owned shards in memory, and how a batch of commands becomes records. No I/O, no clock.

Everything here is built on what may not be committed yet; after any doubt the whole book is thrown away and read again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic

from engine.bus.local import Change, Envelope
from engine.evidence.receipts import Receipt, recorded, refused
from engine.journal.codec import WIRES
from engine.journal.digests import first_digest
from engine.journal.folding import CorruptLog, fold
from engine.journal.log import Stored, Taken
from engine.journal.records import Record
from engine.journal.sealing import SALT_LENGTH, seal_event
from engine.rules.auction.commands import Command
from engine.rules.auction.events import Event
from engine.rules.auction.state import LotState
from engine.rules.decisions import Refusal
from engine.rules.rejections import Reject
from engine.runtime.rulebook import C, E, Rulebook, S
from engine.values import InstantUs, SubjectId

SALTS_AT_ONCE = 64
SAME_DEADLINE_MAX = 16
"""Events that one deadline may cause while it stays where it is; a session that closes, opens and ends in one instant needs three."""


class Stuck(Exception):
    """The rules of one subject cause event after event while its deadline does not move: there is a bug."""


class Live(Generic[S]):
    """One lot or listing in memory: state, head digest of its chain, and every command id it has answered."""

    __slots__ = ("chain", "commands", "grouped", "shard", "state", "stream")

    def __init__(self, stream: str, shard: int, state: S | None, chain: bytes, commands: dict[bytes, int]) -> None:
        self.stream = stream
        self.shard = shard
        self.state = state
        self.chain = chain
        self.commands = commands
        self.grouped = False
        """Others of its group are or were in memory: what happens to it may concern them."""


def rebuild(rules: Rulebook[C, E, S], stored: Stored) -> Live[S]:
    """Replay what is stored from its snapshot or from the beginning, checking every digest on the way.

    Raises:
        CorruptLog: a record does not fit.
    """
    state, chain = fold(rules.kind, stored)
    return Live(stored.stream, rules.kind.shard_of(rules.kind.subject(stored.stream)), state, chain, stored.commands)


class Batch(Generic[C, E, S]):
    """What the writer decided for one append: records to append, then answers to give and changes to tell."""

    __slots__ = ("answers", "changes", "due", "landed", "records", "repeats")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.answers: list[tuple[Envelope[C], Receipt]] = []
        self.repeats: list[tuple[Envelope[C], int]] = []
        """Commands whose id is known, and where in its stream: they are answered from the log."""
        self.changes: list[Change[E, S]] = []
        """One for each record."""
        self.due: list[SubjectId] = []
        """Whose deadline was looked at: it is planned anew when the batch is done."""
        self.landed: list[Callable[[], None]] = []
        """Called when the batch is in the log, after its answers and changes: a shard was joined or handed over with it."""

    @property
    def envelopes(self) -> list[Envelope[C]]:
        """Return the commands that wait for this batch."""
        return [envelope for envelope, _ in (*self.answers, *self.repeats)]

    @property
    def is_empty(self) -> bool:
        """Nothing was decided and nothing asked."""
        return not (self.records or self.answers or self.repeats or self.due or self.landed)

    def __len__(self) -> int:
        """Count the commands."""
        return len(self.answers) + len(self.repeats)


class Book(Generic[C, E, S]):
    """What lives in the shards taken, ready to decide."""

    def __init__(
        self, rules: Rulebook[C, E, S], taken: Iterable[Taken], random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._rules = rules
        self._shard_of = rules.kind.shard_of
        self._heads = {shard.shard: [shard.epoch, shard.head_seq] for shard in taken}
        self._live: dict[SubjectId, Live[S]] = {}
        self._groups: dict[str, list[SubjectId]] = {}
        self._unreadable: set[SubjectId] = set()
        self.stuck: list[SubjectId] = []
        """Given up since this was last emptied, because their deadline did not move; they answer `lot_unreadable`."""
        self._floor_us = InstantUs(0)
        """End of the last outage of all shards: what arrived during it is decided after it."""
        self._random_bytes = random_bytes
        self._salts: list[bytes] = []

    def __contains__(self, subject_id: SubjectId) -> bool:
        return subject_id in self._live or subject_id in self._unreadable

    def add(self, stored: Stored) -> S | None:
        """Take up what is stored and return its state.

        Raises:
            CorruptLog: it does not fit its digests; it answers `lot_unreadable` from now on, the others go on.
        """
        subject_id = self._rules.kind.subject(stored.stream)
        try:
            live = rebuild(self._rules, stored)
        except Exception as error:
            self._unreadable.add(subject_id)
            raise CorruptLog(stored.stream) from error
        self._insert(subject_id, live)
        return live.state

    def add_new(self, subject_id: SubjectId) -> None:
        """Make room for one that the log does not know."""
        stream = self._rules.kind.stream(subject_id)
        self._insert(subject_id, Live(stream, self._shard_of(subject_id), None, first_digest(stream), {}))

    def forget(self, subject_id: SubjectId) -> None:
        """Drop one from memory; the log keeps it."""
        if self._live.pop(subject_id, None) is not None:
            self._groups[self._rules.group_of(subject_id)].remove(subject_id)

    def is_readable(self, subject_id: SubjectId) -> bool:
        """Tell whether nothing is known to be wrong with a subject."""
        return subject_id not in self._unreadable

    def epoch(self, subject_id: SubjectId) -> int:
        """Return the epoch under which the lot's shard is owned."""
        return self._heads[self._shard_of(subject_id)][0]

    def heads(self) -> dict[int, int]:
        """Return the last sequence number of every shard of ours, as decided so far."""
        return {shard: seq for shard, (_, seq) in self._heads.items()}

    def shard_epoch(self, shard: int) -> int:
        """Return the epoch under which a shard of ours is owned."""
        return self._heads[shard][0]

    def owns(self, subject_id: SubjectId) -> bool:
        """Tell whether the lot's shard is ours."""
        return self._shard_of(subject_id) in self._heads

    def states(self) -> Sequence[S]:
        """Return the states of all lots in memory."""
        return [live.state for live in self._live.values() if live.state is not None]

    def state(self, subject_id: SubjectId) -> S | None:
        """Return a lot's state as decided so far, committed or not."""
        live = self._live.get(subject_id)
        return None if live is None else live.state

    def chain(self, subject_id: SubjectId) -> bytes:
        """Return the head digest of a lot's chain."""
        return self._live[subject_id].chain

    def decide(self, envelope: Envelope[C], batch: Batch[C, E, S]) -> bool:
        """Decide one command on the evolving state. Duplicates come first, then due deadlines, then the command itself.

        Returns False, having done nothing, if the lot is not in memory.
        """
        subject_id, command_id = envelope.subject_id, envelope.command_id
        live = self._live.get(subject_id)
        if live is None:
            if subject_id not in self._unreadable:
                return False
            batch.answers.append((envelope, refused(subject_id, command_id, Reject.LOT_UNREADABLE)))
            return True
        if command_id is not None and command_id in live.commands:
            batch.repeats.append((envelope, live.commands[command_id]))
            return True
        at_us = envelope.at_us if envelope.at_us > self._floor_us else self._floor_us
        state = live.state
        if state is not None:
            due_us = self._rules.next_deadline(state)
            if due_us is not None and due_us <= at_us:
                if not self._mark_deadlines(subject_id, live, at_us, batch):
                    batch.answers.append((envelope, refused(subject_id, command_id, Reject.LOT_UNREADABLE)))
                    return True
                state = live.state
                assert state is not None, "a mark leads to a state"
            if at_us < state.last_at_us:
                at_us = state.last_at_us
        decision = self._rules.decide(state, subject_id, envelope.command, at_us)
        event = decision.event
        if event is None:
            assert isinstance(decision, Refusal)
            batch.answers.append((envelope, refused(subject_id, command_id, decision.code, **decision.data)))
        else:
            record = self._record(subject_id, live, event, at_us, envelope, batch)
            batch.answers.append((envelope, recorded(subject_id, record, event)))
        return True

    def reach_deadlines(self, subject_id: SubjectId, at_us: InstantUs, batch: Batch[C, E, S]) -> None:
        """Mark what is due by now."""
        live = self._live.get(subject_id)
        if live is not None:
            self._mark_deadlines(subject_id, live, InstantUs(max(at_us, self._floor_us)), batch)

    def record_outage(
        self,
        from_us: InstantUs,
        to_us: InstantUs,
        batch: Batch[C, E, S],
        shard: int | None = None,
        *,
        handed_over: bool = False,
    ) -> None:
        """Tell the lots in memory (of one shard, or all) that they were not served between the two instants."""
        if shard is None:
            self._floor_us = max(self._floor_us, to_us)
        command = (self._rules.hand_over if handed_over else self._rules.outage)(from_us, to_us)
        if command is None:
            return
        for subject_id, live in list(self._live.items()):
            if live.state is not None and shard in (None, live.shard):
                self._by_rule(subject_id, live, command, to_us, batch)

    def join(self, other: Book[C, E, S]) -> None:
        """Take over everything of a book that was read beside this one; its shards are none of ours."""
        self._heads.update(other._heads)
        self._live.update(other._live)
        self._groups.update(other._groups)
        self._unreadable |= other._unreadable

    def part(self, shards: Collection[int], at_us: InstantUs, batch: Batch[C, E, S]) -> None:
        """Mark what is due in the shards by now, then forget them: whoever takes them reads the log."""
        leaving = [subject_id for subject_id, live in self._live.items() if live.shard in shards]
        for subject_id in leaving:
            self.reach_deadlines(subject_id, at_us, batch)
        for subject_id in leaving:
            self.forget(subject_id)
        self._unreadable = {one for one in self._unreadable if self._shard_of(one) not in shards}
        for shard in shards:
            self._heads.pop(shard, None)

    def _mark_deadlines(self, subject_id: SubjectId, live: Live[S], at_us: InstantUs, batch: Batch[C, E, S]) -> bool:
        """Mark what is due. False: the subject was given up, and nothing of what its deadline caused is in the batch."""
        restore = self._savepoint(subject_id, live, batch)
        try:
            self._pass_deadlines(subject_id, live, at_us, batch)
        except Stuck:
            restore()
            self.forget(subject_id)
            self._unreadable.add(subject_id)
            self.stuck.append(subject_id)
            return False
        return True

    def _pass_deadlines(self, subject_id: SubjectId, live: Live[S], at_us: InstantUs, batch: Batch[C, E, S]) -> None:
        latest_us, times = InstantUs(0), 0
        while live.state is not None:
            due_us = self._rules.next_deadline(live.state)
            if due_us is None or due_us > at_us:
                return
            latest_us, times = max(due_us, latest_us), 1 if due_us > latest_us else times + 1
            if times > SAME_DEADLINE_MAX:
                raise Stuck(subject_id)
            if not self._by_rule(subject_id, live, self._rules.reach_deadline(due_us), at_us, batch):
                return  # a rule that names a deadline and then does nothing must not hold up the others

    def _savepoint(self, subject_id: SubjectId, live: Live[S], batch: Batch[C, E, S]) -> Callable[[], None]:
        """Return what undoes all that is decided from now on, for the subject and for those of its group."""
        concerned = [self._live[one] for one in self._groups[self._rules.group_of(subject_id)]]
        kept = [(one, one.state, one.chain) for one in concerned]
        decided, head_seq = len(batch.records), self._heads[live.shard][1]

        def restore() -> None:
            for one, state, chain in kept:
                one.state, one.chain = state, chain
            del batch.records[decided:], batch.changes[decided:]
            self._heads[live.shard][1] = head_seq

        return restore

    def _by_rule(
        self, subject_id: SubjectId, live: Live[S], command: C, at_us: InstantUs, batch: Batch[C, E, S]
    ) -> bool:
        at_us = self._not_before(live, at_us)
        event = self._rules.decide(live.state, subject_id, command, at_us).event
        if event is not None:
            self._record(subject_id, live, event, at_us, None, batch)
        return event is not None

    @staticmethod
    def _not_before(live: Live[S], at_us: InstantUs) -> InstantUs:
        return at_us if live.state is None else max(at_us, live.state.last_at_us)

    def _record(
        self,
        subject_id: SubjectId,
        live: Live[S],
        event: E,
        at_us: InstantUs,
        cause: Envelope[C] | None,
        batch: Batch[C, E, S],
    ) -> Record:
        before, head = live.state, self._heads[live.shard]
        head[1] += 1
        epoch, seq = head
        stream_seq = 1 if before is None else before.seq + 1
        salt = self._salts.pop() if self._salts else self._draw_salts()
        record = seal_event(WIRES[type(event)], event, live, cause, epoch, seq, stream_seq, at_us, salt)
        live.chain = record.digest
        live.state = state = self._rules.evolve(before, subject_id, event, at_us)
        if cause is not None and cause.command_id is not None:
            live.commands[cause.command_id] = stream_seq
        batch.records.append(record)
        batch.changes.append(Change(subject_id, epoch, stream_seq, at_us, event, state))
        if before is not None and live.grouped:
            self._draw_consequences(before, subject_id, event, record, batch)
        return record

    def _draw_consequences(
        self, before: S, subject_id: SubjectId, event: E, record: Record, batch: Batch[C, E, S]
    ) -> None:
        group = self._groups[self._rules.group_of(subject_id)]
        others = [state for other_id in group if (state := self._live[other_id].state) is not None]
        for other_id, command in self._rules.consequences(before, event, record.stream_seq, others):
            self._by_rule(other_id, self._live[other_id], command, record.at_us, batch)

    def _insert(self, subject_id: SubjectId, live: Live[S]) -> None:
        group = self._groups.setdefault(self._rules.group_of(subject_id), [])
        if subject_id not in self._live:
            group.append(subject_id)
        self._live[subject_id] = live
        if len(group) > 1:
            for other_id in group:
                self._live[other_id].grouped = True

    def _draw_salts(self) -> bytes:
        """Draw random bytes for several records at once; return the first salt."""
        drawn = self._random_bytes(SALT_LENGTH * SALTS_AT_ONCE)
        self._salts = [drawn[i : i + SALT_LENGTH] for i in range(0, len(drawn), SALT_LENGTH)]
        return self._salts.pop()


LotBatch = Batch[Command, Event, LotState]
LotBook = Book[Command, Event, LotState]
