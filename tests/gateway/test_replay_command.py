"""`ortoo replay`: files, standard input, gzip, a database of one's own, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.journal.postgres import PostgresLog
from engine.values import SHARDS, InstantUs
from gateway.cli import main
from gateway.verify_command import main as verify
from tests.engine.replay.recordings import bid, lot

LINES = "".join(json.dumps(line) + "\n" for line in (lot(closes_at=100), bid(1, "x", "12"), bid(2, "y", "12.5")))
ANSWER = {
    "lot": "a", "state": "sold", "winner": "x", "price": "12", "closed_at": 100, "accepted": 1,
    "rejected": {"bid_below_minimum": 1},
}  # fmt: skip


def said(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    path.write_text(LINES)
    return path


def test_a_file_through_a_journal_of_its_own(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording)]) == 0
    assert said(capsys) == [ANSWER]


def test_a_packed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recording.jsonl.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    assert main(["replay", str(path), "--no-journal"]) == 0
    assert said(capsys) == [ANSWER]


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input(packed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    content = gzip.compress(LINES.encode()) if packed else LINES.encode()
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["replay", "-", "--no-journal"]) == 0
    assert said(capsys) == [ANSWER]


def test_a_database_of_ones_own_keeps_every_replay(
    make_database: Callable[[], str], recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = make_database()
    assert main(["replay", str(recording), "--database", dsn]) == 0
    assert main(["replay", str(recording), "--database", dsn]) == 0
    assert said(capsys) == [ANSWER, ANSWER]
    assert verify(["--database", dsn]) == 0
    assert "2 lots" in capsys.readouterr().out


def test_a_markets_database_is_left_alone(
    make_database: Callable[[], str], recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = make_database()

    async def open_market() -> None:
        log = PostgresLog(dsn)
        await log.take(range(SHARDS), "engine-1", InstantUs(1))
        await log.close()

    asyncio.run(open_market())
    assert main(["replay", str(recording), "--database", dsn]) == 2
    shown = capsys.readouterr()
    assert (shown.out, "this database holds a market" in shown.err) == ("", True)


@pytest.mark.parametrize(
    "content, words",
    [
        (LINES.encode() + b"oops\n", "line 4: "),
        (gzip.compress(LINES.encode())[:-9], "recording.jsonl: "),
        (b"\x1f\x8b no gzip", "recording.jsonl: "),
        (b"{" * 200_000, "line 1: longer than"),
    ],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(content)
    assert main(["replay", str(path), "--no-journal"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "/nowhere.jsonl"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_database_that_does_not_answer(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording), "--database", "postgresql://ortoo@localhost:1/none"]) == 1
    assert "the journal failed" in capsys.readouterr().err
