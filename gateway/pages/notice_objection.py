"""Objecting, for everybody: the form, evidence, the receipt, how it stands, withdrawal. Works without JavaScript and without an account.

The address of an objection carries its secret, which is shown once; who has an account finds his objection by the account as well.
"""

from __future__ import annotations

import hmac
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from engine.evidence.receipts import Outcome
from engine.rules.publicity.commands import Ground
from engine.rules.publicity.state import NoticePhase, NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.values import InstantUs
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.http.commands import outcome_of
from gateway.http.uploads import upload_of
from gateway.notices import objecting
from gateway.notices.asking import find_published
from gateway.notices.objectors import RELATIONS, STATEMENT_MAX, Objector, Said
from gateway.pages.listing_desk import Problem
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES

KEPT: Final = 4_100
"""Characters of a field that are shown again."""


async def show_form(request: web.Request) -> web.Response:
    """GET /notices/{notice}/objection."""
    state = await find_published(request.app[SERVICES], request.match_info["notice"])
    return await _form_page(request, state, {}, {}, None)


async def take_form(request: web.Request) -> web.Response:
    """POST /notices/{notice}/objection: check the person and keep the objection, not sent yet."""
    services = request.app[SERVICES]
    state = await find_published(services, request.match_info["notice"])
    form = await request.post()
    typed = {name: str(value)[:KEPT] for name, value in form.items() if isinstance(value, str)}
    said = Said(
        anonymous=typed.get("anonymous") == "1",
        **{name: typed.get(name, "") for name in ("name", "number", "contact", "relation", "ground")},
        statement=typed.get("statement", "").replace("\r\n", "\n"),
    )
    try:
        made = await objecting.prepare(services, request[CALLER], state, said, network_of(request))
    except Refused as refused:
        return await _form_page(request, state, typed, {}, Problem(refused.code.value, refused.data))
    if isinstance(made, dict):
        return await _form_page(request, state, typed, made, None)
    objection_id, secret = made
    return see_other(f"/objections/{objection_id}?key={quote(secret)}")


async def find(request: web.Request) -> web.Response:
    """GET /objections: where a receipt number and its key lead on."""
    return page(request, "notice_objection/find.html", wrong=False)


async def go_on(request: web.Request) -> web.Response:
    """POST /objections: from the receipt number and the key to the objection."""
    services, form = request.app[SERVICES], await request.post()
    receipt, key = str(form.get("receipt", "")).strip()[:60], str(form.get("key", "")).strip()[:60]
    row = await services.publicity.objection_by_receipt(receipt) if receipt.isascii() else None
    one = None if row is None else await services.objectors.read_own(row.objection_id, key)
    if one is None:
        return page(request, "notice_objection/find.html", 404, wrong=True)
    return see_other(f"/objections/{one.objection_id}?key={quote(key)}")


async def show_one(request: web.Request) -> web.Response:
    """GET /objections/{id}: what was written, its files, and how it stands."""
    return await _one_page(request, await _own(request), None, "")


async def act_on_one(request: web.Request) -> web.Response:
    """POST /objections/{id}: send it, take a file off, or withdraw it (asked twice)."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    one, act = await _own(request), str(form.get("act", ""))
    if act == "drop":
        await objecting.drop_evidence(services, one, str(form.get("file", ""))[:40])
        return see_other(_address(request, one))
    if act == "send":
        receipt = await objecting.send(services, caller, one)
    elif act == "withdraw":
        filed = objecting.filed_as(await objecting.notice_of(services, one.notice), one.objection_id)
        if filed is None:
            raise Refused(Code.WRONG_STATE)
        if form.get("sure") != "1":
            return await _one_page(request, one, None, "withdraw")
        receipt = await objecting.take_back(services, caller, one, filed)
    else:
        raise Refused(Code.MALFORMED, fields="act")
    if receipt.decision is not Outcome.ACCEPTED:
        return await _one_page(request, one, Problem(outcome_of(receipt), receipt.data), "")
    return see_other(_address(request, one))


async def take_file(request: web.Request) -> web.Response:
    """POST /objections/{id}/files: a multipart form with `csrf` and one file."""
    services = request.app[SERVICES]
    one = await _own(request)
    upload = await upload_of(request, services.config.attachment_bytes_max)
    try:
        await objecting.add_evidence(services, one, upload.name, upload.chunks())
    except Refused as refused:
        if refused.code is not Code.FILE_REFUSED:
            raise
        return await _one_page(request, one, Problem(refused.code.value, refused.data), "")
    return see_other(_address(request, one))


async def _form_page(
    request: web.Request,
    state: NoticeState,
    typed: dict[str, str],
    wrong: dict[str, str],
    problem: Problem | None,
) -> web.Response:
    services = request.app[SERVICES]
    status = 200 if not wrong and problem is None else 422 if problem is None else _status(problem)
    return page(
        request, "notice_objection/form.html", status, state=state, public=public_notice(state, InstantUs(services.now_us)),
        known=await objecting.known_of(services, request[CALLER]), typed=typed, wrong=wrong, problem=problem,
        grounds=[ground.value for ground in Ground], relations=RELATIONS, statement_max=STATEMENT_MAX,
        runs=state.phase in (NoticePhase.PUBLISHED, NoticePhase.OBJECTED),
    )  # fmt: skip


async def _one_page(request: web.Request, one: Objector, problem: Problem | None, ask: str) -> web.Response:
    services = request.app[SERVICES]
    state = await objecting.notice_of(services, one.notice)
    return page(
        request, "notice_objection/one.html", 200 if problem is None else _status(problem), one=one, state=state,
        filed=objecting.filed_as(state, one.objection_id), files=await objecting.evidence_of(services, one.objection_id),
        problem=problem, ask=ask, key=request.query.get("key", ""), address=_address(request, one),
        shown_title=state.versions[-1].content, limit_mb=services.config.attachment_bytes_max // 1_000_000,
    )  # fmt: skip


def _status(problem: Problem) -> int:
    from gateway.errors import ERRORS

    return ERRORS[problem.code].status or 500


async def _own(request: web.Request) -> Objector:
    """Return the objection to whoever holds its secret, or is logged in as the account that made it."""
    services, caller = request.app[SERVICES], request[CALLER]
    objection_id, key = request.match_info["id"], request.query.get("key", "")
    one = await services.objectors.read_own(objection_id, key) if key else None
    if one is None and caller.account is not None:
        stored = await services.objectors.read(objection_id)
        if stored is not None and stored.account and hmac.compare_digest(stored.account, caller.login_id):
            one = stored
    if one is None:
        raise Refused(Code.NOT_FOUND)
    return one


def _address(request: web.Request, one: Objector) -> str:
    key = request.query.get("key", "")
    return f"/objections/{one.objection_id}" + (f"?key={quote(key)}" if key else "")


ROUTES: Final[list[Any]] = [
    web.get("/notices/{notice}/objection", show_form),
    web.post("/notices/{notice}/objection", take_form),
    web.get("/objections", find),
    web.post("/objections", go_on),
    web.get("/objections/{id}", show_one),
    web.post("/objections/{id}", act_on_one),
    web.post("/objections/{id}/files", take_file),
]
