"""Keeps pages as they were shown: a consumer of the log that fetches the market's own public page at each decisive event.

The page is asked for over HTTP as anybody asks for it, kept byte for byte and signed with the time at which it was fetched. Nothing is
rendered again later. An event older than `TOO_OLD_US` (the market was down, or the consumer is new) is passed over: its page of now
would not be the page of then.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from engine.canonical import canonical_bytes
from engine.evidence.snapshots import Snapshot, sign_snapshot
from engine.journal.follower import Connection, Follower
from engine.journal.streams import LISTINGS, LOTS, NOTICES, StreamKind, kind_of
from engine.rules.auction.events import WIRE_NAMES
from engine.rules.listing.events import LISTING_WIRE_NAMES
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.values import ALL_SHARDS
from gateway.evidence.reading import QUERIES
from gateway.services import Services

MOMENTS: Final = frozenset(
    {
        "lot.published", "lot.session_published", "lot.sold", "lot.allocated", "lot.passed", "lot.voided", "lot.withdrawn",
        "listing.published", "listing.price_changed", "listing.revised", "listing.deal_struck", "listing.ended",
        "listing.withdrawn", "listing.terminated",
        "notice.published", "notice.typo_corrected", "notice.period_ended", "notice.certified", "notice.agreement_struck",
        "notice.withdrawn", "notice.terminated",
    }
)  # fmt: skip
"""Events at which the page is kept: the beginning, every change of what is offered, the end."""
_MOMENT_EVENTS: Final = frozenset(
    event for event, (name, _) in {**WIRE_NAMES, **LISTING_WIRE_NAMES, **NOTICE_WIRE_NAMES}.items() if name in MOMENTS
)
_PAGES: Final = {
    "lot": ("/lots/{}", "/api/v1/lots/{}"),
    "listing": ("/listings/{}", "/api/v1/listings/{}"),
    "notice": ("/board/notices/{}", "/board/notices/{}/record.json"),
}
TOO_OLD_US: Final = 86_400 * 1_000_000
PAGE_MAX: Final = 4 * 1024**2
FETCH_S: Final = 10.0
TRIES: Final = 4
"""A read model may be a moment behind the log: a page that is not there yet is asked for again."""
AGAIN_S: Final = 0.5

log = logging.getLogger(__name__)


class PageAway(ConnectionError):
    """The market's own page cannot be had now; the consumer tries again, until the event is too old."""


class SnapshotFollower:
    """The consumer; one at a time acts on an event, wherever it runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._base = f"http://{_reachable(services.config.host)}:{services.config.http_port}"
        self._follower = Follower(services.pool, "page_snapshots", ALL_SHARDS, self._fetch, self._keep, MOMENTS)
        engine = services.engine
        for kind, subscribe in (
            (LOTS, engine.subscribe),
            (LISTINGS, engine.listings.subscribe),
            (NOTICES, engine.notices.subscribe),
        ):
            subscribe(partial(self._notice, kind))

    async def run(self) -> None:
        """Consume for ever."""
        await self._follower.follow()

    async def catch_up(self) -> None:
        """Consume up to the head of the log."""
        await self._follower.catch_up()

    def _notice(self, kind: StreamKind, changes: Sequence[Any]) -> None:
        shards = {kind.shard_of(change.subject_id) for change in changes if type(change.event) in _MOMENT_EVENTS}
        if shards:
            self._follower.notice(shards)

    async def _fetch(self, rows: Sequence[asyncpg.Record]) -> list[tuple[Snapshot, bytes]]:
        found = []
        oldest_us = self._services.now_us - TOO_OLD_US
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_S)) as http:
            for row in rows:
                kind = kind_of(row["stream"])
                if kind is None or row["at_us"] < oldest_us:
                    continue
                subject = kind.subject(row["stream"])
                pages = _PAGES[row["type"].partition(".")[0]]
                found += [await self._one(http, row, page.format(subject)) for page in pages]
        return found

    async def _one(self, http: aiohttp.ClientSession, row: asyncpg.Record, url: str) -> tuple[Snapshot, bytes]:
        status, media_type, body = 0, "", b""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(AGAIN_S)
            status, media_type, body = await self._ask(http, url)
            if status == 200:
                break
        if not 200 <= status < 500:
            raise PageAway(f"{url}: {status}")
        snapshot = Snapshot(
            stream=row["stream"],
            moment=row["type"],
            seq=row["stream_seq"],
            event_at_us=row["at_us"],
            taken_at_us=self._services.now_us,
            url=url,
            status=status,
            media_type=media_type,
            size=len(body),
            sha256=sha256(body).hexdigest(),
        )
        return sign_snapshot(snapshot, self._services.signing_key), body

    async def _ask(self, http: aiohttp.ClientSession, url: str) -> tuple[int, str, bytes]:
        try:
            async with http.get(self._base + url, headers={"Accept-Language": "zh"}, allow_redirects=False) as response:
                return response.status, response.content_type, await response.content.read(PAGE_MAX)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PageAway(url) from error

    async def _keep(self, connection: Connection, pages: list[tuple[Snapshot, bytes]]) -> None:
        for snapshot, body in pages:
            statement = canonical_bytes(msgspec.to_builtins(snapshot))
            await connection.execute(
                QUERIES["keep_snapshot"], snapshot.stream, snapshot.seq, snapshot.url, statement, zlib.compress(body, 6)
            )


def _reachable(host: str) -> str:
    """Return an address at which this process reaches itself."""
    plain = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{plain}]" if ":" in plain else plain
