"""`ortoo admin ledger`: the trial balance, and the statement of a party or a deposit. Reads only; amounts in yuan, exact."""

from __future__ import annotations

import argparse
import csv
import sys

import asyncpg
import msgspec

from engine.values import CNY, Amount, format_amount
from gateway.formatting import read_local, when
from settlement.ledger.book import FOR_EVER_US, Ledger, StatementLine

COLUMNS = ("entry", "time", "fact", "account", "party", "deposit", "deal", "reference", "debit", "credit", "balance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be asked."""
    questions = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    trial = questions.add_parser("trial-balance", help="debits, credits and balance of every account; they sum to zero")
    trial.add_argument("--at", metavar="YYYY-MM-DDTHH:MM", help="as it stood then, Chinese time")
    trial.add_argument("--json", action="store_true", help="one JSON object a line, fen")
    statement = questions.add_parser("statement", help="every line of a party or a deposit, as CSV")
    statement.add_argument("--party", default="")
    statement.add_argument("--deposit", default="")


async def run(options: argparse.Namespace, pool: asyncpg.Pool) -> int:
    """Answer; 0 when done, 1 if the ledger does not balance, 2 for a wrong question."""
    ledger = Ledger(pool)
    if options.question == "trial-balance":
        return await _trial_balance(ledger, options)
    if not options.party and not options.deposit:
        print("ortoo admin ledger: say of whom: --party or --deposit", file=sys.stderr)
        return 2
    await _statement(ledger, options.party, options.deposit)
    return 0


async def _trial_balance(ledger: Ledger, options: argparse.Namespace) -> int:
    at_us = FOR_EVER_US if options.at is None else read_local(options.at)
    if at_us is None:
        print("ortoo admin ledger: --at is YYYY-MM-DDTHH:MM", file=sys.stderr)
        return 2
    totals = await ledger.trial_balance(at_us)
    for total in totals:
        if options.json:
            print(msgspec.json.encode(total).decode())
        else:
            figures = (yuan(total.debit_fen), yuan(total.credit_fen), yuan(total.balance_fen))
            print(f"{total.code:<10}{total.account:<20}" + "".join(f"{figure:>22}" for figure in figures))
    rest = sum(total.balance_fen for total in totals)
    if rest:
        print(f"BAD  the ledger sums to {yuan(rest)}", file=sys.stderr)
    return 1 if rest else 0


async def _statement(ledger: Ledger, party: str, deposit: str) -> None:
    writer, after = csv.writer(sys.stdout), ""
    writer.writerow(COLUMNS)
    while lines := await ledger.statement(party=party, deposit=deposit, after=after):
        writer.writerows(statement_row(line) for line in lines)
        after = lines[-1].position


def statement_row(line: StatementLine) -> tuple[str, ...]:
    """Return a line as texts, in the order of `COLUMNS`."""
    debit = yuan(line.amount_fen) if line.amount_fen > 0 else ""
    credit = yuan(-line.amount_fen) if line.amount_fen < 0 else ""
    return (
        str(line.number), when(line.at_us, seconds=True), line.fact, line.account, line.party, line.deposit, line.deal,
        line.reference, debit, credit, yuan(line.running_fen),
    )  # fmt: skip


def yuan(fen: int) -> str:
    """Return an amount in yuan with two decimals: -123450 is `-1234.50`."""
    whole, _, rest = format_amount(Amount(abs(fen)), CNY).partition(".")
    return f"{'-' if fen < 0 else ''}{whole}.{rest.ljust(2, '0')}"
