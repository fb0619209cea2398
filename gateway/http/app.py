"""The application: routes from the table of endpoints, pages, the live fallback, and the gate in front of all of them."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from gateway.bank.callbacks import take_callback
from gateway.http import gate, health, inbox
from gateway.http.answers import RENDER_ERROR, json_answer
from gateway.http.api.calls import web_handler
from gateway.http.api.endpoints import ENDPOINTS
from gateway.http.openapi import document
from gateway.live import fallback
from gateway.pages.site import add_pages, render_error
from gateway.permissions import DoorsUnsound, find_door
from gateway.registrar.doors import pull, take_answer
from gateway.services import SERVICES, Services

KEEPALIVE_S: Final = 75.0


def build_app(services: Services) -> web.Application:
    """Return the application of this market.

    Raises:
        DoorsUnsound: a route has no row in the table of doors.
    """
    app = web.Application(
        middlewares=[*services.traced.middlewares, gate.observe, gate.gate, inbox.count_unread],
        client_max_size=gate.BODY_MAX,
    )
    app[SERVICES] = services
    app[gate.SECURITY_HEADERS] = gate.security_headers(services)
    app.on_response_prepare.append(gate.set_security_headers)
    for endpoint in ENDPOINTS:
        app.router.add_route(endpoint.method, endpoint.path, web_handler(endpoint))
    app.router.add_get("/api/openapi.json", openapi)
    app.router.add_get("/livez", health.livez)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_get("/live", live, allow_head=False)
    app.router.add_post("/api/v1/bank/callbacks", take_callback)
    app.router.add_post("/api/v1/registrar/answers", take_answer)
    app.router.add_get("/api/v1/registrar/feed", pull, allow_head=False)
    app[RENDER_ERROR] = render_error
    add_pages(app)
    check_doors(app)
    return app


def check_doors(app: web.Application) -> None:
    """Let no application start with a door that nobody has a rule for.

    Raises:
        DoorsUnsound: it names the routes.
    """
    missing = [
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None
        and (route.method == hdrs.METH_ANY or find_door(route.method, route.resource.canonical) is None)
    ]
    if missing:
        raise DoorsUnsound(f"no row in gateway/permissions.py for {', '.join(missing)}")


async def openapi(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  # aiohttp's signature
    """Answer with the OpenAPI document."""
    return json_answer(document())


async def live(request: web.Request) -> web.StreamResponse:
    """Serve a live connection on this port, for networks that let only one port through."""
    return await fallback.live(request.app[SERVICES].live, request)
