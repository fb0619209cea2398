"""Voiding a session that has bids takes two people: one asks with a ground and a reason, another confirms within a day.

The grounds are those of 网络司法拍卖规定 art. 31. A session without a bid is voided by one person: nobody's bid is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from engine.journal.queries import load_queries
from engine.rules.auction.state import LotState
from engine.values import LotId, PartyId
from gateway.errors import Code, Refused

VALID_US: Final = 24 * 3_600_000_000
"""A request that nobody confirmed within this runs out; rule of the market."""
REASON_MAX: Final = 400
LIST_MAX: Final = 50
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


class VoidGround(StrEnum):
    """Why a session may be annulled (art. 31), in the order of the article."""

    FALSE_DESCRIPTION = "false_description"
    SYSTEM_FAILURE = "system_failure"
    """Failure, virus, attack or wrong data."""
    COLLUSION = "collusion"
    INELIGIBLE_BUYER = "ineligible_buyer"
    UNLAWFUL_RESTRICTION = "unlawful_restriction"
    OTHER_BREACH = "other_breach"


_PUBLISHED: Final = {
    VoidGround.FALSE_DESCRIPTION: "说明严重失实",
    VoidGround.SYSTEM_FAILURE: "系统故障、病毒、攻击或数据错误",
    VoidGround.COLLUSION: "恶意串通",
    VoidGround.INELIGIBLE_BUYER: "买受人不具备竞买资格",
    VoidGround.UNLAWFUL_RESTRICTION: "违法限制竞买或差别对待",
    VoidGround.OTHER_BREACH: "其他严重违反程序",
}


class VoidRequest(Struct, frozen=True):
    """A request to void. `outcome`: None while open, else `confirmed`, `refused` or `expired`; people are login ids, for staff only."""

    id: UUID
    lot: str
    ground: VoidGround
    reason: str
    asked_by: str
    asked_at_us: int
    expires_at_us: int
    outcome: str | None
    ended_by: str | None
    ended_at_us: int | None

    @property
    def published(self) -> str:
        """The reason as the lot's record shows it."""
        return published(self.ground, self.reason)


def published(ground: VoidGround, reason: str) -> str:
    """Return ground and reason as the lot's record shows them: the ground with its place in the article, then the words."""
    place = list(VoidGround).index(ground) + 1
    return f"{_PUBLISHED[ground]}（第三十一条第{place}项 / art. 31({place})）：{reason}"


def needs_second_person(state: LotState) -> bool:
    """Tell whether voiding would undo what somebody bid: an open bid, a taking or a sealed envelope."""
    play = state.play
    return state.leader is not None or (play is not None and bool(play.takings or play.envelopes))


class VoidRequests:
    """All requests, ended ones too."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def ask(self, request_id: UUID, lot: LotId, ground: VoidGround, reason: str, login: PartyId) -> VoidRequest:
        """Record a request.

        Raises:
            Refused: CONFLICT: another one is open for this lot, or the id was used for something else.
        """
        now_us, reason = self._now_us(), reason.strip()
        await self._pool.execute(_QUERIES["expire_void_requests"], lot, now_us)
        await self._pool.execute(
            _QUERIES["ask_void"], request_id, lot, ground.value, reason, login, now_us, now_us + VALID_US
        )
        found = await self.read(request_id, lot)
        if found is None or (found.ground, found.reason, found.asked_by) != (ground, reason, login):
            raise Refused(Code.CONFLICT)
        return found

    async def open_for(self, request_id: UUID, lot: LotId, login: PartyId) -> VoidRequest:
        """Return a request that this person may answer now.

        Raises:
            Refused: NOT_FOUND; WRONG_STATE: it ended; SECOND_PERSON_NEEDED: who asked does not answer.
        """
        await self._pool.execute(_QUERIES["expire_void_requests"], lot, self._now_us())
        found = await self.read(request_id, lot)
        if found is None:
            raise Refused(Code.NOT_FOUND)
        if found.outcome is not None:
            raise Refused(Code.WRONG_STATE, state=found.outcome)
        if found.asked_by == login:
            raise Refused(Code.SECOND_PERSON_NEEDED)
        return found

    async def end(self, request_id: UUID, outcome: str, login: PartyId) -> None:
        """Record how a request ended; the first answer stands."""
        await self._pool.execute(_QUERIES["end_void"], request_id, outcome, login, self._now_us())

    async def read(self, request_id: UUID, lot: LotId) -> VoidRequest | None:
        """Return one request of a lot."""
        row = await self._pool.fetchrow(_QUERIES["read_void"], request_id, lot)
        return None if row is None else _request(row)

    async def of_lot(self, lot: LotId) -> list[VoidRequest]:
        """Return the requests of a lot, newest first."""
        await self._pool.execute(_QUERIES["expire_void_requests"], lot, self._now_us())
        return [_request(row) for row in await self._pool.fetch(_QUERIES["list_void"], lot, LIST_MAX)]


def _request(row: asyncpg.Record) -> VoidRequest:
    return VoidRequest(**{**dict(row), "ground": VoidGround(row["ground"])})
