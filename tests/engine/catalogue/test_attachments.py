"""Attachments: taken by what they are, kept whole or not at all, infected ones never served."""

from __future__ import annotations

import asyncio
import io
import stat
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from engine.catalogue.attachments import OF_OWNER_MAX, PER_SUBJECT_MAX, Attachment, Attachments, NotTaken, Scan
from engine.catalogue.media import NAME_MAX, cleaned_name
from engine.values import PartyId

OWNER, SUBJECT = PartyId("o1"), "ach-000000000000"
PDF = b"%PDF-1.7\n1 0 obj\nEICAR?"


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in names:
            made.writestr(name, "<x/>")
    return file.getvalue()


DOCX = archive("[Content_Types].xml", "word/document.xml")
XLSX = archive("[Content_Types].xml", "xl/workbook.xml")


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
def store(pool: asyncpg.Pool, tmp_path: Path) -> Attachments:
    return Attachments(pool, tmp_path, size_max=100_000)


async def parts(body: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def put(store: Attachments, name: str, body: bytes, subject: str = SUBJECT) -> Attachment | NotTaken:
    return await store.put(OWNER, name, parts(body, 4_096), subject=subject, author="p1")


def files_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def scanner(directory: Path, script: str) -> str:
    path = directory / "scan.py"
    path.write_text(script)
    return f"{sys.executable} {path}"


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("a.pdf", PDF, "application/pdf"), ("a.PDF", PDF, "application/pdf"), ("a.png", b"\x89PNG\r\n\x1a\n1234", "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"), ("a.jpeg", b"\xff\xd8\xff\xe1", "image/jpeg"),
        ("a.docx", DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.xlsx", XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.txt", "防效 85%\r\n".encode(), "text/plain"), ("a.txt", b"\xef\xbb\xbfabc", "text/plain"),
    ],
)  # fmt: skip
async def test_files_of_a_known_kind_are_kept_under_their_digest(
    store: Attachments, tmp_path: Path, name: str, body: bytes, kind: str
):
    taken = await put(store, name, body)
    assert isinstance(taken, Attachment)
    assert (taken.media_type, taken.size, taken.scan) == (kind, len(body), Scan.UNSCANNED)
    path = store.file_of(taken)
    assert path is not None
    assert path.read_bytes() == body
    assert path.name == taken.sha256
    assert files_in(tmp_path) == [f"{taken.sha256[:2]}/{taken.sha256}"], "nothing is left in incoming"


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("a.pdf", b"", "empty"),
        ("a.pdf", PDF + b"x" * 100_000, "too_big"),
        ("a.pdf", b"MZ\x90\x00" + b"\x00" * 50, "type"),
        ("a.pdf", b"\x7fELF", "type"),
        ("a.txt", b"abc\x00def", "type"),
        ("a.txt", b"\xff\xfea\x00", "type"),
        ("a.txt", "中文".encode()[:-1], "type"),
        ("a.zip", archive("a.txt"), "type"),
        ("a.docx", archive("a.txt"), "type"),
        ("a.docx", archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "type"),
        ("a.docx", archive("[Content_Types].xml", "word/document.xml", "xl/workbook.xml"), "type"),
        ("a.docx", b"PK\x03\x04broken", "type"),
        ("a.jar", archive("META-INF/MANIFEST.MF"), "type"),
        ("a.docx", XLSX, "type_mismatch"),
        ("a.png", PDF, "type_mismatch"),
        ("a.html", b"<script>alert(1)</script>", "type_mismatch"),
        ("a.svg", b"<svg onload='x'/>", "type_mismatch"),
        ("a.pdf.exe", PDF, "type_mismatch"),
        ("", PDF, "name"), ("pdf", PDF, "name"), (".pdf", PDF, "name"), ("..", PDF, "name"), ("../", PDF, "name"), ("a.", PDF, "name"),
        ("\u202e.pdf", PDF, "name"),
    ],
)  # fmt: skip
async def test_what_is_not_taken_leaves_nothing_behind(
    store: Attachments, pool: asyncpg.Pool, tmp_path: Path, name: str, body: bytes, why: str
):
    refused = await put(store, name, body)
    assert isinstance(refused, NotTaken)
    assert refused.why == why
    assert files_in(tmp_path) == []
    assert await pool.fetchval("SELECT count(*) FROM attachment") == 0


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"), ("..\\..\\windows\\x.pdf", "x.pdf"), ("/abs/olute.pdf", "olute.pdf"), ("检测报告（终稿）.pdf", "检测报告（终稿）.pdf"),
        ("🌾小麦👩‍🔬.pdf", "🌾小麦👩‍🔬.pdf"), ("a\u202egpj.pdf", "agpj.pdf"), ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"), ("a\x00b.pdf", "ab.pdf"),
        ("  a   b .pdf", "a b.pdf"), ("x" * 300 + ".pdf", "x" * (NAME_MAX - 4) + ".pdf"), ("e\u0301.pdf", "\u00e9.pdf"), ("a.tar.pdf", "a.tar.pdf"),
    ],
)  # fmt: skip
async def test_a_name_is_shown_and_never_a_path(store: Attachments, tmp_path: Path, given: str, kept: str):
    assert cleaned_name(given) == kept
    taken = await put(store, given, PDF)
    assert isinstance(taken, Attachment)
    assert taken.name == kept
    assert files_in(tmp_path) == [f"{taken.sha256[:2]}/{taken.sha256}"]


async def test_the_same_bytes_lie_once_and_unlinking_one_use_leaves_the_other(store: Attachments, tmp_path: Path):
    first, second = await put(store, "a.pdf", PDF), await put(store, "b.pdf", PDF, "ach-111111111111")
    assert isinstance(first, Attachment)
    assert isinstance(second, Attachment)
    assert len(files_in(tmp_path)) == 1
    assert await store.unlink(first.id, SUBJECT)
    assert not await store.unlink(second.id, SUBJECT), "of another subject"
    assert await store.of_subject(SUBJECT) == []
    assert [one.id for one in await store.of_subject("ach-111111111111")] == [second.id]
    gone = await store.read(first.id)
    assert gone is not None
    assert gone.unlinked_at_us is not None
    assert store.file_of(gone) is not None, "a published version may still need it"


async def test_what_must_not_be_here_is_erased_and_bytes_of_others_stay(store: Attachments, tmp_path: Path):
    shared, own = await put(store, "a.pdf", PDF), await put(store, "b.pdf", b"%PDF-1.7 own")
    other = await put(store, "c.pdf", PDF, "ach-111111111111")
    assert isinstance(shared, Attachment)
    assert isinstance(own, Attachment)
    assert isinstance(other, Attachment)
    await store.erase(SUBJECT)
    assert await store.of_subject(SUBJECT) == []
    assert files_in(tmp_path) == [f"{other.sha256[:2]}/{other.sha256}"]


async def test_files_of_a_subject_are_bounded(store: Attachments):
    for number in range(PER_SUBJECT_MAX):
        assert isinstance(await put(store, f"{number}.pdf", PDF), Attachment)
    assert await put(store, "one-more.pdf", PDF) == NotTaken("too_many", PER_SUBJECT_MAX)


async def test_a_sender_that_breaks_off_leaves_nothing(store: Attachments, pool: asyncpg.Pool, tmp_path: Path):
    async def broken() -> AsyncIterator[bytes]:
        yield PDF
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(OWNER, "a.pdf", broken(), subject=SUBJECT, author="p1")
    assert files_in(tmp_path) == []
    assert await pool.fetchval("SELECT count(*) FROM attachment") == 0


async def test_a_slow_sender_holds_up_nobody_but_himself(store: Attachments):
    go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PDF
        await go.wait()

    async def started() -> None:
        while len(files_in(store._directory)) < OF_OWNER_MAX:
            await asyncio.sleep(0.005)

    mine = [
        asyncio.create_task(store.put(OWNER, "a.pdf", slow(), subject=SUBJECT, author="p1"))
        for _ in range(OF_OWNER_MAX)
    ]
    await started()
    assert await put(store, "b.pdf", PDF) == NotTaken("busy")
    others = await store.put(PartyId("o2"), "b.pdf", parts(PDF), subject="ach-111111111111", author="p2")
    assert isinstance(others, Attachment)
    go.set()
    assert all(isinstance(taken, Attachment) for taken in await asyncio.gather(*mine))
    assert isinstance(await put(store, "b.pdf", PDF), Attachment)


FINDS = "import sys, pathlib\nsys.exit(1 if b'EICAR' in pathlib.Path(sys.argv[-1]).read_bytes() else 0)\n"


async def test_infected_bytes_go_to_quarantine_and_are_never_served(pool: asyncpg.Pool, tmp_path: Path):
    directory = tmp_path / "files"
    store = Attachments(pool, directory, scan_command=scanner(tmp_path, FINDS))
    assert await put(store, "bad.pdf", PDF) == NotTaken("infected")
    (kept,) = files_in(directory)
    assert kept.startswith("quarantine/")
    assert stat.S_IMODE((directory / kept).stat().st_mode) == 0o400
    assert await store.of_subject(SUBJECT) == []
    row = await pool.fetchrow("SELECT * FROM attachment")
    assert row is not None
    assert row["scan"] == "infected", "that somebody tried is on record"
    found = await store.read(row["id"])
    assert found is not None
    assert store.file_of(found) is None
    # Bytes known to be bad are refused even when no scanner runs any more.
    assert await put(Attachments(pool, directory), "again.pdf", PDF) == NotTaken("infected")


async def test_clean_bytes_are_served(pool: asyncpg.Pool, tmp_path: Path):
    store = Attachments(pool, tmp_path / "files", scan_command=scanner(tmp_path, FINDS))
    taken = await put(store, "good.pdf", b"%PDF-1.7 fine")
    assert isinstance(taken, Attachment)
    assert taken.scan is Scan.CLEAN
    assert store.file_of(taken) is not None


@pytest.mark.parametrize("script", ["import sys; sys.exit(2)", "import os; os.kill(os.getpid(), 9)", None])
async def test_a_scanner_that_gives_no_answer_lets_nothing_through_until_it_does(
    pool: asyncpg.Pool, tmp_path: Path, script: str | None
):
    directory = tmp_path / "files"
    command = "/no/such/scanner" if script is None else scanner(tmp_path, script)
    store = Attachments(pool, directory, scan_command=command)
    good, bad = await put(store, "good.pdf", b"%PDF-1.7 fine"), await put(store, "bad.pdf", PDF)
    for taken in (good, bad):
        assert isinstance(taken, Attachment)
        assert taken.scan is Scan.UNSCANNED
        assert store.file_of(taken) is None
    assert await store.rescan() == 0
    repaired = Attachments(pool, directory, scan_command=scanner(tmp_path, FINDS))
    assert await repaired.rescan() == 2
    assert isinstance(good, Attachment)
    assert isinstance(bad, Attachment)
    now_good, now_bad = await repaired.read(good.id), await repaired.read(bad.id)
    assert now_good is not None
    assert now_bad is not None
    assert repaired.file_of(now_good) is not None
    assert (now_bad.scan, repaired.file_of(now_bad)) == (Scan.INFECTED, None)
    assert not (directory / bad.sha256[:2] / bad.sha256).exists()
