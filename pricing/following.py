"""Outcomes come from the log: every lot sold or passed, every listing signed or ended without a buyer, every agreement struck, once each.

The observation and the cursor are one transaction; the model learns right after it, the same day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import asyncpg
from msgspec.structs import replace

from engine.calendar import civil_of, day_of
from engine.catalogue.achievements.store import Achievements, is_achievement_id
from engine.catalogue.achievements.versions import AchievementId
from engine.journal.codec import decode_event, type_of
from engine.journal.follower import Connection, Follower
from engine.journal.postgres import QUERIES as JOURNAL
from engine.journal.secrecy import CLEAR, Secrecy
from engine.journal.streams import LISTINGS, LOTS, StreamKind, kind_of
from engine.rules.auction import events as ae
from engine.rules.auction.state import LotState
from engine.rules.listing import events as le
from engine.rules.listing.events import DealWay
from engine.rules.listing.sessions import lot_of
from engine.rules.publicity.events import AgreementStruck
from engine.values import LISTING_SHARDS, NOTICE_SHARDS, SHARDS, InstantUs
from pricing.desk import PricingDesk
from pricing.facts import facts_of
from pricing.observations import Observation
from pricing.outcomes import Bids, agreement_outcome, bids_of, listing_outcome, lot_outcome, with_facts
from pricing.quotes import Quote, is_about

CONSUMER: Final = "pricing"
PAGE: Final = 1_000
QUOTES_LOOKED_AT: Final = 20
FOLLOWED_WITHIN: Final = math.log(1.1)
"""A seller who set a price within ten per cent of the advice followed it."""
_ENDS: Final = (ae.LotSold, ae.LotPassed, le.DealSigned, le.ListingEnded, AgreementStruck)

Found = list[tuple[str, int, Observation]]


class OutcomeFeed:
    """The consumer."""

    def __init__(self, pool: asyncpg.Pool, desk: PricingDesk, secrecy: Secrecy = CLEAR) -> None:
        self._pool, self._desk, self._secrecy = pool, desk, secrecy
        self._achievements = Achievements(pool)
        self._follower = Follower(
            pool, CONSUMER, self._shards(), self._prepare, self._effect, [type_of(event) for event in _ENDS]
        )

    async def run(self) -> None:
        """Look once: the process calls it again every few seconds."""
        self._follower.notice(self._shards())
        await self._follower.catch_up()
        await self._learn()

    def _shards(self) -> list[int]:
        return [*range(SHARDS), *LISTING_SHARDS, *NOTICE_SHARDS]

    async def _prepare(self, rows: Sequence[asyncpg.Record]) -> Found:
        found: Found = []
        for row in rows:
            event = decode_event(row["type"], row["version"], self._secrecy.show_body(row["body"]))
            one = await self._outcome(row["stream"], row["stream_seq"], row["at_us"], event)
            if one is not None:
                found.append((f"{row['stream']}#{getattr(event, 'deal_no', row['stream_seq'])}", row["at_us"], one))
        return found

    async def _outcome(self, stream: str, until: int, at_us: int, event: Any) -> Observation | None:
        """Return what ended, with what the achievement's record and the quotes before it say."""
        kind = kind_of(stream)
        assert kind is not None, "it is one of three"
        state, events = await self._course(kind, stream, until)
        if kind is LOTS:
            one = lot_outcome(state, event, _bids(state, events))
            named = state.achievement
            achievement, version = ("", 0) if named is None else (named.id, named.version)
        elif kind is LISTINGS:
            one = listing_outcome(state, event, await self._bids_of_deal(state, event))
            achievement, version = state.subject.achievement_id, state.subject.achievement_version
        else:
            one = agreement_outcome(state)
            achievement, version = state.content.achievement_id, state.content.achievement_version
        if one is None:
            return None
        one = await self._as_on_record(one, achievement, version, at_us)
        chosen = int(state.terms.start_price) if kind is LOTS else one.price_fen
        if kind is LISTINGS and state.terms.list_price is not None:
            chosen = int(state.terms.list_price)
        return await self._exposed(one, achievement, chosen, at_us)

    async def _bids_of_deal(self, state: Any, event: Any) -> Bids:
        """Return what was bid in the session that a listing's deal came from; nothing for another way."""
        if not isinstance(event, le.DealSigned) or state.deals[event.deal_no - 1].way is not DealWay.SESSION:
            return Bids()
        lot = lot_of(state.listing_id, state.sessions)
        session, events = await self._course(LOTS, LOTS.stream(lot), PAGE * PAGE)
        return Bids() if session is None else _bids(session, events)

    async def _as_on_record(self, one: Observation, achievement: str, version: int, at_us: int) -> Observation:
        """Return an outcome with readiness, family and years left as the published record said them on the day of the deal."""
        if not is_achievement_id(achievement):
            return one
        published = await self._achievements.version(AchievementId(achievement), version)
        if published is None:
            return one
        today = date(*civil_of(day_of(InstantUs(at_us))))
        return with_facts(one, facts_of(published.record, today))

    async def _exposed(self, one: Observation, achievement: str, chosen_fen: int, at_us: int) -> Observation:
        """Return an outcome with the newest quote that its seller had been shown for it, and whether he did as it said."""
        for quote_id, wish, quote in await self._desk.store.quotes_about(one.seller, at_us, QUOTES_LOOKED_AT):
            if is_about(wish, achievement, one.title):
                advised = advised_fen(quote, one)
                followed = abs(math.log(max(chosen_fen, 1) / max(advised, 1))) <= FOLLOWED_WITHIN
                return replace(one, quote=quote_id, followed=followed)
        return one

    async def _effect(self, connection: Connection, found: Found) -> None:
        store = self._desk.store
        await store.observe(connection, found, max((at for _, at, _ in found), default=0))

    async def _learn(self) -> None:
        """Learn what was observed and not learnt yet."""
        state = await self._desk.answer("state", {})
        head, _ = await self._desk.store.head()
        if head > state["head"]:
            added = [one async for one in self._desk.store.observations(state["head"], head)]
            await self._desk.learn(added)

    async def _course(self, kind: StreamKind, stream: str, until: int) -> tuple[Any, list[Any]]:
        """Return a stream's state after its first `until` events, and the bids among them."""
        state, after, bids = None, 0, []
        while after < until:
            rows = await self._pool.fetch(JOURNAL["read_stream"], stream, after, min(PAGE, until - after))
            if not rows:
                break
            for row in rows:
                event = decode_event(row["type"], row["version"], self._secrecy.show_body(row["body"]))
                state = kind.evolve(state, kind.subject(stream), event, InstantUs(row["at_us"]))
                if isinstance(event, ae.BidAccepted):
                    bids.append(event)
            after = rows[-1]["stream_seq"]
        return state, bids


def advised_fen(quote: Quote, one: Observation) -> int:
    """Return what a quote advised for what the seller had to set: the start of a session, the price of a listing or an agreement."""
    if one.mode == "agreement":
        return quote.range.p50
    if one.mode in ("listing", "listing_bidding"):
        return quote.suggestion.ask_fen
    return quote.suggestion.dutch_start_fen if one.mode == "dutch" else quote.suggestion.start_fen


def _bids(state: LotState, events: Sequence[Any]) -> Bids:
    return bids_of(str(state.winner or ""), state.excluded, events)
