"""The rows of reference sheets, distribution, statistics and credit records in the table of endpoints."""

from __future__ import annotations

from typing import Final

from gateway.errors import Code
from gateway.http.api import benefits as b
from gateway.http.api import credit as c
from gateway.http.api import distribution as d
from gateway.http.api import statistics as s
from gateway.http.api.calls import Endpoint

V1: Final = "/api/v1"
_THERE: Final = (Code.NOT_FOUND,)
_UNIT: Final = (Code.FORBIDDEN, Code.MALFORMED, Code.WRONG_STATE)

BENEFIT_ENDPOINTS: Final = (
    Endpoint(
        "GET", f"{V1}/deals/{{deal}}/benefits", "Taxes and subsidies of a side, as a reference sheet", b.show, b.BenefitSheetView,
        b.BenefitQuery, (Code.NOT_FOUND, Code.MALFORMED, Code.UNAVAILABLE),
    ),
    Endpoint(
        "GET", f"{V1}/deals/{{deal}}/distribution", "Income of a deal and its rounds", d.of_deal, d.DealDistributionView, refuses=_THERE
    ),
    Endpoint(
        "POST", f"{V1}/deals/{{deal}}/distribution", "Propose the next round", d.propose, d.DealDistributionView, d.RoundWish,
        (*_THERE, *_UNIT),
    ),
    Endpoint("GET", f"{V1}/me/distribution", "Plans of one's own unit", d.own, d.PlansView, d.PlansQuery),
    Endpoint("GET", f"{V1}/me/distribution/policies", "Versions of the unit's policy", d.policies, d.PoliciesView),
    Endpoint(
        "POST", f"{V1}/me/distribution/policies", "Propose a version", d.propose_policy, d.PoliciesView, d.PolicyWish, _UNIT
    ),
    Endpoint(
        "POST", f"{V1}/me/distribution/policies/approval", "Put a version in force", d.approve_policy, d.PoliciesView,
        d.PolicyApprovalWish, (Code.FORBIDDEN, Code.WRONG_STATE),
    ),
    Endpoint("GET", f"{V1}/distribution/{{plan}}", "A plan and its history", d.one, d.PlanFileView, refuses=_THERE),
    Endpoint(
        "POST", f"{V1}/distribution/{{plan}}/acts", "Approve, send back, object, decide, note the payment", d.act, d.PlanView,
        d.PlanActWish, (*_THERE, *_UNIT),
    ),
    Endpoint("GET", f"{V1}/desk/statistics", "The market's tables", s.market, s.StatisticsView, s.StatisticsQuery, (Code.MALFORMED,)),
    Endpoint("GET", f"{V1}/me/report", "The yearly report of one's own unit", s.own, s.ReportView, s.ReportQuery, (Code.MALFORMED,)),
    Endpoint("GET", f"{V1}/me/credit", "Own credit records", c.own, c.CreditRecordsView, c.CreditQuery),
    Endpoint("GET", f"{V1}/credit/{{record}}", "A credit record and its history", c.one, c.CreditFileView, refuses=_THERE),
    Endpoint(
        "POST", f"{V1}/credit/{{record}}/acts", "Appeal, decide, write down repair", c.act, c.CreditRecordView, c.CreditActWish,
        (Code.NOT_FOUND, Code.FORBIDDEN, Code.WRONG_STATE),
    ),
    Endpoint("GET", f"{V1}/desk/credit", "Credit records by state", c.desk, c.CreditRecordsView, c.CreditDeskQuery),
    Endpoint(
        "POST", f"{V1}/desk/credit", "Record false documents", c.notice, c.CreditRecordView, c.CreditNoticeWish,
        (Code.MALFORMED, Code.WRONG_STATE),
    ),
)  # fmt: skip
