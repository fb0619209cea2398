"""The certificate of a clean publicity: made from the record, signed, kept, and what its page says when the notice goes on."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pypdf
import pytest

from engine.evidence.archive_checking import check_archive
from engine.evidence.offline import check_certificate
from engine.rules.publicity import commands as c
from engine.values import NoticeId
from gateway.accounts.model import Role
from gateway.evidence.certificates import Certificates, certificate_of, make_one
from gateway.evidence.snapshots import SnapshotFollower
from gateway.notices.objectors import Known, Said
from gateway.services import Services
from gateway.verify_command import main as verify
from tests.engine.rules.publicity import transcript as words
from tests.engine.test_evidence_archive import rewritten
from tests.gateway.conftest import Person, Town
from tests.gateway.noticed import accepted, publish, say
from tests.time_travel import travel

PERSON = "王五（化名）"
DAY_US = 86_400_000_000
TITLE = '耐寒苜蓿 <script>alert(1)</script> #eval("1") 𠮷 ᠴᠠ'


async def certified(services: Services, notice: str) -> str:
    """Let the period run out; return the number of the certificate when its paper is there."""
    await travel(services.engine, services.now_us + 40 * DAY_US)
    state = services.engine.notices.state(NoticeId(notice))
    assert state is not None and state.phase == "certified", state
    await Certificates(services).catch_up()
    async with asyncio.timeout(60):
        while (found := await certificate_of(services, state.certificate_no)) is None or not found.sha256:
            await make_one(services)
            await asyncio.sleep(0.05)
    return state.certificate_no


async def fetch(services: Services, path: str) -> tuple[int, bytes]:
    address = f"http://127.0.0.1:{services.config.http_port}{path}"
    async with aiohttp.ClientSession() as http, http.get(address, allow_redirects=False) as response:
        return response.status, await response.read()


async def page(services: Services, number: str, query: str = "") -> str:
    status, text = await fetch(services, f"/verify/notice/{number}{query}")
    assert status == 200
    return text.decode()


async def test_a_clean_period_gives_a_certificate_that_anybody_can_check_until_it_is_void(
    market: Services, town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = await town.person(Role.SELLER)
    assert seller.account is not None
    await publish(market, "n-1", seller=seller.account.party, title_zh=TITLE)
    for command in (await _objection(market), words.received(), words.panel(), words.decision()):
        accepted(await say(market, "n-1", command))
    number = await certified(market, "n-1")

    _, pdf = await fetch(market, f"/certificates/{number}/certificate.pdf")
    status, text = await fetch(market, f"/certificates/{number}/statement.json")
    statement = json.loads(text)
    assert status == 200 and check_certificate(statement, market.signing_key.public_key().public_bytes_raw()) == []
    assert statement["full_days"] >= statement["days"] == 15
    assert [(one["ground"], one["outcome"]) for one in statement["objections"]] == [("ownership", "dismissed")]
    _says_all_of_it(pdf, statement, number)
    await _is_kept(market, number, pdf)
    _is_checked_offline(market, statement, tmp_path, capsys)

    shown = await page(market, number, f"?sha256={sha256(pdf).hexdigest()}")
    assert "有效：本证明由本市场出具" in shown and "一致：所给文件正是" in shown
    assert "<script>alert" not in shown and "&lt;script&gt;" in shown
    assert "不一致" in await page(market, number, f"?sha256={'0' * 64}")
    assert (await fetch(market, "/verify/notice/n-9-c1"))[0] == 404

    await _has_its_evidence_file(market, town, seller)
    revision = c.ReviseNotice(
        terms=words.terms(), content=words.content(title_zh=TITLE, price=90_000_000), applicant=words.APPLICANT, reason="改价",
        declarations=words.submit().declarations,
    )  # fmt: skip
    accepted(await say(market, "n-1", revision))
    assert "已失效" in await page(market, number)


def _says_all_of_it(pdf: bytes, statement: dict[str, Any], number: str) -> None:
    text = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    flat = text.replace("\n", "").replace(" ", "")
    title = TITLE.replace(" ", "").replace("ᠴᠠ", "〔U+1834〕〔U+1820〕")
    for part in (
        number,
        title,
        "¥800,000",
        statement["content_digest"],
        statement["signature"],
        statement["stream_digest"],
        "不成立",
    ):
        assert part in flat, part


async def _is_kept(market: Services, number: str, pdf: bytes) -> None:
    """Made once: the consumer starting again and the worker find nothing to do, and the row cannot be changed."""
    await market.pool.execute("DELETE FROM consumer_cursor WHERE consumer = 'certificates'")
    await Certificates(market).catch_up()
    assert not await make_one(market)
    assert (await fetch(market, f"/certificates/{number}/certificate.pdf"))[1] == pdf
    for statement in ("UPDATE certificate SET sha256 = ''", "DELETE FROM certificate", "TRUNCATE certificate"):
        with pytest.raises(asyncpg.PostgresError, match="kept as they were made"):
            await market.pool.execute(statement)


def _is_checked_offline(
    market: Services, statement: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "statement.json", b64encode(market.signing_key.public_key().public_bytes_raw()).decode()
    for changes, status in (({}, 0), ({"price": "1"}, 1), ({"full_days": 99}, 1), ({"key": "AA=="}, 1)):
        file.write_text(json.dumps({**statement, **changes}))
        assert verify(["--certificate", str(file), "--key", key]) == status
    assert "sound; whether it is still in force" in capsys.readouterr().out


async def _objection(market: Services) -> c.FileObjection:
    """An objection by a real person, whose data are kept apart."""
    said = Said(
        name=PERSON, number="110105194912310021", contact="13900001111", relation="public", ground="ownership",
        statement="该成果权属存在争议，请核查。",
    )  # fmt: skip
    prepared = await market.objectors.prepare(NoticeId("n-1"), said, Known(), "127.0.0.1")
    assert prepared is not None
    person = await market.objectors.read(prepared[0])
    assert person is not None
    return c.FileObjection(
        objection_id=person.objection_id, ground=c.Ground.OWNERSHIP, person_key=person.person_key,
        personal_digest=person.personal_digest, statement_digest=person.statement_digest,
    )  # fmt: skip


async def _has_its_evidence_file(market: Services, town: Town, seller: Person) -> None:
    """The institution's file is whole but for the objector, who is in the supervisor's alone, bound by the digests in the log."""
    await SnapshotFollower(market).catch_up()
    masked, sealed = await _file(market, seller), await _file(market, await town.person(Role.SUPERVISOR))
    for path in (masked, sealed):
        verdict = check_archive(path)
        assert verdict.clean, verdict.findings
        assert verdict.events == verdict.opened and verdict.replayed == 1
    assert PERSON.encode() not in masked.read_bytes() and "权属存在争议".encode() not in masked.read_bytes()
    with zipfile.ZipFile(sealed) as archive:
        (one,) = json.loads(archive.read("objections/sealed.json"))
        assert one["personal"]["name"] == PERSON and one["statement"].startswith("该成果权属")
        assert json.loads(archive.read("availability/availability.json"))["looks"] == 0
    changed = rewritten(sealed, sealed.with_name("changed.zip"), {"objections/sealed.json": swapped})
    found = check_archive(changed).findings
    assert found[0].place == "objections/sealed.json" and any("log binds" in one.problem for one in found)


def swapped(data: bytes) -> bytes:
    return data.replace(PERSON.encode(), "李四（化名）".encode())


async def _file(market: Services, person: Person) -> Path:
    status, view = await person.post("/api/v1/evidence", {"kind": "notice", "subject": "n-1", "language": "zh"})
    assert status == 200, view
    async with asyncio.timeout(60):
        while view["state"] != "ready":
            assert view["state"] != "failed", view
            await asyncio.sleep(0.05)
            _, view = await person.get(f"/api/v1/evidence/{view['number']}")
    return market.config.evidence_dir / f"{view['number']}.zip"
