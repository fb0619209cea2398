"""Statements: imported whole or not at all, as often as one likes, and compared with what callbacks told. A dry run changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.values import InstantUs
from settlement.bank.candidates import QUERIES
from settlement.bank.layouts import Layout
from settlement.bank.matching import Outcome, digits_of, words_of
from settlement.bank.news import Event, Kind, News, Source, credit_news, result_news
from settlement.bank.parsing import Line, Parsed, parse
from settlement.bank.port import Credit, PayoutResult, PayoutState
from settlement.bank.receiving import Receiving
from settlement.ledger.book import Connection

PAGE_MAX: Final = 100
FOR_EVER: Final = 2**62


class Seen(Struct, frozen=True, kw_only=True):
    """What a line of a file is to the market. `known`: imported before; `told`: a callback, or the bank's answer, told it already."""

    number: int
    day: date
    amount_fen: int
    """Income positive, expense negative."""
    other_name: str
    purpose: str
    state: str
    """known, told, new."""
    outcome: Outcome | None = None
    """What becomes of new money; None where there is nothing to decide."""
    deposit_id: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """What a file holds, and what importing it does, or did."""

    file_name: str
    parsed: Parsed
    lines: tuple[Seen, ...] = ()
    warnings: tuple[str, ...] = ()
    """Keys `bank.warning.<name>`: gap, opening, no_balance, untimed."""
    imported: bool = False

    @property
    def can_be_imported(self) -> bool:
        """The file has no faults."""
        return not self.parsed.problems

    def count(self, state: str) -> int:
        """Return how many lines are `known`, `told` or `new`."""
        return sum(line.state == state for line in self.lines)


class Imported(Struct, frozen=True, kw_only=True):
    """A statement on record."""

    id: int
    file_name: str
    layout: str
    first_day: date
    last_day: date
    opening_fen: int | None
    closing_fen: int | None
    lines: int
    imported_at_us: int
    actor: str


class Statements:
    """Imports and lists statements."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        receiving: Receiving,
        layouts: Sequence[Layout],
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._receiving = receiving
        self._layouts = layouts
        self._now_us = now_us

    async def check(self, data: bytes, file_name: str) -> Report:
        """Return what importing a file would do. Nothing is changed."""
        parsed = parse(data, self._layouts)
        if parsed.problems:
            return Report(file_name=file_name, parsed=parsed)
        report: Report | None = None
        async with self._pool.acquire() as connection:
            trial = connection.transaction()
            await trial.start()
            try:
                report, _ = await self._run(connection, parsed, data, file_name, "market", look_only=True)
            finally:
                await trial.rollback()
        return report

    async def take(self, data: bytes, file_name: str, actor: str) -> Report:
        """Import a file, then act on what was new in it. A file with faults is not imported; the same file again changes nothing."""
        parsed = parse(data, self._layouts)
        if parsed.problems:
            return Report(file_name=file_name, parsed=parsed)
        async with self._pool.acquire() as connection, connection.transaction():
            report, events = await self._run(connection, parsed, data, file_name, actor, look_only=False)
        for event_id in events:
            await self._receiving.act(event_id)
        return report

    async def newest(self, before: int = FOR_EVER, limit: int = 50) -> list[Imported]:
        """Return a page of statements, newest first; `before`: id of the last one of the page before."""
        rows = await self._pool.fetch(QUERIES["statements"], before, max(1, min(limit, PAGE_MAX)))
        return [Imported(**dict(row)) for row in rows]

    async def _run(
        self, connection: Connection, parsed: Parsed, data: bytes, file_name: str, actor: str, *, look_only: bool
    ) -> tuple[Report, list[int]]:
        assert parsed.first_day is not None and parsed.last_day is not None, "a file without days has a problem"
        warnings = await self._warnings(connection, parsed)
        digest = sha256(data).digest()
        statement = await connection.fetchval(QUERIES["statement_of_file"], digest) or await connection.fetchval(
            QUERIES["insert_statement"], digest, file_name[:200], parsed.layout, parsed.first_day,
            parsed.last_day, parsed.opening_fen, parsed.closing_fen, len(parsed.lines), self._now_us(), actor,
        )  # fmt: skip
        seen, events = [], []
        for line in parsed.lines:
            one, event = await self._line(connection, statement, line, look_only=look_only)
            seen.append(one)
            if event is not None and one.state == "new":
                events.append(event)
        report = Report(
            file_name=file_name, parsed=parsed, lines=tuple(seen), warnings=warnings, imported=not look_only
        )
        return report, events

    async def _line(
        self, connection: Connection, statement: int, line: Line, *, look_only: bool
    ) -> tuple[Seen, int | None]:
        def seen(state: str, outcome: Outcome | None = None, deposit_id: str = "") -> Seen:
            return Seen(
                number=line.number, day=line.day, amount_fen=line.income_fen - line.expense_fen,
                other_name=line.other_name, purpose=line.purpose, state=state, outcome=outcome, deposit_id=deposit_id,
            )  # fmt: skip

        if await connection.fetchval(QUERIES["find_line"], line.key) is not None:
            return seen("known"), None
        news = credit_news_of(line) if line.income_fen else await self._debit_news(connection, line)
        recorded = await self._receiving.record(connection, news)
        await connection.execute(
            QUERIES["insert_line"], line.key, statement, line.number, line.day, line.booked_at_us, line.income_fen,
            line.expense_fen, line.balance_fen, recorded.event.id,
        )  # fmt: skip
        if not recorded.is_new:
            return seen("told"), recorded.event.id
        outcome, deposit_id = await self._outcome(connection, recorded.event) if look_only else (None, "")
        return seen("new", outcome, deposit_id), recorded.event.id

    async def _outcome(self, connection: Connection, event: Event) -> tuple[Outcome | None, str]:
        if event.kind is Kind.DEBIT:
            return Outcome.UNKNOWN_DEBIT, ""
        if event.kind is Kind.PAYOUT:
            return None, ""
        judged = await self._receiving.preview(connection, event.credit)
        return judged.outcome, judged.deposit_id

    async def _debit_news(self, connection: Connection, line: Line) -> News:
        """Return money that left as the result of our order where one is named, or is the only one that fits; else as a debit."""
        words = [line.order_id, *words_of(line.purpose)]
        named = await connection.fetch(QUERIES["orders_named"], words)
        fitting = named or await connection.fetch(
            QUERIES["orders_fitting"], line.expense_fen, digits_of(line.other_account)
        )
        told = line.bank_ref and await connection.fetchval(QUERIES["find_sighting"], f"debit:{line.bank_ref}")
        if len(fitting) == 1 and not told:
            result = PayoutResult(
                order_id=fitting[0]["order_id"], state=PayoutState.SETTLED, bank_ref=_ref_of(line),
                booked_at_us=InstantUs(line.booked_at_us),
            )  # fmt: skip
            return result_news(result, Source.STATEMENT, line.raw)
        return News(
            kind=Kind.DEBIT, source=Source.STATEMENT, key=f"debit:{line.bank_ref}" if line.bank_ref else line.key,
            bank_ref=_ref_of(line), booked_at_us=line.booked_at_us, raw=line.raw, amount_fen=line.expense_fen,
            other_name=line.other_name, other_account=line.other_account, virtual_account=line.virtual_account,
            purpose=line.purpose,
        )  # fmt: skip

    async def _warnings(self, connection: Connection, parsed: Parsed) -> tuple[str, ...]:
        found = []
        if parsed.closing_fen is None:
            found.append("no_balance")
        if any(not line.timed for line in parsed.lines):
            found.append("untimed")
        before = await connection.fetchrow(QUERIES["statement_before"], parsed.first_day)
        if before is not None and parsed.first_day is not None:
            if before["last_day"] + timedelta(days=1) < parsed.first_day:
                found.append("gap")
            differs = None not in (before["closing_fen"], parsed.opening_fen)
            if differs and before["closing_fen"] != parsed.opening_fen:
                found.append("opening")
        return tuple(found)


def credit_news_of(line: Line) -> News:
    """Return a line of money that came in as news."""
    credit = Credit(
        bank_ref=_ref_of(line), booked_at_us=InstantUs(line.booked_at_us), amount_fen=line.income_fen,
        payer_name=line.other_name, payer_account=line.other_account, virtual_account=line.virtual_account,
        purpose=line.purpose,
    )  # fmt: skip
    return credit_news(credit, Source.STATEMENT, line.raw, "" if line.bank_ref else line.key)


def _ref_of(line: Line) -> str:
    """Return the bank's reference, or one of ours for a line that has none."""
    return line.bank_ref or f"line-{line.digest}-{line.occurrence}"
