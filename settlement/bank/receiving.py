"""What the bank tells comes in here: recorded once, then acted on, each in a transaction of its own.

Whatever happens in between, a crash too, the recorded event waits and is acted on later (`act_on_pending`). The same news, from a
callback sent five times, from a statement, or from both, is one event. Money goes to the deposit that it is surely for, or to
suspense with a row in the exceptions queue that says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

import asyncpg
from msgspec import Struct

from engine.canonical import canonical_bytes
from settlement.bank.candidates import QUERIES, NamesOf, find_candidates, orders_named
from settlement.bank.matching import Judgement, Outcome, digits_of, judge
from settlement.bank.news import Event, Kind, News, day_of, event_of
from settlement.bank.port import Credit, PayoutResult, PayoutState
from settlement.deals.process import Process
from settlement.deposits.deposits import Received
from settlement.deposits.rules import Refusal, Refused
from settlement.ledger import postings
from settlement.ledger.book import Connection, post
from settlement.payouts.payouts import PayoutRefusal, Settled

ACTED_A_TURN: Final = 200
NOTE_MAX: Final = 500

log = logging.getLogger(__name__)


class TakesPayments(Protocol):
    """Deposits and deals (`settlement.bank.taking.Taking`), as this module needs them."""

    async def receive(
        self, connection: Connection, deposit_id: str, credit: Credit, *, from_suspense: bool = False
    ) -> Received | Process | Refused:
        """Count money towards a deposit or a deal in the caller's transaction, or say why not; nothing is changed then."""
        ...


class TakesResults(Protocol):
    """Payouts, as this module needs them."""

    async def settle(self, connection: Connection, result: PayoutResult) -> Settled:
        """Take what became of an order in the caller's transaction."""
        ...


class Recorded(Struct, frozen=True):
    """Where a piece of news stands on record. `is_new` False: it had been told before."""

    event: Event
    is_new: bool


class Receiving:
    """Records and acts."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        deposits: TakesPayments,
        payouts: TakesResults,
        names_of: NamesOf,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._deposits = deposits
        self._payouts = payouts
        self._names_of = names_of
        self._now_us = now_us

    async def take(self, news: News) -> Recorded:
        """Record a piece of news and act on it; a failure while acting is made good by `act_on_pending`."""
        recorded = await self.keep(news)
        await self.act(recorded.event.id)
        return recorded

    async def keep(self, news: News) -> Recorded:
        """Record a piece of news and nothing else; when this returns, it is committed."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await self.record(connection, news)

    async def record(self, connection: Connection, news: News) -> Recorded:
        """Record a piece of news once, in the caller's transaction. Told otherwise than before: a row in the queue."""
        await connection.execute(QUERIES["serialise"])
        now_us = self._now_us()
        row = await connection.fetchrow(QUERIES["find_sighting"], news.key)
        if row is None:
            row = await self._same_without_reference(connection, news)
            if row is not None:
                await connection.execute(QUERIES["insert_sighting"], news.key, row["id"], news.source.value, now_us)
        if row is not None:
            known = event_of(row)
            await self._compare(connection, known, news)
            await self._see_too(connection, known.id, news, now_us)
            return Recorded(known, is_new=False)
        event_id = await self._insert(connection, news, now_us)
        await self._see_too(connection, event_id, news, now_us)
        return Recorded(await read_event(connection, event_id), is_new=True)

    async def _same_without_reference(self, connection: Connection, news: News) -> asyncpg.Record | None:
        """Find the event that the other source told, where one of the two has no reference to know it by."""
        if news.kind is Kind.PAYOUT:
            return None  # known by the order id
        has_ref = not news.key.startswith("line:")
        return await connection.fetchrow(QUERIES["find_same"], news.fingerprint, has_ref, news.source.value)

    async def _insert(self, connection: Connection, news: News, now_us: int) -> int:
        event_id: int = await connection.fetchval(
            QUERIES["insert_event"], news.kind.value, news.bank_ref, not news.key.startswith("line:"), news.order_id,
            news.state, news.reason, news.booked_at_us, news.amount_fen, news.other_name, news.other_account,
            news.virtual_account, news.purpose, news.source.value, news.fingerprint, sha256(news.raw).digest(), now_us,
        )  # fmt: skip
        await connection.execute(QUERIES["insert_sighting"], news.key, event_id, news.source.value, now_us)
        await connection.execute(QUERIES["insert_item"], event_id)
        return event_id

    async def _see_too(self, connection: Connection, event_id: int, news: News, now_us: int) -> None:
        """Know a settled payment under the reference of its booking, too, and note which source told it."""
        keys = [f"seen:{event_id}:{news.source.value}"]
        if news.kind is Kind.PAYOUT and news.state == PayoutState.SETTLED and news.bank_ref:
            keys.append(f"debit:{news.bank_ref}")
        for key in keys:
            await connection.execute(QUERIES["insert_sighting"], key, event_id, news.source.value, now_us)

    async def _compare(self, connection: Connection, known: Event, news: News) -> None:
        """Open an exception where the bank tells the same booking with another content."""
        note = difference(known, news)
        if note:
            judged = Judgement(outcome=Outcome.CONTENT_DIFFERS, reasons=(Outcome.CONTENT_DIFFERS,))
            await self._open(connection, known.id, judged, note=note, has_money=False)

    async def act(self, event_id: int) -> None:
        """Act on a recorded event, once."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self.act_in(connection, event_id)

    async def act_in(self, connection: Connection, event_id: int) -> None:
        """Act on a recorded event in the caller's transaction."""
        item = await connection.fetchrow(QUERIES["lock_item"], event_id)
        if item is None or item["place"] != "pending":
            return
        event = await read_event(connection, event_id)
        place, deposit_id = "none", ""
        if event.kind is Kind.CREDIT:
            place, deposit_id = await self._place(connection, event)
        elif event.kind is Kind.PAYOUT:
            await self._settle(connection, event)
        else:
            judged = Judgement(outcome=Outcome.UNKNOWN_DEBIT, reasons=(Outcome.UNKNOWN_DEBIT,))
            await self._open(connection, event.id, judged, has_money=False)
        await connection.execute(QUERIES["set_item"], event_id, place, deposit_id, self._now_us())

    async def act_on_pending(self) -> int:
        """Act on what was recorded and not acted on; return how many were tried. One that fails does not hold up the others."""
        after, tried = 0, 0
        while rows := await self._pool.fetch(QUERIES["pending"], after, ACTED_A_TURN):
            for row in rows:
                after, tried = row["event"], tried + 1
                try:
                    await self.act(row["event"])
                except asyncpg.PostgresError:
                    log.exception("bank_event_not_acted_on", extra={"event_id": row["event"]})
        return tried

    async def pending(self) -> int:
        """Return how many recorded events nobody acted on yet."""
        waiting: int = await self._pool.fetchval(QUERIES["count_pending"])
        return waiting

    async def preview(self, connection: Connection, credit: Credit) -> Judgement:
        """Return what would become of a credit."""
        candidates = await find_candidates(connection, credit, self._names_of)
        return judge(credit, candidates, names_order=bool(await orders_named(connection, credit.purpose)))

    async def _place(self, connection: Connection, event: Event) -> tuple[str, str]:
        judged = await self.preview(connection, event.credit)
        if judged.outcome is Outcome.MATCHED:
            done = await self._deposits.receive(connection, judged.deposit_id, event.credit)
            if not isinstance(done, Refused):
                return "deposit", judged.deposit_id
            outcome = Outcome.LATE if done.code is Refusal.LATE else Outcome.ALREADY_PAID
            judged = Judgement(
                outcome=outcome, reasons=(outcome,), deposit_id=judged.deposit_id, candidates=judged.candidates
            )
        entry = postings.credit_unidentified(f"suspense:{event.bank_ref}", event.bank_ref, event.amount_fen)
        await self._open(connection, event.id, judged, has_money=True)
        await post(connection, entry, self._now_us())
        return "suspense", ""

    async def _settle(self, connection: Connection, event: Event) -> None:
        done = await self._payouts.settle(connection, event.result)
        if done.refused is None:
            return
        unknown = done.refused is PayoutRefusal.NO_SUCH_ORDER
        outcome = Outcome.UNKNOWN_ORDER if unknown else Outcome.ORDER_DIFFERS
        note = f"{event.order_id}: {event.state}" + ("" if done.order is None else f" ≠ {done.order.state.value}")
        judged = Judgement(outcome=outcome, reasons=(outcome,))
        await self._open(connection, event.id, judged, note=note, has_money=False)

    async def misread(self, raw: bytes, problem: str) -> None:
        """Put a message that the bank signed and that cannot be understood into the queue; the same message once."""
        judged = Judgement(outcome=Outcome.MISREAD, reasons=(Outcome.MISREAD,))
        async with self._pool.acquire() as connection, connection.transaction():
            await self._open(
                connection, None, judged, note=f"{problem} · sha256 {sha256(raw).hexdigest()}", has_money=False
            )

    async def _open(
        self, connection: Connection, event_id: int | None, judged: Judgement, *, has_money: bool, note: str = ""
    ) -> None:
        note = note[:NOTE_MAX]
        digest = sha256(canonical_bytes([event_id or 0, judged.outcome.value, note])).digest()
        await connection.execute(
            QUERIES["open_exception"], event_id, judged.outcome.value, [reason.value for reason in judged.reasons],
            list(judged.candidates), note, has_money, self._now_us(), digest,
        )  # fmt: skip

    async def is_new_nonce(self, nonce: str, forget_before_us: int) -> bool:
        """Remember a nonce; False if it was used before."""
        await self._pool.execute(QUERIES["forget_nonces"], forget_before_us)
        return await self._pool.fetchval(QUERIES["insert_nonce"], nonce, self._now_us()) is not None


def difference(known: Event, news: News) -> str:
    """Return what a second telling says otherwise, empty if it says the same. What one of the two does not say is no difference."""
    told = []
    if news.amount_fen and known.amount_fen and news.amount_fen != known.amount_fen:
        told.append(f"amount_fen {known.amount_fen} ≠ {news.amount_fen}")
    if news.kind is Kind.CREDIT and day_of(news.booked_at_us) != day_of(known.booked_at_us):
        told.append(f"day {day_of(known.booked_at_us)} ≠ {day_of(news.booked_at_us)}")
    for name in ("virtual_account", "other_account"):
        before, now = digits_of(getattr(known, name)), digits_of(getattr(news, name))
        if before and now and before != now:
            told.append(name)  # numbers of accounts do not belong into a note
    return ", ".join(told) + (f" ({known.source.value} / {news.source.value})" if told else "")


async def read_event(connection: Connection, event_id: int) -> Event:
    """Return a recorded event."""
    row = await connection.fetchrow(QUERIES["read_event"], event_id)
    assert row is not None, "events are never removed"
    return event_of(row)
