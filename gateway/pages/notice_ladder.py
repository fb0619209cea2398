"""The institution's ladder of approvals: which organ approves up to which amount, every version with its author and reason."""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from engine.rules.publicity.terms import Ladder
from engine.values import CNY, format_amount, parse_amount
from gateway.accounts.model import MemberRole
from gateway.errors import Code, Refused
from gateway.http.api import notice_wishes as w
from gateway.http.api import notices as api
from gateway.http.api.calls import Call
from gateway.http.asking import CALLER, origin_of
from gateway.pages.listing_desk import Problem
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES

ROWS: Final = 6
"""Organs, and likewise steps, in the form; over REST there may be twenty."""


async def show(request: web.Request) -> web.Response:
    """GET /console/approvals."""
    ladder = await request.app[SERVICES].ladders.of(request[CALLER].party_id)
    return await _page(request, _typed(ladder), None)


async def change(request: web.Request) -> web.Response:
    """POST /console/approvals: put another ladder in force."""
    form = await request.post()
    typed = {name: str(value)[:500] for name, value in form.items() if isinstance(value, str)}
    call = Call(request.app[SERVICES], request[CALLER], origin_of(request), request.match_info)
    try:
        await api.set_ladder(call, _wish(typed))
    except Refused as refused:
        return await _page(request, typed, Problem(refused.code.value, refused.data))
    return see_other("/console/approvals")


async def _page(request: web.Request, typed: dict[str, str], problem: Problem | None) -> web.Response:
    services, caller = request.app[SERVICES], request[CALLER]
    history = await services.ladders.history(caller.party_id)
    return page(
        request, "notice_console/ladder.html", 200 if problem is None else 422, typed=typed, problem=problem, history=history,
        names=await names_of(services, {one.author for one in history}), rows=range(1, ROWS + 1),
        may_set=caller.may_as(MemberRole.ADMINISTRATOR), yuan=lambda amount: format_amount(amount, CNY),
    )  # fmt: skip


def _typed(ladder: Ladder) -> dict[str, str]:
    typed: dict[str, str] = {}
    for row, body in enumerate(ladder.bodies[:ROWS], 1):
        typed |= {f"code{row}": body.code, f"zh{row}": body.name_zh, f"en{row}": body.name_en}
        typed |= {
            f"meeting{row}": "1" if body.collective else "",
            f"tie{row}": "1" if body.code in ladder.related_bodies else "",
        }
    for row, rung in enumerate(ladder.rungs[:ROWS], 1):
        typed[f"upto{row}"] = "" if rung.up_to is None else format_amount(rung.up_to, CNY)
        typed[f"who{row}"] = " ".join(rung.bodies)
    return typed


def _wish(typed: dict[str, str]) -> w.LadderWish:
    bodies: list[dict[str, Any]] = []
    rungs: list[dict[str, Any]] = []
    for row in range(1, ROWS + 1):
        code = typed.get(f"code{row}", "").strip()
        if code or typed.get(f"zh{row}", "").strip():
            bodies.append(
                {
                    "code": code,
                    "name_zh": typed.get(f"zh{row}", "").strip(),
                    "name_en": typed.get(f"en{row}", "").strip(),
                    "collective": typed.get(f"meeting{row}") == "1",
                }
            )
        who = re.split(r"[\s,，、]+", typed.get(f"who{row}", "").strip())
        up_to = typed.get(f"upto{row}", "").strip().replace(",", "").replace("，", "")
        amount = parse_amount(up_to, CNY) if up_to else None
        if up_to and not amount:
            raise Refused(Code.MALFORMED, fields=f"upto{row}")
        if any(who):
            rungs.append({"up_to": None if amount is None else str(amount), "bodies": [one for one in who if one]})
    related = [body["code"] for row, body in enumerate(bodies, 1) if typed.get(f"tie{row}") == "1"]
    try:
        return w.LadderWish.model_validate(
            {"bodies": bodies, "rungs": rungs, "related_bodies": related, "reason": typed.get("reason", "").strip()}
        )
    except ValidationError as error:
        places = {".".join(map(str, one["loc"])) for one in error.errors(include_url=False, include_input=False)}
        raise Refused(Code.MALFORMED, fields=", ".join(sorted(places)[:5])) from None


ROUTES: Final[list[Any]] = [web.get("/console/approvals", show), web.post("/console/approvals", change)]
