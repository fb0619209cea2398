"""What one client sent, was told and saw, with the machine's monotonic time. Frames of the room protocol in, facts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Frame = Mapping[str, Any]
FINAL_PHASES = frozenset({"sold", "passed", "voided", "withdrawn"})


class Sent(NamedTuple):
    """A bid left the client, for the first time or again."""

    at_s: float
    lot: str
    command_id: str
    amount: int


class Answered(NamedTuple):
    """A decision on record reached the client. Answers that ask to send again (`seq` null) are none."""

    at_s: float
    lot: str
    command_id: str
    accepted: bool
    seq: int
    at_us: int
    digest: str
    price: int | None
    code: str


class Saw(NamedTuple):
    """A room was shown at a place of its log."""

    at_s: float
    lot: str
    seq: int
    price: int | None
    final: bool


class Journal:
    """The journal of one client. It keeps everything, because nothing of it may turn out to be untrue later."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.code: dict[str, str] = {}
        """The bidder code that this client was given, by lot."""
        self.sent: list[Sent] = []
        self.answered: list[Answered] = []
        self.saw: list[Saw] = []
        self.rows: dict[tuple[str, int], Mapping[str, Any]] = {}
        """Public rows that were shown, by lot and number."""
        self.conflicts: list[str] = []

    def note_sent(self, frame: Frame, at_s: float) -> None:
        """Note a frame of the client; only bids matter."""
        if frame["t"] == "bid":
            self.sent.append(Sent(at_s, frame["lot"], _plain(frame["id"]), int(frame["amount"])))

    def note_heard(self, frame: Frame, at_s: float) -> None:
        """Note a frame of the server."""
        match frame["t"]:
            case "accepted" | "rejected" if frame.get("seq") is not None:
                price = frame.get("price")
                self.answered.append(
                    Answered(
                        at_s, frame["lot"], _plain(frame["id"]), frame["t"] == "accepted", frame["seq"],
                        frame["at_us"], frame["digest"], None if price is None else int(price), frame.get("code", ""),
                    )
                )  # fmt: skip
            case "snapshot" | "change" | "resumed":
                self._note_room(frame, at_s)

    def _note_room(self, frame: Frame, at_s: float) -> None:
        live, lot = frame["live"], frame["lot"]
        price = None if live["price"] is None else int(live["price"])
        self.saw.append(Saw(at_s, lot, frame["seq"], price, live["phase"] in FINAL_PHASES))
        if frame.get("you") is not None:
            self.code[lot] = frame["you"]["code"]
        for row in frame["rows"]:
            if self.rows.setdefault((lot, row["seq"]), row) != row:
                self.conflicts.append(f"{lot}: {self.name} was shown row {row['seq']} in two ways")


def _plain(command_id: str) -> str:
    return command_id.replace("-", "")
