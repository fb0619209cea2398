"""The table of the REST interface. Routes, documentation and tests are made from it; who may use what stands in gateway/permissions.py."""

from __future__ import annotations

from typing import Any, Final

from engine.catalogue.importing.jobs import Job
from engine.catalogue.needs.store import PublicNeed
from engine.catalogue.search.saved import SavedSearch
from engine.catalogue.search.searching import Results
from engine.rules.rejections import Reject
from gateway.errors import Code
from gateway.http.api import achievements as ach
from gateway.http.api import catalogue as cat
from gateway.http.api import deposits, desk, evidence, market, own, parties, wishes
from gateway.http.api import views as v
from gateway.http.api.bank import BANK_ENDPOINTS
from gateway.http.api.benefit_endpoints import BENEFIT_ENDPOINTS
from gateway.http.api.calls import Endpoint
from gateway.http.api.deal_endpoints import DEAL_ENDPOINTS
from gateway.http.api.format_endpoints import FORMAT_ENDPOINTS
from gateway.http.api.listing_endpoints import LISTING_ENDPOINTS
from gateway.http.api.notice_endpoints import NOTICE_ENDPOINTS
from gateway.http.api.pricing import PRICING_ENDPOINTS
from gateway.http.api.registration_endpoints import REGISTRATION_ENDPOINTS

_ASKED: Final = (Reject.COMMAND_ID_REUSED, Reject.IN_DOUBT, Reject.BUSY)
_LOT: Final = (Reject.NO_SUCH_LOT, Reject.LOT_UNREADABLE)
_BID: Final = (
    *_ASKED, *_LOT, Reject.NOT_STARTED, Reject.PAUSED, Reject.LATE, Reject.ENDED, Reject.SELLER_MAY_NOT_BID,
    Reject.NOT_ADMITTED, Reject.LOT_FULL, Reject.FREE_BID_REQUIRED, Reject.AMOUNT_MISSING, Reject.AMOUNT_OUT_OF_RANGE,
    Reject.PROXY_NOT_ALLOWED, Reject.MAXIMUM_BELOW_AMOUNT, Reject.ALREADY_LEADING, Reject.MAXIMUM_UNCHANGED,
    Reject.MAXIMUM_NOT_LOWERABLE, Reject.MAXIMUM_BELOW_PRICE, Reject.BID_BELOW_MINIMUM, Reject.NOT_A_MULTIPLE,
    Reject.JUMP_NEEDS_CONFIRMATION,
)  # fmt: skip
_ACT: Final = (*_ASKED, *_LOT, Reject.WRONG_PHASE, Reject.REASON_REQUIRED)
_ADMIT: Final = (*_ASKED, *_LOT, Reject.ENDED, Reject.SELLER_MAY_NOT_BID, Reject.LOT_FULL)

_THERE: Final = (Code.NOT_FOUND,)

_DEPOSIT: Final = (Code.NOT_FOUND, Code.MALFORMED, Code.WRONG_STATE)

V1: Final = "/api/v1"

ENDPOINTS: Final = (
    *PRICING_ENDPOINTS,
    *BANK_ENDPOINTS,
    *DEAL_ENDPOINTS,
    *BENEFIT_ENDPOINTS,
    *LISTING_ENDPOINTS,
    Endpoint(
        "POST", f"{V1}/evidence", "Ask for the evidence file of a deal", evidence.ask, evidence.EvidenceFileView,
        evidence.EvidenceWish, (Code.NOT_FOUND, Code.WRONG_STATE, Code.RATE_LIMITED),
    ),
    Endpoint(
        "GET", f"{V1}/evidence/{{number}}", "How far an evidence file is", evidence.show, evidence.EvidenceFileView,
        refuses=_THERE,
    ),
    *FORMAT_ENDPOINTS,
    *NOTICE_ENDPOINTS,
    *REGISTRATION_ENDPOINTS,
    Endpoint("GET", f"{V1}/me/party", "The party for which the account acts", parties.own, parties.OwnPartyView),
    Endpoint(
        "POST", f"{V1}/me/party", "Register or change a party", parties.register, parties.OwnPartyView, parties.PartyWish,
        (Code.CONFLICT, Code.FORBIDDEN),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/submit", "Hand the identity in", parties.submit, parties.OwnPartyView,
        refuses=(Code.CONFLICT, Code.FORBIDDEN, Code.NOT_FOUND),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/bank-account", "Set the own bank account", parties.set_bank_account, parties.OwnPartyView,
        parties.BankAccountWish, (Code.FORBIDDEN, Code.PARTY_NOT_VERIFIED),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/invitations", "Invite a colleague", parties.invite, parties.InvitationView,
        parties.InvitationWish, (Code.CONFLICT, Code.FORBIDDEN),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/accept", "Join an organisation", parties.accept, parties.OwnPartyView, parties.AcceptWish,
        (Code.CONFLICT, Code.NOT_FOUND),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/members", "Set a colleague's roles", parties.set_member, parties.OwnPartyView,
        parties.MemberWish, (Code.CONFLICT, Code.FORBIDDEN, Code.NOT_FOUND),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/relations", "Declare a relation", parties.declare, parties.OwnPartyView,
        parties.RelationWish,
    ),
    Endpoint(
        "POST", f"{V1}/me/party/agents", "Name an agent", parties.name_agent, parties.OwnPartyView, parties.AgentWish,
        (Code.CONFLICT, Code.FORBIDDEN, Code.PARTY_NOT_VERIFIED),
    ),
    Endpoint(
        "POST", f"{V1}/me/party/broker", "Ask to be a broker", parties.ask_broker, parties.OwnPartyView,
        refuses=(Code.PARTY_NOT_VERIFIED,),
    ),
    Endpoint("GET", f"{V1}/desk/parties", "Find parties", parties.find, parties.PartiesView, parties.FindQuery),
    Endpoint("GET", f"{V1}/desk/parties/waiting", "Identities to check", parties.waiting, parties.PartiesView),
    Endpoint(
        "POST", f"{V1}/desk/parties/{{party}}", "Decide on an identity", parties.decide, parties.PartyView,
        parties.RealNameWish, (Code.CONFLICT, Code.NOT_FOUND),
    ),
    Endpoint(
        "POST", f"{V1}/desk/parties/{{party}}/broker", "Decide on a broker", parties.decide_broker, v.DoneView,
        parties.BrokerWish,
    ),
    Endpoint("GET", f"{V1}/desk/agents", "Agents to confirm", parties.agents_waiting, parties.AgenciesView),
    Endpoint(
        "POST", f"{V1}/desk/agents", "Confirm an agent", parties.confirm_agent, v.DoneView, parties.ConfirmAgentWish,
        (Code.NOT_FOUND, Code.WRONG_STATE),
    ),
    Endpoint("GET", f"{V1}/key", "The market's public key", market.key, v.KeyView),
    Endpoint("GET", f"{V1}/lots", "Search the hall", market.lots, v.LotsView, wishes.LotsQuery),
    Endpoint(
        "POST", f"{V1}/lots", "Publish a lot", desk.publish, v.CommandView, wishes.PublishWish,
        (*_ASKED, Reject.LOT_EXISTS, Reject.TERMS_INVALID),
    ),
    Endpoint("GET", f"{V1}/lots/{{lot}}", "One lot as it stands now", market.lot, v.LotView, refuses=_LOT),
    Endpoint(
        "GET", f"{V1}/lots/{{lot}}/events", "A page of a lot's public record", market.events, v.EventsView,
        wishes.EventsQuery, _LOT,
    ),
    Endpoint(
        "GET", f"{V1}/lots/{{lot}}/chain", "The public digest chain of a lot", market.chain, dict[str, Any], refuses=_LOT
    ),
    Endpoint("POST", f"{V1}/lots/{{lot}}/bids", "Place a bid", market.place_bid, v.CommandView, wishes.BidWish, _BID),
    Endpoint(
        "GET", f"{V1}/lots/{{lot}}/commands/{{id}}", "What became of an own command", market.command, v.CommandView,
        refuses=(Code.NOT_FOUND, Reject.NO_SUCH_LOT, Code.MALFORMED),
    ),
    Endpoint(
        "POST", f"{V1}/lots/{{lot}}/admission", "Ask for a bidder code", market.admission, v.AdmissionView,
        wishes.AdmissionWish, _ADMIT,
    ),
    Endpoint("GET", f"{V1}/lots/{{lot}}/bidders", "Who bids under which code", desk.bidders, v.BiddersView, refuses=_LOT),
    Endpoint(
        "POST", f"{V1}/lots/{{lot}}/bidders", "Admit a bidder", desk.admit, v.CommandView, wishes.AdmitWish,
        (*_ADMIT, Reject.ALREADY_ADMITTED),
    ),
    Endpoint("POST", f"{V1}/desk/pauses", "Stop all clocks", desk.pause_all, desk.ToldView, wishes.PauseAllWish),
    Endpoint("POST", f"{V1}/desk/resumptions", "Let all go on", desk.resume_all, desk.ToldView, wishes.ResumeAllWish),
    Endpoint("POST", f"{V1}/lots/{{lot}}/pause", "Stop the clock", desk.pause, v.CommandView, wishes.PauseWish, _ACT),
    Endpoint(
        "POST", f"{V1}/lots/{{lot}}/resume", "Let bidding go on", desk.resume, v.CommandView, wishes.ResumeWish,
        (*_ACT, Reject.NOTICE_TOO_SHORT),
    ),
    Endpoint(
        "POST", f"{V1}/lots/{{lot}}/void", "End without effect", desk.void, v.CommandView, wishes.VoidAloneWish,
        (*_ACT, Code.SECOND_PERSON_NEEDED),
    ),
    Endpoint(
        "POST", f"{V1}/lots/{{lot}}/withdraw", "Take a lot back before the start", desk.withdraw, v.CommandView,
        wishes.ReasonWish, _ACT,
    ),
    Endpoint(
        "GET", f"{V1}/achievements/{{id}}", "One published achievement", ach.show, ach.AchievementView, refuses=_THERE
    ),
    Endpoint(
        "GET", f"{V1}/achievements/{{id}}/versions", "Its versions and what changed", ach.versions, ach.VersionsView,
        refuses=_THERE,
    ),
    Endpoint("GET", f"{V1}/achievements/{{id}}/nda", "Its confidentiality text", ach.read_nda, ach.NdaView, refuses=_THERE),
    Endpoint(
        "POST", f"{V1}/achievements/{{id}}/nda", "Sign its confidentiality text", ach.sign_nda, ach.AchievementView,
        ach.SignWish, (*_THERE, Code.CONFLICT),
    ),
    Endpoint(
        "GET", f"{V1}/achievements/{{id}}/signatures", "Who signed it", ach.signatures, ach.SignaturesView,
        ach.DraftsQuery, _THERE,
    ),
    Endpoint("GET", f"{V1}/me/achievements", "Own records", ach.own, ach.DraftsView, ach.DraftsQuery),
    Endpoint(
        "GET", f"{V1}/desk/achievements", "Records that wait for the check", ach.queue, ach.DraftsView, ach.DraftsQuery
    ),
    Endpoint(
        "POST", f"{V1}/achievements", "Keep a new record", ach.create, ach.DraftView, ach.RecordWish,
        (Code.CONFLICT, Code.WRONG_STATE, Code.NOT_FOUND),
    ),
    Endpoint("GET", f"{V1}/achievements/{{id}}/draft", "A working copy", ach.draft, ach.DraftView, refuses=_THERE),
    Endpoint(
        "POST", f"{V1}/achievements/{{id}}/draft", "Save a working copy", ach.save, ach.DraftView,
        ach.SaveWish, (*_THERE, Code.CONFLICT, Code.WRONG_STATE),
    ),
    Endpoint(
        "POST", f"{V1}/achievements/{{id}}/acts", "Submit, publish, send back, withdraw, ...", ach.act,
        ach.DraftView, ach.AchievementActWish, (*_THERE, Code.CONFLICT, Code.WRONG_STATE, Code.RECORD_INCOMPLETE),
    ),
    Endpoint(
        "POST", f"{V1}/achievements/{{id}}/files", "Add a file", ach.take_file, ach.FileView,
        refuses=(*_THERE, Code.MALFORMED, Code.CONFLICT, Code.WRONG_STATE, Code.FILE_REFUSED),
    ),
    Endpoint(
        "DELETE", f"{V1}/achievements/{{id}}/files/{{file}}", "Take a file off", ach.drop_file, v.DoneView,
        refuses=(*_THERE, Code.CONFLICT, Code.WRONG_STATE),
    ),
    Endpoint("POST", f"{V1}/rules/preview", "What terms mean", desk.preview, v.PreviewView, wishes.PreviewWish),
    Endpoint("GET", f"{V1}/me/deposits", "Own deposits", deposits.own, deposits.DepositsView, deposits.DepositsQuery),
    Endpoint(
        "GET", f"{V1}/me/deposits/{{id}}", "An own deposit", deposits.own_one, deposits.DepositView, refuses=(Code.NOT_FOUND,)
    ),
    Endpoint(
        "POST", f"{V1}/me/deposits/{{id}}/appeal", "Object to a forfeiture", deposits.appeal, deposits.DepositView,
        deposits.AppealWish, _DEPOSIT,
    ),
    Endpoint(
        "GET", f"{V1}/deposits", "Deposits that wait for somebody", deposits.queue, deposits.DepositQueueView, deposits.DepositQueueQuery
    ),
    Endpoint(
        "GET", f"{V1}/deposits/{{id}}", "A deposit, for staff", deposits.one, deposits.StaffDepositView,
        refuses=(Code.NOT_FOUND,),
    ),
    Endpoint(
        "POST", f"{V1}/deposits/{{id}}/acts", "Hold, release, block, forfeit, decide, deduct", deposits.act,
        deposits.StaffDepositView, deposits.DepositActWish, _DEPOSIT,
    ),
    Endpoint(
        "POST", f"{V1}/payouts/{{order}}/reissue", "Pay a failed payment to another account", deposits.reissue,
        deposits.PayoutView, deposits.ReissueWish, _DEPOSIT,
    ),
    Endpoint("GET", f"{V1}/me", "The account behind the request", own.me, v.MeView),
    Endpoint(
        "POST", f"{V1}/me/password", "Set a new password", own.change_password, v.DoneView, wishes.PasswordWish,
        (Code.LOGIN_THROTTLED, Code.LOGIN_FAILED, Code.WEAK_PASSWORD),
    ),
    Endpoint("GET", f"{V1}/me/bids", "Own commands, newest first", own.commands, v.OwnCommandsView, wishes.CommandsQuery),
    Endpoint(
        "GET", f"{V1}/me/receipts/{{lot}}/{{seq}}", "The signed receipt of an own command", own.receipt, dict[str, Any],
        refuses=(Code.NOT_FOUND, Reject.NO_SUCH_LOT),
    ),
    Endpoint("GET", f"{V1}/tokens", "Own tokens", own.tokens, v.TokensView),
    Endpoint("POST", f"{V1}/tokens", "Make a token", own.create_token, v.NewTokenView, wishes.TokenWish, (Code.CONFLICT,)),
    Endpoint("DELETE", f"{V1}/tokens/{{id}}", "Take a token back", own.revoke_token, v.DoneView, refuses=(Code.NOT_FOUND,)),
    Endpoint("GET", f"{V1}/catalogue", "Search the catalogue", cat.search, Results, cat.CatalogueQuery),
    Endpoint("GET", f"{V1}/needs", "Search technology needs", cat.needs, Results, cat.CatalogueQuery),
    Endpoint(
        "POST", f"{V1}/needs", "Keep a new need", cat.create_need, cat.OwnNeedView, cat.NeedWish, (Code.CONFLICT,)
    ),
    Endpoint("GET", f"{V1}/needs/{{id}}", "One published need", cat.need, PublicNeed, refuses=_THERE),
    Endpoint(
        "GET", f"{V1}/needs/{{id}}/matches", "Achievements that may answer it", cat.need_matches, cat.SuggestionsView,
        cat.MatchesQuery,
    ),
    Endpoint(
        "POST", f"{V1}/needs/{{id}}/acts", "Submit, publish, send back, end", cat.act_on_need, cat.OwnNeedView,
        cat.NeedActWish, (Code.NOT_FOUND, Code.MALFORMED, Code.WRONG_STATE, Reject.REASON_REQUIRED),
    ),
    Endpoint(
        "GET", f"{V1}/achievements/{{id}}/matches", "Needs that it may answer", cat.achievement_matches,
        cat.SuggestionsView, cat.MatchesQuery,
    ),
    Endpoint("GET", f"{V1}/me/needs", "Own needs", cat.own_needs, cat.OwnNeedsView, cat.OwnNeedsQuery),
    Endpoint("GET", f"{V1}/me/searches", "Saved searches", cat.searches, cat.SearchesView),
    Endpoint(
        "POST", f"{V1}/me/searches", "Save a search", cat.save_search, SavedSearch, cat.SearchWish, (Code.CONFLICT,)
    ),
    Endpoint("DELETE", f"{V1}/me/searches/{{id}}", "Forget a search", cat.forget_search, v.DoneView, refuses=_THERE),
    Endpoint("GET", f"{V1}/me/notices", "The inbox", cat.notices, cat.NoticesView, cat.NoticesQuery),
    Endpoint("POST", f"{V1}/me/notices/read", "Notices were read", cat.read_notices, v.DoneView, cat.ReadWish),
    Endpoint("GET", f"{V1}/me/imports", "Own imports", cat.imports, cat.JobsView),
    Endpoint(
        "POST", f"{V1}/me/imports", "Give a file to import", cat.take_import, Job,
        refuses=(Code.TOO_LARGE, Code.CONFLICT, Code.MALFORMED),
    ),
    Endpoint("GET", f"{V1}/me/imports/{{id}}", "An import and its report", cat.report, cat.ImportReportView, cat.ReportQuery, _THERE),
    Endpoint(
        "POST", f"{V1}/me/imports/{{id}}/acts", "Bring it in, or call it off", cat.decide_import, Job, cat.ImportWish,
        (Code.NOT_FOUND, Code.CONFLICT),
    ),
)  # fmt: skip
