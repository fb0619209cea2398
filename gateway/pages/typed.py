"""Reading what was typed into a form of listed trade: ids, amounts in yuan, amounts that the page carried, reasons."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from engine.values import CNY, parse_amount
from gateway.errors import Code, Refused

DIGITS_MAX: Final = 31
REASON_MAX: Final = 500
Typed = Mapping[str, str]


def command_id(typed: Typed) -> uuid.UUID:
    """Return the id of the command that the page carried, a new one if it carried none."""
    try:
        return uuid.UUID(typed.get("command_id", ""))
    except ValueError:
        return uuid.uuid4()


def yuan(typed: Typed, name: str) -> str:
    """Return an amount typed in yuan as digits in fen.

    Raises:
        Refused: MALFORMED: it cannot be read.
    """
    amount = parse_amount(typed.get(name, "").strip().replace(",", "").replace("，", "").removeprefix("¥"), CNY)
    if amount is None:
        raise Refused(Code.MALFORMED, fields=name)
    return str(amount)


def optional_yuan(typed: Typed, name: str) -> str | None:
    """Return an amount typed in yuan as digits in fen, None where nothing was typed."""
    return yuan(typed, name) if typed.get(name, "").strip() else None


def digits(typed: Typed, name: str) -> str:
    """Return an amount that the page carried, in minor units.

    Raises:
        Refused: MALFORMED.
    """
    text = typed.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        raise Refused(Code.MALFORMED, fields=name)
    return str(int(text))


def must_be_digits(typed: Typed, names: Iterable[str] = ("price", "amount")) -> None:
    """Refuse carried amounts that are none, before a page shows them again.

    Raises:
        Refused: MALFORMED.
    """
    for name in names:
        if name in typed:
            digits(typed, name)


def reason_of(typed: Typed) -> str:
    """Return the reason that was given.

    Raises:
        Refused: MALFORMED: there is none.
    """
    text = typed.get("reason", "").strip()[:REASON_MAX]
    if not text:
        raise Refused(Code.MALFORMED, fields="reason")
    return text
