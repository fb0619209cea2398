"""What a request says about who asks: address, cookie, token, form; and what the gate found out."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from typing import Final

from aiohttp import web

from gateway.accounts.accounts import NewSession
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.identities import Identities
from gateway.accounts.model import ANONYMOUS, Caller
from gateway.config import Config
from gateway.errors import Code, Refused
from gateway.services import SERVICES

CALLER: Final = web.RequestKey("caller", Caller)
REQUEST_ID: Final = web.RequestKey("request_id", str)
FORM_COOKIE_NEW: Final = web.RequestKey("form_cookie_new", str)
ERROR_CODE: Final = web.RequestKey("error_code", str)
FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")


def caller_of(request: web.Request) -> Caller:
    """Return who asks."""
    return request[CALLER]


def origin_of(request: web.Request) -> Origin:
    """Return who asks, from where, for the audit log."""
    account = request[CALLER].account
    return Origin(NOBODY if account is None else account.id, network_of(request))


def network_of(request: web.Request) -> str:
    """Return the network that the request comes from: the IPv4 address, or the /64 of an IPv6 address."""
    hops = request.app[SERVICES].config.trusted_proxy_count
    address = request.remote or ""
    if hops:
        named = [part.strip() for value in request.headers.getall("X-Forwarded-For", ()) for part in value.split(",")]
        # Our nearest proxy wrote the last entry; only entries written by our own proxies are believed.
        address = named[-hops] if len(named) >= hops else address
    return as_network(address)


def as_network(address: str) -> str:
    """Return the unit in which addresses are counted; `unknown` for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


async def identify(request: web.Request, identities: Identities, config: Config) -> Caller:
    """Return who asks. A stale cookie makes nobody; a wrong token is refused, because a program should know.

    Raises:
        Refused: UNAUTHENTICATED, UNAVAILABLE.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        caller = await identities.by_token(text.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise Refused(Code.UNAUTHENTICATED)
        return caller
    cookie = request.cookies.get(config.session_cookie)
    return (await identities.by_session(cookie) if cookie else None) or ANONYMOUS


def csrf_token(request: web.Request) -> str:
    """Return what a form on this page carries in the field `csrf`. Anonymous visitors get a cookie to compare it with."""
    caller = request[CALLER]
    if caller.session:
        return caller.csrf
    known = request.get(FORM_COOKIE_NEW) or request.cookies.get(_form_cookie(request), "")
    if _FORM_TOKEN.fullmatch(known) is None:
        known = request[FORM_COOKIE_NEW] = secrets.token_urlsafe(24)
    return known


def check_text(request: web.Request) -> None:
    """Refuse characters in the address that no text has and PostgreSQL cannot store.

    Raises:
        Refused: MALFORMED.
    """
    if not is_text(request.path):
        raise Refused(Code.NOT_FOUND)
    for name, value in request.query.items():
        if not is_text(name) or not is_text(value):
            raise Refused(Code.MALFORMED, fields="query")


def is_text(value: str) -> bool:
    """Tell whether this can be stored and shown: no control characters but tab and line ends, nothing without a UTF-8 form."""
    return _NOT_TEXT.search(value) is None


def check_source(request: web.Request, origins: frozenset[str]) -> None:
    """Refuse what a page of another site sent.

    Raises:
        Refused: ORIGIN_REFUSED.
    """
    named = request.headers.getall("Origin", ())
    if named:
        if len(named) > 1 or named[0] not in origins:
            raise Refused(Code.ORIGIN_REFUSED)
    elif request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise Refused(Code.ORIGIN_REFUSED)


async def check_csrf(request: web.Request) -> None:
    """Refuse a change whose sender cannot have read our page, and forms with anything but text in them.

    Raises:
        Refused: CSRF_FAILED, MALFORMED.
    """
    given: object = request.headers.get("X-CSRF-Token")
    if request.content_type in FORM_TYPES:
        form = await request.post()
        if not all(isinstance(value, str) and is_text(value) for value in form.values()):
            raise Refused(Code.MALFORMED, fields="form")
        given = given or form.get("csrf")
    require_csrf(request, given)


def require_csrf(request: web.Request, given: object) -> None:
    """Refuse what does not carry the secret of this session's, or this visitor's, forms.

    Raises:
        Refused: CSRF_FAILED.
    """
    caller = request[CALLER]
    expected = caller.csrf if caller.session else request.cookies.get(_form_cookie(request), "")
    if not expected or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refused(Code.CSRF_FAILED)


def set_session(response: web.StreamResponse, session: NewSession, config: Config) -> None:
    """Put the cookie of a new login into a response."""
    response.set_cookie(
        config.session_cookie,
        session.id,
        max_age=config.session_hours * 3_600,
        path="/",
        secure=config.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def clear_session(response: web.StreamResponse, config: Config) -> None:
    """Take the cookie of a login away."""
    response.del_cookie(config.session_cookie, path="/", secure=config.secure_cookies, httponly=True, samesite="Lax")


def set_form_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Give the cookie that `csrf_token` promised to an anonymous visitor."""
    value = request.get(FORM_COOKIE_NEW)
    if value is not None:
        secure = request.app[SERVICES].config.secure_cookies
        response.set_cookie(_form_cookie(request), value, path="/", secure=secure, httponly=True, samesite="Lax")


def _form_cookie(request: web.Request) -> str:
    return "__Host-ortoo_form" if request.app[SERVICES].config.secure_cookies else "ortoo_form"
