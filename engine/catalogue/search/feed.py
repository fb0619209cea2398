"""From published to searchable. The transaction that publishes leaves a row in the outbox; this consumer indexes what waits there.

Why not index in the publishing transaction itself: a version touches some 250 rows of the index under one lock, and an import of
100,000 would touch them one version at a time. In batches it is 30 times less work, and nobody waits for it. Why not a cursor: numbers
of versions become visible in another order than they are given out. The row of the outbox is deleted in the transaction that indexes
and tells the saved searches, so each version acts exactly once, whenever anything dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from engine.catalogue.achievements.versions import AchievementId, Version, record_of
from engine.catalogue.search.entries import Entry, Kind
from engine.catalogue.search.index import QUERIES, add, retire
from engine.rules.achievement.disclosure import public_part
from engine.rules.achievement.record import Achievement

BATCH: Final = 2_048
"""Versions indexed in one transaction: as long as another writer of the index waits."""
PAUSE_S: Final = 1.0
"""Another process may have published: looked for this often without being woken."""

Loader = Callable[[Any, Sequence[tuple[str, int]]], Awaitable[list[Entry]]]
"""Reads versions (id, number) of one kind in the transaction of the index; those that do not exist are left out."""
Listener = Callable[[Any, Sequence[Entry]], Awaitable[None]]

log = logging.getLogger(__name__)


class SearchFeed:
    """The consumer."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        loaders: Mapping[Kind, Loader],
        listeners: Sequence[Listener] = (),
        batch: int = BATCH,
    ) -> None:
        self._pool = pool
        self._loaders = loaders
        self._listeners = listeners
        self._batch = batch
        self._wake = asyncio.Event()

    async def achievement(self, connection: Any, achievement_id: AchievementId, version: Version | None) -> None:
        """Projection of `Achievements`: note in its transaction what is public from now on."""
        await self.enqueue(connection, Kind.ACHIEVEMENT, achievement_id, None if version is None else version.number)

    async def enqueue(self, connection: Any, kind: Kind, subject: str, version: int | None) -> None:
        """Note that a version is to be found, or, with None, that nothing of the subject is any more."""
        act = "remove" if version is None else "publish"
        await connection.execute(QUERIES["enqueue"], kind.value, subject, version or 0, act)
        self._wake.set()

    async def follow(self) -> None:
        """Consume for ever."""
        while True:
            self._wake.clear()
            try:
                await self.catch_up()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                log.warning("search_behind", exc_info=True)
                await asyncio.sleep(PAUSE_S)
            try:
                async with asyncio.timeout(PAUSE_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def catch_up(self) -> int:
        """Index everything that waits; return how many rows of the outbox were done."""
        done = 0
        while turn := await self._turn():
            done += turn
        return done

    async def _turn(self) -> int:
        # Looked at without the lock first: most of the time nothing waits.
        if not await self._pool.fetch(QUERIES["waiting"], 1):
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock_index"])
            rows = await connection.fetch(QUERIES["waiting"], self._batch)
            last = {(row["kind"], row["id"]): row for row in rows}
            gone = [key for key, row in last.items() if row["act"] == "remove"]
            entries: list[Entry] = []
            for kind, load in self._loaders.items():
                wanted = [
                    (row["id"], row["version"])
                    for row in last.values()
                    if row["kind"] == kind and row["act"] != "remove"
                ]
                entries += await load(connection, wanted) if wanted else []
            if gone:
                await retire(connection, gone)
            await add(connection, entries)
            for listener in self._listeners:
                await listener(connection, entries)
            await connection.execute(QUERIES["done_waiting"], [row["place"] for row in rows])
        return len(rows)


async def load_achievements(connection: Any, wanted: Sequence[tuple[str, int]]) -> list[Entry]:
    """Loader of achievements."""
    rows = await connection.fetch(
        QUERIES["achievement_versions"], [one for one, _ in wanted], [number for _, number in wanted]
    )
    return [
        achievement_entry(row["id"], row["number"], row["owner"], record_of(row["body"]), row["published_at_us"])
        for row in rows
    ]


def achievement_entry(subject: str, version: int, owner: str, record: Achievement, at_us: int) -> Entry:
    """Return what is searched of an achievement: its public part."""
    seen = public_part(record)
    return Entry(
        kind=Kind.ACHIEVEMENT,
        id=subject,
        version=version,
        owner=owner,
        title_zh=seen.title_zh,
        title_en=seen.title_en,
        keywords=seen.keywords,
        abstract_zh=seen.abstract_zh,
        abstract_en=seen.abstract_en,
        more=(
            *seen.scenes,
            *(f"{one.name} {one.value}" for one in seen.indicators),
            *(one.number for one in seen.rights),
        ),
        holder_zh=seen.holder_zh,
        holder_en=seen.holder_en,
        holder_kind="" if seen.holder_kind is None else seen.holder_kind.value,
        fields=seen.fields,
        industry=seen.industry,
        region=seen.region,
        trl=seen.trl,
        modes=tuple(mode.value for mode in seen.modes),
        published_at_us=at_us,
    )
