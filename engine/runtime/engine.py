"""An engine process: a writer over its shards, its heartbeat, and the few questions that others ask it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from engine.bus.local import Change, Envelope, Listener
from engine.evidence.receipts import Receipt
from engine.journal.codec import encode_state
from engine.journal.log import JournalUnavailable
from engine.journal.postgres import PostgresLog
from engine.journal.records import lot_stream
from engine.rules.auction.commands import Command
from engine.rules.auction.state import LotState
from engine.runtime.book import rebuild
from engine.runtime.clock import SteadyClock
from engine.runtime.writer import FencedOut, Writer, WriterLimits
from engine.values import SHARDS, InstantUs, LotId

BEAT_S: Final = 0.2
ALIVE_EVERY_BEATS: Final = 5
SNAPSHOTS_PER_BEAT: Final = 20
REPLAY_AT_ONCE: Final = 2_000
"""Events replayed without leaving the loop."""

log = logging.getLogger(__name__)


class EngineSettings(Struct, frozen=True, kw_only=True):
    """How an engine process behaves."""

    dsn: str
    limits: WriterLimits = WriterLimits()
    stall_us: int = 2_000_000
    """A process that stood still this long was down: the time is given back, or sessions are interrupted."""


class Engine:
    """The engine of this process; owns every shard."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        on_commit: Callable[[int, float], None] = lambda rows, seconds: None,
        on_fenced: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock = SteadyClock()
        self.owner = f"{os.uname().nodename}/{os.getpid()}/{secrets.token_hex(4)}"
        self._settings = settings
        self._on_fenced = on_fenced
        self._listeners: list[Listener] = []
        self._journal = PostgresLog(settings.dsn)
        self._side_journal = PostgresLog(settings.dsn)
        self._side_lock = asyncio.Lock()
        self._writer = Writer(
            self._journal,
            self.clock,
            self.owner,
            range(SHARDS),
            limits=settings.limits,
            tell=self._tell,
            on_commit=on_commit,
        )
        self._last_beat_us = self.clock.now_us()
        self._tasks: list[asyncio.Task[None]] = []
        self._first_serving = asyncio.Event()
        self.fenced = False

    async def start(self) -> None:
        """Start the writer and the heartbeat; returns when the writer serves.

        Raises:
            JournalUnavailable: the database did not let us take the shards within 60 s.
        """
        loop = asyncio.get_running_loop()
        self._last_beat_us = self.clock.now_us()
        self._tasks = [loop.create_task(self._write()), loop.create_task(self._beat())]
        try:
            async with asyncio.timeout(60):
                await self._first_serving.wait()
        except TimeoutError:
            await self.stop()
            raise JournalUnavailable("could not take the shards within 60 s") from None
        if self.fenced:
            await self.stop()
            raise JournalUnavailable("another engine has taken over")

    async def stop(self) -> None:
        """Answer what was taken, then let go."""
        self._writer.stop()
        if self._tasks:
            await self._tasks[0]
            for task in self._tasks[1:]:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._tasks = []
        await self._journal.close()
        await self._side_journal.close()

    @property
    def ready(self) -> bool:
        """Commands are taken now."""
        return self._writer.serving

    @property
    def waiting(self) -> int:
        """Commands in the inbox."""
        return self._writer.waiting

    def submit(self, envelope: Envelope) -> None:
        """Take a command; `envelope.reply` is called exactly once, after the commit."""
        self._writer.submit(envelope, self._look_for_stall())

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
        """Submit a command and wait for its receipt."""
        answered: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

        def reply(receipt: Receipt) -> None:
            if not answered.done():
                answered.set_result(receipt)

        self.submit(Envelope(lot_id, command, command_id, request_digest, actor, arrived_at_us, reply))
        return await answered

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with the changes of each commit, in commit order, after the bidders were answered."""
        self._listeners.append(listener)

    def state(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot in memory."""
        return self._writer.committed.get(lot_id)

    def lots(self) -> Iterable[LotState]:
        """Return the committed states in memory: all lots that have not ended, and those that ended a short while ago."""
        return list(self._writer.committed.values())

    async def load(self, lot_id: LotId) -> LotState | None:
        """Return the committed state of a lot from memory or from the log; None if there is no such lot.

        Raises:
            JournalUnavailable: the log cannot be read now.
            CorruptLog: the lot's history does not fit its digests.
        """
        state = self.state(lot_id)
        if state is None:
            async with self._side_lock:
                stored = await self._side_journal.load(lot_stream(lot_id), commands=False)
            if stored is None:
                return None
            # A long history without a snapshot takes seconds to replay: the market goes on meanwhile.
            long = len(stored.records) > REPLAY_AT_ONCE
            state = (await asyncio.to_thread(rebuild, stored) if long else rebuild(stored)).state
        return state

    def epoch(self, lot_id: LotId) -> int:
        """Return the epoch under which the lot is written; a new one tells clients to take a snapshot."""
        return self._writer.epoch(lot_id)

    def _tell(self, changes: Sequence[Change]) -> None:
        for listener in self._listeners:
            try:
                listener(changes)
            except Exception:  # a broken listener must not stop the market
                log.exception("listener_failed")

    async def _write(self) -> None:
        try:
            await self._writer.run()
        except FencedOut:
            log.error("fenced_out", extra={"owner": self.owner})
            self.fenced = True
            self._first_serving.set()
            self._on_fenced()

    async def _beat(self) -> None:
        """Notice stalls, leave signs of life while serving, keep snapshots, follow the wall clock."""
        beats = 0
        while True:
            self._look_for_stall()
            if self._writer.serving:
                self._first_serving.set()
            if beats % ALIVE_EVERY_BEATS == 0:
                self.clock.follow()
                await self._keep()
            beats += 1
            await asyncio.sleep(BEAT_S if self._first_serving.is_set() else 0.01)

    async def _keep(self) -> None:
        if not self._writer.serving:
            return
        due = self._writer.snapshots_due
        try:
            async with self._side_lock:
                await self._side_journal.alive(self.owner, self.clock.now_us())
                for lot_id in list(due)[:SNAPSHOTS_PER_BEAT]:
                    state, chain = due.pop(lot_id)
                    await self._side_journal.save_snapshot(lot_stream(lot_id), state.seq, encode_state(state), chain)
        except Exception:  # a missed sign of life only lengthens an outage; the heartbeat itself must go on
            log.warning("sign_of_life_failed", exc_info=True)

    def _look_for_stall(self) -> InstantUs:
        """Return the time now, having told the writer if this process stood still before."""
        now_us, last_us = self.clock.now_us(), self._last_beat_us
        self._last_beat_us = now_us
        if now_us - last_us > self._settings.stall_us:
            log.error("stalled", extra={"from_us": last_us, "to_us": now_us})
            self._writer.report_stall(last_us, now_us)
        return now_us
