"""The wall display: a page for a screen in a hall, and the data that it asks for again and again."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import segno
from aiohttp import web

from engine.catalogue.board.entries import GROUPS, KINDS, READABLE, BoardEntry, EntryKind
from engine.catalogue.hall import HallLot, Sort
from gateway import formatting
from gateway.board.answers import Rendered
from gateway.board.showing import Row, rows_of
from gateway.pages.board import HTML
from gateway.pages.board_asking import language_asked
from gateway.pages.code_names import region_name
from gateway.pages.codes import field_name
from gateway.pages.i18n import catalogue
from gateway.pages.rendering import render, static_digest
from gateway.pages.room import embedded
from gateway.services import SERVICES, Services

NOTICES: Final = 120
SESSIONS: Final = 40
DEALS: Final = 12
FRESH_US: Final = 2_000_000
"""One answer serves all walls for this long."""
TURN_S: Final = range(4, 601)
TURN_DEFAULT_S: Final = 14
_SHOWN_PHASES: Final = ("open", "limited", "paused", "interrupted", "scheduled")
_TEXTS: Final = ("wall.", "phase.", "catalogue.mode.")


async def show_wall(request: web.Request) -> web.Response:
    """GET /wall: `turn` sets the seconds of a slide, 4 to 600."""
    services, language = request.app[SERVICES], language_asked(request)
    asked = request.query.get("turn", "")
    turn_s = int(asked) if asked.isdecimal() and len(asked) < 4 and int(asked) in TURN_S else TURN_DEFAULT_S

    async def make() -> Rendered:
        config = services.config
        data = {
            "assets": static_digest(),
            "turn_ms": turn_s * 1_000,
            "language": language,
            "data_address": f"/board/wall.json?lang={language}",
            "live_port": config.live_port,
            "live_public_url": config.live_public_url,
        }
        texts = {key: text for key, text in catalogue(language).items() if key.startswith(_TEXTS)}
        text = render("board/wall.html", language, wall_data=embedded(data), wall_texts=embedded(texts))
        return Rendered(body=text.encode(), content_type=HTML)

    return await services.board_answers.answer(request, f"{language} /wall {turn_s} {static_digest()}", make)


async def show_wall_data(request: web.Request) -> web.Response:
    """GET /board/wall.json."""
    services, language = request.app[SERVICES], language_asked(request)
    bucket = services.now_us // FRESH_US

    async def make() -> Rendered:
        body = json.dumps(await wall_data(services, language), ensure_ascii=False).encode()
        return Rendered(body=body, content_type="application/json")

    # The bucket is a part of the version, not of the address: one answer is kept, not one for each two seconds.
    return await services.board_answers.answer(request, f"{language} /board/wall.json", make, moment=bucket)


async def wall_data(services: Services, language: str) -> dict[str, Any]:
    """Return what a wall shows now."""
    running = await services.board.standing(EntryKind.NOTICE, READABLE, NOTICES)
    found = await services.hall.search(phases=_SHOWN_PHASES, sort=Sort.ENDING, limit=SESSIONS)
    counts = await services.board.counts()
    return {
        "assets": static_digest(),
        "at_us": services.now_us,
        "address": f"{services.config.public_address.partition('://')[2]}/board",
        "totals": {
            **{
                name: sum(number for (_, state), number in counts.items() if state in GROUPS[name])
                for name in ("running", "objected", "ended")
            },
            "deals": sum(number for (kind, _), number in counts.items() if kind in KINDS["deal"]),
        },
        "notices": [
            _notice(row, language, services.config.public_address)
            for row in await rows_of(services, running, services.now_us)
        ],
        "sessions": [_session(lot) for lot in found.lots],
        "deals": [_deal(entry) for entry in await services.board.latest_deals(DEALS)],
    }


@lru_cache(maxsize=4_096)
def qr_code(address: str) -> dict[str, Any]:
    """Return a QR code as its modules, row by row in one hexadecimal number: the wall draws it, with the network or without."""
    rows = segno.make_qr(address, error="m").matrix
    bits = "".join("1" if module else "0" for row in rows for module in row)
    return {"size": len(rows), "bits": f"{int(bits, 2):0{-(-len(bits) // 4)}x}"}


def _notice(row: Row, language: str, site: str) -> dict[str, Any]:
    entry, notice = row.entry, row.notice
    assert notice is not None, "only notices are asked for"
    return {
        "entry": entry.entry,
        "version": entry.version,
        "digest": row.digest,
        "group": row.group,
        "title_zh": entry.title_zh,
        "title_en": entry.title_en,
        "title_mn": entry.title_mn,
        "seller_zh": entry.seller_zh,
        "seller_en": entry.seller_en,
        "buyer": entry.buyer,
        "related": notice.related is not None,
        "mode": entry.mode,
        "price": str(entry.price),
        "currency": entry.currency,
        "exponent": entry.exponent,
        "field_name": field_name(entry.field, language) if entry.field else "",
        "region_name": region_name(entry.region, language),
        "day_no": notice.day_no,
        "days": notice.days,
        "days_left": notice.days_left,
        "ends_text": formatting.until(notice.ends_at_us),
        "objection_state": notice.objection_state,
        "demonstration": entry.demonstration,
        "code": qr_code(f"{site}{row.path}"),
    }


def _session(lot: HallLot) -> dict[str, Any]:
    return {
        "lot": lot.lot,
        "seq": lot.seq,
        "phase": lot.phase,
        "title_zh": lot.title_zh,
        "title_en": lot.title_en,
        "price": lot.price,
        "start_price": lot.start_price,
        "code": lot.currency,
        "exponent": lot.exponent,
        "bids": lot.bids,
        "closes_at_us": lot.ends_at_us,
    }


def _deal(entry: BoardEntry) -> dict[str, Any]:
    return {
        "entry": entry.entry,
        "title_zh": entry.title_zh,
        "title_en": entry.title_en,
        "price": str(entry.price),
        "code": entry.currency,
        "exponent": entry.exponent,
        "way": entry.way,
        "struck_at_us": entry.published_at_us,
    }


ROUTES = [web.get("/wall", show_wall), web.get("/board/wall.json", show_wall_data)]
