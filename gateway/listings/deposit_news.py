"""A deposit is held: the listing is told, by a command whose id is made from the deposit's, until it has answered."""

from __future__ import annotations

from typing import Final

from engine.bus.ports import MarketPort
from engine.evidence.receipts import Outcome
from engine.journal.codec import request_digest
from engine.journal.streams import LISTINGS
from engine.rules.listing.commands import ConfirmDeposit
from engine.rules.rejections import Reject
from engine.values import InstantUs
from settlement.deposits.deposits import Deposits
from settlement.deposits.telling import News, Tell

ACTOR: Final = "settlement"
HELD: Final = "held"
_AGAIN: Final = frozenset({Reject.BUSY, Reject.IN_DOUBT, Reject.LOT_UNREADABLE})


def telling_of(engine: MarketPort, deposits: Deposits) -> Tell:
    """Return what tells listings about their deposits.

    A deposit that its listing does not want any more (the buyer was too late, or the listing has ended) goes back: the money
    stays nowhere without a reason.
    """

    async def tell(news: News) -> bool:
        deposit = news.deposit
        if news.news != HELD or not deposit.subject.startswith(LISTINGS.prefix):
            return True  # a listing counts an unpaid deposit's deadline itself
        listing_id, intent_no = LISTINGS.subject(deposit.subject), int(deposit.id.rpartition(".")[2])
        command = ConfirmDeposit(intent_no=intent_no, deposit_id=deposit.id)
        receipt = await engine.listings.ask(
            listing_id,
            command,
            command_id=news.command_id.bytes,
            request_digest=request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        if receipt.code in _AGAIN:
            return False
        if receipt.decision is not Outcome.ACCEPTED:
            from_us = InstantUs(engine.clock.now_us())
            await deposits.schedule_release(deposit.id, from_us, "not_wanted", key=f"{deposit.id}:not_wanted")
        return True

    return tell
