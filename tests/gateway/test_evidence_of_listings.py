"""The evidence file of a listing that went through a session: both streams, deposits, the deal's course, the achievement; for each reader."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from engine.catalogue.achievements.verification import versions_problem
from engine.evidence.archive import read_member
from engine.rules.listing.state import ListingPhase
from gateway.accounts.model import Role
from gateway.verify_command import main as verify
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import PRICE, Fair, wish
from tests.gateway.test_evidence_files import key_of

QUOTE = PRICE + 987_600


@pytest.fixture
async def fair(town: Town) -> Fair:
    return await Fair(town).open()


async def file_of(fair: Fair, person: Person, kind: str, subject: str) -> Path:
    body = {"kind": kind, "subject": subject, "language": "en"}
    status, view = await person.post("/api/v1/evidence", body)
    assert status == 200, view
    async with asyncio.timeout(90):
        while view["state"] != "ready":
            assert view["state"] != "failed", view
            await asyncio.sleep(0.05)
            _, view = await person.get(f"/api/v1/evidence/{view['number']}")
    return fair.services.config.evidence_dir / f"{view['number']}.zip"


async def test_a_session_of_a_listing_is_in_the_listings_file(fair: Fair, capsys: pytest.CaptureFixture[str]) -> None:
    await fair.published()
    loser, buyer = [await fair.verified(Role.BIDDER) for _ in range(2)]
    await fair.admit(loser, quote=str(QUOTE))
    number = await fair.admit(buyer)
    await fair.disclosure_ends()
    lot = await fair.session_opens()
    for person, amount in ((loser, PRICE), (buyer, PRICE + 500_000)):
        status, answer = await person.post(f"/api/v1/lots/{lot}/bids", wish(amount=str(amount)))
        assert status == 200, answer
    await fair.session_ends()
    await fair.in_phase(ListingPhase.DEAL)
    supervisor = await fair.town.person(Role.SUPERVISOR)

    seen: dict[str, dict[str, bytes]] = {}
    for name, person in (
        ("supervisor", supervisor),
        ("operator", fair.operator),
        ("seller", fair.seller),
        ("buyer", buyer),
    ):
        path = await file_of(fair, person, "lot", lot)  # asked for by its session, it is the listing's
        assert verify([str(path), "--key", key_of(fair.services)]) == 0
        assert f"{name} edition of listing {fair.name}" in capsys.readouterr().out
        with zipfile.ZipFile(path) as archive:
            seen[name] = {member: archive.read(member) for member in archive.namelist()}
    streams = {f"streams/listing-{fair.name}.jsonl", f"streams/lot-{lot}.jsonl"}
    assert all(streams <= files.keys() for files in seen.values())
    everything = {name: b"".join(files.values()) for name, files in seen.items()}
    assert loser.account is not None and buyer.account is not None
    assert str(QUOTE).encode() in everything["supervisor"] and loser.account.party.encode() in everything["operator"]
    for name in ("seller", "buyer"):
        assert str(QUOTE).encode() not in everything[name]
    assert loser.account.party.encode() not in everything["buyer"]

    folders = {name: sorted({member.partition("/")[0] for member in files}) for name, files in seen.items()}
    assert "deposits" in folders["operator"] and "deposits" not in folders["seller"]
    assert [member for member in seen["buyer"] if member.startswith("deposits/")] == [
        f"deposits/{fair.name}.{number}.jsonl"
    ]
    assert {name for name in seen if "achievement.jsonl" in seen[name]} == {"supervisor", "operator", "seller"}
    _, _, digest = json.loads(seen["seller"]["claims.json"])["data"]["achievement"]
    lines = seen["seller"]["achievement.jsonl"].splitlines(keepends=True)
    assert versions_problem(lines, digest) is None and versions_problem(lines, "00") is not None
    changed = [lines[0].replace(b'"owner":"', b'"owner":"x', 1)]
    assert versions_problem(changed, digest) == "line 1: version 1 was changed or is missing"
    facts = dict(map(tuple, json.loads(seen["buyer"]["claims.json"])["data"]["facts"]))
    assert facts["Price"].startswith("¥1,005,000")
    assert (await loser.post("/api/v1/evidence", {"kind": "listing", "subject": fair.name, "language": "en"}))[0] == 404
    assert read_member(path, "no-such-member") is None
