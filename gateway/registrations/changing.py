"""Changes of a contract that both sides have agreed on, recorded by an operator with their paper: another version; or its end."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.services import Services
from settlement.contracts.facts import LINES_MAX, TEXT_MAX, Approval, ContractFacts, Part, Payment
from settlement.contracts.life import ChangeContract, Contract, ContractRefusal, EndContract, NotDone

_CODES: Final = {
    ContractRefusal.NO_SUCH_CONTRACT: Code.NOT_FOUND,
    ContractRefusal.WRONG_STATE: Code.WRONG_STATE,
    ContractRefusal.KEY_REUSED: Code.CONFLICT,
    ContractRefusal.TOO_MANY_VERSIONS: Code.CONFLICT,
}


class AgreedChange(Struct, frozen=True, kw_only=True):
    """What is different; None: as before."""

    reason: str
    signed_on: str
    project: str | None = None
    content: str | None = None
    acceptance: str | None = None
    begins_on: str | None = None
    ends_on: str | None = None
    total_fen: int | None = None
    parts: tuple[Part, ...] | None = None
    approvals: tuple[Approval, ...] | None = None
    extra_clauses: tuple[str, ...] | None = None
    related: bool | None = None


def changed(facts: ContractFacts, change: AgreedChange) -> ContractFacts:
    """Return the facts as agreed.

    Raises:
        Refused: MALFORMED: too long, too many, or another price of a contract that is paid in instalments (its schedule would be wrong).
    """
    given = {
        name: value
        for name in (
            "project",
            "content",
            "acceptance",
            "begins_on",
            "ends_on",
            "parts",
            "approvals",
            "extra_clauses",
            "related",
        )
        if (value := getattr(change, name)) is not None
    }
    texts = [value for value in given.values() if isinstance(value, str)]
    lists = [value for value in given.values() if isinstance(value, tuple)]
    if any(len(text) > TEXT_MAX for text in (*texts, *(given.get("extra_clauses") or ()))) or any(
        len(one) > LINES_MAX for one in lists
    ):
        raise Refused(Code.MALFORMED, fields="change")
    if change.total_fen is not None:
        if facts.payment.instalments and change.total_fen != facts.payment.total_fen:
            raise Refused(Code.MALFORMED, fields="total")
        given["payment"] = Payment(
            mode=facts.payment.mode,
            total_fen=change.total_fen,
            instalments=facts.payment.instalments,
            royalty=facts.payment.royalty,
        )
    return replace(facts, **given)


async def change(
    services: Services, caller: Caller, network: str, contract_id: str, wish: AgreedChange, key: str | None = None
) -> Contract:
    """Record a change; the registration is changed by the registrar afterwards, or handed in with it if it was not yet.

    Raises:
        Refused: NOT_FOUND, WRONG_STATE, MALFORMED, CONFLICT.
    """
    contract = await services.registering.contracts.read(contract_id)
    if contract is None:
        raise Refused(Code.NOT_FOUND)
    act = ChangeContract(facts=changed(contract.facts, wish), reason=wish.reason, signed_on=wish.signed_on)
    done = _done(await services.registering.contracts.act(contract_id, act, actor=caller.login_id, key=key))
    await services.accounts.note(caller, network, "contract.changed", contract_id)
    return done


async def end(
    services: Services, caller: Caller, network: str, contract_id: str, *, annulled: bool, reason: str, on: str
) -> Contract:
    """Record that a contract was rescinded (解除), or annulled or found void.

    Raises:
        Refused: NOT_FOUND, WRONG_STATE, MALFORMED.
    """
    act = EndContract(annulled=annulled, reason=reason, on=on)
    done = _done(await services.registering.contracts.act(contract_id, act, actor=caller.login_id))
    await services.accounts.note(caller, network, "contract.ended", contract_id)
    return done


def _done(outcome: Contract | NotDone) -> Contract:
    if isinstance(outcome, NotDone):
        code = _CODES.get(outcome.code, Code.MALFORMED)
        data: dict[str, str | int] = {"problem": outcome.code.value}
        if code is Code.MALFORMED:
            data["fields"] = outcome.code.value
        raise Refused(code, **data)
    return outcome
