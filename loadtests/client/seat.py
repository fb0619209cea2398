"""A bidder's seat in a room as a careful client keeps it: what it saw, what it asked, what it was told. Pure:
frames in, frames out.

It resumes where it was, asks again with the same id what was not answered, and notes every break of the
protocol's promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from loadtests.checker import Told, told_by

Frame = Mapping[str, Any]


class Seat:
    """One client on one lot. Feed it `frame(…)`; send what it returns."""

    def __init__(self, lot: str) -> None:
        self.lot = lot
        self.seq: int | None = None
        self.epoch: int | None = None
        self.first_seq: int | None = None
        """Where it came in: rows after this one are its business."""
        self.minimum: int | None = None
        self.leading = False
        self.phase = ""
        self.rows: dict[int, Frame] = {}
        self.excused: set[int] = set()
        """Frames that said themselves that they leave rows out (`skipped`, or a snapshot in place of a
        resume).
        """
        self.open_bids: dict[str, Frame] = {}
        """Sent and not answered, by id."""
        self.last_answered: Frame | None = None
        """A bid that has its answer; sent again it must get the same one."""
        self.told: list[Told] = []
        self._to_repeat: list[Frame] = []
        self._code: str | None = None
        self.problems: list[str] = []
        self.resumes = 0
        self._rejoining = False

    def enter(self) -> list[Frame]:
        """Return what to send on a fresh connection: the join from where it was, and every open bid again."""
        self._rejoining = True
        return [
            {"t": "join", "lot": self.lot, "after": self.seq, "epoch": self.epoch},
            *self.open_bids.values(),
        ]

    def bid(self, amount: int) -> Frame:
        """Return a new bid and keep it as open."""
        command_id = str(uuid4())
        frame = {"t": "bid", "id": command_id, "lot": self.lot, "amount": str(amount), "confirm": True}
        self.open_bids[command_id] = frame
        return frame

    def frame(self, frame: Frame) -> list[Frame]:
        """Take a frame of the server."""
        match frame["t"]:
            case "accepted" | "rejected":
                self._answer(frame)
            case "error":
                self.problems.append(f"{self.lot}: the server answered error {frame['code']}")
            case "snapshot":
                self._snapshot(frame)
            case "resumed":
                self.resumes += 1
                self._follow(frame)
            case "change" if not self._rejoining:
                if frame["prev"] != self.seq or frame["epoch"] != self.epoch:
                    self._rejoining = True
                    return [{"t": "join", "lot": self.lot, "after": self.seq, "epoch": self.epoch}]
                self._follow(frame)
        return []

    def again(self) -> list[Frame]:
        """Return the bids that the server asked to send again with the same id; call it after a pause."""
        repeated, self._to_repeat = self._to_repeat, []
        return repeated

    def _answer(self, frame: Frame) -> None:
        bid = self.open_bids.get(frame["id"])
        if frame["t"] == "rejected" and frame["retry"] == "same_id":
            if bid is not None:
                self._to_repeat.append(bid)
            return
        self.open_bids.pop(frame["id"], None)
        told = told_by(frame)
        if told is not None:
            self.told.append(told)
        if told is not None and bid is not None:
            self.last_answered = bid
            self.leading = frame.get("leading", self.leading)

    def _snapshot(self, frame: Frame) -> None:
        rows = {row["seq"]: row for row in frame["rows"]}
        self._code = None if frame["you"] is None else frame["you"]["code"]
        if self.seq is None:
            self.first_seq = frame["seq"]
        else:
            oldest = min(rows, default=frame["seq"] + 1)
            self.excused |= set(range(self.seq + 1, oldest))
            if frame["seq"] < self.seq:
                self.problems.append(f"{self.lot}: a snapshot at {frame['seq']} after having seen {self.seq}")
        self._take(frame)

    def _follow(self, frame: Frame) -> None:
        if self.seq is not None and frame["seq"] < self.seq:
            self.problems.append(f"{self.lot}: {frame['t']} to {frame['seq']} after having seen {self.seq}")
        if frame.get("skipped"):
            oldest = min((row["seq"] for row in frame["rows"]), default=frame["seq"] + 1)
            self.excused |= set(range((self.seq or 0) + 1, oldest))
        self._take(frame)

    def _take(self, frame: Frame) -> None:
        self._rejoining = False
        self.seq, self.epoch = frame["seq"], frame["epoch"]
        for row in frame["rows"]:
            if self.rows.setdefault(row["seq"], row) != row:
                self.problems.append(f"{self.lot}: row {row['seq']} was shown in two ways")
        live = frame["live"]
        self.phase = live["phase"]
        self.leading = self._code is not None and live["leader_code"] == self._code
        self.minimum = None if live["minimum"] is None else int(live["minimum"])
