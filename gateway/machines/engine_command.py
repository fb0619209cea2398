"""`ortoo engine`: decides and records for the gateways of a market of several machines."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import asyncpg
import msgspec
from aiohttp import web

from engine.bus.intake import Intake
from engine.calendar import Calendar
from engine.catalogue.codes.calendar_data import CalendarInvalid, load_calendar
from engine.journal.log import JournalUnavailable
from engine.journal.migrations import MigrationChanged, migrate
from engine.journal.postgres import PostgresLog, claim_key
from engine.journal.records import Record
from engine.journal.secrecy import LogKeyUnusable, read_log_key
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.limits import WriterLimits
from engine.runtime.ownership import LeaseSettings
from gateway.config import ConfigurationInvalid, EngineConfig, read_model, unknown_variables
from gateway.http.answers import json_answer
from gateway.http.logs import set_up_logs
from gateway.http.metrics import Metrics
from gateway.machines.linking import servers_of
from gateway.serve import all_migrations, calm_garbage_collector, stop_on_signals
from gateway.tracing.switch import Hooks, TracingMissing, hooks
from gateway.working import keep_at

FLUSH_S: Final = 2.0
"""How long the last receipts may take to leave."""
CANNOT_RUN: Final = (
    CalendarInvalid,
    JournalUnavailable,
    LogKeyUnusable,
    MigrationChanged,
    TracingMissing,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""Why an engine does not start or ends by itself; the text says what to do."""

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 0 done, 1 cannot run, 2 wrong configuration."""
    argparse.ArgumentParser(prog="ortoo engine", description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    try:
        config = read_model(EngineConfig)
        servers_of(config.redis_url.get_secret_value())
    except ConfigurationInvalid as problem:
        print(f"ortoo engine: {problem}", file=sys.stderr)
        return 2
    try:
        fenced = asyncio.run(_run(config))
    except CANNOT_RUN as problem:
        print(f"ortoo engine: {problem}", file=sys.stderr)
        return 1
    if fenced:
        print("ortoo engine: another process runs this market's engine now", file=sys.stderr)
    return int(fenced)


async def _run(config: EngineConfig) -> bool:
    """Serve; True if another engine has taken everything over."""
    set_up_logs(config.log_format, config.log_level)
    for name in unknown_variables():
        log.warning("unknown_variable", extra={"variable": name})
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    calendar, dsn = load_calendar(config.calendar_dir), config.database_url.get_secret_value()
    await migrate(dsn, all_migrations())
    async with AsyncExitStack() as stack:
        log_key = read_log_key(config.log_key_file)
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            await claim_key(pool, log_key)
        metrics, journal = Metrics(), PostgresLog(dsn)
        stack.push_async_callback(journal.close)
        intake = Intake(servers_of(config.redis_url.get_secret_value()), journal, log_key)
        traced = hooks(config.tracing_url, config.tracing_ratio, metrics.commit, stack.callback, service="ortoo-engine")
        settings = EngineSettings(
            dsn=dsn,
            limits=WriterLimits(inbox_max=config.inbox_max, batch_max=config.batch_max),
            log_key=log_key,
            lease=LeaseSettings.within(config.takeover_seconds),
        )
        engine = _engine(settings, calendar, traced, intake, stopping)
        _add_gauges(metrics, engine, intake)
        port = await _listen(config, engine, metrics, stopping, stack)
        keep_at(stack, lambda: intake.run(engine))
        stack.push_async_callback(intake.flush, FLUSH_S)
        keep_at(stack, metrics.watch_loop)
        await engine.start()
        stack.push_async_callback(engine.stop)
        calm_garbage_collector()
        print(msgspec.json.encode({"engine": port, "pid": os.getpid()}).decode(), flush=True)
        await stopping.wait()
        log.info("draining")
    log.info("stopped")
    return engine.fenced


def _engine(
    settings: EngineSettings, calendar: Calendar, traced: Hooks, intake: Intake, stopping: asyncio.Event
) -> Engine:
    def publish(records: Sequence[Record]) -> None:
        intake.publish(records)
        traced.publish(records)

    engine = Engine(
        settings,
        lambda: calendar,
        on_commit=traced.on_commit,
        on_end=stopping.set,
        publish=publish,
        tap=traced.tap,
    )
    engine.follow_shards(intake)
    return engine


async def _listen(
    config: EngineConfig, engine: Engine, metrics: Metrics, stopping: asyncio.Event, stack: AsyncExitStack
) -> int:
    """Answer monitoring; return the port."""

    async def livez(request: web.Request) -> web.StreamResponse:  # noqa: ARG001  # aiohttp's signature
        return json_answer({"alive": True})

    async def readyz(request: web.Request) -> web.StreamResponse:  # noqa: ARG001
        found = {
            "ready": engine.ready and not stopping.is_set(),
            "draining": stopping.is_set(),
            "fenced": engine.fenced,
        }
        return json_answer(found, 200 if found["ready"] else 503)

    async def exposition(request: web.Request) -> web.StreamResponse:  # noqa: ARG001
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=metrics.exposition(), headers=headers)

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, config.engine_host, config.engine_port)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


def _add_gauges(metrics: Metrics, engine: Engine, intake: Intake) -> None:
    counts = intake.counts
    metrics.gauge("ortoo_engine_inbox_depth", "Commands waiting for the writers.", lambda: engine.waiting)
    metrics.gauge("ortoo_engine_shards", "Shards served here.", lambda: len(engine.epochs))
    metrics.gauge("ortoo_engine_fenced", "1 after another engine took over.", lambda: float(engine.fenced))
    metrics.gauge("ortoo_engine_ready", "1 while commands are taken.", lambda: float(engine.ready))
    metrics.gauge(
        "ortoo_clock_offset_seconds", "Wall clock ahead of the market's.", lambda: engine.clock.error_us() / 1e6
    )
    metrics.gauge("ortoo_bus_connected", "1 while Redis is there.", lambda: float(intake.connected))
    metrics.gauge("ortoo_bus_sessions", "Times that Redis was connected.", lambda: counts.sessions)
    metrics.gauge("ortoo_bus_gateways", "Gateways heard lately.", lambda: intake.gateways)
    metrics.gauge("ortoo_bus_shards", "Shards read here.", lambda: intake.shards)
    metrics.gauge("ortoo_bus_stream_depth", "Entries in the streams of these shards.", lambda: counts.depth)
    metrics.gauge("ortoo_bus_commands", "Commands read.", lambda: counts.commands)
    metrics.gauge("ortoo_bus_commands_unknown", "Commands of another program's version.", lambda: counts.unknown)
    metrics.gauge("ortoo_bus_commands_stale", "Commands that had waited too long.", lambda: counts.stale)
    metrics.gauge("ortoo_bus_messages_dropped", "Messages not published.", lambda: counts.dropped)
