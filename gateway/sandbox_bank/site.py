"""The sandbox bank over HTTP: an interface for the market (signed), an interface that makes things go wrong, and pages to pay on.

The market's part is under `/bank/v1`, the tester's under `/admin` (JSON only, so that no page of another site can send it; the
program listens on this machine only unless told otherwise), people's pages are `/` and `/accounts/{number}`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from gateway.bank.signing import NONCE, problem_of
from gateway.sandbox_bank import pages
from gateway.sandbox_bank.books import AMOUNT_MAX, MARKET, BankRefuses, Books
from gateway.sandbox_bank.faults import SCENARIOS, Faults
from gateway.sandbox_bank.parts import PARTS, Parts, answer
from gateway.sandbox_bank.sending import Sender
from gateway.sandbox_bank.statements import as_csv
from settlement.bank.port import Payout

BODY_MAX: Final = 16_384
NONCES_MAX: Final = 10_000
CODES: Final = {"NO_SUCH_ORDER": 404, "ORDER_ID_REUSED": 409}

Model = TypeVar("Model")


class PayoutWish(Struct, frozen=True, forbid_unknown_fields=True):
    """A payment order of the market; the amount is a string of digits, fen."""

    order_id: str
    amount_fen: str
    payee_name: str
    payee_account: str
    purpose: str


class AccountWish(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's account."""

    number: str
    name: str
    balance_fen: int = 0


class TransferWish(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's transfer to the market. `booked_at_us` books it at another time than now."""

    payer: str
    amount_fen: int
    virtual_account: str = ""
    purpose: str = ""
    booked_at_us: int | None = None


class VirtualWish(Struct, frozen=True, forbid_unknown_fields=True):
    """A sub-account number and what it is for."""

    number: str
    label: str = ""


class FinishWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Book a payment that was kept waiting, or fail it."""

    order_id: str
    failing: str = ""


class ReleaseWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Let held callbacks go."""

    reverse: bool = False


def build_app(books: Books, sender: Sender, secret: bytes) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[answer_in_words], client_max_size=BODY_MAX)
    app[PARTS] = Parts(books, sender, secret, OrderedDict())
    app.add_routes(
        [
            web.post("/bank/v1/payouts", pay),
            web.get("/bank/v1/payouts/{order}", look_up),
            web.get("/bank/v1/statements/{day}", statement_for_market),
            web.put("/bank/v1/virtual-accounts", name_virtual),
            web.post("/admin/accounts", open_account),
            web.post("/admin/accounts/{number}/close", close_account),
            web.post("/admin/virtual-accounts", admin_name_virtual),
            web.post("/admin/transfers", transfer),
            web.put("/admin/faults", set_faults),
            web.post("/admin/scenarios/{name}", set_scenario),
            web.post("/admin/deliver", deliver),
            web.post("/admin/release", release),
            web.post("/admin/callbacks/{id}/again", send_again),
            web.post("/admin/payouts/finish", finish),
            web.get("/admin/state", state),
            web.get("/statements/{day}", statement),
            *pages.ROUTES,
        ]
    )
    return app


@web.middleware
async def answer_in_words(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turn refusals into answers, and mark every answer as the sandbox's."""
    try:
        response: web.StreamResponse = await handler(request)
    except BankRefuses as refused:
        response = answer({"code": str(refused)}, CODES.get(str(refused), 422))
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError):
        response = answer({"code": "MALFORMED"}, 400)
    response.headers["X-Sandbox"] = "no real bank, no real money"
    return response


# The market's part.


async def _signed_body(request: web.Request) -> bytes:
    """Return the body of a request that the market signed.

    Raises:
        web.HTTPUnauthorized: it did not, or it is sent a second time.
        web.HTTPServiceUnavailable: the bank is down.
    """
    parts = request.app[PARTS]
    if parts.books.faults().down:
        raise web.HTTPServiceUnavailable
    body = await request.read()
    problem = problem_of(
        parts.secret, request.method, request.rel_url.raw_path, request.headers, body, time.time_ns() // 1_000_000_000
    )
    nonce = request.headers.get(NONCE, "")
    if problem is not None or nonce in parts.nonces:
        raise web.HTTPUnauthorized(text=f'{{"code":"{problem or "nonce"}"}}', content_type="application/json")
    parts.nonces[nonce] = None
    if len(parts.nonces) > NONCES_MAX:
        parts.nonces.popitem(last=False)
    return body


async def pay(request: web.Request) -> web.Response:
    """POST /bank/v1/payouts: 200 with what became of the order; 409 for an id used for another payment."""
    wish = msgspec.json.decode(await _signed_body(request), type=PayoutWish)
    if not (wish.amount_fen.isascii() and wish.amount_fen.isdigit() and 0 < int(wish.amount_fen[:20]) <= AMOUNT_MAX):
        raise BankRefuses("AMOUNT_INVALID")
    parts = request.app[PARTS]
    if parts.books.take("cut_before_booking"):
        return _cut(request)
    result = parts.books.pay(
        Payout(
            order_id=wish.order_id,
            amount_fen=int(wish.amount_fen),
            payee_name=wish.payee_name,
            payee_account=wish.payee_account,
            purpose=wish.purpose,
        )
    )
    return _cut(request) if parts.books.take("cut_after_booking") else answer(result)


def _cut(request: web.Request) -> web.Response:
    """End the connection without an answer, as a failing network does."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def look_up(request: web.Request) -> web.Response:
    """GET /bank/v1/payouts/{order}: what became of it; 404 if it never came."""
    await _signed_body(request)
    result = request.app[PARTS].books.look_up(request.match_info["order"])
    if result is None:
        raise BankRefuses("NO_SUCH_ORDER")
    return answer(result)


async def name_virtual(request: web.Request) -> web.Response:
    """PUT /bank/v1/virtual-accounts: register a sub-account number."""
    wish = msgspec.json.decode(await _signed_body(request), type=VirtualWish)
    request.app[PARTS].books.name_virtual(wish.number, wish.label)
    return answer({"done": True})


async def statement_for_market(request: web.Request) -> web.Response:
    """GET /bank/v1/statements/{day}: CSV, or JSON with `?format=json`."""
    await _signed_body(request)
    return await statement(request)


async def statement(request: web.Request) -> web.Response:
    """GET /statements/{day}: what the market's own staff downloads at the counter of this sandbox."""
    try:
        found = request.app[PARTS].books.statement(request.match_info["day"])
    except ValueError:
        raise BankRefuses("NO_SUCH_DAY") from None
    if request.query.get("format") == "json":
        return answer(found)
    return web.Response(
        body=as_csv(found).encode("utf-8-sig"),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="statement-{found.day}.csv"'},
    )


# The tester's part.


async def _asked(request: web.Request, model: type[Model]) -> Model:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return msgspec.json.decode(await request.read(), type=model)


async def open_account(request: web.Request) -> web.Response:
    """POST /admin/accounts."""
    wish = await _asked(request, AccountWish)
    request.app[PARTS].books.open_account(wish.number, wish.name, wish.balance_fen)
    return answer({"done": True})


async def close_account(request: web.Request) -> web.Response:
    """POST /admin/accounts/{number}/close."""
    await _asked(request, dict[str, str])
    request.app[PARTS].books.close_account(request.match_info["number"])
    return answer({"done": True})


async def admin_name_virtual(request: web.Request) -> web.Response:
    """POST /admin/virtual-accounts."""
    wish = await _asked(request, VirtualWish)
    request.app[PARTS].books.name_virtual(wish.number, wish.label)
    return answer({"done": True})


async def transfer(request: web.Request) -> web.Response:
    """POST /admin/transfers: a customer pays."""
    wish = await _asked(request, TransferWish)
    credit = request.app[PARTS].books.transfer_in(
        wish.payer,
        wish.amount_fen,
        virtual_account=wish.virtual_account,
        purpose=wish.purpose,
        booked_at_us=wish.booked_at_us,
    )
    return answer(credit)


async def set_faults(request: web.Request) -> web.Response:
    """PUT /admin/faults: what goes wrong from now on."""
    request.app[PARTS].books.set_faults(await _asked(request, Faults))
    return answer({"done": True})


async def set_scenario(request: web.Request) -> web.Response:
    """POST /admin/scenarios/{name}: one of the scripted cases."""
    await _asked(request, dict[str, str])
    faults = SCENARIOS.get(request.match_info["name"])
    if faults is None:
        raise BankRefuses("NO_SUCH_SCENARIO")
    request.app[PARTS].books.set_faults(faults)
    return answer(faults)


async def deliver(request: web.Request) -> web.Response:
    """POST /admin/deliver: send every waiting callback now and tell the market's answers."""
    await _asked(request, dict[str, str])
    return answer({"answers": await request.app[PARTS].sender.deliver(all_waiting=True)})


async def release(request: web.Request) -> web.Response:
    """POST /admin/release: let held callbacks go, turned round if asked."""
    wish = await _asked(request, ReleaseWish)
    return answer({"released": request.app[PARTS].books.release(reverse=wish.reverse)})


async def send_again(request: web.Request) -> web.Response:
    """POST /admin/callbacks/{id}/again: send one once more, a lost one too."""
    await _asked(request, dict[str, str])
    number = request.match_info["id"]
    if not (number.isascii() and number.isdigit() and request.app[PARTS].books.send_again(int(number[:15]))):
        raise BankRefuses("NO_SUCH_CALLBACK")
    return answer({"done": True})


async def finish(request: web.Request) -> web.Response:
    """POST /admin/payouts/finish: book or fail a payment that was kept waiting."""
    wish = await _asked(request, FinishWish)
    return answer(request.app[PARTS].books.finish(wish.order_id, wish.failing))


async def state(request: web.Request) -> web.Response:
    """GET /admin/state: everything at a glance."""
    books = request.app[PARTS].books
    return answer(
        {
            "market": MARKET,
            "imbalance": books.imbalance(),
            "balance_fen": books.balance(MARKET),
            "accounts": books.accounts(),
            "virtual_accounts": books.virtuals(),
            "payouts": books.payouts(),
            "callbacks": books.callbacks(),
            "faults": books.faults(),
        }
    )
