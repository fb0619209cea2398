"""Import of many: what a row becomes, what the report says, hostile files, jobs that act once."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.catalogue.achievements.store import Achievements
from engine.catalogue.importing import jobs as jobs_module
from engine.catalogue.importing import reading
from engine.catalogue.importing.columns import COLUMNS, column_named
from engine.catalogue.importing.jobs import Choice, ImportRefused, Imports, Job, JobState, Target
from engine.catalogue.importing.reading import Cell, FileUnusable, Row, rows_of
from engine.catalogue.importing.rows import Line, read_row
from engine.catalogue.importing.template import template_csv, template_xlsx
from engine.catalogue.search.entries import Kind
from engine.catalogue.search.feed import SearchFeed, load_achievements
from engine.catalogue.search.notices import Notices
from engine.catalogue.search.searching import Search
from engine.rules.achievement.record import Mode, RightStatus
from engine.rules.words import parse
from engine.values import PartyId

PARTY, OTHER = PartyId("o" + "1" * 16), PartyId("o" + "2" * 16)
NOW_US = 1_780_000_000_000_000
EXAMPLE = {column.key: column.example for column in COLUMNS}


def line(publish: bool = True, **cells: str) -> Line:
    texts = {key: Cell(text) for key, text in {**EXAMPLE, **cells}.items() if text}
    return read_row(Row(2, texts), publish=publish, at_us=NOW_US)


def told(found: Line) -> list[tuple[str, str, str, bool]]:
    return [(one.column, one.code, one.value, one.blocking) for one in found.problems]


def test_the_example_row_of_the_template_is_good():
    found = line()
    assert told(found) == []
    assert found.record.modes == (Mode.PLAIN, Mode.EQUITY)
    assert [(one.name, one.share_bp, one.named_publicly) for one in found.record.completers] == [
        ("其其格", 6_000, False),
        ("阿古拉", 4_000, False),
    ]
    assert found.record.rights[0].status is RightStatus.GRANTED


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"region": "包头"}, ("region", "code_unknown", "包头", True)),
        ({"fields": "新材料？"}, ("fields", "code_unknown", "新材料？", True)),
        ({"trl": "十"}, ("trl", "trl_range", "十", True)),
        ({"trl_evidence": "检测报告"}, ("trl_evidence", "evidence_form", "检测报告", True)),
        ({"indicators": "40%"}, ("indicators", "indicator_form", "40%", True)),
        ({"completers": "其其格"}, ("completers", "completer_form", "", True)),
        ({"completers": "其其格：160%"}, ("completers", "share_range", "", True)),
        ({"completers": "其其格：60%"}, ("completers", "shares_sum", "", True)),
        ({"rights": "发明"}, ("rights", "right_form", "发明", True)),
        ({"rights": "商标|名"}, ("rights", "code_unknown", "商标", True)),
        ({"fiscal": "也许"}, ("fiscal", "yes_no", "也许", True)),
        ({"secrecy": "秘密"}, ("secrecy", "secret_refused", "", True)),
        ({"abstract_zh": "太短"}, ("abstract_zh", "abstract_short", "", True)),
        ({"title_zh": ""}, ("title_zh", "required", "", True)),
        ({"keywords": "词；" * 60}, ("keywords", "too_many", "", True)),
        ({"defects": "甲" * 4_001}, ("defects", "cell_too_long", "甲" * 60, True)),
        ({"defects": "a\x01b"}, ("defects", "control_characters", "", True)),
    ],
)
def test_what_is_wrong_is_said_with_column_and_content(cells: dict[str, Any], problem: tuple[str, str, str, bool]):
    assert problem in told(line(**cells))


def test_names_of_people_are_never_in_a_report():
    for text in ("乌兰图雅", "乌兰图雅：abc%", "乌兰图雅|某院|x", "乌兰图雅：60%；乌兰图雅：40%"):
        assert "乌兰图雅" not in str(line(completers=text).problems)


def test_a_draft_may_lack_what_a_publication_needs():
    found = line(publish=False, abstract_zh="", industry="", completers="")
    assert found.is_good
    assert {(one.column, one.blocking) for one in found.problems} == {
        ("abstract_zh", False), ("industry", False), ("completers", False),
    }  # fmt: skip
    assert not line(publish=False, title_zh="").is_good
    assert not line(publish=False, secrecy="内部").is_good


@pytest.mark.parametrize(
    "name", ["成果名称", " 成果名称* ", "Title (Chinese)", "title_zh", "\uff34\uff29TLE_ZH", "TITLE (CHINESE) *"]
)
def test_headers_in_either_language(name: str):
    assert column_named(name) == "title_zh"


@given(st.dictionaries(st.sampled_from([column.key for column in COLUMNS]), st.text(max_size=80)), st.booleans())
def test_no_cell_makes_reading_fail(cells: dict[str, str], publish: bool):
    found = read_row(Row(2, {key: Cell(text) for key, text in cells.items() if text}), publish=publish, at_us=NOW_US)
    assert found.is_good == (not any(one.blocking for one in found.problems))


# Files.


def sheet(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    book.save(path)
    return path


def plain(path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


HEADER = ["成果名称", "内容摘要", "成熟度"]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_template_reads_back_as_its_example(tmp_path: Path, kind: str, language: str):
    path = tmp_path / f"t.{kind}"
    path.write_bytes(template_xlsx(language) if kind == "xlsx" else template_csv(language))
    (row,) = rows_of(path)
    assert {key: cell.text for key, cell in row.cells.items()} == {key: text for key, text in EXAMPLE.items() if text}
    assert read_row(row, publish=True, at_us=NOW_US).is_good


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("gb18030", ","), ("gb18030", "\t"), ("utf-16", ",")],
)
def test_encodings_and_delimiters_of_chinese_spreadsheets(tmp_path: Path, encoding: str, delimiter: str):
    path = plain(tmp_path / "f.csv", [HEADER, ["蒙古包保温", "用羊毛毡，两层", "6"]], encoding, delimiter)
    (row,) = rows_of(path)
    assert (row.line, row.cells["title_zh"].text, row.cells["trl"].text) == (2, "蒙古包保温", "6")


def test_numbers_dates_titles_above_the_header_and_empty_rows(tmp_path: Path):
    import datetime

    path = sheet(
        tmp_path / "f.xlsx",
        [
            ["2026 年成果汇总"],
            [],
            HEADER,
            ["一", "摘要", 6.0],
            [None, None, None],
            ["二", datetime.date(2026, 1, 2), True],
        ],
    )
    rows = list(rows_of(path))
    assert [(row.line, {key: cell.text for key, cell in row.cells.items()}) for row in rows] == [
        (4, {"title_zh": "一", "abstract_zh": "摘要", "trl": "6"}),
        (6, {"title_zh": "二", "abstract_zh": "2026-01-02", "trl": "是"}),
    ]


def test_formulas_are_refused_in_their_place(tmp_path: Path):
    path = sheet(tmp_path / "f.xlsx", [HEADER, ["=1+1", '=HYPERLINK("x")', 6]])
    (row,) = rows_of(path)
    found = read_row(row, publish=False, at_us=NOW_US)
    assert [one.code for one in found.problems if one.blocking] == ["formula", "formula"]
    assert found.record.title_zh == ""


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: plain(p, [["甲", "乙"], ["1", "2"]]), "no_header"),
        (lambda p: plain(p, [["成果名称", "成果名称", "成熟度"], ["a", "b", "1"]]), "column_twice"),
        (lambda p: plain(p, [["x"] * 101]), "too_many_columns"),
        (lambda p: sheet(p, [["甲"]] * 10), "no_header"),
        (lambda p: _zip(p, {"a.txt": b"x"}), "no_workbook"),
        (
            lambda p: _zip(p, {"[Content_Types].xml": b"x", "xl/workbook.xml": b"\0" * 300_000_000}),
            "too_large_unpacked",
        ),
        (lambda p: _zip(p, {"[Content_Types].xml": b"<!DOCTYPE x>", "xl/workbook.xml": b"x"}), "unreadable"),
        (lambda p: _zip(p, {"[Content_Types].xml": b"x", "xl/vbaProject.bin": b"x"}), "macros"),
        (lambda p: _zip(p, {"[Content_Types].xml": b"x", "xl/workbook.xml": b"broken"}), "unreadable"),
        (lambda p: (p.write_bytes(b"PK\x03\x04broken"), p)[1], "unreadable"),
        (lambda p: (p.write_bytes(b"\xff\x00\x81\x20\xff\xff"), p)[1], "encoding"),
        (lambda p: (p.write_bytes(b""), p)[1], "no_header"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path: Path, make: Any, code: str):
    with pytest.raises(FileUnusable) as unusable:
        list(rows_of(make(tmp_path / "f")))
    assert unusable.value.code == code


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = plain(tmp_path / "f.csv", [HEADER, *(["a", "b", "1"] for _ in range(4))])
    assert len(list(rows_of(path, rows_max=4))) == 4
    with pytest.raises(FileUnusable, match="too_many_rows"):
        list(rows_of(path, rows_max=3))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_no_file_makes_the_reader_fail_otherwise(tmp_path: Path, content: bytes):
    path = tmp_path / "f"
    path.write_bytes(content)
    try:
        list(rows_of(path))
    except FileUnusable:
        return


# Jobs.


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as found:
        yield found


@pytest.fixture
def imports(pool: asyncpg.Pool, tmp_path: Path) -> Imports:
    return Imports(pool, tmp_path / "imports", lambda: NOW_US)


def content(*titles: str, **cells: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.zh for column in COLUMNS])
    for title in titles:
        writer.writerow([{**EXAMPLE, **cells, "title_zh": title}[column.key] for column in COLUMNS])
    return text.getvalue().encode()


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 1_000):
        yield body[at : at + 1_000]


async def give(imports: Imports, body: bytes, party: PartyId = PARTY, target: Target = Target.DRAFT) -> Job:
    job, _ = await imports.take(party, "p1", "成果.csv", chunks(body), target)
    while await imports.work():
        pass
    return await now(imports, job)


async def now(imports: Imports, job: Job) -> Job:
    found = await imports.read(job.id)
    assert found is not None
    return found


async def count(pool: asyncpg.Pool) -> int:
    return await pool.fetchval("SELECT count(*) FROM achievement")


async def test_nothing_is_brought_in_before_it_is_chosen(imports: Imports, pool: asyncpg.Pool):
    job = await give(imports, content("一", "二", ""))
    assert (job.state, job.rows_total, job.rows_good) == (JobState.CHECKED, 3, 2)
    assert await count(pool) == 0
    assert [(p.line, p.column, p.code) for _, p in await imports.problems(job.id)] == [(4, "title_zh", "required")]
    with pytest.raises(ImportRefused, match="bad_rows"):
        await imports.start(job.id, Choice.ALL)
    await imports.start(job.id, Choice.GOOD)
    assert await imports.work()
    assert not await imports.work()
    job = await now(imports, job)
    assert (job.state, job.rows_in) == (JobState.DONE, 2)
    page = await Achievements(pool).of_owner(PARTY)
    assert sorted(one.record.title_zh for one in page.items) == ["一", "二"]
    assert [one.about for one in await Notices(pool).page(PARTY)] == ["import_done"]
    with pytest.raises(ImportRefused, match="state"):
        await imports.start(job.id, Choice.GOOD)


async def test_the_same_file_twice_is_one_job(imports: Imports, pool: asyncpg.Pool):
    body = content("一")
    job = await give(imports, body)
    await imports.start(job.id, Choice.ALL)
    await imports.work()
    again, new = await imports.take(PARTY, "p1", "另一个名字.csv", chunks(body))
    assert (again.id, new, again.state) == (job.id, False, JobState.DONE)
    assert not await imports.work()
    assert await count(pool) == 1
    _, new = await imports.take(OTHER, "p2", "成果.csv", chunks(body))
    assert new  # of another party it is another job


async def test_a_job_that_was_called_off_may_be_given_again(imports: Imports, tmp_path: Path):
    body = content("一")
    job = await give(imports, body)
    await imports.cancel(job.id)
    assert list((tmp_path / "imports").iterdir()) == []
    again, new = await imports.take(PARTY, "p1", "x.csv", chunks(body))
    assert new
    assert again.id != job.id


async def test_files_and_jobs_have_bounds(imports: Imports, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(jobs_module, "BYTES_MAX", 5_000)
    with pytest.raises(ImportRefused, match="too_large"):
        await give(imports, content("一") * 20)
    with pytest.raises(ImportRefused, match="empty"):
        await give(imports, b"")
    assert list((tmp_path / "imports").iterdir()) == []
    for number in range(jobs_module.UNFINISHED_MAX):
        await give(imports, content(f"{number}"))
    with pytest.raises(ImportRefused, match="too_many_jobs"):
        await give(imports, content("one more"))


async def test_a_file_that_cannot_be_read_fails_with_its_reason(imports: Imports):
    job = await give(imports, b"PK\x03\x04 no workbook")
    assert (job.state, job.failure) == (JobState.FAILED, "unreadable")
    job = await give(imports, content())
    assert (job.state, job.failure) == (JobState.FAILED, "no_rows")


async def test_a_workbook_is_brought_in_like_a_plain_file(imports: Imports, pool: asyncpg.Pool):
    job = await give(imports, template_xlsx("zh"))
    assert (job.state, job.rows_total, job.rows_good) == (JobState.CHECKED, 1, 1)
    await imports.start(job.id, Choice.ALL)
    await imports.work()
    assert (await Achievements(pool).of_owner(PARTY)).items[0].record.title_zh == EXAMPLE["title_zh"]


async def test_a_load_is_public_chained_and_searchable(imports: Imports, pool: asyncpg.Pool):
    job = await give(imports, content("稀土永磁", "草原补播"), target=Target.PUBLISH)
    await imports.start(job.id, Choice.ALL)
    await imports.work()
    feed = SearchFeed(pool, {Kind.ACHIEVEMENT: load_achievements})
    await feed.catch_up()
    results = await Search(pool).find(parse("草原补播"))
    assert [one.title_zh for one in results.found] == ["草原补播"]
    achievements = Achievements(pool)
    for one in results.found:
        assert await achievements.first_broken(one.id) is None  # type: ignore[arg-type]
        working = await achievements.read(one.id)  # type: ignore[arg-type]
        assert working is not None
        assert working.is_public
    assert results.found[0].holder_zh == EXAMPLE["holder_zh"]


async def test_a_load_that_was_cut_goes_on_where_it_stood(
    imports: Imports, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(jobs_module, "PORTION", 3)
    body = content(*(f"成果{n}" for n in range(10)))
    job = await give(imports, body, target=Target.PUBLISH)
    await imports.start(job.id, Choice.ALL)
    real = Imports._publish
    calls = 0

    async def dying(self: Imports, *given: Any) -> None:
        nonlocal calls
        calls += 1
        await real(self, *given)
        if calls == 3:
            raise ConnectionResetError("power cut")  # after the rows, before the commit

    monkeypatch.setattr(Imports, "_publish", dying)
    with pytest.raises(ConnectionResetError):
        await imports.work()
    assert await count(pool) == 6
    monkeypatch.setattr(Imports, "_publish", real)
    monkeypatch.setattr(jobs_module, "PORTION", 4)  # a newer program with other portions
    await Imports(pool, tmp_path / "imports", lambda: NOW_US).work()
    assert await count(pool) == 10
    titles = {one.record.title_zh for one in (await Achievements(pool).of_owner(PARTY)).items}
    assert titles == {f"成果{n}" for n in range(10)}
    assert (await now(imports, job)).rows_in == 10


def test_limits_are_said_in_one_place():
    assert reading.ROWS_MAX == 5_000
    assert reading.BYTES_MAX == 20 * 1024 * 1024
