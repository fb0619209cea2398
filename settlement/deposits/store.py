"""Deposits in PostgreSQL: an act, its events, its postings and its orders to the bank are one transaction.

The row of a deposit is locked first, the ledger last. An act may carry a key: the same key again is answered the same, with other content
it is refused. Refusals are values; nothing was changed then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.journal.queries import load_queries
from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import DepositState, decode_event, encode_event
from settlement.deposits.evolving import Deposit, evolve
from settlement.deposits.money import FORFEIT, PayOut, entry_of, pay_outs_of
from settlement.deposits.rules import Refusal, Refused, decide
from settlement.deposits.terms import ForfeitBy
from settlement.histories import Chain
from settlement.ledger.book import Connection, EntryKeyReused, Overdrawn, post
from settlement.payouts.payouts import OrderState, PayoutOrder, Payouts

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "deposits.sql")
LOST: Final = "f"
"""Ends the id of the order that pays a lost deposit on: one event may also send a rest back."""
MARKET: Final = "market"
"""Actor of what the market does by itself: clocks, the log, the bank."""
_CHAIN: Final = Chain(b"ortoo-deposit-event-1\0")
first_digest: Final = _CHAIN.first
event_digest: Final = _CHAIN.next
_DEPOSIT: Final = msgspec.json.Decoder(Deposit)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


Payee = tuple[str, str]
"""Holder and number of a bank account."""


class Changed(Struct, frozen=True):
    """What an act did. `repeated`: it had been done before, under the same key."""

    deposit: Deposit
    events: tuple[e.Event, ...] = ()
    repeated: bool = False


class HistoryLine(Struct, frozen=True):
    """One event of a deposit with its place and digest."""

    seq: int
    at_us: int
    actor: str
    event: e.Event
    digest: bytes


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks for an act, when, and under which key."""

    at_us: int
    actor: str = MARKET
    key: str | None = None
    payees: Mapping[str, Payee] = {}
    """Verified accounts by party, for money that does not go back to where it came from."""


Listener = Callable[[Connection, Deposit, Deposit, int], Awaitable[None]]
"""Told in the transaction in which a deposit changed: the deposit before and after, and the market's time."""


class Shelf:
    """The rows and histories of deposits."""

    def __init__(self, pool: asyncpg.Pool, payouts: Payouts) -> None:
        self.pool = pool
        self.payouts = payouts
        self.listeners: list[Listener] = []

    @asynccontextmanager
    async def transaction(self, on: Connection | None) -> AsyncIterator[Connection]:
        """Yield a connection in a transaction: the given one in a savepoint, or a new one."""
        if on is not None:
            async with on.transaction():
                yield on
            return
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def act(self, deposit_id: str, act: a.Act, asked: Asked, on: Connection | None = None) -> Changed | Refused:
        """Do one act on one deposit, or say why not.

        Args:
            deposit_id: Which.
            act: What is wished.
            asked: Who, when, under which key.
            on: A connection inside the caller's transaction; None: a transaction of its own.
        """
        try:
            async with self.transaction(on) as connection:
                return await self._act(connection, deposit_id, act, asked)
        except Overdrawn:
            return Refused(Refusal.MONEY_GONE)
        except EntryKeyReused:
            return Refused(Refusal.KEY_REUSED)

    async def _act(self, connection: Connection, deposit_id: str, act: a.Act, asked: Asked) -> Changed | Refused:
        row = await connection.fetchrow(QUERIES["lock"], deposit_id)
        before = None if row is None else _DEPOSIT.decode(row["body"])
        digest = act_digest(act)
        if asked.key is not None:
            done = await connection.fetchval(QUERIES["find_act"], deposit_id, asked.key)
            if done is not None:
                assert before is not None, "a history has a row"
                return Changed(before, repeated=True) if done == digest else Refused(Refusal.KEY_REUSED)
        decision = decide(before, act, asked.at_us)
        if isinstance(decision, Refused):
            return decision
        if not decision:
            assert before is not None, "the first act makes an event"
            return Changed(before)
        previous = first_digest(deposit_id) if row is None else row["digest"]
        writing = _Writing(connection, self.payouts, asked, digest, deposit_id, previous)
        suspense = isinstance(act, a.ReceivePayment) and act.from_suspense
        deposit = await writing.write(before, decision, from_suspense=suspense)
        await self._keep(connection, before, deposit, writing.digest, asked.at_us)
        if before is not None:
            for listener in self.listeners:
                await listener(connection, before, deposit, asked.at_us)
        return Changed(deposit, tuple(writing.events))

    async def _keep(
        self, connection: Connection, before: Deposit | None, deposit: Deposit, digest: bytes, at_us: int
    ) -> None:
        changing = (
            deposit.received_fen, deposit.due_at_us, deposit.lapses_at_us, deposit.release_from_us, deposit.release_by_us,
            deposit.release_certain, bool(deposit.blocks), deposit.held, deposit.appeal_until_us,
            deposit.appeal_open, deposit.terms.forfeit_by is ForfeitBy.WHOLE, at_us, _ENCODER.encode(deposit), digest,
        )  # fmt: skip
        if before is None:
            await connection.execute(
                QUERIES["insert_deposit"], deposit.id, deposit.seq, deposit.state.value, deposit.subject,
                deposit.party_id, deposit.amount_fen, deposit.virtual_account, *changing,
            )  # fmt: skip
            return
        await connection.execute(QUERIES["update_deposit"], deposit.id, deposit.seq, deposit.state.value, *changing)
        news = {DepositState.HELD: "held", DepositState.LAPSED: "lapsed"}.get(deposit.state)
        if news is not None and before.state is not deposit.state:
            await connection.execute(QUERIES["tell"], deposit.id, news, at_us)

    async def read(self, deposit_id: str, on: Connection | None = None) -> Deposit | None:
        """Return a deposit."""
        row = await (on or self.pool).fetchrow(QUERIES["read"], deposit_id)
        return None if row is None else deposit_of(row)

    async def history(self, deposit_id: str, after_seq: int = 0, limit: int = 200) -> list[HistoryLine]:
        """Return a page of the events of a deposit, oldest first."""
        rows = await self.pool.fetch(QUERIES["history"], deposit_id, after_seq, max(1, min(limit, 500)))
        return [
            HistoryLine(row["seq"], row["at_us"], row["actor"], decode_event(row["type"], row["body"]), row["digest"])
            for row in rows
        ]


class _Writing:
    """Writes the events of one act: history, postings, orders to the bank, in order."""

    def __init__(
        self, connection: Connection, payouts: Payouts, asked: Asked, act: bytes, deposit_id: str, previous: bytes
    ) -> None:
        self._connection = connection
        self._payouts = payouts
        self._asked = asked
        self._act: bytes | None = act
        self._key = asked.key
        self._id = deposit_id
        self.digest = previous
        self.events: list[e.Event] = []

    async def write(self, deposit: Deposit | None, decision: tuple[e.Event, ...], *, from_suspense: bool) -> Deposit:
        for event in decision:
            deposit = await self._one(deposit, event, from_suspense=from_suspense)
        assert deposit is not None, "a decision has events"
        return deposit

    async def _one(self, before: Deposit | None, event: e.Event, *, from_suspense: bool = False) -> Deposit:
        after = evolve(before, event, self._id)
        name, body = encode_event(event)
        self.digest = event_digest(self.digest, self._id, after.seq, name, self._asked.at_us, self._asked.actor, body)
        await self._connection.execute(
            QUERIES["insert_event"], self._id, after.seq, name, self._asked.at_us, self._asked.actor, self._key,
            self._act if self._key is not None else None, body, self.digest,
        )  # fmt: skip
        self._key = None  # the key stands on the first event of an act
        self.events.append(event)
        if before is None:
            return after
        entry = entry_of(before, event, from_suspense=from_suspense)
        if entry is not None and not await post(self._connection, entry, self._asked.at_us):
            raise EntryKeyReused(entry.key)
        for wanted in pay_outs_of(before, event):
            placed = await self._pay_out(after, event, wanted)
            if placed.state is OrderState.FAILED and isinstance(event, e.ReleaseStarted):
                return await self._one(after, e.ReleaseFailed(order_id=placed.order_id, reason=placed.reason))
        return after

    async def _pay_out(self, after: Deposit, event: e.Event, wanted: PayOut) -> PayoutOrder:
        lost = wanted.kind == FORFEIT
        order_id = event.order_id if isinstance(event, e.ReleaseStarted) else f"{self._id}-{after.seq}"
        known = (wanted.payee_name, wanted.payee_account)
        name, account = known if wanted.payee_account else self._asked.payees.get(wanted.party_id, ("", ""))
        order = PayoutOrder(
            order_id=f"{order_id}{LOST}" if lost else order_id, kind=wanted.kind, subject=after.subject,
            amount_fen=wanted.amount_fen, source=wanted.source, payee_name=name, payee_account=account,
            purpose=f"{'没收保证金' if lost else '退还保证金'} {after.id}",
        )  # fmt: skip
        return await self._payouts.place(self._connection, order)


def deposit_of(row: asyncpg.Record) -> Deposit:
    """Return a stored deposit."""
    return _DEPOSIT.decode(row["body"])


def act_digest(act: a.Act) -> bytes:
    """Return the digest of what is wished; the number that the market draws for a deposit is no part of the wish."""
    if isinstance(act, a.RequireDeposit):
        act = msgspec.structs.replace(act, virtual_account="")
    body: dict[str, Any] = {"act": type(act).__name__, "fields": msgspec.to_builtins(act)}
    return sha256(b"ortoo-deposit-act-1\0" + canonical_bytes(body)).digest()
