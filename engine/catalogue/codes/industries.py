"""Industries (国民经济行业分类, GB/T 4754-2017): sections `A` … `T`, and their divisions `01` … `97`, whose parent is the section."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

INDUSTRIES: Final = load_table("industries", Entry)
SECTIONS: Final = INDUSTRIES.children()
DIVISIONS: Final = tuple(entry for entry in INDUSTRIES.values() if entry.parent)


def industry_of(code: str) -> Entry | None:
    """Return the section or division of a code as people write it: `C`, `26`, `C26`; of a finer code (`2614`) its division."""
    text = code.strip().upper()
    if text in INDUSTRIES:
        return INDUSTRIES[text]
    section, digits = (text[0], text[1:]) if text[:1].isalpha() else ("", text)
    division = INDUSTRIES.get(digits[:2]) if digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 4 else None
    return division if division is not None and section in ("", division.parent) else None
