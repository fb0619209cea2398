"""Price estimates in an evidence file: what the decision-makers had before them, what they decided, and where the price came to stand.

A line holds a quote as it was stored before the outcome was known: its wish, its answer, the digest before it and its own. Anyone can
compute the digest again, and the place of the price in the range that was quoted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import sha256
from statistics import NormalDist
from typing import Any, Final

import msgspec

from engine.canonical import canonical_bytes

QUOTES: Final = "pricing/quotes.jsonl"
DIGITS: Final = 6
"""Digits of a percentile after the point."""
_TAG: Final = b"ortoo-pricing-quote-1\0"


def quote_digest(before: bytes, wish: str, body: str) -> bytes:
    """Return the digest of a quote in its chain."""
    parts = [wish.encode(), body.encode()]
    return sha256(_TAG + before + b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def percentile_of(body: str, price_fen: int) -> str:
    """Return where a price stands in the range of a quote, 0 to 1, as text.

    Raises:
        ValueError, KeyError, TypeError: the quote says no range.
    """
    quote = msgspec.json.decode(body)
    z = (math.log(price_fen) - float(quote["log_median"])) / float(quote["log_sd"])
    return f"{NormalDist().cdf(z):.{DIGITS}f}"


def quote_line(
    *, number: int, quote_id: str, quoted_at_us: int, wish: str, body: str, before: bytes, digest: bytes,
    decisions: Sequence[dict[str, Any]], price_fen: int | None,
) -> bytes:  # fmt: skip
    """Return a quote as a line of the member; `price_fen` is what the deal came to, None where there is none yet."""
    outcome = None if price_fen is None else {"price_fen": str(price_fen), "percentile": percentile_of(body, price_fen)}
    line = {
        "number": number, "id": quote_id, "quoted_at_us": quoted_at_us, "wish": wish, "body": body, "before": before.hex(),
        "digest": digest.hex(), "decisions": list(decisions), "outcome": outcome,
    }  # fmt: skip
    return canonical_bytes(line) + b"\n"


def quote_problem(line: bytes) -> str | None:
    """Return what is wrong with a line, None if it says what was quoted."""
    try:
        one = msgspec.json.decode(line, type=dict[str, Any])
        if quote_digest(bytes.fromhex(one["before"]), one["wish"], one["body"]).hex() != one["digest"]:
            return f"quote {one['id']} is not the one that was stored: its digest is another"
        outcome = one["outcome"]
        if outcome is not None and percentile_of(one["body"], int(outcome["price_fen"])) != outcome["percentile"]:
            return f"the price does not stand where the line says in the range of quote {one['id']}"
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as damage:
        return f"no quote ({type(damage).__name__})"
    return None
