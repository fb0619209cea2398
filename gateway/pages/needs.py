"""Technology needs on the web: the public list, the short form, the operator's queue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from aiohttp import web
from msgspec.structs import replace

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import DIVISIONS
from engine.catalogue.codes.regions import PREFECTURES, REGIONS
from engine.catalogue.needs.store import NeedRefused, OwnNeed, TooManyNeeds, day_of
from engine.catalogue.search.entries import Facet, Kind
from engine.rules.achievement.record import Mode
from engine.rules.needs import (
    BUDGET_MAX,
    LINE_MAX,
    NEED_EDITABLE,
    TEXT_MAX,
    TITLE_MAX,
    Need,
    NeedAct,
    NeedActor,
    NeedProblem,
    NeedState,
    need_acts,
    need_problems,
)
from gateway.accounts.model import Account, Role
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.catalogue import show_results, suggestions
from gateway.pages.code_names import region_name, value_name
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

NEEDS_A_PAGE: Final = 30
TYPED_MAX: Final = TEXT_MAX * 2
AUTHOR: Final = frozenset({NeedActor.AUTHOR})
OPERATOR: Final = frozenset({NeedActor.OPERATOR})


async def show_needs(request: web.Request) -> web.Response:
    """GET /needs."""
    return await show_results(request, Kind.NEED, "catalogue/needs.html")


async def show_need(request: web.Request) -> web.Response:
    """GET /needs/{id}."""
    public = await request.app[SERVICES].needs.public(request.match_info["id"])
    if public is None:
        raise Refused(Code.NOT_FOUND)
    return page(
        request,
        "catalogue/need.html",
        public=public,
        matches=await suggestions(request, Kind.NEED, public.id),
        **_shown(request, public.need),
    )


def _shown(request: web.Request, need: Need) -> dict[str, Any]:
    language = language_of(request)
    return {
        "need": need,
        "field": value_name(Facet.FIELD, need.field, language),
        "industry": value_name(Facet.INDUSTRY, need.industry, language),
        "region": region_name(need.region, language),
        "modes": [value_name(Facet.MODE, mode, language) for mode in need.modes],
    }


async def own_needs(request: web.Request) -> web.Response:
    """GET /me/needs."""
    services, caller = request.app[SERVICES], request[CALLER]
    rows, more = await services.needs.of_owner(caller.party_id, request.query.get("after", "")[:60], NEEDS_A_PAGE)
    return page(request, "catalogue/own_needs.html", rows=rows, more=more)


async def new_need(request: web.Request) -> web.Response:
    """GET /me/needs/new."""
    return _form(request, None, Need(company=_account(request).display_name), [], "")


async def create_need(request: web.Request) -> web.Response:
    """POST /me/needs/new."""
    services, caller = request.app[SERVICES], request[CALLER]
    form = await request.post()
    need, wrong = read_need(form)
    if wrong:
        return _form(request, None, need, wrong, "")
    try:
        need_id = await services.needs.create(caller.party_id, _account(request).id, need)
    except NeedRefused as refused:
        return _form(request, None, need, refused.problems, "")
    except TooManyNeeds:
        raise Refused(Code.CONFLICT) from None
    return await _after_saving(request, need_id, str(form.get("act", "")))


async def own_need(request: web.Request) -> web.Response:
    """GET /me/needs/{id}: the form while it can be written to, else how it stands."""
    own = await _own(request)
    if own.state in NEED_EDITABLE:
        return _form(request, own, own.need, [], "", lines=await request.app[SERVICES].needs.acts(own.id))
    return await _standing(request, own, AUTHOR)


async def change_need(request: web.Request) -> web.Response:
    """POST /me/needs/{id}: save, submit, or end it."""
    services, own, form = request.app[SERVICES], await _own(request), await request.post()
    act = str(form.get("act", ""))
    if own.state not in NEED_EDITABLE or act == NeedAct.CLOSE:
        return await _act(request, own, act, AUTHOR, f"/me/needs/{own.id}")
    need, wrong = read_need(form)
    if wrong:
        return _form(request, own, need, wrong, "")
    version = str(form.get("version", ""))
    try:
        saved = await services.needs.save(
            own.id, need, int(version) if version.isdigit() and len(version) < 10 else 0, _account(request).id
        )
    except NeedRefused as refused:
        return _form(request, own, need, refused.problems, "")
    if saved is None:
        return _form(request, replace(own, need=need), need, [], "need.conflict")
    return await _after_saving(request, own.id, act)


async def _after_saving(request: web.Request, need_id: str, act: str) -> web.Response:
    services = request.app[SERVICES]
    own = await services.needs.read(need_id)
    assert own is not None, "it was just saved"
    if act != NeedAct.SUBMIT:
        return see_other(f"/me/needs/{need_id}?saved=1")
    try:
        await services.needs.act(need_id, NeedAct.SUBMIT, actors=AUTHOR, account=_account(request).id)
    except NeedRefused as refused:
        return _form(request, own, own.need, refused.problems, "")
    return see_other(f"/me/needs/{need_id}")


async def desk_needs(request: web.Request) -> web.Response:
    """GET /desk/needs: what waits, who has waited longest first."""
    services = request.app[SERVICES]
    after = request.query.get("after", "")[:60]
    rows, more = await services.needs.in_state(NeedState.SUBMITTED, after, NEEDS_A_PAGE)
    return page(request, "catalogue/desk_needs.html", rows=rows, more=more, now_us=services.now_us)


async def desk_need(request: web.Request) -> web.Response:
    """GET /desk/needs/{id}."""
    return await _standing(request, await _any(request), OPERATOR)


async def decide_need(request: web.Request) -> web.Response:
    """POST /desk/needs/{id}: publish, send back, close."""
    own, form = await _any(request), await request.post()
    act = str(form.get("act", ""))
    response = await _act(request, own, act, OPERATOR, "/desk/needs")
    if response.status < 400:
        services = request.app[SERVICES]
        await services.accounts.note(request[CALLER], network_of(request), f"need.{act.lower()}", own.id)
    return response


async def _act(request: web.Request, own: OwnNeed, act: str, actors: frozenset[NeedActor], on: str) -> web.Response:
    if act not in set(NeedAct):
        raise Refused(Code.MALFORMED, fields="act")
    reason = str((await request.post()).get("reason", ""))
    try:
        await request.app[SERVICES].needs.act(
            own.id, NeedAct(act), actors=actors, account=_account(request).id, reason=reason
        )
    except NeedRefused as refused:
        return await _standing(request, own, actors, wrong=f"need.refused.{refused.why}", status=422)
    return see_other(on)


async def _standing(
    request: web.Request, own: OwnNeed, actors: frozenset[NeedActor], *, wrong: str = "", status: int = 200
) -> web.Response:
    acts = need_acts(own.state, actors)
    if actors == OPERATOR and request[CALLER].role is not Role.OPERATOR:
        acts = []
    return page(
        request,
        "catalogue/need_standing.html",
        status,
        own=own,
        acts=[act.value for act in acts],
        lines=await request.app[SERVICES].needs.acts(own.id),
        wrong=wrong,
        desk=actors == OPERATOR,
        **_shown(request, own.need),
    )


def _form(
    request: web.Request,
    own: OwnNeed | None,
    need: Need,
    wrong: list[NeedProblem],
    notice: str,
    lines: Any = (),
) -> web.Response:
    language = language_of(request)
    today = day_of(request.app[SERVICES].now_us)
    missing = [] if wrong else need_problems(need, today)
    return page(
        request,
        "catalogue/need_form.html",
        422 if wrong else 200,
        own=own,
        need=need,
        typed=_typed(need),
        wrong={problem.field: problem.code for problem in reversed(wrong)},
        missing=missing,
        notice=notice or ("need.saved" if request.query.get("saved") else ""),
        lines=lines,
        today=today,
        limits={"title": TITLE_MAX, "problem": TEXT_MAX, "line": LINE_MAX},
        field_options=[("", "—"), *((entry.code, entry.name(language)) for entry in FIELDS.values())],
        industry_options=[("", "—"), *((entry.code, f"{entry.code} {entry.name(language)}") for entry in DIVISIONS)],
        region_groups=[
            (place.name(language), [(one.code, one.name(language)) for one in (place, *REGIONS.children(place.code))])
            for place in PREFECTURES
        ],
        trl_options=[("", "—"), *((str(level), f"TRL {level}") for level in range(1, 10))],
        mode_options=[(mode.value, value_name(Facet.MODE, mode, language)) for mode in Mode],
    )  # fmt: skip


def _typed(need: Need) -> dict[str, str]:
    """Return amounts as people type them: yuan in units of 10,000."""

    def wan(fen: int | None) -> str:
        return "" if fen is None else f"{Decimal(fen) / 1_000_000:f}"

    return {"budget_min": wan(need.budget_min_fen), "budget_max": wan(need.budget_max_fen)}


def read_need(form: Mapping[str, Any]) -> tuple[Need, list[NeedProblem]]:
    """Read the form; what cannot be read at all is told at once, what is missing only when it is submitted."""
    wrong: list[NeedProblem] = []

    def text(name: str) -> str:
        return str(form.get(name, ""))[:TYPED_MAX].replace("\r\n", "\n").strip()

    def fen(name: str) -> int | None:
        typed = text(name).replace(",", "").replace("，", "")
        if not typed:
            return None
        try:
            amount = Decimal(typed) * 1_000_000
        except InvalidOperation:
            amount = Decimal("NaN")
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", typed) is None or not 0 < amount <= BUDGET_MAX:
            wrong.append(NeedProblem(f"{name}_fen", "amount_range"))
            return None
        return int(amount)

    modes = form.getall("modes", []) if hasattr(form, "getall") else []
    trl = text("trl_min")
    need = Need(
        title=text("title"),
        problem=text("problem"),
        indicators=tuple(line.strip() for line in text("indicators").split("\n") if line.strip()),
        company=text("company"),
        field=text("field"),
        industry=text("industry"),
        region=text("region"),
        trl_min=int(trl) if re.fullmatch(r"[1-9]", trl) else None,
        budget_min_fen=fen("budget_min"),
        budget_max_fen=fen("budget_max"),
        negotiable=form.get("negotiable") == "1",
        deadline=text("deadline"),
        modes=tuple(mode for mode in Mode if mode.value in modes),
        contact=text("contact"),
    )
    return need, wrong


def _account(request: web.Request) -> Account:
    account = request[CALLER].account
    assert account is not None, "the door lets no anonymous caller in"
    return account


async def _own(request: web.Request) -> OwnNeed:
    own = await _any(request)
    if own.owner != request[CALLER].party_id:
        raise Refused(Code.NOT_FOUND)
    return own


async def _any(request: web.Request) -> OwnNeed:
    own = await request.app[SERVICES].needs.read(request.match_info["id"])
    if own is None:
        raise Refused(Code.NOT_FOUND)
    return own


ROUTES = [
    web.get("/needs", show_needs),
    web.get("/needs/{id}", show_need),
    web.get("/me/needs", own_needs),
    web.get("/me/needs/new", new_need),
    web.post("/me/needs/new", create_need),
    web.get("/me/needs/{id}", own_need),
    web.post("/me/needs/{id}", change_need),
    web.get("/desk/needs", desk_needs),
    web.get("/desk/needs/{id}", desk_need),
    web.post("/desk/needs/{id}", decide_need),
]
