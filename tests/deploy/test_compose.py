"""The compose file is consistent: commands, variables, files, ports and secrets it names are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from gateway.config import Config, EngineConfig

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "ortoo:local"}
COMMANDS = {"engine", "gateway", "settlement", "pricing", "probe"}


def test_every_part_of_a_market_of_several_processes_is_there() -> None:
    assert {service["command"][0] for service in OURS.values()} == COMMANDS
    assert sum(service["command"] == ["engine"] for service in OURS.values()) == 2
    assert sum(service["command"] == ["gateway"] for service in OURS.values()) == 2
    assert {"postgres", "redis", "nginx", "prometheus", "grafana"} <= set(SERVICES)


def test_variables_exist() -> None:
    known = {f"ORTOO_{name.upper()}" for model in (Config, EngineConfig) for name in model.model_fields}
    for name, service in OURS.items():
        assert set(service["environment"]) <= known, name


def test_our_containers_can_write_only_what_they_must() -> None:
    for name, service in OURS.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "ports" not in service, f"{name}: only nginx is reached from outside"


def test_mounted_files_are_delivered() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and not source.endswith("/tls"):
                assert (DEPLOY / source).exists(), f"{name}: {source}"
            elif not source.startswith("./"):
                assert source in COMPOSE["volumes"], f"{name}: {source}"


def test_what_is_waited_for_has_a_health_check() -> None:
    for name, service in SERVICES.items():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"} and SERVICES[other]["healthcheck"], f"{name} → {other}"


def test_nginx_and_prometheus_know_every_gateway_and_engine() -> None:
    upstreams = (DEPLOY / "compose/upstreams.conf").read_text()
    scraped = (DEPLOY / "prometheus/prometheus.yml").read_text()
    for name, service in OURS.items():
        if service["command"] == ["gateway"]:
            assert re.search(rf"server {name}:8080 ", upstreams) and re.search(rf"server {name}:8081 ", upstreams)
        if service["command"][0] in ("gateway", "engine"):
            assert f'"{name}:' in scraped, name


def test_no_secret_stands_in_the_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert re.findall(r"(?i)password[^:\n]*: *\"?([^\"\n}]*)", text), "it speaks of passwords"
    for value in re.findall(r"POSTGRES_PASSWORD: *\"([^\"]*)\"", text):
        assert value.startswith("${ORTOO_POSTGRES_PASSWORD:?")
