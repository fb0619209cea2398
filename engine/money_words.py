"""Amounts in words: 人民币大写 as written on cheques (《支付结算办法》附件一), and in English."""

from __future__ import annotations

from typing import Final

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿", "万亿", "亿亿")
_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_THOUSANDS: Final = ("", "thousand", "million", "billion", "trillion", "quadrillion")
FEN_MAX: Final = 10**18


def in_chinese(fen: int) -> str:
    """Return an amount in fen as 大写, `壹佰贰拾叁元肆角伍分`; whole yuan end in 整. Empty beyond 10**18 fen."""
    if not 0 <= fen < FEN_MAX:
        return ""
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    text = _yuan(yuan) + "元" if yuan or not rest else ""
    if not rest:
        return text + "整"
    if jiao:
        text += _DIGITS[jiao] + "角"
    elif yuan:
        text += "零"
    return text + (_DIGITS[cents] + "分" if cents else "整")


def _yuan(yuan: int) -> str:
    if yuan == 0:
        return "零"
    groups = []
    while yuan:
        yuan, group = divmod(yuan, 10_000)
        groups.append(group)
    text, gap = "", False
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if group == 0:
            gap = bool(text)
            continue
        if text and (gap or group < 1_000):
            text += "零"
        text += _four(group) + _GROUPS[place]
        gap = False
    return text


def _four(group: int) -> str:
    text, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + _DIGITS[digit] + _PLACES[place]
            gap = False
        else:
            gap = True
    return text


def in_english(fen: int) -> str:
    """Return an amount in fen in words: `one hundred twenty-three yuan 45 fen`. Empty beyond 10**18 fen."""
    if not 0 <= fen < FEN_MAX:
        return ""
    yuan, rest = divmod(fen, 100)
    groups, place = [], 0
    number = yuan
    while number:
        number, group = divmod(number, 1_000)
        if group:
            groups.append(f"{_hundreds(group)} {_THOUSANDS[place]}".strip())
        place += 1
    words = " ".join(reversed(groups)) or "zero"
    return f"{words} yuan" + (f" {rest} fen" if rest else "")


def _hundreds(group: int) -> str:
    hundreds, rest = divmod(group, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        tens, ones = divmod(rest, 10)
        words.append(_TENS[tens] + (f"-{_ONES[ones]}" if ones else ""))
    elif rest:
        words.append(_ONES[rest])
    return " ".join(words)
