"""Answers: JSON, problem documents (RFC 9457) for programs, error pages for people."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from gateway.accounts.model import ANONYMOUS
from gateway.doors import Door
from gateway.errors import ERRORS, Code, status_of
from gateway.http.asking import CALLER, ERROR_CODE, REQUEST_ID

PROBLEM: Final = "application/problem+json"
Renderer = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
RENDER_ERROR: Final[web.AppKey[Renderer]] = web.AppKey("render_error")
"""Makes the page that explains an error (gateway.pages.site)."""
Data = Mapping[str, str | int]
log = logging.getLogger(__name__)
_ENCODER: Final = msgspec.json.Encoder()


def json_answer(value: Any, status: int = 200) -> web.Response:
    """Return a JSON answer; structs are written with their fields in order."""
    return web.Response(body=_ENCODER.encode(value), status=status, content_type="application/json")


def problem(code: str, request_id: str, data: Data, **more: str | int | None) -> web.Response:
    """Return a problem document.

    Args:
        code: From the table of errors.
        request_id: What to quote: the request's id, or the command's where there is one.
        data: Facts for the client.
        more: Members beside the standard ones (`seq`, `at_us`, ... of a refusal on record).
    """
    entry = ERRORS[code]
    body = {
        "type": f"urn:ortoo:error:{code}",
        "title": entry.meaning,
        "status": status_of(code),
        "code": code,
        "retry": entry.retry.value,
        "data": dict(data),
        "request_id": request_id,
        **more,
    }
    response = web.Response(body=_ENCODER.encode(body), status=status_of(code), content_type=PROBLEM)
    _hint_retry(response, data)
    return response


async def refusal(request: web.Request, door: Door | None, code: str, data: Data) -> web.StreamResponse:
    """Return the answer to a refused request: a page for people, a problem document for programs."""
    request[ERROR_CODE] = code
    if not _is_for_people(request, door):
        return problem(code, request[REQUEST_ID], data)
    if code == Code.UNAUTHENTICATED and request.method == hdrs.METH_GET:
        return web.Response(status=303, headers={hdrs.LOCATION: f"/login?next={quote(request.path_qs, safe='')}"})
    request.setdefault(CALLER, ANONYMOUS)  # refused before it was known who asks
    try:
        response = await request.app[RENDER_ERROR](request, code)
    except Exception:  # the page that explains an error must not be one
        log.exception("error_page_failed", extra={"request_id": request[REQUEST_ID]})
        return problem(code, request[REQUEST_ID], data)
    _hint_retry(response, data)
    return response


def _is_for_people(request: web.Request, door: Door | None) -> bool:
    is_api = request.path.startswith("/api/") if door is None else door.is_api
    return not is_api and not request.headers.get(hdrs.ACCEPT, "").startswith("application/json")


def _hint_retry(response: web.StreamResponse, data: Data) -> None:
    wait_ms = data.get("retry_after_ms")
    if isinstance(wait_ms, int):
        response.headers["Retry-After"] = str(-(-wait_ms // 1_000))
    elif response.status == status_of(Code.UNAVAILABLE):
        response.headers["Retry-After"] = "1"
