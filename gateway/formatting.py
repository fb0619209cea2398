"""How amounts, instants and durations look on a page. One time zone: Asia/Shanghai."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from engine.values import Amount, Currency, format_amount

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_SIGNS: Final = {"CNY": "¥"}


def money(digits: str | int | None, exponent: int = 2, code: str = "CNY") -> str:
    """Return an amount in minor units as `¥1,234,567.89`; whole units without decimals. Empty for None."""
    if digits is None:
        return ""
    plain = format_amount(Amount(int(digits)), Currency(code, exponent))
    whole, dot, rest = plain.partition(".")
    if dot and exponent == 2:
        rest = rest.ljust(2, "0")
    sign = _SIGNS.get(code)
    number = f"{int(whole):,}{dot}{rest}"
    return f"{sign}{number}" if sign else f"{number} {code}"


def when(at_us: int | None, *, seconds: bool = False) -> str:
    """Return an instant as `2026-11-24 10:30` in Chinese time. Empty for None."""
    if at_us is None:
        return ""
    moment = datetime.fromtimestamp(at_us // 1_000_000, SHANGHAI)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def until(at_us: int | None) -> str:
    """Return the end of a period: midnight belongs to the day that it ends, `2026-12-09 24:00` (Civil Code art. 203)."""
    if at_us is None:
        return ""
    shown = when(at_us)
    return f"{when(at_us - 1)[:10]} 24:00" if shown.endswith(" 00:00") else shown


def iso(at_us: int) -> str:
    """Return an instant for `<time datetime>`."""
    return datetime.fromtimestamp(at_us // 1_000_000, SHANGHAI).isoformat()


def read_local(text: str) -> int | None:
    """Read `2026-11-24T10:30` (a form's local time, Chinese time) as microseconds; None if it is not one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return int(moment.timestamp()) * 1_000_000


def local_value(at_us: int | None) -> str:
    """Return an instant as the value of a `datetime-local` field."""
    return "" if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")


def duration(us: int, language: str) -> str:
    """Return a length of time in words: `2 天 3 小时`, `5 分钟`, `45 秒`; at most two units."""
    seconds = max(0, us) // 1_000_000
    units = (("天", "d", 86_400), ("小时", "h", 3_600), ("分钟", "min", 60), ("秒", "s", 1))
    parts = []
    for chinese, english, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {chinese if language == 'zh' else english}")
    return " ".join(parts[:2]) or ("0 秒" if language == "zh" else "0 s")
