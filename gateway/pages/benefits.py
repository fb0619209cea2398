"""Taxes and subsidies of one's own side of a deal: the reference sheet as a page and as PDF."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from engine.typesetting.typesetter import TypesettingFailed
from gateway.benefits import sheets
from gateway.errors import Code, Refused
from gateway.formatting import money
from gateway.http.asking import CALLER
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page
from gateway.services import SERVICES
from settlement.benefits.parameters import Parameter

FIELD_MAX: Final = 20


async def show(request: web.Request) -> web.Response:
    """GET /deals/{deal}/benefits."""
    services, caller, typed = request.app[SERVICES], request[CALLER], _typed(request)
    refused = None
    try:
        process, sheet = await sheets.find(services, caller, request.match_info["deal"], typed)
    except Refused as problem:
        if problem.code is not Code.MALFORMED:
            raise
        refused = problem
        process, sheet = await sheets.find(
            services, caller, request.match_info["deal"], {"side": typed.get("side", "")}
        )
    return page(
        request, "benefits/sheet.html", 200 if refused is None else 422, deal=process.deal, sheet=sheet, typed=typed,
        refused=refused, fields_asked=sheets.ASSUMED, query=request.query_string[:300], value_of=value_words(language_of(request)),
    )  # fmt: skip


async def show_pdf(request: web.Request) -> web.Response:
    """GET /deals/{deal}/benefits.pdf: the same on paper."""
    services = request.app[SERVICES]
    process, sheet = await sheets.find(services, request[CALLER], request.match_info["deal"], _typed(request))
    origin = (
        services.config.public_origins[0] if services.config.public_origins else f"{request.scheme}://{request.host}"
    )
    language: Any = language_of(request)
    try:
        body = await sheets.sheet_pdf(services, process, sheet, language, origin)
    except TypesettingFailed:
        raise Refused(Code.UNAVAILABLE) from None
    headers = {"Content-Disposition": f'attachment; filename="{process.id}-benefits.pdf"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type="application/pdf", headers=headers)


def value_words(language: str) -> Any:
    """Return how a parameter's value is shown: 6 %, 0.3 per mille, ¥60,000, 36 months."""

    def shown(row: Parameter) -> str:
        if row.value is None:
            return translate(language, "benefits.unknown")
        match row.unit:
            case "bps":
                return f"{row.value / 100:g} %"
            case "ppm":
                return f"{row.value / 1_000:g} ‰"
            case "fen":
                return money(row.value)
            case unit:
                return translate(language, f"benefits.unit.{unit}", number=row.value)

    return shown


def _typed(request: web.Request) -> dict[str, str]:
    return {name: request.query.get(name, "")[:FIELD_MAX] for name in (*sheets.ASSUMED, "side")}


ROUTES = [
    web.get("/deals/{deal}/benefits", show),
    web.get("/deals/{deal}/benefits.pdf", show_pdf),
]
