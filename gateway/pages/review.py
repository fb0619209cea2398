"""The operator's queue of achievements: who has waited how long, the whole record on one page, publish or send back with reasons."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from engine.catalogue.achievements.store import Working
from engine.rules.achievement.checking import Stage, problems
from engine.rules.achievement.differences import differences
from engine.rules.achievement.states import Act, State, acts_of
from engine.values import InstantUs
from gateway.achievements import filing
from gateway.achievements.access import actors_of, find_working
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.pages.achievements import record_context, said, top
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

A_PAGE: Final = 50
REASONS: Final = ("abstract", "evidence", "rights", "class", "duplicate")
"""Reasons that are given most often; `achievement.review.reason.<name>`."""


async def show_queue(request: web.Request) -> web.Response:
    """GET /desk/achievements: what waits for the check, oldest first."""
    services = request.app[SERVICES]
    found = await services.achievements.in_state(State.SUBMITTED, request.query.get("after", ""), A_PAGE)
    counts = await services.achievements.count_states()
    return page(
        request,
        "achievements/queue.html",
        items=found.items,
        more=found.next,
        counts=counts,
        now_us=services.now_us,
    )


async def show_one(request: web.Request) -> web.Response:
    """GET /desk/achievements/{id}: everything in the record, what is doubtful in it, what changed since the last version."""
    working = await find_working(request.app[SERVICES], request[CALLER], request.match_info["id"])
    return await _page(request, working)


async def decide(request: web.Request) -> web.Response:
    """POST /desk/achievements/{id}: publish, or send back with reasons."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    working = await find_working(services, caller, request.match_info["id"])
    what, version = str(form.get("act", "")), str(form.get("version", ""))
    if what not in (Act.PUBLISH, Act.SEND_BACK) or not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Refused(Code.MALFORMED, fields="act")
    reason = str(form.get("reason", "")).strip()
    try:
        await filing.act(services, caller, working, Act(what), version=int(version), reason=reason)
    except Refused as refused:
        if refused.code not in (Code.RECORD_INCOMPLETE, Code.CONFLICT, Code.WRONG_STATE):
            raise
        why = "reason" if refused.data.get("why") == "reason" else refused.code.value
        working = await find_working(services, caller, working.id)
        return await _page(request, working, f"achievement.act_refused.{why}")
    await services.accounts.note(caller, network_of(request), f"achievement.{what.lower()}", working.id)
    return see_other("/desk/achievements")


async def _page(request: web.Request, working: Working, wrong: str = "") -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    before = await services.achievements.version(working.id, working.published) if working.published else None
    return page(
        request,
        "achievements/review.html",
        422 if wrong else 200,
        working=working,
        found=problems(working.record, Stage.LIST, InstantUs(services.now_us)),
        changes=[] if before is None else differences(before.record, working.record),
        acts=[one.value for one in acts_of(working.state, actors_of(caller, working.owner))],
        history=await services.achievements.acts(working.id),
        files={one.id: one for one in await services.attachments.of_subject(working.id)},
        age_us=services.now_us - working.state_at_us,
        reasons=REASONS,
        wrong=wrong,
        said=said,
        top=top,
        **record_context(request, working.record, services),
    )


ROUTES = [
    web.get("/desk/achievements", show_queue),
    web.get("/desk/achievements/{id}", show_one),
    web.post("/desk/achievements/{id}", decide),
]
