"""Numbers of quotes as people read them: three significant digits, because more would claim what nobody knows."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from pricing.quotes import Input, Quote

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
