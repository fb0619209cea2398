"""Deals: one's own, the timeline that both sides and staff see, signing, paying, documents; and the operator's queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.agencies import settled_deals_of
from gateway.deals import acting, showing
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES, Services
from settlement.deals.deals import NEVER_US, QUEUES
from settlement.deals.payment import RoyaltyBase
from settlement.deals.phases import Phase
from settlement.deals.process import Process

A_PAGE: Final = 20
FIELD_MAX: Final = 1_000
PARTS_SHOWN: Final = 4
EVENTS_SHOWN: Final = 200
"""The newest; the whole history is in the interface, page by page."""


async def show_mine(request: web.Request) -> web.Response:
    """GET /me/deals."""
    services, caller = request.app[SERVICES], request[CALLER]
    found = await settled_deals_of(services, caller, read_place(request.query.get("after", "")), A_PAGE + 1)
    rows = [(process, side.value, principal) for process, side, principal in found[:A_PAGE]]
    more = place_of(found[A_PAGE - 1][0]) if len(found) > A_PAGE else None
    names = await _names(services, (principal for _, _, principal in rows))
    return page(request, "deals/mine.html", rows=rows, more=more, names=names, now_us=services.now_us, **words())


async def show_one(request: web.Request) -> web.Response:
    """GET /deals/{deal}."""
    standing = await acting.reach(request.app[SERVICES], request[CALLER], request.match_info["deal"])
    return await _page(request, "deals/one.html", standing, None)


async def show_signing(request: web.Request) -> web.Response:
    """GET /deals/{deal}/sign: the text in full, and what signing means."""
    standing = await acting.reach(request.app[SERVICES], request[CALLER], request.match_info["deal"])
    return await _page(request, "deals/sign.html", standing, None)


async def show_payment(request: web.Request) -> web.Response:
    """GET /deals/{deal}/pay: to which account, how much, by when, and how each amount comes about."""
    standing = await acting.reach(request.app[SERVICES], request[CALLER], request.match_info["deal"])
    return await _page(request, "deals/pay.html", standing, None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /deals/{deal}: an act of a side or of an operator; what cannot be undone is asked twice."""
    services, caller, deal_id = request.app[SERVICES], request[CALLER], request.match_info["deal"]
    standing = await acting.reach(services, caller, deal_id)
    form = await request.post()
    typed = {name: str(value)[:FIELD_MAX] for name, value in form.items() if isinstance(value, str)}
    name = typed.get("act", "")
    template = "deals/sign.html" if name in ("sign", "refuse") else "deals/one.html"
    if name in ("refuse", "rescind") and typed.get("sure") != "1":
        return await _page(request, template, standing, None, {**typed, "ask": name})
    try:
        process = await acting.act(services, caller, network_of(request), deal_id, name, typed)
    except Refused as refused:
        if refused.code is Code.NOT_FOUND:
            raise
        return await _page(request, template, standing, refused, typed)
    return see_other(f"/deals/{process.id}")


async def show_document(request: web.Request) -> web.Response:
    """GET /deals/{deal}/documents/{digest}: the very bytes that were signed."""
    services = request.app[SERVICES]
    process = (await acting.reach(services, request[CALLER], request.match_info["deal"])).process
    found = await services.settling.deals.document(process.id, request.match_info["digest"])
    if found is None:
        raise Refused(Code.NOT_FOUND)
    headers = {"Content-Disposition": f'attachment; filename="{process.id}-{found[0]}.json"'}
    return web.Response(body=found[1], content_type="application/json", headers=headers)


async def show_desk(request: web.Request) -> web.Response:
    """GET /desk/deals: what waits, by deadline."""
    services, query = request.app[SERVICES], request.query
    chosen = query.get("queue", "") if query.get("queue", "") in (*QUEUES, "all") else QUEUES[0]
    deals = services.settling.deals
    if chosen == "all":
        found = await deals.newest(after=read_place(query.get("after", "")), limit=A_PAGE + 1)
        more = place_of(found[A_PAGE - 1]) if len(found) > A_PAGE else None
    else:
        found = await deals.queue(chosen, read_place(query.get("after", ""), (-1, "")), A_PAGE + 1)
        more = f"{found[A_PAGE - 1].deadline_us}~{found[A_PAGE - 1].id}" if len(found) > A_PAGE else None
    names = await names_of(services, {party for one in found for party in (one.deal.seller_id, *one.deal.buyers)})
    return page(
        request, "deals/desk.html", chosen=chosen, queues=(*QUEUES, "all"), found=found[:A_PAGE], more=more,
        names=names, figures=await deals.figures(), now_us=services.now_us, **words(),
    )  # fmt: skip


def words() -> dict[str, Any]:
    """Return what templates of deals ask for."""
    return {
        "tone": showing.tone,
        "owner_key": showing.owner_key,
        "stages_of": showing.stages_of,
    }


async def _page(
    request: web.Request,
    template: str,
    standing: acting.Standing,
    refused: Refused | None,
    typed: dict[str, str] | None = None,
) -> web.Response:
    services, process = request.app[SERVICES], standing.process
    who = "" if standing.side is None else standing.side.value
    acting_as = who or str(request[CALLER].role or "")
    again = await services.settling.deals.second_sale(process) if process.phase is Phase.RESELLING else None
    names = await _names(services, (process.deal.seller_id, *process.deal.buyers, process.deal.fees.broker_id))
    history = await services.settling.deals.history(process.id, max(0, process.seq - EVENTS_SHOWN))
    return page(
        request, template, 200 if refused is None else 422, process=process, deal=process.deal, who=who, names=names,
        refused=refused, typed=typed or {}, stages=showing.stages_of(process), steps=showing.steps_of(history),
        acts=[one for one in showing.acts_now(process, acting_as) if standing.may(one)], by_plan=standing.by_plan,
        agent_for="" if standing.powers is None else standing.party, powers=sorted(standing.powers or ()),
        lines=showing.lines_of(process, services.now_us), royalty=showing.royalty_words(process), rates_words=showing.rates_words(process),
        fee_words=showing.fee_words(process, language_of(request)),
        period=showing.next_period(process), second_sale=again, now_us=services.now_us, holder=services.config.escrow_holder,
        bank=services.config.escrow_bank, bases=[base.value for base in RoyaltyBase], parts=range(1, PARTS_SHOWN + 1),
        contract=await _contract(services, process), **words(),
    )  # fmt: skip


async def _contract(services: Services, process: Process) -> dict[str, Any] | None:
    """Return the facts of the text that both sides sign."""
    found = await services.settling.deals.document(process.id, process.contract_digest)
    if found is None:
        return None
    facts: dict[str, Any] = msgspec.json.decode(found[1])
    return facts


async def _names(services: Services, parties: Iterable[str]) -> dict[str, str]:
    found = await names_of(services, {party for party in parties if party})
    return {str(party): name for party, name in found.items()}


def place_of(process: Process) -> str:
    """Return where the next page of newest deals goes on."""
    return f"{process.deal.struck_at_us}~{process.id}"


def read_place(text: str, otherwise: tuple[int, str] = (NEVER_US, "")) -> tuple[int, str]:
    """Return a place of a page, the beginning for what is none."""
    number, _, name = text.partition("~")
    if not number.isascii() or not number.isdigit() or len(number) > 18 or len(name) > 64:
        return otherwise
    return int(number), name


ROUTES = [
    web.get("/me/deals", show_mine),
    web.get("/deals/{deal}", show_one),
    web.post("/deals/{deal}", act_on_one),
    web.get("/deals/{deal}/sign", show_signing),
    web.get("/deals/{deal}/pay", show_payment),
    web.get("/deals/{deal}/documents/{digest}", show_document),
    web.get("/desk/deals", show_desk),
]
