"""Login, registration, logout."""

from __future__ import annotations

from aiohttp import web

from gateway.errors import Refused
from gateway.http.asking import CALLER, clear_session, network_of, origin_of, set_session
from gateway.pages.i18n import language_of
from gateway.pages.rendering import own_path, page, see_other
from gateway.services import SERVICES


async def show_login(request: web.Request) -> web.Response:
    """GET /login."""
    if request[CALLER].account is not None:
        return see_other(own_path(request.query.get("next", "/")))
    return page(request, "login.html", next=own_path(request.query.get("next", "/")), login="", code=None, wait_s=0)


async def log_in(request: web.Request) -> web.Response:
    """POST /login."""
    services, form = request.app[SERVICES], await request.post()
    login, password = str(form.get("login", "")), str(form.get("password", ""))
    onward = own_path(str(form.get("next", "/")))
    try:
        session = await services.accounts.log_in(login, password, network_of(request))
    except Refused as refused:
        wait_s = -(-int(refused.data.get("retry_after_ms", 0)) // 1_000)
        return page(request, "login.html", 401, next=onward, login=login[:80], code=refused.code.value, wait_s=wait_s)
    response = see_other(onward)
    set_session(response, session, services.config)
    return response


async def show_register(request: web.Request) -> web.Response:
    """GET /register."""
    return page(
        request,
        "register.html",
        login="",
        display_name="",
        code=None,
        wait_s=0,
        next=own_path(request.query.get("next", "/")),
    )


async def register(request: web.Request) -> web.Response:
    """POST /register: an account and its first session."""
    services, form = request.app[SERVICES], await request.post()
    login, shown = str(form.get("login", "")), str(form.get("display_name", ""))
    password, onward = str(form.get("password", "")), own_path(str(form.get("next", "/")))
    try:
        if not services.config.registration_open:
            from gateway.errors import Code

            raise Refused(Code.REGISTRATION_CLOSED)
        account = await services.accounts.register(
            login, shown or login, password, origin_of(request), language=language_of(request)
        )
    except Refused as refused:
        wait_s = -(-int(refused.data.get("retry_after_ms", 0)) // 1_000)
        context = {
            "login": login[:80],
            "display_name": shown[:80],
            "code": refused.code.value,
            "next": onward,
            "wait_s": wait_s,
        }
        return page(request, "register.html", 422, **context)
    session = await services.accounts.begin_session(account, network_of(request))
    response = see_other(onward)
    set_session(response, session, services.config)
    return response


async def log_out(request: web.Request) -> web.Response:
    """POST /logout."""
    services = request.app[SERVICES]
    await services.accounts.log_out(request[CALLER], network_of(request))
    response = see_other("/")
    clear_session(response, services.config)
    return response


ROUTES = [
    web.get("/login", show_login),
    web.post("/login", log_in),
    web.get("/register", show_register),
    web.post("/register", register),
    web.post("/logout", log_out),
]
