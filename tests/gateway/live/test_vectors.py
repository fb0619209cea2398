"""The frames on the wire and what a client makes of them are fixed by tests/vectors/room.json, which the browser's reducer obeys too."""

from __future__ import annotations

import json

from tests.gateway.live.vectors import PATH, vectors


def test_the_vectors_are_what_edge_and_reducer_do_today() -> None:
    """After an intended change: `python -m tests.gateway.live.vectors`, and read the difference."""
    assert json.loads(PATH.read_text()) == json.loads(json.dumps(vectors()))
