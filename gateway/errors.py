"""The one table of error codes: HTTP status, whether trying again helps, close code of the socket, meaning.

The text a person reads is the catalogue entry `error.<code>` (gateway/locales). Codes are never renamed or reused.
`python -m gateway.errors` prints the table for docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from engine.rules.rejections import RETRY, Reject, Retry


class Code(StrEnum):
    """Codes of the gateway: they come before the engine's, in this order, because the engine never saw the request."""

    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    ORIGIN_REFUSED = "origin_refused"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    PARTY_NOT_VERIFIED = "party_not_verified"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    CSRF_FAILED = "csrf_failed"
    MALFORMED = "malformed"
    UNKNOWN_TYPE = "unknown_type"
    TOO_MANY_LOTS = "too_many_lots"
    CONFLICT = "conflict"
    SECOND_PERSON_NEEDED = "second_person_needed"
    REGISTRATION_CLOSED = "registration_closed"
    LOGIN_THROTTLED = "login_throttled"
    LOGIN_FAILED = "login_failed"
    NAME_TAKEN = "name_taken"
    WEAK_PASSWORD = "weak_password"  # noqa: S105
    RECORD_INCOMPLETE = "record_incomplete"
    WRONG_STATE = "wrong_state"
    FILE_REFUSED = "file_refused"
    SLOW = "slow"
    RESYNC = "resync"
    SESSION_ENDED = "session_ended"
    INTERNAL = "internal"


class Entry(NamedTuple):
    """What one code means on each way out. `status` None: the code appears in frames only."""

    code: str
    status: int | None
    retry: Retry
    close: int | None
    meaning: str

    @property
    def text_key(self) -> str:
        """Key of the text in the message catalogues."""
        return f"error.{self.code}"


class Refused(Exception):
    """A request is refused before the engine decided anything. Raised in handlers, turned into an answer by the middleware.

    `data` goes to the client: never secrets, never what somebody else may not see.
    """

    def __init__(self, code: Code | Reject, **data: str | int) -> None:
        super().__init__(code.value)
        self.code = code
        self.data = data


_N, _R, _S = Retry.NEVER, Retry.REFRESH, Retry.SAME_ID

_GATEWAY: Final[Mapping[Code, tuple[int | None, Retry, int | None, str]]] = {
    Code.DRAINING: (503, _S, 4412, "This server is shutting down; another, or the next, takes over."),
    Code.UNAVAILABLE: (503, _S, None, "The database or the engine cannot be reached now."),
    Code.TOO_MANY_CONNECTIONS: (503, _R, 4509, "Too many connections from this account or address."),
    Code.RATE_LIMITED: (429, _S, 4429, "Too fast: wait `retry_after_ms`."),
    Code.NOT_FOUND: (404, _N, None, "There is nothing here, or nothing that you may see."),
    Code.METHOD_NOT_ALLOWED: (405, _N, None, "This address does not take this method."),
    Code.TOO_LARGE: (413, _N, 4501, "The body or frame is larger than `limit_bytes`."),
    Code.ORIGIN_REFUSED: (403, _N, None, "The request comes from a page of another site."),
    Code.UNAUTHENTICATED: (401, _N, None, "Log in, or send a valid token."),
    Code.FORBIDDEN: (403, _N, None, "Your role, or the scope of your token, does not open this door."),
    Code.PARTY_NOT_VERIFIED: (403, _N, None, "The party you act for has not had its identity checked yet."),
    Code.CONFLICT_OF_INTEREST: (403, _N, None, "Staff of the platform and their relatives never buy here."),
    Code.CSRF_FAILED: (403, _R, None, "The form is from another session: load the page again."),
    Code.MALFORMED: (400, _N, 4501, "The request cannot be read; `fields` names what is wrong."),
    Code.UNKNOWN_TYPE: (None, _N, None, "No frame of this type exists."),
    Code.TOO_MANY_LOTS: (None, _N, None, "This connection watches as many lots as it may."),
    Code.CONFLICT: (
        409,
        _R,
        None,
        "Somebody changed it meanwhile, or a limit on the number of such things is reached.",
    ),
    Code.SECOND_PERSON_NEEDED: (409, _N, None, "There are bids: one person asks with a ground, another confirms."),
    Code.REGISTRATION_CLOSED: (403, _N, None, "Accounts are made by the operator here."),
    Code.LOGIN_THROTTLED: (429, _S, None, "Too many failed attempts from here: wait `retry_after_ms`."),
    Code.LOGIN_FAILED: (401, _N, None, "Name and password do not belong together, or the account is disabled."),
    Code.NAME_TAKEN: (409, _N, None, "Somebody has this login name."),
    Code.WEAK_PASSWORD: (422, _N, None, "The password is too easy to guess; `problem` says why."),
    Code.RECORD_INCOMPLETE: (422, _N, None, "Something is missing or forbidden in the record: `problems`."),
    Code.WRONG_STATE: (409, _R, None, "Not possible in the `state` it is in, or not by you."),
    Code.FILE_REFUSED: (
        422,
        _N,
        None,
        "The file is not taken; `why` is name, empty, too_big, type, type_mismatch, infected, too_many or busy.",
    ),
    Code.SLOW: (None, _S, 4408, "The connection does not take what is sent to it."),
    Code.RESYNC: (None, _S, 4410, "The connection has to start from a snapshot."),
    Code.SESSION_ENDED: (None, _N, 4503, "The session was ended: log in again."),
    Code.INTERNAL: (500, _S, None, "A fault of the market; quote `request_id`."),
}

_ENGINE: Final[Mapping[Reject, tuple[int, str]]] = {
    Reject.COMMAND_ID_REUSED: (409, "This id was used for another wish, or by somebody else."),
    Reject.IN_DOUBT: (504, "It may or may not be recorded: send the same request with the same id."),
    Reject.BUSY: (503, "Not recorded: send the same request with the same id."),
    Reject.NO_SUCH_LOT: (404, "There is no such lot."),
    Reject.LOT_UNREADABLE: (503, "The record of this lot is damaged; the operator knows."),
    Reject.LOT_EXISTS: (409, "A lot of this name exists."),
    Reject.NO_SUCH_LISTING: (404, "There is no such listing."),
    Reject.LISTING_EXISTS: (409, "A listing of this name exists."),
    Reject.NO_SUCH_NOTICE: (404, "There is no such notice."),
    Reject.NOTICE_EXISTS: (409, "A notice of this name exists."),
    Reject.NO_SUCH_OBJECTION: (404, "There is no such objection to this notice."),
    Reject.NO_SUCH_BODY: (404, "This body does not decide about this notice."),
    Reject.NO_SUCH_INTENT: (404, "There is no such application on this listing."),
    Reject.NO_SUCH_OFFER: (404, "There is no such standing offer."),
    Reject.NO_SUCH_DEAL: (404, "There is no such deal on this listing."),
    Reject.NOT_STARTED: (409, "Bidding opens at `opens_at_us`."),
    Reject.PAUSED: (409, "The clock stands still."),
    Reject.LATE: (409, "It came `late_by_us` after the end."),
    Reject.ENDED: (409, "The session has ended."),
    Reject.WRONG_PHASE: (409, "Not possible in the phase the lot is in."),
    Reject.OBJECTION_OPEN: (
        409,
        "An objection is open or was sustained: neither certificate nor contract before it is settled.",
    ),
    Reject.ALREADY_OBJECTED: (409, "You have objected to this notice on this ground."),
    Reject.ALREADY_APPROVED: (409, "This body, or you for another body, has approved."),
    Reject.APPLICANT_MAY_NOT_APPROVE: (403, "Who handed the notice in does not approve it."),
    Reject.INTERESTED_PERSON: (403, "Who has an interest in the matter neither decides nor handles it."),
    Reject.DECLARATION_MISSING: (422, "A declaration about conflicts of interest is missing: `who`."),
    Reject.RELATED_NOT_MARKED: (422, "Somebody declared a tie, `relation`, that the notice does not mark."),
    Reject.MINUTES_MISSING: (422, "A collective decision needs the number of its minutes."),
    Reject.PANEL_MISSING: (409, "No panel was named."),
    Reject.PANEL_TOO_SMALL: (422, "A panel has at least `least` different members."),
    Reject.ALREADY_EXTENDED: (409, "The decision clock was extended once already."),
    Reject.NOTICE_FULL: (409, "The record of this notice is as long as it may get."),
    Reject.NOT_A_TYPO: (
        422,
        "More than a slip of the pen (`most` characters, no figure): revise the notice, and the period begins again.",
    ),
    Reject.NOTHING_CHANGED: (409, "Nothing would change."),
    Reject.VALUATION_EXPIRED: (422, "The valuation that the price rests on has run out."),
    Reject.PERSONAL_DATA: (422, "The text would publish a resident number, a telephone number or a mail address."),
    Reject.SELLER_MAY_NOT_BID: (403, "The seller of a lot does not bid on it."),
    Reject.SELLER_MAY_NOT_BUY: (403, "The seller of a listing does not buy it."),
    Reject.FOREIGN_BLOCKED: (
        403,
        "Restricted-export technology: no foreign buyer before the letter of intent is on file.",
    ),
    Reject.ALREADY_REGISTERED: (409, "You have applied for it (`intent_no`) or taken it already."),
    Reject.NOT_THIS_BUYER: (403, "This application or offer is another buyer's."),
    Reject.SOLD_OUT: (409, "All licences are given."),
    Reject.LISTING_FULL: (409, "The record of this listing is as long as it may get."),
    Reject.NOT_ADMITTED: (403, "You have no bidder code for this lot."),
    Reject.ALREADY_ADMITTED: (409, "The party has its bidder code, `code`."),
    Reject.LOT_FULL: (409, "The record of this lot is as long as it may get."),
    Reject.EXCLUDED: (403, "You were excluded from this session."),
    Reject.WRONG_FORMAT: (409, "This session takes bids in another way."),
    Reject.NOT_AN_OFFICER: (403, "This is done by an officer or assessor named in the terms."),
    Reject.NO_PRIORITY: (403, "You hold no right of priority here."),
    Reject.NOT_THE_TAKER: (403, "Only who took the falling price places a best bid."),
    Reject.ALREADY_SUBMITTED: (409, "This was done once and is not done again."),
    Reject.SCORES_INCOMPLETE: (409, "Scores are missing: all plans, all criteria, all assessors."),
    Reject.RECOVERY_NOT_NEEDED: (409, "The recovery share counts only when the opening is late or a share is missing."),
    Reject.ENVELOPE_MALFORMED: (422, "This is no sealed bid: load the page again and send it anew."),
    Reject.QUANTITY_OUT_OF_RANGE: (409, "At most `most` units are to be had."),
    Reject.PRICE_NOT_REACHED: (409, "The price has not fallen so far yet: it stands at `price`."),
    Reject.FREE_BID_REQUIRED: (403, "Only who bid in the free period may go on."),
    Reject.AMOUNT_MISSING: (422, "Neither an amount nor a maximum was given."),
    Reject.AMOUNT_OUT_OF_RANGE: (422, "The amount is zero or beyond the greatest amount."),
    Reject.PROXY_NOT_ALLOWED: (422, "This lot takes no maximum bids."),
    Reject.MAXIMUM_BELOW_AMOUNT: (422, "The maximum is below the amount."),
    Reject.ALREADY_LEADING: (409, "You lead; nobody bids against himself."),
    Reject.MAXIMUM_UNCHANGED: (409, "That is your maximum already."),
    Reject.MAXIMUM_NOT_LOWERABLE: (422, "The terms do not let a maximum be lowered."),
    Reject.MAXIMUM_BELOW_PRICE: (409, "A maximum cannot go below the standing price."),
    Reject.BID_BELOW_MINIMUM: (409, "The least bid now is `minimum`."),
    Reject.NOT_A_MULTIPLE: (409, "The excess over the price must be a whole multiple of the increment."),
    Reject.JUMP_NEEDS_CONFIRMATION: (409, "Far above the minimum: confirm it, with a new id."),
    Reject.OFFERS_NOT_TAKEN: (422, "This listing takes no offers."),
    Reject.OFFER_NOT_HIGHER: (409, "An offer must be higher than the standing one, `standing`."),
    Reject.OFFER_TOO_LOW: (422, "The least offer is `minimum`."),
    Reject.EXPIRY_OUT_OF_RANGE: (422, "The offer would expire in the past or too late."),
    Reject.PRICE_CHANGED: (409, "The price is `price` now: look and decide again, with a new id."),
    Reject.PRICE_UNCHANGED: (409, "That is the list price already."),
    Reject.BELOW_LIST_PRICE: (422, "The quote is below the list price, `price`."),
    Reject.BELOW_VALUATION: (422, "The first list price may not be below the valuation, `floor`."),
    Reject.APPROVAL_REQUIRED: (422, "The approving body must have consented, always below `floor`: give the number."),
    Reject.REASON_REQUIRED: (422, "Give a reason, at most 500 characters."),
    Reject.NOTICE_TOO_SHORT: (422, "Bidders must be told earlier: at the earliest `earliest_us`."),
    Reject.TERMS_INVALID: (422, "No session can be held under these terms; `problems` says why."),
    Reject.ROUND_UNFIT: (422, "A round of the prober is empty, too long, out of order or from the future."),
}

ERRORS: Final[Mapping[str, Entry]] = {
    **{code.value: Entry(code.value, *rest) for code, rest in _GATEWAY.items()},
    **{
        code.value: Entry(code.value, status, RETRY[code], None, meaning) for code, (status, meaning) in _ENGINE.items()
    },
}
"""Every code, in order of precedence."""


def status_of(code: str) -> int:
    """Return the HTTP status of a code that can appear in an HTTP answer."""
    status = ERRORS[code].status
    assert status is not None, f"{code} appears in frames only"
    return status


def markdown_table() -> str:
    """Return the table for docs/PROTOCOL.md."""
    lines = ["| code | HTTP | retry | close | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{entry.code}` | {entry.status or '–'} | `{entry.retry.value}` | {entry.close or '–'} | {entry.meaning} |"
        for entry in ERRORS.values()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown_table())
