"""Pricing on the web: five questions, the report, its PDF, the public record, the tables and the reviewers' list."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup
from msgspec.structs import replace

from engine.catalogue.codes.price_floors import Floor, price_floors
from engine.typesetting.request import Frame
from engine.typesetting.typesetter import TypesettingFailed
from engine.values import Amount
from gateway.accounts.model import Role
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER
from gateway.pages import pricing_charts as charts
from gateway.pages.i18n import language_of, translate
from gateway.pages.pricing_report import report_data
from gateway.pages.pricing_words import read_number, read_wan, rough, shown_input, shown_step, sliders_of, width_words
from gateway.pages.rendering import page, see_other
from gateway.pricing import asking
from gateway.pricing.record import calibration_of
from gateway.services import SERVICES
from pricing.priors.tables import EDITABLE, Edit, EditRefused
from pricing.quotes import WITHOUT_MAX, Facts, Wish
from pricing.store import StoredQuote

QUOTES_A_PAGE: Final = 30
TEXT_MAX: Final = 1_000
TEMPLATE: Final = Path(__file__).parent.parent / "pricing" / "report.typ"
LICENCES: Final = ("assign", "exclusive", "sole", "ordinary")
VERDICTS: Final = ("harmless", "watch", "referred")
MODES: Final = ("english", "sealed_first", "dutch", "listing", "listing_bidding", "agreement")
_WAN: Final = ("sales", "spent", "valuation", "own_value", "completion")
_PERCENT: Final = ("royalty_percent", "discount_percent", "success_percent")
_VARIED: Final = ("sales", "completion", "bidders", *_PERCENT)
"""Inputs that the report lets a reader vary; every other fact stays."""


async def introduce(request: web.Request) -> web.Response:
    """GET /pricing: what it is, and how forecasts have done."""
    store = request.app[SERVICES].pricing.store
    found = calibration_of(await store.outcomes(), request.query.get("mode", "")[:40])
    t = partial(translate, language_of(request))
    drawn = {"reliability": charts.reliability(found, t), "pit": charts.pit(found, t)} if found.pit else {}
    points = await store.index()
    if len(points) > 1:
        drawn["index"] = charts.price_index(points, t)
    return page(request, "pricing/record.html", found=found, charts=drawn, fits=await store.fits(5), points=points)


async def ask(request: web.Request) -> web.Response:
    """GET /pricing/new: the five questions, filled from an own achievement where one is named."""
    achievement = request.query.get("achievement", "")[:60]
    typed: dict[str, str] = {"trl": "", "industry": "", "licence": "assign"}
    if achievement:
        facts = await asking.facts_on_file(request.app[SERVICES], request[CALLER], achievement)
        typed = _typed(facts)
    return await _form(request, typed, {}, achievement)


async def quote(request: web.Request) -> web.Response:
    """POST /pricing/new: work it out and show the report."""
    form = await request.post()
    typed = {name: str(value)[:200] for name, value in form.items() if isinstance(value, str)}
    wrong: dict[str, str] = {}
    facts = _read(typed, wrong)
    if facts is None:
        return await _form(request, typed, wrong, typed.get("achievement", ""))
    services, caller = request.app[SERVICES], request[CALLER]
    achievement = typed.get("achievement", "")[:60]
    subject = f"achievement/{achievement}" if achievement else ""
    wish = Wish(facts=facts, subject=subject, as_of_us=services.now_us)
    try:
        kept = await asking.ask_quote(services, caller, wish)
    except Refused as refused:
        if refused.code is Code.MALFORMED:
            field = str(refused.data.get("fields", "")).removesuffix("_fen")
            return await _form(request, typed, {field: "range"}, achievement)
        if refused.code is Code.UNAVAILABLE:
            return await _form(request, typed, {}, achievement, away=True)
        raise
    return see_other(f"/pricing/quotes/{kept.id}")


async def own_quotes(request: web.Request) -> web.Response:
    """GET /me/quotes."""
    after = request.query.get("before", "")
    before = int(after) if after.isdigit() and len(after) < 15 else 2**62
    rows = await request.app[SERVICES].pricing.store.quotes_of(request[CALLER].party_id, before, QUOTES_A_PAGE + 1)
    more = rows[QUOTES_A_PAGE - 1][1] if len(rows) > QUOTES_A_PAGE else None
    return page(request, "pricing/own.html", rows=rows[:QUOTES_A_PAGE], more=more, rough=_rough(request))


async def report(request: web.Request) -> web.Response:
    """GET /pricing/quotes/{id}: the report."""
    return await _report(request, await asking.stored(request.app[SERVICES], request[CALLER], request.match_info["id"]))


async def act(request: web.Request) -> web.Response:
    """POST /pricing/quotes/{id}: judge a price, record the decision, make it again."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    kept = await asking.stored(services, caller, request.match_info["id"])
    wanted = str(form.get("act", ""))
    if wanted == "fairness":
        price = _price(form, "price")
        if price is None:
            return await _report(request, kept, wrong="price", status=422)
        light = await asking.ask_fairness(services, caller, kept.id, price, form.get("related") == "1")
        return await _report(request, kept, light={**light, "price_fen": price})
    if wanted == "vary":
        return await _vary(request, kept, form)
    if wanted == "recompute":
        return await _report(request, kept, again=await asking.ask_again(services, caller, kept.id))
    if wanted == "decide" and caller.role is not Role.SUPERVISOR:
        price, reason = _price(form, "chosen_price"), str(form.get("reason", "")).strip()[:TEXT_MAX]
        people, mode = str(form.get("people", "")).strip()[:TEXT_MAX], str(form.get("chosen_mode", ""))
        if price is None or not reason or not people or mode not in MODES:
            return await _report(request, kept, wrong="decision", status=422)
        assert caller.account is not None, "the door lets no anonymous caller in"
        body = {
            "chosen_mode": mode, "chosen_price_fen": str(price), "reason": reason, "people": people.split("\n"),
            "conflicts": str(form.get("conflicts", ""))[:TEXT_MAX],
        }  # fmt: skip
        await services.pricing.store.record_decision(kept.id, body, str(caller.account.id), services.now_us)
        return see_other(f"/pricing/quotes/{kept.id}#decision")
    raise Refused(Code.MALFORMED, fields="act")


async def _vary(request: web.Request, kept: StoredQuote, form: Mapping[str, Any]) -> web.Response:
    """Ask again with other inputs, or without some of the deals: a new quote, stored like any other, that names the one it varies."""
    services, caller = request.app[SERVICES], request[CALLER]
    typed = {name: str(form.get(name, ""))[:40] for name in _VARIED}
    wrong: dict[str, str] = {}
    numbers = _numbers(typed, wrong, tuple(name for name in _WAN if name in _VARIED), ("bidders", *_PERCENT))
    left_out = tuple(str(ref)[:120] for ref in form.getall("without", ()))  # type: ignore[attr-defined]
    if wrong or len(left_out) > WITHOUT_MAX:
        return await _report(request, kept, wrong="vary", status=422)
    wish = replace(
        kept.wish, facts=replace(kept.wish.facts, **numbers), as_of_us=services.now_us, without=left_out, after=kept.id
    )
    try:
        found = await asking.ask_quote(services, caller, wish)
    except Refused as refused:
        if refused.code is Code.MALFORMED:
            return await _report(request, kept, wrong="vary", status=422)
        raise
    return see_other(f"/pricing/quotes/{found.id}")


async def pdf(request: web.Request) -> web.Response:
    """GET /pricing/quotes/{id}/report.pdf."""
    services = request.app[SERVICES]
    kept = await asking.stored(services, request[CALLER], request.match_info["id"])
    language = language_of(request)
    t = partial(translate, language)
    frame = Frame(
        title=t("pricing.report_title"), market=services.config.market_name, number=kept.id,
        verify_url=f"{services.config.public_address}/pricing/quotes/{kept.id}", dated_us=kept.quoted_at_us,
        language="en" if language == "en" else "zh",
    )  # fmt: skip
    try:
        drawn = {
            name: charts.on_paper(chart)
            for name, chart in charts_of(kept, t, partial(rough, language=language)).items()
        }
        body = await services.typesetter.set(TEMPLATE, frame, {**report_data(kept, t, language), "charts": drawn})
    except TypesettingFailed:
        raise Refused(Code.UNAVAILABLE) from None
    response = web.Response(body=body, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="pricing-{kept.id}.pdf"'
    return response


async def tables(request: web.Request) -> web.Response:
    """GET /desk/pricing: tables with sources, their history, model versions."""
    return await _tables(request)


async def change_table(request: web.Request) -> web.Response:
    """POST /desk/pricing: change one number, with its source and why."""
    services, form = request.app[SERVICES], await request.post()
    account = request[CALLER].account
    assert account is not None, "the door lets no anonymous caller in"
    names = ("table", "code", "field", "source", "date", "confidence", "reason")
    given = {name: str(form.get(name, "")).strip()[:300] for name in names}
    try:
        value = float(str(form.get("value", ""))[:20])
        reason = given.pop("reason")
        if not reason:
            raise EditRefused("reason")
        await services.pricing.store.change_priors(Edit(value=value, **given), reason, str(account.id), services.now_us)
    except EditRefused as refused:
        return await _tables(request, wrong=str(refused), status=422)
    except ValueError:
        return await _tables(request, wrong="value", status=422)
    return see_other("/desk/pricing?saved=1")


async def cases(request: web.Request) -> web.Response:
    """GET /desk/surveillance: what waits for reviewers, the strongest first."""
    return page(request, "pricing/cases.html", cases=await request.app[SERVICES].pricing.store.cases())


async def case(request: web.Request) -> web.Response:
    """GET /desk/surveillance/{id}."""
    return await _case(request)


async def decide_case(request: web.Request) -> web.Response:
    """POST /desk/surveillance/{id}: a verdict with its reason."""
    services, form = request.app[SERVICES], await request.post()
    verdict, reason = str(form.get("verdict", "")), str(form.get("reason", "")).strip()[:TEXT_MAX]
    if verdict not in VERDICTS or not reason:
        return await _case(request, wrong=True)
    account = request[CALLER].account
    assert account is not None, "the door lets no anonymous caller in"
    case_id = request.match_info["id"][:40]
    if await services.pricing.store.case(case_id) is None:
        raise Refused(Code.NOT_FOUND)
    await services.pricing.store.decide(case_id, verdict, reason, str(account.id), services.now_us)
    return see_other("/desk/surveillance")


async def _case(request: web.Request, *, wrong: bool = False) -> web.Response:
    found = await request.app[SERVICES].pricing.store.case(request.match_info["id"][:40])
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return page(request, "pricing/case.html", 422 if wrong else 200, case=found[0], verdicts=found[1], wrong=wrong)


async def _tables(request: web.Request, *, wrong: str = "", status: int = 200) -> web.Response:
    store = request.app[SERVICES].pricing.store
    priors, _ = await store.priors()
    shown = {
        name: [(str(getattr(row, "level", getattr(row, "code", ""))), row, fields) for row in getattr(priors, name)]
        for name, fields in EDITABLE.items()
    }
    return page(
        request, "pricing/tables.html", status, tables=shown, version=priors.version, wrong=wrong,
        saved=bool(request.query.get("saved")), edits=list(reversed(await store.edits()))[:50], fits=await store.fits(10),
        may_change=request[CALLER].role is Role.OPERATOR,
    )  # fmt: skip


async def _report(
    request: web.Request,
    kept: StoredQuote,
    *,
    light: Mapping[str, Any] | None = None,
    again: Mapping[str, Any] | None = None,
    wrong: str = "",
    status: int = 200,
) -> web.Response:
    language = language_of(request)
    t, money = partial(translate, language), _rough(request)
    q = kept.quote
    drawn = charts_of(kept, t, money)
    decisions = await request.app[SERVICES].pricing.store.decisions(kept.id)
    return page(
        request, "pricing/report.html", status, kept=kept, q=q, facts=kept.wish.facts, charts=drawn, rough=money,
        shown_input=partial(shown_input, language=language), width=width_words(q), light=light, again=again, wrong=wrong,
        decisions=decisions, modes=MODES, may_decide=request[CALLER].role is not Role.SUPERVISOR,
        sliders=sliders_of(kept), without_max=WITHOUT_MAX, percent=shown_step, floors=_floors(kept),
    )  # fmt: skip


def _floors(kept: StoredQuote) -> tuple[Floor, ...]:
    """Return the least prices by rule where there is a valuation to count from."""
    valuation_fen = kept.wish.facts.valuation_fen
    return () if valuation_fen is None else price_floors(Amount(valuation_fen))


def charts_of(kept: StoredQuote, t: charts.Say, money: charts.Money) -> dict[str, Markup]:
    """Return the charts that a quote has."""
    q = kept.quote
    drawn = {
        "range": charts.range_bar(q, t, money),
        "approaches": charts.approaches(q, t, money),
        "frontier": charts.frontier(q, t, money),
    }
    if q.explanation:
        drawn["waterfall"] = charts.waterfall(q.explained_from_fen, q.explanation, t, money)
    if q.comparables:
        drawn["comparables"] = charts.comparables(q, t, money)
    if q.tornado:
        drawn["tornado"] = charts.tornado(q, t, money)
    if q.histogram is not None:
        drawn["histogram"] = charts.histogram(q.histogram, t, money)
    return drawn


async def _form(
    request: web.Request, typed: Mapping[str, str], wrong: Mapping[str, str], achievement: str, *, away: bool = False
) -> web.Response:
    priors, _ = await request.app[SERVICES].pricing.store.priors()
    language = language_of(request)
    industries = [("", "—"), *((row.code, row.en if language == "en" else row.zh) for row in priors.royalty)]
    return page(
        request, "pricing/wizard.html", 503 if away else 422 if wrong else 200, typed=typed, wrong=wrong, away=away,
        achievement=achievement, industries=industries, licences=LICENCES,
    )  # fmt: skip


def _typed(facts: Facts) -> dict[str, str]:
    return {
        "industry": facts.industry,
        "trl": str(facts.trl),
        "remaining_years": "" if facts.remaining_years is None else f"{facts.remaining_years:g}",
        "title": facts.title,
        "licence": facts.licence,
        "state_owned": "1" if facts.state_owned else "",
    }


def _read(typed: Mapping[str, str], wrong: dict[str, str]) -> Facts | None:
    """Read the form; fields that cannot be read are named in `wrong`."""
    values: dict[str, Any] = {"industry": typed.get("industry", ""), "title": typed.get("title", "").strip()}
    if not values["industry"]:
        wrong["industry"] = "missing"
    trl = typed.get("trl", "")
    if trl not in {str(level) for level in range(1, 10)}:
        wrong["trl"] = "missing"
    values.update(_numbers(typed, wrong, _WAN, ("remaining_years", "bidders", "option_years", *_PERCENT)))
    if wrong:
        return None
    licence = typed.get("licence", "assign")
    return Facts(
        **values, trl=int(trl), licence=licence if licence in LICENCES else "assign",  # type: ignore[arg-type]
        state_owned=typed.get("state_owned") == "1", complex_contract=typed.get("complex_contract") == "1",
        single_buyer=typed.get("single_buyer") == "1", option_contract=typed.get("option_contract") == "1",
    )  # fmt: skip


def _numbers(
    typed: Mapping[str, str], wrong: dict[str, str], amounts: tuple[str, ...], others: tuple[str, ...]
) -> dict[str, Any]:
    """Read amounts in units of 10,000 yuan and plain numbers; what is no number is named in `wrong`."""
    values: dict[str, Any] = {}
    for name in amounts:
        try:
            values[f"{name}_fen"] = read_wan(typed.get(name, ""))
        except ValueError:
            wrong[name] = "number"
    for name in others:
        try:
            number = read_number(typed.get(name, ""))
            values[name] = None if number is None else float(number)
        except ValueError:
            wrong[name] = "number"
    return values


def _price(form: Mapping[str, Any], name: str) -> int | None:
    try:
        price = read_wan(str(form.get(name, ""))[:40])
    except ValueError:
        return None
    return price if price is not None and 0 < price <= 10**14 else None


def _rough(request: web.Request) -> Any:
    return partial(rough, language=language_of(request))


ROUTES = [
    web.get("/pricing", introduce),
    web.get("/pricing/new", ask),
    web.post("/pricing/new", quote),
    web.get("/me/quotes", own_quotes),
    web.get("/pricing/quotes/{id}", report),
    web.post("/pricing/quotes/{id}", act),
    web.get("/pricing/quotes/{id}/report.pdf", pdf),
    web.get("/desk/pricing", tables),
    web.post("/desk/pricing", change_table),
    web.get("/desk/surveillance", cases),
    web.get("/desk/surveillance/{id}", case),
    web.post("/desk/surveillance/{id}", decide_case),
]
