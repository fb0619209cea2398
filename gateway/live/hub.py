"""The hub: takes what the engine committed and spreads it over the rooms. No sockets, no tasks: a scheduler and a reader are ports.

A change is shown at once when its lot was quiet, and at most every `change_interval_us` when it is busy. It is encoded once for
all steady viewers and handed out in chunks, so that acknowledgements never wait behind a crowd. A slow socket is left out and
gets a snapshot when it has drained; a viewer who stands elsewhere gets the same change led from where he stands. So the chain
prev/seq holds for every socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from engine.bus.local import LotChange
from engine.rules.auction.events import BidderAdmitted
from engine.rules.auction.state import LotState
from engine.rules.rejections import Reject
from engine.values import LotId, PartyId
from gateway.errors import Code
from gateway.live import messages as m
from gateway.live.feed import Entry, Frame, LotFeed
from gateway.live.hall import LiveHall
from gateway.live.ports import Engine, Scheduler
from gateway.live.session import RoomSession
from gateway.live.settings import CHUNK, LOTS_MAX, LiveSettings

log = logging.getLogger(__name__)


class HubCounts(Struct):
    """What happened so far; read by /metrics."""

    frames: int = 0
    """Shared frames encoded."""
    deliveries: int = 0
    """Frames handed to sockets by broadcasts."""
    led: int = 0
    """Frames made for a single viewer who stood elsewhere."""
    withheld: int = 0
    """Frames not given to slow sockets."""
    snapshots: int = 0
    resumes: int = 0
    reloads: int = 0
    """Histories read from the log."""


class Hub:
    """All lots that somebody watches."""

    def __init__(
        self,
        engine: Engine,
        settings: LiveSettings,
        scheduler: Scheduler,
        now_us: Callable[[], int],
        fetch: Callable[[LotId], None],
    ) -> None:
        self.feeds: dict[LotId, LotFeed] = {}
        self.counts = HubCounts()
        self._engine = engine
        self._settings = settings
        self._scheduler = scheduler
        self._now_us = now_us
        self._fetch = fetch
        """Reads a lot's history; answers later by `loaded`, `missing` or `unavailable`."""
        self.hall = LiveHall(engine, settings, scheduler)

    # What the engine says.

    def on_changes(self, changes: Sequence[LotChange]) -> None:
        """Take the changes of one commit, in order."""
        subject_id, feed = "", None
        for change in changes:
            if change.subject_id != subject_id:  # in a rush all are of one lot
                subject_id = change.subject_id
                feed = self.feeds.get(LotId(subject_id))
            if feed is None:
                continue
            something = feed.note(change)
            if feed.loading:
                continue
            if feed.stale:
                self._reload(feed)
            elif something:
                if type(change.event) is BidderAdmitted:
                    self._tell_admitted(feed, change.event.bidder_id)
                if not feed.scheduled:
                    self._schedule(feed)
        self.hall.on_changes(changes)

    def reconcile(self) -> None:
        """Compare every feed with the engine: what was committed without being told (after a doubt) is read from the log."""
        for feed in list(self.feeds.values()):
            state = self._engine.state(feed.lot_id)
            if state is None or feed.loading or feed.state is None:
                continue
            epoch = self._engine.epoch(feed.lot_id)
            if state.seq != feed.state.seq:
                feed.epoch = max(feed.epoch, epoch)
                self._reload(feed)
            elif epoch > feed.epoch:
                feed.epoch = epoch

    def loaded(self, lot_id: LotId, state: LotState, epoch: int, entries: Iterable[Entry], read_after: int) -> None:
        """Take a history that `fetch` read."""
        feed = self.feeds.get(lot_id)
        if feed is None:
            return
        self.counts.reloads += 1
        feed.load(state, epoch, entries, read_after)
        if feed.stale:
            self._reload(feed)
            return
        waiting, feed.waiting = feed.waiting, []
        self._answer_waiting(feed, waiting, 0)
        if feed.pending and not feed.scheduled:
            self._schedule(feed)

    def missing(self, lot_id: LotId) -> None:
        """There is no such lot."""
        self._give_up(lot_id, Reject.NO_SUCH_LOT)

    def unavailable(self, lot_id: LotId) -> None:
        """The history cannot be read now."""
        feed = self.feeds.get(lot_id)
        if feed is not None and feed.shown is not None and feed.viewers:
            self._scheduler.call_later(1.0, self._fetch, lot_id)
        else:
            self._give_up(lot_id, Code.UNAVAILABLE)

    # What the visitors ask.

    def join(self, session: RoomSession, join: m.Join) -> None:
        """Let a connection watch a lot from now on; the answer follows in its outbox, at once or when the history is read."""
        lot_id = LotId(join.lot)
        feed = self.feeds.get(lot_id)
        watched = feed is not None and feed in session.feeds
        if not watched and len(session.feeds) >= LOTS_MAX:
            session.refuse(Code.TOO_MANY_LOTS, self._now_us(), lot=join.lot, limit=LOTS_MAX)
            return
        if feed is None:
            if len(self.feeds) >= self._settings.feeds_max:
                session.refuse(Code.UNAVAILABLE, self._now_us(), lot=join.lot)
                return
            feed = self.feeds[lot_id] = LotFeed(lot_id)
            self._fetch(lot_id)
        if not watched:
            session.feeds = (*session.feeds, feed)
        if feed.loading:
            feed.viewers.pop(session, None)
            feed.waiting = [pair for pair in feed.waiting if pair[0] is not session] + [(session, join)]
        else:
            self._answer_join(session, feed, join)

    def leave(self, session: RoomSession, lot: str) -> None:
        """Let a connection watch a lot no more; one that it does not watch is no error."""
        feed = self.feeds.get(LotId(lot))
        if feed is not None and feed in session.feeds:
            session.feeds = tuple(other for other in session.feeds if other is not feed)
            self._part(session, feed)

    def drop(self, session: RoomSession) -> None:
        """Forget a connection that is gone."""
        self.hall.drop(session)
        for feed in session.feeds:
            self._part(session, feed)
        session.feeds = ()

    def drained(self, session: RoomSession) -> None:
        """Bring a connection that was slow up to date: a snapshot of everything it watches."""
        for feed in session.feeds:
            if session in feed.viewers:
                self._snapshot(session, feed)
        self.hall.drained(session)
        if session.outbox:
            session.on_output(session)

    def heads(self, session: RoomSession) -> dict[str, tuple[int, int]]:
        """Return (epoch, seq) of what a connection watches, as far as it must have been sent."""
        heads: dict[str, tuple[int, int]] = {}
        for feed in session.feeds:
            sent = feed.viewers.get(session)
            if sent is not None and feed.shown is not None:
                heads[feed.lot_id] = (feed.epoch, sent if feed.sending else max(sent, feed.shown.seq))
        return heads

    def forget_idle(self, now_us: int) -> None:
        """Drop the rings of lots that nobody has watched for a while."""
        for feed in list(self.feeds.values()):
            if feed.viewers or feed.waiting or feed.loading:
                continue
            if now_us - feed.empty_since_us > self._settings.feed_idle_us:
                del self.feeds[feed.lot_id]

    # Showing.

    def _schedule(self, feed: LotFeed) -> None:
        """Show what is pending: after what is ready now (the acknowledgements), or when the lot's turn has come."""
        if feed.sending:
            return
        feed.scheduled = True
        delay_us = feed.next_at_us - self._now_us()
        if delay_us <= 0:
            self._scheduler.call_soon(self._show, feed)
        else:
            self._scheduler.call_later(delay_us / 1e6, self._show, feed)

    def _show(self, feed: LotFeed) -> None:
        feed.scheduled = False
        if not feed.pending or feed.loading or feed.sending:
            return
        now_us = self._now_us()
        feed.next_at_us = now_us + self._settings.change_interval_us
        frame = feed.next_frame(now_us)
        self.counts.frames += 1
        if feed.viewers:
            feed.sending = True
            self._hand_out(feed, frame, list(feed.viewers), 0)

    def _hand_out(self, feed: LotFeed, frame: Frame, sessions: list[RoomSession], start: int) -> None:
        viewers, payload, prev, seq = feed.viewers, frame.payload, frame.prev, frame.seq
        end = start + CHUNK
        for session in sessions[start:end]:
            sent = viewers.get(session)
            if sent is None or sent >= seq:
                continue  # left, or joined after this frame was made
            if session.muted:
                self.counts.withheld += 1
                continue
            try:
                if sent == prev:
                    viewers[session] = seq
                    if session.outbox:
                        session.flush()  # acknowledgements and snapshots go first
                    session.wire.send(payload)
                    self.counts.deliveries += 1
                else:
                    self._lead(session, feed, sent, frame)
            except Exception:  # one broken socket must not keep the price from the others
                log.exception("socket_broken")
                session.wire.abort()
        if end < len(sessions):
            self._scheduler.call_soon(self._hand_out, feed, frame, sessions, end)
            return
        feed.sending = False
        if feed.pending and not feed.scheduled:
            self._schedule(feed)

    def _lead(self, session: RoomSession, feed: LotFeed, sent: int, frame: Frame) -> None:
        payload = feed.frame_from(sent, frame)
        if payload is None:
            self._snapshot(session, feed)
            session.on_output(session)
            return
        feed.viewers[session] = frame.seq
        session.flush()
        session.wire.send(payload)
        self.counts.led += 1

    def _answer_waiting(self, feed: LotFeed, waiting: list[tuple[RoomSession, m.Join]], start: int) -> None:
        """Answer a crowd that waited for a history, in chunks: a snapshot each at once would be memory never given back."""
        end = start + CHUNK
        if feed.loading:
            feed.waiting = waiting[start:] + feed.waiting
            return
        for session, join in waiting[start:end]:
            if feed in session.feeds and session not in feed.viewers:
                self._answer_join(session, feed, join)
                session.flush()
        if end < len(waiting):
            self._scheduler.call_soon(self._answer_waiting, feed, waiting, end)

    def _answer_join(self, session: RoomSession, feed: LotFeed, join: m.Join) -> None:
        visitor = session.visitor
        party_id = None if visitor is None else visitor.party_on(feed.lot_id)
        payload, seq = feed.answer_join(join, party_id, self._now_us())
        feed.viewers[session] = seq
        session.outbox.append(payload)
        if payload.startswith(b'{"t":"snapshot"'):
            self.counts.snapshots += 1
        else:
            self.counts.resumes += 1

    def _snapshot(self, session: RoomSession, feed: LotFeed) -> None:
        visitor = session.visitor
        payload, seq = feed.snapshot(None if visitor is None else visitor.party_on(feed.lot_id), self._now_us())
        feed.viewers[session] = seq
        session.outbox.append(payload)
        self.counts.snapshots += 1

    def _tell_admitted(self, feed: LotFeed, party_id: PartyId) -> None:
        """A party has its code now: its own connections get a snapshot that says so."""
        for session in list(feed.viewers):
            visitor = session.visitor
            if visitor is not None and visitor.party_on(feed.lot_id) == party_id and not session.muted:
                self._snapshot(session, feed)
                session.on_output(session)

    def _part(self, session: RoomSession, feed: LotFeed) -> None:
        feed.viewers.pop(session, None)
        feed.waiting = [pair for pair in feed.waiting if pair[0] is not session]
        if not feed.viewers:
            feed.empty_since_us = self._now_us()

    def _reload(self, feed: LotFeed) -> None:
        feed.forget_history()
        self._fetch(feed.lot_id)

    def _give_up(self, lot_id: LotId, code: str) -> None:
        feed = self.feeds.pop(lot_id, None)
        if feed is None:
            return
        for session in {*feed.viewers, *(session for session, _ in feed.waiting)}:
            session.feeds = tuple(other for other in session.feeds if other is not feed)
            session.refuse(code, self._now_us(), lot=lot_id)
            session.on_output(session)
