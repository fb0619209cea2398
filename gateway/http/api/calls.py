"""The shape of an endpoint: a row that says what it takes, gives and refuses, and a plain function; the rest is done here once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ValidationError

from engine.evidence.receipts import Outcome, Receipt
from engine.rules.rejections import Reject
from engine.values import LotId, is_lot_id
from gateway.accounts.audit import Origin
from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.http.answers import json_answer, problem
from gateway.http.api.views import CommandView, command_view
from gateway.http.api.wishes import Query
from gateway.http.asking import ERROR_CODE, caller_of, origin_of
from gateway.http.commands import outcome_of
from gateway.http.uploads import Upload, no_upload, upload_of
from gateway.services import SERVICES, Services

FIELDS_MAX: Final = 10
"""Wrong fields named in an answer."""


class RefusedByEngine(Exception):
    """The engine refused the command; the receipt says why and where it is on record."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.code)
        self.receipt = receipt


@dataclass(frozen=True)
class Call:
    """One request to the interface: who, where in the path, with which services."""

    services: Services
    caller: Caller
    origin: Origin
    path: Mapping[str, str]
    upload: Callable[[int], Awaitable[Upload]] = no_upload
    """Gives the file of a multipart form of at most so many bytes; on the routes of `uploads.STREAMED`."""

    @property
    def lot_id(self) -> LotId:
        """The lot in the path.

        Raises:
            Refused: NO_SUCH_LOT: it cannot be one.
        """
        if not is_lot_id(self.path["lot"]):
            raise Refused(Reject.NO_SUCH_LOT)
        return LotId(self.path["lot"])


@dataclass(frozen=True)
class Endpoint:
    """One row of the interface. `takes` is read from the query for GET and from the body otherwise."""

    method: str
    path: str
    summary: str
    handler: Callable[..., Awaitable[Any]]
    gives: Any
    takes: type[BaseModel] | None = None
    refuses: tuple[Code | Reject, ...] = ()


def web_handler(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of an endpoint: parse, call, answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        upload = partial(upload_of, request)
        call = Call(request.app[SERVICES], caller_of(request), origin_of(request), request.match_info, upload)
        arguments = () if endpoint.takes is None else (await _read(request, endpoint.takes),)
        try:
            return json_answer(await endpoint.handler(call, *arguments))
        except RefusedByEngine as refused:
            return _refusal_on_record(request, refused.receipt)

    return handle


def accepted_view(receipt: Receipt) -> CommandView:
    """Return the view of an accepted command.

    Raises:
        RefusedByEngine: it was not accepted.
    """
    if receipt.decision is not Outcome.ACCEPTED:
        raise RefusedByEngine(receipt)
    return command_view(receipt, id_text(receipt))


def id_text(receipt: Receipt) -> str:
    """Return the command id of a receipt as its client wrote it."""
    assert receipt.command_id is not None, "commands of clients have ids"
    return str(UUID(bytes=receipt.command_id))


async def _read(request: web.Request, model: type[BaseModel]) -> BaseModel:
    try:
        if issubclass(model, Query):
            return model.model_validate(dict(request.query))
        if request.content_type != "application/json":
            raise Refused(Code.MALFORMED, fields="content-type")
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        places = [".".join(map(str, e["loc"])) or "body" for e in error.errors(include_url=False, include_input=False)]
        raise Refused(Code.MALFORMED, fields=", ".join(dict.fromkeys(places[:FIELDS_MAX]))) from None


def _refusal_on_record(request: web.Request, receipt: Receipt) -> web.Response:
    """Answer a refused command; the same for every sending of the same id, so its id stands where the request's would."""
    code = request[ERROR_CODE] = outcome_of(receipt)
    digest = None if receipt.digest is None else receipt.digest.hex()
    return problem(
        code,
        id_text(receipt),
        receipt.data,
        lot=receipt.subject_id,
        seq=receipt.seq,
        at_us=receipt.at_us,
        digest=digest,
    )
