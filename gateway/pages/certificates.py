"""Where the QR code of a certificate leads: whether it is in force, what it says, and whether a given file is the one that was issued."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from aiohttp import web

from engine.canonical import canonical_bytes
from engine.rules.publicity.visibility import public_notice
from engine.values import InstantUs
from gateway.errors import Code, Refused
from gateway.evidence import certificates as c
from gateway.http.answers import json_answer
from gateway.http.uploads import upload_of
from gateway.pages.evidence import digest_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

PAPER_MAX: Final = 32 * 1024**2
_DIGITS: Final = frozenset("0123456789abcdef")


async def show(request: web.Request) -> web.Response:
    """GET /verify/notice/{number}: `?sha256=` compares a digest."""
    return await _page(request, request.query.get("sha256", "").strip().lower())


async def compare(request: web.Request) -> web.Response:
    """POST /verify/notice/{number}: compare an uploaded PDF; nothing of it is kept."""
    return await _page(request, await digest_of(await upload_of(request, PAPER_MAX), PAPER_MAX))


async def paper(request: web.Request) -> web.Response:
    """GET /certificates/{number}/certificate.pdf."""
    number = request.match_info["number"]
    pdf = await c.paper_of(request.app[SERVICES], number)
    if pdf is None:
        raise Refused(Code.NOT_FOUND)
    headers = {"Content-Disposition": 'inline; filename="certificate.pdf"'}
    return web.Response(body=pdf, content_type="application/pdf", headers=headers)


async def statement(request: web.Request) -> web.StreamResponse:
    """GET /certificates/{number}/statement.json: the signed statement, for programs."""
    found = await c.certificate_of(request.app[SERVICES], request.match_info["number"])
    if found is None or found.statement is None:
        raise Refused(Code.NOT_FOUND)
    return json_answer(found.statement)


async def look_up(request: web.Request) -> web.Response:
    """GET /verify/notice: by the number that somebody typed."""
    number = request.query.get("number", "").strip()[:60]
    return see_other(f"/verify/notice/{number}") if number.isascii() and number else see_other("/verify")


async def _page(request: web.Request, digest: str) -> web.Response:
    services, number = request.app[SERVICES], request.match_info["number"]
    found = await c.certificate_of(services, number)
    state = None if found is None else await services.engine.notices.load(found.notice)
    if found is None or state is None:
        return page(request, "evidence/certificate.html", 404, number=number[:60], certificate=None)
    given = digest if len(digest) == 64 and _DIGITS.issuperset(digest) else ""
    said = found.statement
    return page(
        request, "evidence/certificate.html", number=found.number, certificate=found, said=said,
        standing=c.standing_of(found, state).value, newer=state.certificate_no, digest=given,
        fits=None if not given or not found.sha256 else given == found.sha256,
        statement_digest="" if said is None else sha256(canonical_bytes(said)).hexdigest(),
        public=public_notice(state, InstantUs(services.now_us)),
    )  # fmt: skip


ROUTES = [
    web.get("/verify/notice", look_up),
    web.get("/verify/notice/{number}", show),
    web.post("/verify/notice/{number}", compare),
    web.get("/certificates/{number}/certificate.pdf", paper),
    web.get("/certificates/{number}/statement.json", statement),
]
