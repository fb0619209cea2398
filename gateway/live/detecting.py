"""The fault detector: looks at engine, database and rooms, and pauses what is at stake when the platform could not serve.

What counts as a fault, and what is at stake, is a rule (`engine/rules/auction/faults.py`); here it is looked and told.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from typing import Final

import asyncpg

from engine.evidence.receipts import Outcome
from engine.journal.codec import request_digest
from engine.rules.auction.commands import PauseKind, PauseLot
from engine.rules.auction.faults import Fault, FaultThresholds, Seen, Watch, is_at_stake, observe
from engine.values import SECOND_US, DurationUs, InstantUs, LotId
from gateway.accounts.model import UNREACHABLE
from gateway.config import Config
from gateway.services import Services

LOOK_S: Final = 0.5
PROBE_S: Final = 1.0
"""A database that takes longer to answer the shortest question does not answer."""
TELL_S: Final = 5.0
"""A pause that is not recorded within this is asked for again, with the same id."""
AT_ONCE: Final = 500
"""Sessions paused at one look; the next look takes the others."""
ACTOR: Final = "detector"
AWAY: Final = (*UNREACHABLE, TimeoutError, asyncpg.PostgresError)

log = logging.getLogger(__name__)


def thresholds_of(config: Config) -> FaultThresholds:
    """Return from when on trouble is a fault under this configuration."""
    return FaultThresholds(
        silent_us=_us(config.fault_silent_seconds),
        within_us=_us(config.fault_within_seconds),
        lost_percent=config.fault_lost_percent,
        accounts_min=config.fault_accounts_min,
        hold_us=_us(config.fault_hold_seconds),
        near_end_us=_us(config.fault_near_end_seconds),
    )


def _us(seconds: float) -> DurationUs:
    return DurationUs(round(seconds * SECOND_US))


class Detector:
    """Watches one process: its engine or its way to one, the database, and its own rooms."""

    def __init__(self, services: Services, dsn: str, thresholds: FaultThresholds) -> None:
        self._services = services
        self._dsn = dsn
        self._thresholds = thresholds
        self._connection: asyncpg.Connection | None = None
        self._begun = False
        """Engine and database were seen well once: a process that is just coming up has noticed nobody's fault."""
        self.watch = Watch()
        self._paused: set[LotId] = set()
        """In the fault that is declared: a session that an operator resumes meanwhile stays resumed."""
        services.metrics.gauge(
            "ortoo_fault_declared", "1 while the detector holds that the platform cannot serve.", self._is_declared
        )

    async def run(self) -> None:
        """Look for ever."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            if self._connection is not None:
                self._connection.terminate()

    async def look(self) -> None:
        """Look once and act on what is seen."""
        services, live = self._services, self._services.live
        database = await self._database_answers()
        self._begun = self._begun or (database and services.engine.ready)
        if not self._begun:
            return
        seen = Seen(
            at_us=InstantUs(services.now_us),
            engine=services.engine.ready,
            database=database,
            connected=len(live.registry.accounts),
            cut={str(account): at_us for account, at_us in live.registry.cut.items()},
            draining=live.draining or services.draining.is_set(),
        )
        before, self.watch = self.watch.fault, observe(self.watch, seen, self._thresholds)
        fault = self.watch.fault
        if fault is not before:
            self._tell_change(before, fault, seen)
        if fault is not None and seen.engine and seen.database:
            await self._pause_at_stake(fault)

    async def _pause_at_stake(self, fault: Fault) -> None:
        now_us = InstantUs(self._services.now_us)
        lots = [
            state.lot_id
            for state in self._services.engine.lots()
            if state.lot_id not in self._paused and is_at_stake(state, now_us, self._thresholds)
        ]
        await asyncio.gather(*(self._pause(lot, fault) for lot in lots[:AT_ONCE]))

    async def _pause(self, lot: LotId, fault: Fault) -> None:
        command = PauseLot(reason=fault.value, kind=PauseKind.FAULT)
        # One id for each fault and session: asked again after a doubt, it is one pause.
        command_id = sha256(f"{ACTOR}\n{self.watch.since_us}\n{lot}".encode()).digest()[:16]
        try:
            async with asyncio.timeout(TELL_S):
                receipt = await self._services.engine.ask(
                    lot,
                    command,
                    command_id=command_id,
                    request_digest=request_digest(command),
                    actor=ACTOR,
                    arrived_at_us=None,
                )
        except TimeoutError:
            log.warning("fault_pause_in_doubt", extra={"lot": lot})
            return
        if receipt.decision is Outcome.ACCEPTED:
            self._paused.add(lot)
            self._services.metrics.fault_pauses.inc()
            log.error("fault_paused", extra={"lot": lot, "fault": fault.value})
        else:
            log.warning("fault_pause_refused", extra={"lot": lot, "code": receipt.code})

    def _tell_change(self, before: Fault | None, fault: Fault | None, seen: Seen) -> None:
        self._paused.clear()
        if fault is None:
            log.warning("fault_over", extra={"fault": before})
            return
        self._services.metrics.faults.labels(fault.value).inc()
        log.error(
            "fault_declared",
            extra={
                "fault": fault.value, "since_us": self.watch.since_us, "connected": seen.connected, "cut": len(self.watch.lost),
            },
        )  # fmt: skip

    def _is_declared(self) -> float:
        return float(self.watch.fault is not None)

    async def _database_answers(self) -> bool:
        """Ask over a connection of its own: a busy pool is no fault of the database, and an answer that is there counts,
        however late this process looks at it.
        """
        asking = asyncio.get_running_loop().create_task(self._ask_database())
        done, _ = await asyncio.wait([asking], timeout=PROBE_S)
        if done and asking.exception() is None and asking.result():
            return True
        asking.cancel()
        await asyncio.wait([asking])
        if not asking.cancelled() and (error := asking.exception()) is not None and not isinstance(error, AWAY):
            raise error
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        return False

    async def _ask_database(self) -> bool:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, server_settings={"application_name": "ortoo-detector"})
        # Reading alone would also succeed on a standby.
        return await self._connection.fetchval("SELECT NOT pg_is_in_recovery()") is True
