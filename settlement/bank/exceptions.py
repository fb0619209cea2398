"""The exceptions queue: what a person has to decide, with the reason, and the acts that end it.

Money of a row stands in suspense until it is assigned to a deposit or sent back; every act carries a reason and is kept. Two operators
at once: the act names the version it saw, the second one is told that somebody was faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import asyncpg
from msgspec import Struct

from settlement.bank.candidates import QUERIES
from settlement.bank.matching import Outcome
from settlement.bank.news import Event, event_of
from settlement.bank.receiving import TakesPayments, read_event
from settlement.deposits.rules import Refused
from settlement.ledger.book import Connection
from settlement.ledger.chart import Account
from settlement.ledger.postings import Sub
from settlement.payouts.payouts import PayoutOrder, Payouts

PAGE_MAX: Final = 100
REASON_MAX: Final = 500
RETURN_KIND: Final = "suspense_return"


class State(StrEnum):
    """Where a row stands."""

    OPEN = "open"
    WAITING = "waiting"
    """Somebody looked at it and waits for something, the bank or the payer."""
    CLOSED = "closed"


class Act(StrEnum):
    """What an operator can do. Names on disk."""

    ASSIGN = "assign"
    RETURN = "return"
    WAIT = "wait"
    CLOSE = "close"
    """Nothing to move: the operator has seen it and dealt with it."""


class Problem(StrEnum):
    """Why an act is not done."""

    NO_SUCH_ROW = "no_such_row"
    CHANGED = "changed"
    """Somebody else was faster."""
    REASON_REQUIRED = "reason_required"
    NOT_FOR_THIS = "not_for_this"
    """The act does not fit the row: there is money to decide about, or there is none."""
    DEPOSIT_REFUSES = "deposit_refuses"
    NO_PAYEE = "no_payee"
    """The bank did not say which account the money came from."""


class Item(Struct, frozen=True, kw_only=True):
    """One row of the queue."""

    id: int
    outcome: Outcome
    reasons: tuple[Outcome, ...]
    candidates: tuple[str, ...]
    note: str
    has_money: bool
    state: State
    version: int
    opened_at_us: int
    changed_at_us: int
    changed_by: str
    place: str
    """Where the money is: suspense, deposit, returned; empty without an event."""
    placed_at: str
    """The deposit that has it."""
    event: Event | None

    @property
    def acts(self) -> tuple[Act, ...]:
        """What can be done with it now."""
        if self.state is State.CLOSED:
            return ()
        waiting = (Act.WAIT,) if self.state is State.OPEN else ()
        return (Act.ASSIGN, Act.RETURN, *waiting) if self.has_money else (Act.CLOSE, *waiting)


class Done(Struct, frozen=True):
    """One act on a row, as kept."""

    version: int
    at_us: int
    actor: str
    act: Act
    reason: str
    deposit_id: str


class Wish(Struct, frozen=True, kw_only=True):
    """What an operator wants to be done with a row."""

    item: int
    version: int
    """The version he saw."""
    act: Act
    reason: str
    actor: str
    deposit_id: str = ""
    payee_name: str = ""
    """For a return, where the bank gave no sender."""
    payee_account: str = ""


class Refusal(Struct, frozen=True):
    """Why an act was not done; `detail` is the code of the deposit's refusal."""

    problem: Problem
    detail: str = ""


class Counts(Struct, frozen=True):
    """The queue in figures."""

    open: int = 0
    waiting: int = 0
    oldest_us: int = 0
    """When the oldest open row was opened, 0 if none is open."""
    suspense_fen: int = 0


class Exceptions:
    """The queue."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        deposits: TakesPayments,
        payouts: Payouts,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._deposits = deposits
        self._payouts = payouts
        self._now_us = now_us

    async def page(
        self, states: Sequence[State] = (State.OPEN, State.WAITING), after: tuple[int, int] = (0, 0), limit: int = 50
    ) -> list[Item]:
        """Return a page of rows, the longest waiting first.

        Args:
            states: Rows in these states.
            after: (opened_at_us, id) of the last row of the page before.
            limit: At most this many, 1..100.
        """
        names = [state.value for state in states]
        rows = await self._pool.fetch(QUERIES["queue"], names, *after, max(1, min(limit, PAGE_MAX)))
        ids = [row["event"] for row in rows if row["event"] is not None]
        events = {row["id"]: event_of(row) for row in await self._pool.fetch(QUERIES["events_by_id"], ids)}
        return [_item(row, events.get(row["event"])) for row in rows]

    async def read(self, item: int) -> Item | None:
        """Return a row."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(QUERIES["read_exception"], item)
            if row is None:
                return None
            return _item(row, None if row["event"] is None else await read_event(connection, row["event"]))

    async def acts_of(self, item: int) -> list[Done]:
        """Return what was done with a row, oldest first."""
        rows = await self._pool.fetch(QUERIES["acts_of"], item)
        return [Done(**{**dict(row), "act": Act(row["act"])}) for row in rows]

    async def counts(self) -> Counts:
        """Return the queue in figures."""
        rows = {row["state"]: row for row in await self._pool.fetch(QUERIES["count_exceptions"])}
        count = {state: rows[state]["rows"] if state in rows else 0 for state in ("open", "waiting")}
        return Counts(
            open=count["open"],
            waiting=count["waiting"],
            oldest_us=rows["open"]["oldest_us"] if "open" in rows else 0,
            suspense_fen=await self._pool.fetchval(QUERIES["suspense_total"]),
        )

    async def act(self, wish: Wish) -> Item | Refusal:
        """Do an act, whole or not at all; return the row after it, or why not."""
        if not 1 <= len(wish.reason.strip()) <= REASON_MAX:
            return Refusal(Problem.REASON_REQUIRED)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._act(connection, wish)
        except _Undone as undone:
            return undone.refusal
        done = await self.read(wish.item)
        assert done is not None
        return done

    async def _act(self, connection: Connection, wish: Wish) -> None:
        row = await connection.fetchrow(QUERIES["lock_exception"], wish.item)
        if row is None:
            raise _Undone(Refusal(Problem.NO_SUCH_ROW))
        if row["version"] != wish.version or row["state"] == State.CLOSED:
            raise _Undone(Refusal(Problem.CHANGED))
        if (wish.act is Act.CLOSE) if row["has_money"] else wish.act in (Act.ASSIGN, Act.RETURN):
            raise _Undone(Refusal(Problem.NOT_FOR_THIS))
        now_us = self._now_us()
        if wish.act in (Act.ASSIGN, Act.RETURN):
            await self._move(connection, row["event"], wish, now_us)
        state = State.WAITING if wish.act is Act.WAIT else State.CLOSED
        version = await connection.fetchval(QUERIES["change_exception"], wish.item, state.value, now_us, wish.actor)
        await connection.execute(
            QUERIES["insert_act"], wish.item, version, now_us, wish.actor, wish.act.value, wish.reason.strip(),
            wish.deposit_id,
        )  # fmt: skip

    async def _move(self, connection: Connection, event_id: int, wish: Wish, now_us: int) -> None:
        """Take the money of an event out of suspense."""
        item = await connection.fetchrow(QUERIES["lock_item"], event_id)
        if item is None or item["place"] != "suspense":
            raise _Undone(Refusal(Problem.CHANGED))
        event = await read_event(connection, event_id)
        if wish.act is Act.ASSIGN:
            done = await self._deposits.receive(connection, wish.deposit_id, event.credit, from_suspense=True)
            if isinstance(done, Refused):
                raise _Undone(Refusal(Problem.DEPOSIT_REFUSES, done.code.value))
            place = "deposit"
        else:
            await self._payouts.place(connection, _return_order(event, wish))
            place = "returned"
        await connection.execute(QUERIES["set_item"], event_id, place, wish.deposit_id, now_us)


class _Undone(Exception):
    """An act is not done; the transaction is rolled back."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.problem.value)
        self.refusal = refusal


def _return_order(event: Event, wish: Wish) -> PayoutOrder:
    """Money goes back to the account that it came from; another one may be named only where the bank gave none."""
    known = bool(event.other_account.strip())
    name, account = (event.other_name, event.other_account) if known else (wish.payee_name, wish.payee_account)
    if not account.strip():
        raise _Undone(Refusal(Problem.NO_PAYEE))
    return PayoutOrder(
        order_id=f"return-{event.id}",
        kind=RETURN_KIND,
        source=Sub(Account.SUSPENSE, reference=event.bank_ref),
        subject="",
        amount_fen=event.amount_fen,
        payee_name=name,
        payee_account=account,
        purpose=f"退回来款 {event.bank_ref}",
    )


def _item(row: asyncpg.Record, event: Event | None) -> Item:
    return Item(
        id=row["id"],
        outcome=Outcome(row["outcome"]),
        reasons=tuple(Outcome(reason) for reason in row["reasons"]),
        candidates=tuple(row["candidates"]),
        note=row["note"],
        has_money=row["has_money"],
        state=State(row["exception_state"]),
        version=row["version"],
        opened_at_us=row["opened_at_us"],
        changed_at_us=row["changed_at_us"],
        changed_by=row["changed_by"],
        place=row["place"] or "",
        placed_at=row["placed_at"] or "",
        event=event,
    )
