"""The registration package: all that a registrar needs of one contract as canonical JSON, with codes, names and the versions of all lists.

Its JSON Schema is made from the form (`schema`), committed as docs/registration-package.schema.json and published with the product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from settlement.contracts.drafting import Draft
from settlement.registration.filling import Filled
from settlement.registration.form import FieldKind, FormField, code_versions, form_fields, form_table

PACKAGE_SCHEMA: Final = "ortoo-registration-package-1"
_PATTERNS: Final = {
    FieldKind.DAY: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", FieldKind.MONEY: r"^[0-9]{1,13}\.[0-9]{2}$", FieldKind.YES_NO: "^[01]$",
    FieldKind.ZIP: "^[0-9]{6}$",
}  # fmt: skip
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_DIGITS: Final = {"type": "string", "pattern": "^[0-9]{1,16}$"}
_TEXT: Final = {"type": "string"}


class PackageHead(Struct, frozen=True, kw_only=True):
    """What a package says of itself."""

    registration: str
    revision: int
    made_at_us: int
    deal: str
    contract_id: str
    contract_version: int
    contract_text: str
    """Digest of the contract's text, hexadecimal."""
    market: str
    total_fen: int
    technical_fen: int
    """As registered: the registrar may have determined another amount than the contract says, a royalty may have come in."""
    explanations: Mapping[str, str] = {}
    demonstration: bool = False


def package(head: PackageHead, draft: Draft, form: Mapping[str, Filled]) -> dict[str, Any]:
    """Return the package as plain values; fields stand in the order of the form. A code is given with its names."""
    fields = form_fields()
    amount = draft.amount
    return {
        "schema": PACKAGE_SCHEMA,
        "form": {"number": form_table().form_no, "version": form_table().version, "lists": code_versions()},
        "registration": head.registration,
        "revision": head.revision,
        "made_at_us": str(head.made_at_us),
        "market": head.market,
        "demonstration": head.demonstration,
        "deal": head.deal,
        "contract": {
            "id": head.contract_id,
            "version": head.contract_version,
            "title": draft.title,
            "kind": draft.facts.kind,
            "kind_path": [entry.zh for entry in CONTRACT_TYPES.path(draft.facts.kind)],
            "text_sha256": head.contract_text,
            "achievement": draft.facts.achievement,
            "achievement_version": draft.facts.achievement_version,
            "clauses": [{"id": clause.id, "title": clause.zh, "text": clause.text} for clause in draft.clauses],
        },
        "amount": {
            "total_fen": str(head.total_fen),
            "technical_fen": str(head.technical_fen),
            "undetermined": amount.undetermined,
            "rules": amount.rules,
            "parts": [
                {
                    "kind": line.kind,
                    "name": line.name,
                    "amount_fen": str(line.amount_fen),
                    "subtracted_fen": str(line.subtracted_fen),
                }
                for line in amount.lines
            ],
        },
        "fields": [_field(fields[key], filled) for key, filled in form.items() if key != "registration_number"],
        "explanations": dict(head.explanations),
    }


def _field(field: FormField, filled: Filled) -> dict[str, Any]:
    return {
        "key": field.key,
        "national": field.national,
        "label": field.zh,
        "value": filled.value,
        "shown": field.shown(filled.value),
        "origin": filled.origin.value,
    }


def package_bytes(made: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of a package."""
    return canonical_bytes(dict(made))


def package_digest(body: bytes) -> str:
    """Return the SHA-256 of a package in hexadecimal."""
    return sha256(body).hexdigest()


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of packages."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ortoo:registration-package:1",
        "title": "Registration package of a technology contract (技术合同认定登记包)",
        "description": (
            f"Form {form_table().form_no}, version {form_table().version}. Amounts in fen are strings of digits;"
            " values of fields are texts: a code of the named list, a day, an amount in yuan with two decimals, 1 or 0."
        ),
        "type": "object",
        "additionalProperties": False,
        "required": [
            "schema", "form", "registration", "revision", "made_at_us", "market", "demonstration", "deal", "contract", "amount",
            "fields", "explanations",
        ],
        "properties": {
            "schema": {"const": PACKAGE_SCHEMA},
            "form": _object(number=_TEXT, version=_TEXT, lists={"type": "object", "additionalProperties": _TEXT}),
            "registration": {"type": "string", "pattern": "^R-[A-Za-z0-9._-]{1,78}$"},
            "revision": {"type": "integer", "minimum": 1},
            "made_at_us": {**_DIGITS, "description": "Microseconds since 1970."},
            "market": _TEXT,
            "demonstration": {"type": "boolean", "description": "Invented: never register it."},
            "deal": _TEXT,
            "contract": _contract_schema(),
            "amount": _amount_schema(),
            "fields": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [_field_schema(field) for key, field in form_fields().items() if key != "registration_number"]},
                "description": "In the order of the form.",
            },
            "explanations": {
                "type": "object",
                "additionalProperties": _TEXT,
                "description": "Why a clause is not what it looks like, by the finding's word.",
            },
        },
    }  # fmt: skip


def _contract_schema() -> dict[str, Any]:
    clause = _object(id=_TEXT, title=_TEXT, text=_TEXT)
    return _object(
        id=_TEXT, version={"type": "integer", "minimum": 1}, title=_TEXT,
        kind={"enum": [code for code in CONTRACT_TYPES if CONTRACT_TYPES.is_leaf(code)]},
        kind_path={"type": "array", "items": _TEXT, "minItems": 1}, text_sha256=_DIGEST, achievement=_TEXT,
        achievement_version={"type": "integer", "minimum": 0}, clauses={"type": "array", "items": clause},
    )  # fmt: skip


def _amount_schema() -> dict[str, Any]:
    part = _object(kind=_TEXT, name=_TEXT, amount_fen=_DIGITS, subtracted_fen=_DIGITS)
    return _object(
        total_fen=_DIGITS, technical_fen=_DIGITS, undetermined={"type": "boolean"}, rules=_TEXT,
        parts={"type": "array", "items": part},
    )  # fmt: skip


def _field_schema(field: FormField) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "string"}
    table = field.entries()
    if table is not None:
        leaves = field.kind is FieldKind.LEAF
        value["enum"] = ["", *(code for code in table if not leaves or table.is_leaf(code))]
    elif field.kind in _PATTERNS:
        value["pattern"] = f"^$|{_PATTERNS[field.kind]}"
    else:
        value["maxLength"] = field.max
    described = f"{field.zh}. {field.source} ({field.confidence.value})"
    return {
        **_object(
            key={"const": field.key}, national={"const": field.national}, label={"const": field.zh}, value=value, shown=_TEXT,
            origin=_TEXT,
        ),
        "title": field.en,
        "description": described,
    }  # fmt: skip


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


if __name__ == "__main__":
    print(json.dumps(schema(), ensure_ascii=False, indent=1, sort_keys=True))
