"""What the one font of all documents can print, and how everything else is written: as its Unicode number, never left out.

A character without a glyph would print as an empty box, and PDF/A forbids it. Characters that act instead of being seen (controls,
directional overrides, zero-width marks) could make a page say something else than its data; they are numbers, too.
"""

from __future__ import annotations

import mmap
import re
import struct
import unicodedata
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any, Final

import cvttf_NotoSansCJK_Regular

_ACTING: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_BREAKS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


class FontUnusable(Exception):
    """The font's file is not what was pinned."""


@cache
def font_file() -> Path:
    """Return the font that documents are set in.

    Raises:
        FontUnusable: the package holds none.
    """
    try:
        return Path(cvttf_NotoSansCJK_Regular.get_TTF_path())
    except FileNotFoundError as missing:
        raise FontUnusable("the font package is empty: install the pinned packages again") from missing


class Coverage:
    """The characters a font has glyphs for, as sorted ranges."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self._starts = [first for first, _ in ranges]
        self._ends = [last for _, last in ranges]

    def __contains__(self, character: str) -> bool:
        place = bisect_right(self._starts, ord(character)) - 1
        return place >= 0 and ord(character) <= self._ends[place]


@cache
def coverage() -> Coverage:
    """Read the font's character map.

    Raises:
        FontUnusable: there is no map of all planes (format 12) in it.
    """
    with font_file().open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as font:
        for place in range(struct.unpack_from(">H", font, 4)[0]):
            tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * place)
            if tag == b"cmap":
                return Coverage(_ranges(font, offset))
    raise FontUnusable("the font has no character map")


def _ranges(font: mmap.mmap, cmap: int) -> list[tuple[int, int]]:
    for place in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        table = cmap + struct.unpack_from(">I", font, cmap + 8 + 8 * place)[0]
        if struct.unpack_from(">H", font, table)[0] == 12:
            groups = struct.unpack_from(">I", font, table + 12)[0]
            return [struct.unpack_from(">II", font, table + 16 + 12 * group) for group in range(groups)]
    raise FontUnusable("the font's character map leaves out the rarer planes")


def legible(text: str) -> str:
    """Return the text with what cannot be seen as numbers: `"a\\u202e"` is `"a〔U+202E〕"`. Line ends are `\\n`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(character) for character in _BREAKS.sub("\n", text))


def _written(character: str) -> str:
    if character in "\n\t":
        return character
    if unicodedata.category(character) in _ACTING or character not in coverage():
        return f"〔U+{ord(character):04X}〕"
    return character


def legible_values(value: Any) -> Any:
    """Return plain values with every text in them, keys aside, made legible."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, dict):
        return {name: legible_values(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [legible_values(part) for part in value]
    return value
