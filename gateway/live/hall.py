"""The hall: live prices of all lots in small frames, at most a few a second, only of lots that changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from engine.bus.local import LotChange
from engine.rules.auction.state import LotState
from engine.rules.visibility import public_end_us
from engine.values import LotId
from gateway.live import messages as m
from gateway.live.feed import makes_a_row
from gateway.live.ports import Engine, Scheduler
from gateway.live.session import RoomSession
from gateway.live.settings import CHUNK, HALL_LOTS, LiveSettings

log = logging.getLogger(__name__)


class LiveHall:
    """Who watches the hall, and what changed since it was last shown."""

    def __init__(self, engine: Engine, settings: LiveSettings, scheduler: Scheduler) -> None:
        self.deliveries = 0
        """Frames handed to sockets; read by /metrics."""
        self._engine = engine
        self._settings = settings
        self._scheduler = scheduler
        self._viewers: dict[RoomSession, None] = {}
        self._changed: set[LotId] = set()
        self._scheduled = False

    def watch(self, session: RoomSession) -> None:
        """Give a connection all lots in memory, and from now on those that change."""
        self._viewers[session] = None
        session.outbox.extend(_frames(self._engine.lots()) or [m.encode(m.Hall([]))])

    def drop(self, session: RoomSession) -> None:
        """Forget a connection; one that is not there is no error."""
        self._viewers.pop(session, None)

    def drained(self, session: RoomSession) -> None:
        """Bring a connection that was slow up to date."""
        if session in self._viewers:
            session.outbox.extend(_frames(self._engine.lots()))

    def on_changes(self, changes: Sequence[LotChange]) -> None:
        """Note what a commit changed for the public."""
        if not self._viewers:
            return
        changed = {LotId(change.subject_id) for change in changes if makes_a_row(change.event)}
        if changed:
            self._changed |= changed
            if not self._scheduled:
                self._scheduled = True
                self._scheduler.call_later(self._settings.hall_interval_us / 1e6, self._show)

    def _show(self) -> None:
        self._scheduled = False
        changed = [state for lot_id in self._changed if (state := self._engine.state(lot_id)) is not None]
        self._changed.clear()
        frames = _frames(changed)
        if frames:
            self._hand_out(frames, list(self._viewers), 0)

    def _hand_out(self, frames: list[bytes], sessions: list[RoomSession], start: int) -> None:
        end = start + CHUNK
        for session in sessions[start:end]:
            if session not in self._viewers or session.muted:
                continue
            try:
                session.outbox.extend(frames)
                session.flush()
                self.deliveries += len(frames)
            except Exception:  # one broken socket must not keep the hall from the others
                log.exception("socket_broken")
                session.wire.abort()
        if end < len(sessions):
            self._scheduler.call_soon(self._hand_out, frames, sessions, end)


def _frames(states: Iterable[LotState]) -> list[bytes]:
    rows = [
        m.HallRow(
            state.lot_id,
            state.seq,
            state.phase,
            None if state.price is None else str(state.price),
            state.bids,
            public_end_us(state),
        )
        for state in states
    ]
    return [m.encode(m.Hall(rows[start : start + HALL_LOTS])) for start in range(0, len(rows), HALL_LOTS)]
