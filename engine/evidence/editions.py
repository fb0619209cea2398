"""Editions of an evidence file: which records of a deal each reader gets whole, which only in their public part, which not at all.

A withheld record stays in its chain by the digest of its content, so that nothing can be left out or put in unseen; the salt keeps
the digest from giving the content away. What nobody has decided here is withheld. The rules are those of `engine.rules.visibility`
and its sisters, applied to whole records:

* supervisor (科技厅/局): everything;
* operator: everything but secret maxima, which stay between a bidder and the rules, and officers' shares of an opening key;
* seller: the course of the procedure and what he took part in, of his own notice everything (personal data of objectors is not in
  the log); not who stands behind a losing bidder's code, nor quotes, deposits;
* buyer: the course, and what he did himself or what names him.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.journal.codec import encode_event
from engine.journal.records import Record
from engine.rules.auction import events as a
from engine.rules.auction.formats import events as f
from engine.rules.auction.formats.showing import has_secret_floor
from engine.rules.auction.formats.terms import SessionTerms
from engine.rules.listing import events as g
from engine.rules.listing.public_history import public_event
from engine.rules.publicity import events as n
from engine.rules.visibility import history_row, tells_secret_floor
from engine.values import PartyId


class Edition(StrEnum):
    """For whom an evidence file is."""

    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    SELLER = "seller"
    BUYER = "buyer"


class Withheld(Struct, frozen=True):
    """The record is not shown; `shown` is the part of it that may be seen, None for none."""

    shown: dict[str, Any] | None = None


_LOT_COURSE: Final = (
    a.LotWithdrawn, a.LotOpened, a.LimitedPeriodStarted, a.LotPaused, a.LotInterrupted, a.OutageCompensated,
    a.ResumeScheduled, a.LotResumed, a.ClosingShifted, a.LotPassed, a.LotVoided,
    f.SealingClosed, f.BidRefusedUnopened, f.OpeningLate, f.PriorityOpened, f.LotExtended,
)  # fmt: skip
"""Nobody is named in these."""
_LISTING_COURSE: Final = (
    g.ListingReturned, g.ListingRefused, g.ListingPublished, g.PriceChanged, g.ListingSuspended, g.ListingResumed,
    g.PeriodLengthened, g.PeriodRecounted, g.IntakeClosed, g.ListingEnded, g.ListingWithdrawn, g.ListingTerminated,
)  # fmt: skip
_SELLERS: Final = (
    g.IntentReturned, g.IntentPassed, g.IntentRefused, g.IntentDisputed, g.IntentWithdrawn, g.IntentLapsed,
    g.BuyerDisqualified, g.SessionRecorded, g.DealStruck, g.DealSigned, g.DealDefaulted, g.TakingNotified, g.TakingRefused,
    g.OfferMade, g.OfferWithdrawn, g.OfferRejected, g.OfferExpired, g.CounterOffered,
)  # fmt: skip
"""What the seller of a listing takes part in: applications without quotes, offers, deals."""
_NOTICE_COURSE: Final = (
    n.NoticePublished, n.PeriodResumed, n.GapRecorded, n.PeriodRecounted, n.PeriodEnded, n.NoticeCertified, n.ContractRecorded,
    n.NoticeArchived, n.NoticeWithdrawn, n.NoticeTerminated,
)  # fmt: skip
"""What everybody could read on the notice's page."""
_PUBLIC_PARTS: Final[dict[type[Any], tuple[str, ...]]] = {
    n.TypoCorrected: ("version_no", "reason"),
    n.ObjectionNotAdmitted: ("objection_no", "reason"),
    n.ObjectionDecided: ("objection_no", "ruling", "reasons"),
    n.ObjectionWithdrawn: ("objection_no",),
}
"""Objections as everybody sees them: number, outcome, reasons; never who, nor the panel."""
_INTENT_PARTS: Final[dict[type[Any], tuple[str, ...]]] = {
    g.IntentRegistered: ("intent_no", "buyer_id", "foreign", "joint_with", "related", "statement"),
    g.IntentCorrected: ("intent_no", "statement"),
    g.IntentQualified: ("intent_no", "buyer_id", "by"),
    g.BuyerAdmitted: ("intent_no", "buyer_id"),
}
"""Applications as the seller sees them: no quote, no deposit, no code."""
_NAMES: Final = ("bidder_id", "winner_id", "buyer_id")


def withheld(
    edition: Edition, viewer: PartyId, record: Record, event: Any, play: SessionTerms | None = None
) -> Withheld | None:
    """Return None if this reader gets the record whole, else what he gets of it.

    Args:
        edition: For whom.
        viewer: The party that reads; only editions of sellers and buyers depend on it.
        record: As stored.
        event: Its body, decoded.
        play: What makes the session of a lot one of another format.
    """
    match edition:
        case Edition.SUPERVISOR:
            return None
        case Edition.OPERATOR:
            return Withheld(_line(record, event)) if _is_secret_from_operator(event) else None
        case Edition.SELLER:
            return _for_seller(record, event)
        case Edition.BUYER:
            return _for_buyer(viewer, record, event, play)


def _is_secret_from_operator(event: Any) -> bool:
    """A maximum stays between its bidder and the rules; shares of the opening key are their officers'."""
    return getattr(event, "maximum", None) is not None or isinstance(event, f.SharesContributed)


def _for_seller(record: Record, event: Any) -> Withheld | None:
    if isinstance(event, (*_LOT_COURSE, *_LISTING_COURSE, *_SELLERS, a.LotSold, f.LotAllocated, n.NoticeEvent)):
        return None
    parts = _INTENT_PARTS.get(type(event))
    if parts is not None:
        return _parts(event, parts)
    return Withheld(_line(record, event))


def _for_buyer(viewer: PartyId, record: Record, event: Any, play: SessionTerms | None) -> Withheld | None:
    if isinstance(event, a.Event) and tells_secret_floor(event, play):
        return Withheld(_line(record, event, play=play))
    if isinstance(event, (*_LOT_COURSE, *_LISTING_COURSE, *_NOTICE_COURSE)):
        return None
    if isinstance(event, n.AgreementStruck) and event.buyer.party_id == viewer:
        return None
    if isinstance(event, n.ObjectionFiled) and not event.lead:
        return _parts(event, ("objection_no", "ground"))
    parts = _PUBLIC_PARTS.get(type(event))
    if parts is not None:
        return _parts(event, parts)
    if any(getattr(event, name, None) == viewer for name in _NAMES) or record.actor == viewer != "":
        return None
    return Withheld(_line(record, event, reserve=False))


def _parts(event: Any, names: tuple[str, ...]) -> Withheld:
    plain = _plain(event)
    return Withheld({name: plain[name] for name in names})


def _line(
    record: Record, event: Any, *, reserve: bool = True, play: SessionTerms | None = None
) -> dict[str, Any] | None:
    """Return what may be read of a record that stays closed: terms without their secrets, or the public line."""
    if isinstance(
        event, a.LotPublished | a.SessionPublished | g.ListingSubmitted | g.ListingResubmitted | g.ListingRevised
    ):
        return _terms_without_secrets(event, reserve=reserve)
    row: Struct | None = None
    if isinstance(event, a.Event):
        row = history_row(record.stream_seq, record.at_us, event, play)
    elif isinstance(event, g.ListingEvent):
        row = public_event(record.stream_seq, record.at_us, event)
    if row is None:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return plain


def _terms_without_secrets(event: Any, *, reserve: bool) -> dict[str, Any]:
    """Return the event without the seed of bidder codes, which would tell whose they are, and without a secret reserve.

    Of a listing's terms only the seller sees the record; what a buyer could read of them is in the pages as they were shown.
    """
    plain = _plain(event)
    plain.pop("play", None)  # a secret floor, and who holds a right of priority
    if not reserve and not isinstance(event, a.LotPublished | a.SessionPublished):
        del plain["terms"]
        return plain
    plain["terms"].pop("code_seed", None)
    kept = plain["terms"].get("reserve")
    if kept is not None and not reserve and not kept["public"]:
        plain["terms"]["reserve"] = None
    if not reserve and isinstance(event, a.SessionPublished) and has_secret_floor(event.play):
        plain["terms"]["closing"]["closes_at_us"] = None  # where the clock ends, its price is known
    return plain


def _plain(event: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(encode_event(event)[2])
    return plain
