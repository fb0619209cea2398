"""Endpoints of notices. Everybody reads what is published and may object; the institution prepares, approves and publishes; operators
handle objections. Who may act for which side is checked here, whether the act holds is the engine's word.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec.structs import replace

from engine.evidence.receipts import Outcome
from engine.rules.publicity import commands as c
from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.events import ObjectionFiled
from engine.rules.publicity.state import NoticePhase, NoticeState, ObjectionPhase
from engine.rules.publicity.terms import Declaration, DeclarerRole
from engine.rules.publicity.visibility import public_notice
from engine.values import InstantUs, NoticeId
from gateway.accounts.model import MemberRole
from gateway.errors import Code, Refused
from gateway.http.api import notice_views as nv
from gateway.http.api import notice_wishes as w
from gateway.http.api.calls import Call, RefusedByEngine, id_text
from gateway.http.api.wishes import ReasonWish
from gateway.listings.buyers import must_be_verified
from gateway.notices import objecting
from gateway.notices.asking import ask_notice, find_notice, find_published, find_visible, is_seller, sees_inside
from gateway.notices.content import achievement_of, content_of, declarations_of, terms_of
from gateway.notices.ladders import PROPOSED, LadderVersion
from gateway.notices.objectors import Said

CORRECTED: Final = (
    "title_zh", "title_en", "abstract_zh", "abstract_en", "scope_zh", "scope_en", "unit_place", "objections_to",
)  # fmt: skip


async def notices(call: Call, query: w.PublicityQuery) -> nv.PublicityView:
    """Search what was ever published."""
    found = await call.services.publicity.search(
        words=query.words,
        field=query.field,
        region=query.region,
        phases=[phase for phase in query.phases.split(",") if phase],
        seller=query.seller,
        from_us=query.from_us,
        until_us=query.until_us,
        after=query.after,
        limit=query.limit,
    )
    return nv.PublicityView(found.notices, found.next)


async def notice(call: Call) -> nv.NoticeView:
    """One notice as it stands, with what the caller sees of its inside."""
    state = await find_visible(call.services, call.caller, call.path["notice"])
    return nv.NoticeView(
        id=state.notice_id,
        phase=state.phase.value,
        notice=public_notice(state, InstantUs(call.services.now_us)),
        inside=nv.inside_view(state) if sees_inside(call.caller, state) else None,
    )


async def own(call: Call) -> nv.OwnNoticesView:
    """What the caller's party publishes."""
    return nv.OwnNoticesView(notices=await call.services.publicity.of_seller(call.caller.party_id))


async def queues(call: Call) -> nv.NoticeQueuesView:
    """What waits for the desk."""
    index = call.services.publicity
    return nv.NoticeQueuesView(
        to_receive=await index.objections_in_phases([ObjectionPhase.FILED]),
        to_decide=await index.objections_in_phases([ObjectionPhase.UNDER_REVIEW]),
        leads=await index.objections_in_phases([ObjectionPhase.LEAD]),
        sustained=await index.in_phases([NoticePhase.SUSTAINED]),
        uncertain=await index.uncertain(),
        running=await index.in_phases([NoticePhase.PUBLISHED, NoticePhase.OBJECTED, NoticePhase.CLEAN]),
    )


async def ladder(call: Call) -> nv.LaddersView:
    """The ladders of the caller's institution."""
    history = await call.services.ladders.history(call.caller.party_id)
    return nv.LaddersView([_ladder_view(one) for one in history] or [_ladder_view(LadderVersion(PROPOSED, "", "", 0))])


async def set_ladder(call: Call, wish: w.LadderWish) -> nv.LaddersView:
    """Put another ladder in force; notices handed in before keep theirs."""
    _must_be(call, MemberRole.ADMINISTRATOR)
    await call.services.ladders.set(call.caller.party_id, wish.ladder(), call.caller.login_id, wish.reason)
    return await ladder(call)


async def submit(call: Call, wish: w.SubmitNoticeWish) -> nv.NoticeCommandView:
    """Hand a notice in for approval: an achievement of the caller's party."""
    _must_be(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    await must_be_verified(call.services, call.caller)
    version = await achievement_of(call.services, call.caller.party_id, wish.achievement)
    command = c.SubmitNotice(
        terms=terms_of(wish.content, version, await call.services.ladders.of(call.caller.party_id)),
        content=await content_of(call.services, version, wish.content, wish.notice),
        seller_id=call.caller.party_id,
        applicant=call.caller.login_id,
        declarations=declarations_of(wish.content, call.caller.login_id),
    )
    return await _send(call, NoticeId(wish.notice), command, wish.id)


async def resubmit(call: Call, wish: w.NoticeAgainWish) -> nv.NoticeCommandView:
    """Hand it in again after correction."""
    state = await _as_seller(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    version = await achievement_of(call.services, state.seller_id, state.content.achievement_id)
    command = c.ResubmitNotice(
        terms=terms_of(wish.content, version, await call.services.ladders.of(state.seller_id)),
        content=await content_of(call.services, version, wish.content, state.notice_id),
        applicant=call.caller.login_id,
        declarations=declarations_of(wish.content, call.caller.login_id),
    )
    return await _send(call, state.notice_id, command, wish.id)


async def revise(call: Call, wish: w.NoticeChangeWish) -> nv.NoticeCommandView:
    """New content: approved again, published again from day one."""
    state = await _as_seller(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    version = await achievement_of(call.services, state.seller_id, state.content.achievement_id)
    command = c.ReviseNotice(
        terms=terms_of(wish.content, version, await call.services.ladders.of(state.seller_id)),
        content=await content_of(call.services, version, wish.content, state.notice_id),
        applicant=call.caller.login_id,
        reason=wish.reason,
        declarations=declarations_of(wish.content, call.caller.login_id),
    )
    return await _send(call, state.notice_id, command, wish.id)


async def correct(call: Call, wish: w.TypoWish) -> nv.NoticeCommandView:
    """Put a slip of the pen right; the period goes on."""
    state = await _as_seller(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    texts = {name: text for name in CORRECTED if (text := getattr(wish, name))}
    content: NoticeContent = replace(state.content, **texts)
    return await _send(call, state.notice_id, c.CorrectTypo(content=content, reason=wish.reason), wish.id)


async def approve(call: Call, wish: w.ApproveWish) -> nv.NoticeCommandView:
    """Approve for one body."""
    state = await _as_seller(call, MemberRole.APPROVER)
    who = call.caller.login_id
    declaration = Declaration(role=DeclarerRole.APPROVER, who=who, relation=wish.relation)
    command = c.ApproveNotice(body=wish.body, approver=who, declaration=declaration, minutes=wish.minutes)
    return await _send(call, state.notice_id, command, wish.id)


async def send_back(call: Call, wish: ReasonWish) -> nv.NoticeCommandView:
    """Back to the applicant: an approver of the institution, or the operator."""
    state = await find_visible(call.services, call.caller, call.path["notice"])
    if not _is_operator(call) and not (is_seller(call.caller, state) and call.caller.may_as(MemberRole.APPROVER)):
        raise Refused(Code.FORBIDDEN)
    command = c.ReturnNotice(by=call.caller.login_id, reason=wish.reason)
    return await _send(call, state.notice_id, command, wish.id)


async def publish(call: Call, wish: w.PlainWish) -> nv.NoticeCommandView:
    """The period begins."""
    state = await _as_seller(call, MemberRole.APPROVER)
    return await _send(call, state.notice_id, c.PublishNotice(), wish.id)


async def withdraw(call: Call, wish: ReasonWish) -> nv.NoticeCommandView:
    """Give the agreement up."""
    state = await _as_seller(call, MemberRole.APPROVER)
    return await _send(call, state.notice_id, c.WithdrawNotice(reason=wish.reason), wish.id)


async def confirm(call: Call, wish: w.PlainWish) -> nv.NoticeCommandView:
    """Conclude the agreement that was published."""
    state = await _as_seller(call, MemberRole.APPROVER)
    return await _send(call, state.notice_id, c.ConfirmDeal(by=call.caller.login_id), wish.id)


async def contract(call: Call, wish: w.ContractWish) -> nv.NoticeCommandView:
    """Record the contract."""
    state = await _as_seller(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    return await _send(call, state.notice_id, c.RecordContract(contract_ref=wish.contract_ref), wish.id)


async def archive(call: Call, wish: w.PlainWish) -> nv.NoticeCommandView:
    """Close the file."""
    state = await _as_seller(call, MemberRole.APPLICANT, MemberRole.APPROVER)
    return await _send(call, state.notice_id, c.ArchiveNotice(), wish.id)


async def terminate(call: Call, wish: ReasonWish) -> nv.NoticeCommandView:
    """Operator: it may not stand."""
    state = await find_notice(call.services, call.path["notice"])
    return await _send(call, state.notice_id, c.TerminateNotice(reason=wish.reason), wish.id)


async def record_gap(call: Call, wish: w.GapWish) -> nv.NoticeCommandView:
    """Operator: the public page could not be reached."""
    state = await find_notice(call.services, call.path["notice"])
    command = c.RecordGap(from_us=InstantUs(wish.from_us), to_us=InstantUs(wish.to_us), source=wish.source)
    return await _send(call, state.notice_id, command, wish.id)


async def file_objection(call: Call, wish: w.ObjectionWish) -> nv.PreparedObjectionView:
    """Object, in one request without files; the page takes files too."""
    state = await find_published(call.services, call.path["notice"])
    said = Said(**{name: getattr(wish, name) for name in Said.__struct_fields__})
    prepared = await objecting.prepare(call.services, call.caller, state, said, call.origin.network)
    if isinstance(prepared, dict):
        raise Refused(Code.MALFORMED, fields=", ".join(prepared))
    objection_id, secret = prepared
    stored = await call.services.objectors.read(objection_id)
    assert stored is not None, "it was kept a moment ago"
    receipt = await objecting.send(call.services, call.caller, stored)
    if receipt.decision is not Outcome.ACCEPTED:
        raise RefusedByEngine(receipt)
    filed = receipt.event
    assert isinstance(filed, ObjectionFiled)
    return nv.PreparedObjectionView(
        objection=objection_id,
        secret=secret,
        receipt_no=filed.receipt_no,
        lead=filed.lead,
        receive_by_us=filed.receive_by_us,
    )


async def receive(call: Call, wish: w.ReceiveWish) -> nv.NoticeCommandView:
    """Desk: take it up, or not."""
    command = c.ReceiveObjection(
        objection_no=_number(call), handler=call.caller.login_id, admitted=wish.admitted, reason=wish.reason
    )
    return await _at_desk(call, command, wish.id)


async def name_panel(call: Call, wish: w.PanelWish) -> nv.NoticeCommandView:
    """Desk: who decides. Members without an account are kept by name outside the log."""
    state = await find_notice(call.services, call.path["notice"])
    members = []
    for one in wish.members:
        if not one.account and not one.name.strip():
            raise Refused(Code.MALFORMED, fields="members")
        member_id = one.account or await call.services.objectors.name_panellist(
            state.notice_id, one.name.strip(), one.office.strip()
        )
        members.append(c.Panellist(member_id=member_id, conflict=one.conflict))
    return await _at_desk(call, c.NamePanel(objection_no=_number(call), members=tuple(members)), wish.id)


async def extend(call: Call, wish: ReasonWish) -> nv.NoticeCommandView:
    """Desk: the one extension."""
    return await _at_desk(call, c.ExtendDecision(objection_no=_number(call), reason=wish.reason), wish.id)


async def decide(call: Call, wish: w.RulingWish) -> nv.NoticeCommandView:
    """Desk: the panel's decision."""
    command = c.DecideObjection(objection_no=_number(call), ruling=wish.ruling, reasons=wish.reasons)
    return await _at_desk(call, command, wish.id)


async def _at_desk(call: Call, command: c.NoticeCommand, command_id: UUID) -> nv.NoticeCommandView:
    state = await find_notice(call.services, call.path["notice"])
    return await _send(call, state.notice_id, command, command_id)


async def _as_seller(call: Call, *roles: MemberRole) -> NoticeState:
    state = await find_visible(call.services, call.caller, call.path["notice"])
    if not is_seller(call.caller, state):
        raise Refused(Code.FORBIDDEN)
    _must_be(call, *roles)
    return state


def _must_be(call: Call, *roles: MemberRole) -> None:
    if not any(call.caller.may_as(role) for role in roles):
        raise Refused(Code.FORBIDDEN)


def _is_operator(call: Call) -> bool:
    return call.caller.role is not None and call.caller.role.is_staff


def _number(call: Call) -> int:
    text = call.path["no"]
    if not text.isdigit() or len(text) > 6:
        raise Refused(Code.NOT_FOUND)
    return int(text)


async def _send(call: Call, notice_id: NoticeId, command: c.NoticeCommand, command_id: UUID) -> nv.NoticeCommandView:
    receipt = await ask_notice(call.services, call.caller, notice_id, command, command_id.bytes)
    if receipt.decision is not Outcome.ACCEPTED:
        raise RefusedByEngine(receipt)
    return nv.notice_command_view(receipt, id_text(receipt))


def _ladder_view(one: LadderVersion) -> nv.LadderVersionView:
    return nv.LadderVersionView(
        version=one.ladder.version,
        bodies=[
            {"code": b.code, "name_zh": b.name_zh, "name_en": b.name_en, "collective": b.collective}
            for b in one.ladder.bodies
        ],
        rungs=[
            {"up_to": None if rung.up_to is None else str(rung.up_to), "bodies": list(rung.bodies)}
            for rung in one.ladder.rungs
        ],
        related_bodies=list(one.ladder.related_bodies),
        author=one.author,
        reason=one.reason,
        made_at_us=one.made_at_us or None,
    )
