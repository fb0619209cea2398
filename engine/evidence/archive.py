"""The archive of an evidence file: an uncompressed ZIP whose bytes follow from its contents alone (ADR 0010, docs/EVIDENCE.md).

Members in the order they were written, dated 1980-01-01; then `SHA256SUMS`, `manifest.json` and `manifest.sig`. The manifest holds
size and SHA-256 of every member, of large ones also of each 64 KiB, so that a damaged place is named; the market's key signs it.
Nothing is compressed: any program of the next thirty years can read it, and one changed byte is one changed place.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.evidence.receipts import public_key_text

KIND: Final = "ortoo.evidence"
EVIDENCE_TAG: Final = b"ortoo/evidence/v1\n"
BLOCK: Final = 65_536
MEMBERS_MAX: Final = 10_000
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
SUMS: Final = "SHA256SUMS"
_ZIP64_VERSION: Final = 45
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Member(Struct, frozen=True, omit_defaults=True):
    """One file of the archive, as the manifest names it."""

    name: str
    size: int
    sha256: str
    blocks: tuple[str, ...] = ()
    """SHA-256 of each 64 KiB, for members larger than that."""


class StreamHead(Struct, frozen=True):
    """A stream of the journal as the archive holds it."""

    stream: str
    member: str
    events: int
    opened: int
    """Events whose whole record is in the archive."""
    digest: str
    """Of the last event: commits to all of them."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What the market signs."""

    kind: str = KIND
    v: int = 1
    origin: str
    """Name of the market."""
    key: str
    """Its public key, base64 of 32 bytes."""
    number: str
    edition: str
    deal: dict[str, str]
    """`kind` and `id` of what was traded."""
    as_of_us: int
    """Instant of the newest thing in the archive."""
    streams: tuple[StreamHead, ...]
    data_digest: str
    """Digest printed on every page of `evidence.pdf`: that of `claims.json`."""
    members: tuple[Member, ...]


class _Hashing:
    """Digests of a member while it is written."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = sha256()
        self._block = sha256()
        self._left = BLOCK
        self._blocks: list[str] = []

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._whole.update(data)
        while data:
            part, data = data[: self._left], data[self._left :]
            self._block.update(part)
            self._left -= len(part)
            if not self._left:
                self._close_block()

    def _close_block(self) -> None:
        self._blocks.append(self._block.hexdigest())
        self._block, self._left = sha256(), BLOCK

    def member(self, name: str) -> Member:
        if self._left < BLOCK:
            self._close_block()
        blocks = tuple(self._blocks) if self.size > BLOCK else ()
        return Member(name, self.size, self._whole.hexdigest(), blocks)


class MemberWriter:
    """Writes one member piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hashing = _Hashing()

    def write(self, data: bytes) -> None:
        """Append to the member."""
        self._file.write(data)
        self.hashing.update(data)


class ArchiveWriter:
    """Writes an archive from front to back; `seal` ends it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self.members: list[Member] = []

    @contextmanager
    def member(self, name: str) -> Iterator[MemberWriter]:
        """Open a member to write."""
        assert len(self.members) < MEMBERS_MAX and all(name != one.name for one in self.members)
        with self._zip.open(_info(name), "w", force_zip64=True) as file:
            writer = MemberWriter(file)
            yield writer
        self.members.append(writer.hashing.member(name))

    def add(self, name: str, data: bytes) -> None:
        """Write a whole member."""
        with self.member(name) as writer:
            writer.write(data)

    def seal(
        self,
        key: Ed25519PrivateKey,
        *,
        origin: str,
        number: str,
        edition: str,
        deal: dict[str, str],
        as_of_us: int,
        streams: Iterable[StreamHead],
        data_digest: str,
    ) -> Manifest:
        """Write sums, manifest and signature, and close the archive."""
        self.add(SUMS, "".join(f"{one.sha256}  {one.name}\n" for one in self.members).encode())
        manifest = Manifest(
            origin=origin, key=public_key_text(key), number=number, edition=edition, deal=deal, as_of_us=as_of_us,
            streams=tuple(streams), data_digest=data_digest, members=tuple(self.members),
        )  # fmt: skip
        text = manifest_bytes(manifest)
        self.add(MANIFEST, text)
        self.add(SIGNATURE, key.sign(EVIDENCE_TAG + text))
        self.close()
        return manifest

    def close(self) -> None:
        """Write the directory; without a seal only to compare."""
        self._zip.close()


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes that are signed, after the tag."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return canonical_bytes(plain)


def read_member(path: Path, name: str) -> bytes | None:
    """Return a whole member of an archive, None if it has none of this name or its bytes are damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile):
        return None


class _MemberInfo(zipfile.ZipInfo):
    """A member's place in the archive. Its header is laid out here, because that of `zipfile` differs between releases of Python
    (3.11.4 changed it) and an archive must be the same bytes wherever it is made or checked.
    """

    __slots__ = ()

    def FileHeader(self, zip64: bool | None = None) -> bytes:  # noqa: ARG002, N802  # zipfile's signature; always ZIP64
        """Return the local header: sizes stand in the ZIP64 field, and 0xffffffff where they used to be (APPNOTE 4.4.8, 4.5.3)."""
        self.extract_version = self.create_version = _ZIP64_VERSION
        name = self.filename.encode("ascii")
        sizes = struct.pack("<HHQQ", 1, 16, self.file_size, self.compress_size)
        year, month, day, *_ = _EPOCH
        return b"PK\x03\x04" + struct.pack(
            "<HHHHHLLLHH", _ZIP64_VERSION, self.flag_bits, self.compress_type, 0, (year - 1980) << 9 | month << 5 | day,
            self.CRC, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(sizes),
        ) + name + sizes  # fmt: skip


def _info(name: str) -> zipfile.ZipInfo:
    info = _MemberInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED
    return info
