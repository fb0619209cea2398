"""The page of an officer's key: made in the browser; the market learns the public half only."""

from __future__ import annotations

from aiohttp import web

from gateway.http.asking import CALLER
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page
from gateway.pages.room import embedded
from gateway.services import SERVICES

TEXTS = ("short", "differ", "making", "done", "failed", "https")


async def show_key(request: web.Request) -> web.Response:
    """GET /me/opening-key."""
    services, caller, language = request.app[SERVICES], request[CALLER], language_of(request)
    assert caller.account is not None, "the door lets no anonymous caller in"
    found = await services.officer_keys.of([caller.party_id])
    texts = {name: translate(language, f"officer.{name}") for name in TEXTS}
    return page(
        request, "officer_key.html", key=found[0] if found else None, login=caller.account.login, texts=embedded(texts)
    )


ROUTES = [web.get("/me/opening-key", show_key)]
