"""What evidence does in the background of a running market."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from gateway.evidence.certificates import Certificates
from gateway.evidence.files import make_for_ever
from gateway.evidence.snapshots import SnapshotFollower
from gateway.machines.duties import Duties
from gateway.services import Services
from gateway.working import keep_at


def keep_evidence(services: Services, duties: Duties, stack: AsyncExitStack) -> None:
    """Begin to keep pages and to make files; when the market's pages can be had."""
    duties.keep(SnapshotFollower(services).run)
    keep_at(stack, partial(make_for_ever, services))
    certificates = Certificates(services)
    text = "Certificates whose paper could not be made yet."
    services.metrics.gauge("ortoo_certificates_unmade", text, lambda: certificates.unmade)
    duties.keep(certificates.run)
    duties.keep(certificates.make_for_ever)
