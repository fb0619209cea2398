"""Evidence files of deals on a running market: what is in them for whom, and that one changed byte is found and named."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import Any

import aiohttp
import pypdf
import pytest

from engine.rules.auction import terms as t
from engine.values import Amount, DurationUs, InstantUs
from gateway.accounts.model import Role
from gateway.evidence.snapshots import SnapshotFollower
from gateway.services import Services
from gateway.verify_command import main as verify
from tests.gateway.conftest import Person, Town, wish
from tests.time_travel import travel

MINUTE_US = 60_000_000


class Sold:
    """A lot that was sold: a seller, a buyer, somebody who lost with a secret maximum, staff."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.services: Services = town.services

    async def happen(self) -> Sold:
        town, services = self.town, self.services
        self.seller, self.buyer, self.loser = [
            await town.person(role) for role in (Role.SELLER, Role.BIDDER, Role.BIDDER)
        ]
        self.operator, self.supervisor = [await town.person(role) for role in (Role.OPERATOR, Role.SUPERVISOR)]
        assert self.seller.account is not None
        closing = t.Closing(
            opens_at_us=InstantUs(services.now_us),
            closes_at_us=InstantUs(services.now_us + 60 * MINUTE_US),
            extension_us=DurationUs(5 * MINUTE_US),
        )
        reserve = t.Reserve(amount=Amount(5_000), public=False)
        self.lot = await town.lot("sold1", self.seller.account.party, closing=closing, reserve=reserve)
        for person, bid in (
            (self.loser, {"maximum": "777777"}),
            (self.buyer, {"maximum": "999999"}),
            (self.loser, {"amount": "900"}),
        ):
            await person.post(f"/api/v1/lots/{self.lot}/admission", wish())
            await person.post(f"/api/v1/lots/{self.lot}/bids", wish(**bid))
        await travel(services.engine, services.now_us + 61 * MINUTE_US)
        state = services.engine.state(self.lot)
        assert state is not None and state.phase == "sold"
        await SnapshotFollower(services).catch_up()
        return self

    def names(self, person: Person) -> tuple[bytes, bytes]:
        """How somebody stands in records and on pages."""
        assert person.account is not None
        return person.account.party.encode(), person.account.display_name.encode()

    async def file(self, person: Person, language: str = "zh") -> dict[str, Any]:
        """Ask for a person's file and wait until it is there."""
        body = {"kind": "lot", "subject": self.lot, "language": language}
        status, view = await person.post("/api/v1/evidence", body)
        assert status == 200, view
        async with asyncio.timeout(60):
            while view["state"] != "ready":
                assert view["state"] != "failed", view
                await asyncio.sleep(0.05)
                status, view = await person.get(f"/api/v1/evidence/{view['number']}")
        return view

    async def archive(self, person: Person) -> Path:
        """Fetch a person's archive as he gets it."""
        view = await self.file(person)
        async with person.http.get(person.base + view["archive"], headers=person.headers) as response:
            assert response.status == 200
            path = self.services.config.data_dir / f"got-{view['number']}.zip"
            path.write_bytes(await response.read())
        return path


@pytest.fixture
async def sold(town: Town) -> Sold:
    return await Sold(town).happen()


def key_of(services: Services) -> str:
    return b64encode(services.signing_key.public_key().public_bytes_raw()).decode()


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_every_edition_is_sound_and_shows_what_its_reader_may_see(
    sold: Sold, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, bytes] = {}
    for name in ("supervisor", "operator", "seller", "buyer"):
        path = await sold.archive(getattr(sold, name))
        assert verify([str(path), "--key", key_of(sold.services)]) == 0
        said = capsys.readouterr().out
        assert "sound: EV-" in said and f"{name} edition of lot {sold.lot}" in said
        seen[name] = b"".join(members(path).values())
    loser, loser_name, buyer = *sold.names(sold.loser), sold.names(sold.buyer)[0]
    assert loser in seen["supervisor"] and b"777777" in seen["supervisor"]
    assert loser in seen["operator"] and b"777777" not in seen["operator"]
    for name in ("seller", "buyer"):
        assert loser not in seen[name] and loser_name not in seen[name] and b"code_seed" not in seen[name]
    assert b"999999" not in seen["seller"] and b"999999" in seen["buyer"]
    assert buyer in seen["seller"]  # he signs the contract with him
    assert b'"amount":"5000"' in seen["seller"] and b'"amount":"5000"' not in seen["buyer"]  # the secret reserve
    await _holds_pages_as_they_were_shown(sold)
    await _is_the_same_file_when_asked_again(sold)
    await _gives_nothing_to_others(sold)
    await _anybody_can_compare(sold)


async def _holds_pages_as_they_were_shown(sold: Sold) -> None:
    files = members(await sold.archive(sold.seller))
    statements = json.loads(files["snapshots/index.json"])
    assert [(one["moment"], one["url"], one["status"]) for one in statements] == [
        ("lot.published", f"/api/v1/lots/{sold.lot}", 200), ("lot.published", f"/lots/{sold.lot}", 200),
        ("lot.sold", f"/api/v1/lots/{sold.lot}", 200), ("lot.sold", f"/lots/{sold.lot}", 200),
    ]  # fmt: skip
    assert "标的".encode() in files[statements[1]["member"]]
    pages = pypdf.PdfReader(io.BytesIO(files["evidence.pdf"])).pages
    text = "".join(page.extract_text() for page in pages).replace("\n", "").replace(" ", "")
    claims, manifest = json.loads(files["claims.json"]), json.loads(files["manifest.json"])
    facts = dict(map(tuple, claims["data"]["facts"]))
    for part in (facts["成交价"], manifest["data_digest"], manifest["number"], claims["data"]["streams"][0]["digest"]):
        assert part in text


async def _is_the_same_file_when_asked_again(sold: Sold) -> None:
    view = await sold.file(sold.operator)
    path = sold.services.config.evidence_dir / f"{view['number']}.zip"
    before = path.read_bytes()
    path.unlink()
    again = await sold.file(sold.operator)
    assert (again["number"], again["sha256"]) == (view["number"], view["sha256"])
    assert path.read_bytes() == before


async def _gives_nothing_to_others(sold: Sold) -> None:
    stranger = await sold.town.person(Role.BIDDER)
    wanted = {"kind": "lot", "subject": sold.lot, "language": "zh"}
    for person in (stranger, sold.loser):
        assert (await person.post("/api/v1/evidence", wanted))[0] == 404
    view = await sold.file(sold.seller)
    for person in (stranger, sold.loser, sold.buyer, sold.operator):
        for path in ("/api/v1{}", "{}/archive.zip", "{}/document.pdf"):
            assert (await person.get(path.format(f"/evidence/{view['number']}")))[0] == 404
    assert sold.seller.account is not None
    running = await sold.town.lot("running", sold.seller.account.party)
    status, answer = await sold.seller.post("/api/v1/evidence", {**wanted, "subject": running})
    assert (status, answer["code"]) == (409, "wrong_state")


async def _anybody_can_compare(sold: Sold) -> None:
    path, view, anonymous = await sold.archive(sold.seller), await sold.file(sold.seller), await sold.town.person(None)
    address = f"{anonymous.base}/verify/evidence/{view['number']}"
    cases = (
        (path.read_bytes(), "一致：这正是本市场签发的证据包"),
        (members(path)["evidence.pdf"], "一致：这正是该证据包中的 PDF"),
        (b"x", "不一致"),
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for given, said in cases:
            async with http.get(address) as response:
                page = await response.text()
            form = aiohttp.FormData()
            form.add_field(
                "csrf", page.split('enctype="multipart/form-data"')[1].split('name="csrf" value="')[1].split('"')[0]
            )
            form.add_field("file", given, filename="f.zip")
            async with http.post(address, data=form, headers={"Origin": anonymous.base}) as response:
                assert said in await response.text()
        async with http.get(f"{anonymous.base}/verify/evidence/EV-00000000000000000000") as response:
            assert response.status == 404
