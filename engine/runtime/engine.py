"""An engine process: its lanes (lots, listings, notices), its heartbeat, and the few questions that others ask it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.bus.local import Envelope, LotEnvelope, LotListener, Shards
from engine.calendar import Calendar
from engine.evidence.receipts import Receipt
from engine.journal.advances import AdvanceListener
from engine.journal.log import JournalUnavailable
from engine.journal.postgres_leases import PostgresLeases
from engine.journal.records import Record
from engine.rules.auction.commands import Command
from engine.rules.auction.state import LotState
from engine.runtime.clock import SteadyClock
from engine.runtime.lane import Lane, Process
from engine.runtime.limits import WriterLimits
from engine.runtime.ownership import LeaseSettings, Ownership
from engine.runtime.rulebook import LOT_RULES, listing_rules, notice_rules
from engine.runtime.writer import FencedOut, Writer
from engine.values import LISTING_SHARDS, NOTICE_SHARDS, SHARDS, InstantUs, LotId

BEAT_S: Final = 0.2
ALIVE_EVERY_BEATS: Final = 5

log = logging.getLogger(__name__)


class EngineSettings(Struct, frozen=True, kw_only=True):
    """How an engine process behaves."""

    dsn: str
    limits: WriterLimits = WriterLimits()
    log_key: bytes | None = None
    """Hides lots in the database (ADR 0018); None writes them in clear."""
    stall_us: int = 2_000_000
    """A process that stood still this long was down, and so was one whose commit took this long: the time is given back, or
    sessions are interrupted.
    """
    lease: LeaseSettings | None = None
    """How this engine shares the shards with others; None: it owns all at once, and whoever else takes one fences it out."""


class Engine:
    """The engine of this process. What is asked without naming a lane is about lots."""

    def __init__(
        self,
        settings: EngineSettings,
        calendar: Callable[[], Calendar],
        *,
        on_commit: Callable[[int, float], None] = lambda rows, seconds: None,
        on_end: Callable[[], None] = lambda: None,
        publish: Callable[[Sequence[Record]], None] = lambda records: None,
        tap: Callable[[Envelope[Any]], None] | None = None,
    ) -> None:
        """Make an engine. `on_end` is called when it will not serve any more: another one has taken over, or a part of it broke."""
        self.clock = SteadyClock()
        self.owner = f"{os.uname().nodename}/{os.getpid()}/{secrets.token_hex(4)}"
        self._settings = settings
        self._on_end = on_end
        process = Process(
            dsn=settings.dsn,
            owner=self.owner,
            clock=self.clock,
            limits=replace(settings.limits, slow_commit_us=settings.stall_us),
            log_key=settings.log_key,
            look=self._look_for_stall,
            on_commit=on_commit,
            publish=publish,
            tap=tap,
            listener=self,
            shared=settings.lease is not None,
        )
        self._lots = Lane(LOT_RULES, range(SHARDS), process)
        self.listings = Lane(listing_rules(calendar), LISTING_SHARDS, process)
        self.notices = Lane(notice_rules(calendar), NOTICE_SHARDS, process)
        self._lanes: tuple[Lane[Any, Any, Any], ...] = (self._lots, self.listings, self.notices)
        self.ownership: Ownership | None = None
        self._leases = PostgresLeases(settings.dsn)
        if settings.lease is not None:
            shared = [lane.shared_writer for lane in self._lanes if lane.shared_writer is not None]
            self.ownership = Ownership(self._leases, self.owner, shared, settings.lease)
        self._owning: asyncio.Task[None] | None = None
        self._last_beat_us = self.clock.now_us()
        self._tasks: list[asyncio.Task[None]] = []
        self._first_serving = asyncio.Event()
        self._shard_listeners: list[Shards] = []
        self.fenced = False

    async def start(self) -> None:
        """Start the writers and the heartbeat; returns when all lanes serve.

        Raises:
            JournalUnavailable: the database did not let us take the shards within 60 s.
        """
        loop = asyncio.get_running_loop()
        self._last_beat_us = self.clock.now_us()
        self._tasks = [
            *(loop.create_task(self._write(lane.writer)) for lane in self._lanes),
            loop.create_task(self._beat()),
        ]
        for task in self._tasks:
            task.add_done_callback(self._end_if_broken)
        try:
            async with asyncio.timeout(60):
                await self._first_serving.wait()
        except TimeoutError:
            await self.stop()
            raise JournalUnavailable("could not take the shards within 60 s") from None
        if self.fenced:
            await self.stop()
            raise JournalUnavailable("another engine has taken over")
        if self.ownership is not None:
            self._owning = loop.create_task(self.ownership.run())
            self._owning.add_done_callback(self._end_if_broken)

    async def stop(self) -> None:
        """Hand over what others can take, answer what was taken, then let go."""
        if self._owning is not None and self.ownership is not None:
            self._owning.cancel()
            await asyncio.wait([self._owning])
            self._owning = None
            try:
                await self.ownership.leave()
            except Exception:  # others take the shards when the lease has run out
                log.exception("not_handed_over")
        for lane in self._lanes:
            lane.writer.stop()
        if self._tasks:
            *writing, beating = self._tasks
            await asyncio.wait(writing)
            beating.cancel()
            await asyncio.wait([beating])
        self._tasks = []
        for lane in self._lanes:
            await lane.close()
        await self._leases.close()

    def follow_shards(self, listener: Shards) -> None:
        """Tell `listener` from now on which shards are served here: whoever brings commands from outside starts and stops with it."""
        self._shard_listeners.append(listener)

    def gained(self, shards: Sequence[int]) -> None:
        """Tell those who bring commands, see `Shards`."""
        for listener in self._shard_listeners:
            listener.gained(shards)

    def lost(self, shards: Sequence[int]) -> None:
        """Tell those who bring commands, see `Shards`."""
        for listener in self._shard_listeners:
            listener.lost(shards)

    @property
    def epochs(self) -> Mapping[int, int]:
        """Epoch of every shard that is served here now."""
        return {shard: epoch for lane in self._lanes for shard, epoch in lane.writer.epochs.items()}

    @property
    def ready(self) -> bool:
        """Commands are taken now."""
        return all(lane.writer.serving for lane in self._lanes)

    @property
    def waiting(self) -> int:
        """Commands in the inboxes."""
        return sum(lane.writer.waiting for lane in self._lanes)

    def hold(self) -> None:
        """Nobody can reach the market: see `Writer.hold`."""
        for lane in self._lanes:
            lane.writer.hold()

    def resume(self, from_us: InstantUs) -> None:
        """Serve again after `hold`; nobody could bid since that instant."""
        for lane in self._lanes:
            lane.writer.resume(from_us, self.clock.now_us())

    def submit_in(self, shard: int, envelope: Envelope[Any]) -> None:
        """Take a command that came over the bus for one of our shards."""
        lane = self.listings if shard in LISTING_SHARDS else self.notices if shard in NOTICE_SHARDS else self._lots
        lane.submit(envelope)

    def now_us(self) -> InstantUs:
        """Return the time now on the engine's clock."""
        return self.clock.now_us()

    def submit_all(self, envelopes: Sequence[LotEnvelope]) -> None:
        """Take commands about lots in this order; `reply` of each is called exactly once, after the commit."""
        self._lots.submit_all(envelopes)

    async def ask(
        self,
        lot_id: LotId,
        command: Command,
        *,
        command_id: bytes | None,
        request_digest: bytes | None,
        actor: str,
        arrived_at_us: InstantUs | None,
    ) -> Receipt:
        """Submit a command about a lot and wait for its receipt."""
        return await self._lots.ask(
            lot_id,
            command,
            command_id=command_id,
            request_digest=request_digest,
            actor=actor,
            arrived_at_us=arrived_at_us,
        )

    def subscribe(self, listener: LotListener) -> None:
        """Call `listener` with the changes of lots, see `Lane.subscribe`."""
        self._lots.subscribe(listener)

    def subscribe_advances(self, listener: AdvanceListener) -> None:
        """Tell `listener` by how much the logs of lots grew, see `Lane.subscribe_advances`."""
        self._lots.subscribe_advances(listener)

    def state(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot in memory."""
        return self._lots.state(lot_id)

    def lots(self) -> Iterable[LotState]:
        """Return the committed states of lots in memory, see `Lane.states`."""
        return self._lots.states()

    async def load(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot from memory or from the log, see `Lane.load`."""
        return await self._lots.load(lot_id)

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot is written; a new one tells clients to take a snapshot."""
        return self._lots.writer.epoch(lot_id)

    async def _write(self, writer: Writer[Any, Any, Any]) -> None:
        try:
            await writer.run()
        except FencedOut:
            log.error("fenced_out", extra={"owner": self.owner})
            self.fenced = True
            self._first_serving.set()
            self._on_end()

    def _end_if_broken(self, task: asyncio.Task[None]) -> None:
        """A part that ended by a bug would be missed by nobody: the others would go on without its signs of life, its look at stalls or
        its share of the shards. The process ends in order and is started anew.
        """
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("engine_broken", exc_info=error)
            self._first_serving.set()
            self._on_end()

    async def _beat(self) -> None:
        """Notice stalls, leave signs of life while serving, keep snapshots, follow the wall clock."""
        beats = 0
        while True:
            self._look_for_stall()
            if self.ready:
                self._first_serving.set()
            if beats % ALIVE_EVERY_BEATS == 0:
                self.clock.follow()
                # One sign for all lanes: none of them must seem to serve because another does.
                served_until_us = min(lane.writer.served_until_us for lane in self._lanes)
                if served_until_us:
                    await self._lots.sign(served_until_us)
                for lane in self._lanes:
                    await lane.keep()
            beats += 1
            await asyncio.sleep(BEAT_S if self._first_serving.is_set() else 0.01)

    def _look_for_stall(self) -> InstantUs:
        """Return the time now, having told the writers if this process stood still before, or longer than its lease."""
        now_us, last_us = self.clock.now_us(), self._last_beat_us
        self._last_beat_us = now_us
        if now_us - last_us > self._settings.stall_us:
            log.error("stalled", extra={"from_us": last_us, "to_us": now_us})
            if self.ownership is not None:
                self.ownership.check_lease()
            for lane in self._lanes:
                lane.writer.report_stall(last_us, now_us)
        return now_us
