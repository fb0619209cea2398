"""The writer of a market of several engines: it begins with no shard, adopts and releases them between two batches, and survives
being fenced (ADR 0019). Which shards are whose is decided elsewhere (engine/runtime/ownership.py); the log's fence is the safety.

Whatever goes wrong, the whole book is dropped and nothing is owned until it is adopted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from engine.bus.local import Envelope
from engine.evidence.receipts import refused
from engine.journal.log import EventLog, JournalUnavailable
from engine.rules.rejections import Reject
from engine.runtime.moving import Joining, Leaving, Move, prepare
from engine.runtime.rulebook import C, E, S
from engine.runtime.writer import Writer, answer
from engine.values import InstantUs, SubjectId


class Forfeited(JournalUnavailable):
    """We may no longer think ourselves the owner: the lease ran out, or somebody else has a shard."""


class SharedWriter(Writer[C, E, S]):
    """Owns the shards that it was told to adopt and not yet to release."""

    survives_fencing = True

    def __init__(self, *arguments: Any, adopting: EventLog, **options: Any) -> None:
        """Make a writer without shards; see `Writer`. `adopting`: a second connection, over which shards are taken and read."""
        super().__init__(*arguments, **options)
        self._adopting = adopting
        self.kind_shards = frozenset(self._shards)
        """The shards of its kind of streams."""
        self._shards.clear()
        self._open: set[int] = set()
        """Shards for which commands are taken; others of `_shards` are on their way in or out."""
        self._joining: list[Joining[C, E, S]] = []
        self._leaving: list[Leaving] = []
        self._moves: list[Move] = []
        """Every move that is not finished, wherever it stands."""
        self._forfeited = False

    @property
    def epochs(self) -> Mapping[int, int]:
        """Epoch of every shard that is served now."""
        return {shard: self._book.shard_epoch(shard) for shard in self._open} if self._serving else {}

    def submit_all(self, envelopes: Sequence[Envelope[C]], now_us: InstantUs) -> None:
        """Take commands for shards that are served here; see `Writer.submit_all`."""
        shard_of, here = self._rules.kind.shard_of, []
        for envelope in envelopes:
            if shard_of(envelope.subject_id) in self._open:
                here.append(envelope)
            else:
                answer(envelope, refused(envelope.subject_id, envelope.command_id, Reject.BUSY))
        super().submit_all(here, now_us)

    async def adopt(self, shards: Sequence[int]) -> None:
        """Take shards and serve them beside the others, who are served meanwhile; returns when they are served.

        Raises:
            Dropped: the book was dropped meanwhile; nothing is owned.
            JournalUnavailable: try again later.
            InDoubt: the same.
        """
        self._refuse_if_lost()
        joining = await prepare(
            self._adopting, self._rules, self._owner, shards, self._clock.now_us, self._random_bytes
        )
        self._check_heads(joining.taken)
        self._joining.append(joining)
        self._moves.append(joining)
        self._wake.set()
        await joining.done

    async def release(self, shards: Sequence[int]) -> InstantUs:
        """Decide what was taken for the shards, append it, and let go; returns until when they were served.

        Raises:
            Dropped: the book was dropped meanwhile; nothing is owned.
        """
        leaving = Leaving(frozenset(shards))
        self._close(shards)
        self._leaving.append(leaving)
        self._moves.append(leaving)
        self._wake.set()
        await leaving.done
        return leaving.served_until_us

    def forfeit(self) -> None:
        """Drop everything at once: we may not be the owner any more."""
        if (self._shards or self._moves) and not self._forfeited:
            self._forfeited = True
            self._halt()
            self._wake.set()

    def _before_deciding(self) -> None:
        """Put the books of adopted shards to ours, and give back the time in which nobody served them."""
        if self._forfeited:
            raise Forfeited("the lease of this process ran out")
        while self._joining:
            joining = self._joining.pop(0)
            self._book.join(joining.book)
            self.committed.update(joining.states)
            self._shards |= joining.shards
            self._last_us = InstantUs(max([self._last_us, *(state.last_at_us for state in joining.states.values())]))
            now_us = InstantUs(max(self._clock.now_us(), self._last_us))
            for taken in joining.taken:
                if (from_us := taken.unserved_from_us) is not None:
                    self._book.record_outage(from_us, now_us, self._ahead, taken.shard, handed_over=taken.handed_over)
            self._ahead.due.extend(joining.states)
            self._ahead.landed.append(partial(self._serve_joined, joining))

    def _serve_joined(self, joining: Joining[C, E, S]) -> None:
        self._open |= joining.shards
        self._moves.remove(joining)
        joining.finish()
        if self._listener is not None:
            self._listener.gained(sorted(joining.shards))

    def _after_deciding(self) -> None:
        """Part from the leaving shards for which nothing waits any more."""
        for leaving in [one for one in self._leaving if not self._waits_for(one.shards)]:
            self._leaving.remove(leaving)
            now_us = InstantUs(max(self._clock.now_us(), self._last_us))
            leaving.served_until_us = self._served_until_us if self._held else now_us
            self._book.part(leaving.shards, leaving.served_until_us, self._ahead)
            self._ahead.landed.append(partial(self._forget_handed_over, leaving))

    def _waits_for(self, shards: frozenset[int]) -> bool:
        return self._inbox.holds(lambda envelope: self._rules.kind.shard_of(envelope.subject_id) in shards)

    def _forget_handed_over(self, leaving: Leaving) -> None:
        self._shards -= leaving.shards
        shard_of = self._rules.kind.shard_of
        for subject_id in [one for one in self.committed if shard_of(one) in leaving.shards]:
            del self.committed[subject_id]
            self._snapshot_seqs.pop(subject_id, None)
            self._ended_kept.discard(subject_id)
            self.snapshots_due.pop(subject_id, None)
            self._deadlines.plan(subject_id, None)
        self._moves.remove(leaving)
        leaving.finish()

    def _plan(self, subject_id: SubjectId) -> None:
        if self._book.owns(subject_id):
            super()._plan(subject_id)
        else:  # being handed over: its deadlines are the next owner's
            self._deadlines.plan(subject_id, None)

    def _after_drop(self) -> None:
        self._forfeited = False
        self._shards.clear()
        self._joining, self._leaving = [], []
        moves, self._moves = self._moves, []
        for move in moves:
            move.drop()

    def _tell_lost(self) -> None:
        self._close(set(self._open))

    def _close(self, shards: Iterable[int]) -> None:
        """Take no more commands for the shards."""
        closed = sorted(self._open.intersection(shards))
        self._open.difference_update(closed)
        if closed and self._listener is not None:
            self._listener.lost(closed)
