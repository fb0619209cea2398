"""Traces: off means that nothing of it is even loaded; on, the trace of a command is the command's own id."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.bus.local import Envelope
from engine.evidence.receipts import Outcome, Receipt
from engine.values import InstantUs, SubjectId
from gateway.accounts.model import Role
from gateway.serve import running
from gateway.tracing import switch
from gateway.tracing.spans import Tracing
from tests.gateway.conftest import Town, market_config, wish

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What a market that traces everything would send."""
    exporter = InMemorySpanExporter()
    made: list[Tracing] = []

    def hooks(url: str, ratio: float, on_commit: Any, closing: Any, service: str = "ortoo") -> switch.Hooks:
        made.append(Tracing(exporter, service, 1.0))
        closing(made[-1].stop)
        return switch.hooks_of(made[-1], on_commit)

    monkeypatch.setattr("gateway.serve.hooks", hooks)
    return exporter


def test_a_market_that_traces_nothing_loads_nothing_of_it() -> None:
    code = (
        "import sys, gateway.serve, gateway.cli\n"
        "from gateway.tracing.switch import hooks\n"
        "kept = []\n"
        "made = hooks('', 1.0, print, kept.append)\n"
        "assert made.on_commit is print and made.tap is None and not made.middlewares and not kept\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_market_that_shall_trace_and_cannot_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.tracing.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with pytest.raises(switch.TracingMissing, match="extra `tracing`"):
        switch.hooks("http://127.0.0.1:4318/v1/traces", 1.0, lambda rows, seconds: None, lambda stop: None)


@asynccontextmanager
async def traced_town(dsn: str, folder: Path) -> AsyncIterator[Town]:
    """A market that traces, and people; what it traced has been sent when this ends."""
    async with (
        running(market_config(dsn, folder)) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield Town(services, http)


async def test_a_command_is_one_trace_named_by_its_id(
    spans: InMemorySpanExporter, fresh_database: str, tmp_path: Path
) -> None:
    command_id = uuid.uuid4()
    async with traced_town(fresh_database, tmp_path) as town:
        bidder, lot = await town.person(Role.BIDDER), await town.lot()
        await bidder.post(f"/api/v1/lots/{lot}/admission", wish())
        status, _ = await bidder.post(f"/api/v1/lots/{lot}/bids", {**wish(amount="1000"), "id": str(command_id)})
        assert status == 200
    of_bid = {span.name: span for span in spans.get_finished_spans() if span.context.trace_id == command_id.int}
    assert set(of_bid) == {"command", "decide", "append", "receipt"}
    whole = of_bid["command"]
    assert whole.parent is None and attributes(whole) == {"ortoo.verb": "PlaceBid", "ortoo.outcome": "accepted"}
    for name in ("decide", "append", "receipt"):
        parent = of_bid[name].parent
        assert parent is not None and parent.span_id == whole.context.span_id, name
    assert attributes(of_bid["append"])["ortoo.type"] == "lot.bid_accepted"
    begun = [of_bid[name].start_time or 0 for name in ("decide", "append", "receipt")]
    assert begun == sorted(begun), "decided, then appended, then told"


async def test_a_request_is_traced_by_its_route_and_never_by_its_address(
    spans: InMemorySpanExporter, fresh_database: str, tmp_path: Path
) -> None:
    async with traced_town(fresh_database, tmp_path) as town:
        anyone, lot = await town.person(None), await town.lot("quite-special")
        await anyone.get(f"/api/v1/lots/{lot}")
    (found,) = [span for span in spans.get_finished_spans() if span.name == "GET /api/v1/lots/{lot}"]
    told = attributes(found)
    assert told["http.response.status_code"] == 200 and len(told["ortoo.request_id"]) == 16
    assert all(
        "quite-special" not in f"{value}" for span in spans.get_finished_spans() for value in attributes(span).values()
    )


@pytest.mark.parametrize(("ratio", "traced"), [(0.0, 0), (0.25, 1), (1.0, 2)])
def test_every_process_traces_the_same_part_of_commands(ratio: float, traced: int) -> None:
    exporter = InMemorySpanExporter()
    answers: list[Receipt] = []
    tracing = Tracing(exporter, "ortoo", ratio)
    for first in (0x10, 0xF0):
        command_id = bytes([first]) * 16
        receipt = Receipt(Outcome.ACCEPTED, SubjectId("lot"), command_id)
        envelope = Envelope[Any](SubjectId("lot"), object(), command_id, None, "p", InstantUs(1), answers.append)
        tracing.tap(envelope)
        envelope.reply(receipt)
    tracing.flush()
    assert len(answers) == 2, "traced or not, everybody is answered"
    assert sum(span.name == "command" for span in exporter.get_finished_spans()) == traced
    tracing.stop()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """What a span says."""
    return dict(span.attributes or {})
