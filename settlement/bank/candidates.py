"""The deposits and deals that money may be for, found in the caller's transaction, with the names under which their parties may pay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.journal.queries import load_queries
from settlement.bank.matching import Candidate, Standing, digits_of, words_of
from settlement.bank.port import Credit
from settlement.deals.phases import TAKES_MONEY
from settlement.deals.process import Process
from settlement.deals.store import process_of
from settlement.deposits.events import DepositState
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import deposit_of
from settlement.ledger.book import Connection

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "bank.sql")
AROUND_US: Final = 90 * 86_400_000_000
"""Money without a reference is for a deposit that is due within so long of its booking."""
ASKING_MAX: Final = 300

NamesOf = Callable[[Connection, Sequence[str]], Awaitable[Mapping[str, tuple[str, ...]]]]
"""Gives the names of parties by party id; a party without a name is missing."""


async def find_candidates(connection: Connection, credit: Credit, names_of: NamesOf) -> list[Candidate]:
    """Return the deposits and deals, in any state, that a credit may be for. A deal is only meant where it is named.

    Those named by the sub-account or the purpose are locked until the transaction ends.
    """
    words = [form for word in words_of(credit.purpose) for form in dict.fromkeys((word, word.lower(), word.upper()))]
    number = digits_of(credit.virtual_account)
    rows = await connection.fetch(QUERIES["deposits_meant"], number, words)
    deals = [
        process_of(row) for row in await connection.fetch(QUERIES["deals_meant"], number, words, deal_names(words))
    ]
    if not rows and not deals:
        booked_us = credit.booked_at_us
        rows = await connection.fetch(
            QUERIES["deposits_asking"], credit.amount_fen, booked_us - AROUND_US, booked_us + AROUND_US, ASKING_MAX
        )
        if len(rows) == ASKING_MAX:
            return []  # too many to be sure that only one fits
    deposits = [deposit_of(row) for row in rows]
    parties = {deposit.party_id for deposit in deposits} | {buyer for process in deals for buyer in process.deal.buyers}
    names = await names_of(connection, list(parties))
    return [
        *(candidate_of(deposit, names.get(deposit.party_id, ())) for deposit in deposits),
        *(deal_candidate_of(process, names) for process in deals),
    ]


async def orders_named(connection: Connection, purpose: str) -> list[str]:
    """Return the payments of ours that a purpose names."""
    return [row["order_id"] for row in await connection.fetch(QUERIES["orders_named"], list(words_of(purpose)))]


def deal_names(words: Sequence[str]) -> list[str]:
    """Return words as they would stand in a deal's id: banks write purposes in capitals, or small."""
    return [word[:3].upper() + word[3:].lower() for word in words]


def deal_candidate_of(process: Process, names: Mapping[str, tuple[str, ...]]) -> Candidate:
    """Return the price of a deal as matching sees it: any of its buyers may pay, in parts, late, or too much."""
    takes = process.phase in TAKES_MONEY and bool(process.lines)
    return Candidate(
        deposit_id=process.id,
        virtual_account=process.virtual_account,
        amount_fen=process.open_fen,
        due_at_us=process.deadline_us,
        standing=Standing.OPEN if takes and process.open_fen else Standing.PAID,
        names=tuple(name for buyer in process.deal.buyers for name in names.get(buyer, ())),
        any_amount=True,
    )


def candidate_of(deposit: Deposit, names: tuple[str, ...]) -> Candidate:
    """Return a deposit as matching sees it. An open one asks for what is still missing."""
    standing = {DepositState.REQUIRED: Standing.OPEN, DepositState.LAPSED: Standing.LAPSED}.get(
        deposit.state, Standing.PAID
    )
    return Candidate(
        deposit_id=deposit.id,
        virtual_account=deposit.virtual_account,
        amount_fen=deposit.missing_fen if standing is Standing.OPEN else deposit.amount_fen,
        due_at_us=deposit.due_at_us,
        standing=standing,
        names=names,
    )
