"""`ortoo gateway` and `ortoo engine` say what is missing before they begin."""

from __future__ import annotations

import pytest

from gateway.cli import main
from gateway.config import EngineConfig, read_model

DATABASE = {"ORTOO_DATABASE_URL": "postgresql://nowhere/x"}
BOTH = {**DATABASE, "ORTOO_REDIS_URL": "redis://r1"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORTOO_DATABASE_URL", "ORTOO_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", ["gateway", "engine"])
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "ORTOO_DATABASE_URL"),
        (DATABASE, "ORTOO_REDIS_URL"),
        ({**DATABASE, "ORTOO_REDIS_URL": "http://secret@r1"}, "redis+cluster"),
        ({**DATABASE, "ORTOO_REDIS_URL": "redis://:secret@a,b"}, "redis+sentinel"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_no_value_is_shown(
    command: str,
    environment: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main([command]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and "secret" not in printed.err
    assert printed.out == ""


def test_an_engine_reads_the_same_variables_as_the_gateways() -> None:
    config = read_model(EngineConfig, {**BOTH, "ORTOO_BATCH_MAX": "50", "ORTOO_ENGINE_PORT": "0"})
    assert (config.batch_max, config.engine_port, config.redis_url.get_secret_value()) == (50, 0, "redis://r1")
    assert "r1" not in repr(config)
