"""The operator's desk: prepare a lot, preview its rules, publish, run, see everything but the bidders' maxima."""

from __future__ import annotations

import secrets
import uuid
from typing import Any, Final

from aiohttp import web

from engine.evidence.receipts import Outcome, Receipt
from engine.journal.codec import decode_event
from engine.rules.auction import commands as c
from engine.rules.auction.events import BidRejected
from engine.rules.auction.state import LotState
from engine.rules.rejections import Reject
from engine.rules.visibility import public_lot
from engine.values import InstantUs, LotId, PartyId
from gateway.accounts.model import Role
from gateway.desk.drafts import Draft
from gateway.desk.publishing import sold_achievement
from gateway.desk.voiding import REASON_MAX, VoidGround, needs_second_person, published
from gateway.errors import Code, Refused
from gateway.formatting import read_local
from gateway.http.api import voiding
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.desk import CODE_SEEDS, read_bidders
from gateway.http.asking import CALLER, network_of, origin_of
from gateway.http.commands import ask, find_lot, outcome_of
from gateway.pages.desk_acts import acts_context, acts_on_record
from gateway.pages.i18n import language_of
from gateway.pages.lot import ROWS_SHOWN, TAIL, lot_context
from gateway.pages.lot_form import DEFAULTS, PRESETS, LotForm, read_form, typed
from gateway.pages.plain_words import sentences
from gateway.pages.rendering import page, see_other
from gateway.pages.typed import command_id
from gateway.services import SERVICES, Services

LOTS_SHOWN: Final = 500


async def show_desk(request: web.Request) -> web.Response:
    """GET /desk."""
    services = request.app[SERVICES]
    lots = [public_lot(state) for state in services.engine.lots()]
    subjects = {state.lot_id: state.subject for state in services.engine.lots()}
    order = {"interrupted": 0, "paused": 1, "limited": 2, "open": 3, "scheduled": 4}
    lots.sort(key=lambda one: (order.get(one.phase, 9), one.closes_at_us or one.free_ends_at_us or 2**62))
    drafts = await services.drafts.newest() if request[CALLER].role is Role.OPERATOR else []
    counts = await services.hall.count_by_phase()
    return page(
        request,
        "desk.html",
        lots=lots[:LOTS_SHOWN],
        subjects=subjects,
        drafts=drafts,
        counts=counts,
        now_us=services.now_us,
    )


async def new_lot(request: web.Request) -> web.Response:
    """GET /desk/lots/new: an empty form, or one filled by a preset."""
    preset = PRESETS.get(request.query.get("preset", ""), {})
    values = {**DEFAULTS, "lot_id": f"lot-{secrets.token_hex(3)}", **preset}
    return _form_page(request, values, None, {})


async def create_draft(request: web.Request) -> web.Response:
    """POST /desk/lots/new."""
    services, caller = request.app[SERVICES], request[CALLER]
    form = await request.post()
    draft_id = await services.drafts.create(caller.party_id, typed(form))
    draft = await services.drafts.read(draft_id)
    assert draft is not None
    return await _use_draft(request, draft, str(form.get("act", "save")))


async def show_draft(request: web.Request) -> web.Response:
    """GET /desk/drafts/{id}."""
    draft = await _draft(request)
    return _form_page(request, {**DEFAULTS, **draft.form}, draft, {})


async def save_draft(request: web.Request) -> web.Response:
    """POST /desk/drafts/{id}: save, preview, publish or delete."""
    services, draft, form = request.app[SERVICES], await _draft(request), await request.post()
    act = str(form.get("act", "save"))
    if act == "delete":
        await services.drafts.delete(draft.id)
        return see_other("/desk")
    version = str(form.get("version", "0"))
    saved = await services.drafts.save(draft.id, typed(form), int(version) if version.isdigit() else 0)
    if saved is None:
        # Somebody saved meanwhile: what was typed here is kept as a draft of its own, nothing is lost.
        other = await services.drafts.create(request[CALLER].party_id, typed(form))
        copy = await services.drafts.read(other)
        assert copy is not None
        return _form_page(request, {**DEFAULTS, **copy.form}, copy, {}, notice="desk.draft_conflict")
    draft = await _draft(request)
    return await _use_draft(request, draft, act)


async def _use_draft(request: web.Request, draft: Draft, act: str) -> web.Response:
    if act == "save":
        return see_other(f"/desk/drafts/{draft.id}")
    read = read_form(draft.form)
    services = request.app[SERVICES]
    seller = await services.accounts.by_login(draft.form.get("seller", ""))
    wrong, achievement = dict(read.wrong), None
    if seller is None or seller.role is not Role.SELLER:
        wrong["seller"] = "seller"
    else:
        try:
            achievement = await sold_achievement(services, seller.party, draft.form.get("achievement", "").strip())
        except Refused:
            wrong["achievement"] = "achievement"
    if act == "publish" and not wrong and seller is not None:
        receipt = await _publish(request, read, seller.party, achievement)
        if receipt.decision is Outcome.ACCEPTED:
            await services.drafts.delete(draft.id)
            return see_other(f"/desk/lots/{receipt.subject_id}")
        wrong["lot_id" if receipt.code is Reject.LOT_EXISTS else "terms"] = f"code.{outcome_of(receipt)}"
    preview = sentences(read.terms, language_of(request)) if read.terms is not None else None
    return _form_page(request, {**DEFAULTS, **draft.form}, draft, wrong, preview=preview)


async def _publish(
    request: web.Request, read: LotForm, seller_id: PartyId, achievement: c.SoldAchievement | None
) -> Receipt:
    from msgspec.structs import replace

    services, caller = request.app[SERVICES], request[CALLER]
    assert read.terms is not None
    terms = replace(read.terms, code_seed=secrets.randbelow(CODE_SEEDS))
    command = c.PublishLot(terms=terms, subject=read.subject, seller_id=seller_id, achievement=achievement)
    receipt = await ask(services, caller, LotId(read.lot_id), command, uuid.uuid4().bytes)
    await services.accounts.note(caller, network_of(request), "lot.publish", read.lot_id, outcome_of(receipt))
    return receipt


def _form_page(
    request: web.Request,
    values: dict[str, str],
    draft: Draft | None,
    wrong: dict[str, str],
    *,
    preview: list[str] | None = None,
    notice: str = "",
) -> web.Response:
    status = 422 if wrong else 200
    context = {
        "values": values,
        "draft": draft,
        "wrong": wrong,
        "preview": preview,
        "notice": notice,
        "presets": list(PRESETS),
    }
    return page(request, "desk_form.html", status, **context)


async def run_lot(request: web.Request) -> web.Response:
    """GET /desk/lots/{lot}: everything about a session, and the acts on it."""
    services = request.app[SERVICES]
    state = await find_lot(services, request.match_info["lot"])
    return await _lot_page(request, services, state.lot_id, None)


async def act_on_lot(request: web.Request) -> web.Response:
    """POST /desk/lots/{lot}: pause, resume, void, withdraw, admit."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    state = await find_lot(services, request.match_info["lot"])
    act, reason = str(form.get("act", "")), str(form.get("reason", "")).strip()
    command = await _command(services, state, act, reason, form)
    receipt = await ask(services, caller, state.lot_id, command, uuid.uuid4().bytes)
    await services.accounts.note(caller, network_of(request), f"lot.{act}", state.lot_id, outcome_of(receipt))
    if receipt.decision is Outcome.ACCEPTED:
        if isinstance(command, c.AdmitBidder):
            await services.admissions.close(state.lot_id, command.bidder_id)
        return see_other(f"/desk/lots/{state.lot_id}")
    return await _lot_page(request, services, state.lot_id, receipt)


async def void_lot(request: web.Request) -> web.Response:
    """POST /desk/lots/{lot}/void: ask to void a session that has bids, or answer another person's request."""
    services, form = request.app[SERVICES], await request.post()
    state = await find_lot(services, request.match_info["lot"])
    path = {"lot": state.lot_id, "request": str(form.get("request", ""))}
    call = Call(services, request[CALLER], origin_of(request), path)
    act, ground = str(form.get("act", "")), str(form.get("ground", ""))
    try:
        if act == "ask":
            reason = str(form.get("reason", "")).strip()[:REASON_MAX]
            if ground not in set(VoidGround) or not reason:
                raise Refused(Code.MALFORMED, fields="ground, reason")
            wish = voiding.VoidWish(
                id=command_id({"command_id": str(form.get("command_id", ""))}), ground=VoidGround(ground), reason=reason
            )
            await voiding.ask(call, wish)
        else:
            await voiding.answer(call, voiding.VoidAnswer(confirm=act == "confirm"))
    except RefusedByEngine as refused:
        return await _lot_page(request, services, state.lot_id, refused.receipt)
    return see_other(f"/desk/lots/{state.lot_id}")


async def _command(services: Services, state: LotState, act: str, reason: str, form: Any) -> c.Command:
    match act:
        case "pause":
            fault = str(form.get("kind", "")) == c.PauseKind.FAULT.value
            return c.PauseLot(reason=reason, kind=c.PauseKind.FAULT if fault else c.PauseKind.OPERATOR)
        case "resume":
            at_us = read_local(str(form.get("resumes_at", "")))
            return c.ResumeLot(reason=reason, resumes_at_us=None if at_us is None else InstantUs(at_us))
        case "void":
            if needs_second_person(state):
                raise Refused(Code.SECOND_PERSON_NEEDED)
            ground = str(form.get("ground", ""))
            if ground not in set(VoidGround) or not reason:
                raise Refused(Code.MALFORMED, fields="ground, reason")
            return c.VoidLot(reason=published(VoidGround(ground), reason[:REASON_MAX]))
        case "withdraw":
            return c.WithdrawLot(reason=reason)
        case "admit":
            account = await services.accounts.by_login(str(form.get("login", "")))
            if account is None or not account.role.trades:
                raise Refused(Code.MALFORMED, fields="login")
            return c.AdmitBidder(bidder_id=account.party)
        case _:
            raise Refused(Code.MALFORMED, fields="act")


async def _lot_page(request: web.Request, services: Services, lot_id: LotId, refused: Receipt | None) -> web.Response:
    state = await find_lot(services, lot_id)
    context = await lot_context(request, services, request[CALLER], state)
    bidders = await read_bidders(services, lot_id, state.codes)
    records = await services.reader.lot_tail(lot_id, TAIL)
    events = [(record, decode_event(record.type, record.version, record.body)) for record in records]
    refusals = [
        {
            "seq": record.stream_seq,
            "at_us": record.at_us,
            "code": event.reject,
            "bidder": state.codes.get(event.bidder_id, ""),
        }
        for record, event in events
        if isinstance(event, BidRejected)
    ][-ROWS_SHOWN:]
    requests = await services.voiding.of_lot(lot_id)
    people = [PartyId(login) for one in requests for login in (one.asked_by, one.ended_by) if login]
    known = await services.accounts.by_ids(people)
    on_record, actors = await acts_on_record(services, state)
    staff = {**actors, **{party: account.display_name for party, account in known.items()}}
    return page(
        request, "desk_lot.html", 200 if refused is None else 409, void_requests=requests, grounds=[one.value for one in VoidGround],
        staff=staff, login_id=request[CALLER].login_id, two_people=needs_second_person(state), on_record=on_record,
        **acts_context(state),
        refused=refused, bidders=bidders, refusals=list(reversed(refusals)), rejected=state.rejected, state=state, **context,
    )  # fmt: skip


async def _draft(request: web.Request) -> Draft:
    draft = await request.app[SERVICES].drafts.read(request.match_info["id"])
    if draft is None:
        raise Refused(Code.NOT_FOUND)
    return draft


ROUTES = [
    web.get("/desk", show_desk),
    web.get("/desk/lots/new", new_lot),
    web.post("/desk/lots/new", create_draft),
    web.get("/desk/drafts/{id}", show_draft),
    web.post("/desk/drafts/{id}", save_draft),
    web.get("/desk/lots/{lot}", run_lot),
    web.post("/desk/lots/{lot}", act_on_lot),
    web.post("/desk/lots/{lot}/void", void_lot),
]
