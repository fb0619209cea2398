"""The store of needs. What happens to one, its line on record, its place in the search and the notice are one transaction."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.catalogue.search.entries import Entry, Kind
from engine.catalogue.search.notices import NewNotice, tell
from engine.journal.queries import load_queries
from engine.rules.needs import (
    NEED_EDITABLE,
    NEED_STEPS,
    Need,
    NeedAct,
    NeedActor,
    NeedProblem,
    NeedState,
    bounds_of,
    need_problems,
)
from engine.values import PartyId

PAGE_MAX: Final = 100
OPEN_MAX: Final = 200
"""Needs of one party that are not ended."""
REASON_MAX: Final = 500
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
_ID: Final = re.compile(r"need-[0-9a-f]{12}")
_DECODER: Final = msgspec.json.Decoder(Need)
_EDITABLE: Final = sorted(state.value for state in NEED_EDITABLE)
_SHANGHAI: Final = timezone(timedelta(hours=8))

Publish = Callable[[Any, Kind, str, int | None], Awaitable[None]]
"""Notes in the transaction which version is to be found from now on, None for none (`SearchFeed.enqueue`)."""


class NeedRefused(Exception):
    """The act does not fit; `why` is `state`, `actor`, `reason` or `problems`."""

    def __init__(self, why: str, problems: Sequence[NeedProblem] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.problems = list(problems)


class TooManyNeeds(Exception):
    """The party has `OPEN_MAX` needs that are not ended."""


class OwnNeed(Struct, frozen=True, kw_only=True):
    """A need as its owner and the operator see it."""

    id: str
    owner: PartyId
    state: NeedState
    need: Need
    draft_version: int
    saved_at_us: int
    state_at_us: int
    published: int


class PublicNeed(Struct, frozen=True, kw_only=True):
    """A published version; `need.contact` is empty."""

    id: str
    number: int
    owner: PartyId
    published_at_us: int
    need: Need


class NeedLine(Struct, frozen=True):
    """What was done."""

    act: NeedAct
    state: NeedState
    reason: str
    at_us: int


def is_need_id(text: str) -> bool:
    """Tell whether `text` may name a need."""
    return _ID.fullmatch(text) is not None


def day_of(at_us: int) -> str:
    """Return the calendar day of an instant in Asia/Shanghai."""
    return datetime.fromtimestamp(at_us // 1_000_000, _SHANGHAI).date().isoformat()


def end_of_day_us(day: str) -> int:
    """Return the instant at which an ISO day ends in Asia/Shanghai (24:00)."""
    end = datetime.fromisoformat(day).replace(tzinfo=_SHANGHAI) + timedelta(days=1)
    return int(end.timestamp()) * 1_000_000


class Needs:
    """All needs."""

    def __init__(
        self, pool: asyncpg.Pool, publish: Publish, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000
    ) -> None:
        self._pool = pool
        self._publish = publish
        self._now_us = now_us

    async def create(self, owner: PartyId, author: str, need: Need) -> str:
        """Keep a new draft and return its id.

        Raises:
            NeedRefused: a text is too long.
            TooManyNeeds: the owner has as many as he may.
        """
        if found := bounds_of(need):
            raise NeedRefused("problems", found)
        need_id = "need-" + secrets.token_hex(6)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUERIES["lock_owner"], owner)
            if await connection.fetchval(_QUERIES["count_open"], owner) >= OPEN_MAX:
                raise TooManyNeeds
            await connection.execute(
                _QUERIES["create"], need_id, owner, author, NeedState.DRAFT.value, _body(need), self._now_us()
            )
        return need_id

    async def read(self, need_id: str) -> OwnNeed | None:
        """Return a need as its owner sees it."""
        row = await self._pool.fetchrow(_QUERIES["read"], need_id)
        return None if row is None else _own(row)

    async def save(self, need_id: str, need: Need, version: int, author: str) -> int | None:
        """Save over the draft version that was read; None if a newer one stands there, or it cannot be written to now.

        Raises:
            NeedRefused: a text is too long.
        """
        if found := bounds_of(need):
            raise NeedRefused("problems", found)
        saved: int | None = await self._pool.fetchval(
            _QUERIES["save"], need_id, _body(need), author, self._now_us(), version, _EDITABLE
        )
        return saved

    async def act(
        self, need_id: str, act: NeedAct, *, actors: frozenset[NeedActor], account: str, reason: str = ""
    ) -> OwnNeed | None:
        """Do something with a need; None if there is none of this id.

        Raises:
            NeedRefused: not in this state, not by this actor, without the reason it needs, or not complete.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_QUERIES["lock"], need_id)
            if row is None:
                return None
            own, now_us, reason = _own(row), self._now_us(), reason.strip()
            step = NEED_STEPS.get((own.state, act))
            if step is None:
                raise NeedRefused("state")
            if not step.who & actors:
                raise NeedRefused("actor")
            if len(reason) > REASON_MAX or (step.reason and not reason):
                raise NeedRefused("reason")
            if act in (NeedAct.SUBMIT, NeedAct.PUBLISH) and (found := need_problems(own.need, day_of(now_us))):
                raise NeedRefused("problems", found)
            number = own.published
            expires_at_us = None
            if act is NeedAct.PUBLISH:
                number += 1
                expires_at_us = end_of_day_us(own.need.deadline)
                body = _body(msgspec.structs.replace(own.need, contact=""))
                await connection.execute(_QUERIES["insert_version"], own.id, number, own.owner, now_us, body)
                await self._publish(connection, Kind.NEED, own.id, number)
            elif own.state is NeedState.PUBLISHED:
                await self._publish(connection, Kind.NEED, own.id, None)
            await connection.execute(_QUERIES["move"], own.id, step.to.value, now_us, number, expires_at_us)
            await connection.execute(_QUERIES["insert_act"], own.id, act.value, step.to.value, account, reason, now_us)
            if NeedActor.AUTHOR not in actors:
                await tell(connection, [_notice(own, act, reason, now_us)], now_us)
            after = await connection.fetchrow(_QUERIES["read"], own.id)
        assert after is not None, "it was locked"
        return _own(after)

    async def expire(self) -> int:
        """End the needs whose last day has passed; return how many."""
        rows = await self._pool.fetch(_QUERIES["expired"], self._now_us(), PAGE_MAX)
        for row in rows:
            try:
                await self.act(row["id"], NeedAct.EXPIRE, actors=frozenset({NeedActor.CLOCK}), account="clock")
            except NeedRefused:
                continue  # its author was quicker
        return len(rows)

    async def of_owner(self, owner: PartyId, after: str = "", limit: int = 50) -> tuple[list[OwnNeed], str | None]:
        """Return an owner's needs, last saved first, and where the next page begins."""
        return await self._page("of_owner", owner, after, limit, lambda row: -row["saved_at_us"])

    async def in_state(self, state: NeedState, after: str = "", limit: int = 50) -> tuple[list[OwnNeed], str | None]:
        """Return the needs in a state, who has waited longest first."""
        return await self._page("in_state", state.value, after, limit, lambda row: row["state_at_us"])

    async def acts(self, need_id: str) -> list[NeedLine]:
        """Return what was done, newest first."""
        rows = await self._pool.fetch(_QUERIES["acts"], need_id, PAGE_MAX)
        return [NeedLine(NeedAct(row["act"]), NeedState(row["state"]), row["reason"], row["at_us"]) for row in rows]

    async def public(self, need_id: str) -> PublicNeed | None:
        """Return the version that is public now."""
        rows = await self._pool.fetch(_QUERIES["public"], [need_id])
        return _public(rows[0]) if rows else None

    async def _page(
        self, query: str, key: str, after: str, limit: int, value: Callable[[Any], int]
    ) -> tuple[list[OwnNeed], str | None]:
        limit = max(1, min(limit, PAGE_MAX))
        text, _, one = after.partition("~")
        begins = (int(text), one) if re.fullmatch(r"-?[0-9]{1,18}", text) and is_need_id(one) else (-(2**62), "")
        rows = await self._pool.fetch(_QUERIES[query], key, *begins, limit + 1)
        following = f"{value(rows[limit - 1])}~{rows[limit - 1]['id']}" if len(rows) > limit else None
        return [_own(row) for row in rows[:limit]], following


async def load_needs(connection: Any, wanted: Sequence[tuple[str, int]]) -> list[Entry]:
    """Loader of the search feed."""
    rows = await connection.fetch(_QUERIES["versions_of"], [one for one, _ in wanted], [number for _, number in wanted])
    return [need_entry(_public(row)) for row in rows]


def need_entry(public: PublicNeed) -> Entry:
    """Return what is searched of a need."""
    need = public.need
    return Entry(
        kind=Kind.NEED,
        id=public.id,
        version=public.number,
        owner=public.owner,
        title_zh=need.title,
        abstract_zh=need.problem,
        more=need.indicators,
        holder_zh=need.company,
        fields=(need.field,) if need.field else (),
        industry=need.industry,
        region=need.region,
        trl=need.trl_min,
        modes=tuple(mode.value for mode in need.modes),
        price_fen=need.budget_max_fen or need.budget_min_fen,
        published_at_us=public.published_at_us,
    )


def _notice(own: OwnNeed, act: NeedAct, reason: str, at_us: int) -> NewNotice:
    return NewNotice(
        party=own.owner,
        once=f"{own.id}/{act.value}/{at_us}",
        about=f"need_{act.value.lower()}",
        link=f"/me/needs/{own.id}",
        data={"title": own.need.title, "title_en": own.need.title, "reason": reason},
    )


def _body(need: Need) -> bytes:
    return msgspec.json.encode(need)


def _own(row: asyncpg.Record) -> OwnNeed:
    return OwnNeed(
        id=row["id"],
        owner=PartyId(row["owner"]),
        state=NeedState(row["state"]),
        need=_DECODER.decode(row["body"]),
        draft_version=row["draft_version"],
        saved_at_us=row["saved_at_us"],
        state_at_us=row["state_at_us"],
        published=row["published"],
    )


def _public(row: asyncpg.Record) -> PublicNeed:
    return PublicNeed(
        id=row["id"],
        number=row["number"],
        owner=PartyId(row["owner"]),
        published_at_us=row["published_at_us"],
        need=_DECODER.decode(row["body"]),
    )
