"""The gate in front of every handler: limits, who asks, may they, is it really they; and around it: request id, metrics, log."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web

from gateway.accounts.model import UNREACHABLE
from gateway.doors import Door
from gateway.errors import Code, Refused
from gateway.http.answers import refusal
from gateway.http.asking import (
    CALLER,
    ERROR_CODE,
    REQUEST_ID,
    check_csrf,
    check_source,
    check_text,
    identify,
    network_of,
    set_form_cookie,
)
from gateway.http.metrics import UNMATCHED
from gateway.http.uploads import STREAMED, open_upload
from gateway.permissions import find_door, judge
from gateway.services import SERVICES, Services

BODY_MAX: Final = 65_536
BODY_S: Final = 15.0
"""A body that takes longer than this is refused."""
UNLIMITED: Final = ("/livez", "/readyz", "/static/{path}")
"""Routes that the budget of a network does not count."""
_BY_STATUS: Final = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    503: Code.UNAVAILABLE,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)
access = structlog.get_logger("access")


def route_of(request: web.Request) -> str | None:
    """Return the template of the matched route, None if nothing matched."""
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request an id, answer every failure in one shape, count, and write one line."""
    begun = time.perf_counter()
    request[REQUEST_ID] = secrets.token_hex(8)
    route = route_of(request)
    door = None if route is None else find_door(request.method, route)
    response = await _answered(request, handler, door)
    if not response.prepared:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        set_form_cookie(request, response)
        if ERROR_CODE in request:
            response.headers["X-Error-Code"] = request[ERROR_CODE]
    seconds = time.perf_counter() - begun
    _count(request.app[SERVICES], request, route, response.status, seconds)
    return response


async def _answered(request: web.Request, handler: Handler, door: Door | None) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return await refusal(request, door, refused.code.value, refused.data)
    except web.HTTPException as raised:
        if raised.status < 400:
            return _redirect(raised)
        code = _BY_STATUS.get(raised.status, Code.INTERNAL if raised.status >= 500 else Code.MALFORMED)
        data = {"limit_bytes": BODY_MAX} if code is Code.TOO_LARGE else {}
        response = await refusal(request, door, code.value, data)
        if hdrs.ALLOW in raised.headers:
            response.headers[hdrs.ALLOW] = raised.headers[hdrs.ALLOW]
        return response
    except UNREACHABLE:
        log.warning("database_unreachable", extra={"request_id": request[REQUEST_ID]}, exc_info=True)
        return await refusal(request, door, Code.UNAVAILABLE.value, {})
    except Exception:  # the boundary of a request: whatever a handler did not foresee
        log.exception("request_failed", extra={"request_id": request[REQUEST_ID]})
        return await refusal(request, door, Code.INTERNAL.value, {})


def _redirect(raised: web.HTTPException) -> web.Response:
    response = web.Response(status=raised.status, headers=raised.headers, body=raised.body)
    response.cookies.update(raised.cookies)
    return response


def _count(services: Services, request: web.Request, route: str | None, status: int, seconds: float) -> None:
    # Methods are a closed set, too: anybody can invent one.
    method = request.method if request.method in hdrs.METH_ALL else "OTHER"
    services.metrics.requests.labels(method, route or UNMATCHED, str(status)).inc()
    if status != HTTPStatus.SWITCHING_PROTOCOLS:  # a live connection lasts as long as somebody watches
        services.metrics.request_seconds.labels(method, route or UNMATCHED).observe(seconds)
    caller = request.get(CALLER)
    access.info(
        "request",
        request_id=request[REQUEST_ID],
        method=method,
        route=route or UNMATCHED,
        status=status,
        code=request.get(ERROR_CODE),
        role=None if caller is None or caller.role is None else caller.role.value,
        duration_us=round(seconds * 1e6),
    )


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody through whom the table of doors does not let through."""
    services = request.app[SERVICES]
    route = route_of(request)
    if route is None:
        return await handler(request)  # raises 404 or 405
    door = find_door(request.method, route)
    if door is None:
        raise Refused(Code.METHOD_NOT_ALLOWED)
    _check_budget(request, services, route)
    check_text(request)
    request[CALLER] = caller = await identify(request, services.accounts.identities, services.config)
    if door.changes and not caller.token:
        check_source(request, services.config.origins)
    refused = judge(door, caller)
    if refused is not None and not (door.signed and caller.account is None):
        raise Refused(refused)
    if door.changes and services.draining.is_set():
        raise Refused(Code.DRAINING)
    if route in STREAMED and door.changes:
        await open_upload(request, checked=bool(caller.token))
        return await handler(request)
    if door.signed:
        return await handler(request)  # reads its body itself, bounded by what it takes
    await _read_body(request)
    if door.changes and not caller.token and not door.signed:
        await check_csrf(request)
    return await handler(request)


def _check_budget(request: web.Request, services: Services, route: str) -> None:
    if route in UNLIMITED:
        return
    budget, now_us = services.request_budgets.of(network_of(request)), services.now_us
    if not budget.take(now_us):
        raise Refused(Code.RATE_LIMITED, retry_after_ms=budget.pause_us(now_us) // 1_000 + 1)


async def _read_body(request: web.Request) -> None:
    """Read the body with bounds on size and time; handlers find it read.

    An upgrade with a body is how one request is smuggled inside another: refused.
    """
    if not request.body_exists:
        return
    if hdrs.UPGRADE in request.headers:
        raise Refused(Code.MALFORMED, fields="body")
    if (request.content_length or 0) > BODY_MAX:
        raise Refused(Code.TOO_LARGE, limit_bytes=BODY_MAX)
    try:
        async with asyncio.timeout(BODY_S):
            # A multipart form is read part by part, and only once; its parts are bounded together as other bodies are.
            await (request.post() if request.content_type == "multipart/form-data" else request.read())
    except (TimeoutError, ValueError):
        raise Refused(Code.MALFORMED, fields="body") from None


async def set_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: headers that every answer carries."""
    for name, value in request.app[SECURITY_HEADERS].items():
        response.headers.setdefault(name, value)
    response.headers[hdrs.SERVER] = "ortoo"  # not which version of what, as aiohttp would


SECURITY_HEADERS: Final = web.AppKey("security_headers", dict[str, str])


def security_headers(services: Services) -> dict[str, str]:
    """Return the headers of this market; the policy names where live rooms are."""
    config = services.config
    headers = {
        "Content-Security-Policy": content_security_policy(
            live_sources(config.origins, config.live_port, config.live_public_url)
        ),
        "X-Content-Type-Options": "nosniff",
        # Not no-referrer: browsers would then send `Origin: null` with forms, which the origin check refuses.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
    }
    if config.secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def live_sources(origins: frozenset[str], live_port: int, live_public_url: str) -> list[str]:
    """Return where pages may open live connections: the live listener, and the pages' own port as the fallback."""
    found = set()
    for origin in origins:
        own = origin.replace("http", "ws", 1)
        scheme, _, place = own.partition("://")
        if place.startswith("["):
            continue  # a policy cannot name an IPv6 address; such a market is reached by its name
        host = place.partition(":")[0]
        found |= {own, f"{scheme}://{host}:{live_port}"}
    if live_public_url:
        scheme, _, rest = live_public_url.partition("://")
        found.add(f"{scheme}://{rest.partition('/')[0]}")
    return sorted(found)


def content_security_policy(live: list[str]) -> str:
    """Return the policy of every page: nothing but our own files, and the live rooms."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {' '.join(live)}",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )
