"""What a file is, told by its bytes and not by what its sender says; and what it may be called."""

from __future__ import annotations

import codecs
import unicodedata
import zipfile
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

NAME_MAX: Final = 120
ENTRIES_MAX: Final = 5_000
"""Entries of an office document; more is no document."""
CHUNK: Final = 65_536


class Kind(Struct, frozen=True):
    """A type of file that is taken."""

    media_type: str
    extensions: tuple[str, ...]


PDF: Final = Kind("application/pdf", ("pdf",))
PNG: Final = Kind("image/png", ("png",))
JPEG: Final = Kind("image/jpeg", ("jpg", "jpeg"))
DOCX: Final = Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ("docx",))
XLSX: Final = Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ("xlsx",))
TEXT: Final = Kind("text/plain", ("txt",))
KINDS: Final = (PDF, PNG, JPEG, DOCX, XLSX, TEXT)
_PARTS: Final = (("word/document.xml", DOCX), ("xl/workbook.xml", XLSX))
_MAGIC: Final = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))


def kind_of(path: Path) -> Kind | None:
    """Return what a stored file is; None if it is nothing that is taken: archives, programs, documents with macros."""
    with path.open("rb") as file:
        head = file.read(16)
        for magic, kind in _MAGIC:
            if head.startswith(magic):
                return kind
        if head.startswith(b"PK\x03\x04"):
            return _office_kind(file)
        file.seek(0)
        return TEXT if _is_text(file) else None


def _office_kind(file: IO[bytes]) -> Kind | None:
    """Look at the directory of an archive; nothing is unpacked, so a bomb stays what it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = {entry.filename for entry in archive.infolist()}
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        RuntimeError,
    ):  # RuntimeError: a version this program does not read
        return None
    if "[Content_Types].xml" not in names or len(names) > ENTRIES_MAX:
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    found = [kind for part, kind in _PARTS if part in names]
    return found[0] if len(found) == 1 else None


def _is_text(file: IO[bytes]) -> bool:
    """UTF-8 without control characters but tab and line ends. It is served as plain text to be saved, whatever it says."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        while part := file.read(CHUNK):
            if not _prints(decoder.decode(part)):
                return False
        return _prints(decoder.decode(b"", final=True))
    except UnicodeDecodeError:
        return False


def _prints(text: str) -> bool:
    return not any((c < " " and c not in "\t\r\n\f") or c == "\x7f" for c in text)


def cleaned_name(text: str) -> str | None:
    """Return a file name fit to be shown and offered: the last part of a path, NFC, nothing invisible; None if nothing is left.

    A name is never a path of ours: files lie under their digests.
    """
    last = unicodedata.normalize("NFC", text[: 4 * NAME_MAX].replace("\\", "/")).rpartition("/")[2]
    # Cc controls, Cf direction marks and the like (joiners of emoji excepted), Cs halves of pairs, Zl and Zp line ends
    kept = "".join(
        c
        for c in last
        if c in "\u200d\ufe0f" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    )
    name = " ".join(kept.split()).strip(". ")
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem.strip(". \u200d\ufe0f") or not extension.isascii() or not extension.isalnum():
        return None
    room = NAME_MAX - len(extension) - 1
    return f"{stem[:room].rstrip()}.{extension}" if room > 0 else None


def fits(name: str, kind: Kind) -> bool:
    """Tell whether a cleaned name ends as files of this kind do."""
    return name.rpartition(".")[2].lower() in kind.extensions
