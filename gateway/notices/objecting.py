"""The way of an objection: prepared with its person checked, evidence added, sent, followed by its receipt, withdrawn.

Nothing of the person goes further than the store of objectors. Floods are met by budgets for each network, by a bound on what is being
prepared, and by the rule that one person objects to one notice once on one ground.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Final

from engine.catalogue.attachments import Attachment, NotTaken
from engine.evidence.receipts import Outcome, Receipt
from engine.rules.publicity import commands as c
from engine.rules.publicity.objecting import EVIDENCE_MAX
from engine.rules.publicity.state import NoticeState, Objection
from engine.rules.rejections import Reject
from engine.values import NoticeId, PartyId
from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.notices.asking import ask_notice
from gateway.notices.objectors import Known, Objector, Said, problems
from gateway.services import Services

NAMESPACE: Final = uuid.UUID("6f5f0d5e-5a1c-5e0b-9a53-6f72746f6f33")


async def known_of(services: Services, caller: Caller) -> Known:
    """Return what is known of the objector by his account: a verified party is not asked for name and number again."""
    if caller.account is None:
        return Known()
    party = await services.parties.read(caller.party_id)
    verified = party is not None and party.verified
    return Known(
        account=caller.login_id,
        party=caller.party_id,
        name=party.name_zh if party is not None else caller.account.display_name,
        contact=party.phone or party.contact if party is not None else "",
        verified=verified,
    )


def take_budget(services: Services, network: str) -> None:
    """Use one of a network's objections.

    Raises:
        Refused: RATE_LIMITED.
    """
    budget, now_us = services.objection_budgets.of(network), services.now_us
    if not budget.take(now_us):
        raise Refused(Code.RATE_LIMITED, retry_after_ms=budget.pause_us(now_us) // 1_000 + 1)


async def prepare(
    services: Services, caller: Caller, state: NoticeState, said: Said, network: str
) -> tuple[str, str] | dict[str, str]:
    """Keep an objection that is not sent yet: return its id and secret, or what is wrong with it.

    Raises:
        Refused: RATE_LIMITED, ENDED, BUSY: too many are being prepared for this notice.
    """
    if state.phase.is_final:
        raise Refused(Reject.ENDED)
    known = await known_of(services, caller)
    wrong = problems(said, known, services.now_us)
    if wrong:
        return wrong
    take_budget(services, network)
    kept = await services.objectors.prepare(state.notice_id, said, known, network)
    if kept is None:
        raise Refused(Code.CONFLICT)
    return kept


async def add_evidence(services: Services, one: Objector, name: str, stream: AsyncIterator[bytes]) -> Attachment:
    """Add a file to an objection that is not sent yet; type, size and number are bounded, its bytes are what counts.

    Raises:
        Refused: WRONG_STATE: it was sent; FILE_REFUSED with `why`.
    """
    if one.sent_at_us is not None:
        raise Refused(Code.WRONG_STATE)
    subject = evidence_subject(one.objection_id)
    if len(await services.attachments.of_subject(subject)) >= EVIDENCE_MAX:
        raise Refused(Code.FILE_REFUSED, why="too_many", limit=EVIDENCE_MAX)
    # The owner is the objection: a slow sender holds up nobody but himself.
    taken = await services.attachments.put(PartyId(one.objection_id), name, stream, subject=subject, author="objector")
    if isinstance(taken, NotTaken):
        raise Refused(Code.FILE_REFUSED, why=taken.why, limit=taken.limit)
    return taken


async def drop_evidence(services: Services, one: Objector, file_id: str) -> None:
    """Take a file off an objection that is not sent yet.

    Raises:
        Refused: WRONG_STATE.
    """
    if one.sent_at_us is not None:
        raise Refused(Code.WRONG_STATE)
    await services.attachments.unlink(file_id, evidence_subject(one.objection_id))


async def evidence_of(services: Services, objection_id: str) -> list[Attachment]:
    """Return the files of an objection, oldest first."""
    return await services.attachments.of_subject(evidence_subject(objection_id))


def evidence_subject(objection_id: str) -> str:
    """Return under what the files of an objection lie."""
    return f"objection/{objection_id}"


async def send(services: Services, caller: Caller, one: Objector) -> Receipt:
    """Put an objection on record. The id of the command is made from the objection's: sent twice it is there once."""
    files = await evidence_of(services, one.objection_id)
    command = c.FileObjection(
        objection_id=one.objection_id,
        ground=c.Ground(one.ground),
        person_key=one.person_key,
        personal_digest=one.personal_digest,
        statement_digest=one.statement_digest,
        evidence=tuple(c.ObjectionEvidence(id=file.id, sha256=file.sha256, size=file.size) for file in files),
    )
    command_id = uuid.uuid5(NAMESPACE, f"file/{one.objection_id}").bytes
    receipt = await ask_notice(services, caller, one.notice, command, command_id)
    if receipt.decision is Outcome.ACCEPTED:
        await services.objectors.note_sent(one.objection_id, getattr(receipt.event, "receipt_no", ""))
    return receipt


async def take_back(services: Services, caller: Caller, one: Objector, filed: Objection) -> Receipt:
    """The objector withdraws."""
    command = c.WithdrawObjection(objection_no=filed.no)
    command_id = uuid.uuid5(NAMESPACE, f"withdraw/{one.objection_id}").bytes
    return await ask_notice(services, caller, one.notice, command, command_id)


def filed_as(state: NoticeState, objection_id: str) -> Objection | None:
    """Return an objection as the log has it; None before it was sent."""
    return next((one for one in state.objections if one.objection_id == objection_id), None)


async def notice_of(services: Services, notice_id: NoticeId) -> NoticeState:
    """Return the notice an objection is about."""
    state = await services.engine.notices.load(notice_id)
    assert state is not None, "objections are kept for notices that exist"
    return state
