"""The machine's own steps of a deal: confirm, draft, tell the log, certify; and its clocks. Level-triggered, each step one transaction.

A step that cannot be done now is put off and tried again; its deadline brings an operator in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.journal.follower import BEHIND
from settlement.deals import acts as a
from settlement.deals.clocks import working
from settlement.deals.deal import DealSide, Way
from settlement.deals.deals import Deals
from settlement.deals.documents import certificate_of, confirmation_of, contract_of
from settlement.deals.notices import day_text
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deals.signing import payment_of
from settlement.deals.store import QUERIES, Changed, Document
from settlement.deposits.deposits import Outcome as DepositOutcome
from settlement.deposits.events import DepositState
from settlement.deposits.rules import Refused

LEASE_US: Final = 60_000_000
BACKOFF_US: Final = 1_000_000
BACKOFF_MAX_US: Final = 600_000_000
A_TURN: Final = 200

log = logging.getLogger(__name__)


class Answer(StrEnum):
    """What became of telling a listing."""

    TOLD = "told"
    """It has recorded it (or had before): its event moves the deal."""
    REFUSED = "refused"
    """It will not record it: an operator looks at it."""
    LATER = "later"


class Draft(Struct, frozen=True):
    """The contract as a text both sides sign."""

    contract_ref: str
    document: Document


Signer = Callable[[bytes], tuple[str, str]]
"""Signs a document's bytes with the market's key: (signature, public key), base64."""
Drafter = Callable[[Process], Awaitable[Draft | None]]
"""Draws a contract up; None: not now."""
TellListing = Callable[[Process], Awaitable[Answer]]
"""Tells a deal's listing or notice that the contract is signed (phase CONCLUDING), or a listing that a side is in default (DEFAULTING)."""


class Working:
    """The worker."""

    def __init__(
        self,
        deals: Deals,
        *,
        sign: Signer,
        origin: str,
        tell_listing: TellListing | None = None,
        draft: Drafter | None = None,
    ) -> None:
        """Make the worker.

        Args:
            deals: The deals.
            sign: The market's key.
            origin: Name of the market, as it stands in documents.
            tell_listing: Where the engine can be asked; None in a process without one, which leaves those steps to another.
            draft: Who draws contracts up; None: the facts of the deal as they stand are the contract.
        """
        self._deals = deals
        self._sign = sign
        self._origin = origin
        self._tell = tell_listing
        self._draft = draft or self._facts_as_contract

    async def run(self, pause_s: float = 0.5) -> None:
        """Work for ever."""
        await self._deals.give_back_outage()
        while True:
            try:
                done = await self.turn()
            except BEHIND:
                log.warning("deals_wait", exc_info=True)
                done = 0
            if not done:
                await asyncio.sleep(pause_s)

    async def turn(self) -> int:
        """Do once everything that is due; return how much was done."""
        await self._deals.tick_clock()
        return await self._deals.wake_due() + await self.work_due()

    async def work_due(self) -> int:
        """Do the machine's steps whose time has come; return how many were done."""
        done, deals = 0, self._deals
        for _ in range(A_TURN):
            now_us = deals.now_us()
            row = await deals.pool.fetchrow(QUERIES["to_work"], now_us, now_us + LEASE_US, self._tell is not None)
            if row is None:
                break
            process = await deals.read(row["id"])
            assert process is not None, "deals are never removed"
            if await self._one(process):
                done += 1
                continue
            pause_us = min(BACKOFF_US * 2 ** min(row["attempts"], 20), BACKOFF_MAX_US)
            await deals.pool.execute(QUERIES["put_off"], process.id, now_us + pause_us)
        return done

    async def _one(self, process: Process) -> bool:
        match process.phase:
            case Phase.CONFIRMING:
                return await self._confirm(process)
            case Phase.DRAFTING:
                return await self._supply_draft(process)
            case Phase.CONCLUDING:
                return await self._conclude(process)
            case Phase.DEFAULTING:
                return await self._default(process)
            case Phase.CERTIFYING:
                return await self._certify(process)
            case _:
                return False

    async def _confirm(self, process: Process) -> bool:
        document = confirmation_of(process, self._origin)
        signature, key = self._sign(document.body)
        act = a.ConfirmDeal(document_digest=document.digest, signature=signature, key=key)
        return isinstance(await self._deals.do(process.id, act, document=document), Changed)

    async def _supply_draft(self, process: Process) -> bool:
        draft = await self._draft(process)
        if draft is None:
            return False
        act = a.SupplyDraft(contract_ref=draft.contract_ref, contract_digest=draft.document.digest)
        return isinstance(await self._deals.do(process.id, act, document=draft.document), Changed)

    async def _facts_as_contract(self, process: Process) -> Draft | None:
        payment = payment_of(process)
        if payment is None:
            return None
        return Draft(f"C-{process.id}", contract_of(process, payment, self._origin))

    async def _conclude(self, process: Process) -> bool:
        if process.deal.way is not Way.AUCTION:
            return await self._told(process)
        return isinstance(await self._deals.do(process.id, a.NoteSigned(contract_ref=process.contract_ref)), Changed)

    async def _default(self, process: Process) -> bool:
        """Record a default. Before the contract stands a listing does it, and its deposit follows; afterwards the market itself."""
        assert process.default_side is not None, "a default has a side"
        if process.deal.way is Way.LISTING and not process.lines:
            return await self._told(process)
        for deposit_id in process.deal.deposit_ids:
            outcome = await self._deposit_of_default(process, deposit_id)
            if outcome is None:
                return False
        act = a.NoteDefault(side=process.default_side, reason=process.reason or process.default_cause)
        return isinstance(await self._deals.do(process.id, act), Changed)

    async def _told(self, process: Process) -> bool:
        """Let the listing record it; its event moves the deal, so the phase is still the same when this returns."""
        if self._tell is None:
            return False
        answer = await self._tell(process)
        if answer is Answer.REFUSED:
            log.error("listing_refuses_deal", extra={"deal": process.id, "phase": process.phase.value})
        return False

    async def _deposit_of_default(self, process: Process, deposit_id: str) -> DepositOutcome | str | None:
        """Let the buyer's deposit be lost after his appeal; the seller's default touches no deposit. None: not now."""
        deals = self._deals
        deposit = await deals.deposits.read(deposit_id)
        if deposit is None or process.default_side is DealSide.SELLER:
            return "none"
        if deposit.state not in (DepositState.HELD, DepositState.CONVERTED):
            return "none"
        until_us = working(deals.calendar(), deals.now_us(), process.deal.rules.sign_working_days)
        done = await deals.deposits.propose_forfeit(
            deposit_id, "buyer_default", until_us, note=process.reason, key=f"{process.id}:default"
        )
        return None if isinstance(done, Refused) else done

    async def _certify(self, process: Process) -> bool:
        year = day_text(self._deals.now_us())[:4]
        number = f"JZ{year}-{process.id}"
        document = certificate_of(process, number, self._origin)
        signature, key = self._sign(document.body)
        act = a.IssueCertificate(number=number, document_digest=document.digest, signature=signature, key=key)
        return isinstance(await self._deals.do(process.id, act, document=document), Changed)
