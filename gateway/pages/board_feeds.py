"""Feeds of the board, and the widget with which an institution shows the same record on its own site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from engine.catalogue.board.entries import KINDS, EntryKind
from engine.rules.publicity.shown import record_digest
from engine.values import NoticeId, is_notice_id
from gateway.board.answers import Rendered
from gateway.board.showing import row_of, rows_of
from gateway.errors import Code, Refused
from gateway.pages.board import HTML, find_notice, render_board
from gateway.pages.board_asking import BoardAsked, language_asked, read_board
from gateway.pages.board_feed_documents import FeedPage, atom, json_feed, newest
from gateway.pages.i18n import translate
from gateway.pages.rendering import STATIC
from gateway.services import SERVICES, Services

ITEMS: Final = 50
WIDGET_ENTRIES: Final = 10
BEGINNING_US: Final = 1_704_067_200_000_000
"""An empty feed was last changed on 2024-01-01: before there was a board."""
OPEN: Final = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""What is public anyway may be read by scripts of other sites; no cookie is looked at."""


async def show_atom(request: web.Request) -> web.Response:
    """GET /board/feed.atom, narrowed by institution, region or kind."""
    return await _feed(request, "/board/feed.atom", atom, "application/atom+xml; charset=utf-8")


async def show_json(request: web.Request) -> web.Response:
    """GET /board/feed.json, narrowed by institution, region or kind."""
    return await _feed(request, "/board/feed.json", json_feed, "application/feed+json; charset=utf-8")


async def show_widget(request: web.Request) -> web.Response:
    """GET /board/widget: one notice, or the newest entries of an institution, for an iframe on its own site. No script in it."""
    services, asked, language = request.app[SERVICES], _narrowed(read_board(request)), language_asked(request)
    notice_id = request.query.get("notice", "")
    if notice_id and not is_notice_id(notice_id):
        raise Refused(Code.NOT_FOUND)

    async def make() -> Rendered:
        context = await (_one(services, notice_id) if notice_id else _several(services, asked))
        text = render_board("board/widget.html", language, "/board/widget", asked, **context)
        return Rendered(body=text.encode(), content_type=HTML, headers=framed(services))

    key = f"{language} {asked.address('/board/widget')} {notice_id}"
    return await services.board_answers.answer(request, key, make)


async def show_script(request: web.Request) -> web.Response:
    """GET /board/widget.js: the script variant of the widget, at an address that never changes."""

    async def make() -> Rendered:
        body = (STATIC / "js" / "board" / "widget.js").read_bytes()
        return Rendered(body=body, content_type="text/javascript; charset=utf-8", headers=OPEN)

    return await request.app[SERVICES].board_answers.answer(request, "/board/widget.js", make)


async def show_embedding(request: web.Request) -> web.Response:
    """GET /board/embed: how an institution puts its notices on its own site."""
    services, asked, language = request.app[SERVICES], read_board(request), language_asked(request)

    async def make() -> Rendered:
        address, narrowed = services.config.public_address, _narrowed(asked)
        text = render_board(
            "board/embed.html",
            language,
            "/board/embed",
            asked,
            frame=address + narrowed.address("/board/widget"),
            script=f"{address}/board/widget.js",
            feeds=[address + narrowed.address(path) for path in ("/board/feed.atom", "/board/feed.json")],
        )
        return Rendered(body=text.encode(), content_type=HTML)

    return await services.board_answers.answer(request, f"{language} {asked.address('/board/embed')}", make)


def framed(services: Services) -> dict[str, str]:
    """Return the headers of a page that other sites may frame: it has no script, no form and no cookie to be tricked out of."""
    ancestors = " ".join(services.config.embed_ancestors) or "'none'"
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        f"frame-ancestors {ancestors}",
    )
    return {"Content-Security-Policy": "; ".join(policy), "Cross-Origin-Resource-Policy": "cross-origin"}


async def _feed(request: web.Request, path: str, write: Callable[[FeedPage], bytes], content_type: str) -> web.Response:
    services, asked, language = request.app[SERVICES], _narrowed(read_board(request)), language_asked(request)

    async def make() -> Rendered:
        found = await services.board.changed(
            seller=asked.seller, region=asked.region, kinds=KINDS.get(asked.kind, ()), after=asked.after, limit=ITEMS
        )
        rows, site = await rows_of(services, found.entries, services.now_us), services.config.public_address
        updated_us = newest(rows, BEGINNING_US)
        feed = FeedPage(
            rows=rows,
            title=translate(language, "board.feed_name"),
            site=site,
            home=site + asked.address("/board"),
            own=site + asked.address(path, after=asked.after),
            first=site + asked.address(path),
            next=site + asked.address(path, after=found.next) if found.next else None,
            language=language,
            updated_us=updated_us,
        )
        # Day n of 15 moves without a change of an entry: only the ETag says that, so there is no date for a running notice.
        still = all(row.group != "running" for row in rows)
        return Rendered(
            body=write(feed), content_type=content_type, modified_us=updated_us if still else None, headers=OPEN
        )

    return await services.board_answers.answer(request, f"{language} {asked.address(path, after=asked.after)}", make)


def _narrowed(asked: BoardAsked) -> BoardAsked:
    """Feeds and widgets know only these filters: others would make answers of their own for nothing."""
    return BoardAsked(kind=asked.kind, region=asked.region, seller=asked.seller, after=asked.after, lang=asked.lang)


async def _one(services: Services, notice_id: str) -> dict[str, Any]:
    notice = await find_notice(services, NoticeId(notice_id))
    entry = await services.board.read(f"{EntryKind.NOTICE.value}/{notice_id}")
    if entry is None:
        raise Refused(Code.NOT_FOUND)
    return {
        "rows": [await row_of(services, entry, services.now_us)],
        "notice": notice,
        "digest": record_digest(notice),
        "site": services.config.public_address,
    }


async def _several(services: Services, asked: BoardAsked) -> dict[str, Any]:
    found = await services.board.changed(
        seller=asked.seller, region=asked.region, kinds=KINDS.get(asked.kind, ()), limit=WIDGET_ENTRIES
    )
    rows = await rows_of(services, found.entries, services.now_us)
    return {"rows": rows, "notice": None, "digest": "", "site": services.config.public_address}


ROUTES = [
    web.get("/board/feed.atom", show_atom),
    web.get("/board/feed.json", show_json),
    web.get("/board/widget", show_widget),
    web.get("/board/widget.js", show_script),
    web.get("/board/embed", show_embedding),
]
