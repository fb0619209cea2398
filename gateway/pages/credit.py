"""Credit records: a party reads its own and appeals; operators record false documents, decide on appeals, write down repair."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from msgspec.structs import asdict

from gateway.credit import acting
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES
from settlement.credit.record import Record, RecordState, credit_rules
from settlement.credit.store import MARKET

SHOWN: Final = 100
FIELD_MAX: Final = 2_000


async def show_own(request: web.Request) -> web.Response:
    """GET /me/credit: what stands or is going to stand in one's own record."""
    services = request.app[SERVICES]
    found = await services.credit.of_party(request[CALLER].party_id, SHOWN)
    return page(
        request, "credit/list.html", found=found, desk=False, names={}, now_us=services.now_us, rules=credit_rules()
    )


async def show_desk(request: web.Request) -> web.Response:
    """GET /desk/credit: records by state, appeals first."""
    return await _desk(request, None, {})


async def record_documents(request: web.Request) -> web.Response:
    """POST /desk/credit: an operator found false documents; the party is told and may appeal."""
    form = await request.post()
    typed = {name: str(form.get(name, ""))[:FIELD_MAX].strip() for name in ("deal", "party", "evidence")}
    try:
        made = await acting.notice(
            request.app[SERVICES],
            request[CALLER],
            network_of(request),
            typed["deal"],
            typed["party"],
            typed["evidence"],
        )
    except Refused as refused:
        return await _desk(request, refused, typed)
    return see_other(f"/credit/{made.id}")


async def show_one(request: web.Request) -> web.Response:
    """GET /credit/{record}."""
    return await _one(request, await _find(request), None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /credit/{record}: the party appeals; an operator decides or writes down repair."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    record = await _find(request)
    name, text = str(form.get("act", "")), str(form.get("text", ""))
    try:
        done = await acting.act(
            services, caller, network_of(request), record, name, text, upheld=form.get("upheld") == "1"
        )
    except Refused as refused:
        if refused.code is not Code.WRONG_STATE:
            raise
        return await _one(request, record, refused)
    return see_other(f"/credit/{done.id}")


async def _find(request: web.Request) -> Record:
    return await acting.find(request.app[SERVICES], request[CALLER], request.match_info["record"])


async def _one(request: web.Request, record: Record, refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    names = await names_of(services, {record.noticed.party})
    return page(
        request, "credit/one.html", 200 if refused is None else 422, record=record, said=record.noticed, refused=refused,
        acts=acting.acts_of(caller, record), names=names, now_us=services.now_us, made_by_me=record.noticed.by == caller.login_id,
        evidence=_evidence(record, language_of(request)),
    )  # fmt: skip


async def _desk(request: web.Request, refused: Refused | None, typed: dict[str, str]) -> web.Response:
    services = request.app[SERVICES]
    state = request.query.get("state", "")
    chosen = state if state in list(RecordState) else ""
    found = await services.credit.newest(chosen, SHOWN)
    return page(
        request, "credit/list.html", 200 if refused is None else 422, found=found, desk=True, chosen=chosen, refused=refused,
        typed=typed, states=[one.value for one in RecordState], names=await names_of(services, {one.noticed.party for one in found}),
        now_us=services.now_us, rules=credit_rules(), figures=asdict(await services.credit.figures()),
    )  # fmt: skip


def _evidence(record: Record, language: str) -> str:
    """Return what the record rests on: of what the market saw, which event it was, in words."""
    said = record.noticed
    parts = said.evidence.split(" ")
    if said.by != MARKET or len(parts) != 3:
        return said.evidence
    stream, number, name = parts
    return translate(language, "credit.evidence_event", subject=stream.partition("/")[2], number=number, name=name)


ROUTES = [
    web.get("/me/credit", show_own),
    web.get("/desk/credit", show_desk),
    web.post("/desk/credit", record_documents),
    web.get("/credit/{record}", show_one),
    web.post("/credit/{record}", act_on_one),
]
