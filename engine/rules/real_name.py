"""The real-name state of a party (电子商务法 art. 27: verify and register identity, update files). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class RealName(StrEnum):
    """Where the check of a party's identity stands."""

    UNVERIFIED = "unverified"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REFUSED = "refused"
    EXPIRED = "expired"
    """The papers ran out, or must be looked at again."""
    REVOKED = "revoked"
    """Found wrong afterwards."""


class RealNameAct(StrEnum):
    """What can be done about it."""

    SUBMIT = "submit"
    VERIFY = "verify"
    REFUSE = "refuse"
    EXPIRE = "expire"
    REVOKE = "revoke"
    CHANGE = "change"
    """The party changes what was verified: name, number, country."""


STEPS: Final[Mapping[tuple[RealName, RealNameAct], RealName]] = {
    (RealName.UNVERIFIED, RealNameAct.SUBMIT): RealName.SUBMITTED,
    (RealName.REFUSED, RealNameAct.SUBMIT): RealName.SUBMITTED,
    (RealName.EXPIRED, RealNameAct.SUBMIT): RealName.SUBMITTED,
    (RealName.REVOKED, RealNameAct.SUBMIT): RealName.SUBMITTED,
    (RealName.SUBMITTED, RealNameAct.VERIFY): RealName.VERIFIED,
    (RealName.SUBMITTED, RealNameAct.REFUSE): RealName.REFUSED,
    (RealName.VERIFIED, RealNameAct.EXPIRE): RealName.EXPIRED,
    (RealName.VERIFIED, RealNameAct.REVOKE): RealName.REVOKED,
    **{(state, RealNameAct.CHANGE): RealName.UNVERIFIED for state in RealName},
}
"""Where each act leads; what is not here is refused."""
NEEDS_REASON: Final = frozenset({RealNameAct.REFUSE, RealNameAct.EXPIRE, RealNameAct.REVOKE})


def after(state: RealName, act: RealNameAct, reason: str) -> RealName | None:
    """Return the state after an act; None if it does not hold, or needs a reason and has none."""
    if act in NEEDS_REASON and not reason.strip():
        return None
    return STEPS.get((state, act))
