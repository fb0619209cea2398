"""Traces for OpenTelemetry, off unless ORTOO_TRACING_URL is set: then, and only then, its packages are imported.

The trace of a command is its own id, which the client made: so spans of the gateway that took it and of the engine that recorded it
come together without anything travelling beside the command, and who holds a command id finds its trace. Spans of a command:
`command` (from submitting it to its receipt), in it `decide` (from legal intake to the beginning of the commit), `append` (the
commit) and `receipt` (handing the answer over). Requests have traces of their own. No span holds an amount, a person or a text (P6).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import hdrs, web
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from engine.bus.local import Envelope
from engine.evidence.receipts import Receipt
from engine.journal.records import Record
from gateway.http.metrics import UNMATCHED

QUEUE_MAX: Final = 4_096
"""Spans that wait to be sent; more are dropped, never waited for."""
EXPORT_S: Final = 5.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Tracing:
    """Makes the spans of one process. What it is told has happened already: nothing on the way of a bid waits for it."""

    def __init__(self, exporter: SpanExporter, service: str, ratio: float) -> None:
        """`ratio` of the commands and requests are traced; for a command it is the same in every process."""
        self._ids = _Ids()
        self._bound = round(ratio * (1 << 32))
        self._provider = TracerProvider(
            id_generator=self._ids, resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX))
        self._tracer = self._provider.get_tracer("ortoo")
        self._commit: tuple[int, float] = (0, 0.0)

    def flush(self) -> None:
        """Send what waits now."""
        self._provider.force_flush()

    def stop(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()

    # What the engine tells.

    def committed(self, rows: int, seconds: float) -> None:
        """Remember the commit whose records come next."""
        self._commit = (rows, seconds)

    def published(self, records: Sequence[Record]) -> None:
        """Make the engine's spans of the commands in a commit."""
        rows, seconds = self._commit
        now_ns = time.time_ns()
        begun_ns = now_ns - round(seconds * 1e9)
        for record in records:
            if record.command_id is None or not self._traced(record.command_id):
                continue
            told: dict[str, str | int] = {
                "ortoo.type": record.type,
                "ortoo.shard": record.shard,
                "ortoo.seq": record.stream_seq,
            }
            parent = _parent(record.command_id)
            # The market's clock may be a little off the wall clock: the span must not end before it begins.
            self._span("decide", parent, min(record.at_us * 1_000, begun_ns), begun_ns, told)
            self._span("append", parent, begun_ns, now_ns, {**told, "ortoo.epoch": record.epoch, "ortoo.rows": rows})

    # What passes the gateway.

    def tap(self, envelope: Envelope[Any]) -> None:
        """Follow a command that is being submitted until its receipt."""
        command_id = envelope.command_id
        if command_id is None or not self._traced(command_id):
            return
        verb, begun_ns, reply = type(envelope.command).__name__, time.time_ns(), envelope.reply

        def traced(receipt: Receipt) -> None:
            decided_ns = time.time_ns()
            reply(receipt)
            now_ns = time.time_ns()
            outcome = receipt.decision.value if receipt.code is None else receipt.code.value
            self._span("receipt", _parent(command_id), decided_ns, now_ns, {"ortoo.outcome": outcome})
            self._ids.next = (_trace_id(command_id), _span_id(command_id))
            self._span("command", Context(), begun_ns, now_ns, {"ortoo.verb": verb, "ortoo.outcome": outcome})

        envelope.reply = traced

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Trace a request: route, status and id, never the address."""
        if self._ids.draw() >= self._bound:
            return await handler(request)
        resource = request.match_info.route.resource
        route = UNMATCHED if resource is None else resource.canonical
        method = request.method if request.method in hdrs.METH_ALL else "OTHER"
        begun_ns = time.time_ns()
        response = await handler(request)
        told: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": response.status,
            "ortoo.request_id": response.headers.get("X-Request-Id", ""),
        }
        span = self._tracer.start_span(
            f"{method} {route}", Context(), kind=SpanKind.SERVER, start_time=begun_ns, attributes=told
        )
        if response.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
        return response

    def _span(self, name: str, parent: Context, begun_ns: int, ended_ns: int, told: dict[str, str | int]) -> None:
        self._tracer.start_span(name, parent, start_time=begun_ns, attributes=told).end(ended_ns)

    def _traced(self, command_id: bytes) -> bool:
        return int.from_bytes(command_id[:4]) < self._bound


def start_tracing(url: str, service: str, ratio: float) -> Tracing:
    """Send traces to `url` (OTLP over HTTP)."""
    return Tracing(OTLPSpanExporter(endpoint=url, timeout=EXPORT_S), service, ratio)


class _Ids(RandomIdGenerator):
    """Random ids, but those of a command's own span, which follow from the command's id."""

    def __init__(self) -> None:
        self.next: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.next is None else self.next[0]

    def generate_span_id(self) -> int:
        span_id = super().generate_span_id() if self.next is None else self.next[1]
        self.next = None
        return span_id

    def draw(self) -> int:
        """Return a random number of 32 bits."""
        return super().generate_trace_id() >> 96


def _trace_id(command_id: bytes) -> int:
    return int.from_bytes(command_id)


def _span_id(command_id: bytes) -> int:
    return int.from_bytes(command_id[8:]) or 1


def _parent(command_id: bytes) -> Context:
    here = SpanContext(
        _trace_id(command_id), _span_id(command_id), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return set_span_in_context(NonRecordingSpan(here), Context())
