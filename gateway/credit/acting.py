"""The acts of people on credit records, the same for pages and programs."""

from __future__ import annotations

from typing import Final

from gateway.accounts.model import Caller, Role
from gateway.errors import Code, Refused
from gateway.services import Services
from settlement.credit.record import Act, Appeal, Cause, Decide, Record, Refusal, Repair

TEXT_MAX: Final = 2_000
ACTS: Final = ("appeal", "decide", "repair")


def acts_of(caller: Caller, record: Record) -> frozenset[str]:
    """Return what a caller may do with a record at all: the party appeals, an operator decides and writes down repair."""
    if caller.role is Role.OPERATOR:
        return frozenset({"decide", "repair"})
    own = caller.account is not None and caller.party_id == record.noticed.party
    return frozenset({"appeal"}) if own else frozenset()


async def find(services: Services, caller: Caller, record_id: str) -> Record:
    """Return a record to its party and to the market's staff.

    Raises:
        Refused: NOT_FOUND: there is none, or it is somebody else's.
    """
    record = await services.credit.read(record_id)
    staff = caller.role in (Role.OPERATOR, Role.SUPERVISOR)
    if record is None or not (staff or caller.party_id == record.noticed.party):
        raise Refused(Code.NOT_FOUND)
    return record


async def notice(services: Services, caller: Caller, network: str, deal_id: str, side: str, evidence: str) -> Record:
    """Begin a record by hand: an operator found false documents of a side of a deal; the party is told and may appeal.

    Raises:
        Refused: MALFORMED (`fields`: deal, side), WRONG_STATE (`problem`).
    """
    process = await services.settling.deals.read(deal_id)
    if process is None:
        raise Refused(Code.MALFORMED, fields="deal")
    if side not in ("seller", "buyer"):
        raise Refused(Code.MALFORMED, fields="party")
    party = process.deal.seller_id if side == "seller" else process.deal.buyer_id
    name = f"{process.id}-{Cause.FAKE_DOCUMENTS.value}-{party}"
    by = caller.login_id
    done = await services.credit.notice(name, party, Cause.FAKE_DOCUMENTS, process.id, evidence[:TEXT_MAX], by)
    return await _done(services, caller, network, "notice", name, done)


async def act(
    services: Services, caller: Caller, network: str, record: Record, name: str, text: str, *, upheld: bool
) -> Record:
    """Appeal, decide on an appeal (`upheld`: the record is withdrawn), or write down repair.

    Raises:
        Refused: FORBIDDEN (not this caller's act), WRONG_STATE (`problem`).
    """
    if name not in acts_of(caller, record):
        raise Refused(Code.FORBIDDEN)
    text = text[:TEXT_MAX].strip()
    wanted: dict[str, Act] = {
        "appeal": Appeal(text=text),
        "decide": Decide(upheld=upheld, reason=text),
        "repair": Repair(reason=text),
    }
    done = await services.credit.act(record.id, wanted[name], caller.login_id)
    return await _done(services, caller, network, name, record.id, done)


async def _done(
    services: Services, caller: Caller, network: str, name: str, subject: str, done: Record | Refusal
) -> Record:
    result = done.problem.value if isinstance(done, Refusal) else "done"
    await services.accounts.note(caller, network, f"credit.{name}", subject, result)
    if isinstance(done, Refusal):
        raise Refused(Code.WRONG_STATE, problem=done.problem.value)
    return done
