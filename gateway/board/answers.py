"""Answers of the board that are the same for everybody: rendered once for each revision and day, then handed out with an ETag.

The board is read by many and changes seldom. What a reader gets depends on the address, the language and the revision of the
board, on nothing of himself: no cookie is set, no name shown. So an answer is kept until the revision or the day in Asia/Shanghai
moves (day n of 15 is in it). The revision is asked of the database at most every `REVISION_S`, whatever the number of readers, so a
board served by several processes is the same on each a moment later.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from aiohttp import hdrs, web
from msgspec import Struct

from engine.calendar import day_of
from engine.values import InstantUs
from gateway.http.metrics import Metrics

KEPT_MAX: Final = 512
"""Answers kept; the one unasked for longest goes."""
BYTES_MAX: Final = 64 * 1024 * 1024
REVISION_S: Final = 0.5
GZIP_FROM: Final = 1_024
CACHE: Final = "public, max-age=1, must-revalidate"
"""A proxy in front may answer a crowd for a second; then it asks again, which the ETag makes cheap. Nobody sees yesterday's board."""


class Rendered(Struct, frozen=True, kw_only=True):
    """What a handler made."""

    body: bytes
    content_type: str
    modified_us: int | None = None
    """When the newest thing in it changed; None for no Last-Modified."""
    headers: dict[str, str] = {}
    status: int = 200


_Version = tuple[int, int, int]
"""Revision of the board, day in Asia/Shanghai, moment."""


class _Kept(Struct, frozen=True):
    version: _Version
    rendered: Rendered
    packed: bytes | None
    etag: str

    @property
    def size(self) -> int:
        return len(self.rendered.body) + len(self.packed or b"")


class Answers:
    """Rendered answers by address and language."""

    def __init__(
        self, revision: Callable[[], Awaitable[int]], now_us: Callable[[], InstantUs | int], metrics: Metrics
    ) -> None:
        self._revision = revision
        self._now_us = now_us
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._size = 0
        self._making: dict[tuple[str, _Version], asyncio.Future[_Kept]] = {}
        self._known: tuple[float, int] = (-1.0, 0)
        self._asking: asyncio.Future[int] | None = None
        self._counts = metrics.board_answers

    async def answer(
        self, request: web.Request, key: str, make: Callable[[], Awaitable[Rendered]], *, moment: int = 0
    ) -> web.Response:
        """Return the answer of an address: kept, or made now; 304 for a reader who has it already.

        Args:
            request: For its conditions and encodings.
            key: Address, filters in their canonical order, and language: what the bytes depend on beside the board.
            make: Renders it; failures are not kept.
            moment: Moves where the answer ages by itself: what was made at another moment is made anew.
        """
        kept = await self._find(key, moment, make)
        packed = kept.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
        etag = f'"{kept.etag}-gz"' if packed else f'"{kept.etag}"'
        headers: dict[str, str] = {
            hdrs.CACHE_CONTROL: CACHE,
            hdrs.ETAG: etag,
            # An address that names its language is the same for everybody, whatever he prefers.
            hdrs.VARY: "Accept-Encoding" if request.query.get("lang") else "Accept-Encoding, Accept-Language, Cookie",
            **kept.rendered.headers,
        }
        modified_us = kept.rendered.modified_us
        if modified_us is not None:
            headers[hdrs.LAST_MODIFIED] = _http_date(modified_us)
        if kept.rendered.status == 200 and _has_it(request, kept.etag, modified_us):
            self._counts.labels("not_modified").inc()
            return web.Response(status=304, headers=headers)
        if packed:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = kept.packed if packed else kept.rendered.body
        return web.Response(
            body=body, status=kept.rendered.status, headers={**headers, hdrs.CONTENT_TYPE: kept.rendered.content_type}
        )

    async def _find(self, key: str, moment: int, make: Callable[[], Awaitable[Rendered]]) -> _Kept:
        version = (await self._current(), day_of(InstantUs(self._now_us())), moment)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version:
            self._kept.move_to_end(key)
            self._counts.labels("kept").inc()
            return kept
        making = self._making.get((key, version))
        if making is None:
            making = self._making[(key, version)] = asyncio.ensure_future(self._make(key, version, make))
            making.add_done_callback(lambda done: self._made(key, version, done))
        # Shielded: a reader who leaves does not take the answer away from the others who wait for it.
        return await asyncio.shield(making)

    def _made(self, key: str, version: _Version, done: asyncio.Future[_Kept]) -> None:
        self._making.pop((key, version), None)
        if not done.cancelled():
            done.exception()  # whoever still waits gets it; if all have left, nobody has to

    async def _make(self, key: str, version: _Version, make: Callable[[], Awaitable[Rendered]]) -> _Kept:
        rendered = await make()
        self._counts.labels("made").inc()
        packed = gzip.compress(rendered.body, 6, mtime=0) if len(rendered.body) >= GZIP_FROM else None
        kept = _Kept(version, rendered, packed, hashlib.sha256(rendered.body).hexdigest()[:32])
        old = self._kept.pop(key, None)
        self._size += kept.size - (old.size if old is not None else 0)
        self._kept[key] = kept
        while len(self._kept) > KEPT_MAX or (self._size > BYTES_MAX and len(self._kept) > 1):
            _, dropped = self._kept.popitem(last=False)
            self._size -= dropped.size
        return kept

    async def _current(self) -> int:
        loop = asyncio.get_running_loop()
        asked_s, revision = self._known
        if loop.time() - asked_s < REVISION_S:
            return revision
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(lambda _: setattr(self, "_asking", None))
        return await asyncio.shield(self._asking)

    async def _ask(self) -> int:
        revision = await self._revision()
        self._known = (asyncio.get_running_loop().time(), revision)
        return revision


def _has_it(request: web.Request, etag: str, modified_us: int | None) -> bool:
    given = request.headers.get(hdrs.IF_NONE_MATCH)
    if given is not None:  # it decides alone (RFC 9110 §13.2.2)
        return given.strip() == "*" or any(
            tag.strip().removeprefix("W/").strip('"').removesuffix("-gz") == etag for tag in given.split(",")
        )
    since = request.headers.get(hdrs.IF_MODIFIED_SINCE)
    if since is None or modified_us is None:
        return False
    try:
        return modified_us // 1_000_000 <= parsedate_to_datetime(since).timestamp()
    except (TypeError, ValueError):
        return False


def _http_date(at_us: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_us // 1_000_000, UTC), usegmt=True)
