"""The evidence page of a notice: how its period is covered by looks of the prober, day by day, with gaps and digests."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from engine.rules.publicity.shown import record_digest
from gateway.board.availability import contents, day_rows, longest_us, period_of
from gateway.errors import Code, Refused
from gateway.pages.board import MINUTE_US, answer_page, find_notice, notice_asked, render_board
from gateway.pages.board_asking import read_board
from gateway.services import SERVICES

HOLES_SHOWN: Final = 100
CONTENTS_SHOWN: Final = 50


async def show_availability(request: web.Request) -> web.Response:
    """GET /board/notices/{notice}/availability."""
    services, asked, notice_id = request.app[SERVICES], read_board(request), notice_asked(request)

    async def make(language: str) -> tuple[str, int | None]:
        notice = await find_notice(services, notice_id)
        period = await period_of(services, notice)
        sightings = await services.sightings.of_notice(notice_id, period.from_us, period.to_us)
        text = render_board(
            "board/availability.html",
            language,
            f"/board/notices/{notice_id}/availability",
            asked,
            notice=notice,
            digest=record_digest(notice),
            period=period,
            days=day_rows(period.spans),
            holes=period.holes[-HOLES_SHOWN:],
            contents=contents(sightings)[-CONTENTS_SHOWN:],
            longest_us=longest_us(services.config),
            every_minutes=services.config.probe_minutes,
        )
        return text, None

    key = f"{request.path} {asked.lang}"
    return await answer_page(request, key, make, moment=services.now_us // MINUTE_US)


async def show_shown(request: web.Request) -> web.Response:
    """GET /board/shown/{digest}: what was shown under a digest, byte for byte, as text: it is evidence, not a page."""
    digest = request.match_info["digest"]
    body = await request.app[SERVICES].sightings.shown(digest) if len(digest) == 64 else None
    if body is None:
        raise Refused(Code.NOT_FOUND)
    # Plain text, never rendered: the bytes must be the ones that were hashed, and nothing in them may act.
    return web.Response(body=body, content_type="text/plain", charset="utf-8")


ROUTES = [
    web.get("/board/notices/{notice}/availability", show_availability),
    web.get("/board/shown/{digest}", show_shown),
]
