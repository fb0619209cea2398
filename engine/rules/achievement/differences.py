"""Field by field: what one version of a record, or of a notice, says other than another."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct


class Difference(Struct, frozen=True):
    """A place where two versions differ; values as plain JSON, None where there is nothing."""

    path: str
    before: Any
    after: Any


def differences(before: Struct, after: Struct) -> list[Difference]:
    """Return where two versions differ, in the order of the fields; list entries are compared place by place."""
    return _compare("", msgspec.to_builtins(before), msgspec.to_builtins(after))


def _compare(path: str, before: Any, after: Any) -> list[Difference]:
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        names = dict.fromkeys((*before, *after))
        dot = f"{path}." if path else ""
        return [d for name in names for d in _compare(dot + name, before.get(name), after.get(name))]
    if isinstance(before, list) and isinstance(after, list):
        longest = max(len(before), len(after))
        pairs = ((before[i : i + 1], after[i : i + 1]) for i in range(longest))
        return [
            d
            for place, (old, new) in enumerate(pairs)
            for d in _compare(f"{path}[{place}]", old[0] if old else None, new[0] if new else None)
        ]
    return [Difference(path, before, after)]
