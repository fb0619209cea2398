"""How a price is paid (民法典 art. 846): lump, instalments, royalty, entry fee and royalty; and the lines that come of it.

Amounts in fen, exact: shares are rounded half up and the last line takes the rest, so the parts sum to the whole. Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from settlement.deals.fees import ALL_BPS, PPM, half_up
from settlement.deals.rules_data import DealRules
from settlement.ledger.postings import FEN_MAX

LINES_MAX: Final = 60
PERIODS_MAX: Final = 80
"""Twenty years of quarters: no patent lasts longer."""
MONTHS: Final = (1, 3, 6, 12)
DAYS_MAX: Final = 7_300


class RoyaltyBase(StrEnum):
    """What the royalty is a part of (民法典 art. 846)."""

    PRODUCT_PRICE = "product_price"
    NEW_OUTPUT = "new_output"
    PROFIT = "profit"
    SALES = "sales"


class Trigger(StrEnum):
    """From when a line's time runs."""

    SIGNING = "signing"
    DELIVERY = "delivery"
    REPORT = "report"
    """The royalty report of its period."""


class Lump(Struct, frozen=True, kw_only=True, tag_field="kind", tag="lump", forbid_unknown_fields=True):
    """Once, within so many working days of the contract's effect (一次总付)."""

    working_days: int


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instalment: a share of the price, so many days after its trigger."""

    share_bps: int
    after: Trigger
    days: int


class Instalments(Struct, frozen=True, kw_only=True, tag_field="kind", tag="instalments", forbid_unknown_fields=True):
    """In parts (分期支付). `secured`: the rest is secured, as state assets need; interest in ppm of the rest a day."""

    parts: tuple[Part, ...]
    secured: bool = False
    interest_daily_ppm: int = 0
    """On every later part, from the contract's effect until it is paid."""


class Royalty(Struct, frozen=True, kw_only=True, tag_field="kind", tag="royalty", forbid_unknown_fields=True):
    """A part of what the technology brings, by period (提成支付)."""

    base: RoyaltyBase
    rates_bps: tuple[int, ...]
    """Rate of each period; the last one holds on: one is a fixed rate, several rise or fall."""
    months: int
    """Length of a report period: 1, 3, 6 or 12."""
    periods: int
    floor_fen: int = 0
    """Least royalty of a period."""
    cap_fen: int = 0
    """Greatest royalty of all periods together; 0: none."""
    audit: bool = True
    """The seller may look into the books (民法典 art. 846 ¶3)."""
    late_daily_ppm: int = 0
    """Interest on what is late, ppm a day."""


class EntryRoyalty(
    Struct, frozen=True, kw_only=True, tag_field="kind", tag="entry_royalty", forbid_unknown_fields=True
):
    """An entry fee first, then a royalty (入门费加提成). The struck price is the entry fee."""

    working_days: int
    royalty: Royalty


PaymentTerms = Lump | Instalments | Royalty | EntryRoyalty


class LineKind(StrEnum):
    """What a line is for."""

    PRICE = "price"
    ENTRY = "entry"
    ROYALTY = "royalty"
    BUYER_FEE = "buyer_fee"
    INTEREST = "interest"


class Line(Struct, frozen=True, kw_only=True):
    """One line of the schedule. `amount_fen` None: not known before the report of its period; `due_at_us` 0: its trigger has not come."""

    no: int
    kind: LineKind
    amount_fen: int | None
    after: Trigger = Trigger.SIGNING
    days: int = 0
    working_days: int = 0
    period: int = 0
    due_at_us: int = 0
    reported_fen: int = 0
    """The reported base of a royalty."""
    interest_daily_ppm: int = 0
    interest_from_us: int = 0
    """From when interest runs until the line is paid; 0: none runs."""

    @property
    def known_fen(self) -> int:
        """What is known to be owed."""
        return self.amount_fen or 0


def payment_problems(
    terms: PaymentTerms, price_fen: int, rules: DealRules, *, state_asset: bool, open_licence: bool
) -> list[str]:
    """Return what is wrong with terms as stable words (`field: problem`), none if they hold.

    Sources: 32号令 as read by venues (first part at least 30 %, all within a year, secured, with interest); CNIPA practice notice on open
    licences (fixed fee, royalty on sales and on profit capped), domain.md §1.5 and §1.9.
    """
    match terms:
        case Lump(working_days=days):
            found = [] if 1 <= days <= 250 else ["working_days: out_of_range"]
        case Instalments():
            found = _instalment_problems(terms, rules, state_asset=state_asset)
        case Royalty():
            found = _royalty_problems(terms)
        case EntryRoyalty():
            found = [] if 1 <= terms.working_days <= 250 else ["working_days: out_of_range"]
            found += _royalty_problems(terms.royalty)
    if state_asset and not isinstance(terms, (Lump, Instalments)):
        found.append("kind: not_for_state_assets")
    return found + (_open_licence_problems(terms, price_fen, rules) if open_licence else [])


def _instalment_problems(terms: Instalments, rules: DealRules, *, state_asset: bool) -> list[str]:
    found = []
    if not 2 <= len(terms.parts) <= LINES_MAX:
        found.append("parts: out_of_range")
    if sum(part.share_bps for part in terms.parts) != ALL_BPS or any(part.share_bps < 1 for part in terms.parts):
        found.append("parts: not_the_whole")
    if any(not 0 <= part.days <= DAYS_MAX or part.after is Trigger.REPORT for part in terms.parts):
        found.append("parts: days_out_of_range")
    if terms.parts and terms.parts[0].after is not Trigger.SIGNING:
        found.append("parts: first_after_signing")
    if not 0 <= terms.interest_daily_ppm <= 1_000:
        found.append("interest: out_of_range")
    if state_asset and terms.parts:
        if terms.parts[0].share_bps < rules.first_instalment_bps:
            found.append("parts: first_too_small")
        if any(part.days > rules.instalments_days_max for part in terms.parts):
            found.append("parts: too_long")
        if not terms.secured or not terms.interest_daily_ppm:
            found.append("parts: unsecured")
    return found


def _royalty_problems(terms: Royalty) -> list[str]:
    found = []
    if not 1 <= len(terms.rates_bps) <= PERIODS_MAX or any(not 0 < rate <= ALL_BPS for rate in terms.rates_bps):
        found.append("rates: out_of_range")
    if terms.months not in MONTHS:
        found.append("months: unknown")
    if not 1 <= terms.periods <= PERIODS_MAX:
        found.append("periods: out_of_range")
    if not 0 <= terms.floor_fen <= FEN_MAX or not 0 <= terms.cap_fen <= FEN_MAX:
        found.append("floor: out_of_range")
    if terms.cap_fen and terms.floor_fen * terms.periods > terms.cap_fen:
        found.append("floor: above_cap")
    if not 0 <= terms.late_daily_ppm <= 1_000:
        found.append("interest: out_of_range")
    return found


def _open_licence_problems(terms: PaymentTerms, price_fen: int, rules: DealRules) -> list[str]:
    found = []
    royalty = royalty_of(terms)
    if price_fen > rules.open_licence_fixed_cap_fen:
        found.append("price: open_licence_fixed_cap")
    if royalty is not None and royalty.rates_bps:
        cap = (
            rules.open_licence_profit_cap_bps
            if royalty.base is RoyaltyBase.PROFIT
            else rules.open_licence_sales_cap_bps
        )
        if max(royalty.rates_bps) > cap:
            found.append("rates: open_licence_cap")
    return found


def royalty_of(terms: PaymentTerms) -> Royalty | None:
    """Return the royalty of terms, None if there is none."""
    match terms:
        case Royalty():
            return terms
        case EntryRoyalty(royalty=royalty):
            return royalty
        case _:
            return None


def royalty_fen(terms: Royalty, period: int, base_fen: int, before_fen: int) -> int:
    """Return the royalty of a period.

    `max(base × rate, floor)`, half up to the fen; together with what the periods before made never more than the cap.
    3 % of 8,000,000 yuan are 240,000.

    Args:
        terms: The terms.
        period: Counted from 1.
        base_fen: What was reported.
        before_fen: Royalties of all periods before.
    """
    rate = terms.rates_bps[min(period, len(terms.rates_bps)) - 1]
    owed = max(half_up(base_fen * rate, ALL_BPS), terms.floor_fen)
    return max(0, min(owed, terms.cap_fen - before_fen)) if terms.cap_fen else owed


def interest_fen(amount_fen: int, daily_ppm: int, late_days: int) -> int:
    """Return simple interest on what was late, half up to the fen."""
    return half_up(amount_fen * daily_ppm * late_days, PPM)


def lines_of(terms: PaymentTerms, price_fen: int, buyer_fee_fen: int) -> tuple[Line, ...]:
    """Return the schedule that terms make of a price. Parts sum to the price; the last takes what rounding left."""
    lines: list[Line] = []

    def add(kind: LineKind, amount: int | None, **more: int | Trigger) -> None:
        lines.append(Line(no=len(lines) + 1, kind=kind, amount_fen=amount, **more))  # type: ignore[arg-type]

    def fee() -> None:
        """The market's fee is due with the first payment; money goes to the first line before it."""
        if buyer_fee_fen:
            add(LineKind.BUYER_FEE, buyer_fee_fen, working_days=_first_days(terms))

    match terms:
        case Lump(working_days=days):
            add(LineKind.PRICE, price_fen, working_days=days)
            fee()
        case Instalments(parts=parts):
            given = 0
            for number, part in enumerate(parts, start=1):
                amount = price_fen - given if number == len(parts) else half_up(price_fen * part.share_bps, ALL_BPS)
                given += amount
                add(
                    LineKind.PRICE,
                    amount,
                    after=part.after,
                    days=part.days,
                    interest_daily_ppm=terms.interest_daily_ppm,
                )
                if number == 1:
                    fee()
        case EntryRoyalty(working_days=days):
            add(LineKind.ENTRY, price_fen, working_days=days)
            fee()
        case Royalty():
            fee()
    royalty = royalty_of(terms)
    for period in range(1, (royalty.periods if royalty else 0) + 1):
        assert royalty is not None
        add(LineKind.ROYALTY, None, after=Trigger.REPORT, period=period, interest_daily_ppm=royalty.late_daily_ppm)
    return tuple(lines)


def _first_days(terms: PaymentTerms) -> int:
    return terms.working_days if isinstance(terms, (Lump, EntryRoyalty)) else 5


def paid_of(lines: tuple[Line, ...], received_fen: int) -> tuple[int, ...]:
    """Return how much of each line is paid: money goes to the lines in their order, whatever order it came in."""
    paid, rest = [], received_fen
    for line in lines:
        taken = min(rest, line.known_fen)
        paid.append(taken)
        rest -= taken
    return tuple(paid)


def owed_fen(lines: tuple[Line, ...]) -> int:
    """Return what is known to be owed in all."""
    return sum(line.known_fen for line in lines)
