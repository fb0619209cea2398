"""The hall: what is for sale, found by words, field, region and state."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from engine.catalogue.codes.regions import prefix_of
from engine.catalogue.hall import HallPage, Sort
from gateway.pages.i18n import COOKIE, LOCALES, language_of, translate
from gateway.pages.rendering import own_path, page, see_other
from gateway.services import SERVICES

LOTS_A_PAGE: Final = 24
WORDS_MAX: Final = 100
PHASES: Final = {
    "bidding": ("open", "limited", "paused", "interrupted"),
    "scheduled": ("scheduled",),
    "sold": ("sold",),
    "ended": ("passed", "voided", "withdrawn"),
}


async def show_hall(request: web.Request) -> web.Response:
    """GET /."""
    services, query = request.app[SERVICES], request.query
    phase = query.get("phase", "")
    sort = query.get("sort", Sort.ENDING.value)
    chosen = {
        "q": query.get("q", "")[:WORDS_MAX],
        "field": query.get("field", "")[:8],
        "region": query.get("region", "")[:8],
        "phase": phase if phase in PHASES else "",
        "sort": sort if sort in set(Sort) else Sort.ENDING.value,
    }
    narrowed = bool(chosen["q"] or chosen["field"] or chosen["region"])
    found: HallPage = await services.hall.search(
        words=chosen["q"],
        field=chosen["field"],
        region=prefix_of(chosen["region"]),
        phases=PHASES.get(chosen["phase"], () if narrowed else PHASES["bidding"] + PHASES["scheduled"]),
        sort=Sort(chosen["sort"]),
        after=query.get("after", "")[:100],
        limit=LOTS_A_PAGE,
    )
    counts = await services.hall.count_by_phase()
    totals = {name: sum(counts.get(one, 0) for one in members) for name, members in PHASES.items()}
    return page(
        request,
        "hall.html",
        found=found,
        chosen=chosen,
        totals=totals,
        sorts=[one.value for one in Sort],
        now_us=services.now_us,
        first=not query.get("after"),
        live=json.dumps(
            {
                "live_port": services.config.live_port,
                "live_public_url": services.config.live_public_url,
                "price_label": translate(language_of(request), "lot.price_now"),
            },
            ensure_ascii=False,
        ),
    )


async def choose_language(request: web.Request) -> web.Response:
    """POST /language."""
    form = await request.post()
    response = see_other(own_path(str(form.get("next", "/"))))
    language = str(form.get("language", ""))
    if language in LOCALES:
        secure = request.app[SERVICES].config.secure_cookies
        response.set_cookie(COOKIE, language, max_age=31_536_000, path="/", secure=secure, samesite="Lax")
    return response


async def show_verify(request: web.Request) -> web.Response:
    """GET /verify: how anybody checks a receipt."""
    from engine.evidence.receipts import public_key_text

    return page(request, "verify.html", key=public_key_text(request.app[SERVICES].signing_key))


ROUTES = [web.get("/", show_hall), web.post("/language", choose_language), web.get("/verify", show_verify)]
