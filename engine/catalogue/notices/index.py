"""The index of notices: a consumer of the log that writes "the rows that the notice's state has now", so twice changes nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import asyncpg

from engine.catalogue.notices.rows import NoticePage, NoticeRow, ObjectionRow
from engine.journal.follower import Connection, StreamFollower, states_of
from engine.journal.queries import load_queries
from engine.journal.streams import NOTICES
from engine.rules.publicity.answers import open_objections
from engine.rules.publicity.content import Confidential
from engine.rules.publicity.state import NoticePhase, NoticeState, ObjectionPhase
from engine.rules.publicity.visibility import closest_tie, objection_state
from engine.values import NOTICE_SHARDS, NoticeId, PartyId

CONSUMER: Final = "publicity"
PAGE_MAX: Final = 100
QUEUE_MAX: Final = 500
_FAR: Final = 2**62
_QUERIES: Final = load_queries(Path(__file__).parent / "queries.sql")


class NoticeIndex:
    """The read model and its consumer."""

    def __init__(self, pool: asyncpg.Pool, load: Callable[[NoticeId], Awaitable[NoticeState | None]]) -> None:
        self._pool = pool
        self.follower = StreamFollower(pool, CONSUMER, NOTICE_SHARDS, states_of(NOTICES, load, NoticeId), self._write)

    async def _write(self, connection: Connection, states: list[NoticeState]) -> None:
        await connection.executemany(_QUERIES["upsert_notice"], [_notice_values(state) for state in states])
        await connection.executemany(
            _QUERIES["upsert_objection"],
            [
                (
                    state.notice_id, one.no, one.objection_id, one.receipt_no, state.seller_id, one.ground.value,
                    one.phase.value, one.handler, one.due_us, one.overdue, one.filed_at_us, state.last_at_us,
                )
                for state in states
                for one in state.objections
            ],
        )  # fmt: skip

    async def search(
        self,
        *,
        words: str = "",
        field: str = "",
        region: str = "",
        phases: Sequence[str] = (),
        from_us: int | None = None,
        until_us: int | None = None,
        seller: str = "",
        after: str = "",
        limit: int = 20,
    ) -> NoticePage:
        """Return a page of what was ever published, last published first.

        Args:
            words: Looked for in titles, abstracts and publisher; at most 100 characters count.
            field: Technical field code, empty for all.
            region: GB/T 2260 code or its beginning, empty for all.
            phases: States to keep (`NoticePhase`), empty for all.
            from_us: Published at or after; None for no bound.
            until_us: Published before; None for no bound.
            seller: One publisher's party id, empty for all.
            after: `next` of the page before; a malformed one starts from the beginning.
            limit: At most this many, 1..100.
        """
        limit = max(1, min(limit, PAGE_MAX))
        text = words.strip().lower()[:100]
        value, last = _position(after)
        rows = await self._pool.fetch(
            _QUERIES["search"], f"%{_escaped(text)}%" if text else "", field, f"{_escaped(region)}%" if region else "",
            list(phases), from_us, until_us, seller, value, last, limit + 1,
        )  # fmt: skip
        found = [_notice_row(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return NoticePage(found, None)
        final = rows[limit - 1]
        return NoticePage(found, f"{-final['published_at_us']}~{final['notice']}")

    async def changed(self, seller: str = "", limit: int = 50) -> list[NoticeRow]:
        """Return what was ever published, last changed first; of one publisher or of all."""
        return await self._rows("changed", seller, max(1, min(limit, PAGE_MAX)))

    async def of_seller(self, seller_id: PartyId) -> list[NoticeRow]:
        """Return a party's own notices, published or not, last changed first."""
        return await self._rows("of_seller", seller_id, PAGE_MAX)

    async def in_phases(self, phases: Sequence[NoticePhase]) -> list[NoticeRow]:
        """Return the notices that stand in these phases, longest waiting first."""
        return await self._rows("in_phases", [phase.value for phase in phases], QUEUE_MAX)

    async def uncertain(self) -> list[NoticeRow]:
        """Return the notices whose period runs past the official calendar."""
        return await self._rows("uncertain", QUEUE_MAX)

    async def count_by_phase(self) -> dict[str, int]:
        """Return how many notices stand in each phase."""
        return {row["phase"]: row["notices"] for row in await self._pool.fetch(_QUERIES["count_by_phase"])}

    async def objections_in_phases(self, phases: Sequence[ObjectionPhase]) -> list[ObjectionRow]:
        """Return the objections that stand in these phases, what is due first."""
        rows = await self._pool.fetch(_QUERIES["objections_in_phases"], [phase.value for phase in phases], QUEUE_MAX)
        return [_objection_row(row) for row in rows]

    async def objection_by_receipt(self, receipt_no: str) -> ObjectionRow | None:
        """Return an objection by the number on its receipt."""
        row = await self._pool.fetchrow(_QUERIES["objection_by_receipt"], receipt_no)
        return None if row is None else _objection_row(row)

    async def _rows(self, name: str, *arguments: Any) -> list[NoticeRow]:
        return [_notice_row(row) for row in await self._pool.fetch(_QUERIES[name], *arguments)]


def _notice_values(state: NoticeState) -> tuple[object, ...]:
    version = state.versions[-1] if state.versions else None
    shown = state.content if version is None else version.content
    tie = closest_tie(shown)
    texts = (
        shown.title_zh, shown.title_en, shown.title_mn, shown.abstract_zh, shown.abstract_en, shown.seller_name_zh,
        shown.seller_name_en,
    )  # fmt: skip
    limited = shown.confidential is not Confidential.NO
    started_us = (
        None if version is None else next(one.at_us for one in state.versions if one.round_no == version.round_no)
    )
    return (
        state.notice_id, state.seq, state.phase.value, state.seller_id, shown.achievement_id, *texts, shown.field,
        shown.region, "" if limited else shown.mode.value, Decimal(shown.price), state.terms.currency.code,
        state.terms.currency.exponent, shown.confidential.value, "" if tie is None else tie.value, shown.demonstration,
        state.round_no, 0 if version is None else version.no, state.terms.days, objection_state(state),
        len(open_objections(state)), state.certain, state.submitted_at_us, started_us, state.ends_at_us,
        state.certified_at_us, state.struck_at_us, state.last_at_us, " ".join((state.notice_id, *texts)).lower(),
    )  # fmt: skip


def _notice_row(row: asyncpg.Record) -> NoticeRow:
    values = {name: row[name] for name in NoticeRow.__struct_fields__ if name != "price"}
    return NoticeRow(**values, price=str(int(row["price"])))


def _objection_row(row: asyncpg.Record) -> ObjectionRow:
    return ObjectionRow(**{name: row[name] for name in ObjectionRow.__struct_fields__})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _position(after: str) -> tuple[int, str]:
    text, _, notice = after.partition("~")
    if re.fullmatch(r"-?[0-9]{1,19}", text) is None or abs(int(text)) > _FAR:
        return -_FAR, ""
    return int(text), notice
