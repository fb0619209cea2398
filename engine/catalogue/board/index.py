"""The board's read model: consumers of the log that write "the row that the subject's state has now", so twice changes nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from engine.calendar import Calendar
from engine.catalogue.board.entries import (
    BoardEntry,
    EntryKind,
    entry_of_notice,
    entry_of_result,
    entry_of_row,
    row_of,
)
from engine.journal.follower import Connection, StreamFollower, states_of
from engine.journal.queries import load_queries
from engine.journal.streams import LISTINGS, LOTS, NOTICES
from engine.rules.auction.state import LotState
from engine.rules.listing.state import ListingState
from engine.rules.publicity.state import NoticeState
from engine.rules.results import listing_results, lot_result
from engine.rules.words import Query
from engine.values import (
    LISTING_SHARDS,
    NOTICE_SHARDS,
    SHARDS,
    ListingId,
    LotId,
    NoticeId,
)

PAGE_MAX: Final = 100
RUNNING_MAX: Final = 5_000
"""Notices that run at the same time and are probed and rotated; beyond it the log says so."""
FOR_EVER_US: Final = 2**62
_QUERIES: Final = load_queries(Path(__file__).parent / "queries.sql")
_POSITION: Final = re.compile(r"([0-9]{1,18})~([a-z]+/[a-z0-9./-]{1,60})")
log = logging.getLogger(__name__)


class BoardPage(msgspec.Struct, frozen=True):
    """A page of the board; `next` continues it, None at the end."""

    entries: list[BoardEntry]
    next: str | None


class Board:
    """What is on the board, and the consumers that keep it so."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        calendar: Callable[[], Calendar],
        lots: Callable[[LotId], Awaitable[LotState | None]],
        listings: Callable[[ListingId], Awaitable[ListingState | None]],
        notices: Callable[[NoticeId], Awaitable[NoticeState | None]],
    ) -> None:
        self._pool = pool
        self._calendar = calendar
        self._lots = states_of(LOTS, lots, LotId)
        self._listings = states_of(LISTINGS, listings, ListingId)
        self._notices = states_of(NOTICES, notices, NoticeId)
        self.lots = StreamFollower(pool, "board-lots", range(SHARDS), self._lot_rows, self._write)
        self.listings = StreamFollower(pool, "board-listings", LISTING_SHARDS, self._listing_rows, self._write)
        self.notices = StreamFollower(pool, "board-notices", NOTICE_SHARDS, self._notice_rows, self._write)

    async def catch_up(self) -> None:
        """Take what was committed before; the board is complete when it returns."""
        for follower in (self.lots, self.listings, self.notices):
            await follower.catch_up()

    async def search(
        self,
        query: Query,
        *,
        field: str = "",
        region: str = "",
        mode: str = "",
        kinds: Sequence[str] = (),
        states: Sequence[str] = (),
        seller: str = "",
        from_us: int = 0,
        to_us: int = FOR_EVER_US,
        after: str = "",
        limit: int = 20,
    ) -> BoardPage:
        """Return a page of the board, newest first.

        Args:
            query: Words that must all occur, from `engine.rules.words.parse`.
            field: Technical field code, empty for all.
            region: GB/T 2260; a code ending in 00 is a whole league or city, in 0000 a province. Empty for all.
            mode: What the buyer gets, empty for all.
            kinds: Of `EntryKind`, empty for all.
            states: States to keep, empty for all.
            seller: Id of an institution, empty for all.
            from_us: Published at or after this instant.
            to_us: Published before this instant.
            after: `next` of the page before; what is no position starts from the beginning.
            limit: At most this many, 1..100.
        """
        limit = max(1, min(limit, PAGE_MAX))
        rows = await self._pool.fetch(
            _QUERIES["search"], list(query.terms), list(query.phrases), field, region_pattern(region), mode, list(kinds),
            list(states), seller, from_us, to_us, *_position(after), limit + 1,
        )  # fmt: skip
        return _page(rows, limit, "published_at_us")

    async def changed(
        self, *, seller: str = "", region: str = "", kinds: Sequence[str] = (), after: str = "", limit: int = 50
    ) -> BoardPage:
        """Return a page for a feed: what changed last comes first. Arguments as in `search`."""
        limit = max(1, min(limit, PAGE_MAX))
        rows = await self._pool.fetch(
            _QUERIES["changed"], seller, region_pattern(region), list(kinds), *_position(after), limit + 1
        )
        return _page(rows, limit, "changed_at_us")

    async def read(self, entry: str) -> BoardEntry | None:
        """Return one line of the board."""
        row = await self._pool.fetchrow(_QUERIES["by_entry"], entry)
        return None if row is None else entry_of_row(row)

    async def standing(self, kind: EntryKind, states: Sequence[str], limit: int = RUNNING_MAX) -> list[BoardEntry]:
        """Return the lines of a kind that stand in these states, soonest end first."""
        rows = await self._pool.fetch(_QUERIES["of_kind_in_states"], kind.value, list(states), limit)
        if len(rows) == RUNNING_MAX:
            log.warning("board_running_cut", extra={"limit": RUNNING_MAX})
        return [entry_of_row(row) for row in rows]

    async def latest_deals(self, limit: int) -> list[BoardEntry]:
        """Return the deals struck last, newest first."""
        return [entry_of_row(row) for row in await self._pool.fetch(_QUERIES["latest_deals"], limit)]

    async def counts(self) -> dict[tuple[str, str], int]:
        """Return how many lines there are by (kind, state)."""
        return {(row["kind"], row["state"]): row["entries"] for row in await self._pool.fetch(_QUERIES["counts"])}

    async def revision(self) -> int:
        """Return the number that every change of the board moves."""
        revision: int = await self._pool.fetchval(_QUERIES["revision"])
        return revision

    async def _lot_rows(self, streams: Sequence[str]) -> list[BoardEntry]:
        found = []
        for state in await self._lots(streams):
            result = lot_result(state, self._calendar())
            if result is not None:
                found.append(entry_of_result(result, EntryKind.AUCTION, state.seq, state.last_at_us, ""))
        return found

    async def _listing_rows(self, streams: Sequence[str]) -> list[BoardEntry]:
        states = [state for state in await self._listings(streams) if state.deals]
        titles = await self.mongolian_titles([state.subject.achievement_id for state in states])
        return [
            entry_of_result(
                result, EntryKind.LISTING, state.seq, state.last_at_us, titles.get(result.achievement_id, "")
            )
            for state in states
            for result in listing_results(state, self._calendar())
        ]

    async def _notice_rows(self, streams: Sequence[str]) -> list[BoardEntry]:
        states = await self._notices(streams)
        return [entry for state in states if (entry := entry_of_notice(state)) is not None]

    async def mongolian_titles(self, achievement_ids: Sequence[str]) -> dict[str, str]:
        """Return the titles in Mongolian of those achievements that have one in their public version."""
        rows = await self._pool.fetch(_QUERIES["mongolian_titles"], list(achievement_ids)) if achievement_ids else []
        found = {row["id"]: str(msgspec.json.decode(row["body"]).get("title_mn", "")) for row in rows}
        return {achievement_id: title for achievement_id, title in found.items() if title}

    async def _write(self, connection: Connection, entries: list[BoardEntry]) -> None:
        if entries:
            await connection.executemany(_QUERIES["upsert"], [row_of(entry) for entry in entries])
            await connection.execute(_QUERIES["touch"])


def region_pattern(code: str) -> str:
    """Return the LIKE pattern of a GB/T 2260 code: with what lies in it where it ends in 00. Empty for what is no code."""
    if not re.fullmatch(r"[0-9]{2,6}", code):
        return ""
    return f"{code[:2] if code.endswith('0000') else code[:4] if code.endswith('00') else code}%"


def _page(rows: Sequence[asyncpg.Record], limit: int, ordered_by: str) -> BoardPage:
    entries = [entry_of_row(row) for row in rows[:limit]]
    more = len(rows) > limit
    return BoardPage(entries, f"{rows[limit - 1][ordered_by]}~{rows[limit - 1]['entry']}" if more else None)


def _position(after: str) -> tuple[int, str]:
    found = _POSITION.fullmatch(after)
    return (int(found[1]), found[2]) if found else (FOR_EVER_US, "")
