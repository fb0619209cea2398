"""The doors of an outside registrar's system: its answers come in, its pull reads the feed. A signature opens them, no login."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from gateway.errors import Code, Refused
from gateway.http.answers import json_answer
from gateway.http.asking import network_of
from gateway.registrar.keys import KeysUnusable
from gateway.registrar.signing import problem_of
from gateway.services import SERVICES
from settlement.registration.feed.answers import ANSWER_BYTES_MAX, AnswerOutcome, read_answer

PULL_MAX: Final = 100
BODY_S: Final = 30.0
CHUNK: Final = 65_536

log = logging.getLogger(__name__)


class Taken(Struct, frozen=True):
    """The answer to an answer: it is on record, and what became of it (`recorded`, `repeated`, `superseded`)."""

    outcome: str
    taken: bool = True


class PulledMessage(Struct, frozen=True, kw_only=True):
    """One message of the feed."""

    position: str
    id: str
    kind: str
    registration: str
    revision: int
    message: Any


class Pulled(Struct, frozen=True, kw_only=True):
    """A page of the feed; `next` is the cursor of the page after it, the same as asked where nothing is new."""

    messages: list[PulledMessage]
    next: str


async def take_answer(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/registrar/answers.

    Raises:
        Refused: RATE_LIMITED, TOO_LARGE, UNAUTHENTICATED, MALFORMED, NOT_FOUND (no such registration), CONFLICT.
    """
    body = await _bounded(request)
    _believe(request, body)
    services = request.app[SERVICES]
    answer = read_answer(body)
    if isinstance(answer, str):
        raise Refused(Code.MALFORMED, fields=answer)
    outcome = await services.registering.answers.take(answer, body, services.now_us)
    services.metrics.registrar_answers.labels(outcome.value).inc()
    match outcome:
        case AnswerOutcome.UNKNOWN:
            raise Refused(Code.NOT_FOUND)
        case AnswerOutcome.MALFORMED:
            raise Refused(Code.MALFORMED, fields="answer")
        case AnswerOutcome.CONFLICT:
            log.error("registrar_answer_conflicts", extra={"answer_id": answer.id, "registration": answer.registration})
            raise Refused(Code.CONFLICT)
        case _:
            return json_answer(Taken(outcome.value))


async def pull(request: web.Request) -> web.StreamResponse:
    """GET /api/v1/registrar/feed?after=&limit=: messages after a position, oldest first, delivered or not."""
    _believe(request, b"")
    after, limit = request.query.get("after", "0"), request.query.get("limit", "50")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in (after, limit)):
        raise Refused(Code.MALFORMED, fields="after, limit")
    found = await request.app[SERVICES].registering.outbox.page(int(after), max(1, min(int(limit), PULL_MAX)))
    messages = [
        PulledMessage(
            position=str(one.position), id=one.id, kind=one.kind.value, registration=one.registration, revision=one.revision,
            message=msgspec.json.decode(one.body),
        )
        for one in found
    ]  # fmt: skip
    return json_answer(Pulled(messages=messages, next=str(found[-1].position) if found else after))


async def _bounded(request: web.Request) -> bytes:
    """Return the body; who is slow or sends too much is not waited for."""
    if (request.content_length or 0) > ANSWER_BYTES_MAX:
        raise Refused(Code.TOO_LARGE, limit_bytes=ANSWER_BYTES_MAX)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise Refused(Code.TOO_LARGE, limit_bytes=ANSWER_BYTES_MAX)
    except (TimeoutError, web.RequestPayloadError):
        raise Refused(Code.MALFORMED, fields="body") from None
    return bytes(body)


def _believe(request: web.Request, body: bytes) -> None:
    """Let nobody in who cannot sign.

    Raises:
        Refused: RATE_LIMITED, UNAUTHENTICATED (`problem`: headers, key, signature, time, none where no system is connected).
    """
    services = request.app[SERVICES]
    registering, now_us = services.registering, services.now_us
    budget = registering.budgets.of(network_of(request))
    if not budget.take(now_us):
        raise Refused(Code.RATE_LIMITED, retry_after_ms=budget.pause_us(now_us) // 1_000 + 1)
    try:
        keys = registering.keys()
    except KeysUnusable:
        raise Refused(Code.UNAUTHENTICATED, problem="none") from None
    problem = problem_of(keys, request.method, request.rel_url.raw_path_qs, request.headers, body, int(time.time()))
    if problem is not None:
        log.warning("registrar_not_believed", extra={"problem": problem.value})
        raise Refused(Code.UNAUTHENTICATED, problem=problem.value)
