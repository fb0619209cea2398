"""Stopping and starting many sessions by one act: one reason, one event in the journal of each, safe to repeat.

The id of each session's command follows from the id of the act and the lot: sent again, the act answers as before and halts
nothing that was resumed meanwhile.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from engine.evidence.receipts import Receipt
from engine.rules.auction import commands as c
from engine.rules.auction.state import LotState
from engine.rules.rejections import Reject
from engine.values import LotId
from gateway.accounts.audit import Origin
from gateway.accounts.model import Caller
from gateway.http.commands import ask, outcome_of
from gateway.services import Services

AT_ONCE: Final = 200
"""Commands that wait in the engine at the same time."""
SESSIONS_MAX: Final = 5_000
"""Sessions of one act; a market that runs more halts them by two acts."""


class Told(Struct, frozen=True):
    """What one session answered: `accepted`, or the code of its refusal; `earliest_us` where only the notice was too short."""

    lot: str
    outcome: str
    seq: int | None
    earliest_us: int | None


def running(states: Iterable[LotState]) -> list[LotState]:
    """Return the sessions whose clock runs, the next end first."""
    found = [state for state in states if state.phase.is_bidding]
    return sorted(found, key=lambda state: (state.closes_at_us or state.free_ends_at_us or 2**62, state.lot_id))


def halted(states: Iterable[LotState]) -> list[LotState]:
    """Return the sessions whose clock stands, the longest first."""
    return sorted(
        (state for state in states if state.phase.is_halted), key=lambda state: (state.halted_at_us or 0, state.lot_id)
    )


async def tell_all(
    services: Services,
    caller: Caller,
    origin: Origin,
    act: UUID,
    command: c.PauseLot | c.ResumeLot,
    only: Sequence[str] | None,
) -> list[Told]:
    """Pause or resume every session that it concerns, or those of `only`; after a fault a resumption needs its notice.

    What stands already is not paused again, what runs is not resumed; both are left out of the answer, unless asked for by name.
    """
    states = list(services.engine.lots())
    lots = [state.lot_id for state in (*running(states), *halted(states))] if only is None else list(map(LotId, only))
    told = await _tell(services, caller, act, command, list(dict.fromkeys(lots))[:SESSIONS_MAX])
    if only is None:
        told = [one for one in told if one.outcome != Reject.WRONG_PHASE]
    done = sum(one.outcome == "accepted" for one in told)
    verb = "lot.pause_all" if isinstance(command, c.PauseLot) else "lot.resume_all"
    await services.accounts.note(caller, origin.network, verb, "-", f"{done} of {len(told)}")
    return told


async def _tell(services: Services, caller: Caller, act: UUID, command: c.Command, lots: Sequence[LotId]) -> list[Told]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(lot: LotId) -> Told:
        async with room:
            return _told(lot, await ask(services, caller, lot, command, uuid.uuid5(act, lot).bytes))

    return list(await asyncio.gather(*(one(lot) for lot in lots)))


def _told(lot: LotId, receipt: Receipt) -> Told:
    earliest_us = receipt.data.get("earliest_us")
    return Told(lot, outcome_of(receipt), receipt.seq, earliest_us if isinstance(earliest_us, int) else None)
