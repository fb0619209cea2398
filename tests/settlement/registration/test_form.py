"""The registration form: every field of domain.md §5.8 with its list and source, filled from the contract, so that nothing is typed twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from engine.calendar import parse_day
from settlement.contracts.drafting import draft
from settlement.contracts.facts import Licence, Part, Payment, Profile
from settlement.registration.filling import applies, fen_of, fill, plain_yuan, profile_of
from settlement.registration.form import (
    TABLES,
    FieldKind,
    Origin,
    code_versions,
    form_fields,
    form_table,
    registration_rules,
)
from settlement.registration.package import PackageHead, package, package_bytes, schema
from settlement.registration.precheck import number_warnings, pre_check
from tests.settlement.registration.case import ANSWERS, BUYER, FACTORY, SELLER, WAN, facts

NATIONAL = {
    "projectname", "contracttype", "buyername", "buyertype", "buyer_address", "buyer_representative", "buyer_contact", "buyer_contacttel",
    "buyer_zipcode", "buyer_jszyjg", "buyer_isyfjg", "buyer_zzkyys", "buyer_countrygxqqy", "buyer_islist", "buyer_scale", "totalamount",
    "technicalamount", "signdate", "contractbegindate", "contractenddate", "paymethod", "isrelated", "projectplantype", "ipr", "techarea",
}  # fmt: skip
"""The real field names that domain.md §5.8 gives."""
TODAY = parse_day("2026-03-10")
assert TODAY is not None
DOCS = Path(__file__).parents[3] / "docs"


def test_every_national_name_is_there_once_as_key_and_alias() -> None:
    assert {field.national for field in form_fields().values() if field.national} == NATIONAL
    assert all(field.national in ("", key) for key, field in form_fields().items())
    assert len(form_fields()) == len(form_table().fields) == 51


def test_every_field_names_its_source_and_every_code_its_list() -> None:
    for field in form_fields().values():
        assert field.source and field.zh and field.en.isascii()
        assert (field.entries() is not None) == (field.kind in (FieldKind.CODE, FieldKind.LEAF)), field.key
    assert {field.table for field in form_fields().values() if field.table} == set(TABLES)
    assert set(code_versions()) == set(TABLES)


def test_the_form_is_filled_from_the_contract_and_only_four_answers_are_asked() -> None:
    form = fill(facts())
    assert [key for key, filled in form.items() if not filled.value] == [
        "registration_number",
        *sorted(ANSWERS, key=list(form).index),
    ]
    assert form["totalamount"].value == form["technicalamount"].value == "3000000.00"
    assert (form["seller_country"].value, form["buyertype"].value, form["ipr"].value) == ("142", "150", "INVENTION")
    assert form["buyer_scale"].value == "MEDIUM" and "seller_scale" not in form, "only an enterprise has a size"
    assert form["buyer_address"].origin is Origin.PROFILE and form["projectname"].origin is Origin.CONTRACT


def test_answers_fill_what_is_asked_and_never_what_the_contract_says() -> None:
    form = fill(facts(), {**ANSWERS, "totalamount": "1.00", "buyername": "别的公司"})
    assert form["objective"].value == "10" and form["objective"].origin is Origin.ANSWER
    assert form["totalamount"].value == "3000000.00" and form["buyername"].value == BUYER.name


def test_an_amount_is_written_with_two_decimals_however_it_was_typed() -> None:
    form = fill(facts(), {**ANSWERS, "expected_input": "2000000", "expected_output": "0.5"})
    assert (form["expected_input"].value, form["expected_output"].value) == ("2000000.00", "0.50")
    assert fill(facts(), {"expected_input": "viel"})["expected_input"].value == "viel", "the pre-check names it"


def test_conditional_fields_follow_the_contract() -> None:
    licence = facts(kind="XK1", licence=Licence(kind="PLAIN"))
    assert "expected_output" in fill(facts()) and "expected_output" not in fill(licence), "P-FORM2: transfers only"
    person = facts(buyer=replace(BUYER, is_person=True, nature="", profile=Profile()))
    form = fill(person)
    assert form["buyertype"].value == "500" and "buyer_representative" not in form and "buyer_scale" not in form
    foreign = fill(facts(buyer=replace(BUYER, country="MN", region="")))
    assert foreign["buyer_country"].value == "124" and "buyer_area" not in foreign and "buyer_zipcode" not in foreign


def test_what_was_answered_about_a_party_is_its_profile_next_time() -> None:
    answers = {
        "buyer_address": "呼和浩特市新城区1号",
        "buyer_islist": "1",
        "buyer_industry": "26",
        "seller_address": "别处",
    }
    assert profile_of(answers, "buyer", FACTORY) == replace(
        FACTORY, address="呼和浩特市新城区1号", is_listed=True, industry="26"
    )
    assert profile_of({}, "buyer", FACTORY) == FACTORY


@pytest.mark.parametrize(
    "text, fen",
    [("3000000.00", 300 * WAN), ("0.5", 50), ("7", 700), ("1.234", None), ("-1", None), ("", None), ("1,000", None)],
)
def test_amounts_are_read_exactly(text: str, fen: int | None) -> None:
    assert fen_of(text) == fen
    if fen is not None:
        assert fen_of(plain_yuan(fen)) == fen


# Pre-check


def verdict(answers: dict[str, str] | None = None, **changes: object) -> list[tuple[str, str]]:
    given = facts(**changes)
    assert TODAY is not None
    done = pre_check(draft(given), fill(given, ANSWERS if answers is None else answers), TODAY)
    return [(one.where, one.word) for one in done.findings]


def test_a_whole_form_is_clear() -> None:
    assert verdict() == []


def test_every_asked_field_is_missed_when_it_is_empty() -> None:
    given = facts()
    whole = fill(given, ANSWERS)
    assert TODAY is not None
    for key, field in form_fields().items():
        if applies(field, given) and field.required:
            form = {name: filled for name, filled in whole.items() if name != key}
            assert (key, "missing") in [
                (one.where, one.word) for one in pre_check(draft(given), form, TODAY).refusals
            ], key


@pytest.mark.parametrize(
    "key, value, word",
    [
        ("objective", "99", "not_in_list"), ("expected_input", "viel", "no_amount"), ("buyer_zipcode", "1403", "zip"),
        ("buyer_islist", "vielleicht", "no_yes_no"), ("buyer_address", "长" * 201, "too_long"), ("techarea", "12", "not_in_list"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_named_with_its_field(key: str, value: str, word: str) -> None:
    assert verdict({**ANSWERS, key: value}) == [(key, word)]


def test_what_comes_from_elsewhere_is_checked_too() -> None:
    assert ("buyertype", "not_a_leaf") in verdict(buyer=replace(BUYER, nature="100"))
    assert ("buyer_contacttel", "phone") in verdict(buyer=replace(BUYER, phone="call me"))
    assert ("seller_credit_code", "credit_code") in verdict(seller=replace(SELLER, credit_code="91150200MA0QABCDE1"))
    assert ("contractenddate", "ends_before_signed") in verdict(ends_on="2026-03-01")
    assert ("ipr", "ip_needed") in verdict(rights=()), "a patent sale without a patent"
    assert ("ipr", "ip_needed") not in verdict(kind="ZR1", rights=()), "know-how needs no number"


def test_a_deal_is_registered_once() -> None:
    given = facts()
    assert TODAY is not None
    done = pre_check(draft(given), fill(given, ANSWERS), TODAY, registered_already="2026150201000001")
    assert [(one.where, one.word) for one in done.refusals] == [("registration_number", "registered_already")]


@pytest.mark.parametrize(
    "number, warnings",
    [
        ("2026150101000123", ()), ("20261501010001", ("number_length",)), ("2026150101ABCDEF", ("number_digits",)),
        ("2026110101000123", ("number_province",)), ("2025150101000123", ("number_year",)), ("2026150101000000", ("number_serial",)),
    ],
)  # fmt: skip
def test_the_form_of_a_number_is_a_warning(number: str, warnings: tuple[str, ...]) -> None:
    """Domain.md §5.16: 16 digits, year 2026, Inner Mongolia 15, Hohhot 01, registrar 01, no. 123."""
    assert number_warnings(number, 2026) == warnings


def test_the_clocks_of_the_draft_are_data_and_not_confirmed() -> None:
    rules = registration_rules()
    assert (rules.review_working_days.value, rules.expert_review_working_days.value) == (15, 30)
    assert {rules.review_working_days.confidence.value, rules.expert_review_working_days.confidence.value} == {
        "unconfirmed"
    }


# Package


def made(**changes: object) -> dict[str, object]:
    given = facts(**changes)
    head = PackageHead(
        registration="R-DL-a1-1", revision=1, made_at_us=1, deal=given.deal, contract_id=given.contract_id, contract_version=1,
        contract_text="0" * 64, market="ortoo", total_fen=300 * WAN, technical_fen=300 * WAN,
    )  # fmt: skip
    return package(head, draft(given), fill(given, ANSWERS))


def test_the_committed_schema_is_the_one_the_form_makes() -> None:
    committed = json.loads((DOCS / "registration-package.schema.json").read_text(encoding="utf-8"))
    assert committed == schema(), (
        "print it anew: python -m settlement.registration.package > docs/registration-package.schema.json"
    )
    Draft202012Validator.check_schema(schema())


def test_packages_fit_the_schema_and_spoiled_ones_do_not() -> None:
    check = Draft202012Validator(schema())
    payment = Payment(mode="ONE_TIME", total_fen=500 * WAN)
    for changes in (
        {},
        {"kind": "XK1", "licence": Licence(kind="PLAIN")},
        {"payment": payment, "parts": (Part(kind="EQUIPMENT", name="釜", amount_fen=5),)},
    ):
        body = json.loads(package_bytes(made(**changes)))
        check.validate(body)
        body["fields"][0]["value"] = 5
        assert not check.is_valid(body)
    unknown = json.loads(package_bytes(made()))
    next(field for field in unknown["fields"] if field["key"] == "objective")["value"] = "99"
    assert not check.is_valid(unknown)


def test_fields_stand_in_the_order_of_the_form_with_code_and_name() -> None:
    body = json.loads(package_bytes(made()))
    keys = [field["key"] for field in body["fields"]]
    assert keys == [key for key in form_fields() if key in keys]
    kind = next(field for field in body["fields"] if field["key"] == "contracttype")
    assert (kind["value"], kind["shown"], kind["national"]) == ("ZR2", "专利权转让", "contracttype")
