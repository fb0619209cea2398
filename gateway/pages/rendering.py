"""Rendering: Jinja2 templates with the few things every page needs. A template decides nothing."""

from __future__ import annotations

import mimetypes
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine import money_words
from gateway import formatting
from gateway.http.asking import CALLER, csrf_token
from gateway.http.inbox import UNREAD
from gateway.pages import codes
from gateway.pages.i18n import LOCALES, language_of, translate

STATIC: Final = Path(__file__).parent.parent / "static"
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(
    when=formatting.when,
    until=formatting.until,
    iso=formatting.iso,
    money=formatting.money,
    local_value=formatting.local_value,
    in_chinese=money_words.in_chinese,
    in_english=money_words.in_english,
    fields=codes.FIELDS,
    regions=codes.REGIONS,
    region_tree=codes.REGION_TREE,
    languages=tuple(LOCALES),
)


@cache
def static_digest() -> str:
    """Return the digest of the whole tree of static files: it stands in their addresses, so they are kept for ever."""
    digest = sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(STATIC)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def static_url(name: str) -> str:
    """Return the address of a static file."""
    return f"/static/{static_digest()}/{name}"


async def static_file(request: web.Request) -> web.StreamResponse:
    """GET /static/<digest>/<name>."""
    digest, _, name = request.match_info["path"].partition("/")
    path = (STATIC / name).resolve()
    if not path.is_relative_to(STATIC.resolve()) or not path.is_file():
        raise web.HTTPNotFound
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    current = digest == static_digest()
    response = web.Response(
        body=path.read_bytes(), content_type=kind, charset="utf-8" if kind.startswith("text/") else None
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if current else "no-cache"
    return response


def render(template: str, language: str, **context: Any) -> str:
    """Render a template in a language, with nothing in it that belongs to one visitor."""
    return _TEMPLATES.get_template(template).render(
        t=partial(translate, language),
        language=language,
        html_language="zh-CN" if language == "zh" else "en",
        static=static_url,
        duration=lambda us: formatting.duration(us, language),
        field_name=lambda code: codes.field_name(code, language),
        region_name=lambda code: codes.region_name(code, language),
        pick=lambda chinese, english: (english or chinese) if language == "en" else (chinese or english),
        **context,
    )


def page(request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
    """Render a template in the visitor's language, with his name, forms and notices on it."""
    caller = request[CALLER]
    text = render(
        template,
        language_of(request),
        caller=caller,
        role=None if caller.role is None else caller.role.value,
        csrf=csrf_token(request),
        path=request.path,
        here=request.path_qs,
        unread=request.get(UNREAD, 0),
        **context,
    )
    return web.Response(text=text, status=status, content_type="text/html")


def see_other(address: str) -> web.Response:
    """Send the browser on after a form."""
    return web.Response(status=303, headers={"Location": address})


def own_path(text: str, otherwise: str = "/") -> str:
    """Return an address of this site to go on to; anything else is not followed."""
    safe = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if safe else otherwise
