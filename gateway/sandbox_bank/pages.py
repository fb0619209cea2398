"""Pages of the sandbox bank: a demonstration buyer pays, a tester makes things go wrong. Every page says that it is a sandbox."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.values import CNY, parse_amount
from gateway import formatting
from gateway.pages.i18n import LOCALES, language_of, translate
from gateway.sandbox_bank.books import AMOUNT_MAX, MARKET, BankRefuses, day_of
from gateway.sandbox_bank.faults import SCENARIOS, Faults
from gateway.sandbox_bank.parts import PARTS

STATIC: Final = Path(__file__).parent.parent / "static" / "css"
STYLES: Final = ("tokens.css", "base.css", "parts.css", "bank.css")
TEXT_MAX: Final = 200
_FONT_FACE: Final = re.compile(r"@font-face \{[^}]*\}\n?")
_CSP: Final = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


async def home(request: web.Request) -> web.Response:
    """GET /: pay, and see what there is."""
    return _home(request)


async def pay(request: web.Request) -> web.Response:
    """POST /transfers: a demonstration buyer pays."""
    form, books = await _form(request), request.app[PARTS].books
    amount = amount_of(form.get("amount", ""))
    if amount is None:
        return _home(request, 422, problem="AMOUNT_INVALID", values=form)
    try:
        credit = books.transfer_in(
            form.get("payer", ""),
            amount,
            virtual_account=form.get("virtual_account", "").replace(" ", ""),
            purpose=form.get("purpose", ""),
        )
    except BankRefuses as refused:
        return _home(request, 422, problem=str(refused), values=form)
    return web.Response(status=303, headers={"Location": f"/?paid={credit.bank_ref}"})


async def misbehave(request: web.Request) -> web.Response:
    """POST /scenarios: choose what goes wrong."""
    form = await _form(request)
    request.app[PARTS].books.set_faults(SCENARIOS.get(form.get("name", ""), Faults()))
    return web.Response(status=303, headers={"Location": "/#faults"})


async def again(request: web.Request) -> web.Response:
    """POST /callbacks: send a callback once more, or let held ones go."""
    form, books = await _form(request), request.app[PARTS].books
    number = form.get("id", "")
    if form.get("act") == "release":
        books.release(reverse=True)
    elif number.isascii() and number.isdigit():
        books.send_again(int(number[:15]))
    return web.Response(status=303, headers={"Location": "/#callbacks"})


async def language(request: web.Request) -> web.Response:
    """POST /language: the same cookie as the market's, which runs on the same host in the demonstration."""
    chosen = (await _form(request)).get("language", "")
    response = web.Response(status=303, headers={"Location": "/"})
    if chosen in LOCALES:
        response.set_cookie("ortoo_lang", chosen, path="/", samesite="Lax")
    return response


async def style(request: web.Request) -> web.Response:
    """GET /css/{name}: the market's own style sheets, without the font files that this site does not serve."""
    name = request.match_info["name"]
    if name not in STYLES:
        raise web.HTTPNotFound
    text = _FONT_FACE.sub("", (STATIC / name).read_text(encoding="utf-8"))
    return web.Response(text=text, content_type="text/css")


async def _form(request: web.Request) -> dict[str, str]:
    """Return a form of our own pages.

    Raises:
        web.HTTPForbidden: a page of another site sent it.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        raise web.HTTPForbidden
    form = await request.post()
    return {name: value.strip()[:TEXT_MAX] for name, value in form.items() if isinstance(value, str)}


def _home(
    request: web.Request, status: int = 200, *, problem: str = "", values: dict[str, str] | None = None
) -> web.Response:
    books, spoken = request.app[PARTS].books, language_of(request)
    asked = {name: request.query.get(name, "")[:TEXT_MAX] for name in ("payer", "virtual_account", "amount", "purpose")}
    accounts = books.accounts()
    context: dict[str, Any] = {
        "problem": problem,
        "values": {**asked, **(values or {})},
        "paid": request.query.get("paid", "")[:40],
        "customers": [account for account in accounts if account["kind"] == "customer"],
        "market_account": MARKET,
        "market_fen": books.balance(MARKET),
        "imbalance": books.imbalance(),
        "virtuals": books.virtuals(),
        "payouts": books.payouts()[:20],
        "callbacks": books.callbacks()[:20],
        "faults": books.faults(),
        "scenarios": SCENARIOS,
        "today": day_of(request.app[PARTS].books.now_us),
    }
    text = _TEMPLATES.get_template("home.html").render(
        t=partial(translate, spoken),
        language=spoken,
        languages=tuple(LOCALES),
        html_language="zh-CN" if spoken == "zh" else "en",
        money=formatting.money,
        when=formatting.when,
        **context,
    )
    headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def amount_of(text: str) -> int | None:
    """Read an amount in yuan as a person types it; None if it is none."""
    amount = parse_amount(text.replace(",", "").replace("，", "").strip(), CNY)
    return None if amount is None or not 0 < amount <= AMOUNT_MAX else int(amount)


ROUTES: Final = (
    web.get("/", home),
    web.post("/transfers", pay),
    web.post("/scenarios", misbehave),
    web.post("/callbacks", again),
    web.post("/language", language),
    web.get("/css/{name}", style),
)
