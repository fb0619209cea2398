"""The publicity board: notices of agreements and struck deals, the same page for everybody, and each entry at its permanent address.

These pages know no visitor: no name, no form with a secret, no cookie. That is what lets them be rendered once, and what makes the
digest of the record that the prober fetches the digest of what everybody read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any, Final

import segno
from aiohttp import web

from engine.catalogue.board.entries import GROUPS, KINDS, BoardEntry, EntryKind, group_of
from engine.catalogue.codes.payment_modes import PAYMENT_MODES
from engine.catalogue.codes.regions import PREFECTURES, REGIONS, full_name
from engine.rules.achievement.record import Mode
from engine.rules.publicity.shown import record_bytes, record_digest
from engine.rules.publicity.visibility import PublicNotice, public_notice
from engine.rules.words import parse
from engine.values import InstantUs, NoticeId, is_listing_id, is_lot_id, is_notice_id
from gateway.board.answers import Rendered
from gateway.board.availability import period_of
from gateway.board.differing import changed_fields
from gateway.board.showing import mongolian, path_of, row_of, rows_of
from gateway.errors import Code, Refused
from gateway.pages.board_asking import BoardAsked, language_asked, read_board
from gateway.pages.rendering import render
from gateway.services import SERVICES, Services

ENTRIES_A_PAGE: Final = 20
HTML: Final = "text/html; charset=utf-8"
MINUTE_US: Final = 60_000_000
"""What the prober saw is shown on a notice's page at most this late."""
TOTALS: Final = ("running", "objected", "ended")


async def show_board(request: web.Request) -> web.Response:
    """GET /board."""
    asked = read_board(request)
    return await answer_page(
        request, asked.address(after=asked.after), lambda language: _board(request.app[SERVICES], asked, language)
    )


async def show_notice(request: web.Request) -> web.Response:
    """GET /board/notices/{notice}: content, period, versions, objections; readable for ever."""
    notice_id = notice_asked(request)
    services, asked = request.app[SERVICES], read_board(request)
    return await answer_page(
        request,
        f"{request.path} {asked.lang}",
        lambda language: _notice(services, notice_id, language, asked),
        moment=services.now_us // MINUTE_US,
    )


async def show_record(request: web.Request) -> web.Response:
    """GET /board/notices/{notice}/record.json: the bytes whose SHA-256 is the digest of the record."""
    notice_id, services = notice_asked(request), request.app[SERVICES]

    async def make() -> Rendered:
        notice = await find_notice(services, notice_id)
        return Rendered(
            body=record_bytes(notice),
            content_type="application/json",
            modified_us=notice.versions[-1].at_us,
            headers={"Access-Control-Allow-Origin": "*"},
        )

    return await services.board_answers.answer(request, request.path, make)


async def show_code(request: web.Request) -> web.Response:
    """GET /board/notices/{notice}/qr.svg: the permanent address as a QR code."""
    notice_id, services = notice_asked(request), request.app[SERVICES]

    async def make() -> Rendered:
        await find_notice(services, notice_id)
        code = segno.make_qr(f"{services.config.public_address}/board/notices/{notice_id}", error="m")
        drawn = BytesIO()
        code.save(drawn, kind="svg", scale=4, border=2, light="#fff", omitsize=True)
        return Rendered(body=drawn.getvalue(), content_type="image/svg+xml")

    return await services.board_answers.answer(request, request.path, make)


async def show_lot_result(request: web.Request) -> web.Response:
    """GET /board/deals/lots/{lot}: the result of a session."""
    lot = request.match_info["lot"]
    if not is_lot_id(lot):
        raise Refused(Code.NOT_FOUND)
    return await _show_result(request, f"{EntryKind.AUCTION.value}/{lot}", f"/lots/{lot}")


async def show_listing_result(request: web.Request) -> web.Response:
    """GET /board/deals/listings/{listing}/{no}: the result of a listed trade."""
    listing, number = request.match_info["listing"], request.match_info["no"]
    if not is_listing_id(listing) or not number.isdecimal() or len(number) > 6:
        raise Refused(Code.NOT_FOUND)
    return await _show_result(request, f"{EntryKind.LISTING.value}/{listing}/{int(number)}", f"/listings/{listing}")


async def answer_page(
    request: web.Request, key: str, make: Callable[[str], Awaitable[tuple[str, int | None]]], *, moment: int = 0
) -> web.Response:
    """Answer with a page of the board. `make` renders it in a language and says when what it shows last changed."""
    language = language_asked(request)

    async def rendered() -> Rendered:
        text, modified_us = await make(language)
        return Rendered(body=text.encode(), content_type=HTML, modified_us=modified_us)

    return await request.app[SERVICES].board_answers.answer(request, f"{language} {key}", rendered, moment=moment)


def notice_asked(request: web.Request) -> NoticeId:
    """Return the notice that the address names.

    Raises:
        Refused: NOT_FOUND, it is no id of a notice.
    """
    text = request.match_info["notice"]
    if not is_notice_id(text):
        raise Refused(Code.NOT_FOUND)
    return NoticeId(text)


async def find_notice(services: Services, notice_id: NoticeId) -> PublicNotice:
    """Return a notice as it stands now.

    Raises:
        Refused: NOT_FOUND, there is none or it was never published.
    """
    state = await services.engine.notices.load(notice_id)
    notice = None if state is None else public_notice(state, InstantUs(services.now_us))
    if notice is None:
        raise Refused(Code.NOT_FOUND)
    return notice


def render_board(template: str, language: str, path: str, asked: BoardAsked | None = None, **context: Any) -> str:
    """Render a page of the board; `path` is the address for the switch of language."""
    asked = asked or BoardAsked()
    other = "en" if language == "zh" else "zh"
    return render(
        template,
        language,
        path=path,
        asked=asked,
        other=other,
        other_address=asked.address(path, lang=other, after=asked.after),
        link=lambda address: f"{address}?lang={asked.lang}" if asked.lang else address,
        place_name=lambda code: full_name(code, language) if code else "",
        mongolian=mongolian,
        payment_modes=PAYMENT_MODES,
        **context,
    )


async def _board(services: Services, asked: BoardAsked, language: str) -> tuple[str, int | None]:
    query = parse(asked.q)
    found = await services.board.search(query, **asked.filters(), after=asked.after, limit=ENTRIES_A_PAGE)
    counts = await services.board.counts()
    totals = {
        name: sum(number for (_, state), number in counts.items() if state in GROUPS[name]) for name in TOTALS
    } | {"deals": sum(number for (kind, _), number in counts.items() if kind in KINDS["deal"])}
    text = render_board(
        "board/board.html",
        language,
        "/board",
        asked,
        rows=await rows_of(services, found.entries, services.now_us),
        more=asked.address(after=found.next) if found.next else None,
        totals=totals,
        groups=list(GROUPS),
        modes=[mode.value for mode in Mode],
        places=places(language),
    )
    return text, max((entry.changed_at_us for entry in found.entries), default=None)


def places(language: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return the leagues and cities with what lies in them: (code, name, [(code, name)])."""
    return [
        (one.code, one.name(language), [(inner.code, inner.name(language)) for inner in REGIONS.children(one.code)])
        for one in PREFECTURES
    ]


async def _notice(services: Services, notice_id: NoticeId, language: str, asked: BoardAsked) -> tuple[str, int | None]:
    notice = await find_notice(services, notice_id)
    path = f"/board/notices/{notice_id}"
    entry = await services.board.read(f"{EntryKind.NOTICE.value}/{notice_id}")
    text = render_board(
        "board/notice.html",
        language,
        path,
        asked,
        notice=notice,
        digest=record_digest(notice),
        permanent=f"{services.config.public_address}{path}",
        objection_path=f"/notices/{notice_id}/objection",
        availability=await period_of(services, notice),
        seller="" if entry is None else entry.seller,
        group=group_of(notice.phase),
        versions=[(version, changed_fields(version.changes)) for version in reversed(notice.versions)],
    )
    return text, None


async def _show_result(request: web.Request, name: str, sale: str) -> web.Response:
    services, asked = request.app[SERVICES], read_board(request)

    async def make(language: str) -> tuple[str, int | None]:
        entry = await services.board.read(name)
        if entry is None:
            raise Refused(Code.NOT_FOUND)
        return await _result(services, entry, sale, language, asked), entry.changed_at_us

    return await answer_page(request, f"{request.path} {asked.lang}", make)


async def _result(services: Services, entry: BoardEntry, sale: str, language: str, asked: BoardAsked) -> str:
    path = path_of(entry)
    return render_board(
        "board/result.html",
        language,
        path,
        asked,
        row=await row_of(services, entry, services.now_us),
        sale=sale,
        permanent=f"{services.config.public_address}{path}",
        now_us=services.now_us,
    )


ROUTES = [
    web.get("/board", show_board),
    web.get("/board/notices/{notice}", show_notice),
    web.get("/board/notices/{notice}/record.json", show_record),
    web.get("/board/notices/{notice}/qr.svg", show_code),
    web.get("/board/deals/lots/{lot}", show_lot_result),
    web.get("/board/deals/listings/{listing}/{no}", show_listing_result),
]
