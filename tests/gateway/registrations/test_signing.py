"""Signatures between the market and an outside registrar, keys that rotate, what an answer's status means."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.registrar.client import verdict_of
from gateway.registrar.keys import Keys, KeysUnusable, added, read_keys, retired, write_keys
from gateway.registrar.keys_command import main as keys_command
from gateway.registrar.signing import KEY, TIMESTAMP, WINDOW_S, Problem, problem_of, sign
from settlement.registration.feed.delivering import Verdict


@pytest.mark.parametrize(
    "status, verdict",
    [
        (200, Verdict.TAKEN),
        (202, Verdict.TAKEN),
        (401, Verdict.LATER),
        (403, Verdict.LATER),
        (408, Verdict.LATER),
        (409, Verdict.NEVER),
        (422, Verdict.NEVER),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
        (503, Verdict.LATER),
        (301, Verdict.LATER),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    assert verdict_of(status, b'{"code": "c"}').verdict is verdict
    assert verdict_of(status, b"\xff").verdict is verdict


# Keys

NOW = 1_772_000_000
KEYS = added(added(Keys(()), "old", 0), "new", NOW + 100)


def believed(
    keys: Keys, headers: dict[str, str], at: int, body: bytes = b"{}", target: str = "/m?x=1"
) -> Problem | None:
    return problem_of(keys, "POST", target, headers, body, at)


def test_a_signature_holds_for_exactly_what_was_sent() -> None:
    headers = sign(KEYS, "POST", "/m?x=1", b"{}", NOW)
    assert believed(KEYS, headers, NOW) is None
    assert believed(KEYS, headers, NOW, b"{ }") is Problem.SIGNATURE
    assert believed(KEYS, headers, NOW, target="/m?x=2") is Problem.SIGNATURE
    assert believed(KEYS, {**headers, TIMESTAMP: str(NOW + 1)}, NOW) is Problem.SIGNATURE
    assert believed(KEYS, headers, NOW + WINDOW_S + 1) is Problem.TIME
    assert believed(KEYS, {}, NOW) is Problem.HEADERS
    assert believed(KEYS, {**headers, KEY: "unknown"}, NOW) is Problem.KEY


def test_keys_change_without_a_gap() -> None:
    """The new key is on both sides before it signs; the old one is believed until it ends."""
    assert sign(KEYS, "POST", "/", b"", NOW)[KEY] == "old"
    assert sign(KEYS, "POST", "/", b"", NOW + 100)[KEY] == "new"
    early = sign(KEYS, "POST", "/m?x=1", b"{}", NOW + 100)
    assert believed(KEYS, early, NOW + 99) is None, "their clock is ahead of ours"
    ending = retired(KEYS, "old", NOW + 200)
    late = sign(Keys(KEYS.keys[:1]), "POST", "/m?x=1", b"{}", NOW + 150)
    assert believed(ending, late, NOW + 199) is None and believed(ending, late, NOW + 200) is Problem.KEY
    with pytest.raises(KeysUnusable):
        retired(Keys(KEYS.keys[:1]), "old", NOW).signing(NOW)


def test_a_file_of_keys_is_private_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(KeysUnusable, match="no keys yet"):
        read_keys(path)
    assert keys_command([str(path), "add", "2026-01"]) == 0
    assert keys_command([str(path), "add", "2026-07", "--in-hours", "1"]) == 0
    assert keys_command([str(path), "retire", "2026-01"]) == 0
    assert keys_command([str(path), "list"]) == 0
    secrets = [key.secret for key in read_keys(path).keys]
    assert len(secrets) == 2 and not any(secret in capsys.readouterr().out for secret in secrets)
    assert keys_command([str(path), "add", "2026-07"]) == 1, "an id is used once"
    assert keys_command([str(path), "retire", "none"]) == 1
    path.chmod(0o644)
    with pytest.raises(KeysUnusable, match="others may read"):
        read_keys(path)
    path.write_text("[]")
    path.chmod(0o600)
    with pytest.raises(KeysUnusable, match="between 1"):
        read_keys(path)
    write_keys(path, KEYS)
    assert read_keys(path) == KEYS
