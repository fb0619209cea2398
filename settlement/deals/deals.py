"""What the market does with deals. Every method returns what changed, or a refusal; nothing is raised for what a person may do wrong.

The workers are level-triggered: they look at what each deal's phase asks for and do it, each step one transaction, so that a process
killed anywhere goes on where it stood.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.calendar import Calendar
from engine.journal.streams import LISTINGS
from settlement.bank.port import Credit
from settlement.deals import acts as a
from settlement.deals.answers import Refused
from settlement.deals.clocks import working
from settlement.deals.deal import Deal, DealSide
from settlement.deals.fees import FeeTerms
from settlement.deals.money import KINDS
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deals.rules_data import deal_rules
from settlement.deals.store import (
    MARKET,
    QUERIES,
    Asked,
    Changed,
    DealShelf,
    HistoryLine,
    Outcome,
    Payee,
    People,
    nobody,
    process_of,
)
from settlement.deals.striking import Conditions
from settlement.deposits.deposits import DRAWS, Deposits, no_account
from settlement.deposits.events import DepositState
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import QUERIES as DEPOSIT_QUERIES
from settlement.deposits.virtual_accounts import SERIAL_DIGITS, virtual_account
from settlement.ledger.book import Connection, Overdrawn
from settlement.payouts.payouts import OrderState, PayoutOrder, Payouts

PAGE_MAX: Final = 200
A_TURN: Final = 200
OUTAGE_US: Final = 900_000_000
"""A gap of the clock longer than this is an outage: what fell due in it gets a working day more."""
NEVER_US: Final = 2**62
QUEUES: Final = ("operator", "overdue", "failing", "registrar", "open")
"""Names of the queues, most urgent first."""


class Figures(Struct, frozen=True):
    """Counts of deals that wait, and what stands in escrow, fen."""

    open: int = 0
    operator: int = 0
    overdue: int = 0
    failing: int = 0
    registrar: int = 0
    escrow_fen: int = 0


class Deals:
    """All deals of the market."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        payouts: Payouts,
        deposits: Deposits,
        *,
        calendar: Callable[[], Calendar],
        virtual_prefix: str,
        fees: FeeTerms,
        verified_account: Callable[[str], Awaitable[Payee | None]] = no_account,
        people: People = nobody,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Make the service.

        Args:
            pool: The database.
            payouts: Where orders to the bank are written.
            deposits: Whose conversion into a price is followed.
            calendar: The holiday table known now.
            virtual_prefix: Digits of the range of sub-account numbers.
            fees: Commission terms of new deals.
            verified_account: The verified bank account of a party, None if it has none.
            people: Who works at the market's and the registrar's desks.
            now_us: The market's clock.
        """
        self.pool = pool
        self.deposits = deposits
        self.calendar = calendar
        self.now_us = now_us
        self._prefix = virtual_prefix
        self._fees = fees
        self._verified_account = verified_account
        self._shelf = DealShelf(pool, payouts, calendar, people)
        payouts.subscribe(self._payout_ended)
        deposits.subscribe(self._deposit_changed)

    def conditions(self) -> Conditions:
        """Return what is copied into a deal that is struck now."""
        return Conditions(deal_rules(), self._fees, self.calendar())

    async def open(self, deal: Deal, *, on: Connection) -> Outcome:
        """Open the process of a deal, in the transaction that moves the log's cursor. The same again changes nothing."""
        for _ in range(DRAWS):
            account = virtual_account(self._prefix, secrets.randbelow(10**SERIAL_DIGITS))
            if not await on.fetchval(QUERIES["account_in_use"], account):
                act = a.OpenDeal(deal=deal, virtual_account=account)
                done = await self.do(deal.id, act, key="open", on=on)
                if isinstance(done, Changed) and not done.repeated:
                    await self.take_deposits(done.process, on=on)
                return done
        raise RuntimeError("the range of virtual accounts is full")

    async def do(
        self,
        deal_id: str,
        act: a.Act,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
        **more: Any,
    ) -> Outcome:
        """Do an act; `more` are fields of `Asked`.

        Args:
            deal_id: Which deal.
            act: What is wished.
            actor: Who wishes it.
            key: The same key again is answered the same; with other content it is refused (`key_reused`).
            on: The caller's transaction.
            more: The document that belongs to the act.
        """
        payees = await self._payees(deal_id, on)
        asked = Asked(at_us=self.now_us(), actor=actor, key=key, payees=payees, **more)
        return await self._shelf.act(deal_id, act, asked, on)

    async def _payees(self, deal_id: str, on: Connection | None) -> dict[str, Payee]:
        process = await self._shelf.read(deal_id, on)
        if process is None:
            return {}
        deal = process.deal
        parties = [deal.seller_id, deal.buyer_id, *([deal.fees.broker_id] if deal.fees.broker_id else [])]
        found = [(party, await self._verified_account(party)) for party in parties]
        return {party: account for party, account in found if account is not None}

    # Money

    async def receive(
        self, connection: Connection, deal_id: str, credit: Credit, *, from_suspense: bool = False
    ) -> Outcome:
        """Take a payment for a deal in the caller's transaction: whole, in part, late, too much. Refused: it goes into suspense."""
        act = a.TakeMoney(
            ref=credit.bank_ref, amount_fen=credit.amount_fen, booked_at_us=credit.booked_at_us,
            payer_name=credit.payer_name, payer_account=credit.payer_account, from_suspense=from_suspense,
        )  # fmt: skip
        return await self.do(deal_id, act, key=f"credit:{credit.bank_ref}", on=connection)

    async def take_deposits(self, process: Process, *, on: Connection | None = None) -> None:
        """Count deposits towards the price that became part of it while nobody told the deal."""
        for deposit_id in process.deal.deposit_ids:
            deposit = await self.deposits.read(deposit_id, on)
            if deposit is not None and deposit.state is DepositState.CONVERTED and deposit.deal_ref == process.id:
                await self._take_deposit(process.id, deposit, on)

    async def _take_deposit(self, deal_id: str, deposit: Deposit, on: Connection | None) -> Outcome:
        act = a.TakeMoney(
            ref=f"deposit:{deposit.id}", amount_fen=deposit.amount_fen, booked_at_us=deposit.last_booked_us,
            deposit_id=deposit.id,
        )  # fmt: skip
        return await self.do(deal_id, act, key=f"deposit:{deposit.id}:{deposit.seq}", on=on)

    async def _deposit_changed(self, connection: Connection, before: Deposit, after: Deposit, at_us: int) -> None:
        """Follow a deposit into the price and out of it, in its own transaction.

        Where the deal has ended the deposit goes its own way, and an operator sees it: an appeal upheld after the second sale.

        Raises:
            Overdrawn: the deal cannot give the money up any more; the deposit's act is refused with it.
        """
        was, now = (one.state is DepositState.CONVERTED for one in (before, after))
        deal_id = after.deal_ref or before.deal_ref
        process = None if was is now else await self._shelf.read(deal_id, connection)
        if process is None:
            return
        if process.phase.is_final or process.phase is Phase.REFUNDING:
            stream, code = process.deal.source.stream, "wrong_phase"
            await connection.execute(
                DEPOSIT_QUERIES["note_problem"], stream, after.seq, after.id, "Convert", code, at_us
            )
            return
        if now:
            done = await self._take_deposit(deal_id, after, connection)
        else:
            act = a.LoseDeposit(deposit_id=after.id, amount_fen=after.amount_fen)
            done = await self.do(deal_id, act, on=connection)
        if isinstance(done, Refused):
            raise Overdrawn(f"deal {deal_id} does not follow its deposit: {done.code.value}")

    async def _payout_ended(self, connection: Connection, order: PayoutOrder, _: int) -> None:
        """Follow what became of an order of a deal, in the same transaction."""
        if order.kind not in KINDS:
            return
        act = a.PayoutEnded(
            order_id=order.order_id, settled=order.state is OrderState.SETTLED, reason=order.reason,
            instead_of=(order.instead_of or "") if order.state is OrderState.ORDERED else "",
        )  # fmt: skip
        done = await self.do(order.source.deal, act, on=connection)
        if isinstance(done, Refused):
            raise RuntimeError(f"deal {order.source.deal} does not follow its order: {done.code.value}")

    # Clocks

    async def wake_due(self) -> int:
        """Remind, mark late, act on missed deadlines. Return how many."""
        rows = await self.pool.fetch(QUERIES["to_wake"], self.now_us(), A_TURN)
        done = 0
        for row in rows:
            process = await self.read(row["id"])
            if process is not None:
                await self.take_deposits(process)
            done += isinstance(await self.do(row["id"], a.Wake()), Changed)
        return done

    async def give_back_outage(self) -> int:
        """Move the deadlines of people that passed while nobody served; called once when the workers start. Return how many."""
        now_us = self.now_us()
        alive_us = await self.pool.fetchval(QUERIES["clock_was_alive"])
        moved = 0
        if alive_us is not None and now_us - alive_us > OUTAGE_US:
            act = a.MoveDeadline(deadline_us=working(self.calendar(), now_us, 1), reason="outage")
            while rows := await self.pool.fetch(QUERIES["missed_in_outage"], alive_us, now_us, A_TURN):
                outcomes = [await self.do(row["id"], act) for row in rows]
                moved += sum(isinstance(one, Changed) for one in outcomes)
                if not any(isinstance(one, Changed) for one in outcomes):
                    break
        await self.tick_clock()
        return moved

    async def tick_clock(self) -> None:
        """Leave a sign of life."""
        await self.pool.execute(QUERIES["clock_alive"], self.now_us())

    # Finding and reading

    async def read(self, deal_id: str, on: Connection | None = None) -> Process | None:
        """Return a deal, for the market itself and its staff."""
        return await self._shelf.read(deal_id, on)

    async def seen_by(self, deal_id: str, party_id: str) -> tuple[Process, DealSide] | None:
        """Return a deal and the side of a party in it; None for a stranger, which looks the same as none at all."""
        process = await self._shelf.read(deal_id)
        side = None if process is None else process.deal.side_of(party_id)
        return None if process is None or side is None else (process, side)

    async def history(self, deal_id: str, after_seq: int = 0, limit: int = PAGE_MAX) -> list[HistoryLine]:
        """Return a page of what happened to a deal, oldest first."""
        return await self._shelf.history(deal_id, after_seq, limit)

    async def document(self, deal_id: str, digest: str) -> tuple[str, bytes] | None:
        """Return kind and bytes of a document by its digest."""
        row = await self.pool.fetchrow(QUERIES["document"], deal_id, digest)
        return None if row is None else (row["kind"], row["body"])

    async def of_party(self, party_id: str, after: tuple[int, str] = (NEVER_US, ""), limit: int = 50) -> list[Process]:
        """Return a page of a party's deals, newest first; `after` is (struck_at_us, id) of the last one before."""
        rows = await self.pool.fetch(QUERIES["of_party"], party_id, *after, max(1, min(limit, PAGE_MAX)))
        return [process_of(row) for row in rows]

    async def of_party_on(
        self, party_id: str, subject: str, after: tuple[int, str] = (NEVER_US, ""), limit: int = 50
    ) -> list[Process]:
        """Return a page of a party's deals on one lot (or group of lots), listing or notice, newest first."""
        rows = await self.pool.fetch(QUERIES["of_party_on"], party_id, *after, max(1, min(limit, PAGE_MAX)), subject)
        return [process_of(row) for row in rows]

    async def newest(self, phase: str = "", after: tuple[int, str] = (NEVER_US, ""), limit: int = 50) -> list[Process]:
        """Return a page of all deals, or those in a phase, newest first."""
        rows = await self.pool.fetch(QUERIES["newest"], phase, *after, max(1, min(limit, PAGE_MAX)))
        return [process_of(row) for row in rows]

    async def of_stream(self, stream: str) -> list[Process]:
        """Return the deals of a lot, a listing or a notice, in the order they were struck."""
        return [process_of(row) for row in await self.pool.fetch(QUERIES["of_stream"], stream, PAGE_MAX)]

    async def second_sale(self, process: Process) -> Process | None:
        """Return the deal of the listing that followed this failed one, among the seller's last `PAGE_MAX`; None while there is none."""
        stream = process.deal.source.stream
        found = await self.of_party(process.deal.seller_id, limit=PAGE_MAX)
        return next(
            (one for one in found if one.deal.relists and stream == f"{LISTINGS.prefix}{one.deal.relists}"), None
        )

    async def queue(self, name: str, after: tuple[int, str] = (-1, ""), limit: int = 50) -> list[Process]:
        """Return a page of one of `QUEUES`, by deadline; `after` is (deadline_us, id) of the last one before."""
        rows = await self.pool.fetch(QUERIES["queue"], name, self.now_us(), *after, max(1, min(limit, PAGE_MAX)))
        return [process_of(row) for row in rows]

    async def figures(self) -> Figures:
        """Return counts for the desk and for metrics."""
        row = await self.pool.fetchrow(QUERIES["queue_counts"], self.now_us())
        return Figures(**dict(row)) if row is not None else Figures()
