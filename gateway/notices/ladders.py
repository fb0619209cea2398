"""Ladders of amounts: who in an institution approves which agreement. Every version is kept with its author and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.journal.queries import load_queries
from engine.rules.publicity.checking import ladder_problems
from engine.rules.publicity.terms import Body, Ladder, Rung
from engine.values import Amount, PartyId
from gateway.errors import Code, Refused

HISTORY_MAX: Final = 100
QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
PROPOSED: Final = Ladder(
    version=0,
    bodies=(
        Body(code="office", name_zh="科技管理部门", name_en="S&T office"),
        Body(code="vice_president", name_zh="分管校（院）领导", name_en="Vice-president in charge"),
        Body(code="meeting", name_zh="校（院）长办公会", name_en="President's meeting", collective=True),
    ),
    rungs=(
        Rung(up_to=Amount(200_000_000), bodies=("office",)),
        Rung(up_to=Amount(500_000_000), bodies=("office", "vice_president")),
        Rung(up_to=None, bodies=("office", "vice_president", "meeting")),
    ),
    related_bodies=("meeting",),
)
"""What stands in the form until an institution has set its own: the steps of one university [P-YZU], 2 and 5 million yuan."""


class LadderVersion(Struct, frozen=True):
    """One version with its history."""

    ladder: Ladder
    author: str
    reason: str
    made_at_us: int


class Ladders:
    """The ladders of all institutions."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int]) -> None:
        self._pool = pool
        self._now_us = now_us

    async def of(self, party: PartyId) -> Ladder:
        """Return the ladder in force; the proposed one (version 0) where none was set."""
        history = await self.history(party, 1)
        return history[0].ladder if history else PROPOSED

    async def history(self, party: PartyId, limit: int = HISTORY_MAX) -> list[LadderVersion]:
        """Return the versions, newest first."""
        return [
            LadderVersion(
                msgspec.json.decode(row["ladder"], type=Ladder), row["author"], row["reason"], row["made_at_us"]
            )
            for row in await self._pool.fetch(QUERIES["ladder"], party, limit)
        ]

    async def set(self, party: PartyId, ladder: Ladder, author: str, reason: str) -> Ladder:
        """Put a new version in force; notices that were handed in keep theirs.

        Raises:
            Refused: MALFORMED with `fields`; CONFLICT: somebody set one meanwhile.
        """
        problems = ladder_problems(ladder)
        if problems:
            raise Refused(Code.MALFORMED, fields=", ".join(problems))
        made = replace(ladder, version=(await self.of(party)).version + 1)
        body = msgspec.json.encode(made).decode()
        kept = await self._pool.fetchval(
            QUERIES["set_ladder"], party, made.version, body, author, reason, self._now_us()
        )
        if kept is None:
            raise Refused(Code.CONFLICT)
        return made
