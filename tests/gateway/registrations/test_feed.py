"""The feed against the reference receiver as a real second process: it loses answers, is slow, repeats, reorders, is killed and comes back.

Every contract is registered exactly once on both sides.
"""

from __future__ import annotations

import ipaddress
import json
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.accounts.model import Role
from gateway.registrar.keys import read_keys
from gateway.registrar.signing import sign
from gateway.serve import running
from settlement.registration.verification import verify_registry
from tests.gateway.conftest import Town, market_config
from tests.gateway.registrations.conftest import Registry, wait_for
from tests.gateway.registrations.receiver import Receiver, free_port
from tests.settlement.registration.case import facts

CONTRACTS = 8
PDF = b"%PDF-1.4 a certificate"


async def numbers_of(registry: Registry, ids: list[str]) -> list[str]:
    found = [await registry.services.registering.registrations.read(one) for one in ids]
    return [one.number for one in found if one is not None and one.number]


async def test_every_contract_is_registered_once_by_a_receiver_that_fails_in_every_way(
    fresh_database: str, tmp_path: Path
) -> None:
    receiver_port, market_port = free_port(), free_port()
    receiver = Receiver(
        tmp_path, receiver_port, "--answers", f"http://127.0.0.1:{market_port}/api/v1/registrar/answers", "--lose-percent", "30",
        "--repeat-percent", "30", "--shuffle", "--delay-ms", "60", "--seed", "7",
    )  # fmt: skip
    config = market_config(
        fresh_database,
        tmp_path,
        http_port=market_port,
        registrar_url=receiver.url,
        registrar_keys_file=receiver.keys_file,
    )
    async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        registry = await Registry(Town(services, http)).open()
        ids = [registry.id]
        for number in range(1, CONTRACTS):
            ids.append(await registry.contract(facts(deal=f"DL-f{number}-1", contract_id=f"C-DL-f{number}-1")))
        outbox = services.registering.outbox
        try:
            for one in ids[: CONTRACTS // 2]:
                await registry.hand_in(one)

            async def tried_in_vain() -> bool:
                return any(letter.attempts > 0 for letter in await outbox.waiting())

            await wait_for(tried_in_vain)  # nobody listens yet: it is down from the beginning
            await receiver.start()

            async def some() -> bool:
                return len(await numbers_of(registry, ids)) >= 2

            await wait_for(some)
            await receiver.kill()
            for one in ids[CONTRACTS // 2 :]:
                await registry.hand_in(one)
            await wait_for(tried_in_vain)
            await receiver.start()

            async def all_numbers() -> bool:
                return len(await numbers_of(registry, ids)) == CONTRACTS

            await wait_for(all_numbers, 120)

            async def quiet() -> bool:
                figures = await outbox.figures()
                said = await receiver.overview()
                return figures.waiting == 0 and said["answers"].get("waiting", 0) == 0

            await wait_for(quiet, 120)
            said = await receiver.overview()
        finally:
            await receiver.stop()
        there = {one["registration"]: one["number"] for one in said["contracts"]}
        here = {one: (await services.registering.registrations.read(one)).number for one in ids}  # type: ignore[union-attr]
        assert here == there and len(set(here.values())) == CONTRACTS
        assert [one["registered_times"] for one in said["contracts"]] == [1] * CONTRACTS
        assert said["answers"] == {"sent": 2 * CONTRACTS}, "nothing was refused, nothing is left"
        assert (await outbox.figures()).dead == 0
        for one in ids:
            history = [type(line.event).__name__ for line in await services.registering.registrations.history(one)]
            assert history.count("Registered") == 1, history
        status, pdf = await registry.read(registry.seller, f"/registrations/{ids[0]}/certificate.pdf")
        assert status == 200 and pdf.startswith(b"%PDF-1.4") and here[ids[0]].encode() in pdf, (
            "its certificate, not ours"
        )
        assert (await verify_registry(services.pool)).findings == []


def certificate_for_this_machine(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    chain, secret = directory / "receiver.pem", directory / "receiver.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, secret


@pytest.mark.parametrize("trusted", [True, False])
async def test_messages_go_over_https_to_who_can_prove_his_name(
    fresh_database: str, tmp_path: Path, trusted: bool
) -> None:
    chain, secret = certificate_for_this_machine(tmp_path)
    receiver = Receiver(
        tmp_path, free_port(), "--certificate", str(chain), "--certificate-key", str(secret), scheme="https"
    )
    await receiver.start()
    config = market_config(
        fresh_database,
        tmp_path,
        registrar_url=receiver.url,
        registrar_keys_file=receiver.keys_file,
        registrar_ca_file=chain if trusted else None,
    )
    try:
        async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            registry = await Registry(Town(services, http)).open()
            await registry.hand_in()

            async def tried() -> bool:
                letters = await services.registering.outbox.of_registration(registry.id)
                return letters[0].state == "delivered" or letters[0].problem != ""

            await wait_for(tried)
            said = await receiver.overview()
            assert [one["registration"] for one in said["contracts"]] == ([registry.id] if trusted else [])
    finally:
        await receiver.stop()


async def test_the_feed_is_pulled_by_cursor_and_every_message_once(fresh_database: str, tmp_path: Path) -> None:
    market_port = free_port()
    address = f"http://127.0.0.1:{market_port}/api/v1/registrar"
    receiver = Receiver(tmp_path, free_port(), "--pull", f"{address}/feed", "--answers", f"{address}/answers")
    async with (
        running(
            market_config(fresh_database, tmp_path, http_port=market_port, registrar_keys_file=receiver.keys_file)
        ) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        registry = await Registry(Town(services, http)).open()
        await registry.hand_in()
        await receiver.start()
        try:

            async def numbered() -> bool:
                return len(await numbers_of(registry, [registry.id])) == 1

            await wait_for(numbered)
            assert (await receiver.overview())["messages"] == 1
        finally:
            await receiver.stop()
        assert (await services.registering.outbox.figures()).waiting == 0, (
            "without a receiver's address nothing waits to be pushed"
        )


# Answers, one by one


class Outside:
    """Sends answers as an outside system, signed."""

    def __init__(self, registry: Registry, keys_file: Path) -> None:
        self.registry, self.keys_file = registry, keys_file

    async def send(
        self, answer: str, answer_id: str = "a1", revision: int = 1, tamper: bool = False, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        said = {
            "schema": "ortoo-registrar-answer-1", "id": answer_id, "system": "province", "registration": self.registry.id,
            "revision": revision, "answer": answer, **more,
        }  # fmt: skip
        body, path = json.dumps(said).encode(), "/api/v1/registrar/answers"
        headers = sign(read_keys(self.keys_file), "POST", path, body, int(time.time()))
        anyone = self.registry.first
        async with anyone.http.post(
            anyone.base + path, data=body + (b" " if tamper else b""), headers=headers
        ) as response:
            return response.status, await response.json()


@pytest.fixture
async def outside(registry: Registry) -> Outside:
    path = registry.services.config.registrar_keys_path
    Receiver(path.parent, 0)  # makes keys.json
    (path.parent / "keys.json").rename(path)
    return Outside(registry, path)


async def test_answers_are_recorded_once_whatever_comes_when(outside: Outside) -> None:
    await outside.registry.hand_in()
    number: dict[str, Any] = {"number": "2026150299000001", "certificate": b64encode(PDF).decode()}
    assert await outside.send("registered", **number) == (200, {"outcome": "recorded", "taken": True})
    assert (await outside.send("registered", **number))[1]["outcome"] == "repeated", "the very same answer"
    assert (await outside.send("registered", "a2", **number))[1]["outcome"] == "repeated", (
        "another answer that says what stands"
    )
    assert (await outside.send("accepted", "a3"))[1]["outcome"] == "superseded", "it was under way for long"
    assert (await outside.send("registered", "a4", number="2026150299000002"))[0] == 409
    assert (await outside.send("registered", number="2026150299000003"))[0] == 409, "an id is used once"
    now = await outside.registry.services.registering.registrations.read(outside.registry.id)
    assert now is not None and (now.number, now.outside) == ("2026150299000001", "province")


async def test_a_return_and_a_refusal_come_back_too_and_old_ones_do_nothing(outside: Outside) -> None:
    await outside.registry.hand_in()
    assert (await outside.send("accepted"))[1]["outcome"] == "recorded"
    assert (await outside.send("returned", "a2", reason="缺章", fields=["seller_name"]))[1]["outcome"] == "recorded"
    assert (await outside.registry.hand_in())["revision"] == 2
    assert (await outside.send("refused", "a3", ground=8, reason="旧的"))[1]["outcome"] == "superseded", (
        "about revision 1"
    )
    assert (await outside.send("refused", "a4", revision=2, ground=99, reason="x"))[0] == 400
    assert (await outside.send("refused", "a5", revision=2, ground=8, reason="印章不符"))[1]["outcome"] == "recorded"
    now = await outside.registry.services.registering.registrations.read(outside.registry.id)
    assert now is not None and (now.state.value, now.ground) == ("refused", 8)


async def test_who_cannot_sign_is_not_heard(outside: Outside) -> None:
    assert (await outside.send("accepted", tamper=True))[0] == 401
    anyone = await outside.registry.town.person(None)
    assert (await anyone.post("/api/v1/registrar/answers", {"schema": "x"}))[0] == 401
    assert (await anyone.get("/api/v1/registrar/feed"))[0] == 401
    operator = await outside.registry.town.person(Role.OPERATOR)
    assert (await operator.get("/api/v1/registrar/feed"))[0] in (401, 403), "a login does not open a signed door"


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"answer": "maybe"}, "body"),
        ({"schema": "other"}, "schema"),
        ({"certificate": "%%"}, "certificate"),
        ({"certificate": b64encode(b"MZ").decode()}, "certificate"),
        ({"system": "ü"}, "system"),
    ],
)
async def test_answers_that_cannot_be_read_say_where(outside: Outside, wrong: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"answer": "accepted", **wrong}
    status, said = await outside.send(**given)
    assert (status, said["data"]["fields"]) == (400, field)
