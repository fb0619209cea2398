"""Who takes money that came in: a deposit or a deal, told apart by the form of the id."""

from __future__ import annotations

from typing import Final

from settlement.bank.port import Credit
from settlement.deals.answers import Refusal as DealRefusal
from settlement.deals.answers import Refused as DealRefused
from settlement.deals.deal import is_deal_id
from settlement.deals.deals import Deals
from settlement.deals.process import Process
from settlement.deposits.deposits import Deposits, Received
from settlement.deposits.rules import Refusal, Refused
from settlement.ledger.book import Connection

_CODES: Final = {
    DealRefusal.NO_SUCH_DEAL: Refusal.NO_SUCH_DEPOSIT,
    DealRefusal.KEY_REUSED: Refusal.KEY_REUSED,
    DealRefusal.AMOUNT_OUT_OF_RANGE: Refusal.AMOUNT_OUT_OF_RANGE,
    DealRefusal.HISTORY_FULL: Refusal.HISTORY_FULL,
}


class Taking:
    """Deposits and deals together."""

    def __init__(self, deposits: Deposits, deals: Deals) -> None:
        self._deposits = deposits
        self._deals = deals

    async def receive(
        self, connection: Connection, deposit_id: str, credit: Credit, *, from_suspense: bool = False
    ) -> Received | Process | Refused:
        """Count money towards a deposit or a deal in the caller's transaction, or say why not; nothing is changed then."""
        if not is_deal_id(deposit_id):
            return await self._deposits.receive(connection, deposit_id, credit, from_suspense=from_suspense)
        done = await self._deals.receive(connection, deposit_id, credit, from_suspense=from_suspense)
        if isinstance(done, DealRefused):
            return Refused(_CODES.get(done.code, Refusal.WRONG_STATE))
        return done.process
