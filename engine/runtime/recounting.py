"""Periods of notices that ran past the official calendar are counted again when the process starts with a newer one."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Final

from engine.bus.ports import MarketPort
from engine.calendar import Calendar
from engine.journal.codec import request_digest
from engine.journal.log import JournalUnavailable
from engine.rules.publicity.commands import RecountPeriod
from engine.rules.publicity.state import NoticePhase

ACTOR: Final = "engine/recounting"
NAMESPACE: Final = uuid.UUID("6f5f0d5e-5a1c-5e0b-9a53-6f72746f6f32")
LOOK_ROUND_S: Final = 300.0

log = logging.getLogger(__name__)


async def recount_notices(engine: MarketPort, calendar: Calendar) -> int:
    """Count again whatever was counted by an older calendar and was not certain; return how many periods that concerned.

    Each command carries an id made from the notice and the calendar, so that doing it again changes nothing (P3).
    """
    asked = 0
    for state in engine.notices.states():
        if state.phase is not NoticePhase.PUBLISHED or state.certain or state.calendar_version == calendar.version:
            continue
        command = RecountPeriod(calendar_version=calendar.version)
        name = f"{state.notice_id}/recount/{state.seq}/{calendar.version}"
        await engine.notices.ask(
            state.notice_id,
            command,
            command_id=uuid.uuid5(NAMESPACE, name).bytes,
            request_digest=request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        asked += 1
    return asked


async def recount_for_ever(engine: MarketPort, calendar: Calendar) -> None:
    """Look round at the start and now and then."""
    while True:
        try:
            await recount_notices(engine, calendar)
        except JournalUnavailable:
            log.warning("recount_later", exc_info=True)
        await asyncio.sleep(LOOK_ROUND_S)
