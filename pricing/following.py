"""Outcomes come from the log: every lot sold or passed, every listing signed or ended without a buyer, each exactly once.

The observation and the cursor are one transaction; the model learns right after it, the same day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from engine.journal.codec import decode_event
from engine.journal.follower import Connection, Follower
from engine.journal.postgres import QUERIES as JOURNAL
from engine.journal.secrecy import CLEAR, Secrecy
from engine.journal.streams import LISTINGS, LOTS, StreamKind, kind_of
from engine.rules.auction import events as ae
from engine.rules.auction.state import LotState
from engine.rules.auction.state import Phase as LotPhase
from engine.rules.listing import events as le
from engine.rules.listing.state import IntentPhase, ListingState
from engine.rules.listing.terms import OfferedMode
from engine.values import CNY, LISTING_SHARDS, SHARDS, InstantUs
from pricing.desk import PricingDesk
from pricing.facts import industry_of_field
from pricing.integrity.watching import PARTIES_A_LOT_MAX
from pricing.observations import Observation

CONSUMER: Final = "pricing"
PAGE: Final = 1_000
_ENDS: Final = (ae.LotSold, ae.LotPassed, le.DealSigned, le.ListingEnded)
_LICENCE: Final = {
    OfferedMode.TRANSFER: "assign", OfferedMode.EXCLUSIVE: "exclusive", OfferedMode.SOLE: "sole", OfferedMode.PLAIN: "ordinary",
}  # fmt: skip

Found = list[tuple[str, int, Observation]]


class OutcomeFeed:
    """The consumer."""

    def __init__(self, pool: asyncpg.Pool, desk: PricingDesk, secrecy: Secrecy = CLEAR) -> None:
        self._pool, self._desk, self._secrecy = pool, desk, secrecy
        self._follower = Follower(pool, CONSUMER, self._shards(), self._prepare, self._effect)

    async def run(self) -> None:
        """Look once: the process calls it again every few seconds."""
        self._follower.notice(self._shards())
        await self._follower.catch_up()
        await self._learn()

    def _shards(self) -> list[int]:
        return [*range(SHARDS), *LISTING_SHARDS]

    async def _prepare(self, rows: Sequence[asyncpg.Record]) -> Found:
        found: Found = []
        for row in rows:
            kind = kind_of(row["stream"])
            if kind not in (LOTS, LISTINGS):
                continue
            event = decode_event(row["type"], row["version"], self._secrecy.show_body(row["body"]))
            if isinstance(event, _ENDS):
                assert kind is not None, "it is one of two"
                state = await self._state(kind, row["stream"], row["stream_seq"])
                one = _lot_outcome(state, event) if kind is LOTS else _listing_outcome(state, event)
                if one is not None:
                    found.append((f"{row['stream']}#{getattr(event, 'deal_no', row['stream_seq'])}", row["at_us"], one))
        return found

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

    async def _state(self, kind: StreamKind, stream: str, until: int) -> Any:
        state, after = None, 0
        while after < until:
            rows = await self._pool.fetch(JOURNAL["read_stream"], stream, after, min(PAGE, until - after))
            if not rows:
                break
            for row in rows:
                event = decode_event(row["type"], row["version"], self._secrecy.show_body(row["body"]))
                state = kind.evolve(state, kind.subject(stream), event, InstantUs(row["at_us"]))
            after = rows[-1]["stream_seq"]
        return state


def _lot_outcome(state: LotState, event: Any) -> Observation | None:
    """Return a session's outcome: its price, or what nobody paid."""
    if state.terms.currency != CNY or state.subject.demonstration:
        return None
    sold = isinstance(event, ae.LotSold) and state.phase is LotPhase.SOLD
    reserve = None if state.terms.reserve is None else int(state.terms.reserve.amount)
    asked = max(int(state.terms.start_price), reserve or 0)
    price = int(event.price) if isinstance(event, ae.LotSold) else asked
    if price <= 0:
        return None
    return Observation(
        sold=sold, price_fen=price, mode="english", industry=industry_of_field(state.subject.field),
        field=state.subject.field, region=state.subject.region[:4], title=state.subject.title_zh,
        bidders=len(state.codes), reserve_fen=reserve, seller=str(state.seller_id), buyer=str(state.winner or ""),
        parties=tuple(sorted(map(str, state.codes)))[:PARTIES_A_LOT_MAX],
        settled=False,
    )  # fmt: skip


def _listing_outcome(state: ListingState, event: Any) -> Observation | None:
    """Return a listing's outcome: a signed deal, or a list price that nobody paid."""
    terms, subject = state.terms, state.subject
    if terms.currency != CNY or subject.demonstration:
        return None
    competed = sum(intent.phase in (IntentPhase.WON, IntentPhase.UNSUCCESSFUL) for intent in state.intents)
    if isinstance(event, le.DealSigned):
        deal = state.deals[event.deal_no - 1]
        price, sold, buyer = int(deal.price), True, str(deal.buyer_id)
        related = any(intent.related for intent in state.intents if intent.buyer_id == deal.buyer_id)
    else:
        price, sold, buyer, related = int(terms.list_price or 0), False, "", False
    if price <= 0:
        return None
    valuation = None if terms.state_asset is None else int(terms.state_asset.valuation)
    return Observation(
        sold=sold, price_fen=price, mode="listing_bidding", industry=industry_of_field(subject.field), field=subject.field,
        region=subject.region[:4], licence=_LICENCE.get(terms.mode, "ordinary"), title=subject.title_zh,
        valuation_fen=valuation, bidders=competed, seller=str(state.seller_id), buyer=buyer, related=related,
        parties=tuple(sorted({str(i.buyer_id) for i in state.intents}))[:PARTIES_A_LOT_MAX],
    )  # fmt: skip
