"""The ledger in PostgreSQL: post an entry once, read balances at any instant, statements, the trial balance."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.journal.queries import load_queries
from settlement.ledger.chart import Account
from settlement.ledger.postings import Entry, check

SETTLEMENT_MIGRATIONS: Final = Path(__file__).parent.parent / "sql" / "migrations"
QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "ledger.sql")
PAGE_MAX: Final = 500
FOR_EVER_US: Final = 2**62

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""A connection inside a transaction, of a pool or not."""


class EntryKeyReused(Exception):
    """An entry key stands for something else already: a bug, or two programs that number alike. Nothing was posted."""


class Overdrawn(Exception):
    """The money is not there: a sub-account would go below zero. The transaction is lost, nothing was posted."""


class AccountTotal(Struct, frozen=True):
    """One line of the trial balance, fen."""

    account: str
    code: str
    debit_fen: int
    """Sum of all debits."""
    credit_fen: int
    """Sum of all credits."""

    @property
    def balance_fen(self) -> int:
        """Debit positive, credit negative."""
        return self.debit_fen - self.credit_fen


class StatementLine(Struct, frozen=True, kw_only=True):
    """One line of a statement. Fen, debit positive."""

    number: int
    line: int
    at_us: int
    fact: str
    subject: str
    note: str
    account: str
    party: str
    deposit: str
    deal: str
    reference: str
    amount_fen: int
    running_fen: int
    """Total of the account within this statement, after this line."""

    @property
    def position(self) -> str:
        """Where the next page goes on."""
        return f"{self.number}.{self.line}"


async def post(connection: Connection, entry: Entry, at_us: int) -> bool:
    """Post an entry in the transaction of what it belongs to.

    The order of locks is: rows of the business first, the ledger last.

    Args:
        connection: Inside a transaction.
        entry: What happened.
        at_us: When the market recorded it.

    Returns:
        True if it was posted now, False if the same entry was posted before.

    Raises:
        EntryKeyReused: the key stands for other lines.
        Overdrawn: a sub-account would go below zero.
    """
    check(entry)
    row = (entry.key, entry.fact.value, at_us, entry.subject, entry.note, len(entry.lines), entry.digest)
    number = await connection.fetchval(QUERIES["insert_entry"], *row)
    if number is None:
        if await connection.fetchval(QUERIES["entry_digest"], entry.key) != entry.digest:
            raise EntryKeyReused(entry.key)
        return False
    subs = [line.sub for line in entry.lines]
    try:
        await connection.execute(
            QUERIES["insert_lines"], number, list(range(1, len(subs) + 1)),
            [sub.account.value for sub in subs], [sub.party for sub in subs], [sub.deposit for sub in subs],
            [sub.deal for sub in subs], [sub.reference for sub in subs], [line.amount_fen for line in entry.lines],
        )  # fmt: skip
    except asyncpg.CheckViolationError as violated:
        if violated.constraint_name != "ledger_not_overdrawn":
            raise
        raise Overdrawn(entry.key) from None
    return True


class Ledger:
    """Questions to the ledger."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def balance(
        self,
        account: Account,
        *,
        party: str | None = None,
        deposit: str | None = None,
        deal: str | None = None,
        reference: str | None = None,
        at_us: int = FOR_EVER_US,
    ) -> int:
        """Return what stood on the matching sub-accounts at an instant: fen, debit positive. None matches every value."""
        found: int = await self._pool.fetchval(
            QUERIES["balance"], account.value, party, deposit, deal, reference, at_us
        )
        return found

    async def trial_balance(self, at_us: int = FOR_EVER_US) -> list[AccountTotal]:
        """Return debits and credits of every account at an instant; the balances sum to zero."""
        rows = await self._pool.fetch(QUERIES["trial_balance"], at_us)
        return [AccountTotal(**dict(row)) for row in rows]

    async def statement(
        self, *, party: str = "", deposit: str = "", after: str = "", limit: int = PAGE_MAX
    ) -> list[StatementLine]:
        """Return a page of the lines of a party, of a deposit, or of a party's deposit, oldest first.

        Args:
            party: Whose lines, empty for all of the deposit.
            deposit: Of which deposit, empty for all of the party. One of the two must be given, else nothing is returned.
            after: `position` of the last line of the page before; a malformed one starts from the beginning.
            limit: At most this many, 1..500.
        """
        number, line = read_position(after)
        rows = await self._pool.fetch(QUERIES["statement"], party, deposit, number, line, max(1, min(limit, PAGE_MAX)))
        return [StatementLine(**dict(row)) for row in rows]


def read_position(text: str) -> tuple[int, int]:
    """Return (entry, line) of a position, (0, 0) for what is none."""
    number, _, line = text.partition(".")
    if not (number.isascii() and number.isdigit() and line.isascii() and line.isdigit()) or len(text) > 20:
        return 0, 0
    return min(int(number), 2**60), min(int(line), 30_000)


def as_rows(lines: list[StatementLine]) -> list[dict[str, Any]]:
    """Return statement lines as plain values, for files."""
    return [{name: getattr(line, name) for name in StatementLine.__struct_fields__} for line in lines]
