"""The part of the interface's table that is about notices: reading, preparing, and one row for each act."""

from __future__ import annotations

from typing import Final

from engine.rules.rejections import Reject
from gateway.errors import Code
from gateway.http.api import notice_views as nv
from gateway.http.api import notice_wishes as nw
from gateway.http.api import notices, wishes
from gateway.http.api.calls import Endpoint

V1: Final = "/api/v1"

_ASKED: Final = (Reject.COMMAND_ID_REUSED, Reject.IN_DOUBT, Reject.BUSY)
_NOTICE: Final = (Reject.NO_SUCH_NOTICE, Reject.LOT_UNREADABLE)
_ACT: Final = (
    *_ASKED, *_NOTICE, Code.FORBIDDEN, Reject.WRONG_PHASE, Reject.OBJECTION_OPEN, Reject.REASON_REQUIRED,
    Reject.PERSONAL_DATA,
)  # fmt: skip
_CONTENT: Final = (
    *_ACT, Code.NOT_FOUND, Code.CONFLICT_OF_INTEREST, Reject.DECLARATION_MISSING, Reject.RELATED_NOT_MARKED,
    Reject.SELLER_MAY_NOT_BUY, Reject.FOREIGN_BLOCKED, Reject.TERMS_INVALID,
)  # fmt: skip
_CHANGE: Final = (*_CONTENT, Reject.NOTICE_FULL, Reject.NOTHING_CHANGED)
_APPROVE: Final = (
    *_ACT, Reject.NO_SUCH_BODY, Reject.ALREADY_APPROVED, Reject.APPLICANT_MAY_NOT_APPROVE, Reject.INTERESTED_PERSON,
    Reject.DECLARATION_MISSING, Reject.MINUTES_MISSING,
)  # fmt: skip
_OBJECTION: Final = (*_ACT, Code.NOT_FOUND, Reject.NO_SUCH_OBJECTION)

_ACTS: Final = (
    ("resubmit", "Hand in again", notices.resubmit, nw.NoticeAgainWish, _CONTENT),
    ("approve", "Approve for one body", notices.approve, nw.ApproveWish, _APPROVE),
    ("return", "Back to the applicant", notices.send_back, wishes.ReasonWish, _ACT),
    ("publish", "Begin the period", notices.publish, nw.PlainWish, (*_ACT, Reject.VALUATION_EXPIRED)),
    (
        "correct", "Put a slip of the pen right", notices.correct, nw.TypoWish,
        (*_ACT, Reject.NOT_A_TYPO, Reject.NOTHING_CHANGED, Reject.NOTICE_FULL, Reject.TERMS_INVALID),
    ),
    ("revise", "Revise: approved and published again", notices.revise, nw.NoticeChangeWish, _CHANGE),
    ("withdraw", "Give the agreement up", notices.withdraw, wishes.ReasonWish, _ACT),
    ("confirm", "Conclude the agreement", notices.confirm, nw.PlainWish, (*_ACT, Reject.VALUATION_EXPIRED)),
    ("contract", "Record the contract", notices.contract, nw.ContractWish, _ACT),
    ("archive", "Close the file", notices.archive, nw.PlainWish, _ACT),
    ("terminate", "End it", notices.terminate, wishes.ReasonWish, _ACT),
    ("gaps", "Record that the public page was away", notices.record_gap, nw.GapWish, (*_ACT, Reject.NOTHING_CHANGED)),
    (
        "objections/{no}/receive", "Take an objection up, or not", notices.receive, nw.ReceiveWish,
        (*_OBJECTION, Reject.INTERESTED_PERSON),
    ),
    (
        "objections/{no}/panel", "Name who decides", notices.name_panel, nw.PanelWish,
        (*_OBJECTION, Reject.INTERESTED_PERSON, Reject.PANEL_TOO_SMALL, Reject.TERMS_INVALID),
    ),
    (
        "objections/{no}/extend", "Extend the decision once", notices.extend, wishes.ReasonWish,
        (*_OBJECTION, Reject.ALREADY_EXTENDED),
    ),
    (
        "objections/{no}/decide", "The panel's decision", notices.decide, nw.RulingWish,
        (*_OBJECTION, Reject.PANEL_MISSING),
    ),
)  # fmt: skip

NOTICE_ENDPOINTS: Final = (
    Endpoint("GET", f"{V1}/notices", "Search notices of agreements", notices.notices, nv.PublicityView, nw.PublicityQuery),
    Endpoint(
        "POST", f"{V1}/notices", "Hand a notice in", notices.submit, nv.NoticeCommandView, nw.SubmitNoticeWish,
        (*_CONTENT, Code.PARTY_NOT_VERIFIED, Reject.NOTICE_EXISTS),
    ),
    Endpoint(
        "GET", f"{V1}/notices/{{notice}}", "One notice as it stands now", notices.notice, nv.NoticeView, refuses=_NOTICE
    ),
    Endpoint(
        "POST", f"{V1}/notices/{{notice}}/objections", "Object", notices.file_objection, nv.PreparedObjectionView,
        nw.ObjectionWish,
        (
            *_ASKED, *_NOTICE, Code.CONFLICT, Reject.ENDED, Reject.ALREADY_OBJECTED, Reject.NOTICE_FULL,
            Reject.TERMS_INVALID,
        ),
    ),
    Endpoint("GET", f"{V1}/me/publicity", "Own notices of agreements", notices.own, nv.OwnNoticesView),
    Endpoint("GET", f"{V1}/me/ladder", "Own ladder of approvals, with its history", notices.ladder, nv.LaddersView),
    Endpoint(
        "POST", f"{V1}/me/ladder", "Put another ladder in force", notices.set_ladder, nv.LaddersView, nw.LadderWish,
        (Code.FORBIDDEN, Code.CONFLICT),
    ),
    Endpoint("GET", f"{V1}/desk/publicity", "What waits for the handling desk", notices.queues, nv.NoticeQueuesView),
    *(
        Endpoint("POST", f"{V1}/notices/{{notice}}/{act}", summary, handler, nv.NoticeCommandView, wish, refuses)
        for act, summary, handler, wish, refuses in _ACTS
    ),
)  # fmt: skip
