"""Who works at the desks: whose inboxes are reminded of what waits there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.accounts.model import QUERIES, Role
from settlement.deals.notices import Desk

_ROLES: Final = {Desk.OPERATORS: Role.OPERATOR, Desk.REGISTRARS: Role.REGISTRAR}


async def people_of(connection: Any, desk: Desk) -> Sequence[str]:
    """Return the parties of the accounts that work at a desk now."""
    return [row["party"] for row in await connection.fetch(QUERIES["of_role"], _ROLES[desk].value)]
