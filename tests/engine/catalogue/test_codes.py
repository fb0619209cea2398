"""Code tables: complete, without doubles, in both languages, and each says where it comes from."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from engine.catalogue.codes import (
    contract_types,
    countries,
    enterprise_sizes,
    fields,
    industries,
    ip_types,
    objectives,
    party_natures,
    payment_modes,
    plan_sources,
    regions,
    trl,
)
from engine.catalogue.codes.tables import CodeTable, Confidence, Entry
from engine.rules.achievement.record import RightKind
from gateway.pages import codes as pages

TABLES: dict[str, CodeTable[Entry]] = {
    "contract_types": contract_types.CONTRACT_TYPES,
    "countries": countries.COUNTRIES,
    "enterprise_sizes": enterprise_sizes.ENTERPRISE_SIZES,
    "fields": fields.FIELDS,
    "industries": industries.INDUSTRIES,
    "ip_types": ip_types.IP_TYPES,
    "markets": regions.MARKETS,
    "objectives": objectives.OBJECTIVES,
    "party_natures": party_natures.PARTY_NATURES,
    "payment_modes": payment_modes.PAYMENT_MODES,
    "plan_sources": plan_sources.PLAN_SOURCES,
    "regions": regions.REGIONS,
    "trl": trl.LEVELS,
}
DATA = Path(__file__).parents[3] / "engine" / "catalogue" / "codes" / "data"
DIVISIONS = Path(__file__).parents[4] / "shared" / "data" / "cn_admin_divisions"
CHINESE = re.compile(r"[\u4e00-\u9fff、，（）]+")


def rows_of(name: str) -> list[dict[str, str]]:
    with (DIVISIONS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_table_of_the_data_is_tested_here() -> None:
    tables = {path.stem for path in DATA.glob("*.json") if '"entries"' in path.read_text(encoding="utf-8")}
    assert tables == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_its_source_and_version(name: str) -> None:
    table = TABLES[name]
    assert len(table.source) > 40 and table.version and table.title
    document = (Path(__file__).parents[3] / "docs" / "CODES.md").read_text(encoding="utf-8")
    assert f"`{name}`" in document and f"| {table.version} |" in document


@pytest.mark.parametrize("name", TABLES)
def test_entries_have_both_names_and_a_place_in_the_tree(name: str) -> None:
    table = TABLES[name]
    for code, entry in table.items():
        assert code == entry.code and re.fullmatch(r"[A-Z0-9_]{1,20}", code), code
        assert CHINESE.fullmatch(entry.zh), entry.zh
        assert entry.en.isascii() and entry.en.strip() == entry.en and entry.en, entry.en
        assert entry.name("en") == entry.en and entry.name("zh") == entry.zh and entry.name("fr") == entry.zh
        assert table.path(code)[-1] is entry and table.path(code)[0].parent == ""
    siblings = Counter((entry.parent, entry.zh) for entry in table.values())
    assert max(siblings.values()) == 1, siblings.most_common(1)


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert fields.FIELDS.name("99", "en") == "99"
    assert fields.FIELDS.path("99") == () and not fields.FIELDS.is_leaf("99")


def test_a_table_with_a_double_or_an_orphan_is_refused() -> None:
    one = Entry(code="1", zh="一", en="one")
    with pytest.raises(ValueError, match="twice"):
        CodeTable("t", "1", "s", [one, one])
    with pytest.raises(ValueError, match="no parent of 2"):
        CodeTable("t", "1", "s", [one, Entry(code="2", zh="二", en="two", parent="3")])


def test_a_party_of_the_register_has_a_customs_code() -> None:
    assert (countries.customs_code("CN"), countries.customs_code("MN"), countries.customs_code("RU")) == (
        "142",
        "124",
        "344",
    )
    assert countries.customs_code("ZZ") == ""
    assert len({country.iso for country in countries.COUNTRIES.values()}) == len(countries.COUNTRIES)


# Regions


def test_12_leagues_and_cities_and_103_banners_and_counties() -> None:
    """Domain.md §7.1: 23 districts, 11 county-level cities, 17 counties, 49 banners, 3 autonomous banners."""
    assert len(regions.PREFECTURES) == 12
    assert Counter(region.kind.value for region in regions.PREFECTURES) == {"CITY": 9, "LEAGUE": 3}
    assert Counter(region.kind.value for region in regions.COUNTIES) == {
        "DISTRICT": 23, "COUNTY_CITY": 11, "COUNTY": 17, "BANNER": 49, "AUTONOMOUS_BANNER": 3,
    }  # fmt: skip
    assert len(regions.COUNTIES) == 103
    per_prefecture = Counter(region.parent for region in regions.COUNTIES)
    assert [per_prefecture[region.code] for region in regions.PREFECTURES] == [9, 9, 3, 12, 8, 9, 14, 7, 11, 6, 12, 3]


def test_the_five_statistical_zones_are_places_but_no_counties() -> None:
    assert [zone.code for zone in regions.PARKS] == ["150172", "150271", "150571", "152571", "152971"]
    assert not any(zone.is_county or zone.is_prefecture for zone in regions.PARKS)
    assert all(regions.prefecture_of(zone.code) for zone in regions.PARKS)


def test_the_103_are_the_data_set_less_the_five_zones() -> None:
    if not DIVISIONS.is_dir():
        pytest.skip(f"{DIVISIONS} is not here; the counts are tested without it")
    rows = {row["code"]: row["name"] for row in rows_of("areas") if row["provinceCode"] == "15"}
    assert len(rows) == 108
    zones = {code for code in rows if code[4] == "7"}
    assert zones == {zone.code for zone in regions.PARKS}
    assert {c.code: c.zh for c in regions.COUNTIES} == {code: name for code, name in rows.items() if code not in zones}
    home = {f"{row['code']}00": row["name"] for row in rows_of("cities") if row["provinceCode"] == "15"}
    assert {p.code: p.zh for p in regions.PREFECTURES} == home
    known = {f"{row['code']}0000": row["name"] for row in rows_of("provinces")}
    assert {p.code: p.zh for p in regions.PROVINCES if p.confidence is Confidence.CONFIRMED} == known


def test_14_units_report_among_them_manzhouli_and_erenhot() -> None:
    assert len(regions.REPORTING_UNITS) == len({unit.code for unit in regions.REPORTING_UNITS}) == 14
    for code, name in [
        ("150781", "满洲里市"), ("152501", "二连浩特市"), ("150702", "呼伦贝尔市"), ("152502", "锡林郭勒盟"), ("150172", "呼和浩特市"),
    ]:  # fmt: skip
        found = regions.reporting_unit_of(code)
        assert found is not None and found.zh == name
    assert regions.reporting_unit_of("150000") is None and regions.reporting_unit_of("110000") is None
    units = [regions.reporting_unit_of(county.code) for county in regions.COUNTIES]
    counted = Counter(unit.code for unit in units if unit)
    assert sum(counted.values()) == 103 and len(counted) == 14


def test_every_prefecture_belongs_to_one_standing_market() -> None:
    served = [code for market in regions.MARKETS.values() for code in market.prefectures]
    assert sorted(served) == sorted(region.code for region in regions.PREFECTURES)
    assert list(regions.MARKETS) == ["EAST", "CENTRAL", "WEST"]
    assert all(market.confidence is Confidence.DESIGN for market in regions.MARKETS.values())
    found = [regions.market_of(code) for code in ("150781", "152501", "152923", "150000", "110000", "nothing")]
    assert [market.code if market else None for market in found] == ["EAST", "CENTRAL", "WEST", None, None, None]


@pytest.mark.parametrize(
    "code, zh, en",
    [
        ("150781", "呼伦贝尔市满洲里市", "Manzhouli City, Hulunbuir"),
        ("152921", "阿拉善盟阿拉善左旗", "Alxa Left Banner, Alxa League"),
        ("150100", "呼和浩特市", "Hohhot"),
        ("150000", "内蒙古自治区", "Inner Mongolia"),
        ("110000", "北京市", "Beijing"),
        ("999999", "999999", "999999"),
    ],
)
def test_places_are_named_with_their_league_or_city(code: str, zh: str, en: str) -> None:
    assert (regions.full_name(code, "zh"), regions.full_name(code, "en")) == (zh, en)


def test_a_place_elsewhere_is_known_by_its_province() -> None:
    province = regions.province_of("440305")
    assert province is not None and province.en == "Guangdong"
    assert regions.province_of("990000") is None and regions.province_of("15") is None
    assert regions.is_home("150781") and regions.is_home("150000")
    assert not regions.is_home("110000") and not regions.is_home("159999")


# The others


def test_11_fields_in_the_national_order() -> None:
    assert [field.identifier for field in fields.FIELDS.values()] == [
        "EIT", "AERO", "MFG", "BIO", "MAT", "ENERGY", "ENV", "NUCLEAR", "AGRI", "TRANS", "URBAN",
    ]  # fmt: skip
    assert list(fields.FIELDS) == [f"{number:02}" for number in range(1, 12)]


def test_20_sections_and_97_divisions_of_industry() -> None:
    assert [section.code for section in industries.SECTIONS] == list("ABCDEFGHIJKLMNOPQRST")
    assert [division.code for division in industries.DIVISIONS] == [f"{number:02}" for number in range(1, 98)]
    firsts = {section.code: industries.INDUSTRIES.children(section.code)[0].code for section in industries.SECTIONS}
    assert firsts == {
        "A": "01", "B": "06", "C": "13", "D": "44", "E": "47", "F": "51", "G": "53", "H": "61", "I": "63", "J": "66",
        "K": "70", "L": "71", "M": "73", "N": "76", "O": "80", "P": "83", "Q": "84", "R": "86", "S": "91", "T": "97",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, code",
    [
        ("C", "C"), ("c", "C"), ("26", "26"), ("C26", "26"), (" c2614 ", "26"), ("2614", "26"), ("261", "26"),
        ("D26", None), ("98", None), ("2", None), ("26145", None), ("", None), ("U", None), ("C2x", None), ("２６", None),  # noqa: RUF001
    ],
)  # fmt: skip
def test_industries_are_found_as_people_write_them(text: str, code: str | None) -> None:
    found = industries.industry_of(text)
    assert (found.code if found else None) == code


def test_nine_readiness_levels_each_with_its_evidence() -> None:
    assert [level.number for level in trl.LEVELS.values()] == list(range(1, 10))
    assert all(level.confidence is Confidence.UNCONFIRMED for level in trl.LEVELS.values())
    for language in ("zh", "en"):
        assert len({level.evidence(language) for level in trl.LEVELS.values()}) == 9
        assert len({level.meaning(language) for level in trl.LEVELS.values()}) == 9
    level = trl.level_of(6)
    assert level is not None and level.zh == "正样级"
    assert trl.level_of(0) is None and trl.level_of(10) is None


def test_party_natures_and_what_sort_of_party_they_are() -> None:
    natures = party_natures.PARTY_NATURES
    assert natures[party_natures.NATURAL_PERSON].is_person
    assert [code for code in natures if natures[code].is_person] == ["500"]
    assert natures.path("0221")[0].zh == "事业法人" and natures["0221"].kind is party_natures.NatureKind.INSTITUTION
    for code, nature in natures.items():
        assert all(above.kind is nature.kind for above in natures.path(code)), code
        assert not nature.parent or code[: len(nature.parent.rstrip("0"))] == nature.parent.rstrip("0"), code
    unsure = {code for code, nature in natures.items() if nature.confidence is Confidence.UNCONFIRMED}
    assert unsure == {"330", "400", "500", "600"}


def test_contract_types_are_trees_and_one_was_replaced() -> None:
    types = contract_types.CONTRACT_TYPES
    assert [entry.code for entry in types.children()] == ["KF", "ZR", "XK", "ZX", "FW"]
    assert [code for code in types if not types[code].in_use] == ["ZR4"]
    assert types["ZR4"].replaced_by in types


def test_the_remaining_lists_have_the_entries_of_the_form() -> None:
    assert list(payment_modes.PAYMENT_MODES) == ["ONE_TIME", "INSTALMENT", "ROYALTY", "ROYALTY_PLUS_ENTRY", "OTHER"]
    assert list(objectives.OBJECTIVES) == [f"{number:02}" for number in range(1, 14)]
    assert [entry.code for entry in ip_types.IP_TYPES.children("PATENT")] == ["INVENTION", "UTILITY_MODEL", "DESIGN"]
    assert ip_types.NO_IP in ip_types.IP_TYPES and not ip_types.IP_TYPES.is_leaf("PATENT")


def test_every_right_of_an_achievement_has_its_name_in_the_table() -> None:
    assert {kind.value for kind in RightKind} <= set(ip_types.IP_TYPES)
    assert all(ip_types.IP_TYPES.is_leaf(kind.value) for kind in RightKind)


# What the pages show is the same table.


def test_pages_offer_the_fields_and_the_leagues_and_cities() -> None:
    assert list(pages.FIELDS) == list(fields.FIELDS)
    assert list(pages.REGIONS) == [region.code for region in regions.PREFECTURES]
    assert pages.FIELDS["05"] == ("新材料及其应用", "New materials")
    assert pages.REGIONS["152200"] == ("兴安盟", "Hinggan League")
    assert pages.region_name("150781", "en") == "Hulunbuir" and pages.region_name("150781", "zh") == "呼伦贝尔市"
    assert pages.region_name("990000", "zh") == "990000" and pages.field_name("77", "zh") == "77"


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("150000", "15"),
        ("150200", "1502"),
        ("150207", "150207"),
        ("152500", "1525"),
        ("", ""),
        ("110000", "11"),
        ("1502", "1502"),
    ],
)
def test_a_region_is_looked_for_by_how_the_codes_of_its_places_begin(code: str, prefix: str) -> None:
    assert regions.prefix_of(code) == prefix
    assert all(county.code.startswith(regions.prefix_of(county.parent)) for county in regions.COUNTIES)
