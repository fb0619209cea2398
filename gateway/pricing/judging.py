"""Where an agreed price stands in the range that its seller was quoted before: shown to him and his approvers, never to the buyer.

No process is asked: the range is stored. Only a quote from before the first publication counts, so that nobody asks for a range that
fits a price.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.state import NoticeState
from engine.values import CNY, Currency
from pricing.integrity.fairness import fairness
from pricing.lognormal import LogNormal
from pricing.quotes import is_about
from pricing.store import PricingStore

LOOKED_AT: Final = 50


class Judged(Struct, frozen=True, kw_only=True):
    """The light of an agreed price, the share of the range below it, and the quote."""

    light: str
    percentile: float
    price_fen: int
    quote: str


async def judged(
    store: PricingStore, seller: str, content: NoticeContent, until_us: int, currency: Currency = CNY
) -> Judged | None:
    """Return the light of a notice's price; None without a quote about its achievement from before an instant."""
    if currency != CNY:
        return None
    for quote_id, wish, quote in await store.quotes_about(seller, until_us, LOOKED_AT):
        if is_about(wish, content.achievement_id, content.title_zh):
            spread = LogNormal(quote.log_median, quote.log_sd)
            found = fairness(spread, float(content.price), related=bool(content.related))
            return Judged(
                light=found.light.value, percentile=found.percentile, price_fen=int(content.price), quote=quote_id
            )
    return None


async def judged_notice(store: PricingStore, state: NoticeState, now_us: int) -> Judged | None:
    """Return the light of a notice as it stands."""
    until_us = now_us if state.first_published_at_us is None else state.first_published_at_us
    return await judged(store, str(state.seller_id), state.content, until_us, state.terms.currency)
