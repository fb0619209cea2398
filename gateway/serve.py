"""The process: what is started in which order, and how it goes down without losing anything or anybody."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from aiohttp import web

from engine.bus.ports import MarketPort
from engine.calendar import Calendar
from engine.catalogue.achievements.confidentiality import Confidentiality
from engine.catalogue.achievements.store import Achievements
from engine.catalogue.attachments import Attachments
from engine.catalogue.availability.sightings import Sightings
from engine.catalogue.board.index import Board
from engine.catalogue.codes.calendar_data import CalendarInvalid, load_calendar
from engine.catalogue.hall import CATALOGUE_MIGRATIONS, Hall
from engine.catalogue.importing.jobs import Imports
from engine.catalogue.listings.index import ListingIndex
from engine.catalogue.matching.matches import Matches
from engine.catalogue.needs.store import Needs, load_needs
from engine.catalogue.notices.index import NoticeIndex
from engine.catalogue.parties.store import Parties
from engine.catalogue.parties.ties import Ties
from engine.catalogue.search.entries import Kind
from engine.catalogue.search.feed import SearchFeed, load_achievements
from engine.catalogue.search.notices import Notices
from engine.catalogue.search.saved import SavedSearches
from engine.catalogue.search.searching import Search
from engine.journal import embedded
from engine.journal.log import JournalUnavailable
from engine.journal.migrations import JOURNAL_MIGRATIONS, MigrationChanged, migrate
from engine.journal.postgres import claim_key
from engine.journal.reader import Reader
from engine.journal.secrecy import LogKeyUnusable, Vault, read_log_key
from engine.layout import COMPILED
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.handover import HandOver
from engine.runtime.limits import WriterLimits
from engine.runtime.recounting import recount_for_ever
from engine.typesetting.typesetter import Typesetter
from engine.values import PartyId
from gateway.accounts.accounts import Accounts
from gateway.accounts.admissions import Admissions
from gateway.accounts.identities import Identities
from gateway.accounts.model import ACCOUNT_MIGRATIONS
from gateway.accounts.officers import OfficerKeys
from gateway.accounts.passwords import Passwords
from gateway.bank.banking import act_for_ever, add_bank_gauges, build_banking
from gateway.board import availability
from gateway.board.answers import Answers
from gateway.checkpointing import keep_checkpoints
from gateway.config import Config, unknown_variables
from gateway.database import Report, open_database, open_pool
from gateway.deals.telling import deal_telling_of, signer_of
from gateway.desk.drafts import Drafts
from gateway.desk.voiding import VoidRequests
from gateway.evidence.working import keep_evidence
from gateway.http.app import KEEPALIVE_S, build_app
from gateway.http.logs import set_up_logs
from gateway.http.metrics import Metrics
from gateway.http.rates import Budgets
from gateway.listings.deposit_news import telling_of
from gateway.listings.drafts import ListingDrafts
from gateway.live import fast
from gateway.live.counting import add_live_counts
from gateway.live.detecting import Detector, thresholds_of
from gateway.live.edge import LiveEdge
from gateway.live.limits import Rate
from gateway.live.settings import LiveSettings
from gateway.live.visitors import KnownCallers
from gateway.machines.duties import Duties
from gateway.notices.gauges import add_notice_gauges
from gateway.notices.ladders import Ladders
from gateway.notices.objectors import Objectors
from gateway.notices.telling import Telling as NoticeTelling
from gateway.pricing.beside import Pricing, pricing_beside
from gateway.pricing.linking import gather_for_ever
from gateway.probing.child import probe_for_ever
from gateway.registrations.gathering import Gathering
from gateway.registrations.registering import (
    add_registration_gauges,
    build_registering,
    drafter_of,
    registering_work,
)
from gateway.services import Services
from gateway.settling import add_money_gauges, build_settling, settling_work
from gateway.signing_key import KeyUnusable, digest_key, signing_key
from gateway.statistics.gauges import AfterDeals, add_after_deal_gauges, count_for_ever
from gateway.tracing.switch import Hooks, TracingMissing, hooks
from gateway.working import expire_needs, keep_at, rescan_attachments, sweep_accounts, sweep_objectors
from pricing.client import PricingClient
from pricing.store import PRICING_MIGRATIONS, PricingStore
from settlement.credit.store import Credit
from settlement.deals.working import Working
from settlement.deposits.telling import Telling
from settlement.ledger.book import SETTLEMENT_MIGRATIONS
from settlement.statistics.figures import Statistics

DRAIN_EACH_S: Final = 0.02
REQUESTS_END_S: Final = 10.0
"""How long requests under way may still take when the process goes down."""
BACKLOG: Final = 1_024
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger(__name__)


class FencedOut(Exception):
    """Another process runs this market's engine now; this one has stopped."""


CANNOT_RUN: Final = (
    embedded.PostgresUnavailable,
    JournalUnavailable,
    MigrationChanged,
    FencedOut,
    KeyUnusable,
    LogKeyUnusable,
    CalendarInvalid,
    TracingMissing,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""Why a market does not start or ends by itself; the text says what to do."""


async def serve(
    config: Config,
    announce: Report = lambda line: None,
    report: Report = lambda line: None,
    *,
    over_redis: bool = False,
) -> None:
    """Run the market until SIGTERM or SIGINT; a second signal ends it at once.

    Args:
        config: What was configured.
        announce: Called with one line of JSON, the ports in use, when everything is ready.
        report: Called with progress in plain words.
        over_redis: This is one of any number of gateways; the engines are other processes (`ortoo engine`).

    Raises:
        FencedOut: another process took over the engine.
    """
    set_up_logs(config.log_format, config.log_level)
    if not COMPILED:
        log.warning("layout_not_compiled")  # slower, and otherwise the same
    for name in unknown_variables():
        log.warning("unknown_variable", extra={"variable": name})
    if config.host not in LOOPBACK and not config.secure_cookies:
        log.warning("cookies_without_https", extra={"host": config.host})
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with (
        running(config, report=report, on_end=stopping.set, over_redis=over_redis) as services,
        pricing_beside(services.config, services.pricing),
    ):
        calm_garbage_collector()
        ports = {"http": services.config.http_port, "live": services.config.live_port, "pid": os.getpid()}
        announce(msgspec.json.encode(ports).decode())
        await stopping.wait()
        log.info("draining")
    log.info("stopped")
    if services.engine.fenced:
        raise FencedOut("another process runs this market's engine now")


@asynccontextmanager
async def running(
    config: Config,
    *,
    report: Report = lambda line: None,
    on_end: Callable[[], None] = lambda: None,
    over_redis: bool = False,
) -> AsyncIterator[Services]:
    """Yield a running market (or a gateway of one, `over_redis`).

    It is taken down in order afterwards: nothing new, live connections away, engine, database.

    Raises:
        CANNOT_RUN: one of these; the text says why.
    """
    async with AsyncExitStack() as stack:
        listening = _bind(config.host, config.http_port)
        stack.callback(listening.close)
        config = config.model_copy(update={"http_port": listening.getsockname()[1]})
        dsn = await open_database(config, report, stack)
        await migrate(dsn, all_migrations())
        pool = await stack.enter_async_context(open_pool(config, dsn))
        calendar, metrics = load_calendar(config.calendar_dir), Metrics()
        traced = hooks(config.tracing_url, config.tracing_ratio, metrics.commit, stack.callback)
        log_key = read_log_key(config.log_key_path)
        await claim_key(pool, log_key)
        base = _Base(config, dsn, pool, log_key, calendar, metrics, traced)
        engine: MarketPort
        if over_redis:
            from gateway.machines.linking import link_to_engines  # a market of one process knows nothing of Redis

            engine = link_to_engines(config, dsn, log_key, metrics)
        else:
            engine = _own_engine(base, on_end)
        duties = Duties(stack, pool, engine.owner if over_redis else None)
        services = await _start_parts(base, engine, duties, stack)
        services = await _start_live(services, stack)
        await _start_site(services, listening, stack)
        keep_evidence(services, duties, stack)
        duties.keep(partial(probe_for_ever, services.config))
        if config.fault_detector:
            keep_at(stack, Detector(services, dsn, thresholds_of(config)).run)
        duties.begin()
        stack.push_async_callback(_drain, services)
        yield services


def calm_garbage_collector() -> None:
    """What exists now stays: collections are rare and short, so that they do not show in the time to answer a bid."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _verified_account(parties: Parties, party_id: str) -> tuple[str, str] | None:
    account = await parties.bank_account(PartyId(party_id))
    return None if account is None else (account.holder, account.number)


def live_settings(config: Config) -> LiveSettings:
    """Return how the live edge behaves under this configuration."""
    return LiveSettings(
        origins=config.origins,
        cookie=config.session_cookie,
        change_interval_us=config.change_interval_ms * 1_000,
        bids=Rate.per_second(config.bids_per_second, burst=config.bids_burst),
        frames=Rate.per_second(config.frames_per_second, burst=config.frames_burst),
        connections_max=config.connections_max,
        connections_per_account=config.connections_per_account,
    )


@dataclass(frozen=True)
class _Base:
    """What the parts stand on."""

    config: Config
    dsn: str
    pool: asyncpg.Pool
    log_key: bytes
    calendar: Calendar
    metrics: Metrics
    traced: Hooks


def _own_engine(base: _Base, on_end: Callable[[], None]) -> Engine:
    config, calendar, traced = base.config, base.calendar, base.traced
    limits = WriterLimits(inbox_max=config.inbox_max, batch_max=config.batch_max)
    return Engine(
        EngineSettings(dsn=base.dsn, limits=limits, log_key=base.log_key),
        lambda: calendar,
        on_commit=traced.on_commit,
        publish=traced.publish,
        tap=traced.tap,
        on_end=on_end,
    )


async def _start_parts(base: _Base, engine: MarketPort, duties: Duties, stack: AsyncExitStack) -> Services:
    config, pool, calendar, metrics = base.config, base.pool, base.calendar, base.metrics
    key = signing_key(config.key_file)
    identities = Identities(pool)
    await identities.start()
    passwords = Passwords(time_cost=config.password_time_cost, memory_kib=config.password_memory_kib)
    stack.callback(passwords.close)
    accounts = Accounts(pool, identities, passwords, session_hours=config.session_hours)
    hall = Hall(pool, engine.load)
    engine.subscribe_advances(hall.follower.advanced)
    listings = ListingIndex(pool, engine.listings.load)
    engine.listings.subscribe_advances(listings.follower.advanced)
    publicity = NoticeIndex(pool, engine.notices.load)
    engine.notices.subscribe_advances(publicity.follower.advanced)
    board = Board(pool, lambda: calendar, engine.load, engine.listings.load, engine.notices.load)
    engine.subscribe_advances(board.lots.advanced)
    engine.listings.subscribe_advances(board.listings.advanced)
    engine.notices.subscribe_advances(board.notices.advanced)
    hand_over = HandOver(engine, calendar)
    await engine.start()
    stack.push_async_callback(engine.stop)
    await hall.follower.catch_up()
    await listings.follower.catch_up()
    await publicity.follower.catch_up()
    await board.catch_up()
    reader = Reader(pool, Vault(base.log_key))
    live = _live_edge(config, engine, reader, identities)
    saved_searches = SavedSearches(pool, engine.clock.now_us)
    loaders = {Kind.ACHIEVEMENT: load_achievements, Kind.NEED: load_needs}
    search_feed = SearchFeed(pool, loaders, [saved_searches.indexed])
    parties = Parties(pool, digest_key(key), engine.clock.now_us)
    achievements = Achievements(pool, engine.clock.now_us, [search_feed.achievement])
    settling = build_settling(pool, config, lambda: calendar, engine.clock.now_us, partial(_verified_account, parties))
    registering = build_registering(pool, config, settling, lambda: calendar, engine.clock.now_us)
    services = Services(
        config=config,
        pool=pool,
        engine=engine,
        reader=reader,
        hall=hall,
        listings=listings,
        listing_drafts=ListingDrafts(pool, engine.clock.now_us),
        publicity=publicity,
        board=board,
        board_answers=Answers(board.revision, engine.clock.now_us, metrics),
        sightings=Sightings(pool),
        notice_drafts=ListingDrafts(pool, engine.clock.now_us, "notice"),
        ladders=Ladders(pool, engine.clock.now_us),
        objectors=Objectors(pool, digest_key(key), engine.clock.now_us),
        objection_budgets=Budgets(Rate.per_second(1 / config.objection_every_seconds, burst=config.objections_burst)),
        parties=parties,
        ties=Ties(parties),
        calendar=calendar,
        accounts=accounts,
        admissions=Admissions(pool),
        officer_keys=OfficerKeys(pool, engine.clock.now_us),
        drafts=Drafts(pool),
        voiding=VoidRequests(pool, engine.clock.now_us),
        achievements=achievements,
        search=Search(pool),
        search_feed=search_feed,
        saved_searches=saved_searches,
        notices=Notices(pool, engine.clock.now_us),
        needs=Needs(pool, search_feed.enqueue, engine.clock.now_us),
        matches=Matches(pool, engine.clock.now_us),
        imports=Imports(pool, config.data_dir / "imports", engine.clock.now_us),
        confidentiality=Confidentiality(pool, engine.clock.now_us),
        attachments=Attachments(
            pool,
            config.attachments_dir,
            size_max=config.attachment_bytes_max,
            scan_command=config.scan_command,
            now_us=engine.clock.now_us,
        ),
        live=live,
        settling=settling,
        registering=registering,
        distribution=settling.distribution,
        credit=Credit(pool, calendar=lambda: calendar, now_us=engine.clock.now_us),
        statistics=Statistics(pool),
        banking=build_banking(pool, config, settling, engine.clock.now_us),
        typesetter=Typesetter(on_set=metrics.document),
        pricing=Pricing(PricingClient(config.data_dir), PricingStore(pool), base.dsn),
        signing_key=key,
        metrics=metrics,
        request_budgets=Budgets(Rate.per_second(config.requests_per_second, burst=config.requests_burst)),
        draining=asyncio.Event(),
        traced=base.traced,
    )
    _add_gauges(services)
    add_notice_gauges(services)
    after_deals = AfterDeals()
    add_after_deal_gauges(services, after_deals)
    keep_at(stack, partial(count_for_ever, services, after_deals))
    add_money_gauges(metrics, services.settling.counted)
    stack.push_async_callback(registering.close)
    add_registration_gauges(metrics, registering.counted, engine.clock.now_us)
    stack.push_async_callback(services.banking.close)
    add_bank_gauges(metrics, services.banking.counted)
    for work in (
        hall.follower.follow,
        listings.follower.follow,
        publicity.follower.follow,
        board.lots.follow,
        board.listings.follow,
        board.notices.follow,
        partial(availability.follow, services),
        identities.follow,
        metrics.watch_loop,
        search_feed.follow,
        services.imports.follow,
    ):
        keep_at(stack, work)
    for duty in (
        hand_over.follow,
        partial(recount_for_ever, engine, calendar),
        partial(sweep_accounts, accounts),
        partial(keep_checkpoints, services),
        partial(rescan_attachments, services.attachments),
        partial(expire_needs, services.needs),
        partial(gather_for_ever, services),
    ):
        duties.keep(duty)
    news = NoticeTelling(pool, engine.notices.load, services.objectors, engine.clock.now_us)
    engine.notices.subscribe(news.notice)
    duties.keep(news.follow)
    duties.keep(partial(sweep_objectors, services.objectors))
    duties.keep(partial(act_for_ever, services.banking))
    deposits = services.settling.deposits
    engine.listings.subscribe(services.settling.following.notice)
    engine.listings.subscribe(services.settling.deal_following.notice)
    engine.notices.subscribe(services.settling.deal_following.notice)
    engine.subscribe(services.settling.deal_following.notice)
    gathering = Gathering(pool, parties, achievements, registering.contracts)
    working = Working(
        services.settling.deals,
        sign=signer_of(key),
        origin=config.market_name,
        tell_listing=deal_telling_of(engine),
        draft=drafter_of(gathering, registering.contracts),
    )
    duties.keep(working.run)
    for follow in (services.statistics.following.run, services.credit.following.run, services.credit.run):
        duties.keep(follow)
    duties.keep(Telling(pool, deposits, telling_of(engine, deposits), now_us=engine.clock.now_us).run)
    for work_of_money in (
        *settling_work(services.settling, here=config.settlement_here),
        *registering_work(registering, here=config.settlement_here),
    ):
        duties.keep(work_of_money)
    return services


def _live_edge(config: Config, engine: MarketPort, reader: Reader, identities: Identities) -> LiveEdge:
    live = LiveEdge(engine, reader, KnownCallers(identities), live_settings(config), engine.clock.now_us)
    identities.subscribe_revocations(lambda revocation: live.revoke(revocation.subject))
    return live


async def _start_live(services: Services, stack: AsyncExitStack) -> Services:
    """Start the live edge and its own listener; return the services with the port in use."""
    services.live.start()
    stack.push_async_callback(services.live.stop)
    server = await fast.listen(services.live, services.config.host, services.config.live_port)
    stack.callback(server.close)
    port = server.sockets[0].getsockname()[1]
    return replace(services, config=services.config.model_copy(update={"live_port": port}))


async def _start_site(services: Services, listening: socket.socket, stack: AsyncExitStack) -> None:
    runner = web.AppRunner(
        build_app(services),
        access_log=None,
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=REQUESTS_END_S,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening, backlog=BACKLOG).start()


async def _drain(services: Services) -> None:
    """Take nothing new and send the live connections away; everything else is taken down after this."""
    services.draining.set()
    # A few people do not come back as a herd; then nobody has to wait for the end.
    await services.live.drain(min(services.config.drain_seconds, services.live.connections * DRAIN_EACH_S))


def _add_gauges(services: Services) -> None:
    metrics, engine, live = services.metrics, services.engine, services.live
    metrics.gauge("ortoo_engine_inbox_depth", "Commands waiting for the writer.", lambda: engine.waiting)
    metrics.gauge("ortoo_engine_fenced", "1 after another engine took over.", lambda: float(engine.fenced))
    metrics.gauge("ortoo_engine_ready", "1 while commands are taken.", lambda: float(engine.ready))
    metrics.gauge(
        "ortoo_clock_offset_seconds", "Wall clock ahead of the market's.", lambda: engine.clock.error_us() / 1e6
    )
    metrics.gauge("ortoo_pricing_up", "1 while the pricing process runs.", lambda: float(services.pricing.running))
    add_live_counts(metrics, live, engine.subscribe, engine.clock.now_us)
    metrics.gauge(
        "ortoo_prober_silent_seconds",
        "Since when the prober has seen nothing.",
        partial(availability.silent_seconds, services, services.now_us),
    )
    metrics.gauge("ortoo_database_pool_idle", "Idle connections of the pool.", lambda: services.pool.get_idle_size())


def all_migrations() -> list[Path]:
    """Return the migrations of all packages in the order they are applied: of this one accounts first, the others refer to them."""
    here = Path(__file__).parent
    others = sorted(path for path in here.glob("*/sql/migrations") if path != ACCOUNT_MIGRATIONS)
    own = [ACCOUNT_MIGRATIONS, *others]
    return [JOURNAL_MIGRATIONS, CATALOGUE_MIGRATIONS, *own, SETTLEMENT_MIGRATIONS, PRICING_MIGRATIONS]


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    listening.setblocking(False)
    return listening


def stop_on_signals(stopping: asyncio.Event) -> None:
    """The first signal asks for an orderly end, the second one ends the process."""

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
