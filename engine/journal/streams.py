"""The kinds of streams that rules decide: how each is named, stored, begun and ended. Shard streams belong to the journal itself."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from engine.journal.records import LOT_STREAM
from engine.rules.auction.commands import Subject
from engine.rules.auction.evolving import evolve as evolve_lot
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Closing, Reserve, Terms
from engine.rules.availability.probing import ProbeState
from engine.rules.availability.probing import evolve as evolve_probe
from engine.rules.listing import state as listing
from engine.rules.listing import terms as listing_terms
from engine.rules.listing.commands import ListedSubject
from engine.rules.listing.evolving import evolve as evolve_listing
from engine.rules.publicity import commands as notice_commands
from engine.rules.publicity import content as notice_content
from engine.rules.publicity import state as notice
from engine.rules.publicity import terms as notice_terms
from engine.rules.publicity.events import AgreementStruck
from engine.rules.publicity.evolving import evolve as evolve_notice
from engine.values import PROBE_SHARDS, SubjectId, shard_of, shard_of_listing, shard_of_notice

LISTING_STREAM: Final = "listing/"
NOTICE_STREAM: Final = "notice/"
PROBE_STREAM: Final = "probe/"
SITE: Final = "site"
"""The one stream of the prober: it looks at the whole site."""


def _shape(*classes: type[Struct]) -> str:
    """Name the shape of a stored state: another shape is another program's snapshot, and passed over."""
    return sha256(repr([(cls.__name__, cls.__struct_fields__) for cls in classes]).encode()).hexdigest()[:16]


class StreamKind(Struct, frozen=True, kw_only=True):
    """One kind of stream."""

    prefix: str
    state: type[Struct]
    shape: str
    live_query: str
    """Named statement that finds the streams of some shards that have not ended."""
    shard_of: Callable[[Any], int]
    evolve: Callable[[Any, Any, Any, Any], Any]

    def stream(self, subject_id: SubjectId) -> str:
        """Return the stream of a subject."""
        return self.prefix + subject_id

    def subject(self, stream: str) -> SubjectId:
        """Return what a stream of this kind is about."""
        assert stream.startswith(self.prefix)
        return stream[len(self.prefix) :]


LOTS: Final = StreamKind(
    prefix=LOT_STREAM,
    state=LotState,
    shape=_shape(LotState, Terms, Closing, Reserve, Subject),
    live_query="live_lots",
    shard_of=shard_of,
    evolve=evolve_lot,
)
LISTINGS: Final = StreamKind(
    prefix=LISTING_STREAM,
    state=listing.ListingState,
    shape=_shape(
        listing.ListingState,
        listing.Intent,
        listing.Offer,
        listing.Taking,
        listing.Deal,
        ListedSubject,
        listing_terms.ListingTerms,
        listing_terms.DepositTerms,
        listing_terms.ExtensionTerms,
        listing_terms.OfferTerms,
        listing_terms.SessionTerms,
        listing_terms.StateAsset,
        listing_terms.OpenLicenceTerms,
    ),
    live_query="live_listings",
    shard_of=shard_of_listing,
    evolve=evolve_listing,
)
NOTICES: Final = StreamKind(
    prefix=NOTICE_STREAM,
    state=notice.NoticeState,
    shape=_shape(
        notice.NoticeState,
        notice.Objection,
        notice.Leg,
        notice.Gap,
        notice.NoticeVersion,
        notice.Approval,
        notice_commands.ObjectionEvidence,
        notice_commands.Panellist,
        notice_content.NoticeContent,
        notice_content.Buyer,
        notice_content.NamedCompleter,
        notice_content.Basis,
        notice_content.Instalment,
        notice_content.Payment,
        notice_content.Related,
        notice_content.AttachedFile,
        notice_terms.NoticeTerms,
        notice_terms.Ladder,
        notice_terms.Body,
        notice_terms.Rung,
        notice_terms.Declaration,
        AgreementStruck,
    ),
    live_query="live_notices",
    shard_of=shard_of_notice,
    evolve=evolve_notice,
)
PROBES: Final = StreamKind(
    prefix=PROBE_STREAM,
    state=ProbeState,
    shape=_shape(ProbeState),
    live_query="live_probes",
    shard_of=lambda site: PROBE_SHARDS.start,
    evolve=evolve_probe,
)
KINDS: Final = (LOTS, LISTINGS, NOTICES, PROBES)


def kind_of(stream: str) -> StreamKind | None:
    """Return the kind of a stream; None for the journal's own."""
    return next((kind for kind in KINDS if stream.startswith(kind.prefix)), None)
