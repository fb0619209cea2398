"""The handling desk for notices: objections with their age and clocks, and everything about one notice on one page.

Only here personal data of objectors is shown; that it was read goes into the audit log. Acts that cannot be taken back are asked twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from engine.calendar import parse_day, start_of
from engine.journal.codec import decode_event
from engine.journal.streams import NOTICES
from engine.rules.publicity.commands import GapSource, Ruling
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.values import InstantUs
from gateway.errors import Code, Refused
from gateway.http.api import notice_wishes as w
from gateway.http.api import notices as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.wishes import ReasonWish
from gateway.http.asking import CALLER, network_of, origin_of
from gateway.http.commands import outcome_of
from gateway.http.downloads import download_of
from gateway.notices.asking import find_notice
from gateway.notices.objecting import evidence_of, evidence_subject
from gateway.pages.listing_desk import Problem
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES

TAIL: Final = 200
PANEL_ROWS: Final = 5
FINAL_ACTS: Final = frozenset({"terminate", "refuse", "sustained", "partly", "dismissed"})
"""Asked twice."""
_EVENTS: Final = "SELECT * FROM event WHERE stream = $1 ORDER BY stream_seq DESC LIMIT $2"
_MINUTE_US: Final = 60_000_000


async def show_queues(request: web.Request) -> web.Response:
    """GET /desk/notices."""
    services = request.app[SERVICES]
    queues = await api.queues(_call(request))
    return page(
        request, "notice_desk/queues.html", queues=queues, counts=await services.publicity.count_by_phase(),
        now_us=services.now_us,
    )  # fmt: skip


async def show_one(request: web.Request) -> web.Response:
    """GET /desk/notices/{notice}."""
    state = await find_notice(request.app[SERVICES], request.match_info["notice"])
    return await _one_page(request, state, None, {}, "")


async def act_on_one(request: web.Request) -> web.Response:
    """POST /desk/notices/{notice}: one of the acts; what is final is confirmed first."""
    state = await find_notice(request.app[SERVICES], request.match_info["notice"])
    form = await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    typed = {name: str(value) for name, value in form.items() if isinstance(value, str)}
    if act in FINAL_ACTS and form.get("sure") != "1":
        return await _one_page(request, state, None, typed, act)
    try:
        await _ACTS[act](_call(request, typed), typed)
    except RefusedByEngine as refused:
        return await _one_page(request, state, Problem(outcome_of(refused.receipt), refused.receipt.data), typed, "")
    except Refused as refused:
        return await _one_page(request, state, Problem(refused.code.value, refused.data), typed, "")
    return see_other(f"/desk/notices/{state.notice_id}")


async def download(request: web.Request) -> web.StreamResponse:
    """GET /desk/objections/{id}/files/{file}: evidence, for the desk alone."""
    services, objection_id = request.app[SERVICES], request.match_info["id"]
    await services.accounts.note(request[CALLER], network_of(request), "objection.evidence_read", objection_id)
    return await download_of(services, request.match_info["file"], evidence_subject(objection_id))


async def _one_page(
    request: web.Request, state: NoticeState, problem: Problem | None, typed: dict[str, str], sure: str
) -> web.Response:
    services = request.app[SERVICES]
    await services.accounts.note(request[CALLER], network_of(request), "notice.read", state.notice_id)
    people: dict[int, Any] = {}
    for one in state.objections:
        person = await services.objectors.read(one.objection_id)
        people[one.no] = {"person": person, "files": await evidence_of(services, one.objection_id)}
    members = [member.member_id for one in state.objections for member in one.panel]
    panel = await services.objectors.panellists(members)
    accounts = {state.applicant, *(one.approver for one in (*state.approvals, *state.past_approvals))}
    accounts |= {one.handler for one in state.objections if one.handler} | {one for one in members if one not in panel}
    rows = await services.pool.fetch(_EVENTS, NOTICES.stream(state.notice_id), TAIL)
    return page(
        request, "notice_desk/one.html", 200 if problem is None else 409, state=state, content=state.content,
        public=public_notice(state, InstantUs(services.now_us)), people=people, panel=panel, problem=problem, typed=typed,
        sure=sure, names=await names_of(services, accounts), events=[_event_row(row) for row in rows],
        command_id=typed.get("command_id") if sure else str(uuid.uuid4()), now_us=services.now_us, panel_rows=PANEL_ROWS,
    )  # fmt: skip


def _event_row(row: Any) -> dict[str, Any]:
    event = decode_event(row["type"], row["version"], row["body"])
    return {
        "seq": row["stream_seq"], "at_us": row["at_us"], "actor": row["actor"], "digest": row["digest"].hex(),
        "name": NOTICE_WIRE_NAMES[type(event)][0].removeprefix("notice."),
        "no": getattr(event, "objection_no", None), "reason": str(getattr(event, "reason", "") or getattr(event, "reasons", "")),
    }  # fmt: skip


def _call(request: web.Request, typed: dict[str, str] | None = None) -> Call:
    path = {**request.match_info, **({"no": typed["no"]} if typed and typed.get("no", "").isdigit() else {})}
    return Call(request.app[SERVICES], request[CALLER], origin_of(request), path)


def _id(typed: dict[str, str]) -> uuid.UUID:
    try:
        return uuid.UUID(typed.get("command_id", ""))
    except ValueError:
        return uuid.uuid4()


def _reason(typed: dict[str, str], most: int = 500) -> str:
    reason = typed.get("reason", "").replace("\r\n", "\n").strip()[:most]
    if not reason:
        raise Refused(Code.MALFORMED, fields="reason")
    return reason


async def _take_up(call: Call, typed: dict[str, str]) -> Any:
    return await api.receive(call, w.ReceiveWish(id=_id(typed), admitted=True))


async def _refuse(call: Call, typed: dict[str, str]) -> Any:
    return await api.receive(call, w.ReceiveWish(id=_id(typed), admitted=False, reason=_reason(typed)))


async def _panel(call: Call, typed: dict[str, str]) -> Any:
    members = [
        w.PanellistWish(
            name=typed[f"name{row}"].strip()[:60],
            office=typed.get(f"office{row}", "").strip()[:100],
            conflict=typed.get(f"free{row}") != "1",
        )
        for row in range(1, PANEL_ROWS + 1)
        if typed.get(f"name{row}", "").strip()
    ]
    if not members:
        raise Refused(Code.MALFORMED, fields="members")
    return await api.name_panel(call, w.PanelWish(id=_id(typed), members=members))


def _ruling(ruling: Ruling) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await api.decide(call, w.RulingWish(id=_id(typed), ruling=ruling, reasons=_reason(typed, 4_000)))

    return send


def _reasoned(act: Callable[[Call, ReasonWish], Awaitable[Any]]) -> Callable[[Call, dict[str, str]], Awaitable[Any]]:
    async def send(call: Call, typed: dict[str, str]) -> Any:
        return await act(call, ReasonWish(id=_id(typed), reason=_reason(typed)))

    return send


async def _gap(call: Call, typed: dict[str, str]) -> Any:
    wish = w.GapWish(
        id=_id(typed), from_us=_instant(typed, "from"), to_us=_instant(typed, "to"), source=GapSource.OPERATOR
    )
    return await api.record_gap(call, wish)


def _instant(typed: dict[str, str], name: str) -> int:
    """Read what a field of kind datetime-local sends: `2026-03-05T01:30`, in Asia/Shanghai."""
    date, _, clock = typed.get(name, "").partition("T")
    day, (hours, _, minutes) = parse_day(date), clock[:5].partition(":")
    if day is None or not (hours.isdigit() and minutes.isdigit()) or int(hours) > 23 or int(minutes) > 59:
        raise Refused(Code.MALFORMED, fields=name)
    return start_of(day) + (int(hours) * 60 + int(minutes)) * _MINUTE_US


_ACTS: Final[dict[str, Callable[[Call, dict[str, str]], Awaitable[Any]]]] = {
    "return": _reasoned(api.send_back),
    "terminate": _reasoned(api.terminate),
    "take_up": _take_up,
    "refuse": _refuse,
    "panel": _panel,
    "extend": _reasoned(api.extend),
    "sustained": _ruling(Ruling.SUSTAINED),
    "partly": _ruling(Ruling.PARTLY),
    "dismissed": _ruling(Ruling.DISMISSED),
    "gap": _gap,
}

ROUTES: Final[list[Any]] = [
    web.get("/desk/notices", show_queues),
    web.get("/desk/notices/{notice}", show_one),
    web.post("/desk/notices/{notice}", act_on_one),
    web.get("/desk/objections/{id}/files/{file}", download),
]
