"""All pages, added to the application: imported by it alone, so that who needs one text of a page does not load them all."""

from __future__ import annotations

from aiohttp import web

from gateway.http.asking import ERROR_CODE
from gateway.pages import (
    account,
    achievements,
    bank,
    benefits,
    board,
    board_evidence,
    board_feeds,
    books,
    calendar,
    catalogue,
    certificates,
    console,
    credit,
    deals,
    deposit_desk,
    deposits,
    desk,
    desk_acts,
    distribution,
    evidence,
    hall,
    halting,
    imports,
    listing_console,
    listing_desk,
    listings,
    lot,
    mine,
    needs,
    notice_console,
    notice_desk,
    notice_ladder,
    notice_objection,
    officers,
    parties,
    pricing,
    registrar_desk,
    registrations,
    review,
    room,
    session_desk,
    statistics,
    wall,
)
from gateway.pages.rendering import page, static_file

__all__ = ["add_pages", "render_error"]


def add_pages(app: web.Application) -> None:
    """Add every page to the application."""
    app.router.add_get("/static/{path:.+}", static_file)
    for module in (
        pricing,
        bank,
        books,
        benefits,
        distribution,
        statistics,
        credit,
        deals,
        deposits,
        deposit_desk,
        catalogue,
        needs,
        parties,
        registrations,
        registrar_desk,
        imports,
        achievements,
        console,
        review,
        listing_console,
        listing_desk,
        listings,
        notice_ladder,
        notice_console,
        notice_desk,
        notice_objection,
        calendar,
        board,
        board_evidence,
        board_feeds,
        wall,
        hall,
        lot,
        officers,
        room,
        account,
        mine,
        desk,
        desk_acts,
        halting,
        session_desk,
        evidence,
        certificates,
    ):
        app.add_routes(module.ROUTES)


async def render_error(request: web.Request, code: str) -> web.Response:
    """Return the page that explains an error."""
    from gateway.errors import ERRORS

    request[ERROR_CODE] = code
    status = ERRORS[code].status or 500
    return page(request, "error.html", status, code=code)
