"""The commands of an administrator: what they print, and how they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import main

NOWHERE = "postgresql://nobody@/none?host=/nowhere"


def test_status_tells_of_each_server_and_of_one_that_does_not_answer(
    fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["standby", "status", fresh_database, NOWHERE]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "server 1: primary, timeline 1, commits wait for nobody"
    assert second.startswith("server 2: does not answer")


@pytest.mark.parametrize("more", [["--fenced"], ["--fenced", "--asynchronous"]])
def test_a_primary_is_not_promoted(fresh_database: str, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["standby", "promote", "--standby", fresh_database, *more]) == 1
    assert "ortoo standby promote:" in capsys.readouterr().err


def test_promoting_without_saying_how_the_old_one_is_fenced_is_a_wrong_call(fresh_database: str) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["standby", "promote", "--standby", fresh_database])
    assert refused.value.code == 2


def test_nothing_old_is_nothing_moved(fresh_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["archive", "--database", fresh_database, "--ended-before", "2001-01-01"]) == 0
    assert capsys.readouterr().out == "0 ended lots, listings and notices moved, 0 events\n"


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["restore", "BACKUP", "--rehearse"], 1),
        (["restore", "BACKUP", "TARGET", "--until", "2026-11-28T09:30:00+08:00"], 1),
        (["backup", "copy", "BACKUP", "--database", NOWHERE], 1),
        (["archive", "--database", NOWHERE, "--ended-before", "2001-01-01"], 1),
    ],
)
def test_what_cannot_be_done_says_why(
    arguments: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        str(tmp_path / argument.lower()) if argument in ("BACKUP", "TARGET") else argument for argument in arguments
    ]
    assert main(given) == code
    assert capsys.readouterr().err.startswith(f"ortoo {arguments[0]}: ")


@pytest.mark.parametrize(
    "arguments",
    [["restore", "x"], ["restore", "x", "y", "--rehearse"], ["restore", "x", "y", "--until", "2026-11-28T09:30:00"]],
)
def test_a_restore_that_is_not_clear_is_a_wrong_call(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
