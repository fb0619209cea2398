"""The hand-over: a listing with several buyers orders a session, and learns how it ended. Level-triggered: it looks at both states
and does what is missing, so nothing is lost with a crash in between.

Every command carries an id made from what causes it, so that doing it again changes nothing (P3).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from engine.bus.local import Change
from engine.bus.ports import MarketPort
from engine.calendar import Calendar
from engine.evidence.receipts import Outcome, Receipt
from engine.journal.advances import Advance
from engine.journal.codec import request_digest
from engine.journal.folding import CorruptLog
from engine.journal.log import JournalUnavailable
from engine.journal.records import LOT_STREAM, lot_of
from engine.rules.auction.commands import AdmitBidder, Command, PublishLot, Subject
from engine.rules.auction.state import LotState, Phase
from engine.rules.listing.commands import ListedSubject, ListingCommand, RecordSession, RecountPeriod, SessionOutcome
from engine.rules.listing.events import ListingEvent
from engine.rules.listing.sessions import session_terms
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState
from engine.values import InstantUs, ListingId, LotId, group_of

ACTOR: Final = "engine/hand-over"
NAMESPACE: Final = uuid.UUID("6f5f0d5e-5a1c-5e0b-9a53-6f72746f6f31")
AGAIN_S: Final = 1.0
LOOK_ROUND_S: Final = 60.0
"""Everything is looked at this often even if nobody said that something happened."""
NOTICE_US: Final = 600_000_000
"""Least time between the publication of a session that is late, because the market was down, and its opening."""
_OUTCOMES: Final = {
    Phase.SOLD: SessionOutcome.SOLD,
    Phase.PASSED: SessionOutcome.PASSED,
    Phase.VOIDED: SessionOutcome.VOIDED,
    Phase.WITHDRAWN: SessionOutcome.VOIDED,
}

log = logging.getLogger(__name__)


class NotNow(Exception):
    """The engine could not take the command; the same is sent again."""


class HandOver:
    """Brings sessions about for listings and results back to them; counts uncertain periods again."""

    def __init__(self, engine: MarketPort, calendar: Calendar) -> None:
        self._engine = engine
        self._calendar = calendar
        self._dirty: set[ListingId] = set()
        self._wake = asyncio.Event()
        self._wake.set()
        engine.listings.subscribe(self._on_listings)
        engine.subscribe_advances(self._on_lots)

    async def follow(self) -> None:
        """Work for ever."""
        self._look_at_all()
        while True:
            try:
                async with asyncio.timeout(LOOK_ROUND_S):
                    await self._wake.wait()
            except TimeoutError:
                self._look_at_all()
            self._wake.clear()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Do what is missing for every listing that something happened to."""
        while self._dirty:
            listing_id = self._dirty.pop()
            try:
                await self._bring_about(listing_id)
            except (NotNow, JournalUnavailable):
                self._dirty.add(listing_id)
                await asyncio.sleep(AGAIN_S)
            except CorruptLog:
                log.exception("session_unreadable", extra={"listing": listing_id})
            except Exception:  # one listing must not keep the others' sessions; all are looked at again in a minute
                log.exception("hand_over_failed", extra={"listing": listing_id})

    def _on_listings(self, changes: Sequence[Change[ListingEvent, ListingState]]) -> None:
        waiting = {
            change.state.listing_id
            for change in changes
            if change.state.phase is ListingPhase.BIDDING or not change.state.certain
        }
        if waiting:
            self._dirty |= waiting
            self._wake.set()

    def _on_lots(self, advances: Sequence[Advance]) -> None:
        lots = [lot_of(one) for advance in advances for one in advance.streams if one.startswith(LOT_STREAM)]
        states = [state for lot_id in lots if (state := self._engine.state(lot_id)) is not None]
        ended = {ListingId(group_of(state.lot_id)) for state in states if state.phase.is_final}
        ended = {listing_id for listing_id in ended if self._engine.listings.state(listing_id) is not None}
        if ended:
            self._dirty |= ended
            self._wake.set()

    def _look_at_all(self) -> None:
        self._dirty |= {
            state.listing_id
            for state in self._engine.listings.states()
            if state.phase is ListingPhase.BIDDING or not state.certain
        }
        self._wake.set()

    async def _bring_about(self, listing_id: ListingId) -> None:
        listing = self._engine.listings.state(listing_id)
        if listing is None or listing.phase.is_final:
            return
        if not listing.certain and listing.calendar_version != self._calendar.version:
            recount = RecountPeriod(calendar_version=self._calendar.version)
            await self._tell_listing(listing_id, recount, f"recount/{listing.seq}/{self._calendar.version}")
        if listing.phase is not ListingPhase.BIDDING or listing.lot_id is None:
            return
        lot = await self._engine.load(listing.lot_id)
        if lot is None:
            await self._publish(listing, listing.lot_id)
            lot = await self._engine.load(listing.lot_id)
        if lot is not None:
            await self._admit(listing, lot)
            if lot.phase.is_final:
                await self._record(listing, lot)

    async def _publish(self, listing: ListingState, lot_id: LotId) -> None:
        price, ordered_us = listing.session_start_price, listing.session_opens_at_us
        assert price is not None and ordered_us is not None, "a listing that bids has ordered a session"
        opens_at_us = InstantUs(max(ordered_us, self._engine.clock.now_us() + NOTICE_US))
        subject = session_subject(listing.subject)
        terms = session_terms(listing.terms, price, opens_at_us)
        command = PublishLot(terms=terms, subject=subject, seller_id=listing.seller_id)
        # The digest is of what the listing ordered: the opening may move if this is sent again after an outage.
        ordered = replace(command, terms=session_terms(listing.terms, price, ordered_us))
        await self._tell_lot(lot_id, command, "publish", digest=request_digest(ordered))

    async def _admit(self, listing: ListingState, lot: LotState) -> None:
        if lot.phase.is_final:
            return
        for intent in listing.intents:
            if intent.phase is IntentPhase.ADMITTED and intent.code is not None and intent.buyer_id not in lot.codes:
                command = AdmitBidder(bidder_id=intent.buyer_id, code=intent.code)
                await self._tell_lot(lot.lot_id, command, f"admit/{intent.no}")

    async def _record(self, listing: ListingState, lot: LotState) -> None:
        outcome = _OUTCOMES[lot.phase]
        sold = outcome is SessionOutcome.SOLD
        command = RecordSession(
            lot_id=lot.lot_id,
            outcome=outcome,
            winner_id=lot.winner if sold else None,
            price=lot.price if sold else None,
        )
        await self._tell_listing(listing.listing_id, command, f"session/{lot.lot_id}")

    async def _tell_lot(self, lot_id: LotId, command: Command, what: str, digest: bytes | None = None) -> None:
        receipt = await self._engine.ask(
            lot_id,
            command,
            command_id=_id_of(lot_id, what),
            request_digest=digest or request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        _check(receipt, lot_id, what)

    async def _tell_listing(self, listing_id: ListingId, command: ListingCommand, what: str) -> None:
        receipt = await self._engine.listings.ask(
            listing_id,
            command,
            command_id=_id_of(listing_id, what),
            request_digest=request_digest(command),
            actor=ACTOR,
            arrived_at_us=None,
        )
        _check(receipt, listing_id, what)


def _id_of(subject_id: str, what: str) -> bytes:
    return uuid.uuid5(NAMESPACE, f"{subject_id}/{what}").bytes


def _check(receipt: Receipt, subject_id: str, what: str) -> None:
    if receipt.decision is Outcome.ACCEPTED:
        return
    assert receipt.code is not None, "a refusal has a code"
    if receipt.code.value in ("busy", "in_doubt"):
        raise NotNow(what)
    # A refusal is the rule's word: an operator sees the listing stand in BIDDING with its reason in the log.
    log.error("hand_over_refused", extra={"subject": subject_id, "what": what, "code": receipt.code.value})


def session_subject(listed: ListedSubject) -> Subject:
    """Return what bidders read about a session: what the notice of its listing said."""
    return Subject(
        title_zh=listed.title_zh,
        title_en=listed.title_en,
        summary_zh=listed.summary_zh,
        summary_en=listed.summary_en,
        field=listed.field,
        region=listed.region,
        seller_name_zh=listed.seller_name_zh,
        seller_name_en=listed.seller_name_en,
        defects_zh=listed.defects_zh,
        defects_en=listed.defects_en,
        demonstration=listed.demonstration,
    )
