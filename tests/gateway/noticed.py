"""Notices on a running market, for tests: handed in, approved and published through the lane like any others."""

from __future__ import annotations

import uuid
from typing import Any

from msgspec.structs import replace

from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.publicity import commands as c
from engine.rules.publicity.state import NoticeState
from engine.values import InstantUs, NoticeId, PartyId
from gateway.services import Services
from tests.engine.rules.publicity.transcript import approval, submit

SELLER = PartyId("p0123456789abcdef")


async def say(services: Services, notice: str, command: c.NoticeCommand, actor: str = "test") -> Receipt:
    """Send a command to a notice and wait for its receipt."""
    return await services.engine.notices.ask(
        NoticeId(notice), command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor=actor,
        arrived_at_us=InstantUs(services.now_us),
    )  # fmt: skip


async def publish(services: Services, notice: str, *, seller: PartyId = SELLER, **more: Any) -> NoticeState:
    """Publish a notice: a transfer for 800,000 yuan unless `more` says otherwise; return its state when the board shows it."""
    accepted(await say(services, notice, replace(submit(**more), seller_id=seller)))
    state = services.engine.notices.state(NoticeId(notice))
    assert state is not None
    for body in state.bodies:
        accepted(await say(services, notice, approval(body, minutes="2026-7")))
    accepted(await say(services, notice, c.PublishNotice()))
    await services.board.catch_up()
    state = services.engine.notices.state(NoticeId(notice))
    assert state is not None
    return state


def accepted(receipt: Receipt) -> None:
    assert receipt.code is None, receipt
