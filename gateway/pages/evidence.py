"""Evidence files for those who took part: ask, watch, fetch; the staff's list; and where anybody compares a file he was given."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from aiohttp import web

from gateway.errors import Code, Refused
from gateway.evidence import files
from gateway.evidence.deals import KINDS, edition_for, find_deal
from gateway.http.asking import CALLER
from gateway.http.uploads import Upload, upload_of
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

COMPARED_MAX: Final = 256 * 1024**2
"""Bytes of a file that is compared here; larger ones by their digest."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


async def show_deal(request: web.Request) -> web.Response:
    """GET /evidence/deals/{kind}/{id}."""
    return await _deal_page(request, None)


async def ask(request: web.Request) -> web.Response:
    """POST /evidence/deals/{kind}/{id}: make the file as the deal stands now."""
    kind, subject = request.match_info["kind"], request.match_info["id"]
    try:
        await files.ask(request.app[SERVICES], request[CALLER], kind, subject, language_of(request))
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _deal_page(request, refused)
    return see_other(request.path)


async def archive(request: web.Request) -> web.StreamResponse:
    """GET /evidence/{number}/archive.zip."""
    services = request.app[SERVICES]
    file = await files.own_file(services, request[CALLER], request.match_info["number"])
    path = await files.whole_file(services, file)
    headers = {"Content-Disposition": f'attachment; filename="{file.number}.zip"', "Content-Type": "application/zip"}
    return web.FileResponse(path, headers=headers)


async def document(request: web.Request) -> web.Response:
    """GET /evidence/{number}/document.pdf."""
    services = request.app[SERVICES]
    file = await files.own_file(services, request[CALLER], request.match_info["number"])
    headers = {"Content-Disposition": f'inline; filename="{file.number}.pdf"'}
    return web.Response(body=await files.document_of(services, file), content_type="application/pdf", headers=headers)


async def desk(request: web.Request) -> web.Response:
    """GET /desk/evidence: the newest files, and the way to a deal by its id."""
    services = request.app[SERVICES]
    kind, subject = request.query.get("kind", ""), request.query.get("id", "").strip()
    if kind in KINDS and subject:
        return see_other(f"/evidence/deals/{kind}/{subject[:60]}")
    return page(request, "evidence/desk.html", files=await files.newest(services), kinds=KINDS)


async def show_verify(request: web.Request) -> web.Response:
    """GET /verify/evidence/{number}: did this market make this file? `?sha256=` compares a digest."""
    return await _verify_page(request, request.query.get("sha256", "").strip().lower())


async def compare(request: web.Request) -> web.Response:
    """POST /verify/evidence/{number}: compare an uploaded file; nothing of it is kept."""
    return await _verify_page(request, await digest_of(await upload_of(request, COMPARED_MAX)))


async def digest_of(upload: Upload, size_max: int = COMPARED_MAX) -> str:
    """Return the SHA-256 of a file on its way.

    Raises:
        Refused: TOO_LARGE.
    """
    digest, size = sha256(), 0
    async for chunk in upload.chunks():
        size += len(chunk)
        if size > size_max:
            raise Refused(Code.TOO_LARGE, limit_bytes=size_max)
        digest.update(chunk)
    return digest.hexdigest()


async def _deal_page(request: web.Request, refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    deal = await find_deal(services, request.match_info["kind"], request.match_info["id"])
    made = await files.files_of(services, caller, deal)
    return page(
        request, "evidence/deal.html", 200 if refused is None else 409, deal=deal, edition=edition_for(caller, deal).value,
        files=made, refused=refused, under_way=any(one.state in ("waiting", "making") for one in made),
    )  # fmt: skip


async def _verify_page(request: web.Request, digest: str) -> web.Response:
    services = request.app[SERVICES]
    number = request.match_info["number"]
    file = await files.issued(services, number)
    if file is None:
        return page(request, "evidence/verify.html", 404, number=number[:40], file=None, digest="", fits=None)
    given = digest if _DIGEST.fullmatch(digest) else ""
    fits = None
    if given:
        fits = "archive" if given == file.sha256 else "document" if given == file.document_sha256 else "no"
    return page(request, "evidence/verify.html", number=file.number, file=file, digest=given, fits=fits)


ROUTES = [
    web.get("/evidence/deals/{kind}/{id}", show_deal),
    web.post("/evidence/deals/{kind}/{id}", ask),
    web.get("/evidence/{number}/archive.zip", archive),
    web.get("/evidence/{number}/document.pdf", document),
    web.get("/desk/evidence", desk),
    web.get("/verify/evidence/{number}", show_verify),
    web.post("/verify/evidence/{number}", compare),
]
