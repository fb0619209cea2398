"""Periods of notices, and clocks of objections to them, that ran past the official calendar are counted again when the process starts
with a newer one.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Final

from engine.bus.ports import MarketPort
from engine.calendar import Calendar
from engine.journal.codec import request_digest
from engine.journal.log import JournalUnavailable
from engine.rules.publicity.commands import NoticeCommand, RecountObjection, RecountPeriod
from engine.rules.publicity.state import NoticePhase, NoticeState

ACTOR: Final = "engine/recounting"
NAMESPACE: Final = uuid.UUID("6f5f0d5e-5a1c-5e0b-9a53-6f72746f6f32")
LOOK_ROUND_S: Final = 300.0

log = logging.getLogger(__name__)


async def recount_notices(engine: MarketPort, calendar: Calendar) -> int:
    """Count again whatever was counted by an older calendar and was not certain; return how many periods and clocks that concerned.

    Each command carries an id made from the notice and the calendar, so that doing it again changes nothing (P3).
    """
    asked = 0
    for state in engine.notices.states():
        for what, command in _uncertain(state, calendar):
            name = f"{state.notice_id}/{what}/{state.seq}/{calendar.version}"
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


def _uncertain(state: NoticeState, calendar: Calendar) -> list[tuple[str, NoticeCommand]]:
    """Return what of a notice was counted by an older calendar, each with the word that its command's id is made from."""
    found: list[tuple[str, NoticeCommand]] = [
        (f"recount/{one.no}", RecountObjection(objection_no=one.no, calendar_version=calendar.version))
        for one in state.objections
        if one.phase.is_open and not one.certain and one.calendar_version != calendar.version
    ]
    if state.phase is NoticePhase.PUBLISHED and not state.certain and state.calendar_version != calendar.version:
        found.append(("recount", RecountPeriod(calendar_version=calendar.version)))
    return found


async def recount_for_ever(engine: MarketPort, calendar: Calendar) -> None:
    """Look round at the start and now and then."""
    while True:
        try:
            await recount_notices(engine, calendar)
        except JournalUnavailable:
            log.warning("recount_later", exc_info=True)
        await asyncio.sleep(LOOK_ROUND_S)
