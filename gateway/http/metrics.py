"""What is counted. Labels come from closed sets only: never a lot, never a person (P6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from engine.typesetting.typesetter import Outcome
from gateway.errors import ERRORS

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
UNMATCHED: Final = "unmatched"
LAG_EVERY_S: Final = 0.25
LOT_VERBS: Final = frozenset(
    {
        "bid", "admit", "publish", "pause", "resume", "void", "withdraw", "take", "seal", "best_bid", "priority", "shares",
        "scores", "refuse", "exclude", "extend",
    }
)  # fmt: skip
_LISTING_VERB: Final = re.compile(r"(listing|intent|taking|offer|deal|notice|objection)\.[a-z_]{1,20}")
"""Verbs of gateway/listings/asking.py and gateway/notices/asking.py."""


class Metrics:
    """The meters of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.requests = Counter("ortoo_http_requests", "Requests.", ["method", "route", "status"], registry=registry)
        self.request_seconds = Histogram(
            "ortoo_http_request_duration_seconds",
            "Time to answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.commands = Counter(
            "ortoo_commands", "Commands by what became of them.", ["verb", "outcome"], registry=registry
        )
        self.command_seconds = Histogram(
            "ortoo_command_duration_seconds", "From arrival to receipt.", ["verb"], buckets=SECONDS, registry=registry
        )
        self.commit_seconds = Histogram(
            "ortoo_commit_duration_seconds", "Time of one commit.", buckets=SECONDS, registry=registry
        )
        self.commit_rows = Histogram(
            "ortoo_commit_batch_size", "Events in one commit.", buckets=ROWS, registry=registry
        )
        self.documents = Counter(
            "ortoo_documents",
            "PDF documents by template and what became of them.",
            ["template", "outcome"],
            registry=registry,
        )
        self.document_seconds = Histogram(
            "ortoo_document_duration_seconds",
            "Time to set a PDF, with the waiting.",
            buckets=SECONDS,
            registry=registry,
        )
        self.board_answers = Counter(
            "ortoo_board_answers",
            "Answers of the board: made, kept (rendered before), not_modified.",
            ["how"],
            registry=registry,
        )
        self.evidence_files = Counter(
            "ortoo_evidence_files", "Evidence files by what became of them.", ["outcome"], registry=registry
        )
        self.registrar_answers = Counter(
            "ortoo_registrar_answers", "Answers of an outside registrar by outcome.", ["outcome"], registry=registry
        )
        self.faults = Counter(
            "ortoo_faults", "Faults of the platform that the detector declared.", ["fault"], registry=registry
        )
        self.fault_pauses = Counter("ortoo_fault_pauses", "Sessions that the detector paused.", registry=registry)
        self.logins = Counter("ortoo_logins", "Logins by outcome.", ["outcome"], registry=registry)
        self.loop_lag_seconds = Histogram(
            "ortoo_event_loop_lag_seconds", "How late the event loop wakes up.", buckets=SECONDS, registry=registry
        )

    def command(self, verb: str, outcome: str, seconds: float) -> None:
        """Count a command: outcome is `accepted` or an error code."""
        assert verb in LOT_VERBS or _LISTING_VERB.fullmatch(verb), "labels come from a closed set"
        assert outcome == "accepted" or outcome in ERRORS, "labels come from a closed set"
        self.commands.labels(verb, outcome).inc()
        self.command_seconds.labels(verb).observe(seconds)

    def commit(self, rows: int, seconds: float) -> None:
        """Count a commit of the engine."""
        self.commit_seconds.observe(seconds)
        self.commit_rows.observe(rows)

    def document(self, template: str, outcome: Outcome, seconds: float) -> None:
        """Count a PDF; its template is a file of the program, so the names are few."""
        self.documents.labels(template, outcome.value).inc()
        self.document_seconds.observe(seconds)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that is read when asked."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def histogram(self, name: str, text: str) -> Histogram:
        """Add a distribution of seconds."""
        return Histogram(name, text, buckets=SECONDS, registry=self.registry)

    def counts(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Add counters that somebody else counts, by one label from a closed set; they are read when asked."""
        self.registry.register(_Counts(name, text, label, read))

    def exposition(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)

    async def watch_loop(self) -> None:
        """Measure for ever how late the event loop wakes up."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self.loop_lag_seconds.observe(max(0.0, loop.time() - due))


class _Counts(Collector):
    """Counts kept in plain integers on the hot way and read here."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield what stands now."""
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for value, count in self._read().items():
            family.add_metric([value], count)
        yield family
