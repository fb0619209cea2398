"""The single writer of a set of shards: take what waits, decide, append once, then answer, then tell.

Group commit: what arrives while one append is under way is decided meanwhile and goes into the next (ADR 0014). There is no
time-out and no cancellation around an append. If its outcome is anything but a clean success, nobody is answered: the book is
dropped, the shards are taken anew (a higher epoch), the log is read, and only then is each open question answered from the log
(ADR 0004).

A `Writer` owns its shards from the start to the end. In a market of several engines its shards come and go:
engine/runtime/shared_writer.py.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Generic

from engine.bus.local import Change, Envelope, Inbox, Shards
from engine.evidence.receipts import Receipt, receipt_on_record, refused
from engine.journal.folding import CorruptLog
from engine.journal.log import EventLog, Fenced, InDoubt, JournalUnavailable, Taken
from engine.journal.records import Record
from engine.rules.rejections import Reject
from engine.runtime.book import Batch, Book
from engine.runtime.clock import Clock
from engine.runtime.deadlines import Deadlines
from engine.runtime.limits import WriterLimits
from engine.runtime.rulebook import C, E, Rulebook, S
from engine.values import InstantUs, SubjectId

RETRY_FIRST_S: Final = 0.05
RETRY_MOST_S: Final = 2.0
SWEEP_EVERY_US: Final = 5_000_000
PROMPT_US: Final = 200_000
"""A commit of outages that took longer was itself an outage."""
OUTAGE_ROUNDS_MAX: Final = 20

log = logging.getLogger(__name__)


class FencedOut(Exception):
    """Another engine has taken our shards. This one must stop; what it had not committed is not in the log."""


class Writer(Generic[C, E, S]):
    """Owns shards and decides everything about the lots (or listings) in them."""

    survives_fencing = False
    """Another owner of one of our shards is no reason to end."""

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
        publish: Callable[[Sequence[Record]], None] = lambda records: None,
        on_commit: Callable[[int, float], None] = lambda rows, seconds: None,
        random_bytes: Callable[[int], bytes] = os.urandom,
        listener: Shards | None = None,
    ) -> None:
        """Make a writer.

        Args:
            journal: The log; nobody else uses this connection.
            clock: The clock that counts.
            owner: Name under which shards are taken.
            shards: Which shards it writes.
            rules: What is decided in them.
            limits: Bounds.
            tell: Called with the changes of each commit.
            on_commit: Called with rows and seconds of each commit.
            random_bytes: Source of salts.
            listener: Learns which shards are served.
        """
        self._journal = journal
        self._clock = clock
        self._owner = owner
        self._shards = set(shards)
        """Ours."""
        self._listener = listener
        self._rules = rules
        self._limits = limits
        self._tell = tell
        self._publish = publish
        self._on_commit = on_commit
        self._random_bytes = random_bytes
        self._inbox: Inbox[C] = Inbox(limits.inbox_max)
        self._wake = asyncio.Event()
        self._deadlines = Deadlines(clock, self._wake.set)
        self._book = Book(rules, ())
        self._serving = False
        self._stopping = False
        self._held = False
        self._last_us = InstantUs(0)
        self._served = False
        """What the book holds was decided by serving, on a log that was read."""
        self._sure_heads: dict[int, int] = {}
        """By shard: how far its log surely went when we last had it."""
        self._events_lost = False
        self._outages: list[tuple[InstantUs, InstantUs]] = []
        self.committed: dict[SubjectId, S] = {}
        """Committed states of the lots in memory: all that have not ended, and those that ended a short while ago."""
        self.snapshots_due: dict[SubjectId, tuple[S, bytes]] = {}
        self._snapshot_seqs: dict[SubjectId, int] = {}
        self._ended_kept: set[SubjectId] = set()
        self._next_sweep_us = InstantUs(0)
        self._taken: list[Envelope[C]] = []
        """Taken out of the inbox and not decided yet."""
        self._ahead: Batch[C, E, S] = Batch()
        """Decided, and waits for the append under way."""
        self._flying: Batch[C, E, S] = Batch()
        """Being appended by `_flight`."""
        self._flight: asyncio.Task[None] | None = None
        self._flight_since_us = InstantUs(0)
        self._reading_since_us: list[InstantUs] = []
        self._served_until_us = InstantUs(0)
        self._landed: Batch[C, E, S] = Batch()
        """Appended, and about to be answered."""

    @property
    def serving(self) -> bool:
        """Commands are taken now."""
        return self._serving and not self._held

    @property
    def waiting(self) -> int:
        """Commands in the inbox."""
        return len(self._inbox)

    @property
    def served_until_us(self) -> InstantUs:
        """Until when commands were surely served: now, or when the oldest append (or read) under way began, or when serving ceased;
        0 if never. A process that says no more than this never counts an append that hangs as bidding time.
        """
        if not self.serving:
            return self._served_until_us
        waits = [self._flight_since_us] if self._flight is not None else []
        return min([*waits, *self._reading_since_us], default=self._clock.now_us())

    @property
    def epochs(self) -> Mapping[int, int]:
        """Epoch of every shard that is served now."""
        if not self._serving:
            return {}
        return {shard: self._book.shard_epoch(shard) for shard in self._shards}

    def epoch(self, subject_id: SubjectId) -> int:
        """Return the epoch under which the lot is written now."""
        return self._book.epoch(subject_id) if self._book.owns(subject_id) else 0

    def submit(self, envelope: Envelope[C]) -> None:
        """Take one command; see `submit_all`."""
        self.submit_all((envelope,), self._clock.now_us())

    def submit_all(self, envelopes: Sequence[Envelope[C]], now_us: InstantUs) -> None:
        """Take commands in this order: stamp the legal time of each and queue it, or answer `busy` at once. Never blocks.

        `now_us` is the time now; no two commands have the same legal time.
        """
        at_us = self._last_us
        for envelope in envelopes:
            envelope.at_us = at_us = now_us if now_us > at_us else InstantUs(at_us + 1)
        self._last_us = at_us
        turned_away = envelopes
        if self.serving and not self._stopping:
            turned_away = self._inbox.put(envelopes)
            self._wake.set()
        for envelope in turned_away:
            answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))

    def report_stall(self, from_us: InstantUs, to_us: InstantUs) -> None:
        """Say that this process stood still between the two instants: that was not bidding time."""
        self._outages.append((from_us, to_us))
        self._wake.set()

    def hold(self) -> None:
        """Nobody can reach the market: take nothing and let no deadline pass until `resume`."""
        self._served_until_us = self.served_until_us
        self._held = True

    def resume(self, from_us: InstantUs, to_us: InstantUs) -> None:
        """Serve again after `hold`; the time between the two instants was not bidding time."""
        self._held = False
        self.report_stall(from_us, to_us)

    def _before_deciding(self) -> None:
        """Shards may join here: between two batches, as far as deciding goes."""

    def _after_deciding(self) -> None:
        """Shards may leave here."""

    def _after_drop(self) -> None:
        """Nothing flies any more and nothing decided is left."""

    def stop(self) -> None:
        """Take nothing more; `run` returns when what was taken is answered."""
        if self._serving and not self._stopping:
            self._tell_lost()
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Own the shards and serve until `stop`.

        Raises:
            FencedOut: another engine has taken over.
        """
        unanswered: list[Envelope[C]] = []
        pause_s = RETRY_FIRST_S
        try:
            while True:
                try:
                    await self._own()
                    await self._answer_from_log(unanswered)
                    unanswered = []
                    pause_s = RETRY_FIRST_S
                    await self._serve()
                    return
                except (
                    Exception
                ) as error:  # a doubt, an unreachable journal, or a bug: the book can no longer be trusted
                    if isinstance(error, Fenced) and not self.survives_fencing:
                        self._cease([*unanswered, *await self._drop_open()])
                        raise FencedOut(self._owner) from error
                    expected = isinstance(error, (InDoubt, JournalUnavailable))
                    self._halt()
                    unanswered += await self._drop_open()
                    log.warning(
                        "book_dropped", extra={"unanswered": len(unanswered)}, exc_info=error if not expected else None
                    )
                    if self._stopping and isinstance(error, JournalUnavailable):
                        self._cease(unanswered)
                        return
                    await asyncio.sleep(pause_s)
                    pause_s = min(RETRY_MOST_S, pause_s * 2)
        finally:
            if self._flight is not None:  # only when this process is being ended: what flies is in doubt
                self._flight.cancel()

    async def _own(self) -> None:
        """Take the shards, read the lots that live, and give back the time that nobody served them."""
        self._refuse_if_lost()
        shards = sorted(self._shards)
        taken = await self._journal.take(shards, self._owner, self._clock.now_us())
        self._check_heads(taken)
        book = Book(self._rules, taken, self._random_bytes)
        stored_lots = await self._journal.load_live(shards)
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
        if shards and self._listener is not None:
            self._listener.gained(shards)

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
            self._flying = batch
            await self._commit(batch)
            self._flying = Batch()
            self._finish(batch)
            if self._clock.now_us() - now_us <= PROMPT_US:
                return

    async def _serve(self) -> None:
        """Decide, append, answer. Deciding runs ahead of appending by one batch: what comes while one append is under way is
        decided on top of it; when that has landed it is answered, and what was decided meanwhile goes out. So PostgreSQL and
        this process work at the same time, and an answer still means committed.
        """
        self._served = True
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._flight is not None and (self._room() == 0 or self._flies_long()):
                await asyncio.wait([self._flight])  # no more is decided on top of it: neither bids nor deadlines
            landed_now = self._flight is not None and self._flight.done()
            if landed_now and 2 * len(self._ahead) >= len(self._inbox):
                self._wake.set()  # PostgreSQL waits for work: what is decided goes out, what waits is decided after
            else:
                self._before_deciding()
                await self._decide_waiting()
                self._after_deciding()
            if self._flight is not None:
                if not self._flight.done():
                    continue  # its end wakes us
                self._flight.result()
                self._flight = None
            landed, ahead = self._flying, self._ahead
            if landed.repeats:
                self._finish(landed)
                async with self._reading():
                    await self._answer_repeats(landed)  # read over the connection that the next batch takes
            self._landed, self._flying, self._ahead = landed, ahead, Batch()
            self._finish(landed)
            if ahead.records:  # the answers leave first: they are queued in the loop before it
                self._flight_since_us = self._clock.now_us()
                self._flight = asyncio.get_running_loop().create_task(self._fly(ahead))
            elif not ahead.is_empty:
                self._wake.set()  # nothing to append: it has landed
            self._forget_ended()
            if len(self._inbox):
                self._wake.set()
            elif self._stopping and self._flying.is_empty:
                self._halt()
                return

    def _flies_long(self) -> bool:
        """Tell whether what was decided before is so long on its way that nobody could have known it at a deadline now."""
        return self._clock.now_us() - self._flight_since_us > PROMPT_US

    async def _fly(self, batch: Batch[C, E, S]) -> None:
        try:
            await self._commit(batch)
            self._look_for_wait(self._flight_since_us)
        finally:
            self._wake.set()  # this task is done before the writer's turn comes

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """Nobody learns anything while the writer waits for what it reads."""
        begun_us = self._clock.now_us()
        self._reading_since_us.append(begun_us)
        try:
            yield
        finally:
            self._reading_since_us.remove(begun_us)
        self._look_for_wait(begun_us)

    def _look_for_wait(self, begun_us: InstantUs) -> None:
        """A database that answered late and yet with success: nobody could see meanwhile what he bid against."""
        ended_us = self._clock.now_us()
        if ended_us - begun_us > self._limits.slow_commit_us:
            log.warning("database_slow", extra={"from_us": begun_us, "to_us": ended_us})
            self._outages.append((begun_us, ended_us))

    def _record_outages(self) -> None:
        while self._outages:
            self._book.record_outage(*self._outages.pop(0), self._ahead)

    async def _decide_waiting(self) -> None:
        """Decide what waits, as far as the batch ahead has room, and what is due."""
        ahead = self._ahead
        self._record_outages()
        self._taken = self._inbox.take(self._room())
        for envelope in self._taken:
            if not self._book.decide(envelope, ahead):
                async with self._reading():
                    if self._flight is not None:
                        await asyncio.wait([self._flight])  # the connection is its alone
                    await self._load(envelope.subject_id)
                if not self._book.decide(envelope, ahead):
                    no_such = refused(envelope.subject_id, envelope.command_id, self._rules.no_such)
                    ahead.answers.append((envelope, no_such))
                if self._book.state(envelope.subject_id) is None:
                    self._book.forget(envelope.subject_id)  # a lot that does not exist leaves nothing behind
        self._taken = []
        if self._held:
            return
        self._record_outages()
        # A deadline stands in the inbox where it fell: bids that wait and came before it are decided before it.
        horizon_us = self._inbox.oldest_at_us() or InstantUs(max(self._clock.now_us(), self._last_us))
        for subject_id in self._deadlines.take_due(horizon_us):
            self._book.reach_deadlines(subject_id, horizon_us, ahead)
            ahead.due.append(subject_id)
        for subject_id in self._book.stuck:
            log.error("lot_unreadable", extra={"stream": self._rules.kind.stream(subject_id), "why": "deadline_stuck"})
        self._book.stuck.clear()

    def _room(self) -> int:
        """Return how many commands may be decided now. While one batch is on its way, the next is half of all there is: so this
        process and PostgreSQL go on having work at the same time, and never take turns.
        """
        ahead, room = len(self._ahead), self._limits.batch_max
        if self._flight is not None:
            room = min(room, (len(self._flying) + ahead + len(self._inbox) + 1) // 2)
        return max(0, room - ahead)

    async def _commit(self, batch: Batch[C, E, S]) -> None:
        """Append. Before this returns nobody learns anything of the batch."""
        if batch.records:
            begun_us = self._clock.now_us()
            await self._journal.append(batch.records)
            self._on_commit(len(batch.records), (self._clock.now_us() - begun_us) / 1e6)

    def _finish(self, batch: Batch[C, E, S]) -> None:
        """Answer, then tell, once: the batch is in the log."""
        answers, batch.answers = batch.answers, []
        for envelope, receipt in answers:
            try:
                envelope.reply(receipt)
            except Exception as error:
                _log_broken(envelope, error)
        if batch.changes:
            changes, records, batch.changes, batch.records = batch.changes, batch.records, [], []
            newest = {change.subject_id: place for place, change in enumerate(changes)}
            for subject_id, place in newest.items():
                state = changes[place].state
                self.committed[subject_id] = state
                self._plan(subject_id)
                self._note_snapshot(subject_id, state, records[place].digest)
            self._publish(records)
            self._tell(changes)
        due, batch.due = batch.due, []
        for subject_id in due:
            self._plan(subject_id)
        landed, batch.landed = batch.landed, []
        for tell in landed:
            tell()

    async def _drop_open(self) -> list[Envelope[C]]:
        """Wait until nothing flies any more, forget what was decided, and return the commands that nobody has answered."""
        flight, self._flight = self._flight, None
        if flight is not None:
            await asyncio.wait([flight])
        landed = flight is not None and not flight.cancelled() and flight.exception() is None
        if (
            self._served
        ):  # a second failure before serving again knows nothing new, and the old book held what was in doubt
            self._note_heads((self._ahead,) if landed else (self._flying, self._ahead))
        self._served = False
        batches = (self._landed, self._flying, self._ahead)
        self._landed, self._flying, self._ahead = Batch(), Batch(), Batch()
        self._after_drop()
        taken, self._taken = self._taken, []
        decided = [envelope for batch in batches for envelope in batch.envelopes]
        return list({id(envelope): envelope for envelope in (*decided, *taken)}.values())

    def _note_heads(self, unsure: Sequence[Batch[C, E, S]]) -> None:
        """Remember how far each shard of ours surely went, not counting these batches."""
        heads = self._book.heads()
        for batch in unsure:
            for record in batch.records:  # a shard may stand in both batches: the earlier one is the first unsure
                heads[record.shard] = min(heads.get(record.shard, record.seq), record.seq - 1)
        for shard, seq in heads.items():
            self._sure_heads[shard] = max(seq, self._sure_heads.get(shard, 0))

    def _check_heads(self, taken: Sequence[Taken]) -> None:
        """A log that is shorter than what we have acknowledged belongs to a server that must not serve: a standby was promoted
        that had not everything. Nobody bids on it until a person has looked; a process that starts anew knows nothing of it.
        """
        for one in taken:
            if one.head_seq <= self._sure_heads.get(one.shard, 0):
                log.critical("acknowledged_events_lost", extra={"shard": one.shard, "after_seq": one.head_seq - 1})
                self._events_lost = True
        self._refuse_if_lost()

    def _refuse_if_lost(self) -> None:
        if self._events_lost:
            raise JournalUnavailable("acknowledged events are missing in the log of this server")

    def _plan(self, subject_id: SubjectId) -> None:
        state = self.committed.get(subject_id) if self._book.is_readable(subject_id) else None
        self._deadlines.plan(subject_id, None if state is None else self._rules.next_deadline(state))

    def _note_snapshot(self, subject_id: SubjectId, state: S, digest: bytes) -> None:
        # An ended lot is read again for years: its last state is kept, so that nobody's page view replays its history.
        due = state.seq - self._snapshot_seqs.get(subject_id, 0) >= self._limits.snapshot_every
        if due or (state.phase.is_final and subject_id not in self._ended_kept):
            if state.phase.is_final:
                self._ended_kept.add(subject_id)
            self._snapshot_seqs[subject_id] = state.seq
            self.snapshots_due[subject_id] = (state, digest)

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

    async def _answer_repeats(self, batch: Batch[C, E, S]) -> None:
        while batch.repeats:
            envelope, stream_seq = batch.repeats[0]
            record = await self._journal.record_at(self._rules.kind.stream(envelope.subject_id), stream_seq)
            if record is None:
                raise InDoubt("a command known in memory is not in the log")
            del batch.repeats[0]
            answer(envelope, _receipt_for(envelope, record))

    async def _answer_from_log(self, envelopes: list[Envelope[C]]) -> None:
        """After a doubt: what is in the log is answered as recorded, the rest may be sent again with the same id."""
        while envelopes:
            envelope, record = envelopes[0], None
            if envelope.command_id is not None:
                stream = self._rules.kind.stream(envelope.subject_id)
                record = await self._journal.find_command(stream, envelope.command_id, envelope.actor)
            del envelopes[0]
            if record is None:
                answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.IN_DOUBT))
            else:
                answer(envelope, _receipt_for(envelope, record))

    def _halt(self) -> None:
        """Serve no more for now: what waits was never decided and is answered `busy`, with the same id it may come again."""
        if self._serving:
            self._served_until_us = self.served_until_us
            self._tell_lost()
        self._serving = False
        self._deadlines.clear()
        self.committed.clear()
        self._snapshot_seqs.clear()
        self._ended_kept.clear()
        self.snapshots_due.clear()
        for envelope in self._inbox.take(self._limits.inbox_max):
            answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))

    def _tell_lost(self) -> None:
        if self._listener is not None:
            self._listener.lost(sorted(self._shards))

    def _cease(self, unanswered: list[Envelope[C]]) -> None:
        self._halt()
        for envelope in unanswered:
            answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.IN_DOUBT))
        unanswered.clear()

    def _forget_ended(self) -> None:
        now_us = self._clock.now_us()
        if now_us < self._next_sweep_us:
            return
        self._next_sweep_us = InstantUs(now_us + SWEEP_EVERY_US)
        for subject_id in [
            subject_id
            for subject_id, state in self.committed.items()
            if state.phase.is_final
            and now_us - state.last_at_us > self._limits.keep_ended_us
            and self._book.state(subject_id) is state  # nothing about it is on its way
        ]:
            del self.committed[subject_id]
            self._snapshot_seqs.pop(subject_id, None)
            self._ended_kept.discard(subject_id)
            self._book.forget(subject_id)


def _receipt_for(envelope: Envelope[C], record: Record) -> Receipt:
    return receipt_on_record(record, envelope.subject_id, envelope.command_id, envelope.request_digest, envelope.actor)


def answer(envelope: Envelope[C], receipt: Receipt) -> None:
    """Give one command its answer."""
    try:
        envelope.reply(receipt)
    except Exception as error:
        _log_broken(envelope, error)


def _log_broken(envelope: Envelope[C], error: Exception) -> None:
    """A broken listener must not stop the market; the command is on record."""
    log.error("reply_failed", extra={"subject": envelope.subject_id}, exc_info=error)
