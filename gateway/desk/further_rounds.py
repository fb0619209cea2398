"""What may follow a session without a sale: the next round at a cut price, then a sell-off; held to the terms of the first (art. 26)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from engine.rules.auction.clearing.rounds import RoundRules, least_start, may_follow, may_sell_off
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import Terms
from engine.values import Amount, Currency, PartyId, format_amount


class NextRound(Struct, frozen=True, kw_only=True):
    """What may follow. `least`: the least start price; a sell-off is held at exactly this."""

    number: int
    sell_off: bool
    least: Amount
    rules: RoundRules


def next_round(before: LotState) -> NextRound | None:
    """Return what may follow a session, None while it runs, after a sale, or when the terms allow no more."""
    earlier = before.play.terms if before.play is not None else None
    rules = (earlier.rounds if earlier is not None else None) or RoundRules()
    number = earlier.round_no if earlier is not None else 1
    start = _start_of(before.terms, earlier)
    if before.phase is not Phase.PASSED:
        return None
    if may_follow(rules, number):
        return NextRound(number=number + 1, sell_off=False, least=least_start(rules, start), rules=rules)
    if may_sell_off(rules, number):
        return NextRound(number=number + 1, sell_off=True, least=start, rules=rules)
    return None


def round_problem(before: LotState, terms: Terms, play: ft.SessionTerms, seller: PartyId) -> str | None:
    """Return what keeps a session from following `before`: `place: what`, None if nothing does."""
    if before.phase is not Phase.PASSED or before.seller_id != seller:
        return "rounds: previous_not_without_sale"
    allowed = next_round(before)
    if allowed is None or play.round_no != allowed.number:
        return "rounds: not_the_next"
    if (play.rounds or RoundRules()) != allowed.rules:
        return "rounds: not_those_of_the_first"
    start = _start_of(terms, play)
    if allowed.sell_off:
        clock = ft.clock_of(play)
        fixed = ft.is_sell_off(play) and clock is not None and clock.floor == clock.start == allowed.least
        return None if fixed else "rounds: sell_off_at_the_last_start"
    return "rounds: start_too_low" if start < allowed.least else None


def filled_in(before: LotState, follows: NextRound, seller_login: str) -> Mapping[str, str]:
    """Return the fields of the desk's form that follow from the round before; times are for the operator to set."""
    subject, currency = before.subject, before.terms.currency
    same = "ascending" if before.play is None else ft.format_of(before.play.terms)
    least = _typed(follows.least, currency)
    texts = ("title_zh", "title_en", "summary_zh", "summary_en", "field", "region", "seller_name_zh", "seller_name_en")
    fields = {name: getattr(subject, name) for name in (*texts, "defects_zh", "defects_en")}
    clock = ft.clock_of(before.play.terms) if before.play is not None else None
    return {
        **fields,
        "format": "falling" if follows.sell_off else same,
        "seller": seller_login,
        "admission": before.terms.admission.value,
        "rounds_max": str(follows.rules.rounds_max),
        "cut_percent": str(follows.rules.cut_max_bps // 100),
        "sell_off": "1" if follows.rules.sell_off else "",
        "round_no": str(follows.number),
        "previous_lot": before.lot_id,
        "start_price": least,
        "clock_start": least,
        "clock_floor": least if follows.sell_off else "" if clock is None else _typed(clock.floor, currency),
        "clock_step": "1" if clock is None else _typed(clock.step, currency),
        "clock_seconds": "86400" if follows.sell_off or clock is None else str(clock.step_us // 1_000_000),
        "units": "1",
    }


def _typed(amount: Amount, currency: Currency) -> str:
    return format_amount(amount, currency)


def _start_of(terms: Terms, play: ft.SessionTerms | None) -> Amount:
    clock = ft.clock_of(play) if play is not None else None
    return terms.start_price if clock is None else clock.start
