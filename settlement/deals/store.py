"""Deals in PostgreSQL: an act, its events, its postings, its orders to the bank and its notices are one transaction.

The row of the deal is locked first, the ledger last. An act may carry a key: the same key again is answered the same, with other content
it is refused. Refusals are values; nothing was changed then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.calendar import Calendar
from engine.canonical import canonical_bytes
from engine.catalogue.search.notices import NewNotice, tell
from engine.journal.queries import load_queries
from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Refusal, Refused
from settlement.deals.clocks import wake_at
from settlement.deals.events import decode_event, encode_event
from settlement.deals.evolving import evolve
from settlement.deals.money import PayOut, entry_of, pay_outs_of
from settlement.deals.notices import Desk, notices_of
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deals.signing import payment_of
from settlement.deals.stepping import step
from settlement.histories import Chain
from settlement.ledger.book import Connection, EntryKeyReused, Overdrawn, post
from settlement.payouts.payouts import OrderState, PayoutOrder, Payouts

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "deals.sql")
MARKET: Final = "market"
"""Actor of what the market does by itself: clocks, the log, the bank."""
WORKING: Final = frozenset({Phase.CONFIRMING, Phase.DRAFTING, Phase.CONCLUDING, Phase.CERTIFYING, Phase.DEFAULTING})
"""Phases whose next step is the machine's own."""
_CHAIN: Final = Chain(b"ortoo-deal-event-1\0")
first_digest: Final = _CHAIN.first
event_digest: Final = _CHAIN.next
_PROCESS: Final = msgspec.json.Decoder(Process)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")

Payee = tuple[str, str]
"""Holder and number of a bank account."""


class Changed(Struct, frozen=True):
    """What an act did. `repeated`: it had been done before, under the same key."""

    process: Process
    events: tuple[e.Event, ...] = ()
    repeated: bool = False


Outcome = Changed | Refused


class HistoryLine(Struct, frozen=True):
    """One event of a deal with its place and digest."""

    seq: int
    at_us: int
    actor: str
    event: e.Event
    digest: bytes


class Document(Struct, frozen=True):
    """A text that belongs to an act; its digest stands in the event."""

    kind: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal."""
        return sha256(self.body).hexdigest()


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks for an act, when, and under which key."""

    at_us: int
    actor: str = MARKET
    key: str | None = None
    payees: Mapping[str, Payee] = {}
    """Verified bank accounts by party."""
    document: Document | None = None


People = Callable[[Connection, Desk], Awaitable[Sequence[str]]]
"""Whose inboxes are a desk's: ids of those who work there now."""
PEOPLE_MAX: Final = 200


async def nobody(_: Connection, __: Desk) -> Sequence[str]:
    """Return that nobody works at any desk: a market without people of its own."""
    return ()


class DealShelf:
    """The rows and histories of deals."""

    def __init__(self, pool: asyncpg.Pool, payouts: Payouts, calendar: Callable[[], Calendar], people: People) -> None:
        self.pool = pool
        self._people = people
        self.payouts = payouts
        self._calendar = calendar

    @asynccontextmanager
    async def transaction(self, on: Connection | None) -> AsyncIterator[Connection]:
        """Yield a connection in a transaction: the given one in a savepoint, or a new one."""
        if on is not None:
            async with on.transaction():
                yield on
            return
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def act(self, deal_id: str, act: a.Act, asked: Asked, on: Connection | None = None) -> Outcome:
        """Do one act on one deal, or say why not.

        Args:
            deal_id: Which.
            act: What is wished.
            asked: Who, when, under which key.
            on: A connection inside the caller's transaction; None: a transaction of its own.
        """
        try:
            async with self.transaction(on) as connection:
                return await self._act(connection, deal_id, act, asked)
        except Overdrawn:
            return Refused(Refusal.MONEY_GONE)
        except EntryKeyReused:
            return Refused(Refusal.KEY_REUSED)

    async def _act(self, connection: Connection, deal_id: str, act: a.Act, asked: Asked) -> Outcome:
        row = await connection.fetchrow(QUERIES["lock"], deal_id)
        before = None if row is None else _PROCESS.decode(row["body"])
        digest = act_digest(act)
        if asked.key is not None:
            done = await connection.fetchval(QUERIES["find_act"], deal_id, asked.key)
            if done is not None:
                assert before is not None, "a history has a row"
                return Changed(before, repeated=True) if done == digest else Refused(Refusal.KEY_REUSED)
        decision = step(before, act, asked.at_us, self._calendar())
        if isinstance(decision, Refused):
            return decision
        if not decision:
            assert before is not None, "the first act makes an event"
            return Changed(before)
        previous = first_digest(deal_id) if row is None else row["digest"]
        writing = _Writing(connection, self.payouts, asked, digest, deal_id, previous)
        process = await writing.write(
            before, decision, from_suspense=isinstance(act, a.TakeMoney) and act.from_suspense
        )
        await self._keep(connection, before, process, writing.digest, asked)
        happened = tuple(writing.events)
        await tell(connection, await self._each(connection, notices_of(before, process, happened)), asked.at_us)
        return Changed(process, happened)

    async def _each(self, connection: Connection, notices: list[NewNotice]) -> list[NewNotice]:
        """Return the notices with everybody who works at a desk in the place of the desk."""
        found: list[NewNotice] = []
        for one in notices:
            try:
                people = await self._people(connection, Desk(one.party))
            except ValueError:  # a party
                found.append(one)
                continue
            found += [msgspec.structs.replace(one, party=person) for person in people[:PEOPLE_MAX]]
        return found

    async def _keep(
        self, connection: Connection, before: Process | None, process: Process, digest: bytes, asked: Asked
    ) -> None:
        changing = (
            process.phase.value, "" if process.wait is None else process.wait.owner.value, process.escrow_fen,
            process.open_fen, process.since_us, process.deadline_us, process.escalations,
            sum(order.state == "failed" for order in process.orders), wake_at(process),
            _work_at(process, asked.at_us), _ENCODER.encode(process), digest,
        )  # fmt: skip
        if before is None:
            deal = process.deal
            await connection.execute(
                QUERIES["insert_deal"], deal.id, deal.source.stream, deal.source.stream_seq, deal.seller_id,
                deal.buyer_id, [deal.seller_id, *deal.buyers], deal.price_fen, process.virtual_account,
                deal.struck_at_us, process.seq, *changing,
            )  # fmt: skip
        else:
            await connection.execute(QUERIES["update_deal"], process.id, process.seq, *changing)
        if asked.document is not None:
            document = asked.document
            await connection.execute(
                QUERIES["insert_document"], process.id, document.digest, document.kind, asked.at_us, document.body
            )

    async def read(self, deal_id: str, on: Connection | None = None) -> Process | None:
        """Return a deal."""
        row = await (on or self.pool).fetchrow(QUERIES["read"], deal_id)
        return None if row is None else process_of(row)

    async def history(self, deal_id: str, after_seq: int = 0, limit: int = 200) -> list[HistoryLine]:
        """Return a page of the events of a deal, oldest first."""
        rows = await self.pool.fetch(QUERIES["history"], deal_id, after_seq, max(1, min(limit, 500)))
        return [
            HistoryLine(row["seq"], row["at_us"], row["actor"], decode_event(row["type"], row["body"]), row["digest"])
            for row in rows
        ]


class _Writing:
    """Writes the events of one act: history, postings, orders to the bank, in order."""

    def __init__(
        self, connection: Connection, payouts: Payouts, asked: Asked, act: bytes, deal_id: str, previous: bytes
    ) -> None:
        self._connection = connection
        self._payouts = payouts
        self._asked = asked
        self._act = act
        self._key = asked.key
        self._id = deal_id
        self.digest = previous
        self.events: list[e.Event] = []

    async def write(self, process: Process | None, decision: tuple[e.Event, ...], *, from_suspense: bool) -> Process:
        """Write what was decided, and the orders to the bank that follow, after all of it."""
        wanted: list[PayOut] = []
        for event in decision:
            before = process
            process = await self._one(before, event, from_suspense=from_suspense)
            if before is not None:
                wanted += pay_outs_of(before, event)
        assert process is not None, "a decision has events"
        for pay_out in wanted:
            process = await self._order(process, pay_out)
        return process

    async def _one(self, before: Process | None, event: e.Event, *, from_suspense: bool = False) -> Process:
        asked, after = self._asked, evolve(before, event, self._asked.at_us)
        name, body = encode_event(event)
        self.digest = event_digest(self.digest, self._id, after.seq, name, asked.at_us, asked.actor, body)
        await self._connection.execute(
            QUERIES["insert_event"], self._id, after.seq, name, asked.at_us, asked.actor, self._key,
            self._act if self._key is not None else None, body, self.digest,
        )  # fmt: skip
        self._key = None  # the key stands on the first event of an act
        self.events.append(event)
        entry = None if before is None else entry_of(before, event, from_suspense=from_suspense)
        if entry is not None and not await post(self._connection, entry, asked.at_us):
            raise EntryKeyReused(entry.key)
        return after

    async def _order(self, process: Process, wanted: PayOut) -> Process:
        """Order a payment: to where the money came from, or to the verified account of the party."""
        order_id = f"{self._id}-{process.seq + 1}"
        placed = e.PayoutPlaced(
            order_id=order_id, kind=wanted.kind, amount_fen=wanted.amount_fen, party_id=wanted.party_id
        )
        process = await self._one(process, placed)
        name, account = self._asked.payees.get(wanted.party_id, ("", ""))
        if wanted.payee_account:
            name, account = wanted.payee_name, wanted.payee_account
        order = await self._payouts.place(
            self._connection,
            PayoutOrder(
                order_id=order_id, kind=wanted.kind, source=wanted.source, subject=process.deal.source.stream,
                amount_fen=wanted.amount_fen, payee_name=name, payee_account=account,
                purpose=f"{_PURPOSES[wanted.kind]} {self._id}",
            ),
        )  # fmt: skip
        if order.state is OrderState.FAILED:
            process = await self._one(process, e.PayoutFailed(order_id=order_id, reason=order.reason))
        return process


_PURPOSES: Final = {
    "price": "技术交易价款",
    "broker": "技术经纪服务费",
    "price_refund": "退还交易价款",
    "price_surplus": "退还多付价款",
    "damages": "再次出让差额",
}


def _work_at(process: Process, now_us: int) -> int | None:
    """Return when the machine tries its next step: at once, where it is its turn and it has what it needs."""
    if process.phase not in WORKING or (process.phase is Phase.DRAFTING and payment_of(process) is None):
        return None
    return now_us


def process_of(row: asyncpg.Record) -> Process:
    """Return a stored deal."""
    return _PROCESS.decode(row["body"])


def act_digest(act: a.Act) -> bytes:
    """Return the digest of what is wished; the number that the market draws for a deal is no part of the wish."""
    if isinstance(act, a.OpenDeal):
        act = msgspec.structs.replace(act, virtual_account="")
    body: dict[str, Any] = {"act": type(act).__name__, "fields": msgspec.to_builtins(act)}
    return sha256(b"ortoo-deal-act-1\0" + canonical_bytes(body)).digest()
