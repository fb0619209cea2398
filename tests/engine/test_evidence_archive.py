"""Archives as they were committed once: read for ever, and every changed byte is found and its member named (P8).

tests/vectors/evidence/ holds two editions of one sold lot, signed by the key 00 01 … 1f.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.canonical import canonical_bytes
from engine.evidence.archive import BLOCK, ArchiveWriter, Manifest, StreamHead
from engine.evidence.archive_checking import check_archive
from gateway.verify_command import main as verify
from settlement.evidence import Kind, history_problem, ledger_problem, settlement_findings

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
VECTORS = Path(__file__).parents[1] / "vectors" / "evidence"
SUPERVISOR, SELLER = VECTORS / "supervisor.zip", VECTORS / "seller.zip"
CHECK = Path(__file__).parents[2] / "gateway" / "evidence" / "check.py"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(source: Path, target: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """The archive with members changed, its ZIP checksums in order again; manifest and signature as they were."""
    with target.open("wb") as file:
        writer = ArchiveWriter(file)
        for member, data in members(source).items():
            writer.add(member, changes.get(member, bytes)(data))
        writer.close()
    return target


def signed_again(source: Path, target: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """The archive as the market itself would forge it: members changed, sums, manifest and signature made anew."""
    old = json.loads(members(source)["manifest.json"])
    with target.open("wb") as file:
        writer = ArchiveWriter(file)
        for member, data in members(source).items():
            if member not in ("SHA256SUMS", "manifest.json", "manifest.sig"):
                writer.add(member, changes.get(member, bytes)(data))
        writer.seal(
            KEY, origin=old["origin"], number=old["number"], edition=old["edition"], deal=old["deal"], as_of_us=old["as_of_us"],
            streams=[StreamHead(**head) for head in old["streams"]], data_digest=old["data_digest"],
        )  # fmt: skip
    return target


def flipped(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("path", [SUPERVISOR, SELLER], ids=lambda path: path.stem)
def test_committed_archives_stay_sound(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(path), "--key", b64encode(PUBLIC).decode()]) == 0
    assert "sound: EV-" in capsys.readouterr().out
    assert subprocess.run([sys.executable, "-I", CHECK, path], check=False, capture_output=True).returncode == 0


def test_only_the_whole_edition_is_replayed_and_the_other_says_how_much_is_open() -> None:
    whole, part = check_archive(SUPERVISOR, PUBLIC), check_archive(SELLER, PUBLIC)
    assert (whole.events, whole.opened, whole.replayed) == (8, 8, 1)
    assert part.events == 8 and part.opened < 8 and part.replayed == 0
    assert whole.manifest is not None and part.manifest is not None
    assert whole.manifest.streams[0].digest == part.manifest.streams[0].digest


def test_without_a_key_of_ones_own_the_answer_says_that_it_proves_less() -> None:
    verdict = check_archive(SELLER)
    assert verdict.clean and "key in the archive itself" in verdict.warnings[0]
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert {finding.place for finding in check_archive(SELLER, other).findings} >= {"manifest.json"}


@pytest.mark.parametrize("name", [name for name, data in members(SUPERVISOR).items() if data])
def test_one_changed_byte_in_a_member_is_found_and_the_member_named(name: str, tmp_path: Path) -> None:
    verdict = check_archive(rewritten(SUPERVISOR, tmp_path / "changed.zip", {name: flipped}), PUBLIC)
    assert verdict.findings[0].place == ("manifest.json" if name == "manifest.sig" else name)


@pytest.mark.parametrize("length", [0, BLOCK])
def test_a_member_cut_off_between_its_blocks_is_named(length: int, tmp_path: Path) -> None:
    assert len(members(SUPERVISOR)["evidence.pdf"]) > BLOCK
    verdict = check_archive(
        rewritten(SUPERVISOR, tmp_path / "cut.zip", {"evidence.pdf": lambda data: data[:length]}), PUBLIC
    )
    assert (verdict.findings[0].place, verdict.findings[0].problem[:11]) == ("evidence.pdf", "was changed")


def test_a_changed_line_of_a_stream_is_named_by_its_number_and_byte(tmp_path: Path) -> None:
    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join([*lines[:3], lines[3].replace(b'"maximum', b'"Maximum', 1), *lines[4:]])

    name = "streams/lot-sold1.jsonl"
    verdict = check_archive(signed_again(SUPERVISOR, tmp_path / "forged.zip", {name: change}), PUBLIC)
    begins = sum(map(len, members(SUPERVISOR)[name].splitlines(keepends=True)[:3]))
    assert verdict.findings[0].place == name
    assert verdict.findings[0].problem.startswith(f"line 4 (byte {begins} on): the record was changed")


def test_any_changed_byte_of_the_file_is_found_wherever_it_stands(tmp_path: Path) -> None:
    data, changed = SELLER.read_bytes(), tmp_path / "one.zip"
    tail = len(data) - 2_500
    for place in [*range(0, 90, 3), *range(200, len(data), len(data) // 40), *range(tail, len(data), 61)]:
        changed.write_bytes(data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :])
        assert not check_archive(changed, PUBLIC).clean, place
    for cut in (b"", data[:100], data[: len(data) // 2], data[:-1], data + b"x", b"x" + data):
        changed.write_bytes(cut)
        assert not check_archive(changed, PUBLIC).clean


def test_members_put_in_taken_out_or_moved_are_named(tmp_path: Path) -> None:
    whole = members(SELLER)

    def written(names: list[str], more: dict[str, bytes]) -> Path:
        with (tmp_path / "other.zip").open("wb") as file:
            writer = ArchiveWriter(file)
            for name in names:
                writer.add(name, {**whole, **more}[name])
            writer.close()
        return tmp_path / "other.zip"

    names = list(whole)
    assert check_archive(written([*names, "x.txt"], {"x.txt": b"x"}), PUBLIC).findings[0].place == "x.txt"
    assert (
        check_archive(written([name for name in names if name != "claims.json"], {}), PUBLIC).findings[0].place
        == "claims.json"
    )
    assert check_archive(written([names[1], names[0], *names[2:]], {}), PUBLIC).findings[0].place == "archive"


CLAIMS = "claims.json"


def claiming(**changes: Any) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        plain = json.loads(data)
        plain["data"]["streams"][0]["public"].update(changes)
        return canonical_bytes(plain)

    return change


@pytest.mark.parametrize("path", [SUPERVISOR, SELLER], ids=lambda path: path.stem)
@pytest.mark.parametrize("changes", [{"price": "1"}, {"winner_code": "0000"}, {"bids": 77}])
def test_a_claim_that_the_records_do_not_bear_out_is_found_even_if_the_market_signed_it(
    path: Path, changes: dict[str, Any], tmp_path: Path
) -> None:
    forged = signed_again(path, tmp_path / "forged.zip", {CLAIMS: claiming(**changes)})
    problems = [finding.problem for finding in check_archive(forged, PUBLIC).findings if finding.place == CLAIMS]
    assert any("claims another" in problem or "do not give" in problem for problem in problems), problems


def test_a_forged_state_is_found_by_the_rules(tmp_path: Path) -> None:
    def change(data: bytes) -> bytes:
        plain = json.loads(data)
        plain["data"]["streams"][0]["state_sha256"] = "00" * 32
        return canonical_bytes(plain)

    forged = signed_again(SUPERVISOR, tmp_path / "forged.zip", {CLAIMS: change})
    found = [finding.problem for finding in check_archive(forged, PUBLIC).findings]
    shape_is_ours = json.loads(members(SUPERVISOR)[CLAIMS])["data"]["streams"][0]["shape"] == shape_now()
    assert any("the rules make another state" in problem for problem in found) == shape_is_ours


def shape_now() -> str:
    from engine.journal.streams import LOTS

    return LOTS.shape


def test_hostile_files_are_answered_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(200))
    assert "ZIP" in check_archive(path).findings[0].problem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("manifest.json", b"0" * 1_000_000)
        bomb.writestr("manifest.sig", b"1" * 64)
    assert not check_archive(path).clean
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("manifest.json", b'{"kind":"ortoo.evidence"}')
        other.writestr("manifest.sig", b"1" * 64)
    assert check_archive(path).findings[0].place == "manifest.json"
    assert verify([str(tmp_path / "missing.zip")]) == 2


def test_the_pages_print_the_digest_of_their_data(tmp_path: Path) -> None:
    files = members(SELLER)
    manifest = json.loads(files["manifest.json"])
    for page in pypdf.PdfReader(io.BytesIO(files["evidence.pdf"])).pages:
        assert manifest["data_digest"] in page.extract_text().replace("\n", "")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the README's way needs OpenSSL")
def test_the_signature_is_checked_by_openssl_as_the_readme_says(tmp_path: Path) -> None:
    for name, data in members(SELLER).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    readme = (tmp_path / "README.txt").read_text()
    command = [line.strip() for line in readme.splitlines() if line.strip().startswith(("{ printf", "openssl"))][:2]
    done = subprocess.run(
        ["bash", "-ec", "\n".join(["sha256sum -c SHA256SUMS", *command])],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def test_money_lines_are_checked_by_the_rules_of_deposits_and_the_ledger() -> None:
    assert ledger_problem([]) is None and all(history_problem(kind, []) is None for kind in Kind)
    assert "line 1" in (ledger_problem([b"{}\n"]) or "")
    for kind in Kind:
        assert "line 1" in (history_problem(kind, [b'{"of":"d1","seq":1}\n']) or "")
    assert settlement_findings(SUPERVISOR, Manifest(**manifest_of(SUPERVISOR))) == []


def manifest_of(path: Path) -> dict[str, Any]:
    import msgspec

    decoded = msgspec.json.decode(members(path)["manifest.json"], type=Manifest)
    return {name: getattr(decoded, name) for name in Manifest.__struct_fields__}
