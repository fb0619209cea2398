"""Finding and reading deposits: one, a party's, a subject's, the operator's queues, and what went wrong while following the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
from msgspec import Struct

from settlement.deposits.events import DepositState
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import QUERIES, HistoryLine, Shelf, deposit_of
from settlement.ledger.book import Connection

PAGE_MAX: Final = 200
QUEUES: Final = ("payer", "appeals", "forfeits", "overdue", "blocked", "uncertain", "awaited")
"""Names of the operator's queues, most urgent first."""


class Waiting(Struct, frozen=True):
    """A deposit in a queue of the operator."""

    deposit: Deposit
    since_us: int


class Problem(Struct, frozen=True):
    """What an event of the log asked for and the rules of deposits refused."""

    stream: str
    stream_seq: int
    deposit: str
    wanted: str
    code: str
    at_us: int


class Figures(Struct, frozen=True):
    """Counts of deposits that wait for something, and what is held, fen."""

    payer: int = 0
    blocked: int = 0
    overdue: int = 0
    appeals: int = 0
    forfeits: int = 0
    uncertain: int = 0
    awaited: int = 0
    held_fen: int = 0


class Finding:
    """The reading side of deposits."""

    def __init__(self, pool: asyncpg.Pool, shelf: Shelf, now_us: Callable[[], int]) -> None:
        self._pool = pool
        self._shelf = shelf
        self._now_us = now_us

    async def read(self, deposit_id: str, on: Connection | None = None) -> Deposit | None:
        """Return a deposit, for the market itself and its staff."""
        return await self._shelf.read(deposit_id, on)

    async def own(self, deposit_id: str, party_id: str) -> Deposit | None:
        """Return a deposit to its party; None for anybody else's, which looks the same as none at all."""
        deposit = await self._shelf.read(deposit_id)
        return deposit if deposit is not None and deposit.party_id == party_id else None

    async def history(self, deposit_id: str, after_seq: int = 0, limit: int = PAGE_MAX) -> list[HistoryLine]:
        """Return a page of what happened to a deposit, oldest first."""
        return await self._shelf.history(deposit_id, after_seq, limit)

    async def by_virtual_account(self, number: str, on: Connection | None = None) -> Deposit | None:
        """Return the deposit of a sub-account number, whatever its state."""
        row = await (on or self._pool).fetchrow(QUERIES["by_virtual_account"], number)
        return None if row is None else deposit_of(row)

    async def open_for(self, number: str, on: Connection | None = None) -> Deposit | None:
        """Return the deposit of a sub-account number if it still awaits money."""
        deposit = await self.by_virtual_account(number, on)
        return deposit if deposit is not None and deposit.state is DepositState.REQUIRED else None

    async def candidates(
        self, amount_fen: int, words: Sequence[str] = (), *, on: Connection | None = None, limit: int = 20
    ) -> list[Deposit]:
        """Return deposits that await money and that a payment may be for, best first.

        Args:
            amount_fen: What was paid: exactly what is missing.
            words: Words of the payment's text; a deposit whose id or sub-account number is one of them is named by it.
            on: The caller's transaction.
            limit: At most this many, 1..200.
        """
        rows = await (on or self._pool).fetch(
            QUERIES["candidates"], amount_fen, list(words)[:100], max(1, min(limit, PAGE_MAX))
        )
        return [deposit_of(row) for row in rows]

    async def of_party(self, party_id: str, after: str = "", limit: int = 50, subject: str = "") -> list[Deposit]:
        """Return a page of a party's deposits, by id; with `subject` only those for it."""
        rows = await self._pool.fetch(QUERIES["of_party"], party_id, after, max(1, min(limit, PAGE_MAX)), subject)
        return [deposit_of(row) for row in rows]

    async def of_subject(self, subject: str, after: str = "", limit: int = 50) -> list[Deposit]:
        """Return a page of the deposits of a subject, by id."""
        rows = await self._pool.fetch(QUERIES["of_subject"], subject, after, max(1, min(limit, PAGE_MAX)))
        return [deposit_of(row) for row in rows]

    async def find(self, subject: str, party_id: str, on: Connection | None = None) -> Deposit | None:
        """Return the deposit of a party for a subject, the last one if there were several."""
        row = await (on or self._pool).fetchrow(QUERIES["find_of_party"], subject, party_id)
        return None if row is None else deposit_of(row)

    async def queue(self, name: str, after: tuple[int, str] = (0, ""), limit: int = 50) -> list[Waiting]:
        """Return a page of one of `QUEUES`, longest waiting first; `after` is (since_us, id) of the last one before."""
        rows = await self._pool.fetch(QUERIES["queue"], name, self._now_us(), *after, max(1, min(limit, PAGE_MAX)))
        return [Waiting(deposit_of(row), row["state_since_us"]) for row in rows]

    async def figures(self) -> Figures:
        """Return counts for the desk and for metrics."""
        row = await self._pool.fetchrow(QUERIES["queue_counts"], self._now_us())
        return Figures(**dict(row)) if row is not None else Figures()

    async def problems(self, limit: int = 50) -> list[Problem]:
        """Return what the log asked for and the rules refused, while nobody has looked at it; oldest first."""
        rows = await self._pool.fetch(QUERIES["open_problems"], max(1, min(limit, PAGE_MAX)))
        return [Problem(**dict(row)) for row in rows]

    async def close_problem(self, stream: str, stream_seq: int, deposit_id: str, *, actor: str, note: str) -> bool:
        """Close such a problem with a note; False if it is not open."""
        row = await self._pool.fetchrow(
            QUERIES["close_problem"], stream, stream_seq, deposit_id, self._now_us(), actor, note
        )
        return row is not None
