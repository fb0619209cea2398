"""Writes tests/vectors/room.json: frames and what a client makes of them, for both reducers. `python -m tests.gateway.live.vectors`.

`transcripts` are what the real edge sent in a scripted market; `cases` are made by hand, for what a good server never sends.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.rules.auction.commands import PauseLot
from tests.gateway.live.market import LOT, Market, rest, uuid
from tests.gateway.live.room_client import Room, empty_room, reduce
from tests.simulation.virtual_loop import run_virtual

PATH = Path(__file__).parents[2] / "vectors" / "room.json"
Frame = dict[str, Any]


def vectors() -> dict[str, Any]:
    """Return the whole document."""
    transcripts = [{"name": name, "frames": frames} for name, frames in run_virtual(_play()).items()]
    for transcript in transcripts:
        room = empty_room(LOT)
        for frame in transcript["frames"]:
            room = reduce(room, frame)
        transcript["room"] = room
    return {"transcripts": transcripts, "cases": [_case(*case) for case in CASES]}


async def _play() -> dict[str, list[Frame]]:
    market = Market()
    market.publish(LOT, "anna", "bert", proxy=True)
    anna, _ = await market.watch("anna")
    watcher, _ = await market.watch()
    await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000", maximum="5000")
    await rest(0.1)
    market.bid("bert", 1_500)
    await rest(0.1)
    await anna.say(t="bid", id=uuid(2), lot=LOT, maximum="6000")
    await anna.say(t="bid", id=uuid(3), lot=LOT, amount="1")
    market.bid("bert", 7_000)
    await rest(0.1)
    market.engine.decide(LOT, PauseLot(reason="核对材料"))
    await rest(0.1)
    returning, _ = await market.watch()
    snapshot = anna.wire.frames[1]
    await returning.say(t="join", lot=LOT, after=snapshot["seq"], epoch=snapshot["epoch"])
    wire = anna.wire.frames
    resumed = [wire[1], {"t": "offline"}, {"t": "joining", "lot": LOT}, returning.wire.frames[-1]]
    await rest(5)
    frames = {"a bidder is outbid": anna.wire.frames, "a watcher": watcher.wire.frames, "resumed after a cut": resumed}
    return {name: list(heard) for name, heard in frames.items()}


def _case(name: str, room: Room, *frames: Frame) -> dict[str, Any]:
    after = room
    for frame in frames:
        after = reduce(after, frame)
    return {"name": name, "room": room, "frames": list(frames), "after": after}


def _live(leader: str | None) -> Frame:
    return {"lot": LOT, "leader_code": leader, "price": "1000"}


def _row(seq: int) -> Frame:
    return {"seq": seq, "at_us": seq, "kind": "bid", "code": "200", "leader_code": "200", "price": str(seq)}


def _room(**changes: Any) -> Room:
    you = {"code": "100", "leading": True, "maximum": "900"}
    known = {"epoch": 2, "seq": 5, "live": _live("100"), "rows": [_row(5)], "you": you, "you_seq": 5, "wants": None}
    return {**empty_room(LOT), **known, **changes}


def _change(prev: int, seq: int, **changes: Any) -> Frame:
    rows = [_row(seq)]
    frame = {"t": "change", "lot": LOT, "epoch": 2, "prev": prev, "seq": seq, "server_us": 1, "live": _live("200")}
    return {**frame, "rows": rows, "skipped": 0, **changes}


_ACCEPTED = {
    "t": "accepted", "id": uuid(9), "lot": LOT, "seq": 7, "at_us": 7, "digest": "00", "price": "7", "leading": True,
    "maximum": "990", "closes_at_us": None, "extended": False,
}  # fmt: skip
CASES: list[tuple[Any, ...]] = [
    ("the next change is taken", _room(), _change(5, 6)),
    ("a change delivered again is passed over", _room(), _change(5, 6), _change(5, 6)),
    ("an older change is passed over", _room(), _change(3, 4)),
    ("a gap is noticed, the change not taken", _room(), _change(6, 7)),
    ("a new epoch is noticed", _room(), _change(5, 6, epoch=3)),
    ("rows left out leave a mark", _room(), _change(5, 60, skipped=54)),
    ("another lot is another room's business", _room(), _change(5, 6, lot="other")),
    ("changes before the answer to a join are not taken", _room(joining=True), _change(5, 6), _change(6, 7)),
    ("a change before any snapshot is not taken", empty_room(LOT), _change(5, 6)),
    ("resumed where we stand", _room(joining=True), _change(5, 8, t="resumed", rows=[_row(7), _row(8)])),
    ("resumed with nothing new", _room(joining=True), _change(5, 5, t="resumed", rows=[])),
    ("resumed from somewhere else", _room(joining=True), _change(4, 8, t="resumed")),
    ("resumed again is passed over", _room(), _change(4, 5, t="resumed")),
    ("a heartbeat at our place", _room(), {"t": "heartbeat", "server_us": 1, "heads": {LOT: [2, 5]}}),
    ("a heartbeat behind us", _room(), {"t": "heartbeat", "server_us": 1, "heads": {LOT: [2, 4]}}),
    ("a heartbeat ahead: the tail was lost", _room(), {"t": "heartbeat", "server_us": 1, "heads": {LOT: [2, 6]}}),
    ("a heartbeat of a new epoch", _room(), {"t": "heartbeat", "server_us": 1, "heads": {LOT: [3, 5]}}),
    ("a heartbeat while joining", _room(joining=True), {"t": "heartbeat", "server_us": 1, "heads": {LOT: [3, 9]}}),
    ("a heartbeat of other rooms", _room(), {"t": "heartbeat", "server_us": 1, "heads": {"other": [3, 9]}}),
    ("cut off", _room(joining=True), {"t": "offline"}),
    ("cut off before anything", empty_room(LOT), {"t": "offline"}),
    ("a receipt ahead of the price holds", _room(), _ACCEPTED, _change(5, 6), _change(6, 8, live=_live("100"))),
    ("a receipt, then outbid", _room(), _ACCEPTED, _change(5, 8)),
    ("a receipt without a code wants a snapshot", _room(you=None), _ACCEPTED),
    ("an old receipt, answered again, changes nothing", _room(you_seq=9), _ACCEPTED),
    ("a bid that was outbid at once", _room(), {**_ACCEPTED, "leading": False}),
    ("an open bid keeps the maximum", _room(), {**_ACCEPTED, "maximum": None}),
]  # fmt: skip


def text() -> str:
    """Return the document as written."""
    parts = []
    for name, items in vectors().items():
        lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
        parts.append(f'"{name}": [\n{lines}\n]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(text())
