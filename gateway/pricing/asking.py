"""Who may ask for quotes and see them. A reserve is the seller's secret: a quote is shown to who asked for it and to staff."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from engine.catalogue.achievements.versions import AchievementId
from engine.values import PartyId
from gateway.accounts.model import Caller, Role
from gateway.errors import Code, Refused
from gateway.formatting import SHANGHAI
from gateway.services import Services
from pricing.client import PricingAway, PricingRefused
from pricing.facts import facts_of
from pricing.quotes import Facts, Quote, Wish, WishInvalid, check_wish
from pricing.store import StoredQuote

STAFF = frozenset({Role.OPERATOR, Role.SUPERVISOR})


async def ask_quote(services: Services, caller: Caller, wish: Wish) -> StoredQuote:
    """Ask for a quote and return it as stored.

    Raises:
        Refused: MALFORMED with the field, NOT_FOUND for an achievement of somebody else, UNAVAILABLE while pricing is away.
    """
    await check(services, caller, wish)
    answer = await _ask(services, "quote", owner=str(caller.party_id), wish=msgspec.to_builtins(wish))
    kept = await services.pricing.store.quote(answer["id"])
    assert kept is not None, "it was stored before the answer"
    return kept


async def ask_preview(services: Services, caller: Caller, wish: Wish) -> Quote:
    """Work a quote out without storing it: what if.

    Raises:
        Refused: as for `ask_quote`.
    """
    await check(services, caller, wish)
    answer = await _ask(services, "preview", wish=msgspec.to_builtins(wish))
    return msgspec.convert(answer["quote"], Quote)


async def ask_fairness(
    services: Services, caller: Caller, quote_id: str, price_fen: int, related: bool
) -> dict[str, Any]:
    """Say where an agreed price stands in the range that was quoted before.

    Raises:
        Refused: NOT_FOUND, UNAVAILABLE.
    """
    await stored(services, caller, quote_id)
    return await _ask(services, "fairness", quote=quote_id, price_fen=price_fen, related=related)


async def ask_again(services: Services, caller: Caller, quote_id: str) -> dict[str, Any]:
    """Make a stored quote again and say whether every byte is the same.

    Raises:
        Refused: NOT_FOUND, UNAVAILABLE.
    """
    await stored(services, caller, quote_id)
    return await _ask(services, "recompute", quote=quote_id)


async def stored(services: Services, caller: Caller, quote_id: str) -> StoredQuote:
    """Return a stored quote to who may see it.

    Raises:
        Refused: NOT_FOUND: there is none, or it is somebody else's.
    """
    kept = await services.pricing.store.quote(quote_id[:40])
    if kept is None or (caller.role not in STAFF and kept.owner != caller.party_id):
        raise Refused(Code.NOT_FOUND)
    return kept


async def facts_on_file(services: Services, caller: Caller, achievement_id: str) -> Facts:
    """Return what the catalogue knows of an own achievement.

    Raises:
        Refused: NOT_FOUND: there is none, or it is somebody else's.
    """
    working = await services.achievements.read(AchievementId(achievement_id[:60]))
    if working is None or (caller.role not in STAFF and working.owner != PartyId(caller.party_id)):
        raise Refused(Code.NOT_FOUND)
    return facts_of(working.record, datetime.fromtimestamp(services.now_us // 1_000_000, SHANGHAI).date())


async def check(services: Services, caller: Caller, wish: Wish) -> None:
    """Check bounds and that the subject is the caller's own.

    Raises:
        Refused: MALFORMED with the field, or NOT_FOUND.
    """
    priors, _ = await services.pricing.store.priors(0)
    try:
        check_wish(wish, frozenset(row.code for row in priors.royalty))
    except WishInvalid as wrong:
        raise Refused(Code.MALFORMED, fields=str(wrong)) from None
    if wish.after:
        await stored(services, caller, wish.after)
    kind, _, name = wish.subject.partition("/")
    if wish.subject and kind != "achievement":
        raise Refused(Code.MALFORMED, fields="subject")
    if name:
        await facts_on_file(services, caller, name)


async def _ask(services: Services, ask: str, **arguments: Any) -> dict[str, Any]:
    try:
        return await services.pricing.client.ask(ask, **arguments)
    except PricingAway:
        raise Refused(Code.UNAVAILABLE) from None
    except PricingRefused as refused:
        if refused.code == "not_found":
            raise Refused(Code.NOT_FOUND) from None
        raise Refused(Code.MALFORMED, fields=refused.field) from None
