"""Checks an evidence archive without the market: every byte, every chain, every signature, every claim. Shares no code with its maker
but digests, rules and the layout; reads piece by piece, whatever the file pretends to be.
"""

from __future__ import annotations

import struct
import tempfile
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.evidence.archive import (
    BLOCK,
    EVIDENCE_TAG,
    KIND,
    MANIFEST,
    MEMBERS_MAX,
    SIGNATURE,
    SUMS,
    ArchiveWriter,
    Manifest,
    Member,
    manifest_bytes,
)
from engine.evidence.checkpoints import is_signed, read_checkpoint
from engine.evidence.claims import claim_problems
from engine.evidence.lines import StreamWalk
from engine.evidence.offline import check_receipt
from engine.evidence.quotes import QUOTES, quote_problem
from engine.evidence.snapshots import statement_problem
from engine.evidence.verification import Finding
from engine.rules.publicity.events import ObjectionFiled
from engine.typesetting.request import DOCUMENT_TAG

MANIFEST_MAX: Final = 64 * 1024**2
SMALL_MAX: Final = 64 * 1024**2
"""Bytes of a member that is read as a whole (claims, receipts, lists)."""
LINE_MAX: Final = 16 * 1024**2
CLAIMS: Final = "claims.json"
RECEIPTS: Final = "receipts/"
SNAPSHOTS: Final = "snapshots/index.json"
SEALED_OBJECTIONS: Final = "objections/sealed.json"
CHECKPOINTS: Final = "checkpoints.jsonl"


class ArchiveVerdict(Struct, kw_only=True):
    """What a check found; the first finding is the first bad place."""

    findings: list[Finding] = []
    warnings: list[str] = []
    manifest: Manifest | None = None
    members: int = 0
    events: int = 0
    opened: int = 0
    replayed: int = 0
    """Streams whose every record was open and went through the rules."""

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not self.findings


def check_archive(path: Path, key: bytes | None = None) -> ArchiveVerdict:
    """Check everything that the engine knows of an archive.

    Args:
        path: The file.
        key: The market's public key from a source you trust; None takes the one in the archive, which proves less.
    """
    verdict = ArchiveVerdict()
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError) as damage:
            verdict.findings.append(Finding("archive", f"this is no ZIP file, or its directory is damaged: {damage}"))
            return verdict
        with archive:
            check = _Check(file, archive, verdict)
            if check.begin(key):
                check.members()
                check.streams()
                check.papers()
            if verdict.clean and verdict.manifest is not None:
                check.layout()
    return verdict


class _Check:
    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, verdict: ArchiveVerdict) -> None:
        self.file = file
        self.verdict = verdict
        self.infos = archive.infolist()
        self.by_name = {info.filename: info for info in self.infos}
        self.walks: dict[str, StreamWalk] = {}
        self.key = b""

    def note(self, place: str, problem: str) -> None:
        self.verdict.findings.append(Finding(place, problem))

    def begin(self, key: bytes | None) -> bool:
        """Read and check the manifest; False if nothing can be checked against it."""
        if len(self.infos) > MEMBERS_MAX or len(self.by_name) != len(self.infos):
            self.note("archive", "too many members, or two of one name")
            return False
        text, signature = self.whole(MANIFEST, MANIFEST_MAX), self.whole(SIGNATURE, 64)
        if text is None or signature is None:
            self.note("archive", f"{MANIFEST} or {SIGNATURE} is missing or too large")
            return False
        try:
            manifest = msgspec.json.decode(text, type=Manifest)
            self.key = b64decode(manifest.key) if key is None else key
            if manifest.kind != KIND or manifest.v != 1:
                self.note(MANIFEST, f"not an evidence file of a kind this program knows ({manifest.kind} {manifest.v})")
                return False
            if key is not None and b64decode(manifest.key) != key:
                self.note(MANIFEST, "names another key than the market's")
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, EVIDENCE_TAG + text)
        except InvalidSignature:
            self.note(MANIFEST, f"{SIGNATURE} is not the market's signature of it: one of the two was changed")
        except (msgspec.MsgspecError, ValueError) as damage:
            self.note(MANIFEST, f"cannot be read ({type(damage).__name__})")
            return False
        if key is None:
            self.verdict.warnings.append(
                "signatures were checked with the key in the archive itself; give --key with the market's published key"
            )
        if manifest_bytes(manifest) != text:
            self.note(MANIFEST, "is not in canonical form, or says more than this program knows")
        self.verdict.manifest = manifest
        return True

    def members(self) -> None:
        """Compare every member with the manifest."""
        manifest = self._manifest()
        wanted = [one.name for one in manifest.members] + [MANIFEST, SIGNATURE]
        for name in (info.filename for info in self.infos if info.filename not in wanted):
            self.note(_named(name), "is not in the manifest: it was put in later")
        if [info.filename for info in self.infos if info.filename in wanted] != [
            n for n in wanted if n in self.by_name
        ]:
            self.note("archive", "the members are not in the order of the manifest")
        sums = []
        for member in manifest.members:
            self.verdict.members += 1
            sums.append(f"{member.sha256}  {member.name}\n")
            problem = self._member(member)
            if problem is not None:
                self.note(_named(member.name), problem)
        listed = "".join(line for line in sums if not line.endswith(f"  {SUMS}\n")).encode()
        if (self.whole(SUMS, SMALL_MAX) or b"") != listed:
            self.note(SUMS, "does not list the members as the manifest does")

    def _member(self, member: Member) -> str | None:
        info = self.by_name.get(member.name)
        if info is None:
            return "is missing"
        whole, size = sha256(), 0
        blocks = member.blocks or (member.sha256,)
        for number, block in enumerate(self.raw(info)):
            whole.update(block)
            size += len(block)
            if number < len(blocks) and sha256(block).hexdigest() != blocks[number]:
                first = number * BLOCK
                return f"was changed between byte {first} and byte {first + len(block) - 1}"
            if size > member.size:
                break
        if size != member.size or whole.hexdigest() != member.sha256:
            return f"was changed: {size} bytes instead of {member.size}, or another digest"
        return None

    def streams(self) -> None:
        """Walk every chain and replay what is open."""
        for head in self._manifest().streams:
            walk = self.walks[head.stream] = StreamWalk(head.stream)
            problem = self._walk(head.member, walk)
            self.verdict.events += walk.events
            self.verdict.opened += walk.opened
            self.verdict.replayed += walk.whole and walk.state is not None
            if problem is not None:
                self.note(_named(head.member), problem)
            elif (walk.events, walk.opened, walk.digest.hex()) != (head.events, head.opened, head.digest):
                self.note(
                    _named(head.member),
                    "the chain does not end where the manifest says: lines were cut off or replaced",
                )

    def _walk(self, name: str, walk: StreamWalk) -> str | None:
        place = 0
        for number, line in enumerate(self.lines(name), start=1):
            problem = walk.step(line)
            if problem is not None:
                return f"line {number} (byte {place} on): {problem}"
            place += len(line)
        return None

    def papers(self) -> None:
        """Check claims, receipts, snapshots and checkpoints against the streams and the key."""
        self._claims()
        for name in self.by_name:
            if name.startswith(RECEIPTS):
                self._receipt(name)
        for number, statement in enumerate(self._json(SNAPSHOTS, list, [])):
            member = self.whole(str(statement.get("member", "")), SMALL_MAX) if isinstance(statement, dict) else None
            problem = statement_problem(statement, member, self.key)
            if problem is not None:
                self.note(SNAPSHOTS, f"entry {number + 1}: {problem}")
        self._sealed_objections()
        for number, line in enumerate(self.lines(QUOTES), start=1):
            problem = quote_problem(line)
            if problem is not None:
                self.note(QUOTES, f"line {number}: {problem}")
        heads = {walk.digest.hex() for walk in self.walks.values()}
        for number, line in enumerate(self.lines(CHECKPOINTS), start=1):
            problem = self._checkpoint(line, heads)
            if problem is not None:
                self.note(CHECKPOINTS, f"line {number}: {problem}")

    def _sealed_objections(self) -> None:
        """Who objected and what he wrote is what the log binds by salted digests, unless the person was erased since."""
        filed = {
            event.objection_no: event
            for walk in self.walks.values()
            for event in walk.opened_events.values()
            if isinstance(event, ObjectionFiled)
        }
        for number, one in enumerate(self._json(SEALED_OBJECTIONS, list, []), start=1):
            try:
                event, salt = filed[one["objection_no"]], bytes.fromhex(one["salt"])
                person = sha256(salt + canonical_bytes(one["personal"])).hexdigest()
                statement = sha256(salt + one["statement"].encode()).hexdigest()
                fits = one["erased"] or (person, statement) == (event.personal_digest, event.statement_digest)
            except (KeyError, TypeError, ValueError, AttributeError):
                fits = False
            if not fits:
                self.note(SEALED_OBJECTIONS, f"entry {number}: not what the log binds by its digests")

    def _checkpoint(self, line: bytes, heads: set[str]) -> str | None:
        try:
            checkpoint = read_checkpoint(line)
        except msgspec.MsgspecError:
            return "no checkpoint"
        if not is_signed(checkpoint, self.key):
            return "not signed by the market"
        fits = {head.digest for head in checkpoint.heads} == heads
        return None if fits else "it is of another state of these streams"

    def _claims(self) -> None:
        claims = self._json(CLAIMS, dict, {})
        text = self.whole(CLAIMS, SMALL_MAX) or b""
        if sha256(DOCUMENT_TAG + text).hexdigest() != self._manifest().data_digest:
            self.note(CLAIMS, "is not what the pages of evidence.pdf were made from: their digest is another")
        try:
            said = {claim["stream"]: claim for claim in claims["data"]["streams"]}
            for stream, walk in self.walks.items():
                for problem in claim_problems(said[stream], walk):
                    self.note(CLAIMS, f"{stream}: {problem}")
        except (KeyError, TypeError, AttributeError) as damage:
            self.note(CLAIMS, f"does not say what it must of every stream ({type(damage).__name__})")

    def _receipt(self, name: str) -> None:
        receipt = self._json(name, dict, {})
        problems = check_receipt(receipt, self.key)
        if not problems:
            walk = self.walks.get(receipt["header"]["stream"])
            place = receipt["header"]["stream_seq"] - 1
            held = b"" if walk is None else bytes(walk.contents[32 * place : 32 * place + 32])
            problems = [] if held.hex() == receipt["content"] else ["the stream in this file does not contain it"]
        for problem in problems:
            self.note(_named(name), problem)

    def layout(self) -> None:
        """Write the same members again: every byte outside of them must be where it belongs."""
        with tempfile.TemporaryFile() as again:
            writer = ArchiveWriter(again)
            for info in self.infos:
                with writer.member(info.filename) as member:
                    for block in self.raw(info):
                        member.write(block)
            writer.close()
            again.seek(0)
            self.file.seek(0)
            place = 0
            while True:
                found, wanted = self.file.read(BLOCK), again.read(BLOCK)
                if found != wanted:
                    shift = next((i for i, (x, y) in enumerate(zip(found, wanted, strict=False)) if x != y), 0)
                    self.note("archive", f"byte {place + shift} between the members is not as the market writes it")
                    return
                if not found:
                    return
                place += len(found)

    def raw(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield the stored bytes of a member in blocks, whatever its checksum says."""
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if info.compress_type != zipfile.ZIP_STORED or len(header) < 30 or header[:4] != b"PK\x03\x04":
            return
        name, extra = struct.unpack_from("<HH", header, 26)
        place, left = info.header_offset + 30 + name + extra, info.file_size
        while left > 0:
            self.file.seek(place)
            block = self.file.read(min(BLOCK, left))
            if not block:
                return
            yield block
            place, left = place + len(block), left - len(block)

    def whole(self, name: str, limit: int) -> bytes | None:
        """Return a member that is not larger than `limit`, None if there is none."""
        info = self.by_name.get(name)
        if info is None or info.file_size > limit:
            return None
        return b"".join(self.raw(info))

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a member with their ends; one longer than `LINE_MAX` comes in pieces."""
        info, rest = self.by_name.get(name), b""
        if info is None:
            return
        for block in self.raw(info):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n"
            if len(rest) > LINE_MAX:
                yield rest
                rest = b""
        if rest:
            yield rest

    def _json(self, name: str, kind: type, otherwise: Any) -> Any:
        text = self.whole(name, SMALL_MAX)
        if text is None:
            return otherwise
        try:
            found = msgspec.json.decode(text)
        except msgspec.MsgspecError as damage:
            self.note(_named(name), f"cannot be read ({type(damage).__name__})")
            return otherwise
        return found if isinstance(found, kind) else otherwise

    def _manifest(self) -> Manifest:
        assert self.verdict.manifest is not None, "checked first"
        return self.verdict.manifest


def _named(name: str) -> str:
    """Return a member's name so that a hostile one cannot write on the terminal."""
    return name if name.isprintable() and len(name) <= 200 else ascii(name[:200])
