"""The live edge of one process: opens sessions, fulfils their wishes, keeps them alive and lets them go. Both shells use it.

One periodic task serves all connections (heartbeats, pings, time-outs); nothing runs per connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from msgspec import Struct

from engine.bus.local import Envelope, LotEnvelope
from engine.evidence.receipts import receipt_of
from engine.journal.codec import decode_event
from engine.layout import read_id
from engine.values import InstantUs, LotId, PartyId
from gateway.errors import Code
from gateway.live import messages as m
from gateway.live import session as s
from gateway.live.feed import makes_a_row
from gateway.live.hub import Hub
from gateway.live.limits import Budget
from gateway.live.ports import History, LiveEngine
from gateway.live.registry import SPOKES, TURN_S, Registry
from gateway.live.session import RoomSession, Wire
from gateway.live.settings import ROWS_KEPT, LiveSettings
from gateway.live.visitors import Credentials, DoorClosed, Headers, Visitor, Visitors, read_credentials

log = logging.getLogger(__name__)

READ_MAX: Final = 2 * ROWS_KEPT
"""Records read for the rows of a lot: refusals on record lie between them."""
READS_AT_ONCE: Final = 8
IDENTIFY_S: Final = 10.0
CLOSING_SOON_US: Final = 120_000_000


class EdgeCounts(Struct):
    """What happened so far; read by /metrics."""

    arrivals: int = 0
    turned_away: int = 0
    frames: int = 0
    bids: int = 0
    slowed: int = 0
    closed: dict[int, int] = {}
    """Connections that the edge ended, by close code."""


class LiveEdge:
    """All live connections of this process."""

    def __init__(
        self,
        engine: LiveEngine,
        history: History,
        visitors: Visitors,
        settings: LiveSettings,
        now_us: Callable[[], InstantUs],
        *,
        chance: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.counts = EdgeCounts()
        self.registry = Registry(settings)
        self.draining = False
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._history = history
        self._visitors = visitors
        self._now_us = now_us
        self._chance = chance or random.Random()  # noqa: S311  # spreads reconnects, keeps no secret
        self.hub = Hub(engine, settings, self._loop, now_us, self._fetch)
        self._ready: list[RoomSession] = []
        self._arrivals_whole_at_us = 0
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        engine.subscribe(self.hub.on_changes)

    # Life of the process.

    def start(self) -> None:
        """Begin to serve the wheel."""
        self._spawn(self._turn_wheel())

    async def stop(self) -> None:
        """End all tasks and drop what is still connected."""
        for session in self.registry:
            session.wire.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self.registry)

    async def drain(self, over_s: float = 10.0) -> None:
        """Take no new connection and send everybody away with 4412, in random order over `over_s` seconds."""
        self.draining = True
        sessions = list(self.registry)
        self._chance.shuffle(sessions)
        slices = max(1, min(len(sessions), int(over_s / 0.05)))
        for number in range(slices):
            for session in sessions[number::slices]:
                session.end(s.DRAINING, self._now_us(), self._retry_ms(session))
            await asyncio.sleep(over_s / slices)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.goodbye_us / 1e6):
                while self.connections:
                    await asyncio.sleep(0.02)

    def revoke(self, subject: str) -> None:
        """A login session (digest), token or account (id) was taken back: close its connections with 4503."""
        for session in self.registry.standing_on(subject):
            session.end(s.SESSION_ENDED, self._now_us())

    def budget(self, party_id: PartyId) -> Budget:
        """Return the bid budget of an account, for the API to share."""
        return self.registry.budget(party_id)

    # Life of a connection; called by the shells.

    def arrive(self, headers: Headers) -> Credentials:
        """Decide about an upgrade request.

        Raises:
            DoorClosed: it is refused.
        """
        try:
            if self.draining or self.connections >= self.settings.connections_max:
                raise DoorClosed(Code.DRAINING if self.draining else Code.TOO_MANY_CONNECTIONS)
            whole_at_us = self.settings.arrivals.take(self._arrivals_whole_at_us, self._now_us())
            if not whole_at_us:
                raise DoorClosed(Code.TOO_MANY_CONNECTIONS)
            self._arrivals_whole_at_us = whole_at_us
            credentials = read_credentials(headers, self.settings)
        except DoorClosed:
            self.counts.turned_away += 1
            raise
        self.counts.arrivals += 1
        return credentials

    def open(self, wire: Wire, credentials: Credentials) -> RoomSession:
        """Begin a session on a socket that is upgraded."""
        now_us = self._now_us()
        self._number += 1
        session = RoomSession(self._number, wire, self.settings, self._mark, now_us)
        self.registry.add(session)
        if credentials.anonymous:
            session.welcome(None, None, now_us)
            session.flush()
        else:
            self._spawn(self._identify(session, credentials))
        return session

    def take(self, session: RoomSession, payload: bytes) -> None:
        """Take a text frame from a socket."""
        self.take_all([(session, payload)])

    def take_all(self, frames: Sequence[tuple[RoomSession, bytes]]) -> None:
        """Take text frames that were read from sockets by now, in this order; the bids among them go to the engine together."""
        now_us, stands = self._now_us(), self._visitors.standing_now()
        bids: list[LotEnvelope] = []
        for session, payload in frames:
            try:
                wish = session.receive(payload, now_us, stands)
                if wish is not None:
                    if type(wish) is Envelope:
                        bids.append(wish)
                    else:
                        self._fulfil(session, wish)
                if session.outbox:
                    session.flush()
            except Exception:  # a fault of ours costs one connection, not the frames of the others
                log.exception("frame_failed")
                session.wire.abort()
        self.counts.frames += len(frames)
        if bids:
            self.counts.bids += len(bids)
            self._engine.submit_all(bids)

    def take_wrong(self, session: RoomSession, problem: str) -> None:
        """Take a frame that is not a whole text frame."""
        self.counts.frames += 1
        session.receive_wrong(problem, self._now_us())
        session.flush()

    def take_control(self, session: RoomSession) -> bool:
        """Take a ping or pong; True if a ping is to be answered."""
        answered = session.heard(self._now_us())
        session.flush()
        return answered and not session.ending

    def slowed(self, session: RoomSession) -> None:
        """Too much waits to be sent to a socket: it gets no broadcasts for now."""
        if not session.slow_since_us:
            self.counts.slowed += 1
            session.slow_since_us = self._now_us()
            session.muted = True

    def drained(self, session: RoomSession) -> None:
        """A slow socket has taken what waited: it is brought up to date."""
        if session.slow_since_us and not session.gone:
            session.slow_since_us = 0
            session.muted = session.ending != 0
            if not session.ending:
                self.hub.drained(session)

    def closed(self, session: RoomSession) -> None:
        """A socket is gone; answers that still come for it are dropped, the log has them."""
        if session.gone:
            return
        session.gone = True
        if session.ending:
            self.counts.closed[session.ending] = self.counts.closed.get(session.ending, 0) + 1
        self.hub.drop(session)
        self.registry.remove(session, self._now_us())
        session.outbox.clear()

    # Wishes.

    def _fulfil(self, session: RoomSession, wish: s.Wish) -> None:
        match wish:
            case m.Join():
                self.hub.join(session, wish)
            case m.Leave():
                self.hub.leave(session, wish.lot)
            case m.WatchHall():
                self.hub.hall.watch(session)
            case m.Status():
                self._spawn(self._answer_status(session, wish))

    async def _answer_status(self, session: RoomSession, frame: m.Status) -> None:
        command_id = read_id(frame.id)
        visitor = session.visitor
        assert command_id is not None and visitor is not None
        try:
            async with self._reads:
                record = await self._history.find_command(LotId(frame.lot), command_id, visitor.party_on(frame.lot))
        except Exception:
            log.exception("status_failed")
            session.status_failed(frame)
            return
        session.status_answered(frame, None if record is None else receipt_of(record))

    async def _identify(self, session: RoomSession, credentials: Credentials) -> None:
        try:
            async with asyncio.timeout(IDENTIFY_S):
                visitor = await self._visitors.visitor(credentials)
        except Exception:
            log.exception("identify_failed")
            session.end(s.RESYNC, self._now_us())
            return
        if session.gone or session.ending:
            return
        if visitor is None and credentials.bearer is not None:
            session.end(s.SESSION_ENDED, self._now_us())
            return
        session.visitor = visitor
        if visitor is not None and not self.registry.identify(session):
            session.end(s.TOO_MANY, self._now_us())
            return
        budget = None if visitor is None else self.registry.budget(visitor.party_id)
        early = session.welcome(visitor, budget, self._now_us())
        session.flush()
        for payload in early:
            self.take(session, payload)

    def _fetch(self, lot_id: LotId) -> None:
        self._spawn(self._read_history(lot_id))

    async def _read_history(self, lot_id: LotId) -> None:
        try:
            async with self._reads:
                state = await self._engine.load(lot_id)
                records = [] if state is None else await self._history.lot_tail(lot_id, READ_MAX)
                entries = [(r.stream_seq, InstantUs(r.at_us), decode_event(r.type, r.version, r.body)) for r in records]
        except Exception:
            log.exception("history_unreadable", extra={"lot": lot_id})
            self.hub.unavailable(lot_id)
            return
        state = self._engine.state(lot_id) or state  # it may have moved on while the history was read
        if state is None:
            self.hub.missing(lot_id)
            return
        read_after = records[0].stream_seq - 1 if len(records) == READ_MAX else 0
        shown = [entry for entry in entries if makes_a_row(entry[2])]
        self.hub.loaded(lot_id, state, self._engine.epoch(lot_id), shown, read_after)

    # Keeping alive.

    async def _turn_wheel(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(TURN_S)
            turn += 1
            self.serve_spoke(turn)

    def serve_spoke(self, turn: int) -> None:
        """Serve the connections whose turn it is, and once a second the feeds."""
        now_us, stands = self._now_us(), self._visitors.standing_now()
        for session in self.registry.spoke(turn):
            try:
                self._serve(session, now_us, stands)
            except Exception:  # one broken socket must not stop the heartbeats of all
                log.exception("socket_broken")
                session.wire.abort()
        if turn % 10 == 0:
            self.hub.reconcile()
        if turn % SPOKES == 0:
            self.hub.forget_idle(now_us)
            self.registry.forget_old(now_us)

    def _serve(self, session: RoomSession, now_us: int, stands: Callable[[Visitor], bool]) -> None:
        settings = self.settings
        silent_us = now_us - session.heard_us
        if session.ending:
            if now_us > session.end_by_us:
                session.wire.abort()
        elif silent_us > settings.dead_us or session.wire.buffered() > settings.full_bytes:
            session.wire.abort()
        elif session.slow_since_us:
            if now_us - session.slow_since_us > settings.slow_us:
                session.end(s.SLOW, now_us, self._retry_ms(session))
        elif session.visitor is not None and not stands(session.visitor):
            session.end(s.SESSION_ENDED, now_us)
        elif session.welcomed:
            if silent_us > settings.quiet_us:
                session.wire.ping()
            session.flush()
            session.wire.send(m.encode(m.Heartbeat(now_us, self.hub.heads(session))))

    def _retry_ms(self, session: RoomSession) -> int:
        """Return the bound of the first pause: short for those who watch a lot that closes soon."""
        now_us = self._now_us()
        for feed in session.feeds:
            closes_at_us = None if feed.state is None else feed.state.closes_at_us
            if closes_at_us is not None and 0 <= closes_at_us - now_us < CLOSING_SOON_US:
                return self.settings.retry_closing_ms
        return self.settings.retry_ms

    # Writing.

    def _mark(self, session: RoomSession) -> None:
        """Write a session's outbox soon: once for all answers of a commit, and before any change of that commit is shown."""
        if not session.queued:  # a second answer of one commit goes with the first
            session.queued = True
            if not self._ready:
                self._loop.call_soon(self._flush_ready)
            self._ready.append(session)

    def _flush_ready(self) -> None:
        ready, self._ready = self._ready, []
        for session in ready:
            session.queued = False
            if not session.gone:
                try:
                    session.flush()
                except Exception:  # one broken socket must not keep the answers from the others; the log has them
                    log.exception("socket_broken")
                    session.wire.abort()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
