"""The public catalogue: search box, facets, results, saved searches, the feed for other markets, suggestions."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web
from yarl import URL

from engine.catalogue.achievements.store import is_achievement_id
from engine.catalogue.matching.matches import Suggestion
from engine.catalogue.needs.store import is_need_id
from engine.catalogue.search.entries import Facet, Kind, prefecture_of
from engine.catalogue.search.saved import SAVED_MAX, NothingAsked, TooManySaved
from engine.catalogue.search.searching import Found, Order, Results
from engine.rules.matching import Aspect, Reason
from engine.rules.words import Query, marked, parse
from gateway.catalogue.asking import PATHS, Asked, read_address
from gateway.errors import Code, Refused
from gateway.formatting import iso
from gateway.http.asking import CALLER
from gateway.pages.code_names import region_name, value_name
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import own_path, page, see_other
from gateway.services import SERVICES

RESULTS_A_PAGE: Final = 20
VALUES_SHOWN: Final = 12
"""Values of a facet before "show all"."""
FEED_ITEMS: Final = 50
SUGGESTED: Final = 5
ADDRESS_MAX: Final = 4_000
ABSTRACT_SPAN: Final = 120


async def show_catalogue(request: web.Request) -> web.Response:
    """GET /catalogue."""
    return await show_results(request, Kind.ACHIEVEMENT, "catalogue/catalogue.html")


async def show_results(request: web.Request, kind: Kind, template: str) -> web.Response:
    """Show a page of a search."""
    services, asked, language = request.app[SERVICES], read_address(request.query), language_of(request)
    query = parse(asked.text)
    results = await services.search.find(
        query, kind=kind, filters=asked.filters, order=asked.order, after=asked.after, limit=RESULTS_A_PAGE
    )
    nearest: list[Found] = []
    if not results.found and len(query.terms) > 1:
        nearest = await services.search.nearest(query, kind=kind, limit=SUGGESTED)
    path = PATHS[kind]
    return page(
        request,
        template,
        asked=asked,
        address=path,
        results=results,
        rows=[_row(found, query, language) for found in results.found],
        nearest=[_row(found, query, language) for found in nearest],
        groups=_groups(asked, results, path, language),
        chosen=[
            (value_name(facet, value, language), asked.toggled(path, facet, value))
            for facet, values in asked.filters.items()
            for value in values
        ],
        orders=[(order.value, asked.address(path, sort=order.value)) for order in Order],
        more=asked.address(path, after=results.next) if results.next else None,
        first=not asked.after,
        saved=request.query.get("saved", "")[:10],
        kind=kind.value,
    )


def _row(found: Found, query: Query, language: str) -> dict[str, Any]:
    english = language == "en"
    title = (found.title_en if english else "") or found.title_zh
    abstract = (found.abstract_en if english else "") or found.abstract_zh
    return {
        "found": found,
        "title": marked(title, query, len(title) + 1),
        "abstract": marked(abstract, query, ABSTRACT_SPAN),
        "holder": (found.holder_en if english else "") or found.holder_zh,
        "fields": [value_name(Facet.FIELD, code, language) for code in found.fields],
        "region": region_name(found.region, language),
        "modes": [value_name(Facet.MODE, mode, language) for mode in found.modes],
    }


def _groups(asked: Asked, results: Results, path: str, language: str) -> list[dict[str, Any]]:
    """Return the facets to show, each value with its count and the address that puts it in or takes it out."""
    found = []
    for facet in Facet:
        counts = dict(results.facets.get(facet.value, {}))
        chosen = asked.filters.get(facet, [])
        counts.update({value: 0 for value in chosen if value not in counts})
        if facet is Facet.REGION:
            opened = {prefecture_of(value) for value in chosen}
            # Counties only of the leagues and cities that were chosen: 115 places are no choice.
            counts = {code: n for code, n in counts.items() if code.endswith("00") or prefecture_of(code) in opened}
        values = [
            {
                "name": value_name(facet, value, language),
                "count": count,
                "on": value in chosen,
                "inner": facet is Facet.REGION and not value.endswith("00"),
                "address": asked.toggled(path, facet, value),
            }
            for value, count in sorted(counts.items(), key=lambda pair: _rank(facet, pair))
        ]
        if values:
            found.append({"facet": facet.value, "values": values, "shown": VALUES_SHOWN, "chosen": len(chosen)})
    return found


def _rank(facet: Facet, pair: tuple[str, int]) -> tuple[object, ...]:
    value, count = pair
    if facet is Facet.REGION:
        return prefecture_of(value), value
    return (value,) if facet in (Facet.TRL, Facet.LISTED) else (-count, value)


async def save_search(request: web.Request) -> web.Response:
    """POST /catalogue/searches: keep the search of the page that the form stands on."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    kind = Kind.NEED if form.get("kind") == Kind.NEED else Kind.ACHIEVEMENT
    place = own_path(str(form.get("from", "")), PATHS[kind])
    asked = read_address(URL(place[:ADDRESS_MAX]).query)
    try:
        await services.saved_searches.save(
            caller.party_id, kind, asked.text, dict(asked.filters), str(form.get("name", ""))
        )
        outcome = "yes"
    except TooManySaved:
        outcome = "many"
    except NothingAsked:
        outcome = "empty"
    return see_other(asked.address(PATHS[kind], saved=outcome))


async def show_searches(request: web.Request) -> web.Response:
    """GET /me/searches."""
    services, caller, language = request.app[SERVICES], request[CALLER], language_of(request)
    rows = []
    for one in await services.saved_searches.of_party(caller.party_id):
        filters = {Facet(name): values for name, values in one.filters.items()}
        asked = Asked(text=one.query, filters=filters)
        names = [value_name(facet, value, language) for facet, values in filters.items() for value in values]
        rows.append({"saved": one, "address": asked.address(PATHS[one.kind]), "names": names})
    return page(request, "catalogue/searches.html", rows=rows, most=SAVED_MAX)


async def forget_search(request: web.Request) -> web.Response:
    """POST /me/searches: forget one."""
    form = await request.post()
    await request.app[SERVICES].saved_searches.forget(request[CALLER].party_id, str(form.get("id", "")))
    return see_other("/me/searches")


async def feed(request: web.Request) -> web.Response:
    """GET /catalogue/feed.json: the newest achievements for other markets, JSON Feed 1.1."""
    services, language = request.app[SERVICES], language_of(request)
    home = f"{request.scheme}://{request.host}"
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": translate(language, "brand.name"),
        "home_page_url": f"{home}/catalogue",
        "feed_url": f"{home}/catalogue/feed.json",
        "language": "zh-CN",
        "items": [_item(found, home) for found in await services.search.newest(Kind.ACHIEVEMENT, FEED_ITEMS)],
    }
    return web.Response(body=json.dumps(body, ensure_ascii=False).encode(), content_type="application/feed+json")


def _item(found: Found, home: str) -> dict[str, Any]:
    own = {
        name: getattr(found, name)
        for name in (
            "version",
            "title_en",
            "holder_zh",
            "fields",
            "industry",
            "region",
            "trl",
            "modes",
            "listed",
            "price_fen",
        )
    }
    return {
        "id": f"{found.id}/{found.version}",
        "url": f"{home}/achievements/{found.id}",
        "title": found.title_zh,
        "content_text": found.abstract_zh,
        "date_published": iso(found.published_at_us),
        "authors": [{"name": found.holder_zh}],
        "tags": found.keywords,
        "_ortoo": own,
    }


async def show_matches(request: web.Request) -> web.Response:
    """GET /achievements/{id}/matches: needs that this achievement may answer."""
    services, subject = request.app[SERVICES], request.match_info["id"]
    found = (
        (await services.search.by_id(Kind.ACHIEVEMENT, [subject])).get(subject) if is_achievement_id(subject) else None
    )
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return page(
        request,
        "catalogue/matches.html",
        found=found,
        matches=await suggestions(request, Kind.ACHIEVEMENT, subject, 20),
    )


async def suggestions(request: web.Request, kind: Kind, subject: str, limit: int = SUGGESTED) -> list[dict[str, Any]]:
    """Return suggestions for a published achievement or need, ready for the template."""
    services, caller, language = request.app[SERVICES], request[CALLER], language_of(request)
    party = None if caller.account is None else caller.party_id
    found = await services.matches.of(kind, subject, party=party, limit=limit)
    return [_suggestion(one, kind, subject, language) for one in found]


def _suggestion(one: Suggestion, kind: Kind, subject: str, language: str) -> dict[str, Any]:
    offered = kind is Kind.NEED
    return {
        **_row(one.found, Query(), language),
        "points": one.match.points,
        "reasons": [_said(reason, language) for reason in one.match.reasons],
        "link": f"/achievements/{one.found.id}" if offered else f"/needs/{one.found.id}",
        "achievement": one.found.id if offered else subject,
        "need": subject if offered else one.found.id,
    }


def _said(reason: Reason, language: str) -> str:
    """Return a reason in words."""
    facets = {
        Aspect.FIELD: Facet.FIELD,
        Aspect.INDUSTRY: Facet.INDUSTRY,
        Aspect.COUNTY: Facet.REGION,
        Aspect.PREFECTURE: Facet.REGION,
        Aspect.MODE: Facet.MODE,
    }
    facet = facets.get(reason.aspect)
    names = reason.values if facet is None else [value_name(facet, value, language) for value in reason.values]
    return translate(
        language, f"match.reason.{reason.aspect.value}", values=("、" if language == "zh" else ", ").join(names)
    )


async def dismiss(request: web.Request) -> web.Response:
    """POST /matches/dismiss: do not suggest this pair to me again."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    achievement, need = str(form.get("achievement", "")), str(form.get("need", ""))
    if not is_achievement_id(achievement) or not is_need_id(need):
        raise Refused(Code.MALFORMED, fields="achievement, need")
    await services.matches.dismiss(caller.party_id, achievement, need)
    return see_other(own_path(str(form.get("next", "")), f"/needs/{need}"))


async def show_notices(request: web.Request) -> web.Response:
    """GET /me/notices."""
    services, caller, before = request.app[SERVICES], request[CALLER], request.query.get("before", "")
    last = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    notices = await services.notices.page(caller.party_id, last, RESULTS_A_PAGE)
    more = notices[-1].id if len(notices) == RESULTS_A_PAGE else None
    return page(request, "catalogue/notices.html", notices=notices, more=more)


async def read_notice(request: web.Request) -> web.Response:
    """POST /me/notices: open one, or with `all` note that all shown were read."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    number = str(form.get("id", "")), str(form.get("all", ""))
    one, up_to = (int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None for text in number)
    if up_to is not None:
        await services.notices.mark_all_read(caller.party_id, up_to)
    if one is not None:
        await services.notices.mark_read(caller.party_id, one)
    return see_other(own_path(str(form.get("next", "")), "/me/notices"))


ROUTES = [
    web.get("/catalogue", show_catalogue),
    web.get("/catalogue/feed.json", feed),
    web.post("/catalogue/searches", save_search),
    web.get("/me/searches", show_searches),
    web.post("/me/searches", forget_search),
    web.get("/achievements/{id}/matches", show_matches),
    web.post("/matches/dismiss", dismiss),
    web.get("/me/notices", show_notices),
    web.post("/me/notices", read_notice),
]
