"""The columns of the import file: their names in both languages, what stands in them, and how a cell becomes a part of the record."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import industry_of
from engine.catalogue.codes.regions import REGIONS, full_name
from engine.rules.achievement.record import (
    Completer,
    Evidence,
    ExportClass,
    HolderKind,
    Indicator,
    Maturity,
    Mode,
    Project,
    Right,
    RightKind,
    RightStatus,
    Secrecy,
)

CELL_MAX: Final = 4_000
"""Characters of a cell."""
_SEPARATORS: Final = re.compile(r"[;；\n]+")
_PARTS: Final = re.compile("[|\uff5c]")

WORDS: Final[Mapping[type[StrEnum], Mapping[str, str]]] = {
    HolderKind: {
        "高校院所": "STATE_INSTITUTE", "事业单位": "STATE_INSTITUTE", "国有企业": "STATE_ENTERPRISE", "企业": "COMPANY",
        "个人": "PERSON", "其他": "OTHER",
    },
    Maturity: {"实验室": "LAB", "小试": "BENCH", "中试": "PILOT", "量产": "PRODUCTION"},
    Mode: {
        "转让": "TRANSFER", "独占许可": "EXCLUSIVE", "排他许可": "SOLE", "普通许可": "PLAIN", "开放许可": "OPEN", "作价投资": "EQUITY",
        "合作": "COOPERATION",
    },
    Secrecy: {
        "公开": "PUBLIC", "非密": "PUBLIC", "内部": "INTERNAL", "秘密": "CONFIDENTIAL", "机密": "SECRET", "绝密": "TOP_SECRET",
        "国防专利": "DEFENCE",
    },
    ExportClass: {
        "自由": "FREE", "自由类": "FREE", "限制": "RESTRICTED", "限制类": "RESTRICTED", "禁止": "PROHIBITED",
        "禁止类": "PROHIBITED",
    },
    RightKind: {
        "发明": "INVENTION", "发明专利": "INVENTION", "实用新型": "UTILITY_MODEL", "外观设计": "DESIGN", "技术秘密": "KNOW_HOW",
        "软件著作权": "SOFTWARE", "植物新品种": "PLANT_VARIETY", "集成电路布图设计": "LAYOUT", "生物、医药新品种": "BIO_VARIETY",
    },
}  # fmt: skip
"""What people write for a code; the code itself is always read, too."""
YES: Final = frozenset({"是", "yes", "y", "true", "1"})
NO: Final = frozenset({"否", "no", "n", "false", "0"})


class CellWrong(Exception):
    """A cell cannot be read; `code` says why (`import.problem.<code>`)."""

    def __init__(self, code: str, value: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.value = value


class Column(Struct, frozen=True):
    """One column. `read` returns the fields of the record that the cell fills."""

    key: str
    zh: str
    en: str
    example: str
    read: Callable[[str], Mapping[str, Any]]
    needed: bool = False
    """Without it a record cannot be published."""


def _text(name: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda cell: {name: cell}


def _code(name: str, kind: type[StrEnum]) -> Callable[[str], Mapping[str, Any]]:
    return lambda cell: {name: one_of(kind, cell)}


def _listed(name: str, read: Callable[[str], Any]) -> Callable[[str], Mapping[str, Any]]:
    return lambda cell: {name: tuple(read(part) for part in parts_of(cell))}


def parts_of(cell: str) -> list[str]:
    """Return the entries of a list cell: apart by a semicolon, of either width, or a line end."""
    return [part.strip() for part in _SEPARATORS.split(cell) if part.strip()]


def one_of(kind: type[StrEnum], text: str) -> StrEnum:
    """Read a code or one of its names."""
    plain = unicodedata.normalize("NFKC", text).strip()
    code = WORDS[kind].get(plain, plain.upper())
    if code not in set(kind):
        raise CellWrong("code_unknown", plain)
    return kind(code)


def _field(text: str) -> str:
    for entry in FIELDS.values():
        if text in (entry.code, entry.code.lstrip("0"), entry.zh, entry.en):
            return entry.code
    raise CellWrong("code_unknown", text)


def _industry(cell: str) -> Mapping[str, Any]:
    if industry_of(cell) is None:
        raise CellWrong("code_unknown", cell)
    return {"industry": cell.strip().upper()}


def _region(cell: str) -> Mapping[str, Any]:
    code = _REGION_NAMES.get(cell.replace(" ", ""), cell)
    if code not in REGIONS:
        raise CellWrong("code_unknown", cell)
    return {"region": code}


_BY_NAME: Final = [(name, code) for code in REGIONS for name in {REGIONS[code].zh, full_name(code, "zh")}]
_REGION_NAMES: Final = {name: code for name, code in _BY_NAME if [one for one, _ in _BY_NAME].count(name) == 1}
"""Names that mean one place only."""


def _trl(cell: str) -> Mapping[str, Any]:
    text = unicodedata.normalize("NFKC", cell).upper().removeprefix("TRL").strip()
    if not re.fullmatch(r"[1-9](\.0)?", text):
        raise CellWrong("trl_range", cell)
    return {"trl": int(text[0])}


def _evidence(text: str) -> Evidence:
    level, _, words = re.sub(r"[:：]", ":", text, count=1).partition(":")
    plain = level.strip().upper().removeprefix("TRL").strip()
    if not re.fullmatch(r"[1-9]", plain) or not words.strip():
        raise CellWrong("evidence_form", text)
    return Evidence(level=int(plain), text=words.strip())


def _indicator(text: str) -> Indicator:
    name, _, value = re.sub(r"[:：]", ":", text, count=1).partition(":")
    if not name.strip() or not value.strip():
        raise CellWrong("indicator_form", text)
    return Indicator(name=name.strip(), value=value.strip())


def _completer(text: str) -> Completer:
    """`姓名:贡献%` or `姓名|单位|贡献%`. Nobody is named in public by an import: consent is given by the person, later."""
    parts = [part.strip() for part in re.split("[|\uff5c:：]", text)]
    name, unit, share = (parts[0], "", parts[1]) if len(parts) == 2 else (*parts, "", "", "")[:3]
    if len(parts) not in (2, 3) or not name:
        raise CellWrong("completer_form")
    try:
        share_bp = Decimal(share.rstrip("%\uff05")) * 100
    except InvalidOperation:
        raise CellWrong("completer_form") from None
    if not share_bp.is_finite() or share_bp != share_bp.to_integral_value() or not 0 <= share_bp <= 10_000:
        raise CellWrong("share_range")
    return Completer(name=name, unit=unit, share_bp=int(share_bp))


def _rights(cell: str) -> Mapping[str, Any]:
    if cell.strip() in ("无", "未涉及", "none", "-"):
        return {"without_rights": True}
    return {"rights": tuple(_right(part) for part in parts_of(cell))}


def _right(text: str) -> Right:
    """`类型|名称|号码|申请日|授权日`; without a grant day it is applied for; know-how is held."""
    kind_text, name, number, filed, granted = ([part.strip() for part in _PARTS.split(text)] + [""] * 5)[:5]
    kind = RightKind(one_of(RightKind, kind_text))
    if not name or len(_PARTS.split(text)) > 5:
        raise CellWrong("right_form", text)
    status = RightStatus.HELD if kind is RightKind.KNOW_HOW else RightStatus.GRANTED if granted else RightStatus.PENDING
    if kind is RightKind.SOFTWARE and number:
        status = RightStatus.GRANTED
    return Right(kind=kind, name=name, number=number, status=status, filed_on=_day(filed), granted_on=_day(granted))


def _day(text: str) -> str:
    found = re.fullmatch(r"([12][0-9]{3})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?( 00:00:00)?", text)
    if text and found is None:
        raise CellWrong("day_unreadable", text)
    return f"{found[1]}-{int(found[2]):02d}-{int(found[3]):02d}" if found else ""


def _fiscal(cell: str) -> Mapping[str, Any]:
    word = cell.strip().lower()
    if word not in YES | NO:
        raise CellWrong("yes_no", cell)
    return {"project": Project(fiscal=word in YES)}


_ABSTRACT: Final = (
    "本成果针对风电直驱电机用磁体的重稀土消耗问题，采用晶界扩散工艺，在保持磁性能的同时把镝用量降低 40%，"
    "已完成 2000 小时中试验证，适合磁材企业采用。"
)
COLUMNS: Final = (
    Column("title_zh", "成果名称", "Title (Chinese)", "面向风力发电机的钕铁硼晶界扩散技术", _text("title_zh"), needed=True),
    Column("title_en", "英文名称", "Title (English)", "Grain boundary diffusion for NdFeB magnets",
        _text("title_en")),
    Column("abstract_zh", "内容摘要", "Abstract (Chinese)", _ABSTRACT, _text("abstract_zh"), needed=True),
    Column("abstract_en", "英文摘要", "Abstract (English)", "Less dysprosium at the same coercivity.", _text("abstract_en")),
    Column("keywords", "关键词", "Keywords", "钕铁硼；晶界扩散；N52", _listed("keywords", str)),
    Column("holder_zh", "持有单位", "Holder (Chinese)", "某某研究院", _text("holder_zh"), needed=True),
    Column("holder_en", "持有单位英文名", "Holder (English)", "", _text("holder_en")),
    Column("holder_kind", "单位性质", "Kind of holder", "高校院所", _code("holder_kind", HolderKind), needed=True),
    Column("fields", "技术领域", "Technical fields", "05", _listed("fields", _field), needed=True),
    Column("industry", "行业代码", "Industry", "C39", _industry, needed=True),
    Column("region", "地区", "Region", "150203", _region, needed=True),
    Column("trl", "成熟度", "Readiness (TRL)", "6", _trl, needed=True),
    Column("trl_evidence", "成熟度佐证", "Evidence of readiness", "6：第三方检测报告与 2000 小时中试记录", _listed("trl_evidence",
        _evidence)),
    Column("maturity", "所处阶段", "Stage", "中试", _code("maturity", Maturity)),
    Column("scenes", "应用场景", "Scenes of use", "风电直驱电机；伺服电机", _listed("scenes", str)),
    Column("indicators", "主要指标", "Key figures", "镝用量降低：40%；最大磁能积：52 MGOe", _listed("indicators", _indicator)),
    Column("completers", "完成人", "Completers", "其其格：60%；阿古拉：40%", _listed("completers",
        _completer), needed=True),
    Column("rights", "知识产权", "Rights", "发明|一种晶界扩散方法|CN000000000000.0|2021-03-01|2023-05-09",
        _rights, needed=True),
    Column("modes", "转化方式", "Modes offered", "普通许可；作价投资", _listed("modes", lambda text: one_of(Mode, text))),
    Column("secrecy", "密级", "Secrecy", "公开", _code("secrecy", Secrecy), needed=True),
    Column("export_class", "出口类别", "Export class", "自由类", _code("export_class", ExportClass), needed=True),
    Column("fiscal", "财政资金项目", "Publicly funded", "是", _fiscal),
    Column("defects", "瑕疵说明", "Known defects", "无", _text("defects")),
)  # fmt: skip
BY_KEY: Final = {column.key: column for column in COLUMNS}


def column_named(header: str) -> str | None:
    """Return the key of a header cell in Chinese or English, or the key itself; None if it is none."""
    return _NAMES.get(_plain(header))


def _plain(text: str) -> str:
    return re.sub(r"[\s*]+", "", unicodedata.normalize("NFKC", text)).casefold()


_NAMES: Final = {_plain(name): column.key for column in COLUMNS for name in (column.key, column.zh, column.en)}
