"""Puts rounds into the journal: the prober owns a shard of its own and writes it as every writer does, fenced and chained.

While the database is away rounds wait here with the times at which they were seen: a bounded number, the oldest go first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from engine.catalogue.availability.sightings import QUERIES
from engine.catalogue.board.entries import READABLE
from engine.catalogue.board.index import RUNNING_MAX
from engine.journal.codec import request_digest
from engine.journal.streams import SITE
from engine.rules.availability.probing import SIGHTINGS_MAX, RecordRound, Sighting
from engine.rules.rejections import Reject
from engine.runtime.clock import SteadyClock
from engine.runtime.lane import Lane, Process
from engine.runtime.limits import WriterLimits
from engine.runtime.rulebook import PROBE_RULES
from engine.runtime.writer import FencedOut
from engine.values import PROBE_SHARDS, NoticeId
from gateway.accounts.model import UNREACHABLE
from gateway.probing.looking import Seen, Target

WAITING_MAX: Final = 500
"""Rounds (parts of `SIGHTINGS_MAX` looks) that wait for the database; a week of a small market."""
BODIES_MAX: Final = 500
AGAIN_S: Final = 2.0
KEEP_S: Final = 1.0
ACTOR: Final = "prober"

log = logging.getLogger(__name__)


class Recorder:
    """Takes rounds and writes them, in order, each exactly once."""

    def __init__(self, lane: Lane, pool: asyncpg.Pool) -> None:  # type: ignore[type-arg]  # the lane of PROBE_RULES
        self._lane = lane
        self._pool = pool
        self._waiting: deque[tuple[bytes, RecordRound]] = deque(maxlen=WAITING_MAX)
        self._bodies: dict[str, Seen] = {}
        self._kept: set[str] = set()
        self._wake = asyncio.Event()
        self._targets: list[Target] = []

    @property
    def waiting(self) -> int:
        """Parts of rounds not yet written."""
        return len(self._waiting)

    async def targets(self) -> list[Target]:
        """Return what must be readable now; what it was when the database could last be asked, while it cannot."""
        try:
            rows = await self._pool.fetch(QUERIES["targets"], list(READABLE), RUNNING_MAX)
        except UNREACHABLE:
            log.warning("targets_unknown", extra={"using": len(self._targets)})
        else:
            self._targets = [Target(NoticeId(row["subject"]), row["digest"]) for row in rows]
        return self._targets

    async def expected(self, notice_id: NoticeId) -> str | None:
        """Return the digest of the record that is published now."""
        try:
            digest: str | None = await self._pool.fetchval(QUERIES["target"], notice_id)
        except UNREACHABLE:
            return None
        return digest

    def take(self, seen: Sequence[Seen]) -> None:
        """Take a round to be written."""
        sightings = tuple(one.sighting for one in seen)
        for start in range(0, len(sightings), SIGHTINGS_MAX):
            if len(self._waiting) == WAITING_MAX:
                log.error("round_lost", extra={"waiting": WAITING_MAX})
            part = RecordRound(sightings=sightings[start : start + SIGHTINGS_MAX])
            self._waiting.append((uuid.uuid4().bytes, part))
        for one in seen:
            shown = one.sighting.shown
            if shown and shown not in self._kept and len(self._bodies) < BODIES_MAX:
                self._bodies[shown] = one
        self._wake.set()

    async def run(self) -> None:
        """Write for ever. What is in doubt is sent again under the same id."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if not await self._write_one():
                    await asyncio.sleep(AGAIN_S)

    async def _write_one(self) -> bool:
        try:
            await self._keep_bodies()
        except UNREACHABLE:
            return False
        part = self._waiting[0]
        command_id, command = part
        receipt = await self._lane.ask(
            SITE,
            command,
            command_id=command_id,
            request_digest=request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        if receipt.code in (Reject.BUSY, Reject.IN_DOUBT):
            return False
        if receipt.code is not None:
            log.error("round_refused", extra={"code": receipt.code.value, "looks": len(command.sightings)})
        if self._waiting and self._waiting[0] is part:  # a full queue may have dropped it meanwhile
            self._waiting.popleft()
        return True

    async def _keep_bodies(self) -> None:
        rows = [_shown_row(seen.sighting, seen.body) for seen in self._bodies.values()]
        if rows:
            await self._pool.executemany(QUERIES["keep_shown"], rows)
            self._kept = (self._kept if len(self._kept) < 10 * BODIES_MAX else set()) | set(self._bodies)
            self._bodies.clear()


def _shown_row(sighting: Sighting, body: bytes) -> tuple[object, ...]:
    return sighting.shown, sighting.notice, sighting.record, sighting.at_us, body


@asynccontextmanager
async def recorder(dsn: str, clock: SteadyClock) -> AsyncIterator[Recorder]:
    """Yield a recorder that owns the prober's shard; another prober that owned it until now is fenced out.

    Raises:
        FencedOut: (out of the block's tasks) another prober has taken over.
    """
    process = Process(
        dsn=dsn,
        owner=f"prober/{os.uname().nodename}/{os.getpid()}/{secrets.token_hex(4)}",
        clock=clock,
        limits=WriterLimits(),
        look=clock.now_us,
        on_commit=lambda rows, seconds: None,
    )
    lane = Lane(PROBE_RULES, PROBE_SHARDS, process)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2, command_timeout=30, timeout=10)
    found = Recorder(lane, pool)
    tasks = [asyncio.create_task(work) for work in (lane.writer.run(), found.run(), _keep(lane, clock))]
    me = asyncio.current_task()
    tasks[0].add_done_callback(lambda done: _fenced(done) and me is not None and me.cancel())
    try:
        yield found
        await _drain(found)
    except asyncio.CancelledError:
        if _fenced(tasks[0]):
            raise FencedOut("another prober looks at this market now") from None
        raise
    finally:
        lane.writer.stop()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lane.close()
        pool.terminate()


def _fenced(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and isinstance(task.exception(), FencedOut)


async def _drain(recorder: Recorder, limit_s: float = 5.0) -> None:
    """Give what was seen last a moment to be written."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while recorder.waiting:
                await asyncio.sleep(0.05)


async def _keep(lane: Lane, clock: SteadyClock) -> None:  # type: ignore[type-arg]  # the lane of PROBE_RULES
    while True:
        clock.follow()
        if lane.writer.served_until_us:
            await lane.sign(lane.writer.served_until_us)
        await lane.keep()
        await asyncio.sleep(KEEP_S)
