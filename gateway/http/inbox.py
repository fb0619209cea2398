"""The number in the header: how many notices a person has not read. One indexed count for each page he looks at."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import hdrs, web

from gateway.accounts.model import UNREACHABLE
from gateway.http.asking import CALLER
from gateway.http.gate import Handler, route_of
from gateway.permissions import find_door
from gateway.services import SERVICES

UNREAD: Final = web.RequestKey("unread", int)
log = logging.getLogger(__name__)


@web.middleware
async def count_unread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note the number for the page; without it the page is shown all the same."""
    caller, route = request.get(CALLER), route_of(request)
    door = None if route is None else find_door(request.method, route)
    is_page = (
        door is not None
        and not door.is_api
        and not door.path.startswith("/static/")
        and not door.path.endswith(".json")
    )
    if (
        caller is not None
        and caller.session
        and caller.account is not None
        and is_page
        and request.method == hdrs.METH_GET
    ):
        try:
            request[UNREAD] = await request.app[SERVICES].notices.unread(caller.party_id)
        except UNREACHABLE:
            log.debug("unread_not_counted")
    return await handler(request)
