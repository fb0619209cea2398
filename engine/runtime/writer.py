"""The single writer of a set of shards: take what waits, decide, append once, then answer, then tell.

Group commit: what arrives while one append is under way goes into the next. There is no time-out and no cancellation around an
append. If its outcome is anything but a clean success, nobody is answered: the book is dropped, the shards are taken anew (a
higher epoch), the log is read, and only then is each open question answered from the log (ADR 0004).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic

from msgspec import Struct

from engine.bus.local import Change, Envelope, Inbox
from engine.evidence.receipts import Receipt, receipt_of, refused
from engine.journal.log import EventLog, Fenced, InDoubt, JournalUnavailable
from engine.journal.records import Record
from engine.rules.rejections import Reject
from engine.runtime.book import Batch, Book, CorruptLog
from engine.runtime.clock import Clock
from engine.runtime.deadlines import Deadlines
from engine.runtime.rulebook import C, E, Rulebook, S
from engine.values import InstantUs, SubjectId

RETRY_FIRST_S: Final = 0.05
RETRY_MOST_S: Final = 2.0
SWEEP_EVERY_US: Final = 5_000_000
PROMPT_US: Final = 200_000
"""A commit of outages that took longer was itself an outage."""
OUTAGE_ROUNDS_MAX: Final = 20

log = logging.getLogger(__name__)


class WriterLimits(Struct, frozen=True, kw_only=True):
    """Bounds of the writer; each has a written answer when it is reached."""

    inbox_max: int = 20_000
    """Commands waiting; one more is answered `busy`."""
    batch_max: int = 1_000
    """Commands decided for one append; the rest wait for the next."""
    snapshot_every: int = 1_000
    """Events of a lot between two snapshots."""
    keep_ended_us: int = 600_000_000
    """How long an ended lot stays in memory after its last event."""


class FencedOut(Exception):
    """Another engine has taken our shards. This one must stop; what it had not committed is not in the log."""


class Writer(Generic[C, E, S]):
    """Owns shards and decides everything about the lots (or listings) in them."""

    def __init__(
        self,
        journal: EventLog,
        clock: Clock,
        owner: str,
        shards: Sequence[int],
        rules: Rulebook[C, E, S],
        *,
        limits: WriterLimits = WriterLimits(),
        tell: Callable[[Sequence[Change[E, S]]], None] = lambda changes: None,
        on_commit: Callable[[int, float], None] = lambda rows, seconds: None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._shards = tuple(shards)
        self._rules = rules
        self._limits = limits
        self._tell = tell
        self._on_commit = on_commit
        self._random_bytes = random_bytes
        self._inbox: Inbox[C] = Inbox(limits.inbox_max)
        self._wake = asyncio.Event()
        self._deadlines = Deadlines(clock, self._wake.set)
        self._book = Book(rules, ())
        self._serving = False
        self._stopping = False
        self._last_us = InstantUs(0)
        self._outages: list[tuple[InstantUs, InstantUs]] = []
        self.committed: dict[SubjectId, S] = {}
        """Committed states of the lots in memory: all that have not ended, and those that ended a short while ago."""
        self.snapshots_due: dict[SubjectId, tuple[S, bytes]] = {}
        self._snapshot_seqs: dict[SubjectId, int] = {}
        self._ended_kept: set[SubjectId] = set()
        self._next_sweep_us = InstantUs(0)

    @property
    def serving(self) -> bool:
        """Commands are taken now."""
        return self._serving

    @property
    def waiting(self) -> int:
        """Commands in the inbox."""
        return len(self._inbox)

    def epoch(self, subject_id: SubjectId) -> int:
        """Return the epoch under which the lot is written now."""
        return self._book.epoch(subject_id) if self._book.owns(subject_id) else 0

    def submit(self, envelope: Envelope[C], now_us: InstantUs | None = None) -> None:
        """Take a command: stamp its legal time and queue it, or answer `busy` at once. Never blocks.

        `now_us` is the time now, where the caller has just looked.
        """
        if now_us is None:
            now_us = self._clock.now_us()
        self._last_us = envelope.at_us = now_us if now_us > self._last_us else InstantUs(self._last_us + 1)
        if self._serving and not self._stopping and self._inbox.put(envelope):
            self._wake.set()
        else:
            _answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))

    def report_stall(self, from_us: InstantUs, to_us: InstantUs) -> None:
        """Say that this process stood still between the two instants: that was not bidding time."""
        self._outages.append((from_us, to_us))
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what was taken is answered."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Own the shards and serve until `stop`.

        Raises:
            FencedOut: another engine has taken over.
        """
        unanswered: list[Envelope[C]] = []
        pause_s = RETRY_FIRST_S
        while True:
            try:
                await self._own()
                await self._answer_from_log(unanswered)
                unanswered = []
                pause_s = RETRY_FIRST_S
                await self._serve(unanswered)
                return
            except Fenced as error:
                self._cease(unanswered)
                raise FencedOut(self._owner) from error
            except Exception as error:  # a doubt, an unreachable journal, or a bug: the book can no longer be trusted
                expected = isinstance(error, (InDoubt, JournalUnavailable))
                log.warning("book_dropped", extra={"unanswered": len(unanswered)}, exc_info=not expected)
                self._halt()
                if self._stopping and isinstance(error, JournalUnavailable):
                    self._cease(unanswered)
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(RETRY_MOST_S, pause_s * 2)

    async def _own(self) -> None:
        """Take the shards, read the lots that live, and give back the time that nobody served them."""
        taken = await self._journal.take(self._shards, self._owner, self._clock.now_us())
        book = Book(self._rules, taken, self._random_bytes)
        stored_lots = await self._journal.load_live(self._shards)
        for stored in stored_lots:
            try:
                state = book.add(stored)
            except CorruptLog:
                log.exception("lot_unreadable", extra={"stream": stored.stream})
                continue
            if state is not None:
                self.committed[self._rules.kind.subject(stored.stream)] = state
                self._last_us = InstantUs(max(self._last_us, state.last_at_us))
        self._book = book
        await self._give_time_back({shard.shard: shard.unserved_from_us for shard in taken})
        for subject_id, state in self.committed.items():
            self._deadlines.plan(subject_id, self._rules.next_deadline(state))
        self._serving = True
        self._wake.set()

    async def _give_time_back(self, unserved_from_us: Mapping[int, InstantUs | None]) -> None:
        """Record the outage of every shard. Nobody is served while that is being committed either, so it is done again
        until the commit was prompt: otherwise an end could pass unseen meanwhile.
        """
        since_us = dict(unserved_from_us)
        for _ in range(OUTAGE_ROUNDS_MAX):
            batch: Batch[C, E, S] = Batch()
            now_us = InstantUs(max(self._clock.now_us(), self._last_us))
            for shard, from_us in since_us.items():
                if from_us is not None:
                    self._book.record_outage(from_us, now_us, batch, shard)
                    since_us[shard] = now_us
            await self._commit(batch)
            if self._clock.now_us() - now_us <= PROMPT_US:
                return

    async def _serve(self, unanswered: list[Envelope[C]]) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            envelopes = self._inbox.take(self._limits.batch_max)
            if len(self._inbox):
                self._wake.set()
            unanswered[:] = envelopes
            await self._turn(envelopes, unanswered)
            unanswered.clear()
            if self._stopping and not len(self._inbox):
                self._halt()
                return

    async def _turn(self, envelopes: list[Envelope[C]], unanswered: list[Envelope[C]]) -> None:
        batch: Batch[C, E, S] = Batch()
        while self._outages:
            self._book.record_outage(*self._outages.pop(0), batch)
        for envelope in envelopes:
            if envelope.subject_id not in self._book:
                await self._load(envelope.subject_id)
            self._book.decide(envelope, batch)
            if self._book.state(envelope.subject_id) is None:
                self._book.forget(envelope.subject_id)  # a lot that does not exist leaves nothing behind
        # A deadline stands in the inbox where it fell: bids that wait and came before it are decided before it.
        horizon_us = self._inbox.oldest_at_us() or InstantUs(max(self._clock.now_us(), self._last_us))
        due = self._deadlines.take_due(horizon_us)
        for subject_id in due:
            self._book.reach_deadlines(subject_id, horizon_us, batch)
        await self._commit(batch)
        unanswered[:] = batch.repeats
        for subject_id in due:
            self._plan(subject_id)
        for envelope in batch.repeats:
            await self._answer_repeat(envelope)
        self._forget_ended(horizon_us)

    async def _commit(self, batch: Batch[C, E, S]) -> None:
        """Append, then answer, then tell. Before the append returns nobody learns anything."""
        if batch.records:
            begun_us = self._clock.now_us()
            await self._journal.append(batch.records)
            self._on_commit(len(batch.records), (self._clock.now_us() - begun_us) / 1e6)
        for envelope, receipt in batch.answers:
            _answer(envelope, receipt)
        if batch.changes:
            for change in batch.changes:
                self.committed[change.subject_id] = change.state
            for subject_id in {change.subject_id for change in batch.changes}:
                self._plan(subject_id)
                self._note_snapshot(subject_id)
            self._tell(batch.changes)

    def _plan(self, subject_id: SubjectId) -> None:
        state = self.committed.get(subject_id)
        self._deadlines.plan(subject_id, None if state is None else self._rules.next_deadline(state))

    def _note_snapshot(self, subject_id: SubjectId) -> None:
        state = self.committed[subject_id]
        # An ended lot is read again for years: its last state is kept, so that nobody's page view replays its history.
        due = state.seq - self._snapshot_seqs.get(subject_id, 0) >= self._limits.snapshot_every
        if due or (state.phase.is_final and subject_id not in self._ended_kept):
            if state.phase.is_final:
                self._ended_kept.add(subject_id)
            self._snapshot_seqs[subject_id] = state.seq
            self.snapshots_due[subject_id] = (state, self._book.chain(subject_id))

    async def _load(self, subject_id: SubjectId) -> None:
        """Bring a lot that is not in memory (ended long ago, or new) into the book."""
        stored = await self._journal.load(self._rules.kind.stream(subject_id))
        if stored is None:
            self._book.add_new(subject_id)
            return
        try:
            state = self._book.add(stored)
        except CorruptLog:
            log.exception("lot_unreadable", extra={"stream": stored.stream})
            return
        if state is not None:
            self.committed[subject_id] = state

    async def _answer_repeat(self, envelope: Envelope[C]) -> None:
        assert envelope.command_id is not None
        record = await self._journal.find_command(self._rules.kind.stream(envelope.subject_id), envelope.command_id)
        if record is None:
            raise InDoubt("a command known in memory is not in the log")
        _answer(envelope, _receipt_for(envelope, record))

    async def _answer_from_log(self, envelopes: list[Envelope[C]]) -> None:
        """After a doubt: what is in the log is answered as recorded, the rest may be sent again with the same id."""
        for envelope in envelopes:
            record = None
            if envelope.command_id is not None:
                record = await self._journal.find_command(
                    self._rules.kind.stream(envelope.subject_id), envelope.command_id
                )
            if record is None:
                _answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.IN_DOUBT))
            else:
                _answer(envelope, _receipt_for(envelope, record))

    def _halt(self) -> None:
        """Serve no more for now: what waits was never decided and is answered `busy`, with the same id it may come again."""
        self._serving = False
        self._deadlines.clear()
        self.committed.clear()
        self._snapshot_seqs.clear()
        self._ended_kept.clear()
        self.snapshots_due.clear()
        for envelope in self._inbox.take(self._limits.inbox_max):
            _answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))

    def _cease(self, unanswered: list[Envelope[C]]) -> None:
        self._halt()
        for envelope in unanswered:
            _answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.IN_DOUBT))
        unanswered.clear()

    def _forget_ended(self, now_us: InstantUs) -> None:
        if now_us < self._next_sweep_us:
            return
        self._next_sweep_us = InstantUs(now_us + SWEEP_EVERY_US)
        for subject_id in [
            subject_id
            for subject_id, state in self.committed.items()
            if state.phase.is_final and now_us - state.last_at_us > self._limits.keep_ended_us
        ]:
            del self.committed[subject_id]
            self._snapshot_seqs.pop(subject_id, None)
            self._ended_kept.discard(subject_id)
            self._book.forget(subject_id)


def _receipt_for(envelope: Envelope[C], record: Record) -> Receipt:
    """Return the recorded answer, or a refusal if the id was used for something else."""
    if record.request_digest != envelope.request_digest or record.actor != envelope.actor:
        return refused(envelope.subject_id, envelope.command_id, Reject.COMMAND_ID_REUSED)
    return receipt_of(record)


def _answer(envelope: Envelope[C], receipt: Receipt) -> None:
    try:
        envelope.reply(receipt)
    except Exception:  # a broken listener must not stop the market; the command is on record
        log.exception("reply_failed", extra={"subject": envelope.subject_id})
