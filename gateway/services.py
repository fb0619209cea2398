"""What handlers need, in one frozen record under one application key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.bus.ports import MarketPort
from engine.calendar import Calendar
from engine.catalogue.achievements.confidentiality import Confidentiality
from engine.catalogue.achievements.store import Achievements
from engine.catalogue.attachments import Attachments
from engine.catalogue.availability.sightings import Sightings
from engine.catalogue.board.index import Board
from engine.catalogue.hall import Hall
from engine.catalogue.importing.jobs import Imports
from engine.catalogue.listings.index import ListingIndex
from engine.catalogue.matching.matches import Matches
from engine.catalogue.needs.store import Needs
from engine.catalogue.notices.index import NoticeIndex
from engine.catalogue.parties.store import Parties
from engine.catalogue.parties.ties import Ties
from engine.catalogue.search.feed import SearchFeed
from engine.catalogue.search.notices import Notices
from engine.catalogue.search.saved import SavedSearches
from engine.catalogue.search.searching import Search
from engine.journal.reader import Reader
from engine.typesetting.typesetter import Typesetter
from gateway.accounts.accounts import Accounts
from gateway.accounts.admissions import Admissions
from gateway.accounts.officers import OfficerKeys
from gateway.bank.banking import Banking
from gateway.board.answers import Answers
from gateway.config import Config
from gateway.desk.drafts import Drafts
from gateway.desk.voiding import VoidRequests
from gateway.http.metrics import Metrics
from gateway.http.rates import Budgets
from gateway.listings.drafts import ListingDrafts
from gateway.live.edge import LiveEdge
from gateway.notices.ladders import Ladders
from gateway.notices.objectors import Objectors
from gateway.pricing.beside import Pricing
from gateway.registrations.registering import Registering
from gateway.settling import Settling
from gateway.tracing.switch import Hooks
from settlement.credit.store import Credit
from settlement.distribution.store import Distribution
from settlement.statistics.figures import Statistics


@dataclass(frozen=True)
class Services:
    """The parts of a running market. `config` holds the ports in use, never 0."""

    config: Config
    pool: asyncpg.Pool
    engine: MarketPort
    reader: Reader
    hall: Hall
    listings: ListingIndex
    listing_drafts: ListingDrafts
    publicity: NoticeIndex
    """Notices of agreements; `notices` are the lines in inboxes."""
    board: Board
    """Notices and struck deals, as everybody sees them."""
    board_answers: Answers
    """Pages of the board, rendered once for everybody."""
    sightings: Sightings
    """What the prober saw."""
    notice_drafts: ListingDrafts
    ladders: Ladders
    objectors: Objectors
    objection_budgets: Budgets
    """Objections of a network."""
    parties: Parties
    ties: Ties
    calendar: Calendar
    """Statutory days as of the start; deadlines counted by another version are counted again."""
    accounts: Accounts
    admissions: Admissions
    officer_keys: OfficerKeys
    """Public keys of people who may open sealed bids."""
    drafts: Drafts
    voiding: VoidRequests
    achievements: Achievements
    confidentiality: Confidentiality
    attachments: Attachments
    search: Search
    search_feed: SearchFeed
    """Makes what is published searchable; listings tell it what is on the market."""
    saved_searches: SavedSearches
    notices: Notices
    needs: Needs
    matches: Matches
    imports: Imports
    live: LiveEdge
    """All live connections; also keeps the bid budgets of accounts."""
    settling: Settling
    """Ledger, deposits and payouts."""
    distribution: Distribution
    """How units share their income with those who completed an achievement."""
    credit: Credit
    """Credit records of parties."""
    statistics: Statistics
    """Figures of the market, counted from the histories of deals and registrations."""
    registering: Registering
    """Contracts, registrations, the feed to an outside registrar."""
    banking: Banking
    """What the bank tells, and how payments reach it."""
    typesetter: Typesetter
    """Makes PDF documents, one after another."""
    pricing: Pricing
    """Quotes: the process that works them out, and the store they are read from."""
    signing_key: Ed25519PrivateKey
    metrics: Metrics
    request_budgets: Budgets
    """HTTP requests of a network."""
    draining: asyncio.Event
    """Set when the process is going down: it takes nothing new."""
    traced: Hooks
    """What traces requests and commands, if anything does."""

    @property
    def now_us(self) -> int:
        """The time now on the engine's clock, which is the market's."""
        return self.engine.clock.now_us()


SERVICES = web.AppKey("services", Services)
