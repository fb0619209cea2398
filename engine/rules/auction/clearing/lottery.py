"""Ties decided by lot (抽签): drawn from a published digest, so that anybody can draw again and get the same.

The digest is the commitment to all sealed bids, published at the close: nobody, the market included, could choose it once the bids
were in. Who drew is shown by `ticket`: the bidder with the smallest ticket wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

TAG: Final = b"ortoo/lottery/v1\n"


def ticket(digest: bytes, code: str) -> bytes:
    """Return the ticket of a bidder code: SHA-256(tag ‖ published digest ‖ code in UTF-8), 32 bytes."""
    return hashlib.sha256(TAG + digest + code.encode()).digest()


def drawn(digest: bytes, codes: Iterable[str]) -> list[str]:
    """Return the codes in the order of their tickets; the first has won."""
    return sorted(codes, key=lambda code: ticket(digest, code))
