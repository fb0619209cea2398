"""Dashboard, alert rules and runbook speak of what the market exports: every metric, label and alert is looked up."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.accounts.model import Role
from gateway.http.metrics import Metrics
from gateway.live.detecting import Detector
from gateway.live.edge import EdgeCounts
from gateway.machines import engine_command, linking
from tests.gateway.conftest import Town

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/ortoo.json").read_text())
NAME = re.compile(r"\b(ortoo_[a-z0-9_]+)\s*(?:\{([^}]*)\})?")
LABEL = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
OF_PROMETHEUS = {"job", "instance", "le"}


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    for alert in ALERTS:
        yield f"alert {alert['alert']}", alert["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]


@pytest.fixture
async def exported(town: Town) -> dict[str, set[str]]:
    """Names of samples that a market exports after a little work, with their labels."""
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await bidder.get(f"/api/v1/lots/{lot}")
    await (await town.person(None)).get("/board")
    metrics = town.services.metrics
    metrics.command("bid", "accepted", 0.001)
    metrics.commit(1, 0.001)
    metrics.logins.labels("accepted").inc()
    town.services.live.counts.closed[4408] = 1
    # What only a gateway and an engine of several machines export; their values do not matter here.
    engine_command._add_gauges(apart := Metrics(), MagicMock(), MagicMock())
    linking.add_link_gauges(apart, MagicMock())
    Detector(MagicMock(metrics=apart), "", MagicMock())  # test markets run without it
    families: dict[str, set[str]] = {}
    for text in (metrics.exposition(), apart.exposition()):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                families.setdefault(sample.name, set()).update(sample.labels)
    return families


async def test_every_metric_of_dashboard_and_alerts_is_exported(exported: dict[str, set[str]]) -> None:
    known = exported
    for place, expression in expressions():
        names = NAME.findall(expression)
        assert names or "up{" in expression, f"{place}: no metric of the market in {expression}"
        for name, labels in names:
            assert name in known, f"{place}: {name} is not exported"
            unknown = set(LABEL.findall(labels)) - known[name] - OF_PROMETHEUS
            assert not unknown, f"{place}: {name} has no label {unknown}"


def test_every_alert_has_a_line_in_the_runbook_and_every_line_an_alert() -> None:
    text = (ROOT / "docs/OPERATING.md").read_text()
    section = text.split("\n## Alerts\n")[1].split("\n## ")[0]
    lines = set(re.findall(r"^\| `([A-Za-z]+)` \|", section, re.MULTILINE))
    assert lines == {alert["alert"] for alert in ALERTS}
    assert all(alert["labels"]["severity"] in ("page", "ticket") for alert in ALERTS)


def test_the_counts_of_the_live_edge_are_all_shown(exported: dict[str, set[str]]) -> None:
    assert {"ortoo_ws_lines_total", "ortoo_ws_frames_total", "ortoo_ws_closed_total"} <= set(exported)
    assert set(EdgeCounts.__struct_fields__) == {"arrivals", "turned_away", "frames", "bids", "slowed", "closed"}, (
        "a new count goes into gateway/live/counting.py too"
    )


def test_panels_do_not_overlap_and_have_units() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        grid: dict[str, Any] = panel["gridPos"]
        places = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not places & taken and grid["x"] + grid["w"] <= 24, panel["title"]
        taken |= places
        assert panel["type"] == "row" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]
