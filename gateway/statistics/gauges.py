"""Figures of what comes after the deal, for Prometheus: credit records, distributions under way, histories not counted yet."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from gateway.accounts.model import UNREACHABLE
from gateway.http.metrics import Metrics
from gateway.services import Services
from settlement.credit.store import Figures as CreditFigures
from settlement.distribution.store import Figures as DistributionFigures

FIGURES_S: Final = 10.0

log = logging.getLogger(__name__)


@dataclass
class AfterDeals:
    """The figures of the last count."""

    credit: CreditFigures = field(default_factory=CreditFigures)
    distribution: DistributionFigures = field(default_factory=DistributionFigures)
    behind: int = 0


def add_after_deal_gauges(services: Services, counted: AfterDeals) -> None:
    """Add how much waits; counts only (P6)."""
    metrics: Metrics = services.metrics
    metrics.gauge("ortoo_credit_appeals", "Appeals against credit records to decide.", lambda: counted.credit.appealed)
    metrics.gauge(
        "ortoo_credit_oldest_appeal_seconds",
        "Age of the oldest appeal that waits.",
        lambda: (
            max(0.0, (services.now_us - counted.credit.oldest_appeal_us) / 1e6)
            if counted.credit.oldest_appeal_us
            else 0.0
        ),
    )
    metrics.gauge("ortoo_credit_noticed", "Credit records that may be appealed.", lambda: counted.credit.noticed)
    metrics.gauge("ortoo_credit_in_force", "Credit records in force.", lambda: counted.credit.in_force)
    metrics.gauge(
        "ortoo_distributions_open",
        "Rounds of distribution not paid.",
        lambda: counted.distribution.proposed + counted.distribution.publicity + counted.distribution.objected,
    )
    metrics.gauge("ortoo_distributions_objected", "Rounds with an objection.", lambda: counted.distribution.objected)
    metrics.gauge(
        "ortoo_distributions_payable", "Rounds whose publicity is over.", lambda: counted.distribution.payable
    )
    metrics.gauge("ortoo_statistics_behind", "Histories that statistics have not counted.", lambda: counted.behind)


async def count_for_ever(services: Services, counted: AfterDeals) -> None:
    """Count every ten seconds."""
    while True:
        try:
            counted.credit = await services.credit.figures()
            counted.distribution = await services.distribution.figures()
            counted.behind = await services.statistics.behind()
        except UNREACHABLE:
            log.warning("benefits_not_counted")
        await asyncio.sleep(FIGURES_S)
