"""Carries deals to their registration and numbers back to their deals. Level-triggered: each turn looks at what is and does the next step,
so that a process killed anywhere goes on where it stood; each step is idempotent by its key or its state.

- both sides have signed → the contract is signed, its registration is opened for the registrant;
- the deal was undone → the contract is ended;
- the registrar gave a number → the deal goes on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import asyncpg

from engine.calendar import day_of, format_day
from engine.values import InstantUs
from settlement.contracts.life import Contract, EndContract, NotDone, SignContract
from settlement.contracts.store import Contracts
from settlement.deals import acts as d
from settlement.deals.answers import Refused
from settlement.deals.deals import Deals
from settlement.deals.events import SideSigned
from settlement.registration import events as e
from settlement.registration.registrations import Registrations
from settlement.registration.store import QUERIES

A_TURN: Final = 100
MARKET: Final = "market"
_FAULTS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = logging.getLogger(__name__)


class Carrying:
    """The worker."""

    def __init__(self, deals: Deals, contracts: Contracts, registrations: Registrations) -> None:
        self._deals = deals
        self._contracts = contracts
        self._registrations = registrations

    async def run(self, pause_s: float = 1.0) -> None:
        """Carry for ever."""
        while True:
            try:
                done = await self.turn()
            except _FAULTS:
                log.warning("registrations_wait", exc_info=True)
                done = 0
            if not done:
                await asyncio.sleep(pause_s)

    async def turn(self) -> int:
        """Do once everything that is due; return how much was done."""
        return await self._sign() + await self._open() + await self._end() + await self._number()

    async def _sign(self) -> int:
        done = 0
        for deal_id in await self._due("to_sign"):
            process, contract = await self._deals.read(deal_id), await self._contracts.of_deal(deal_id)
            if process is None or contract is None:
                continue
            lines = await self._deals.history(deal_id)
            signed_us = max((line.at_us for line in lines if isinstance(line.event, SideSigned)), default=0)
            act = SignContract(
                text=contract.text, signed_on=format_day(day_of(InstantUs(signed_us or self._deals.now_us()))),
                seller_seal=contract.facts.seller.name, buyer_seal=contract.facts.buyer.name,
            )  # fmt: skip
            done += self._made(await self._contracts.act(contract.id, act, actor=MARKET), deal_id)
        return done

    async def _open(self) -> int:
        done = 0
        for deal_id in await self._due("to_open"):
            outcome = await self._registrations.open(deal_id, actor=MARKET)
            done += not hasattr(outcome, "code")
        return done

    async def _end(self) -> int:
        done = 0
        for deal_id in await self._due("to_end"):
            process, contract = await self._deals.read(deal_id), await self._contracts.of_deal(deal_id)
            if process is None or contract is None:
                continue
            reason = process.reason or process.phase.value
            act = EndContract(annulled=False, reason=reason, on=format_day(day_of(InstantUs(process.since_us))))
            done += self._made(await self._contracts.act(contract.id, act, actor=MARKET), deal_id)
        return done

    async def _number(self) -> int:
        done = 0
        for deal_id in await self._due("to_number"):
            registration = await self._registrations.of_deal(deal_id)
            if registration is None or registration.state not in (
                e.RegistrationState.REGISTERED,
                e.RegistrationState.CHANGED,
            ):
                continue
            act = d.NoteRegistered(number=registration.number, certificate_ref=registration.id)
            outcome = await self._deals.do(deal_id, act, key=f"registered:{registration.number}")
            done += not isinstance(outcome, Refused)
        return done

    async def _due(self, name: str) -> list[str]:
        return [row["id"] for row in await self._deals.pool.fetch(QUERIES[name], A_TURN)]

    def _made(self, outcome: Contract | NotDone, deal_id: str) -> int:
        if isinstance(outcome, NotDone):
            log.error("contract_stands_still", extra={"deal": deal_id, "code": outcome.code.value})
            return 0
        return 1
