"""A listing (or a notice) is told that its deal is signed, or that a side is in default, by a command whose id is made from the deal's.

The listing's event, not this answer, moves the deal (docs/adr/0011): what the log does not hold has not happened.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.bus.ports import MarketPort
from engine.evidence.receipts import Outcome, Receipt, public_key_text
from engine.journal.codec import request_digest
from engine.journal.streams import LISTINGS, NOTICES
from engine.rules.listing.commands import RecordDefault, RecordSigning, Side
from engine.rules.publicity.commands import RecordContract
from engine.rules.rejections import Reject
from settlement.deals.deal import DealSide, Way
from settlement.deals.documents import SIGNED_TAG
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deals.working import Answer, Signer, TellListing

ACTOR: Final = "settlement"
_IDS: Final = uuid5(NAMESPACE_URL, "urn:ortoo:deal-news")
_AGAIN: Final = frozenset({Reject.BUSY, Reject.IN_DOUBT, Reject.LOT_UNREADABLE})
_SIDES: Final = {DealSide.SELLER: Side.SELLER, DealSide.BUYER: Side.BUYER}


def deal_telling_of(engine: MarketPort) -> TellListing:
    """Return what tells listings and notices about their deals."""

    async def tell(process: Process) -> Answer:
        deal = process.deal
        command_id = uuid5(_IDS, f"{deal.id}/{process.phase.value}/{process.since_us}").bytes
        if deal.way is Way.NOTICE:
            recorded = RecordContract(contract_ref=process.contract_ref)
            return _answer(
                await engine.notices.ask(
                    NOTICES.subject(deal.source.stream),
                    recorded,
                    command_id=command_id,
                    request_digest=request_digest(recorded),
                    actor=ACTOR,
                    arrived_at_us=None,
                )
            )
        command: RecordSigning | RecordDefault
        if process.phase is Phase.CONCLUDING:
            command = RecordSigning(deal_no=deal.deal_no, contract_ref=process.contract_ref)
        else:
            assert process.default_side is not None, "a default has a side"
            reason = process.reason or process.default_cause
            command = RecordDefault(deal_no=deal.deal_no, side=_SIDES[process.default_side], reason=reason)
        receipt = await engine.listings.ask(
            LISTINGS.subject(deal.source.stream),
            command,
            command_id=command_id,
            request_digest=request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        return _answer(receipt)

    return tell


def _answer(receipt: Receipt) -> Answer:
    if receipt.code in _AGAIN:
        return Answer.LATER
    return Answer.TOLD if receipt.decision is Outcome.ACCEPTED else Answer.REFUSED


def signer_of(key: Ed25519PrivateKey) -> Signer:
    """Return what signs documents of deals with the market's key."""

    def sign(body: bytes) -> tuple[str, str]:
        return b64encode(key.sign(SIGNED_TAG + body)).decode(), public_key_text(key)

    return sign
