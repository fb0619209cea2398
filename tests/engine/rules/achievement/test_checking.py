"""What is wrong with a record at which stage; each test names its source."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.rules.achievement import record as r
from engine.rules.achievement.checking import Problem, Stage, foreign_blocked, problems, rights_block, shares_missing_bp
from engine.rules.achievement.record import Mode, RightKind, RightStatus
from tests.engine.rules.achievement.test_terms import noon

NOW = noon("2026-11-24")
PATENT = r.Right(kind=RightKind.INVENTION, number="ZL1", filed_on="2020-01-01", annuity_paid_to="2026-12-31")
WHOLE = r.Achievement(
    title_zh="题目",
    title_en="Title",
    abstract_zh="摘" * 50,
    abstract_en="abstract",
    holder_zh="研究所",
    holder_kind=r.HolderKind.STATE_INSTITUTE,
    fields=("09",),
    industry="01",
    region="150100",
    trl=6,
    trl_evidence=(r.Evidence(level=6, text="报告"),),
    project=r.Project(fiscal=True),
    completers=(r.Completer(name="甲", share_bp=3333), r.Completer(name="乙", share_bp=6667)),
    secrecy=r.Secrecy.PUBLIC,
    export_class=r.ExportClass.FREE,
    rights=(PATENT,),
    modes=(Mode.PLAIN,),
    defects="无",
)


def with_right(**changes: Any) -> r.Achievement:
    return replace(WHOLE, rights=(replace(PATENT, **changes),))


def blocking(record: r.Achievement, stage: Stage = Stage.LIST) -> set[tuple[str, str]]:
    return {(one.path, one.code) for one in problems(record, stage, NOW) if one.blocking}


def told(found: list[Problem]) -> set[tuple[str, bool]]:
    return {(one.code, one.blocking) for one in found}


def test_a_whole_record_has_no_problem_at_any_stage():
    for stage in Stage:
        assert problems(WHOLE, stage, NOW) == []


def test_an_empty_draft_is_no_problem_and_everything_needed_is_named_before_publishing():
    assert problems(r.Achievement(), Stage.DRAFT, NOW) == []
    asked = {path for path, code in blocking(r.Achievement(), Stage.PUBLISH) if code == "required"}
    assert asked == {
        "title_zh",
        "abstract_zh",
        "holder_zh",
        "holder_kind",
        "fields",
        "industry",
        "region",
        "trl",
        "completers",
        "secrecy",
        "export_class",
        "rights",
    }


@pytest.mark.parametrize("secrecy", [one for one in r.Secrecy if one is not r.Secrecy.PUBLIC])
@pytest.mark.parametrize("stage", Stage)
def test_what_is_not_public_is_refused_at_every_stage_domain_1_11(secrecy: r.Secrecy, stage: Stage):
    assert problems(replace(WHOLE, secrecy=secrecy), stage, NOW) == [Problem("secrecy", "secret_refused")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title_zh": "  "}, ("title_zh", "required")),
        ({"abstract_zh": "摘" * 49}, ("abstract_zh", "abstract_short")),
        ({"fields": ("12",)}, ("fields", "code_unknown")),
        ({"fields": ("01", "01")}, ("fields", "fields_count")),
        ({"fields": ("01", "02", "03", "04")}, ("fields", "fields_count")),
        ({"industry": "Z"}, ("industry", "code_unknown")),
        ({"region": "15010"}, ("region", "code_unknown")),
        ({"trl": 10}, ("trl", "trl_range")),
        ({"trl": 0}, ("trl", "trl_range")),
        ({"trl_evidence": ()}, ("trl_evidence", "trl_evidence_missing")),
        ({"trl_evidence": (r.Evidence(level=5, text="x"),)}, ("trl_evidence", "trl_evidence_missing")),
        ({"completers": (r.Completer(name="甲", share_bp=9999),)}, ("completers", "shares_sum")),
        ({"completers": (r.Completer(name="甲", share_bp=5000),) * 2}, ("completers", "completer_twice")),
        ({"completers": (r.Completer(name=" ", share_bp=10000),)}, ("completers[0].name", "required")),
        ({"completers": (r.Completer(name="甲", share_bp=-1), r.Completer(name="乙", share_bp=10001))}, ("completers[1].share_bp", "share_range")),
        ({"special": (r.Special.PATHOGENS,)}, ("ethics_approval", "approval_missing")),
        ({"without_rights": True}, ("rights", "rights_contradict")),
        ({"rights": (PATENT, PATENT)}, ("rights", "right_twice")),
        ({"rights": (replace(PATENT, filed_on="2021-02-29"),)}, ("rights[0].filed_on", "day_unreadable")),
        ({"rights": (replace(PATENT, granted_on="2019-12-31"),)}, ("rights[0].granted_on", "granted_before_filed")),
        ({"rights": (replace(PATENT, filed_on=""),)}, ("rights[0].filed_on", "required")),
        ({"rights": (replace(PATENT, number=""),)}, ("rights[0].number", "required")),
        ({"export_class": r.ExportClass.PROHIBITED}, ("export_class", "export_prohibited")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_stands_against_publishing_domain_3_2(changes: dict[str, Any], expected: tuple[str, str]):
    assert expected in blocking(replace(WHOLE, **changes), Stage.PUBLISH)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"defects": ""}, ("defects", "required")), ({"modes": ()}, ("modes", "required")), ({"project": r.Project()}, ("project.fiscal", "required"))],
    ids=["defects", "modes", "fiscal"],
)  # fmt: skip
def test_listing_asks_for_more_than_publishing_domain_3_2(changes: dict[str, Any], expected: tuple[str, str]):
    record = replace(WHOLE, **changes)
    assert blocking(record, Stage.PUBLISH) == set()
    assert expected in blocking(record, Stage.LIST)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_shares_are_whole_exactly_when_they_sum_to_all_10000(shares: list[int]):
    people = tuple(r.Completer(name=str(place), share_bp=share) for place, share in enumerate(shares))
    record = replace(WHOLE, completers=people)
    assert (("completers", "shares_sum") in blocking(record, Stage.PUBLISH)) is (sum(shares) != 10_000)
    assert shares_missing_bp(record) == 10_000 - sum(shares)


@pytest.mark.parametrize(
    ("export", "letter", "expected"),
    [
        (r.ExportClass.FREE, None, False), (r.ExportClass.RESTRICTED, None, True), (r.ExportClass.RESTRICTED, r.ExportLetter(number=" "), True),
        (r.ExportClass.RESTRICTED, r.ExportLetter(number="意向书1号"), False), (r.ExportClass.PROHIBITED, r.ExportLetter(number="1"), True), (None, None, True),
    ],
)  # fmt: skip
def test_foreign_buyers_wait_for_the_letter_l_tie_33(
    export: r.ExportClass | None, letter: r.ExportLetter | None, expected: bool
):
    record = replace(WHOLE, export_class=export, export_letter=letter)
    assert foreign_blocked(record) is expected
    if export is r.ExportClass.RESTRICTED:
        assert (
            Problem("export_letter", "foreign_blocked", blocking=False) in problems(record, Stage.LIST, NOW)
        ) is expected


# Which mode is closed by what: domain.md §0.2 no. 27, 28; §1.8; §1.9.

ALL = set(Mode)
HANDS_OVER = {Mode.TRANSFER, Mode.EXCLUSIVE, Mode.SOLE, Mode.EQUITY}
CASES: list[tuple[str, dict[str, Any], str, set[Mode]]] = [
    ("co-owner without consent, L-PAT 14", {"co_owners": (r.CoOwner(name="乙方"),)}, "co_owner_consent_missing", HANDS_OVER),
    ("one co-owner of two agreed, L-PAT 14", {"co_owners": (r.CoOwner(name="乙", consent="1"), r.CoOwner(name="丙"))}, "co_owner_consent_missing", HANDS_OVER),
    ("all agreed, L-PAT 14", {"co_owners": (r.CoOwner(name="乙", consent="1"),)}, "co_owner_consent_missing", set()),
    ("exclusive licence runs, L-TECH 25, L-PATR 86", {"licences": (r.RunningLicence(mode=Mode.EXCLUSIVE),)}, "exclusive_runs", {Mode.EXCLUSIVE, Mode.SOLE, Mode.PLAIN, Mode.OPEN}),
    ("sole licence runs to today, L-PATR 86", {"licences": (r.RunningLicence(mode=Mode.SOLE, until_on="2026-11-24"),)}, "exclusive_runs", {Mode.EXCLUSIVE, Mode.SOLE, Mode.PLAIN, Mode.OPEN}),
    ("sole licence ended yesterday", {"licences": (r.RunningLicence(mode=Mode.SOLE, until_on="2026-11-23"),)}, "exclusive_runs", set()),
    ("open licence declared, L-PAT 51", {"licences": (r.RunningLicence(mode=Mode.OPEN),)}, "open_excludes", {Mode.EXCLUSIVE, Mode.SOLE}),
    ("annuity unpaid, L-PATR 86", {"annuity_paid_to": "2026-11-23"}, "annuity_unpaid", {Mode.OPEN}),
    ("annuity paid to today", {"annuity_paid_to": "2026-11-24"}, "annuity_unpaid", set()),
    ("annuity not told, L-PATR 86", {"annuity_paid_to": ""}, "annuity_unknown", {Mode.OPEN}),
    ("pledged without consent, L-PATR 86", {"pledged": True}, "pledge_consent_missing", {Mode.OPEN}),
    ("pledged with consent, L-PATR 86", {"pledged": True, "pledge_consent": "1"}, "pledge_consent_missing", set()),
    ("utility model without report, L-PAT 50", {"kind": RightKind.UTILITY_MODEL}, "evaluation_report_missing", {Mode.OPEN}),
    ("design without report, L-PAT 50", {"kind": RightKind.DESIGN}, "evaluation_report_missing", {Mode.OPEN}),
    ("utility model with report, L-PAT 50", {"kind": RightKind.UTILITY_MODEL, "evaluation_report": "1"}, "evaluation_report_missing", set()),
    ("not granted yet, L-PATR 85", {"status": RightStatus.PENDING}, "open_needs_grant", {Mode.OPEN}),
    ("term over, L-PAT 42", {"filed_on": "2006-11-24"}, "right_over", ALL),
    ("last day of the term, L-PAT 42", {"filed_on": "2006-11-25"}, "right_over", set()),
    ("lapsed, L-PAT 44", {"status": RightStatus.LAPSED}, "right_over", ALL),
    ("no patent at all, L-PAT 50", {"kind": RightKind.SOFTWARE}, "open_needs_patent", {Mode.OPEN}),
    ("variety of a state unit without approval, domain 0.2-18", {"kind": RightKind.PLANT_VARIETY}, "variety_approval_missing", {Mode.TRANSFER, Mode.EQUITY}),
    ("variety with approval, domain 0.2-18", {"kind": RightKind.PLANT_VARIETY, "approval": "1"}, "variety_approval_missing", set()),
]  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("changes", "code", "closed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_closes_which_mode(changes: dict[str, Any], code: str, closed: set[Mode], mode: Mode):
    record = with_right(**changes)
    stops = {one.code for one in rights_block(record, mode, NOW) if one.blocking}
    assert (code in stops) is (mode in closed)
    # The listing checks the modes that are offered, and nothing but those.
    offered = replace(record, modes=(mode,))
    assert (code in {c for _, c in blocking(offered)}) is (mode in closed)


def test_a_private_holder_needs_no_approval_for_a_variety_domain_0_2_18():
    record = replace(with_right(kind=RightKind.PLANT_VARIETY), holder_kind=r.HolderKind.COMPANY)
    assert rights_block(record, Mode.TRANSFER, NOW) == []


def test_earlier_licences_survive_a_transfer_and_are_told_l_tech_24():
    record = with_right(licences=(r.RunningLicence(mode=Mode.EXCLUSIVE),))
    assert told(rights_block(record, Mode.TRANSFER, NOW)) == {("licences_survive", False)}


def test_what_was_not_read_in_a_source_warns_and_never_blocks():
    old_design = with_right(kind=RightKind.DESIGN, filed_on="2021-05-31", evaluation_report="1")
    assert ("design_term_to_check", False) in told(rights_block(old_design, Mode.TRANSFER, NOW))
    alone = with_right(co_owners=(r.CoOwner(name="乙"),))
    assert told(rights_block(alone, Mode.OPEN, NOW)) == {("co_owner_to_ask", False)}


def test_two_rights_are_judged_each_for_itself():
    record = replace(WHOLE, rights=(PATENT, replace(PATENT, number="ZL2", status=RightStatus.LAPSED)))
    assert {one.path for one in rights_block(record, Mode.PLAIN, NOW)} == {"rights[1].status"}


@pytest.mark.parametrize(
    "changes",
    [
        {"title_zh": "题" * 201}, {"abstract_zh": "摘" * 4_001}, {"full_text": "x" * 15_001}, {"keywords": ("x",) * 51}, {"scenes": ("x" * 4_001,)},
        {"completers": (r.Completer(name="x" * 4_001),)}, {"rights": (replace(PATENT, family=("x",) * 51),)}, {"region": "1" * 301},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_every_text_and_list_is_bounded_in_drafts_as_well_p10(changes: dict[str, Any]):
    assert any(
        one.code in ("too_long", "too_many") for one in problems(replace(r.Achievement(), **changes), Stage.DRAFT, NOW)
    )
