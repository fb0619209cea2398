"""A client's view of one room: the same pure reducer as gateway/static/js/room/state.js, held to the same vectors."""

from __future__ import annotations

from typing import Any

ROWS_KEPT = 500
Room = dict[str, Any]
Frame = dict[str, Any]


def empty_room(lot: str) -> Room:
    """Nothing is known yet: wants a snapshot."""
    return {
        "lot": lot, "epoch": None, "seq": None, "live": None, "rows": [], "you": None, "you_seq": 0,
        "wants": "snapshot", "joining": False,
    }  # fmt: skip


def reduce(room: Room, frame: Frame) -> Room:
    """Return the room after a frame. Frames of other lots change nothing."""
    kind = frame["t"]
    if kind == "heartbeat":
        return _heartbeat(room, frame)
    if kind == "offline":
        return {**room, "joining": False, "wants": "snapshot" if room["seq"] is None else "resume"}
    if frame.get("lot") != room["lot"]:
        return room
    match kind:
        case "joining":
            return {**room, "joining": True, "wants": None}
        case "snapshot":
            return _snapshot(room, frame)
        case "resumed":
            return _resumed(room, frame)
        case "change":
            return _change(room, frame)
        case "accepted":
            return _accepted(room, frame)
    return room


def _snapshot(room: Room, frame: Frame) -> Room:
    fresh = {
        **room, "epoch": frame["epoch"], "seq": frame["seq"], "live": frame["live"], "rows": frame["rows"],
        "you": frame["you"], "you_seq": frame["seq"], "wants": None, "joining": False,
    }  # fmt: skip
    return fresh


def _resumed(room: Room, frame: Frame) -> Room:
    if frame["prev"] != room["seq"] or frame["epoch"] != room["epoch"]:
        return room if _seen(room, frame) else {**room, "joining": False, "wants": "resume"}
    return {**_follow(room, frame), "wants": None, "joining": False}


def _change(room: Room, frame: Frame) -> Room:
    if room["joining"] or room["seq"] is None or _seen(room, frame):
        return room
    if frame["prev"] != room["seq"] or frame["epoch"] != room["epoch"]:
        return {**room, "wants": room["wants"] or "resume"}
    return _follow(room, frame)


def _seen(room: Room, frame: Frame) -> bool:
    return (
        frame["epoch"] == room["epoch"]
        and room["seq"] is not None
        and frame["seq"] <= room["seq"]
        and not room["joining"]
    )


def _follow(room: Room, frame: Frame) -> Room:
    skipped = frame["skipped"]
    mark = [{"kind": "skipped", "seq": frame["prev"], "count": skipped}] if skipped else []
    rows = [*room["rows"], *mark, *frame["rows"]][-ROWS_KEPT:]
    room = {**room, "seq": frame["seq"], "live": frame["live"], "rows": rows}
    you = room["you"]
    if you is None or frame["seq"] < room["you_seq"]:
        return room
    leading = frame["live"]["leader_code"] == you["code"]
    return {**room, "you": {**you, "leading": leading, "maximum": you["maximum"] if leading else None}}


def _heartbeat(room: Room, frame: Frame) -> Room:
    head = frame["heads"].get(room["lot"])
    if head is None or room["joining"] or room["seq"] is None or room["wants"]:
        return room
    lost = head[0] != room["epoch"] or head[1] > room["seq"]
    return {**room, "wants": "resume"} if lost else room


def _accepted(room: Room, frame: Frame) -> Room:
    if frame["price"] is None or frame["seq"] < room["you_seq"]:
        return room
    you = room["you"]
    if you is None:
        return {**room, "wants": "snapshot"}
    maximum = frame["maximum"] or you["maximum"] if frame["leading"] else None
    return {**room, "you": {**you, "leading": frame["leading"], "maximum": maximum}, "you_seq": frame["seq"]}


def join_of(room: Room) -> Frame:
    """Return the join that a room asks for."""
    resume = room["wants"] == "resume"
    return {
        "t": "join", "lot": room["lot"],
        "after": room["seq"] if resume else None, "epoch": room["epoch"] if resume else None,
    }  # fmt: skip
