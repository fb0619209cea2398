"""What a door is, and the sets of roles that doors speak of; the rows stand in gateway/permissions.py and gateway/money_doors.py."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.accounts.model import Role, Scope

Who = frozenset[Role | None]

ANYONE: Final[Who] = frozenset({None, *Role})
"""With or without an account."""
MEMBERS: Final[Who] = frozenset(Role)
BIDDERS: Final[Who] = frozenset({Role.BIDDER, Role.SELLER})
"""Who may bid: an institution buys, too, and the engine refuses the seller of a lot. Staff of the platform never bids."""
STAFF: Final[Who] = frozenset({Role.OPERATOR, Role.SUPERVISOR})
OPERATORS: Final[Who] = frozenset({Role.OPERATOR})

REGISTRARS: Final[Who] = frozenset({Role.REGISTRAR})
DESKS: Final[Who] = frozenset({Role.REGISTRAR, *STAFF})
"""Who sees every contract and its registration."""
SIDES: Final[Who] = frozenset({*BIDDERS, *DESKS})
"""Sides of a contract see their own, the desks all."""

FRAME: Final = "FRAME"
"""Method of frames on the live connection; their path is the frame's type."""
READING: Final = frozenset({"GET", "HEAD", FRAME})


class Door(NamedTuple):
    """One row."""

    method: str
    path: str
    who: Who
    scope: Scope | None = None
    signed: bool = False
    """No login opens it: the handler checks a signature of its own (the bank's). `who` is empty then."""

    @property
    def changes(self) -> bool:
        """The method changes something, so a cookie alone does not open it."""
        return self.method not in READING

    @property
    def is_api(self) -> bool:
        """Errors are answered for programs, not for people."""
        return self.path.startswith("/api/") or self.path in ("/livez", "/readyz", "/metrics", "/live")
