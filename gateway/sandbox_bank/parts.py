"""What the sandbox bank's handlers need, and how they answer programs."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from gateway.sandbox_bank.books import Books
from gateway.sandbox_bank.sending import Sender


class Parts(Struct, frozen=True):
    """The parts of a running sandbox bank."""

    books: Books
    sender: Sender
    secret: bytes
    nonces: OrderedDict[str, None]
    """Nonces of the market seen lately."""


PARTS: Final = web.AppKey("parts", Parts)


def answer(value: Any, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
