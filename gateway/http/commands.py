"""From a wish to a receipt: the one way commands go to the engine from HTTP, whether API or form."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from engine.evidence.receipts import Outcome, Receipt, refused
from engine.journal.codec import request_digest
from engine.journal.folding import CorruptLog
from engine.journal.log import JournalUnavailable
from engine.rules.auction import commands as c
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.state import LotState
from engine.rules.rejections import Reject
from engine.values import InstantUs, LotId, is_lot_id
from gateway.accounts.model import UNREACHABLE, Caller
from gateway.errors import Code, Refused
from gateway.services import Services

ANSWER_S: Final = 30.0
"""A commit that takes longer leaves the client in doubt; it asks again with the same id."""
VERBS: Final[dict[type[c.Command], str]] = {
    c.PlaceBid: "bid",
    c.AdmitBidder: "admit",
    c.PublishLot: "publish",
    c.PauseLot: "pause",
    c.ResumeLot: "resume",
    c.VoidLot: "void",
    c.WithdrawLot: "withdraw",
    c.PublishSession: "publish",
    fc.TakePrice: "take",
    fc.SubmitEnvelope: "seal",
    fc.PlaceBestBid: "best_bid",
    fc.ExercisePriority: "priority",
    fc.WaivePriority: "priority",
    fc.ContributeShares: "shares",
    fc.GiveScores: "scores",
    fc.RefuseBid: "refuse",
    fc.ExcludeBidder: "exclude",
    fc.ExtendLot: "extend",
}


async def find_lot(services: Services, lot_id: str) -> LotState:
    """Return the committed state of a lot.

    Raises:
        Refused: NO_SUCH_LOT, LOT_UNREADABLE, UNAVAILABLE.
    """
    if not is_lot_id(lot_id):
        raise Refused(Reject.NO_SUCH_LOT)
    try:
        state = await services.engine.load(LotId(lot_id))
    except CorruptLog as damage:
        raise Refused(Reject.LOT_UNREADABLE) from damage
    except (JournalUnavailable, *UNREACHABLE) as error:
        raise Refused(Code.UNAVAILABLE) from error
    if state is None:
        raise Refused(Reject.NO_SUCH_LOT)
    return state


async def ask(
    services: Services,
    caller: Caller,
    lot_id: LotId,
    command: c.Command,
    command_id: bytes,
    *,
    digest: bytes | None = None,
    arrived_at_us: int | None = None,
) -> Receipt:
    """Send a command to the engine and return its receipt.

    Args:
        services: The market.
        caller: Who wishes it; the door was passed.
        lot_id: The lot, which exists unless the command publishes it.
        command: The wish.
        command_id: 16 bytes made by the client.
        digest: Digest of the wish as the client meant it, where the command holds more than that.
        arrived_at_us: When it arrived; None means now.
    """
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_S):
            receipt = await services.engine.ask(
                lot_id,
                command,
                command_id=command_id,
                request_digest=digest or request_digest(command),
                actor=caller.party_on(lot_id),
                arrived_at_us=InstantUs(arrived_at_us or services.now_us),
            )
    except TimeoutError:
        receipt = refused(lot_id, command_id, Reject.IN_DOUBT)
    services.metrics.command(VERBS[type(command)], outcome_of(receipt), time.perf_counter() - begun)
    return receipt


def take_bid(services: Services, caller: Caller) -> None:
    """Use one bid of the account's budget, which its live connections share.

    Raises:
        Refused: RATE_LIMITED.
    """
    budget, now_us = services.live.budget(caller.party_id), services.now_us
    if not budget.take(now_us):
        raise Refused(Code.RATE_LIMITED, retry_after_ms=budget.pause_us(now_us) // 1_000 + 1)


def outcome_of(receipt: Receipt) -> str:
    """Return `accepted` or the code of the refusal."""
    if receipt.decision is Outcome.ACCEPTED:
        return "accepted"
    assert receipt.code is not None, "a refusal has a code"
    return receipt.code.value
