"""A gateway's copy of the committed states of one kind of stream, folded from committed records: told over Redis, or read from the log.

Redis is a hint. A record is believed only if it continues the digest chain of its stream; whatever does not fit (a gap, a new
epoch, a heartbeat further than what was told) is read from PostgreSQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from engine.bus import messages as m
from engine.bus.local import Change, Listener, tell_all
from engine.journal.advances import Advance, AdvanceListener
from engine.journal.codec import decode_event
from engine.journal.digests import first_digest
from engine.journal.folding import continues, fold_aside
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record
from engine.journal.streams import StreamKind
from engine.values import SubjectId

PAGE: Final = 1_000
AHEAD_MAX: Final = 2_000
"""Records kept while a gap before them is read; with more they are read from the log too."""
AGAIN_S: Final = 0.5
STATES_A_TURN: Final = 50

E = TypeVar("E")
S = TypeVar("S")
log = logging.getLogger(__name__)


class _Unfolded(Exception):
    """A record does not follow what is in memory: its stream is read from the log."""


class _View:
    """How far a shard is known."""

    __slots__ = ("ahead", "beat_s", "behind", "epoch", "seq", "target")

    def __init__(self) -> None:
        self.epoch = 0
        self.seq = 0
        self.target = 0
        """The log is known to reach at least to here."""
        self.behind = False
        self.ahead: deque[Record] = deque()
        """Told, without gaps among them, while it was behind."""
        self.beat_s = float("-inf")
        """When its owner was last heard, on the loop's clock."""


class Replica(Generic[E, S]):
    """The states of one kind, and how far each shard is known."""

    def __init__(self, kind: StreamKind, shards: Sequence[int], journal: PostgresLog) -> None:
        self.kind = kind
        self.shards = tuple(shards)
        self.committed: dict[SubjectId, S] = {}
        self.healed = 0
        """Times that a shard was read from the log because something was missed."""
        self._chains: dict[SubjectId, bytes] = {}
        self._unreadable: set[SubjectId] = set()
        self._views = {shard: _View() for shard in shards}
        self._journal = journal
        self._journal_free = asyncio.Lock()
        """One question at a time on its one connection."""
        self._listeners: list[Listener[E, S]] = []
        self._advance_listeners: list[AdvanceListener] = []
        self._awaited: dict[SubjectId, list[tuple[int, asyncio.Future[None]]]] = {}
        self._loaded = False
        self._heal = asyncio.Event()

    def subscribe(self, listener: Listener[E, S]) -> None:
        """Call `listener` with the changes of each message, in commit order."""
        self._listeners.append(listener)

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the log of each shard grew, when the states in memory are as it left them."""
        self._advance_listeners.append(listener)

    @property
    def lag(self) -> int:
        """Records that are known to be in the log and not here, of all shards."""
        return sum(max(0, view.target - view.seq) for view in self._views.values())

    def epoch(self, shard: int) -> int:
        """Return the epoch of the newest record seen of a shard."""
        return self._views[shard].epoch

    def owned_s(self, shard: int) -> float:
        """Return when the shard's owner was last heard, on the loop's clock."""
        return self._views[shard].beat_s

    async def load(self) -> None:
        """Read what lives.

        Raises:
            JournalUnavailable: the log cannot be read now.
        """
        async with self._journal_free:
            positions = await self._journal.positions(
                self.shards
            )  # first: what comes meanwhile is read twice, never missed
            live = await self._journal.load_live(self.shards, commands=False)
        for number, stored in enumerate(live):
            subject_id = self.kind.subject(stored.stream)
            try:
                self.committed[subject_id], self._chains[subject_id] = await fold_aside(self.kind, stored)
            except Exception:
                log.exception("stream_unreadable", extra={"stream": stored.stream})
                self._unreadable.add(subject_id)
            if number % STATES_A_TURN == 0:
                await asyncio.sleep(0)
        for shard, (epoch, seq) in positions.items():
            view = self._views[shard]
            view.epoch, view.seq = epoch, seq
            self._reach(view, seq)
        self._loaded = True

    # What Redis or the log says.

    def told(self, shard: int, records: Sequence[Record]) -> None:
        """Take the records of a commit."""
        view = self._views[shard]
        if not records or records[-1].seq <= view.seq:
            return
        if not view.behind and self._loaded and records[0].seq <= view.seq + 1:
            self._take(shard, view, records)
            return
        if (view.ahead and view.ahead[-1].seq + 1 != records[0].seq) or len(view.ahead) > AHEAD_MAX:
            view.ahead.clear()
        view.ahead.extend(records)
        self._reach(view, records[-1].seq)

    def beat(self, beat: m.Beat, now_s: float) -> None:
        """Take a heartbeat: the owner is there, and the log reaches as far as it says."""
        view = self._views[beat.shard]
        if beat.epoch >= view.epoch:
            view.beat_s = now_s
        self._reach(view, beat.seq)

    def stands_at(self, shard: int, seq: int) -> None:
        """The log was looked at and reaches to `seq`."""
        self._reach(self._views[shard], seq)

    def _reach(self, view: _View, seq: int) -> None:
        view.target = max(view.target, seq)
        if view.target > view.seq and not view.behind:
            view.behind = True
        if view.behind:
            self._heal.set()

    def _take(self, shard: int, view: _View, records: Sequence[Record]) -> None:
        """Fold records that follow without a gap, then tell."""
        changes: list[Change[E, S]] = []
        before_seq = view.seq
        try:
            for record in records:
                if record.seq > view.seq:
                    change = self._fold(record)
                    view.seq, view.epoch = record.seq, max(view.epoch, record.epoch)
                    if change is not None:
                        changes.append(change)
        except _Unfolded:
            self._reach(view, records[-1].seq)
        view.target = max(view.target, view.seq)
        self._tell_advance(shard, before_seq, view.seq, records)
        self._tell(changes)

    def _fold(self, record: Record) -> Change[E, S] | None:
        if not record.stream.startswith(self.kind.prefix):
            return None
        subject_id = self.kind.subject(record.stream)
        if subject_id in self._unreadable:
            return None
        state: Any = self.committed.get(subject_id)
        seq = 0 if state is None else state.seq
        if record.stream_seq <= seq:
            return None
        chain = self._chains[subject_id] if state is not None else first_digest(record.stream)
        if record.stream_seq != seq + 1 or not continues(chain, record):
            raise _Unfolded(record.stream)
        try:
            event = decode_event(record.type, record.version, record.body)
            state = self.kind.evolve(state, subject_id, event, record.at_us)
        except Exception:  # a newer program's event: nothing can be said of this subject until this one is renewed
            log.exception("stream_unreadable", extra={"stream": record.stream})
            self._drop(subject_id)
            self._unreadable.add(subject_id)
            return None
        self.committed[subject_id] = state
        self._chains[subject_id] = record.digest
        return Change(subject_id, record.epoch, record.stream_seq, record.at_us, event, state)

    def _tell_advance(self, shard: int, before_seq: int, seq: int, records: Sequence[Record]) -> None:
        streams = frozenset({record.stream for record in records if before_seq < record.seq <= seq})
        if streams:
            tell_all(self._advance_listeners, [Advance(shard, before_seq + 1, seq, streams)])

    def _tell(self, changes: Sequence[Change[E, S]]) -> None:
        if not changes:
            return
        tell_all(self._listeners, changes)
        for change in changes if self._awaited else ():
            for seq, future in self._awaited.get(change.subject_id, ()):
                if change.state.seq >= seq and not future.done():  # type: ignore[attr-defined]  # every state has one
                    future.set_result(None)

    async def reached(self, subject_id: SubjectId, seq: int, within_s: float) -> None:
        """Wait until an event of a subject is folded, `within_s` at most."""
        state: Any = self.committed.get(subject_id)
        if state is not None and state.seq >= seq:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._awaited.setdefault(subject_id, [])
        waiting.append((seq, future))
        try:
            await asyncio.wait([future], timeout=within_s)
        finally:
            waiting.remove((seq, future))
            if not waiting:
                self._awaited.pop(subject_id, None)

    # Healing.

    async def keep_whole(self) -> None:
        """Read from the log whatever is missing, for ever."""
        while True:
            await self._heal.wait()
            self._heal.clear()
            for view_shard, view in self._views.items():
                while view.behind and self._loaded:
                    try:
                        await self._read_on(view_shard, view)
                    except JournalUnavailable:
                        log.warning("replica_behind", extra={"shard": view_shard})
                        self._heal.set()
                        await asyncio.sleep(AGAIN_S)
                        break

    async def _read_on(self, shard: int, view: _View) -> None:
        self.healed += 1
        async with self._journal_free:
            records = await self._journal.shard_after(shard, view.seq, PAGE)
        before_seq = view.seq
        for record in records:
            try:
                change = self._fold(record)
            except _Unfolded:
                change = await self._read_stream(record)
            view.seq, view.epoch = record.seq, max(view.epoch, record.epoch)
            if change is not None:
                self._tell([change])
        self._tell_advance(shard, before_seq, view.seq, records)
        while view.ahead and view.ahead[0].seq <= view.seq:
            view.ahead.popleft()
        if view.ahead and view.ahead[0].seq == view.seq + 1:
            ahead, view.ahead = list(view.ahead), deque()
            self._take(shard, view, ahead)
        if view.seq >= view.target:
            view.behind = False
            view.ahead.clear()
        elif not records:
            # Somebody told of what the log does not hold: it is not believed.
            log.error("log_shorter_than_told", extra={"shard": shard, "seq": view.seq, "told": view.target})
            view.target = view.seq
            view.behind = False
            view.ahead.clear()

    async def _read_stream(self, record: Record) -> Change[E, S] | None:
        """Read a stream that is not in memory (it ended long ago) or does not fit what is."""
        subject_id = self.kind.subject(record.stream)
        self._drop(subject_id)
        async with self._journal_free:
            stored = await self._journal.load(record.stream, commands=False)
        if stored is None:
            return None
        try:
            state, chain = await fold_aside(self.kind, stored)
            event = decode_event(record.type, record.version, record.body)
        except Exception:
            log.exception("stream_unreadable", extra={"stream": record.stream})
            self._unreadable.add(subject_id)
            return None
        self.committed[subject_id], self._chains[subject_id] = state, chain
        return Change(subject_id, record.epoch, record.stream_seq, record.at_us, event, state)

    async def read(self, subject_id: SubjectId) -> S | None:
        """Return a state from memory or from the log, see `LanePort.load`."""
        state = self.committed.get(subject_id)
        if state is not None:
            return state
        async with self._journal_free:
            stored = await self._journal.load(self.kind.stream(subject_id), commands=False)
        if stored is None:
            return None
        found: S = (await fold_aside(self.kind, stored))[0]
        return found

    async def close(self) -> None:
        """Close the connection to the log."""
        await self._journal.close()

    def forget_ended(self, now_us: int, keep_us: int) -> None:
        """Drop what ended a while ago; the log keeps it."""
        for subject_id, state in list(self.committed.items()):
            if state.phase.is_final and now_us - state.last_at_us > keep_us:  # type: ignore[attr-defined]  # every state has them
                self._drop(subject_id)

    def _drop(self, subject_id: SubjectId) -> None:
        self.committed.pop(subject_id, None)
        self._chains.pop(subject_id, None)
