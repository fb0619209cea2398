"""The acts of people on deposits, the same for pages and programs; each leaves a line in the audit log."""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import Struct

from engine.values import CNY, parse_amount
from gateway.accounts.model import Caller
from gateway.errors import Code
from gateway.errors import Refused as RefusedByGateway
from gateway.services import Services
from settlement.deposits.deposits import Outcome
from settlement.deposits.evolving import Deposit
from settlement.deposits.rules import Refusal, Refused
from settlement.payouts.payouts import PayoutOrder, PayoutRefusal

_MALFORMED: Final = {
    Refusal.REASON_REQUIRED: "reason",
    Refusal.AMOUNT_OUT_OF_RANGE: "amount",
    Refusal.NO_SUCH_BLOCK: "block",
}


class Hold(Struct, frozen=True):
    """Hold a deposit that somebody else's account paid."""


class Release(Struct, frozen=True):
    """Give it back: the clock starts now."""

    reason: str


class Block(Struct, frozen=True):
    """No release while this stands."""

    block: str
    reason: str


class Unblock(Struct, frozen=True):
    """Take a block away."""

    block: str


class ProposeForfeit(Struct, frozen=True):
    """Let it be lost after the appeal window."""

    reason: str
    appeal_until_us: int


class LiftForfeit(Struct, frozen=True):
    """Take a proposal back."""

    reason: str


class DecideAppeal(Struct, frozen=True):
    """Decide an appeal."""

    upheld: bool
    reason: str


class Deduct(Struct, frozen=True):
    """Take the shortfall of the second sale; fen."""

    first_price_fen: int
    second_price_fen: int
    costs_fen: int


OperatorAct = Hold | Release | Block | Unblock | ProposeForfeit | LiftForfeit | DecideAppeal | Deduct


async def act(services: Services, caller: Caller, network: str, deposit_id: str, wish: OperatorAct) -> Deposit:
    """Do an operator's act and return the deposit after it.

    Raises:
        Refused: NOT_FOUND, MALFORMED (`fields`), WRONG_STATE (`problem` is the code of the rule).
    """
    outcome = await _done(services, deposit_id, wish, _login(caller))
    return await _noted(services, caller, network, deposit_id, f"deposit.{type(wish).__name__.lower()}", outcome)


async def appeal(services: Services, caller: Caller, network: str, deposit_id: str, text: str) -> Deposit:
    """Object to the forfeiture of one's own deposit.

    Raises:
        Refused: NOT_FOUND, MALFORMED, WRONG_STATE.
    """
    outcome = await services.settling.deposits.appeal(deposit_id, caller.party_id, text.strip(), actor=_login(caller))
    return await _noted(services, caller, network, deposit_id, "deposit.appeal", outcome)


async def reissue(
    services: Services, caller: Caller, network: str, order_id: str, payee_name: str, payee_account: str
) -> PayoutOrder:
    """Order a failed payment anew.

    Raises:
        Refused: NOT_FOUND, MALFORMED, WRONG_STATE: it has not failed, or was issued anew already.
    """
    done = await services.settling.payouts.reissue(order_id, payee_name, payee_account)
    result = done.value if isinstance(done, PayoutRefusal) else "done"
    await services.accounts.note(caller, network, "payout.reissue", order_id, result)
    match done:
        case PayoutOrder():
            return done
        case PayoutRefusal.NO_SUCH_ORDER:
            raise RefusedByGateway(Code.NOT_FOUND)
        case PayoutRefusal.NO_PAYEE:
            raise RefusedByGateway(Code.MALFORMED, fields="payee_account")
        case _:
            raise RefusedByGateway(Code.WRONG_STATE, problem=done.value)


def read_yuan(text: str) -> int:
    """Return an amount typed in yuan as fen.

    Raises:
        Refused: MALFORMED.
    """
    amount = parse_amount(text.strip().replace(",", "").replace("，", ""), CNY)
    if amount is None:
        raise RefusedByGateway(Code.MALFORMED, fields="amount")
    return int(amount)


def masked(account: str) -> str:
    """Return an account number as it is shown: its last four characters."""
    return f"•••• {account[-4:]}" if len(account) > 4 else "••••" * bool(account)


async def _done(services: Services, deposit_id: str, wish: OperatorAct, actor: str) -> Outcome:
    deposits = services.settling.deposits
    match wish:
        case Hold():
            return await deposits.hold(deposit_id, actor=actor)
        case Release(reason=reason):
            return await deposits.schedule_release(deposit_id, services.now_us, reason, actor=actor)
        case Block(block=block, reason=reason):
            return await deposits.block(deposit_id, block, reason, actor=actor)
        case Unblock(block=block):
            return await deposits.unblock(deposit_id, block, actor=actor)
        case ProposeForfeit(reason=reason, appeal_until_us=until_us):
            return await deposits.propose_forfeit(deposit_id, reason, until_us, actor=actor)
        case LiftForfeit(reason=reason):
            return await deposits.lift_forfeit(deposit_id, reason, actor=actor)
        case DecideAppeal(upheld=upheld, reason=reason):
            return await deposits.decide_appeal(deposit_id, upheld=upheld, reason=reason, actor=actor)
        case Deduct(first_price_fen=first, second_price_fen=second, costs_fen=costs):
            return await deposits.deduct(
                deposit_id, first_price_fen=first, second_price_fen=second, costs_fen=costs, actor=actor
            )
        case _:
            assert_never(wish)


async def _noted(
    services: Services, caller: Caller, network: str, deposit_id: str, name: str, outcome: Outcome
) -> Deposit:
    result = outcome.code.value if isinstance(outcome, Refused) else "done"
    await services.accounts.note(caller, network, name, deposit_id, result)
    if isinstance(outcome, Refused):
        raise _as_gateway(outcome)
    return outcome.deposit


def _as_gateway(refused: Refused) -> RefusedByGateway:
    if refused.code is Refusal.NO_SUCH_DEPOSIT:
        return RefusedByGateway(Code.NOT_FOUND)
    if refused.code in _MALFORMED:
        return RefusedByGateway(Code.MALFORMED, fields=_MALFORMED[refused.code])
    return RefusedByGateway(Code.WRONG_STATE, problem=refused.code.value)


def _login(caller: Caller) -> str:
    assert caller.account is not None, "the door lets no anonymous caller in"
    return caller.account.id
