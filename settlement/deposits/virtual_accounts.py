"""Sub-account numbers of the market's bank account: one for each deposit, so that a payment says by itself what it is for.

`prefix + nine random digits + check digit` (Luhn, ISO/IEC 7812-1, as on bank cards): a mistyped digit or two swapped neighbours are
found before money goes astray. Random, so that a number says nothing about how many deposits there are.
"""

from __future__ import annotations

from typing import Final

SERIAL_DIGITS: Final = 9


def virtual_account(prefix: str, serial: int) -> str:
    """Return the number for a serial, 0..10^9-1.

    Args:
        prefix: Digits of the range that the bank gave the market.
        serial: Which one of the range.
    """
    body = f"{prefix}{serial:0{SERIAL_DIGITS}d}"
    return body + str(check_digit(body))


def is_virtual_account(text: str, prefix: str) -> bool:
    """Tell whether this may be one of the market's numbers: prefix, length and check digit."""
    return (
        text.isascii()
        and text.isdigit()
        and text.startswith(prefix)
        and len(text) == len(prefix) + SERIAL_DIGITS + 1
        and check_digit(text[:-1]) == int(text[-1])
    )


def check_digit(digits: str) -> int:
    """Return the Luhn check digit that belongs after these digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10
