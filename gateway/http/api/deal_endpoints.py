"""The part of the interface's table that is about deals and the books."""

from __future__ import annotations

from typing import Final

from gateway.errors import Code
from gateway.http.api import deals
from gateway.http.api.calls import Endpoint

V1: Final = "/api/v1"

DEAL_ENDPOINTS: Final = (
    Endpoint("GET", f"{V1}/me/deals", "Own deals", deals.own, deals.DealsView, deals.DealsQuery),
    Endpoint("GET", f"{V1}/deals/{{deal}}", "A deal", deals.one, deals.DealView, refuses=(Code.NOT_FOUND,)),
    Endpoint(
        "GET", f"{V1}/deals/{{deal}}/events", "What happened to a deal", deals.events, deals.DealEventsView,
        deals.DealEventsQuery, (Code.NOT_FOUND,),
    ),
    Endpoint(
        "POST", f"{V1}/deals/{{deal}}/acts", "Sign, hand over, accept, report, decide, ...", deals.act, deals.DealView,
        deals.DealActWish, (Code.NOT_FOUND, Code.FORBIDDEN, Code.MALFORMED, Code.WRONG_STATE),
    ),
    Endpoint("GET", f"{V1}/desk/deals", "Deals that wait", deals.queue, deals.DealsView, deals.DealQueueQuery),
    Endpoint("GET", f"{V1}/me/statement", "Own statement", deals.statement, deals.LedgerLinesView, deals.StatementQuery),
    Endpoint(
        "GET", f"{V1}/desk/ledger", "The trial balance", deals.trial_balance, deals.TrialBalanceView, deals.TrialBalanceQuery
    ),
)  # fmt: skip
