"""Configuration: bounds, secrets, origins, and the page that documents it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, ConfigurationInvalid, markdown, read_config, unknown_variables, variable_of
from gateway.http.asking import as_network
from gateway.http.gate import content_security_policy, live_sources

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "CONFIGURATION.md"


def test_the_documented_variables_are_those_of_the_model():
    assert DOCUMENT.read_text(encoding="utf-8") == markdown(), "run: python -m gateway.config > docs/CONFIGURATION.md"


def test_every_field_says_what_it_means():
    assert [name for name, field in Config.model_fields.items() if not field.description] == []


def test_variables_are_read_with_their_kinds():
    config = read_config(
        {
            "ORTOO_HTTP_PORT": "9000",
            "ORTOO_PUBLIC_ORIGINS": "https://a.example, https://b.example:8443",
            "ORTOO_SECURE_COOKIES": "true",
            "ORTOO_DATABASE_URL": "",
            "ORTOO_DRAIN_SECONDS": "2.5",
        }
    )
    assert config.http_port == 9000
    assert config.origins == {"https://a.example", "https://b.example:8443"}
    assert config.session_cookie == "__Host-ortoo_session"
    assert config.database_url is None
    assert config.drain_seconds == 2.5


def test_a_wrong_value_names_its_variable_and_keeps_its_secret():
    with pytest.raises(ConfigurationInvalid) as raised:
        read_config({"ORTOO_HTTP_PORT": "70000", "ORTOO_LOG_FORMAT": "hunter2"})
    assert "ORTOO_HTTP_PORT" in str(raised.value)
    assert "ORTOO_LOG_FORMAT" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "origin", ["https://a.example/", "https://a.example/x", "a.example", "HTTPS://A.example", "null", "*"]
)
def test_what_no_browser_sends_is_no_origin(origin):
    with pytest.raises(ConfigurationInvalid):
        read_config({"ORTOO_PUBLIC_ORIGINS": origin})


def test_the_database_address_is_a_secret():
    config = read_config({"ORTOO_DATABASE_URL": "postgresql://u:hunter2@host/db"})
    assert "hunter2" not in repr(config) + str(config) + config.model_dump_json()


def test_the_model_is_frozen():
    config = read_config({})
    with pytest.raises(ValueError, match="frozen"):
        config.http_port = 1  # type: ignore[misc]


def test_typing_errors_are_noticed():
    environment = {"ORTOO_SESION_HOURS": "3", "ORTOO_SESSION_HOURS": "3", "ORTOO_TEST_WORKERS": "2", "PATH": ""}
    assert unknown_variables(environment) == ["ORTOO_SESION_HOURS"]
    assert variable_of("session_hours") == "ORTOO_SESSION_HOURS"


def test_by_default_only_this_machines_pages_may_act():
    assert read_config({}).origins == {
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    }
    assert "http://0.0.0.0:8080" not in read_config({"ORTOO_HOST": "0.0.0.0"}).origins


def test_the_content_policy_names_the_rooms_and_nothing_else():
    sources = live_sources(frozenset({"https://m.example", "http://[::1]:8080"}), 8081, "wss://live.example/live")
    assert sources == [  # no IPv6 address: a policy cannot name one
        "wss://live.example",
        "wss://m.example",
        "wss://m.example:8081",
    ]
    policy = content_security_policy(sources)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("<script>", "unknown"),
    ],
)
def test_networks_are_what_a_person_can_have_many_addresses_in(address, network):
    assert as_network(address) == network
