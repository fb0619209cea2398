"""The quotes of a deal for its evidence file: what its seller had been shown for it before it ended, and what was decided on each."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.evidence.quotes import quote_line
from pricing.quotes import Quote, is_about, read_quote, read_wish
from pricing.store import PricingStore

QUOTES_MAX: Final = 50
LOOKED_AT: Final = 500


class Shown(Struct, frozen=True, kw_only=True):
    """A quote with its line."""

    id: str
    digest: str
    quote: Quote
    quoted_at_us: int
    decisions: int
    line: bytes


async def quotes_shown(
    store: PricingStore, seller: str, achievement: str, title: str, until_us: int, price_fen: int | None
) -> list[Shown]:
    """Return the quotes about a deal, oldest first, fifty of the newest at most.

    Args:
        store: Pricing's records.
        seller: Who asked for them.
        achievement: What was traded; empty where only its title is known.
        title: Its title.
        until_us: The last instant of the deal.
        price_fen: What it came to, None while nothing was struck.
    """
    found: list[Shown] = []
    for row in await store.raw_quotes_about(seller, until_us, LOOKED_AT):
        if len(found) == QUOTES_MAX:
            break
        if not is_about(read_wish(row["wish"]), achievement, title):
            continue
        decided = [
            {"at_us": at_us, "account": account, "body": dict(body)}
            for body, account, at_us in await store.decisions(row["id"])
        ]
        line = quote_line(
            number=row["number"], quote_id=row["id"], quoted_at_us=row["quoted_at_us"], wish=row["wish"], body=row["body"],
            before=row["digest_before"], digest=row["digest"], decisions=decided, price_fen=price_fen,
        )  # fmt: skip
        found.append(
            Shown(
                id=row["id"], digest=row["digest"].hex(), quote=read_quote(row["body"]), quoted_at_us=row["quoted_at_us"],
                decisions=len(decided), line=line,
            )
        )  # fmt: skip
    return list(reversed(found))
