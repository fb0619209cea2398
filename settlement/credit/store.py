"""Credit records in PostgreSQL, and the consumer that makes them from what happened to deals and registrations."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.calendar import Calendar, period_end
from engine.catalogue.search.notices import NewNotice, tell
from engine.journal.follower import BEHIND
from engine.journal.queries import load_queries
from engine.values import InstantUs
from settlement.credit import record as r
from settlement.deals import events as de
from settlement.deals.deal import DealSide
from settlement.histories import Chain
from settlement.ledger.book import Connection
from settlement.registration import events as re
from settlement.statistics.facts import Event as Line
from settlement.statistics.following import Grown, HistoryFollowing

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "credit.sql")
MARKET: Final = "market"
PAGE_MAX: Final = 200
A_TURN: Final = 100
FRAUD: Final = "FRAUD"
"""Ground of revocation that is a fact about credit; the others (duplicate, annulled) are not."""
_CHAIN: Final = Chain(b"ortoo-credit-event-1\0")
_RECORD: Final = msgspec.json.Decoder(r.Record)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")

log = logging.getLogger(__name__)


class Found(Struct, frozen=True):
    """What an event means for somebody's credit."""

    party: str
    cause: r.Cause
    subject: str
    seq: int
    type: str


class Figures(Struct, frozen=True, kw_only=True):
    """Counts of records, and since when the oldest appeal waits (0: none)."""

    noticed: int = 0
    appealed: int = 0
    in_force: int = 0
    expired: int = 0
    withdrawn: int = 0
    oldest_appeal_us: int = 0


class Credit:
    """All credit records."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        calendar: Callable[[], Calendar],
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._calendar = calendar
        self._now_us = now_us
        self.following = HistoryFollowing(pool, "credit", self._follow)

    async def run(self, pause_s: float = 30.0) -> None:
        """Let records take effect whose time of appeal is over, for ever."""
        while True:
            try:
                await self.take_effect()
            except BEHIND:
                log.warning("credit_waits", exc_info=True)
            await asyncio.sleep(pause_s)

    async def take_effect(self) -> int:
        """Let what is due take effect; return how many did."""
        rows = await self._pool.fetch(QUERIES["unappealed"], self._now_us(), A_TURN)
        done = [await self.act(row["id"], r.TakeEffect(), MARKET) for row in rows]
        return sum(isinstance(one, r.Record) for one in done)

    async def notice(
        self, record_id: str, party: str, cause: r.Cause, subject: str, evidence: str, by: str
    ) -> r.Record | r.Refusal:
        """Begin a record by hand: an operator found false documents."""
        if not 0 < len(evidence.strip()) <= r.TEXT_MAX:
            return r.Refusal(r.Problem.REASON_REQUIRED)
        return await self.act(record_id, self._noticed(party, cause, subject, evidence, by), by)

    async def act(self, record_id: str, act: r.Act, by: str) -> r.Record | r.Refusal:
        """Do an act on a record."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._act(connection, record_id, act, by)

    async def read(self, record_id: str) -> r.Record | None:
        """Return a record."""
        row = await self._pool.fetchrow(QUERIES["read"], record_id)
        return None if row is None else _RECORD.decode(row["body"])

    async def of_party(self, party: str, limit: int = 50) -> list[r.Record]:
        """Return a party's records, newest first."""
        rows = await self._pool.fetch(QUERIES["of_party"], party, max(1, min(limit, PAGE_MAX)))
        return [_RECORD.decode(row["body"]) for row in rows]

    async def newest(self, state: str = "", limit: int = 50) -> list[r.Record]:
        """Return records in a state, or all: appeals first, then the newest."""
        rows = await self._pool.fetch(QUERIES["newest"], state, max(1, min(limit, PAGE_MAX)))
        return [_RECORD.decode(row["body"]) for row in rows]

    async def history(self, record_id: str) -> list[tuple[int, str, r.Event]]:
        """Return what happened to a record, oldest first: instant, who (a login, or the market), event."""
        rows = await self._pool.fetch(QUERIES["history"], record_id)
        return [(row["at_us"], row["actor"], r.decode_event(row["body"])) for row in rows]

    async def figures(self) -> Figures:
        """Return counts for the desk and for metrics."""
        row = await self._pool.fetchrow(QUERIES["figures"], self._now_us())
        assert row is not None, "an aggregate has a row"
        return Figures(**dict(row))

    async def _follow(self, connection: Connection, news: list[Grown]) -> None:
        for one in news:
            for found in found_in(one.stream, one.history):
                if found.seq > one.seen:
                    evidence = f"{one.stream} {found.seq} {found.type}"
                    wanted = self._noticed(found.party, found.cause, found.subject, evidence, MARKET)
                    name = f"{found.subject}-{found.cause.value}-{found.seq}-{found.party}"
                    await self._act(connection, name, wanted, MARKET)

    def _noticed(self, party: str, cause: r.Cause, subject: str, evidence: str, by: str) -> r.Noticed:
        rules, now_us = r.credit_rules(), self._now_us()
        until = period_end(self._calendar(), InstantUs(now_us), working_days=rules.appeal_working_days)
        return r.Noticed(
            party=party, cause=cause, subject=subject, evidence=evidence.strip(), by=by, appeal_until_us=until.ends_at_us,
            expires_at_us=now_us + rules.expiry_days[cause.value] * r.DAY_US, rules=rules.version,
        )  # fmt: skip

    async def _act(self, connection: Connection, record_id: str, act: r.Act, by: str) -> r.Record | r.Refusal:
        await connection.execute(QUERIES["lock_name"], record_id)
        row = await connection.fetchrow(QUERIES["read"], record_id)
        before, at_us = None if row is None else _RECORD.decode(row["body"]), self._now_us()
        event = r.decide(before, act, by, at_us)
        if isinstance(event, r.Refusal):
            return event
        after = r.evolve(before, event, record_id, at_us)
        name, body = r.encode_event(event)
        previous = _CHAIN.first(record_id) if row is None else row["digest"]
        digest = _CHAIN.next(previous, record_id, after.seq, name, at_us, by, body)
        await connection.execute(QUERIES["insert_event"], record_id, after.seq, name, at_us, by, body, digest)
        said = after.noticed
        await connection.execute(
            QUERIES["keep"], record_id, said.party, said.cause.value, said.subject, after.seq, after.state.value, said.appeal_until_us,
            said.expires_at_us, after.at_us, _ENCODER.encode(after), digest,
        )  # fmt: skip
        about = f"credit.{after.state.value}"
        told = NewNotice(
            party=said.party, once=f"credit/{record_id}/{after.seq}", about=about, link=f"/credit/{record_id}",
            data={"subject": said.subject},
        )  # fmt: skip
        await tell(connection, [told], at_us)
        return after


def found_in(stream: str, history: list[Line]) -> list[Found]:
    """Return what a history means for its parties' credit: default, late payment, a revoked registration. Pure."""
    kind, _, name = stream.partition("/")
    if kind == "deal":
        opened = de.decode_event(history[0].type, history[0].body)
        assert isinstance(opened, de.DealOpened), "a history begins with it"
        deal = opened.deal
        found = []
        for line in history:
            if line.type == de.WIRE_NAMES[de.DefaultRecorded]:
                event = de.decode_event(line.type, line.body)
                assert isinstance(event, de.DefaultRecorded)
                buyer = event.side is DealSide.BUYER
                cause = r.Cause.BUYER_DEFAULT if buyer else r.Cause.SELLER_DEFAULT
                parties = deal.buyers if buyer else (deal.seller_id,)
            elif line.type == de.WIRE_NAMES[de.LineLate]:
                cause, parties = r.Cause.LATE_PAYMENT, deal.buyers
            else:
                continue
            found += [Found(party, cause, name, line.seq, line.type) for party in parties]
        return [] if deal.demonstration else found
    case = re.decode_event(history[0].type, history[0].body)
    assert isinstance(case, re.CaseOpened), "a history begins with it"
    revoked = [line for line in history if line.type == re.WIRE_NAMES[re.Revoked] and not case.demonstration]
    return [
        Found(case.applicant, r.Cause.FAKE_CONTRACT, case.deal, line.seq, line.type)
        for line in revoked
        if _by_fraud(line)
    ]


def _by_fraud(line: Line) -> bool:
    event = re.decode_event(line.type, line.body)
    return isinstance(event, re.Revoked) and event.ground == FRAUD


async def problems_of_records(connection: Connection) -> list[tuple[str, str]]:
    """Return what is wrong with the stored records: (subject, problem)."""
    found: list[tuple[str, str]] = []
    last = ""
    while rows := await connection.fetch(QUERIES["page_for_checking"], last, PAGE_MAX):
        for row in rows:
            digest, record = _CHAIN.first(row["id"]), None
            for line in await connection.fetch(QUERIES["history"], row["id"]):
                digest = _CHAIN.next(
                    digest, row["id"], line["seq"], line["type"], line["at_us"], line["actor"], line["body"]
                )
                record = r.evolve(record, r.decode_event(line["body"]), row["id"], line["at_us"])
            if digest != row["digest"] or record != _RECORD.decode(row["body"]):
                found.append((f"credit {row['id']}", "the row is not what its history says"))
        last = rows[-1]["id"]
    return found
