"""What people do with contracts and registrations: who may, the act, the notice to the registrant, the line in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypedDict, TypeVar

import msgspec

from engine.catalogue.search.notices import NewNotice, tell
from gateway.accounts.model import Caller, MemberRole
from gateway.errors import Code, Refused
from gateway.registrations import documents
from gateway.services import Services
from settlement.contracts.life import Contract
from settlement.registration import acts as a
from settlement.registration import store
from settlement.registration.deciding import NotDone, Refusal
from settlement.registration.events import Cause, ExpertView, Outcome, RegistrationState
from settlement.registration.evolving import Registration
from settlement.registration.files import File
from settlement.registration.registrations import Registrations

_CODES: Final[Mapping[Refusal, Code]] = {
    Refusal.NO_SUCH_REGISTRATION: Code.NOT_FOUND, Refusal.REGISTRATION_EXISTS: Code.CONFLICT, Refusal.KEY_REUSED: Code.CONFLICT,
    Refusal.WRONG_STATE: Code.WRONG_STATE, Refusal.NOT_CLEAR: Code.RECORD_INCOMPLETE, Refusal.NUMBER_TAKEN: Code.CONFLICT,
    Refusal.SAME_PERSON: Code.FORBIDDEN, Refusal.HISTORY_FULL: Code.CONFLICT,
}  # fmt: skip
"""Everything else is a wish that cannot be read as one: MALFORMED with the word."""
TOLD: Final = {
    RegistrationState.RETURNED: "returned", RegistrationState.ACCEPTED: "accepted", RegistrationState.REGISTERED: "registered",
    RegistrationState.REFUSED: "refused", RegistrationState.CHANGED: "changed", RegistrationState.CANCELLED: "cancelled",
    RegistrationState.REVOKED: "revoked",
}  # fmt: skip


Word = TypeVar("Word", bound=StrEnum)
Done = store.Outcome


class RegistrarAct(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of the desk; fields that its act does not have stay empty."""

    act: str
    reason: str = ""
    fields: tuple[str, ...] = ()
    outcome: str = "register"
    technical_fen: int | None = None
    total_fen: int | None = None
    ground: int = 0
    number: str = ""
    confirmed: bool = False
    experts: tuple[ExpertView, ...] = ()
    cause: str = ""
    revocation: str = ""
    by: str = ""
    upheld: bool = False


ACTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "start_pre_check": a.StartPreCheck, "return": a.Return, "accept": a.Accept, "start_review": a.StartReview,
    "dispute": a.RaiseDispute, "opinion": a.GiveOpinion, "experts": a.GiveExpertOpinion, "send_back": a.SendBack,
    "register": a.Register, "refuse": a.Refuse, "change": a.Change, "cancel": a.Cancel, "revoke": a.Revoke,
    "object": a.Raise, "decide_objection": a.DecideObjection, "archive": a.Archive,
}  # fmt: skip
"""Names of the desk's acts, in the order of the work."""


async def act(
    services: Services, caller: Caller, network: str, registration_id: str, wish: RegistrarAct, key: str | None = None
) -> Registration:
    """Do an act of the desk.

    Raises:
        Refused: why not; `problem` is the word of the rules, texts are `registration.refused.<word>`.
    """
    before = await services.registering.registrations.read(registration_id)
    if before is None:
        raise Refused(Code.NOT_FOUND)
    by = By(actor=caller.login_id, key=key)
    if wish.act in _STEPS:
        done = await _step(services.registering.registrations, registration_id, wish.act, by)
    elif wish.act in _REVIEWS:
        done = await _review(services.registering.registrations, before, wish, by)
    else:
        done = await _later(services.registering.registrations, registration_id, wish, by)
    if isinstance(done, NotDone):
        raise refusal(done)
    await _tell(services, before, done.registration)
    await services.accounts.note(caller, network, f"registration.{wish.act}", registration_id)
    return done.registration


class By(TypedDict):
    """Who acts under which key."""

    actor: str
    key: str | None


_STEPS: Final = ("start_pre_check", "accept", "start_review", "refuse", "archive")
_REVIEWS: Final = ("return", "dispute", "opinion", "experts", "send_back", "register")


async def _step(desk: Registrations, registration_id: str, act: str, by: By) -> Done:
    match act:
        case "start_pre_check":
            return await desk.start_pre_check(registration_id, **by)
        case "accept":
            return await desk.accept(registration_id, **by)
        case "start_review":
            return await desk.start_review(registration_id, **by)
        case "refuse":
            return await desk.refuse(registration_id, **by)
        case _:
            return await desk.archive(registration_id, **by)


async def _review(desk: Registrations, before: Registration, wish: RegistrarAct, by: By) -> Done:
    technical = before.technical_fen if wish.technical_fen is None else wish.technical_fen
    outcome = _member(Outcome, wish.outcome, "outcome")
    match wish.act:
        case "return":
            return await desk.return_for_correction(before.id, wish.reason, wish.fields, **by)
        case "dispute":
            return await desk.raise_dispute(before.id, wish.reason, **by)
        case "opinion":
            return await desk.give_opinion(before.id, outcome, technical, ground=wish.ground, reason=wish.reason, **by)
        case "experts":
            heard = a.GiveExpertOpinion(
                experts=wish.experts, outcome=outcome, technical_fen=technical, ground=wish.ground, reason=wish.reason
            )
            return await desk.hear_experts(before.id, heard, **by)
        case "send_back":
            return await desk.send_back(before.id, wish.reason, **by)
        case _:
            return await desk.register(before.id, wish.number.strip(), confirmed=wish.confirmed, **by)


async def _later(desk: Registrations, registration_id: str, wish: RegistrarAct, by: By) -> Done:
    match wish.act:
        case "change":
            cause = _member(Cause, wish.cause, "cause")
            return await desk.change(
                registration_id, cause, wish.reason, total_fen=wish.total_fen, technical_fen=wish.technical_fen, **by
            )
        case "cancel":
            return await desk.cancel(registration_id, _member(Cause, wish.cause, "cause"), wish.reason, **by)
        case "revoke":
            return await desk.revoke(registration_id, wish.revocation, wish.reason, **by)
        case "object":
            return await desk.object(registration_id, wish.by, wish.reason, **by)
        case "decide_objection":
            return await desk.decide_objection(registration_id, wish.reason, upheld=wish.upheld, **by)
        case _:
            raise Refused(Code.MALFORMED, fields="act")


async def own_file(services: Services, caller: Caller, registration_id: str) -> File:
    """Return one's own registration: as registrant or as the other side of the contract.

    Raises:
        Refused: NOT_FOUND: there is none, or it is somebody else's.
    """
    file = await services.registering.registrations.files.file(registration_id)
    if file is None or caller.party_id not in sides(file.contract):
        raise Refused(Code.NOT_FOUND)
    return file


def sides(contract: Contract) -> tuple[str, str]:
    """Return the parties of a contract."""
    return contract.facts.seller.party_id, contract.facts.buyer.party_id


async def save(
    services: Services,
    caller: Caller,
    network: str,
    registration_id: str,
    answers: Mapping[str, str],
    explanations: Mapping[str, str],
) -> Registration:
    """Keep what the registrant answered; only he answers.

    Raises:
        Refused: NOT_FOUND, FORBIDDEN, WRONG_STATE, MALFORMED.
    """
    file = await own_file(services, caller, registration_id)
    _must_be_registrant(caller, file.registration)
    done = await services.registering.registrations.save(registration_id, answers, explanations, actor=caller.login_id)
    if isinstance(done, NotDone):
        raise refusal(done)
    await services.accounts.note(caller, network, "registration.saved", registration_id)
    return done.registration


async def submit(
    services: Services, caller: Caller, network: str, registration_id: str, key: str | None = None
) -> Registration:
    """Hand it in; a colleague who may release does it.

    Raises:
        Refused: NOT_FOUND, FORBIDDEN, WRONG_STATE, RECORD_INCOMPLETE.
    """
    file = await own_file(services, caller, registration_id)
    _must_be_registrant(caller, file.registration)
    if not caller.may_as(MemberRole.APPROVER):
        raise Refused(Code.FORBIDDEN)
    done = await services.registering.registrations.submit(registration_id, actor=caller.login_id, key=key)
    if isinstance(done, NotDone):
        raise refusal(done)
    await services.accounts.note(caller, network, "registration.submitted", registration_id)
    return done.registration


async def object_to(services: Services, caller: Caller, network: str, registration_id: str, text: str) -> Registration:
    """Object to a decision, as a side of the contract.

    Raises:
        Refused: NOT_FOUND, WRONG_STATE, MALFORMED.
    """
    file = await own_file(services, caller, registration_id)
    facts = file.contract.facts
    name = facts.seller.name if caller.party_id == facts.seller.party_id else facts.buyer.name
    done = await services.registering.registrations.object(registration_id, name, text, actor=caller.login_id)
    if isinstance(done, NotDone):
        raise refusal(done)
    await services.accounts.note(caller, network, "registration.objected", registration_id)
    return done.registration


async def certificate(services: Services, registration: Registration, origin: str) -> bytes:
    """Return the certificate: what an outside system sent, or ours, made once and kept.

    Raises:
        Refused: NOT_FOUND: there is no number.
        TypesettingFailed: it cannot be made now.
    """
    if not registration.number:
        raise Refused(Code.NOT_FOUND)
    shelf = services.registering.registrations.shelf
    for revision in range(registration.revision, 0, -1):
        kept = await shelf.document(registration.id, "certificate", revision)
        if kept is not None and (revision == registration.revision or not registration.changes):
            return kept
    pdf = await documents.certificate_pdf(services, registration, origin)
    return await shelf.keep_certificate(registration, pdf, services.now_us)


def refusal(done: NotDone) -> Refused:
    """Return the answer to a wish that the rules do not allow."""
    code = _CODES.get(done.code, Code.MALFORMED)
    data: dict[str, str | int] = {**done.data, "problem": done.code.value}
    if code is Code.MALFORMED:
        data["fields"] = done.code.value
    return Refused(code, **data)


def _must_be_registrant(caller: Caller, registration: Registration) -> None:
    if caller.party_id != registration.applicant:
        raise Refused(Code.FORBIDDEN)


async def _tell(services: Services, before: Registration, after: Registration) -> None:
    about = TOLD.get(after.state)
    if about is None or (before.state is after.state and about != "changed"):
        return
    notice = NewNotice(
        party=after.applicant, once=f"{after.id}.{after.seq}", about=f"registration.{about}", link=f"/registrations/{after.id}",
        data={"project": after.project, "number": after.number, "reason": after.return_reason or after.ended_reason or after.reason},
    )  # fmt: skip
    async with services.pool.acquire() as connection, connection.transaction():
        await tell(connection, [notice], services.now_us)


def _member(kind: type[Word], text: str, name: str) -> Word:
    try:
        return kind(text)
    except ValueError:
        raise Refused(Code.MALFORMED, fields=name) from None
