"""From a wish about a notice to a receipt; who acts for which side of it stands here, once, for pages and programs."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from engine.evidence.receipts import Receipt, refused
from engine.journal.codec import request_digest
from engine.journal.folding import CorruptLog
from engine.journal.log import JournalUnavailable
from engine.rules.publicity import commands as c
from engine.rules.publicity.state import NoticeState
from engine.rules.rejections import Reject
from engine.values import InstantUs, NoticeId, is_notice_id
from gateway.accounts.model import UNREACHABLE, Caller
from gateway.errors import Code, Refused
from gateway.http.commands import ANSWER_S, outcome_of
from gateway.services import Services

VERBS: Final[dict[type[c.NoticeCommand], str]] = {
    c.SubmitNotice: "notice.submit",
    c.ReturnNotice: "notice.return",
    c.ResubmitNotice: "notice.resubmit",
    c.ApproveNotice: "notice.approve",
    c.PublishNotice: "notice.publish",
    c.CorrectTypo: "notice.typo",
    c.ReviseNotice: "notice.revise",
    c.WithdrawNotice: "notice.withdraw",
    c.TerminateNotice: "notice.terminate",
    c.FileObjection: "objection.file",
    c.ReceiveObjection: "objection.receive",
    c.NamePanel: "objection.panel",
    c.ExtendDecision: "objection.extend",
    c.DecideObjection: "objection.decide",
    c.WithdrawObjection: "objection.withdraw",
    c.RecordGap: "notice.gap",
    c.ConfirmDeal: "notice.confirm",
    c.RecordContract: "notice.contract",
    c.ArchiveNotice: "notice.archive",
}
"""Names in metrics and in the audit log."""


async def find_notice(services: Services, notice_id: str) -> NoticeState:
    """Return the committed state of a notice, published or not.

    Raises:
        Refused: NO_SUCH_NOTICE, LOT_UNREADABLE, UNAVAILABLE.
    """
    if not is_notice_id(notice_id):
        raise Refused(Reject.NO_SUCH_NOTICE)
    try:
        state = await services.engine.notices.load(NoticeId(notice_id))
    except CorruptLog as damage:
        raise Refused(Reject.LOT_UNREADABLE) from damage
    except (JournalUnavailable, *UNREACHABLE) as error:
        raise Refused(Code.UNAVAILABLE) from error
    if state is None:
        raise Refused(Reject.NO_SUCH_NOTICE)
    return state


async def find_published(services: Services, notice_id: str) -> NoticeState:
    """Return a notice that everybody may know of.

    Raises:
        Refused: NO_SUCH_NOTICE also where it exists but was never published.
    """
    state = await find_notice(services, notice_id)
    if not state.versions:
        raise Refused(Reject.NO_SUCH_NOTICE)
    return state


async def find_visible(services: Services, caller: Caller, notice_id: str) -> NoticeState:
    """Return a notice that the caller may know of: published ones everybody, others the institution and staff.

    Raises:
        Refused: NO_SUCH_NOTICE also where it exists but is not his business.
    """
    state = await find_notice(services, notice_id)
    if not state.versions and not sees_inside(caller, state):
        raise Refused(Reject.NO_SUCH_NOTICE)
    return state


def is_seller(caller: Caller, state: NoticeState) -> bool:
    """Tell whether the caller acts for the institution that publishes."""
    return caller.account is not None and caller.party_id == state.seller_id


def sees_inside(caller: Caller, state: NoticeState) -> bool:
    """Tell whether the caller may read approvals, handlers and terms: the institution and the staff of the market."""
    return is_seller(caller, state) or (caller.role is not None and caller.role.is_staff)


async def ask_notice(
    services: Services, caller: Caller, notice_id: NoticeId, command: c.NoticeCommand, command_id: bytes
) -> Receipt:
    """Send a command about a notice to the engine and return its receipt.

    Args:
        services: The market.
        caller: Who wishes it; the door was passed and the side checked. An objector may have no account.
        notice_id: The notice.
        command: The wish.
        command_id: 16 bytes made by the client.
    """
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_S):
            receipt = await services.engine.notices.ask(
                notice_id,
                command,
                command_id=command_id,
                request_digest=request_digest(command),
                actor=_actor(caller, command),
                arrived_at_us=InstantUs(services.now_us),
            )
    except TimeoutError:
        receipt = refused(notice_id, command_id, Reject.IN_DOUBT)
    services.metrics.command(VERBS[type(command)], outcome_of(receipt), time.perf_counter() - begun)
    return receipt


def _actor(caller: Caller, command: c.NoticeCommand) -> str:
    """An objector is never named in the journal, not even by his party."""
    if isinstance(command, c.FileObjection | c.WithdrawObjection) or caller.account is None:
        return "objector"
    return caller.login_id
