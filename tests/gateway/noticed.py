"""Notices on a running market, for tests: handed in, approved and published through the lane like any others."""

from __future__ import annotations

import uuid
from typing import Any

from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.publicity import commands as c
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.terms import Declaration, DeclarerRole
from engine.values import InstantUs, NoticeId, PartyId
from gateway.services import Services
from tests.engine.rules.publicity.transcript import content, terms

SELLER = PartyId("p0123456789abcdef")


async def say(services: Services, notice: str, command: c.NoticeCommand, actor: str = "test") -> Receipt:
    """Send a command to a notice and wait for its receipt."""
    return await services.engine.notices.ask(
        NoticeId(notice), command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor=actor,
        arrived_at_us=InstantUs(services.now_us),
    )  # fmt: skip


async def publish(
    services: Services, notice: str, *, seller: PartyId = SELLER, more_terms: Any = None, **more: Any
) -> NoticeState:
    """Publish a notice: a transfer for 800,000 yuan, one body approves; return its state when the board shows it."""
    declared = (Declaration(role=DeclarerRole.APPLICANT, who="account-li"),)
    named = content(**more).completers
    declared += tuple(Declaration(role=DeclarerRole.COMPLETER, who=str(rank)) for rank, _ in enumerate(named, 1))
    sent = [
        c.SubmitNotice(
            terms=terms(**(more_terms or {})), content=content(**more), seller_id=seller, applicant="account-li",
            declarations=declared,
        )
    ]  # fmt: skip
    for command in sent:
        accepted(await say(services, notice, command))
    state = services.engine.notices.state(NoticeId(notice))
    assert state is not None
    for body in state.bodies:
        approver = f"account-{body}"
        declaration = Declaration(role=DeclarerRole.APPROVER, who=approver)
        approval = c.ApproveNotice(body=body, approver=approver, declaration=declaration, minutes="2026-7")
        accepted(await say(services, notice, approval))
    accepted(await say(services, notice, c.PublishNotice()))
    await services.board.catch_up()
    state = services.engine.notices.state(NoticeId(notice))
    assert state is not None
    return state


def accepted(receipt: Receipt) -> None:
    assert receipt.code is None, receipt
