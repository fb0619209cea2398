"""The five kinds of technology contracts (技术合同) with their sub-kinds, and which one a deal is. Codes: CONTRACT_TYPES."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from settlement.contracts.facts import RightFact

TRANSFER: Final = "ZR"
LICENCE: Final = "XK"
DEVELOPMENT: Final = "KF"
CONSULTING: Final = "ZX"
SERVICE: Final = "FW"
KINDS: Final = (DEVELOPMENT, TRANSFER, LICENCE, CONSULTING, SERVICE)
"""The five."""
LICENCE_MODES: Final = ("EXCLUSIVE", "SOLE", "PLAIN", "OPEN")
_TRANSFER_OF: Final = {
    "INVENTION": "ZR2", "UTILITY_MODEL": "ZR2", "DESIGN": "ZR2", "KNOW_HOW": "ZR1", "SOFTWARE": "ZR5", "LAYOUT": "ZR6",
    "PLANT_VARIETY": "ZR7", "BIO_VARIETY": "ZR8",
}  # fmt: skip
_LICENCE_OF: Final = {
    "INVENTION": "XK1", "UTILITY_MODEL": "XK1", "DESIGN": "XK1", "KNOW_HOW": "XK2", "SOFTWARE": "XK3", "LAYOUT": "XK4",
    "PLANT_VARIETY": "XK5", "BIO_VARIETY": "XK6",
}  # fmt: skip


def five_kind(code: str) -> str:
    """Return which of the five kinds a code belongs to; empty if it is unknown."""
    path = CONTRACT_TYPES.path(code)
    return path[0].code if path else ""


def belongs(code: str, groups: Sequence[str]) -> bool:
    """Tell whether a code is one of some codes or lies below one of them; `*` is every known code."""
    path = {entry.code for entry in CONTRACT_TYPES.path(code)}
    return bool(path) and ("*" in groups or any(group in path for group in groups))


def kind_of_deal(mode: str, rights: Sequence[RightFact]) -> str:
    """Return the kind of the contract of a deal.

    The first right decides, as the main one; without rights it is know-how. An investment with technology (技术入股) counts as a
    transfer (L-ZJ-TM art. 19, L-BJ-TM art. 23). A patent that is not granted yet: the right to apply, when it is transferred
    (L-TECH art. 23); its licence follows the rules of know-how until it is published, of patents afterwards (art. 29).

    Args:
        mode: What the buyer gets: TRANSFER, EQUITY, EXCLUSIVE, SOLE, PLAIN, OPEN; DEVELOPMENT: what a procurement asked for, which is
            commissioned development (委托开发, 民法典 art. 851).
        rights: What the contract is about, the main one first.
    """
    if mode == "DEVELOPMENT":
        return "KF2"
    main = rights[0] if rights else RightFact(kind="KNOW_HOW")
    if mode in LICENCE_MODES:
        return _LICENCE_OF.get(main.kind, "XK2")
    code = _TRANSFER_OF.get(main.kind, "ZR1")
    return "ZR3" if code == "ZR2" and main.status == "PENDING" else code
