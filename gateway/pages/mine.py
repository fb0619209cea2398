"""My bids, my receipts, my tokens."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from engine.evidence.receipts import receipt_document
from engine.journal.codec import decode_event
from engine.journal.digests import first_digest
from engine.journal.records import LOT_STREAM, Record, lot_of
from engine.rules.auction.events import BidAccepted, BidRejected
from engine.values import LotId, is_lot_id
from gateway.accounts.model import Scope
from gateway.agencies import records_of
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, origin_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services

BIDS_A_PAGE = 100
LATEST_US = 2**62


async def show_bids(request: web.Request) -> web.Response:
    """GET /me/bids: what I did, newest first, by lot."""
    services, caller = request.app[SERVICES], request[CALLER]
    before = request.query.get("before", "")
    before_us = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else LATEST_US
    records = await records_of(services, caller, before_us, BIDS_A_PAGE)
    bids = [bid for record in records if (bid := _own_bid(record)) is not None]
    lots = await services.hall.by_id(sorted({bid["lot"] for bid in bids}))
    leads = {}
    for lot_id in lots:
        state = services.engine.state(lot_id)
        leads[lot_id] = state is not None and caller.party_on(lot_id) in (state.winner, state.leader)
    more = records[-1].at_us if len(records) == BIDS_A_PAGE else None
    return page(request, "my_bids.html", bids=bids, lots=lots, leads=leads, more=more)


def _own_bid(record: Record) -> dict[str, Any] | None:
    if not record.stream.startswith(LOT_STREAM):
        return None
    event = decode_event(record.type, record.version, record.body)
    if not isinstance(event, BidAccepted | BidRejected):
        return None
    return {
        "lot": lot_of(record.stream),
        "seq": record.stream_seq,
        "at_us": record.at_us,
        "amount": event.amount,
        "maximum": event.maximum,
        "code": event.reject if isinstance(event, BidRejected) else None,
        "price": event.price if isinstance(event, BidAccepted) else None,
        "digest": record.digest.hex(),
    }


async def show_receipt(request: web.Request) -> web.Response:
    """GET /receipts/{lot}/{seq}: the receipt, or with ?file=1 the signed document to keep."""
    services = request.app[SERVICES]
    record, previous = await _own_record(request, services)
    document = receipt_document(record, previous, services.signing_key, services.config.market_name)
    if request.query.get("file"):
        name = f"receipt-{lot_of(record.stream)}-{record.stream_seq}.json"
        body = json.dumps(document, ensure_ascii=False, indent=1).encode()
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=body, content_type="application/json", headers=headers)
    lots = await services.hall.by_id([lot_of(record.stream)])
    return page(
        request,
        "receipt.html",
        document=document,
        own=_own_bid(record),
        record=record,
        hall_lot=lots.get(lot_of(record.stream)),
    )


async def _own_record(request: web.Request, services: Services) -> tuple[Record, bytes]:
    lot, seq = request.match_info["lot"], request.match_info["seq"]
    if not is_lot_id(lot) or not (seq.isascii() and seq.isdigit()) or len(seq) > 12:
        raise Refused(Code.NOT_FOUND)
    record = await services.reader.lot_event(LotId(lot), int(seq))
    if record is None or record.actor != request[CALLER].party_on(request.match_info["lot"]):
        raise Refused(Code.NOT_FOUND)
    before = await services.reader.lot_event(LotId(lot), int(seq) - 1)
    return record, first_digest(record.stream) if before is None else before.digest


async def show_tokens(request: web.Request) -> web.Response:
    """GET /me/tokens."""
    tokens = await request.app[SERVICES].accounts.tokens_of(request[CALLER].login_id)
    return page(request, "tokens.html", tokens=tokens, scopes=[scope.value for scope in Scope], made=None, code=None)


async def change_tokens(request: web.Request) -> web.Response:
    """POST /me/tokens: make one, or with `revoke` take one back."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    revoked = str(form.get("revoke", ""))
    if revoked:
        await services.accounts.revoke_token(caller.login_id, revoked, origin_of(request))
        return see_other("/me/tokens")
    made, code = None, None
    days = str(form.get("days", "90"))
    wanted = [Scope(scope) for scope in form.getall("scopes", []) if scope in set(Scope)]
    try:
        _, made = await services.accounts.create_token(
            caller.login_id, str(form.get("name", "")), wanted, int(days) if days.isdigit() else 0, origin_of(request)
        )
    except Refused as refused:
        code = refused.code.value
    tokens = await services.accounts.tokens_of(caller.login_id)
    return page(request, "tokens.html", tokens=tokens, scopes=[scope.value for scope in Scope], made=made, code=code)


ROUTES = [
    web.get("/me/bids", show_bids),
    web.get("/receipts/{lot}/{seq}", show_receipt),
    web.get("/me/tokens", show_tokens),
    web.post("/me/tokens", change_tokens),
]
