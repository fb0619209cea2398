"""What a document is made of, and what its worker is told."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes

DOCUMENT_TAG: Final = b"ortoo/document/v1\n"
STANDARD: Final = "a-2u"
"""PDF/A-2u (ISO 19005-2): all of PDF/A-2b, and every glyph says which character it is, so that text can be searched and checked."""
REQUEST_MAX: Final = 8 * 1024**2
PDF_MAX: Final = 32 * 1024**2
EXIT_BROKEN: Final = 4
EXIT_TOO_LARGE: Final = 5

Language = Literal["zh", "en"]


class Frame(Struct, frozen=True, kw_only=True):
    """What every page of a document carries, whatever stands on it."""

    title: str
    market: str
    """Name of the market as configured."""
    number: str
    """Number of the document; also says where to look it up."""
    verify_url: str
    """Address at which anybody can check the document; its QR code, too."""
    dated_us: int
    """The document's date, which is its data's, never the clock's: microseconds since 1970."""
    language: Language = "zh"
    digest: str = ""
    """SHA-256 of the data in hexadecimal; filled in by the typesetter."""
    verify_qr: str = ""
    """SVG of `verify_url`; filled in by the typesetter."""


class Request(Struct, frozen=True, kw_only=True):
    """One document to set."""

    template: str
    """Path of the `.typ` file."""
    frame: Frame
    data: Any
    """Plain values with no floats."""
    seconds_max: int


def data_digest(template: Path, frame: Frame, data: Any) -> str:
    """Return the digest printed on every page: whoever has the data can compute it again.

    Raises:
        NotCanonical: a float, an integer beyond 2**53 - 1, a key that is not ASCII.
    """
    return sha256(DOCUMENT_TAG + statement_bytes(template, frame, data)).hexdigest()


def statement_bytes(template: Path, frame: Frame, data: Any) -> bytes:
    """Return what that digest is made of: everything that decides what the document says, as canonical JSON."""
    plain = msgspec.to_builtins(msgspec.structs.replace(frame, digest="", verify_qr=""))
    return canonical_bytes({"template": template.stem, "frame": plain, "data": data})
