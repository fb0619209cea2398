"""What changed from one version of a notice to the next, as pieces to show: what stayed, what went, what came."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any, Final

from msgspec import Struct

from engine.rules.achievement.differences import Difference
from gateway import formatting

COMPARED_MAX: Final = 4_000
"""Characters of a text that are compared one by one; a longer one is shown before and after."""


class Piece(Struct, frozen=True):
    """A stretch of text: `same`, `gone` or `new`."""

    kind: str
    text: str


class ChangedField(Struct, frozen=True):
    """One field that changed; `name` is the key of its text, `place` what stands behind it in a list."""

    name: str
    place: str
    pieces: tuple[Piece, ...]


def changed_fields(changes: Iterable[Difference]) -> list[ChangedField]:
    """Return the changes to show, in the order of the fields."""
    found = []
    for change in changes:
        name, _, place = change.path.replace("[", ".").partition(".")
        found.append(
            ChangedField(name, place.rstrip("]"), _pieces(_shown(name, change.before), _shown(name, change.after)))
        )
    return found


def _shown(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if name == "price" and isinstance(value, int | str):
        return formatting.money(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pieces(before: str, after: str) -> tuple[Piece, ...]:
    if not before or not after or max(len(before), len(after)) > COMPARED_MAX:
        return tuple(piece for piece in (Piece("gone", before), Piece("new", after)) if piece.text)
    pieces: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", before[a:b]))
            continue
        pieces += [piece for piece in (Piece("gone", before[a:b]), Piece("new", after[c:d])) if piece.text]
    return tuple(pieces)
