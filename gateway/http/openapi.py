"""The OpenAPI 3.1 document, made from the table of endpoints, their models, the doors and the errors; nothing in it is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from engine.rules.auction.formats.terms import SessionTerms
from engine.rules.rejections import Retry
from gateway import __version__
from gateway.doors import Door
from gateway.errors import ERRORS, Code, status_of
from gateway.http.answers import PROBLEM
from gateway.http.api.calls import Endpoint
from gateway.http.api.endpoints import ENDPOINTS
from gateway.http.api.listing_wishes import LISTING_PATTERN
from gateway.http.api.notice_wishes import NOTICE_PATTERN
from gateway.http.api.parties import PARTY_PATTERN
from gateway.http.api.wishes import LOT_PATTERN, SHAPE, Query
from gateway.http.uploads import STREAMED
from gateway.permissions import find_door

REF: Final = "#/components/schemas/"
_PARAMETER = re.compile(r"\{(\w+)\}")
_PATTERNS: Final = {
    "lot": LOT_PATTERN,
    "listing": LISTING_PATTERN,
    "notice": NOTICE_PATTERN,
    "party": PARTY_PATTERN,
    "no": r"^[0-9]{1,6}$",
    "seq": r"^[0-9]{1,16}$",
    "day": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
}
_DESCRIPTIONS: Final = {
    "request": "Id of a request to void.",
    "number": "Number of an evidence file.",
    "lot": "Name of the lot.",
    "listing": "Name of the listing.",
    "notice": "Name of the notice.",
    "party": "Id of the party.",
    "no": "Number of the application, offer, notice or deal.",
    "seq": "Place in the lot's record.",
    "id": "Id of the command, token, achievement or other thing named before it.",
    "file": "Id of the file.",
    "day": "Day, Chinese time.",
    "order": "Id of the order to the bank.",
    "message": "Id of the message.",
    "deal": "Id of the deal.",
    "plan": "Id of the plan of distribution.",
    "record": "Id of the credit record.",
}


class ProblemDetails(msgspec.Struct, frozen=True):
    """An error (RFC 9457). `code` decides, the rest explains."""

    type: str
    title: str
    status: int
    code: str
    retry: Retry
    data: dict[str, str | int]
    request_id: str
    lot: str | None = None
    seq: int | None = None
    """Where the refusal is on record; null if it is not."""
    at_us: int | None = None
    digest: str | None = None


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ortoo",
            "version": __version__,
            "summary": "The online trading engine of a technology market",
            "description": "Amounts are strings of digits in minor units (fen). Instants are microseconds since 1970."
            " A command carries an id made by the client; sent again with the same id it is answered the same.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the account, with its scopes.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "ortoo_session"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def refusals(endpoint: Endpoint, door: Door) -> list[str]:
    """Return every code that the endpoint can answer with, in order of precedence."""
    found: set[str] = {Code.UNAVAILABLE, Code.RATE_LIMITED, Code.UNAUTHENTICATED, Code.INTERNAL, *endpoint.refuses}
    if door.changes:
        found |= {Code.DRAINING, Code.ORIGIN_REFUSED, Code.CSRF_FAILED, Code.TOO_LARGE}
    if door.who != frozenset() and None not in door.who:
        found.add(Code.FORBIDDEN)
    if endpoint.takes is not None:
        found.add(Code.MALFORMED)
    return [code for code in ERRORS if code in found]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    door = find_door(endpoint.method, endpoint.path)
    assert door is not None, f"no door for {endpoint.path}"
    roles = sorted("anonymous" if role is None else role.value for role in door.who)
    scope = f"Token scope: `{door.scope.value}`." if door.scope else "Not open to tokens."
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.handler.__module__.rpartition('.')[2]}_{endpoint.handler.__name__}",
        "summary": endpoint.summary,
        "description": f"{(endpoint.handler.__doc__ or '').strip()}\n\nWho: {', '.join(roles)}. {scope}",
        "parameters": _parameters(endpoint),
        "responses": {"200": _answer(endpoint), **_problems(refusals(endpoint, door))},
        "security": _security(door),
    }
    if endpoint.takes is not None and not issubclass(endpoint.takes, Query):
        schema = {"$ref": REF + endpoint.takes.__name__}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if endpoint.path in STREAMED:
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        form = {"multipart/form-data": {"schema": {"type": "object", "properties": {"file": file}}}}
        operation["requestBody"] = {"required": True, "content": form}
    return operation


def _security(door: Door) -> list[dict[str, list[str]]]:
    ways: list[dict[str, list[str]]] = [{}] if None in door.who else []
    if door.scope is not None:
        ways.append({"token": []})
    ways.append({"session": [], "csrf": []} if door.changes else {"session": []})
    return ways


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in _PARAMETER.findall(endpoint.path):
        schema = {"type": "string", **({"pattern": _PATTERNS[name]} if name in _PATTERNS else {})}
        found.append(
            {"name": name, "in": "path", "required": True, "description": _DESCRIPTIONS[name], "schema": schema}
        )
    if endpoint.takes is not None and issubclass(endpoint.takes, Query):
        for name, schema in endpoint.takes.model_json_schema(ref_template=REF + "{model}")["properties"].items():
            description = schema.pop("description", "")
            found.append({"name": name, "in": "query", "required": False, "description": description, "schema": schema})
    return found


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([endpoint.gives], ref_template=REF + "{name}")
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _problems(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(status_of(code)), []).append(code)
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in found),
            "content": {
                PROBLEM: {
                    "schema": {"allOf": [{"$ref": REF + "ProblemDetails"}, {"properties": {"code": {"enum": found}}}]},
                }
            },
        }
        for status, found in sorted(by_status.items())
    }


def _schemas() -> dict[str, Any]:
    wishes: list[type[BaseModel]] = [e.takes for e in ENDPOINTS if e.takes is not None]
    _, incoming = models_json_schema([(model, "validation") for model in wishes], ref_template=REF + "{model}")
    _, outgoing = msgspec.json.schema_components(
        [ProblemDetails, SessionTerms, *(e.gives for e in ENDPOINTS)], ref_template=REF + "{name}"
    )
    outgoing = msgspec.json.decode(msgspec.json.encode(outgoing))  # defaults may be tuples; the document is JSON
    definitions: dict[str, Any] = incoming["$defs"]
    for name in definitions.keys() & outgoing.keys():
        # Only enumerations are used in both directions, and they are the same class.
        assert sorted(definitions[name]["enum"]) == sorted(outgoing[name]["enum"]), f"two schemas named {name}"
    for schema in definitions.values():
        for name, field in schema.get("properties", {}).items():
            if SHAPE in field:
                schema["properties"][name] = {"$ref": REF + field[SHAPE]}
    queries = {model.__name__ for model in wishes if issubclass(model, Query)}
    return {n: s for n, s in sorted({**definitions, **outgoing}.items()) if n not in queries}


def all_refusals() -> set[str]:
    """Return every code that some endpoint can answer with."""
    return {code for e in ENDPOINTS if (door := find_door(e.method, e.path)) for code in refusals(e, door)}
