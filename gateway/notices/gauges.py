"""What monitoring asks of the handling desk."""

from __future__ import annotations

from engine.rules.publicity.answers import open_objections
from engine.rules.publicity.state import NoticePhase
from gateway.services import Services


def add_notice_gauges(services: Services) -> None:
    """Add the gauges: running notices, objections that are open, and those whose clock ran out."""
    metrics, engine = services.metrics, services.engine
    metrics.gauge(
        "ortoo_notices_running",
        "Notices whose period runs or stands still.",
        lambda: sum(one.phase in (NoticePhase.PUBLISHED, NoticePhase.OBJECTED) for one in engine.notices.states()),
    )
    metrics.gauge(
        "ortoo_objections_open",
        "Objections that await the desk or a panel.",
        lambda: sum(len(open_objections(one)) for one in engine.notices.states()),
    )
    metrics.gauge(
        "ortoo_objections_overdue",
        "Open objections whose clock ran out.",
        lambda: sum(filed.overdue for one in engine.notices.states() for filed in open_objections(one)),
    )
