"""The end of a day: what the bank's statement says is there, what the market's books say, and every fen between them by name.

`statement closing - books = sum of the named differences`, always: what a list cannot explain is shown as unexplained, and is a fault.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import asyncpg
from msgspec import Struct

from settlement.bank.candidates import QUERIES
from settlement.bank.matching import Outcome
from settlement.bank.news import Kind, day_bounds, event_of
from settlement.ledger.book import Connection

DIFFERENCES_MAX: Final = 500


class Why(StrEnum):
    """Names of differences. The texts are `bank.difference.<name>`."""

    BEFORE_MARKET = "before_market"
    """What was on the account before the first statement."""
    NOT_ON_STATEMENT = "not_on_statement"
    """In the books, told by the bank, and on no statement."""
    NOT_IN_BOOKS = "not_in_books"
    """On the statement and not booked: a debit without an order, or not acted on yet."""
    AMOUNT = "amount"
    """Statement and books tell different sums."""
    OTHER_DAY = "other_day"
    """Booked by the bank on another day than the statement line says."""


class Difference(Struct, frozen=True, kw_only=True):
    """One difference: what the statement has more than the books, fen."""

    why: Why
    amount_fen: int
    day: date | None = None
    reference: str = ""
    outcome: Outcome | None = None


class Day(Struct, frozen=True, kw_only=True):
    """The reconciliation of one day."""

    day: date
    statement_fen: int | None
    """Closing balance by the statements; None: no statement reaches the day."""
    said_fen: int | None
    """Closing balance as the bank wrote it, None if it did not."""
    books_fen: int
    """What the market booked of everything the bank booked until the end of the day."""
    ledger_fen: int
    """The ledger's bank account now."""
    unposted_fen: int
    """Ledger now less all that is booked: 0, or the ledger holds something no news of the bank explains."""
    differences: tuple[Difference, ...] = ()
    gaps: tuple[tuple[date, date], ...] = ()
    """Days without a statement, first and last of each gap."""
    more: bool = False
    """There are more differences than are listed."""

    @property
    def difference_fen(self) -> int:
        """Statement less books."""
        return 0 if self.statement_fen is None else self.statement_fen - self.books_fen

    @property
    def unexplained_fen(self) -> int:
        """What the named differences do not explain."""
        return self.difference_fen - sum(one.amount_fen for one in self.differences)

    @property
    def agrees(self) -> bool:
        """Statement, books and ledger say the same, and the days before are complete."""
        return (
            self.statement_fen is not None
            and self.difference_fen == 0
            and not self.differences
            and not self.unposted_fen
            and not self.gaps
            and self.said_fen in (None, self.statement_fen)
        )


class Reconciling:
    """Compares."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def day(self, day: date) -> Day:
        """Return the reconciliation of a day, from one instant of the database."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await _day(connection, day)


async def _day(connection: Connection, day: date) -> Day:
    _, end_us = day_bounds(day)
    first = await connection.fetchrow(QUERIES["first_opening"])
    covered = await connection.fetchrow(QUERIES["statement_of_day"], day)
    opening_fen = 0 if first is None else first["opening_fen"]
    moved = await connection.fetchval(QUERIES["statement_moves"], day)
    differences, more = await _differences(connection, day, end_us) if covered is not None else ([], False)
    if covered is not None and first is not None and opening_fen:
        differences.insert(0, Difference(why=Why.BEFORE_MARKET, amount_fen=opening_fen, day=first["first_day"]))
    said = covered["closing_fen"] if covered is not None and covered["last_day"] == day else None
    ledger_fen = await connection.fetchval(QUERIES["ledger_bank"])
    return Day(
        day=day,
        statement_fen=None if covered is None else opening_fen + moved,
        said_fen=said,
        books_fen=await _books(connection, end_us),
        ledger_fen=ledger_fen,
        unposted_fen=ledger_fen - await _books(connection, 2**62),
        differences=tuple(differences),
        gaps=tuple(await _gaps(connection, day)),
        more=more,
    )


async def _books(connection: Connection, until_us: int) -> int:
    """Return what was booked by the market of what the bank booked before an instant."""
    row = await connection.fetchrow(QUERIES["booked_moves"], until_us)
    untold = await connection.fetchval(QUERIES["sum_settled_without_news"], until_us)
    assert row is not None, "a sum is a row"
    return int(row["credits_fen"]) - int(row["payouts_fen"]) - int(untold)


async def _differences(connection: Connection, day: date, end_us: int) -> tuple[list[Difference], bool]:
    limit = DIFFERENCES_MAX + 1
    found = []
    for row in await connection.fetch(QUERIES["not_on_statement"], end_us, day, limit):
        event = event_of(row)
        amount = -event.amount_fen if event.kind is Kind.CREDIT else row["order_fen"]
        reference = event.bank_ref if event.kind is Kind.CREDIT else event.order_id
        found.append(Difference(why=Why.NOT_ON_STATEMENT, amount_fen=amount, reference=reference))
    untold = await connection.fetch(QUERIES["settled_without_news"], end_us, limit)
    found += [
        Difference(why=Why.NOT_ON_STATEMENT, amount_fen=row["amount_fen"], reference=row["order_id"]) for row in untold
    ]
    for row in await connection.fetch(QUERIES["lines_differing"], day, end_us, limit):
        if row["books_fen"]:
            why = Why.AMOUNT
        elif row["place"] != "pending" and row["booked_at_us"] >= end_us:
            why = Why.OTHER_DAY
        else:
            why = Why.NOT_IN_BOOKS
        reference = row["order_id"] or row["bank_ref"]
        outcome = Outcome.UNKNOWN_DEBIT if row["kind"] == Kind.DEBIT else None
        amount = row["line_fen"] - row["books_fen"]
        found.append(Difference(why=why, amount_fen=amount, day=row["day"], reference=reference, outcome=outcome))
    return found[:DIFFERENCES_MAX], len(found) > DIFFERENCES_MAX


async def _gaps(connection: Connection, until: date) -> list[tuple[date, date]]:
    """Return the days between the first statement and `until` that no statement covers."""
    gaps: list[tuple[date, date]] = []
    reached: date | None = None
    one = timedelta(days=1)
    for row in await connection.fetch(QUERIES["days_covered"], until):
        if reached is not None and row["first_day"] > reached + one:
            gaps.append((reached + one, row["first_day"] - one))
        reached = row["last_day"] if reached is None else max(reached, row["last_day"])
    if reached is not None and reached < until:
        gaps.append((reached + one, until))
    return gaps
