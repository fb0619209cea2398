"""The rows of contracts and registrations in the table of endpoints."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import Code
from gateway.http.api import contracts as c
from gateway.http.api import registrations as r
from gateway.http.api.calls import Endpoint
from gateway.http.api.views import DoneView

V1: Final = "/api/v1"
_OWN: Final = (Code.NOT_FOUND, Code.FORBIDDEN, Code.WRONG_STATE, Code.CONFLICT, Code.MALFORMED)

REGISTRATION_ENDPOINTS: Final = (
    Endpoint("GET", f"{V1}/registration-schema", "The JSON Schema of packages", r.package_schema, dict[str, Any]),
    Endpoint("GET", f"{V1}/me/registrations", "Own registrations", r.own, r.RegistrationsView, r.RegistrationsQuery),
    Endpoint(
        "GET", f"{V1}/registrations/{{id}}", "A registration with form and findings", r.one, r.RegistrationFileView,
        refuses=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "GET", f"{V1}/registrations/{{id}}/package", "The registration package", r.package, dict[str, Any],
        refuses=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "POST", f"{V1}/registrations/{{id}}/answers", "Answer what is missing", r.answer, r.RegistrationFileView, r.AnswersWish, _OWN
    ),
    Endpoint(
        "POST", f"{V1}/registrations/{{id}}/submit", "Hand it in", r.submit, r.RegistrationView, r.SubmitWish,
        (*_OWN, Code.RECORD_INCOMPLETE),
    ),
    Endpoint(
        "POST", f"{V1}/registrations/{{id}}/objection", "Object to a decision", r.object_to, r.RegistrationView, r.ObjectionWish, _OWN
    ),
    Endpoint(
        "POST", f"{V1}/registrations/{{id}}/acts", "Check, review, register, refuse, change, revoke", r.act, r.RegistrationView,
        r.RegistrarActWish, _OWN,
    ),
    Endpoint(
        "GET", f"{V1}/contracts/{{id}}", "A contract as text", r.contract, r.ContractView, refuses=(Code.NOT_FOUND,)
    ),
    Endpoint(
        "POST", f"{V1}/contracts/{{id}}/changes", "Record an agreed change", c.change, r.ContractView, c.ContractChangeWish, _OWN
    ),
    Endpoint("POST", f"{V1}/contracts/{{id}}/end", "Record the end of a contract", c.end, r.ContractView, c.ContractEndWish, _OWN),
    Endpoint(
        "GET", f"{V1}/desk/registrations", "A queue of the registrar's desk", r.queue, r.RegistrationsView, r.RegistrarQueueQuery
    ),
    Endpoint("GET", f"{V1}/desk/registrar-feed", "What an outside system has not taken", r.feed, r.FeedView),
    Endpoint(
        "POST", f"{V1}/desk/registrar-feed/{{message}}/requeue", "Send a dead letter again", r.requeue, DoneView,
        refuses=(Code.NOT_FOUND,),
    ),
)  # fmt: skip
