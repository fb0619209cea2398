"""The desk's page for acts on many sessions: stop all clocks with one reason, let all go on at once or at an instant. Asked twice."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from engine.rules.auction import commands as c
from engine.rules.auction.state import LotState
from engine.rules.visibility import public_lot
from engine.values import InstantUs
from gateway.desk.halting import SESSIONS_MAX, Told, halted, running, tell_all
from gateway.errors import Code, Refused
from gateway.formatting import read_local
from gateway.http.asking import CALLER, origin_of
from gateway.pages.rendering import page
from gateway.pages.typed import REASON_MAX, command_id
from gateway.services import SERVICES, Services

SHOWN: Final = 500
TYPED: Final = ("act", "scope", "reason", "kind", "resumes_at", "command_id")


async def choose_sessions(request: web.Request) -> web.Response:
    """GET /desk/halting: what runs, what stands."""
    return _page(request, {}, {})


async def halt_sessions(request: web.Request) -> web.Response:
    """POST /desk/halting: first the same again to be confirmed, then the act, answered session by session."""
    form = await request.post()
    typed = {name: str(form.get(name, "")) for name in TYPED}
    only = [str(lot) for lot in form.getall("lot", [])][:SESSIONS_MAX] if typed["scope"] == "ticked" else None
    reason, wrong = typed["reason"].strip()[:REASON_MAX], dict[str, str]()
    if typed["act"] not in ("pause", "resume"):
        raise Refused(Code.MALFORMED, fields="act")
    if not reason:
        wrong["reason"] = "required"
    if only == []:
        wrong["scope"] = "none_ticked"
    resumes_at_us = read_local(typed["resumes_at"]) if typed["resumes_at"] else None
    if typed["resumes_at"] and (resumes_at_us is None or resumes_at_us <= request.app[SERVICES].now_us):
        wrong["resumes_at"] = "future"
    if wrong:
        return _page(request, typed, wrong, only, status=422)
    act = command_id(typed)
    if form.get("confirmed") != "1":
        return _page(request, {**typed, "reason": reason, "command_id": str(act)}, {}, only, sure=True)
    command: c.PauseLot | c.ResumeLot
    if typed["act"] == "pause":
        kind = c.PauseKind.FAULT if typed["kind"] == c.PauseKind.FAULT else c.PauseKind.OPERATOR
        command = c.PauseLot(reason=reason, kind=kind)
    else:
        command = c.ResumeLot(reason=reason, resumes_at_us=None if resumes_at_us is None else InstantUs(resumes_at_us))
    told = await tell_all(request.app[SERVICES], request[CALLER], origin_of(request), act, command, only)
    return _page(request, {}, {}, told=told, done=typed["act"])


def _page(
    request: web.Request,
    typed: dict[str, str],
    wrong: dict[str, str],
    only: Sequence[str] | None = None,
    *,
    sure: bool = False,
    told: list[Told] | None = None,
    done: str = "",
    status: int = 200,
) -> web.Response:
    services = request.app[SERVICES]
    typed = {**dict.fromkeys(TYPED, ""), **typed}
    states = list(services.engine.lots())
    run, stand = running(states), halted(states)
    meant = run if typed["act"] == "pause" else stand
    chosen = [state for state in meant if only is None or state.lot_id in only]
    return page(
        request, "desk_halting.html", status, typed=typed, wrong=wrong, sure=sure, told=told, done=done,
        running=_rows(run), halted=_rows(stand), chosen=_rows(chosen), only=only, ticked=set(only or ()),
        counts={"running": len(run), "halted": len(stand), "chosen": len(chosen)}, shown=SHOWN,
        notice_us=_longest_notice_us(chosen), command_id=typed["command_id"] or str(uuid.uuid4()),
        titles=_titles(services, told),
    )  # fmt: skip


def _rows(states: Sequence[LotState]) -> list[dict[str, Any]]:
    return [{"lot": public_lot(state), "subject": state.subject} for state in states[:SHOWN]]


def _titles(services: Services, told: list[Told] | None) -> dict[str, Any]:
    asked = {one.lot for one in told or ()}
    return {state.lot_id: state.subject for state in services.engine.lots() if state.lot_id in asked}


def _longest_notice_us(states: Sequence[LotState]) -> int:
    """Return the longest notice that a resumption of these needs after a fault; 0 where none stands for one."""
    faults = [state.terms.resume_notice_us for state in states if state.halted_kind is c.PauseKind.FAULT]
    return max(faults, default=0)


ROUTES = [web.get("/desk/halting", choose_sessions), web.post("/desk/halting", halt_sessions)]
