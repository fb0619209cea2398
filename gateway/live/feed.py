"""What the rooms of one lot are shown: committed changes go in, encoded frames come out. No I/O, no clock.

`state` is the committed head; `shown` is the state of the last shared frame, where every steady viewer stands. They differ while
a change waits for its turn, and after events that nobody else may see (a refused bid, a silent change of a maximum), which make no
frame of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Raw, Struct

from engine.bus.local import LotChange
from engine.rules.auction.events import BidAccepted, BidRejected, Event
from engine.rules.auction.formats.events import EnvelopeTaken
from engine.rules.auction.state import LotState
from engine.rules.visibility import history_row, public_lot, you
from engine.values import InstantUs, LotId, PartyId
from gateway.live import messages as m
from gateway.live.settings import CHANGE_ROWS, ROWS_KEPT, SNAPSHOT_ROWS

if TYPE_CHECKING:
    from gateway.live.session import RoomSession

COMMON_US: Final = 100_000
"""A crowd of anonymous watchers that comes within this time gets the same bytes."""

Entry = tuple[int, InstantUs, Event]
"""(seq, decision time, event) of a line that the public record may show."""


def makes_a_row(event: Event) -> bool:
    """Tell cheaply whether the public sees anything of an event. `history_row` stays the authority on what is shown."""
    kind = type(event)
    if kind is BidAccepted:
        return event.price_changed  # type: ignore[union-attr]  # mypy does not narrow on `type() is`
    return kind is not BidRejected and kind is not EnvelopeTaken


class Frame(Struct, frozen=True, gc=False):
    """A shared frame: the bytes for those at `prev`, and what is needed to make one for somebody elsewhere."""

    payload: bytes
    prev: int
    seq: int
    server_us: int
    live: Raw


class LotFeed:
    """One lot, its viewers, and its newest public rows."""

    __slots__ = (
        "_common",
        "_snapshot",
        "covered_after",
        "empty_since_us",
        "epoch",
        "loading",
        "lot_id",
        "next_at_us",
        "pending",
        "ring",
        "scheduled",
        "sending",
        "shown",
        "stale",
        "state",
        "viewers",
        "waiting",
    )

    def __init__(self, lot_id: LotId) -> None:
        self.lot_id = lot_id
        self.epoch = 0
        self.state: LotState | None = None
        self.shown: LotState | None = None
        self.ring: deque[Entry] = deque(maxlen=ROWS_KEPT)
        self.covered_after = 0
        """Every public row with a seq above this is in the ring."""
        self.pending = 0
        """Public rows committed since the last shared frame."""
        self.viewers: dict[RoomSession, int] = {}
        """Who watches, and the seq each was last sent."""
        self.waiting: list[tuple[RoomSession, m.Join]] = []
        """Joins that wait for the history to be read."""
        self.loading = True
        self.stale = False
        """A change was missed: the history must be read again."""
        self.scheduled = False
        self.sending = False
        self.next_at_us = 0
        self.empty_since_us = 0
        self._snapshot: tuple[int, Raw, Raw] | None = None
        self._common: tuple[int, int, int, bytes] | None = None
        """The last snapshot for the anonymous: (epoch, seq, when made, bytes)."""

    def note(self, change: LotChange) -> bool:
        """Take a committed change; True if there is something new to show."""
        if self.state is not None and change.seq != self.state.seq + 1:
            self.stale = True
        self.state = change.state
        self.epoch = change.epoch
        if not makes_a_row(change.event):
            return False
        if len(self.ring) == ROWS_KEPT:
            self.covered_after = self.ring[0][0]
        self.ring.append((change.seq, change.at_us, change.event))
        self.pending += 1
        return True

    def load(self, state: LotState, epoch: int, entries: Iterable[Entry], read_after: int) -> None:
        """Take the history as read from the log: all entries after `read_after`. Changes told meanwhile are kept on top."""
        if self.state is None or state.seq > self.state.seq or self.epoch < epoch:
            self.state, self.epoch = state, epoch
        head = self.state
        rows = {entry[0]: entry for entry in (*entries, *self.ring) if entry[0] <= head.seq}
        newest = [rows[seq] for seq in sorted(rows)][-ROWS_KEPT:]
        self.covered_after = newest[0][0] - 1 if len(rows) > ROWS_KEPT else read_after
        self.ring = deque(newest, maxlen=ROWS_KEPT)
        self.loading = False
        self._snapshot = self._common = None
        if self.shown is None or not self.viewers or self.shown.seq > head.seq:
            self.shown = head
        shown = self.shown
        self.pending = sum(1 for entry in self.ring if entry[0] > shown.seq)

    def forget_history(self) -> None:
        """Drop what was kept, before it is read again."""
        self.ring.clear()
        self.loading = True
        self.stale = False

    def next_frame(self, server_us: int) -> Frame:
        """Return the shared frame that leads from what is shown to the head; the head is shown from now on."""
        shown, state = self.shown, self.state
        assert shown is not None and state is not None
        live = Raw(m.encode(public_lot(state)))
        rows, found = self._rows(shown.seq, state.seq, CHANGE_ROWS)
        skipped = max(found, self.pending) - min(found, CHANGE_ROWS)
        payload = m.encode(m.Change(self.lot_id, self.epoch, shown.seq, state.seq, server_us, live, rows, skipped))
        self.shown, self.pending = state, 0
        return Frame(payload, shown.seq, state.seq, server_us, live)

    def frame_from(self, seq: int, frame: Frame) -> bytes | None:
        """Return `frame` for a viewer who stands at `seq` instead of `frame.prev`; None if rows are missing for that."""
        if seq < self.covered_after:
            return None
        rows, found = self._rows(seq, frame.seq, CHANGE_ROWS)
        skipped = found - min(found, CHANGE_ROWS)
        return m.encode(m.Change(self.lot_id, self.epoch, seq, frame.seq, frame.server_us, frame.live, rows, skipped))

    def answer_join(self, join: m.Join, party_id: PartyId | None, server_us: int) -> tuple[bytes, int]:
        """Return the answer to a join and the seq it leads to: what is missing, or a snapshot."""
        shown, state = self.shown, self.state
        assert shown is not None and state is not None
        if type(join.after) is int and join.epoch == self.epoch and self.covered_after <= join.after <= state.seq:
            # A page rendered from the head may know more than is shown; he is then ahead of the others by what comes next.
            target = shown if join.after <= shown.seq else state
            live = self._live_and_rows()[0] if target is shown else Raw(m.encode(public_lot(target)))
            rows, _ = self._rows(join.after, target.seq, ROWS_KEPT)
            place = (self.lot_id, self.epoch, join.after, target.seq, server_us)
            return m.encode(m.Resumed(*place, live, rows, 0)), target.seq
        return self.snapshot(party_id, server_us)

    def snapshot(self, party_id: PartyId | None, server_us: int) -> tuple[bytes, int]:
        """Return the lot as it is shown, with what this party alone may see, and its seq."""
        shown, state = self.shown, self.state
        assert shown is not None and state is not None
        if party_id is None and self._common is not None and self._common[:2] == (self.epoch, shown.seq):
            _, _, made_us, payload = self._common
            if server_us - made_us < COMMON_US:
                return payload, shown.seq
        live, rows = self._live_and_rows()
        own = None if party_id is None else you(state, party_id)
        payload = m.encode(m.Snapshot(self.lot_id, self.epoch, shown.seq, server_us, live, rows, own))
        if party_id is None:
            self._common = (self.epoch, shown.seq, server_us, payload)
        return payload, shown.seq

    def _live_and_rows(self) -> tuple[Raw, Raw]:
        shown = self.shown
        assert shown is not None
        if self._snapshot is None or self._snapshot[0] != shown.seq:
            rows, _ = self._rows(0, shown.seq, SNAPSHOT_ROWS)
            self._snapshot = (shown.seq, Raw(m.encode(public_lot(shown))), rows)
        return self._snapshot[1], self._snapshot[2]

    def _rows(self, after: int, until: int, most: int) -> tuple[Raw, int]:
        """Return the newest `most` public rows in (after, until], oldest first, and how many there are in the ring."""
        found = 0
        taken: list[Entry] = []
        for entry in reversed(self.ring):
            if entry[0] <= after:
                break
            if entry[0] <= until:
                found += 1
                if found <= most:
                    taken.append(entry)
        play = None if self.state is None or self.state.play is None else self.state.play.terms
        rows = [history_row(*entry, play) for entry in reversed(taken)]
        return Raw(m.encode([row for row in rows if row is not None])), found
