"""What the PDF documents of a registration show: the form, and the certificate of registration (登记证明); templates beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from engine.calendar import day_of, format_day
from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.money_words import in_chinese
from engine.values import InstantUs
from settlement.contracts.drafting import yuan
from settlement.registration.evolving import Registration
from settlement.registration.form import FieldKind, form_fields, form_table

FORM_TEMPLATE: Final = Path(__file__).parent / "form.typ"
CERTIFICATE_TEMPLATE: Final = Path(__file__).parent / "registration_certificate.typ"
_SECTIONS: Final = {
    "contract": "合同 Contract", "seller": "卖方 Seller", "buyer": "买方 Buyer", "amount": "金额 Amount", "project": "项目 Project",
}  # fmt: skip
_CODED: Final = (FieldKind.CODE, FieldKind.LEAF)


def form_data(package: dict[str, Any], number: str) -> dict[str, Any]:
    """Return what `form.typ` shows of a package."""
    fields = form_fields()
    sections: dict[str, list[list[str]]] = {name: [] for name in _SECTIONS}
    for said in package["fields"]:
        field = fields[said["key"]]
        code = said["value"] if field.kind in _CODED else ""
        sections[field.section].append([field.zh, field.national, said["shown"], code])
    return {
        "form_no": form_table().form_no,
        "form_version": package["form"]["version"],
        "number": number or "（待登记）",
        "registration": f"{package['registration']} · {package['revision']}",
        "title": package["contract"]["title"],
        "demonstration": package["demonstration"],
        "sections": [[_SECTIONS[name], rows] for name, rows in sections.items() if rows],
        "parts": [
            [part["kind"], part["name"], yuan(int(part["amount_fen"])), yuan(int(part["subtracted_fen"]))]
            for part in package["amount"]["parts"]
        ],
        "undetermined": package["amount"]["undetermined"],
    }


def certificate_data(registration: Registration, registrar: str) -> dict[str, Any]:
    """Return what `registration_certificate.typ` shows (D15: the certificate states total and technical amount)."""
    path = CONTRACT_TYPES.path(registration.kind)
    rows = [
        ["合同登记编号 Registration number", registration.number],
        ["项目名称 Project", registration.project],
        ["合同类别 Contract type", " — ".join(entry.zh for entry in path)],
        ["卖方 Seller", registration.seller],
        ["买方 Buyer", registration.buyer],
        ["合同成交总额 Total amount", f"{yuan(registration.total_fen)} 元（{in_chinese(registration.total_fen)}）"],
        [
            "技术交易额 Technical amount",
            f"{yuan(registration.technical_fen)} 元（{in_chinese(registration.technical_fen)}）",
        ],
        ["登记日期 Registered on", _day(registration.registered_at_us)],
    ]
    if registration.changes:
        rows.append(["变更日期 Changed on", f"{_day(registration.certified_at_us)}（第 {registration.changes} 次）"])
    return {
        "rows": rows,
        "registrar": registrar,
        "day": _day(registration.certified_at_us),
        "demonstration": registration.demonstration,
    }


def _day(at_us: int) -> str:
    return format_day(day_of(InstantUs(at_us)))
