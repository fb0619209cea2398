"""One look at a public page, as a reader would get it: fetched over HTTP, judged by what it shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Final

import aiohttp
from msgspec import Struct

from engine.rules.availability.probing import Place, Problem, Sighting
from engine.values import DurationUs, InstantUs, NoticeId

LOOK_S: Final = 15.0
PAGE_BYTES_MAX: Final = 1_000_000
AT_ONCE: Final = 4
REGION: Final = re.compile(rb"<!--record ([0-9a-f]{64})-->(.*?)<!--/record-->", re.DOTALL)
"""How a page of the board marks the part that shows a record: the digest that it states, and the part itself."""
BOARD_MARK: Final = b'id="board-entries"'
PATHS: Final = {
    Place.PAGE: "/board/notices/{notice}?lang=zh",
    Place.WIDGET: "/board/widget?notice={notice}&lang=zh",
    Place.BOARD: "/board?lang=zh",
}

Expected = Callable[[NoticeId], Awaitable[str | None]]
"""The digest of the record that is published now; None if there is none any more."""


class Target(Struct, frozen=True):
    """A notice that must be readable, and the digest of its record."""

    notice: NoticeId
    record: str


class Seen(Struct, frozen=True):
    """A sighting, and the part of the page that showed the record."""

    sighting: Sighting
    body: bytes = b""


class Looker:
    """Fetches pages of one site."""

    def __init__(
        self, http: aiohttp.ClientSession, site: str, now_us: Callable[[], InstantUs], expected: Expected
    ) -> None:
        self._http = http
        self._site = site
        self._now_us = now_us
        self._expected = expected
        self._room = asyncio.Semaphore(AT_ONCE)

    async def round(self, targets: Sequence[Target]) -> list[Seen]:
        """Look at the board and at both places of every notice; return what was seen in order of time."""
        looks = [self._look(Place.BOARD, Target(NoticeId(""), ""))]
        looks += [self._look(place, target) for target in targets for place in (Place.PAGE, Place.WIDGET)]
        return sorted(await asyncio.gather(*looks), key=lambda seen: seen.sighting.at_us)

    async def _look(self, place: Place, target: Target) -> Seen:
        async with self._room:
            begun_us = self._now_us()
            status, body, problem = await self._fetch(self._site + PATHS[place].format(notice=target.notice))
            record, region = b"", b""
            if problem is Problem.NONE and place is Place.BOARD:
                problem = Problem.NONE if BOARD_MARK in body else Problem.NOT_SHOWN
            elif problem is Problem.NONE:
                found = REGION.search(body)
                record, region = (b"", b"") if found is None else (found[1], found[2])
                problem = await self._judge(target, record.decode())
            at_us = self._now_us()
            sighting = Sighting(
                place=place,
                notice=target.notice,
                at_us=at_us,
                took_us=DurationUs(at_us - begun_us),
                status=status,
                problem=problem,
                record=record.decode(),
                shown=sha256(region).hexdigest() if region else "",
            )
            return Seen(sighting, region)

    async def _judge(self, target: Target, record: str) -> Problem:
        if not record:
            return Problem.NOT_SHOWN
        # The notice may have got a new version, or have been withdrawn, since the list was made.
        if record == target.record or record == await self._expected(target.notice):
            return Problem.NONE
        return Problem.OTHER_RECORD

    async def _fetch(self, address: str) -> tuple[int, bytes, Problem]:
        try:
            async with (
                asyncio.timeout(LOOK_S),
                self._http.get(address, headers={"Cache-Control": "no-cache"}, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(PAGE_BYTES_MAX + 1)
                while len(body) <= PAGE_BYTES_MAX and (more := await answer.content.read(PAGE_BYTES_MAX + 1)):
                    body += more
        except TimeoutError:
            return 0, b"", Problem.TIMEOUT
        except (aiohttp.ClientError, OSError):
            return 0, b"", Problem.UNREACHABLE
        if len(body) > PAGE_BYTES_MAX:
            return answer.status, b"", Problem.TOO_LARGE
        return answer.status, body, Problem.NONE if answer.status == 200 else Problem.STATUS
