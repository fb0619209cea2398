"""What must hold of the money at any instant: read from the database alone, for `ortoo verify` and for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.evidence.verification import Finding
from settlement.deals import store as deal_store
from settlement.deals.changes import IllegalTransition as IllegalDealTransition
from settlement.deals.events import decode_event as decode_deal_event
from settlement.deals.evolving import evolve as evolve_deal
from settlement.deals.process import Process
from settlement.deposits import store
from settlement.deposits.events import decode_event
from settlement.deposits.evolving import Deposit, IllegalTransition, evolve
from settlement.ledger import book
from settlement.ledger.chart import Account
from settlement.ledger.postings import Entry, Fact, Line, Sub
from settlement.payouts import payouts

PAGE: Final = 500


class MoneyVerdict(Struct):
    """What was looked at and what is wrong."""

    findings: list[Finding]
    entries: int = 0
    deposits: int = 0
    deposit_events: int = 0
    deals: int = 0
    deal_events: int = 0


async def verify_money(pool: asyncpg.Pool) -> MoneyVerdict:
    """Check the ledger, every deposit's and deal's history, and that all of them and the orders to the bank agree.

    One snapshot of the database, so that a running market changes nothing meanwhile.
    """
    verdict = MoneyVerdict([])
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await _ledger(connection, verdict)
        await _deposits(connection, verdict)
        await verify_deals(connection, verdict)
        for row in await connection.fetch(payouts.QUERIES["unsound_payouts"]):
            _note(verdict, f"payout {row['order_id']}", f"{row['state']}, but {row['cleared']} fen stand on clearing")
        for row in await connection.fetch(payouts.QUERIES["forgotten_money"]):
            problem = f"{row['due']} fen are due, failed orders wait for {row['failed']}"
            _note(verdict, f"deposit {row['deposit']}", problem)
    return verdict


async def _ledger(connection: book.Connection, verdict: MoneyVerdict) -> None:
    for row in await connection.fetch(book.QUERIES["unsound_entries"]):
        problem = f"{row['counted']} of {row['lines']} lines, sum {row['total']} fen"
        _note(verdict, f"ledger entry {row['number']}", problem)
    for row in await connection.fetch(book.QUERIES["wrong_balances"]):
        name = "/".join(part for part in (row["account"], row["deposit"], row["deal"], row["reference"]) if part)
        _note(verdict, f"balance {name}", f"kept {row['kept']}, lines say {row['total']}")
    total = 0
    for row in await connection.fetch(book.QUERIES["trial_balance"], book.FOR_EVER_US):
        total += row["debit_fen"] - row["credit_fen"]
        if row["account"] == Account.BANK.value and row["debit_fen"] < row["credit_fen"]:
            _note(verdict, "ledger", "the bank account is overdrawn")
    if total:
        _note(verdict, "ledger", f"the trial balance sums to {total} fen")
    await _digests(connection, verdict)


async def _digests(connection: book.Connection, verdict: MoneyVerdict) -> None:
    """Every entry still has the lines that its digest was made of."""
    last, number = await connection.fetchval(book.QUERIES["last_entry"]), 0
    while number < last:
        entries: dict[int, list[asyncpg.Record]] = {}
        for row in await connection.fetch(book.QUERIES["read_entries"], number, PAGE):
            entries.setdefault(row["number"], []).append(row)
        for found, rows in entries.items():
            verdict.entries += 1
            lines = tuple(
                Line(Sub(Account(r["account"]), r["party"], r["deposit"], r["deal"], r["reference"]), r["amount_fen"])
                for r in rows
            )
            head = rows[0]
            entry = Entry(key=head["entry_key"], fact=Fact(head["fact"]), lines=lines, subject=head["subject"])
            if entry.digest != head["digest"]:
                _note(verdict, f"ledger entry {found}", "the lines are not those that were posted")
        number += PAGE


async def _deposits(connection: book.Connection, verdict: MoneyVerdict) -> None:
    async for row in _rows(connection):
        verdict.deposits += 1
        await _deposit(connection, row, verdict)
    for row in await connection.fetch(store.QUERIES["lost_histories"]):
        _note(verdict, f"deposit {row['deposit']}", "there is a history and no deposit")
    for row in await connection.fetch(store.QUERIES["deposit_sums"]):
        problem = f"{row['state']}, but the ledger holds {row['held']} fen and has received {row['received']} fen"
        _note(verdict, f"deposit {row['id']}", problem)


async def verify_deals(connection: book.Connection, verdict: MoneyVerdict) -> None:
    """Every deal's history is chained, can have happened, and ends in the row; its escrow is what the ledger says."""
    last = ""
    while rows := await connection.fetch(deal_store.QUERIES["page_for_checking"], last, PAGE):
        for row in rows:
            verdict.deals += 1
            await _deal(connection, row, verdict)
        last = rows[-1]["id"]
    for row in await connection.fetch(deal_store.QUERIES["lost_histories"]):
        _note(verdict, f"deal {row['deal']}", "there is a history and no deal")
    for row in await connection.fetch(deal_store.QUERIES["wrong_escrow"]):
        _note(verdict, f"deal {row['id']}", f"{row['said']} fen are in escrow, the ledger says {row['total']}")
    for row in await connection.fetch(deal_store.QUERIES["forgotten_money"]):
        problem = f"{row['due']} fen on {row['account']}, failed orders wait for {row['failed']}"
        _note(verdict, f"deal {row['deal']}", problem)


async def _deal(connection: book.Connection, row: asyncpg.Record, verdict: MoneyVerdict) -> None:
    place, digest = f"deal {row['id']}", deal_store.first_digest(row["id"])
    process: Process | None = None
    for number, event in enumerate(
        await connection.fetch(deal_store.QUERIES["events_for_checking"], row["id"]), start=1
    ):
        verdict.deal_events += 1
        digest = deal_store.event_digest(
            digest, row["id"], event["seq"], event["type"], event["at_us"], event["actor"], event["body"]
        )
        if event["seq"] != number or event["digest"] != digest:
            _note(verdict, place, f"event {number} was changed or is missing")
            return
        try:
            process = evolve_deal(process, decode_deal_event(event["type"], event["body"]), event["at_us"])
        except (IllegalDealTransition, KeyError, msgspec.MsgspecError) as damage:
            _note(verdict, place, f"event {number} cannot have happened: {damage}")
            return
    if process is None or digest != row["digest"] or not _same_deal(process, row):
        _note(verdict, place, "the row is not what its history says")


def _same_deal(process: Process, row: asyncpg.Record) -> bool:
    columns = {
        "seq": process.seq,
        "phase": process.phase.value,
        "owner": "" if process.wait is None else process.wait.owner.value,
        "escrow_fen": process.escrow_fen,
        "open_fen": process.open_fen,
        "deadline_us": process.deadline_us,
        "virtual_account": process.virtual_account,
    }
    return deal_store.process_of(row) == process and all(row[name] == value for name, value in columns.items())


async def _rows(connection: book.Connection) -> AsyncIterator[asyncpg.Record]:
    last = ""
    while rows := await connection.fetch(store.QUERIES["page_for_checking"], last, PAGE):
        for row in rows:
            yield row
        last = rows[-1]["id"]


async def _deposit(connection: book.Connection, row: asyncpg.Record, verdict: MoneyVerdict) -> None:
    """The history is chained, can have happened, and ends in the row."""
    place, deposit, digest = f"deposit {row['id']}", None, store.first_digest(row["id"])
    for number, event in enumerate(await connection.fetch(store.QUERIES["events_for_checking"], row["id"]), start=1):
        verdict.deposit_events += 1
        digest = store.event_digest(
            digest, row["id"], event["seq"], event["type"], event["at_us"], event["actor"], event["body"]
        )
        if event["seq"] != number or event["digest"] != digest:
            _note(verdict, place, f"event {number} was changed or is missing")
            return
        try:
            deposit = evolve(deposit, decode_event(event["type"], event["body"]), row["id"])
        except (IllegalTransition, KeyError, msgspec.MsgspecError) as damage:
            _note(verdict, place, f"event {number} cannot have happened: {damage}")
            return
    if deposit is None or digest != row["digest"] or not _same(deposit, row):
        _note(verdict, place, "the row is not what its history says")


def _same(deposit: Deposit, row: asyncpg.Record) -> bool:
    columns = {
        "seq": deposit.seq,
        "state": deposit.state.value,
        "subject": deposit.subject,
        "party": deposit.party_id,
        "amount_fen": deposit.amount_fen,
        "received_fen": deposit.received_fen,
        "virtual_account": deposit.virtual_account,
        "due_at_us": deposit.due_at_us,
        "held": deposit.held,
        "blocked": bool(deposit.blocks),
        "appeal_open": deposit.appeal_open,
        "release_from_us": deposit.release_from_us,
        "release_by_us": deposit.release_by_us,
        "appeal_until_us": deposit.appeal_until_us,
    }
    return store.deposit_of(row) == deposit and all(row[name] == value for name, value in columns.items())


def _note(verdict: MoneyVerdict, place: str, problem: str) -> None:
    verdict.findings.append(Finding(place, problem))
