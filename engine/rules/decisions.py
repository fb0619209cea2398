"""What every rule says no with: a code in documented precedence and what the client may know about it."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.rejections import Reject


class Refusal(Struct, frozen=True):
    """The command does not hold."""

    code: Reject
    data: dict[str, str | int] = {}
