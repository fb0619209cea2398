"""POST /api/v1/bank/callbacks: the bank's own door. A signature opens it, no login; what comes in is recorded before anything is done."""

from __future__ import annotations

import logging
import time
from typing import Final

import asyncpg
import msgspec
from aiohttp import web
from msgspec import Struct

from engine.values import InstantUs
from gateway.accounts.model import UNREACHABLE
from gateway.bank.signing import NONCE, WINDOW_S, problem_of
from gateway.errors import Code, Refused
from gateway.http.answers import json_answer
from gateway.http.asking import network_of
from gateway.services import SERVICES
from settlement.bank.news import News, Source, credit_news, news_problem, result_news
from settlement.bank.port import Credit, PayoutResult, PayoutState

BODY_MAX: Final = 8_192

log = logging.getLogger(__name__)


class CreditCall(Struct, frozen=True, kw_only=True, tag_field="kind", tag="credit"):
    """Money came in. The amount is a string of digits, fen; members that we do not know are passed over."""

    bank_ref: str
    booked_at_us: int
    amount_fen: str
    payer_name: str = ""
    payer_account: str = ""
    virtual_account: str = ""
    purpose: str = ""


class PayoutCall(Struct, frozen=True, kw_only=True, tag_field="kind", tag="payout"):
    """What became of a payment."""

    order_id: str
    state: PayoutState
    reason: str = ""
    bank_ref: str = ""
    booked_at_us: int


class Taken(Struct, frozen=True):
    """The answer: it is on record. The same for the first sending and for every other."""

    taken: bool = True


_DECODER: Final = msgspec.json.Decoder(CreditCall | PayoutCall)


async def take_callback(request: web.Request) -> web.StreamResponse:
    """Take one message of the bank.

    Raises:
        Refused: RATE_LIMITED, TOO_LARGE, UNAUTHENTICATED (`problem`: headers, signature, time, nonce), MALFORMED.
    """
    services = request.app[SERVICES]
    banking = services.banking
    budget, now_us = banking.budgets.of(network_of(request)), services.now_us
    if not budget.take(now_us):
        raise Refused(Code.RATE_LIMITED, retry_after_ms=budget.pause_us(now_us) // 1_000 + 1)
    if (request.content_length or 0) > BODY_MAX:
        raise Refused(Code.TOO_LARGE, limit_bytes=BODY_MAX)
    body = await request.read()
    if len(body) > BODY_MAX:
        raise Refused(Code.TOO_LARGE, limit_bytes=BODY_MAX)
    now_s = time.time_ns() // 1_000_000_000
    problem: str | None = problem_of(banking.secret, request.method, request.path, request.headers, body, now_s)
    if problem is None and not await banking.receiving.is_new_nonce(
        request.headers[NONCE], now_us - 2 * WINDOW_S * 1_000_000
    ):
        problem = "nonce"
    if problem is not None:
        log.warning("bank_callback_refused", extra={"problem": str(problem)})
        raise Refused(Code.UNAUTHENTICATED, problem=str(problem))
    news = read_callback(body)
    if isinstance(news, str):
        await banking.receiving.misread(body, news)
        raise Refused(Code.MALFORMED, fields=news)
    recorded = await banking.receiving.keep(news)
    try:
        await banking.receiving.act(recorded.event.id)
    except (*UNREACHABLE, asyncpg.PostgresError):
        # On record: the worker acts on it. The bank has nothing to do about it.
        log.exception("bank_event_not_acted_on", extra={"event_id": recorded.event.id})
    return json_answer(Taken())


def read_callback(body: bytes) -> News | str:
    """Return the news in a body, or the name of what is wrong with it."""
    try:
        call = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "body"
    if isinstance(call, CreditCall):
        if not (call.amount_fen.isascii() and call.amount_fen.isdigit() and len(call.amount_fen) <= 16):
            return "amount_fen"
        credit = Credit(
            bank_ref=call.bank_ref,
            booked_at_us=InstantUs(call.booked_at_us),
            amount_fen=int(call.amount_fen),
            payer_name=call.payer_name,
            payer_account=call.payer_account,
            virtual_account=call.virtual_account,
            purpose=call.purpose,
        )
        news = credit_news(credit, Source.CALLBACK, body)
    else:
        result = PayoutResult(
            order_id=call.order_id,
            state=call.state,
            reason=call.reason,
            bank_ref=call.bank_ref,
            booked_at_us=InstantUs(call.booked_at_us),
        )
        news = result_news(result, Source.CALLBACK, body)
    return news_problem(news) or news
