"""The books of the reference receiver, in one SQLite file: messages taken, contracts registered, answers still to be sent.

The rules that an integrator has to keep, each in one place:
- a message id acts once: the same id with the same bytes changes nothing, with other bytes it is refused (`take`);
- a deal has one number, whatever comes when (`_register`);
- an older revision than the one known changes nothing (`_is_old`);
- what is answered is written in the same transaction as what is answered about, and sent until it is taken (`due`, `sent`).
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, digest TEXT NOT NULL, kind TEXT NOT NULL, registration TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contract (registration TEXT PRIMARY KEY, deal TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
    number TEXT UNIQUE, state TEXT NOT NULL, total_fen TEXT NOT NULL, technical_fen TEXT NOT NULL,
    registered_times INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS answer (id TEXT PRIMARY KEY, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', problem TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), position TEXT NOT NULL);
"""
MESSAGE_SCHEMA: Final = "ortoo-registrar-message-1"
PACKAGE_SCHEMA: Final = "ortoo-registration-package-1"
ANSWER_SCHEMA: Final = "ortoo-registrar-answer-1"
ATTEMPTS_PAUSE_MS: Final = (100, 200, 500, 1_000, 2_000, 5_000)


class Outcome(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    REPEATED = "repeated"
    REUSED = "reused"
    """The id was used for other bytes."""
    MALFORMED = "malformed"


class Books:
    """The books. One process writes them."""

    def __init__(
        self, path: Path, *, system: str, series: str, certificate: Callable[[str, dict[str, Any]], bytes]
    ) -> None:
        """Open them.

        Args:
            path: SQLite file.
            system: Name of this system in its answers.
            series: First ten digits of the numbers it gives: year, province, city, registrar.
            certificate: Makes the certificate of a number and a package.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=FULL")
        self._base.executescript(SCHEMA)
        self._system, self._series, self._certificate = system, series, certificate

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def take(self, message_id: str, body: bytes) -> Outcome:
        """Take a message; kept and answered in one transaction."""
        digest = sha256(body).hexdigest()
        try:
            said = json.loads(body)
        except ValueError:
            return Outcome.MALFORMED
        if not _is_message(said, message_id):
            return Outcome.MALFORMED
        with self._base:
            self._base.execute("BEGIN IMMEDIATE")
            known = self._base.execute("SELECT digest FROM message WHERE id = ?", (message_id,)).fetchone()
            if known is not None:
                return Outcome.REPEATED if known[0] == digest else Outcome.REUSED
            self._base.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?)", (message_id, digest, said["kind"], said["registration"])
            )
            self._act(said)
        return Outcome.TAKEN

    def _act(self, said: dict[str, Any]) -> None:
        if self._is_old(said):
            return
        if said["kind"] == "submitted":
            self._register(said)
        else:
            self._base.execute(
                "UPDATE contract SET state = ?, revision = ?, technical_fen = ? WHERE registration = ?",
                (said["kind"], said["revision"], said["technical_amount_fen"], said["registration"]),
            )

    def _is_old(self, said: dict[str, Any]) -> bool:
        row = self._base.execute(
            "SELECT revision FROM contract WHERE registration = ?", (said["registration"],)
        ).fetchone()
        return row is not None and row[0] > said["revision"]

    def _register(self, said: dict[str, Any]) -> None:
        package, registration = said["package"], said["registration"]
        row = self._base.execute("SELECT number FROM contract WHERE registration = ?", (registration,)).fetchone()
        amounts = package["amount"]["total_fen"], package["amount"]["technical_fen"]
        if row is None:
            self._base.execute(
                "INSERT INTO contract (registration, deal, revision, state, total_fen, technical_fen) VALUES (?, ?, ?, ?, ?, ?)",
                (registration, package["deal"], said["revision"], "accepted", *amounts),
            )
        number = row[0] if row is not None and row[0] else self._next_number()
        self._base.execute(
            "UPDATE contract SET number = ?, state = 'registered', revision = ?, registered_times = registered_times + ?"
            " WHERE registration = ?",
            (number, said["revision"], 0 if row is not None and row[0] else 1, registration),
        )
        self._answer(said, "accepted")
        certificate = base64.b64encode(self._certificate(number, package)).decode()
        self._answer(said, "registered", number=number, certificate=certificate)

    def _next_number(self) -> str:
        count = self._base.execute("SELECT count(*) FROM contract WHERE number IS NOT NULL").fetchone()[0]
        return f"{self._series}{count + 1:06d}"

    def _answer(self, said: dict[str, Any], answer: str, **more: str) -> None:
        answer_id = f"{said['registration']}.{said['revision']}.{answer}"
        body = {
            "schema": ANSWER_SCHEMA, "id": answer_id, "system": self._system, "registration": said["registration"],
            "revision": said["revision"], "answer": answer, **more,
        }  # fmt: skip
        self._base.execute("INSERT OR IGNORE INTO answer (id, body) VALUES (?, ?)", (answer_id, json.dumps(body)))

    # Answers

    def due(self, now_ms: int, limit: int = 20) -> list[tuple[str, str, int]]:
        """Return answers to be sent now: id, body, attempts."""
        rows = self._base.execute(
            "SELECT id, body, attempts FROM answer WHERE state = 'waiting' AND next_ms <= ? ORDER BY next_ms, id LIMIT ?",
            (now_ms, limit),
        ).fetchall()
        return [tuple(row) for row in rows]

    def sent(self, answer_id: str) -> None:
        """The market has it."""
        self._base.execute("UPDATE answer SET state = 'sent' WHERE id = ?", (answer_id,))

    def put_off(self, answer_id: str, attempts: int, now_ms: int, problem: str) -> None:
        """Try again later."""
        pause = ATTEMPTS_PAUSE_MS[min(attempts, len(ATTEMPTS_PAUSE_MS) - 1)]
        self._base.execute(
            "UPDATE answer SET attempts = attempts + 1, next_ms = ?, problem = ? WHERE id = ?",
            (now_ms + pause, problem, answer_id),
        )

    def bury(self, answer_id: str, problem: str) -> None:
        """The market will not take it as it is: somebody has to look."""
        self._base.execute("UPDATE answer SET state = 'dead', problem = ? WHERE id = ?", (problem, answer_id))

    # The pull

    def position(self) -> str:
        """Return how far the feed was read."""
        row = self._base.execute("SELECT position FROM cursor").fetchone()
        return "0" if row is None else str(row[0])

    def move_to(self, position: str) -> None:
        """The feed was read up to here."""
        self._base.execute(
            "INSERT INTO cursor VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET position = excluded.position", (position,)
        )

    def overview(self) -> dict[str, Any]:
        """Return everything for people and tests."""
        columns = (
            "registration",
            "deal",
            "revision",
            "number",
            "state",
            "total_fen",
            "technical_fen",
            "registered_times",
        )
        contracts = self._base.execute(f"SELECT {', '.join(columns)} FROM contract ORDER BY number").fetchall()  # noqa: S608
        answers = self._base.execute("SELECT state, count(*) FROM answer GROUP BY state").fetchall()
        messages = self._base.execute("SELECT count(*) FROM message").fetchone()[0]
        return {
            "contracts": [dict(zip(columns, row, strict=True)) for row in contracts],
            "answers": dict(answers),
            "messages": messages,
        }


def _is_message(said: Any, message_id: str) -> bool:
    if not isinstance(said, dict) or said.get("schema") != MESSAGE_SCHEMA or said.get("id") != message_id:
        return False
    if said.get("kind") not in ("submitted", "registered", "changed", "cancelled", "revoked"):
        return False
    package = said.get("package")
    whole = isinstance(package, dict) and package.get("schema") == PACKAGE_SCHEMA and bool(package.get("fields"))
    return isinstance(said.get("revision"), int) and (whole or said["kind"] != "submitted")
