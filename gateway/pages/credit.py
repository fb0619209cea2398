"""Credit records: a party reads its own and appeals; operators record false documents, decide on appeals, write down repair."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.accounts.model import Caller, Role
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES, Services
from settlement.credit.record import Appeal, Cause, Decide, Record, RecordState, Refusal, Repair, credit_rules

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
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    typed = {name: str(form.get(name, ""))[:FIELD_MAX].strip() for name in ("deal", "party", "evidence")}
    process = await services.settling.deals.read(typed["deal"])
    if process is None or typed["party"] not in ("seller", "buyer"):
        return await _desk(request, Refused(Code.MALFORMED, fields="deal"), typed)
    party = process.deal.seller_id if typed["party"] == "seller" else process.deal.buyer_id
    name = f"{process.id}-{Cause.FAKE_DOCUMENTS.value}-{party}"
    done = await services.credit.notice(name, party, Cause.FAKE_DOCUMENTS, process.id, typed["evidence"], _id(caller))
    await _note(services, caller, request, "notice", name, done)
    if isinstance(done, Refusal):
        return await _desk(request, Refused(Code.WRONG_STATE, problem=done.problem.value), typed)
    return see_other(f"/credit/{name}")


async def show_one(request: web.Request) -> web.Response:
    """GET /credit/{record}."""
    return await _one(request, await _find(request), None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /credit/{record}: the party appeals; an operator decides or writes down repair."""
    services, caller = request.app[SERVICES], request[CALLER]
    record, form = await _find(request), await request.post()
    name, text = str(form.get("act", "")), str(form.get("text", ""))[:FIELD_MAX].strip()
    if name not in _acts(caller, record):
        raise Refused(Code.FORBIDDEN)
    act = {
        "appeal": Appeal(text=text),
        "decide": Decide(upheld=form.get("upheld") == "1", reason=text),
        "repair": Repair(reason=text),
    }[name]
    done = await services.credit.act(record.id, act, _id(caller))  # type: ignore[arg-type]
    await _note(services, caller, request, name, record.id, done)
    if isinstance(done, Refusal):
        return await _one(request, record, Refused(Code.WRONG_STATE, problem=done.problem.value))
    return see_other(f"/credit/{record.id}")


def _acts(caller: Caller, record: Record) -> set[str]:
    if caller.role is Role.OPERATOR:
        return {"decide", "repair"}
    own = caller.account is not None and caller.party_id == record.noticed.party
    return {"appeal"} if own else set()


async def _find(request: web.Request) -> Record:
    services, caller = request.app[SERVICES], request[CALLER]
    record = await services.credit.read(request.match_info["record"])
    staff = caller.role in (Role.OPERATOR, Role.SUPERVISOR)
    if record is None or not (staff or caller.party_id == record.noticed.party):
        raise Refused(Code.NOT_FOUND)
    return record


async def _one(request: web.Request, record: Record, refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    names = await names_of(services, {record.noticed.party})
    return page(
        request, "credit/one.html", 200 if refused is None else 422, record=record, said=record.noticed, refused=refused,
        acts=_acts(caller, record), names=names, now_us=services.now_us, made_by_me=record.noticed.by == _id(caller),
    )  # fmt: skip


async def _desk(request: web.Request, refused: Refused | None, typed: dict[str, str]) -> web.Response:
    services = request.app[SERVICES]
    state = request.query.get("state", "")
    chosen = state if state in list(RecordState) else ""
    found = await services.credit.newest(chosen, SHOWN)
    return page(
        request, "credit/list.html", 200 if refused is None else 422, found=found, desk=True, chosen=chosen, refused=refused,
        typed=typed, states=[one.value for one in RecordState], names=await names_of(services, {one.noticed.party for one in found}),
        now_us=services.now_us, rules=credit_rules(),
    )  # fmt: skip


async def _note(
    services: Services, caller: Caller, request: web.Request, name: str, subject: str, done: Record | Refusal
) -> None:
    result = done.problem.value if isinstance(done, Refusal) else "done"
    await services.accounts.note(caller, network_of(request), f"credit.{name}", subject, result)


def _id(caller: Caller) -> str:
    assert caller.account is not None, "the door lets no anonymous caller in"
    return caller.account.id


ROUTES = [
    web.get("/me/credit", show_own),
    web.get("/desk/credit", show_desk),
    web.post("/desk/credit", record_documents),
    web.get("/credit/{record}", show_one),
    web.post("/credit/{record}", act_on_one),
]
