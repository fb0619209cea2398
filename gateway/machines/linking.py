"""A gateway's way to the engines of the market, and what monitoring sees of it."""

from __future__ import annotations

from engine.bus.link import Link
from engine.bus.nodes import RedisUrlInvalid, Servers, read_url
from engine.bus.sender import SenderLimits
from engine.runtime.clock import SteadyClock
from gateway.config import Config, ConfigurationInvalid
from gateway.http.metrics import Metrics


def servers_of(url: str) -> Servers:
    """Return what `ORTOO_REDIS_URL` says.

    Raises:
        ConfigurationInvalid: it cannot be read.
    """
    try:
        return read_url(url)
    except RedisUrlInvalid as problem:
        raise ConfigurationInvalid(f"ORTOO_REDIS_URL: {problem}") from problem


def link_to_engines(config: Config, dsn: str, log_key: bytes, metrics: Metrics) -> Link:
    """Return the link, not started.

    Raises:
        ConfigurationInvalid: the address of Redis is missing or cannot be read.
    """
    if config.redis_url is None:
        raise ConfigurationInvalid("ORTOO_REDIS_URL: a gateway needs it")
    limits = SenderLimits(all_max=config.inbox_max)
    link = Link(servers_of(config.redis_url.get_secret_value()), dsn, SteadyClock(), log_key=log_key, limits=limits)
    add_link_gauges(metrics, link)
    return link


def add_link_gauges(metrics: Metrics, link: Link) -> None:
    """Add what the runbook asks of a gateway among several machines."""
    counts = link.sender.counts
    metrics.gauge("ortoo_link_connected", "1 while Redis is there.", lambda: float(link.connected))
    metrics.gauge("ortoo_link_sessions", "Times that Redis was connected.", lambda: link.sessions)
    metrics.gauge("ortoo_link_shards_ownerless", "Shards that nobody decides about.", lambda: link.ownerless)
    metrics.gauge("ortoo_link_replica_lag_events", "Events in the log and not here yet.", lambda: link.lag)
    metrics.gauge("ortoo_link_healed", "Times that something missed was read from the log.", lambda: link.healed)
    metrics.gauge("ortoo_link_commands_sent", "Commands sent to engines.", lambda: counts.sent)
    metrics.gauge("ortoo_link_commands_busy", "Commands refused here at once.", lambda: counts.busy)
    metrics.gauge("ortoo_link_receipts_late", "Receipts after the log had been asked.", lambda: counts.late)
    metrics.gauge("ortoo_link_receipts_looked_up", "Commands looked up in the log.", lambda: counts.looked_up)
    metrics.gauge("ortoo_link_in_doubt", "Commands whose outcome could not be told.", lambda: counts.in_doubt)
