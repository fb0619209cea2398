"""The OpenAPI document: valid, complete, and true of what the market answers."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from engine.rules.auction import commands as c
from engine.rules.auction import terms as t
from engine.values import Amount, DurationUs, InstantUs
from gateway.accounts.model import Role, Scope
from gateway.http.api import wishes
from gateway.http.api.endpoints import ENDPOINTS
from gateway.http.openapi import document, refusals
from gateway.permissions import find_door
from tests.gateway.conftest import Town, wish

OPERATIONS = [(path, method, op) for path, methods in document()["paths"].items() for method, op in methods.items()]


def test_it_is_valid_openapi():
    validate(document())
    assert document()["openapi"].startswith("3.1")


def test_every_endpoint_is_in_it():
    assert {(method.upper(), path) for path, method, _ in OPERATIONS} == {(e.method, e.path) for e in ENDPOINTS}
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_every_operation_says_what_it_does_who_may_and_how_it_fails(endpoint):
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]
    door = find_door(endpoint.method, endpoint.path)
    assert door is not None
    assert operation["summary"]
    assert "Who: " in operation["description"]
    for role in door.who:
        assert (role.value if role else "anonymous") in operation["description"]
    told = {code for answer in operation["responses"].values() for code in _codes(answer)}
    assert told == set(refusals(endpoint, door))
    assert (door.scope is not None) == ({"token": []} in operation["security"])


def _codes(answer: dict[str, Any]) -> list[str]:
    problem = answer["content"].get("application/problem+json")
    return [] if problem is None else problem["schema"]["allOf"][1]["properties"]["code"]["enum"]


def test_wishes_have_the_fields_of_the_engine():
    """A term that the engine learns must be settable from outside, or be named here as the publisher's own."""
    own = {"format", "rule_version", "code_seed", "events_max"}
    assert set(t.Terms.__struct_fields__) - own == set(wishes.TermsWish.model_fields)
    assert set(t.Closing.__struct_fields__) == set(wishes.ClosingWish.model_fields)
    assert set(c.Subject.__struct_fields__) == set(wishes.SubjectWish.model_fields)


def test_wishes_have_the_defaults_of_the_engine():
    terms = wishes.TermsWish.model_validate_json(
        '{"closing":{"opens_at_us":5,"first_bid_clock_us":7},"increment":{"kind":"fixed","step":"3"},"start_price":"9"}'
    ).terms()
    assert terms == t.Terms(
        closing=t.Closing(opens_at_us=InstantUs(5), first_bid_clock_us=DurationUs(7)),
        increment=t.FixedIncrement(Amount(3)),
        start_price=Amount(9),
    )


async def test_answers_are_what_the_document_says(town: Town):
    anyone, bidder, operator = await town.person(None), await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    lot = await town.lot()
    bid = wish(amount="1000")
    base = "/api/v1/lots"
    calls = [
        (anyone, "GET", "/api/v1/key", None),
        (anyone, "GET", base, None),
        (anyone, "GET", f"{base}/{{lot}}", None),
        (bidder, "POST", f"{base}/{{lot}}/admission", wish()),
        (bidder, "POST", f"{base}/{{lot}}/bids", bid),
        (bidder, "POST", f"{base}/{{lot}}/bids", wish(amount="1")),
        (bidder, "GET", f"{base}/{{lot}}", None),
        (bidder, "GET", f"{base}/{{lot}}/commands/{bid['id']}", None),
        (anyone, "GET", f"{base}/{{lot}}/events", None),
        (anyone, "GET", f"{base}/{{lot}}/chain", None),
        (operator, "GET", f"{base}/{{lot}}/bidders", None),
        (operator, "POST", f"{base}/{{lot}}/pause", wish(reason="power")),
        (operator, "POST", f"{base}/{{lot}}/resume", wish(reason="power is back")),
        (operator, "POST", f"{base}/{{lot}}/withdraw", wish(reason="too late for that")),
        (bidder, "GET", "/api/v1/me", None),
        (bidder, "GET", "/api/v1/me/bids", None),
        (bidder, "POST", "/api/v1/tokens", {"name": "a", "scopes": ["read"]}),
        (bidder, "GET", "/api/v1/tokens", None),
        (operator, "POST", "/api/v1/rules/preview", {"terms": _terms()}),
        (anyone, "GET", "/api/v1/me", None),
    ]
    for person, method, template, body in calls:
        status, answer = await person.send(method, template.format(lot=lot), body)
        _assert_as_documented(method, template.replace(bid["id"], "{id}"), status, answer)


def _terms() -> dict[str, Any]:
    return {
        "closing": {"opens_at_us": 5, "first_bid_clock_us": 7},
        "increment": {"kind": "fixed", "step": "3"},
        "start_price": "9",
    }


def _assert_as_documented(method: str, path: str, status: int, answer: dict[str, Any]) -> None:
    described = document()["paths"][path][method.lower()]["responses"]
    assert str(status) in described, (method, path, status, answer)
    (media,) = described[str(status)]["content"].values()
    schema = {**media["schema"], "components": document()["components"]}
    errors = [error.message for error in OAS31Validator(schema).iter_errors(answer)]
    assert errors == [], (method, path)


def test_tokens_have_the_documented_scopes():
    scopes = document()["components"]["schemas"]["Scope"]["enum"]
    assert set(scopes) == {scope.value for scope in Scope}
