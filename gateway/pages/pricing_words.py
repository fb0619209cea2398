"""Numbers of quotes as people read them: three significant digits, because more would claim what nobody knows."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Final

from msgspec import Struct

from pricing.quotes import Input, Quote
from pricing.store import StoredQuote

WAN_FEN: Final = 1_000_000
YI_FEN: Final = 10_000_000_000
TYPED_MAX: Final = 20


def rough(fen: int, language: str) -> str:
    """Return an amount to three significant digits: `103 万元`, `CNY 1.03 million`."""
    sign, size = ("-" if fen < 0 else ""), abs(fen)
    if language == "zh":
        unit, name = (YI_FEN, "亿元") if size >= YI_FEN else (WAN_FEN, "万元") if size >= WAN_FEN // 10 else (100, "元")
        return f"{sign}{_three(Decimal(size) / unit)} {name}"
    unit, name = (
        (100_000_000_000, "bn") if size >= 100_000_000_000 else (100_000_000, "m") if size >= 100_000_000 else (100, "")
    )
    return f"{sign}¥{_three(Decimal(size) / unit)}{' ' + name if name else ''}"


def _three(value: Decimal) -> str:
    if value == 0:
        return "0"
    rounded = Decimal(f"{value:.3g}")
    return f"{rounded:,f}"


def read_wan(text: str) -> int | None:
    """Read an amount typed in units of 10,000 yuan as fen; None where nothing is typed.

    Raises:
        ValueError: it is no amount.
    """
    plain = text.strip().replace(",", "").replace("，", "")
    if not plain:
        return None
    number = read_number(plain)
    assert number is not None, "something is typed"
    return int(number * WAN_FEN)


def read_number(text: str) -> Decimal | None:
    """Read a positive decimal; None where nothing is typed.

    Raises:
        ValueError: it is no positive number.
    """
    plain = text.strip()
    if not plain:
        return None
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise ValueError("number") from None
    if len(plain) > TYPED_MAX or not number.is_finite() or number <= 0:
        raise ValueError("number")
    return number


def shown_input(one: Input, language: str) -> str:
    """Return the value of an assumption as people read it."""
    if one.name.endswith("_fen"):
        return rough(int(one.value), language)
    if one.name.endswith("_percent") or one.name.startswith("premium."):
        return f"{Decimal(one.value):.4g} %"
    if one.name in ("tax_rate", "capital_rate", "developer_margin"):
        return f"{Decimal(one.value) * 100:.3g} %"
    return one.value


def width_words(quote: Quote) -> str:
    """Return how wide the range is: P90 over P10, to two digits."""
    return f"{quote.range.p90 / quote.range.p10:.2g}"


def shown_step(log: float) -> str:
    """Return what a step of the comparison does to a price: `+12 %`, `×4.00` for great ones, `–` for nothing."""
    factor = math.exp(min(max(log, -20.0), 20.0))
    if abs(log) < 0.0005:
        return "–"
    return f"×{factor:.2f}" if not 0.5 <= factor <= 2 else f"{100 * (factor - 1):+.1f} %"


class Slider(Struct, frozen=True, kw_only=True):
    """An input that can be varied on the report: what was given (empty: nothing), what was used instead, and between what it slides."""

    name: str
    given: str
    used: str
    low: str
    high: str
    step: str


_BOUNDS: Final = {
    "royalty_percent": ("0.5", "25", "0.5"), "discount_percent": ("5", "60", "0.5"), "success_percent": ("1", "100", "1"),
    "bidders": ("1", "15", "0.5"),
}  # fmt: skip


def sliders_of(kept: StoredQuote) -> list[Slider]:
    """Return the sliders of a quote: sales and spending to come where they were told, rates, chance and bidders."""
    facts, found = kept.wish.facts, []
    for name in ("sales", "completion"):
        amount = getattr(facts, f"{name}_fen")
        if amount is not None:
            wan = Decimal(amount) / WAN_FEN
            ends = _plain(wan / 5), _plain(wan * 3)
            found.append(
                Slider(name=name, given=_plain(wan), used=_plain(wan), low=ends[0], high=ends[1], step=_plain(wan / 50))
            )
    inputs = {one.name: one.value for line in kept.quote.approaches for one in line.inputs}
    premiums = sum(Decimal(one) for name, one in inputs.items() if name.startswith("premium."))
    used = {
        "royalty_percent": inputs.get("royalty_percent"), "discount_percent": inputs.get("discount_percent") or premiums or None,
        "success_percent": str(100 * kept.quote.success), "bidders": str(kept.quote.bidders),
    }  # fmt: skip
    for name, (low, high, step) in _BOUNDS.items():
        value = used[name]
        if value is not None:
            given = getattr(facts, name)
            found.append(
                Slider(
                    name=name, given="" if given is None else f"{given:g}", used=_plain(Decimal(value)), low=low, high=high, step=step
                )
            )  # fmt: skip
    return found


def _plain(value: Decimal) -> str:
    return f"{Decimal(f'{value:.4g}'):f}"
