"""From a signed contract to a number over REST and pages; documents read back field by field; who sees what; the certificate's page."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import docx
import pypdf
from jsonschema import Draft202012Validator
from openpyxl import load_workbook

from gateway.accounts.model import Role, Scope
from settlement.contracts.facts import Payment
from settlement.registration.form import form_fields
from settlement.registration.package import schema
from settlement.registration.workbook import AMOUNT_SHEET, CLAUSE_SHEET, FORM_HEAD, FORM_SHEET
from tests.gateway.registrations.conftest import Registry
from tests.settlement.registration.case import ANSWERS, WAN, facts

NUMBER = "2026150201000001"


def squeezed(pdf: bytes) -> str:
    text = "".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages)
    return "".join(text.split())


def sheet_fields(xlsx: bytes) -> dict[str, tuple[str, str, str]]:
    """Return national name, value and code by label, as they stand on the form's sheet."""
    rows = load_workbook(BytesIO(xlsx))[FORM_SHEET].iter_rows(min_row=4, values_only=True)
    return {str(row[1]): (str(row[3] or ""), str(row[4] or ""), str(row[5] or "")) for row in rows if row[1]}


async def test_a_contract_goes_over_rest_to_a_number_and_its_certificate(registry: Registry) -> None:
    said = await registry.registered()
    assert (said["state"], said["number"], said["in_force"]) == ("registered", NUMBER, True)
    status, pdf = await registry.read(registry.seller, f"/registrations/{registry.id}/certificate.pdf")
    text = squeezed(pdf)
    assert status == 200
    for wanted in (
        NUMBER,
        "稀土永磁材料制备方法专利权转让",
        "包头稀土材料研究所",
        "青山新材料有限公司",
        "3,000,000.00",
        "叁佰万元整",
        "呼和浩特市技术合同登记站",
    ):
        assert wanted in text, wanted
    again = await registry.read(registry.first, f"/registrations/{registry.id}/certificate.pdf")
    assert again == (200, pdf), "an issued certificate is kept, not made again"


async def test_the_form_reads_back_field_by_field_from_json_xlsx_and_pdf(registry: Registry) -> None:
    await registry.hand_in()
    _, body = await registry.read(registry.seller, f"/registrations/{registry.id}/package.json")
    package = json.loads(body)
    Draft202012Validator(schema()).validate(package)
    _, xlsx = await registry.read(registry.seller, f"/registrations/{registry.id}/form.xlsx")
    _, pdf = await registry.read(registry.seller, f"/registrations/{registry.id}/form.pdf")
    sheet, text, fields = sheet_fields(xlsx), squeezed(pdf), form_fields()
    assert len(package["fields"]) >= 45
    for said in package["fields"]:
        field = fields[said["key"]]
        coded = said["value"] if field.kind.value in ("code", "leaf", "yes_no") else ""
        assert sheet[field.zh] == (field.national, said["shown"], coded), field.key
        assert "".join(said["shown"].split()) in text and "".join(field.zh.split()) in text, field.key
    book = load_workbook(BytesIO(xlsx))
    assert tuple(cell.value for cell in book[FORM_SHEET][3]) == FORM_HEAD
    assert book[AMOUNT_SHEET]["C2"].value == "3000000.00"
    assert [row[1].value for row in book[CLAUSE_SHEET].iter_rows(min_row=2)] == [
        one["title"] for one in package["contract"]["clauses"]
    ]


async def test_the_contract_reads_back_from_docx_and_pdf(registry: Registry) -> None:
    contract_id = registry.id.replace("R-", "C-")
    status, said = await registry.buyer.get(f"/api/v1/contracts/{contract_id}")
    assert status == 200
    _, document = await registry.read(registry.seller, f"/contracts/{contract_id}/contract.docx")
    _, pdf = await registry.read(registry.seller, f"/contracts/{contract_id}/contract.pdf")
    opened = docx.Document(BytesIO(document))
    written = "".join(paragraph.text for paragraph in opened.paragraphs) + "".join(
        cell.text for table in opened.tables for row in table.rows for cell in row.cells
    )
    written, set_text = "".join(written.split()), squeezed(pdf)
    for _, title, text, articles in said["clauses"]:
        for part in (title, text, articles.replace("; ", "；")):
            assert "".join(part.split()) in written, part
            assert "".join(part.split()) in set_text, part
    assert said["text_sha256"] in written and said["text_sha256"] in set_text


async def test_a_formula_in_a_name_stays_a_text(registry: Registry) -> None:
    other = await registry.contract(
        facts(deal="DL-x-1", contract_id="C-DL-x-1", project='=HYPERLINK("http://x")专利权转让')
    )
    _, xlsx = await registry.read(registry.seller, f"/registrations/{other}/form.xlsx")
    cell = next(
        row[4] for row in load_workbook(BytesIO(xlsx))[FORM_SHEET].iter_rows(min_row=4) if row[3].value == "projectname"
    )
    assert cell.data_type == "s" and str(cell.value).startswith("=HYPERLINK")


async def test_strangers_see_nothing_and_only_the_registrant_answers(registry: Registry) -> None:
    stranger = await registry.town.person(Role.BIDDER)
    for path in ("", "/package.json", "/form.xlsx", "/form.pdf", "/certificate.pdf"):
        status, _ = await registry.read(stranger, f"/registrations/{registry.id}{path}")
        assert status == 404, path
    assert (await stranger.get(f"/api/v1/registrations/{registry.id}"))[0] == 404
    assert (await registry.read(stranger, f"/contracts/{registry.id.replace('R-', 'C-')}"))[0] == 404
    status, said = await registry.buyer.post(f"/api/v1/registrations/{registry.id}/answers", {"answers": ANSWERS})
    assert (status, said["code"]) == (403, "forbidden"), "the buyer sees it and does not answer"
    status, said = await registry.buyer.get(f"/api/v1/registrations/{registry.id}")
    assert status == 200 and said["registration"]["deal"] == "DL-a1-1"
    assert (await registry.first.get("/api/v1/lots"))[0] == 200
    status, _ = await registry.first.get("/api/v1/desk/listings")
    assert status == 403, "a registrar has no business with bidding"


async def test_what_is_missing_is_named_and_not_handed_in(registry: Registry) -> None:
    status, said = await registry.seller.post(f"/api/v1/registrations/{registry.id}/submit", {})
    assert (status, said["code"], said["data"]["problem"]) == (422, "record_incomplete", "not_clear")
    status, said = await registry.seller.get(f"/api/v1/registrations/{registry.id}")
    assert {(one["where"], one["word"]) for one in said["findings"]} == {(key, "missing") for key in ANSWERS}
    status, said = await registry.seller.post(
        f"/api/v1/registrations/{registry.id}/answers", {"answers": {"totalamount": "1"}}
    )
    assert (status, said["code"]) == (400, "malformed")


async def test_returned_and_corrected_it_goes_on_and_the_registrant_is_told(registry: Registry) -> None:
    await registry.hand_in()
    await registry.desk(registry.first, "start_pre_check")
    status, said = await registry.desk(
        registry.first, "return", reason="请补充法定代表人", fields=["buyer_representative"]
    )
    assert (status, said["return_fields"]) == (200, ["buyer_representative"])
    _, inbox = await registry.seller.get("/api/v1/me/notices")
    assert any(one["about"] == "registration.returned" for one in inbox["notices"]), inbox
    again = await registry.hand_in()
    assert (again["state"], again["revision"]) == ("resubmitted", 2)


async def test_the_second_review_is_another_registrar_and_large_contracts_go_to_experts(registry: Registry) -> None:
    big = await registry.contract(
        facts(deal="DL-big-1", contract_id="C-DL-big-1", payment=Payment(mode="ONE_TIME", total_fen=500 * WAN))
    )
    await registry.hand_in(big)
    for act in ("start_pre_check", "accept", "start_review"):
        assert (await registry.desk(registry.first, act, big))[0] == 200
    status, said = await registry.desk(registry.first, "opinion", big)
    assert (status, said["state"]) == (200, "expert_review")
    experts = [{"name": name, "unit": "某大学", "agrees": True} for name in "张李王"]
    status, said = await registry.desk(registry.first, "experts", big, experts=experts[:2])
    assert (status, said["data"]["problem"]) == (400, "too_few_experts")
    assert (await registry.desk(registry.first, "experts", big, experts=experts))[1]["state"] == "second_review"
    status, said = await registry.desk(registry.first, "register", big, number=NUMBER)
    assert (status, said["code"]) == (403, "forbidden")
    status, said = await registry.desk(registry.second, "register", big, number="123")
    assert (status, said["data"]["problem"]) == (400, "number_unusual")
    assert (await registry.desk(registry.second, "register", big, number=NUMBER))[1]["number"] == NUMBER


async def test_an_act_with_a_key_acts_once(registry: Registry) -> None:
    await registry.hand_in()
    first = await registry.desk(registry.first, "start_pre_check", key="k-1")
    again = await registry.desk(registry.first, "start_pre_check", key="k-1")
    assert first == again and first[0] == 200
    assert (await registry.desk(registry.first, "accept", key="k-1"))[0] == 409


async def test_the_certificates_page_shows_what_counts_now(registry: Registry) -> None:
    await registry.registered()
    registrations = registry.services.registering.registrations
    now = await registrations.read(registry.id)
    anyone = await registry.town.person(None)
    assert now is not None
    page = f"/verify/registration/{NUMBER}/{now.check}"
    status, text = await registry.read(anyone, page)
    assert status == 200 and "有效" in text.decode() and "stamp--good" in text.decode()
    assert (await registry.read(anyone, f"/verify/registration/{NUMBER}/{'0' * 20}"))[0] == 404, (
        "nobody finds it by the number alone"
    )
    status, _ = await registry.desk(
        registry.first,
        "change",
        cause="amount_supplemented",
        reason="提成",
        total=str(310 * WAN),
        technical=str(310 * WAN),
    )
    assert status == 200
    _, text = await registry.read(anyone, page)
    assert "stamp--bad" in text.decode() and "取代" in text.decode()
    newest = await registrations.read(registry.id)
    assert newest is not None and newest.check != now.check
    status, _ = await registry.desk(registry.first, "revoke", revocation="FRAUD", reason="虚假合同")
    _, text = await registry.read(anyone, f"/verify/registration/{NUMBER}/{newest.check}")
    assert "stamp--bad" in text.decode() and "已撤销" in text.decode()


async def test_every_page_of_a_case_works_as_forms(registry: Registry) -> None:
    one = registry.id
    status, text = await registry.form(registry.seller, f"/registrations/{one}", act="submit", objective="10")
    assert status == 422 and "notice--bad" in text
    status, _ = await registry.form(registry.seller, f"/registrations/{one}", act="submit", **ANSWERS)
    assert status == 303
    for person, act, more in (
        (registry.first, "start_pre_check", {}), (registry.first, "accept", {}), (registry.first, "start_review", {}),
        (registry.first, "opinion", {"outcome": "register", "technical": "3000000.00"}),
    ):  # fmt: skip
        assert (await registry.form(person, f"/desk/registrations/{one}", act=act, **more))[0] == 303, act
    status, text = await registry.form(registry.first, f"/desk/registrations/{one}", act="register", number=NUMBER)
    assert status == 422 and "另一名登记员" in text
    assert (await registry.form(registry.second, f"/desk/registrations/{one}", act="register", number=NUMBER))[0] == 303
    for person, path in (
        (registry.seller, "/me/registrations"), (registry.seller, f"/registrations/{one}"), (registry.buyer, f"/registrations/{one}"),
        (registry.seller, f"/contracts/{one.replace('R-', 'C-')}"), (registry.first, f"/contracts/{one.replace('R-', 'C-')}"),
        (registry.first, "/desk/registrations"), (registry.first, "/desk/registrations?queue=done&prefecture=150200"),
        (registry.operator, f"/desk/registrations/{one}"), (registry.first, "/desk/registrar-feed"),
    ):  # fmt: skip
        status, body = await registry.read(person, path)
        assert status == 200, path
        assert NUMBER in body.decode() or path.endswith(("feed", "/desk/registrations")) or "/contracts/" in path, path
        assert "registration.state." not in body.decode() and "finding." not in body.decode(), "every word has a text"


async def test_a_token_of_a_program_hands_in_and_reads_the_package(registry: Registry) -> None:
    secret = await registry.seller.token(Scope.READ, Scope.DESK)
    bearer: dict[str, Any] = {"Authorization": f"Bearer {secret}", "Cookie": "", "X_CSRF_Token": "", "Origin": ""}
    status, _ = await registry.seller.send(
        "POST", f"/api/v1/registrations/{registry.id}/answers", {"answers": ANSWERS}, **bearer
    )
    assert status == 200
    status, said = await registry.seller.send("GET", f"/api/v1/registrations/{registry.id}/package", None, **bearer)
    assert status == 200 and said["schema"] == "ortoo-registration-package-1"
    status, said = await registry.seller.send("GET", "/api/v1/registration-schema", None, **bearer)
    assert said == schema()


async def test_an_agreed_change_is_another_version_and_the_registrar_takes_it(registry: Registry) -> None:
    await registry.registered()
    contract_id = registry.id.replace("R-", "C-")
    body = {
        "reason": "价款含设备",
        "signed_on": "2026-11-27",
        "total": str(500 * WAN),
        "parts": [{"kind": "EQUIPMENT", "name": "反应釜", "amount": str(120 * WAN)}],
    }
    status, said = await registry.operator.post(f"/api/v1/contracts/{contract_id}/changes", body)
    assert (status, said["version"], said["total"], said["technical"]) == (200, 2, str(500 * WAN), str(380 * WAN)), (
        "domain rules §5.7"
    )
    status, said = await registry.desk(registry.first, "change", cause="contract_changed", reason="价款含设备")
    assert (status, said["state"], said["technical"], said["contract_version"]) == (200, "changed", str(380 * WAN), 2)
    status, text = await registry.read(registry.operator, f"/contracts/{contract_id}")
    assert status == 200 and "反应釜" in text.decode()
    fields = {
        "project": "另一名称专利权转让", "content": "内容", "acceptance": "验收", "begins_on": "2026-11-27", "ends_on": "2027-11-27", "total": "5000000",
        "part_0": "EQUIPMENT", "part_name_0": "反应釜", "part_amount_0": "1200000", "signed_on": "2026-11-28", "reason": "更名",
    }  # fmt: skip
    assert (await registry.form(registry.operator, f"/contracts/{contract_id}", act="change", **fields))[0] == 303
    assert (
        await registry.form(
            registry.operator, f"/contracts/{contract_id}", act="change", **{**fields, "part_amount_0": "9000000"}
        )
    )[0] == 422
    assert (await registry.form(registry.operator, f"/contracts/{contract_id}", act="rescind", on="", reason="x"))[
        0
    ] == 422
    status, said = await registry.operator.post(
        f"/api/v1/contracts/{contract_id}/end", {"annulled": False, "reason": "协商解除", "on": "2026-11-28"}
    )
    assert (status, said["state"]) == (200, "rescinded")
    status, said = await registry.desk(registry.first, "cancel", cause="rescinded", reason="合同解除")
    assert (status, said["state"], said["in_force"]) == (200, "cancelled", False)
