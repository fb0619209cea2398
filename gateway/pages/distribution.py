"""Distribution of income in a unit: its policy by versions, plans by deal and round, the publicity, the payout list."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from engine.values import PartyId
from gateway.accounts.model import Caller
from gateway.distribution import acting
from gateway.errors import Code, Refused
from gateway.formatting import when
from gateway.http.asking import CALLER, network_of
from gateway.ledger_command import yuan
from gateway.pages.books import table_file
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services
from settlement.distribution.floors import floors
from settlement.distribution.plan import Plan, encode_event
from settlement.distribution.splitting import CostKind, Group

FIELD_MAX: Final = 12_000
SHOWN: Final = 100
COLUMNS: Final = ("plan", "deal", "round", "no", "name", "group", "amount", "public_until", "policy_version")


async def show_own(request: web.Request) -> web.Response:
    """GET /console/distribution: the policy and its versions, and all plans."""
    return await _own(request, {}, None)


async def change_policy(request: web.Request) -> web.Response:
    """POST /console/distribution: propose a version of the policy, or put one in force."""
    services, caller, typed = request.app[SERVICES], request[CALLER], await _form(request)
    try:
        if typed.get("act") == "approve_policy":
            await acting.approve_policy(services, caller, network_of(request), typed.get("version", ""))
        else:
            await acting.propose_policy(services, caller, network_of(request), typed)
    except Refused as refused:
        return await _own(request, typed, refused)
    return see_other("/console/distribution")


async def show_deal(request: web.Request) -> web.Response:
    """GET /deals/{deal}/distribution: what came in, the rounds, a form for the next."""
    return await _deal(request, {}, None)


async def propose(request: web.Request) -> web.Response:
    """POST /deals/{deal}/distribution."""
    typed = await _form(request)
    try:
        plan = await acting.propose(
            request.app[SERVICES], request[CALLER], network_of(request), request.match_info["deal"], typed
        )
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _deal(request, typed, refused)
    return see_other(f"/distribution/{plan.id}")


async def show_plan(request: web.Request) -> web.Response:
    """GET /distribution/{plan}."""
    plan = await acting.find(request.app[SERVICES], request[CALLER], request.match_info["plan"])
    return await _plan(request, plan, {}, None)


async def act_on_plan(request: web.Request) -> web.Response:
    """POST /distribution/{plan}: approve, return, object, decide, pay."""
    services, caller, plan_id = request.app[SERVICES], request[CALLER], request.match_info["plan"]
    typed = await _form(request)
    try:
        await acting.act(services, caller, network_of(request), plan_id, typed.get("act", ""), typed)
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _plan(request, await acting.find(services, caller, plan_id), typed, refused)
    return see_other(f"/distribution/{plan_id}")


async def payout_file(request: web.Request) -> web.Response:
    """GET /distribution/{plan}/payout.{kind}: the payout list as CSV or XLSX."""
    plan = await acting.find(request.app[SERVICES], request[CALLER], request.match_info["plan"])
    said = plan.proposed
    rows = [
        (
            plan.id, said.deal, str(said.round), str(number), one.name, one.group.value, yuan(one.amount_fen),
            when(plan.public_until_us)[:16] if plan.public_until_us else "", str(said.policy_version),
        )
        for number, one in enumerate(said.split.persons, 1)
    ]  # fmt: skip
    return table_file(request.match_info["kind"], f"payout-{plan.id}", COLUMNS, rows)


async def _own(request: web.Request, typed: dict[str, str], refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    versions = await services.distribution.policies(caller.party_id)
    in_force = next((one.version for one in versions if one.approved_by is not None), 0)
    return page(
        request, "distribution/own.html", 200 if refused is None else 422, versions=versions, in_force=in_force, typed=typed,
        plans=await services.distribution.of_party(caller.party_id, SHOWN), refused=refused, law=floors(), now_us=services.now_us,
        bands=range(1, acting.BANDS + 1), may=lambda act: acting.may(caller, act), me=_me(caller),
        names=await _members(services, [v.proposed_by for v in versions] + [v.approved_by or "" for v in versions]),
    )  # fmt: skip


async def _deal(request: web.Request, typed: dict[str, str], refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    process, _ = await acting.deal_of(services, caller, request.match_info["deal"])
    income = await services.distribution.income(process.id)
    assert income is not None, "the deal was found"
    return page(
        request, "distribution/deal.html", 200 if refused is None else 422, deal=process.deal, process=process, income=income,
        plans=await services.distribution.of_deal(process.id), typed=typed, refused=refused, kinds=[kind.value for kind in CostKind],
        in_force=await services.distribution.in_force(process.deal.seller_id), may_propose=acting.may(caller, "propose"),
        now_us=services.now_us, fee_fen=process.seller_fee_taken_fen, yuan=yuan,
    )  # fmt: skip


async def _plan(request: web.Request, plan: Plan, typed: dict[str, str], refused: Refused | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    inside = caller.party_id == plan.proposed.party
    history = await services.distribution.history(plan.id)
    return page(
        request, "distribution/plan.html", 200 if refused is None else 422, plan=plan, said=plan.proposed, split=plan.proposed.split,
        typed=typed, refused=refused, history=history, now_us=services.now_us, groups=[group.value for group in Group],
        acts={act for act in acting.PLAN_ACTS if inside and acting.may(caller, act)}, me=_me(caller),
        names=await _members(services, [line.actor for line in history]), word_of=lambda event: encode_event(event)[0].partition(".")[2],
    )  # fmt: skip


async def _members(services: Services, ids: list[str]) -> dict[str, str]:
    found = await services.accounts.by_ids(sorted({PartyId(one) for one in ids if one}))
    return {str(one): account.display_name for one, account in found.items()}


def _me(caller: Caller) -> str:
    return "" if caller.account is None else caller.account.id


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value)[:FIELD_MAX] for name, value in (await request.post()).items() if isinstance(value, str)}


ROUTES = [
    web.get("/console/distribution", show_own),
    web.post("/console/distribution", change_policy),
    web.get("/deals/{deal}/distribution", show_deal),
    web.post("/deals/{deal}/distribution", propose),
    web.get("/distribution/{plan}", show_plan),
    web.post("/distribution/{plan}", act_on_plan),
    web.get("/distribution/{plan}/payout.{kind}", payout_file),
]
