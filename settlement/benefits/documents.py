"""The reference sheet as a PDF document: what its template shows, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from settlement.benefits.sheet import Sheet
from settlement.contracts.drafting import yuan

SHEET_TEMPLATE: Final = Path(__file__).parent / "reference_sheet.typ"


def sheet_data(sheet: Sheet, title: str, say: Mapping[str, str]) -> dict[str, Any]:
    """Return what `reference_sheet.typ` shows; `say` holds the texts by key, in the reader's language."""

    def amount(fen: int | None) -> str:
        return say["benefits.unknown"] if fen is None else ("-" if fen < 0 else "") + yuan(abs(fen))

    return {
        "head": [
            [say["benefits.deal"], f"{sheet.basis.deal} · {title}"],
            [say["benefits.number"], sheet.basis.registration_no or say["benefits.not_registered"]],
            [say["benefits.side"], say[f"benefits.side.{sheet.basis.side.value}"]],
            [say["benefits.version"], sheet.parameters_version],
        ],
        "disclaimer": say["benefits.disclaimer"],
        "columns": [say["benefits.item"], say["benefits.amount"]],
        "sources": [say["benefits.parameter"], say["benefits.source"], say["benefits.valid"], say["benefits.confidence"]],
        "parts": [
            {
                "title": say[f"benefits.section.{part.section.value}"],
                "state": say["benefits.applies" if part.applies else "benefits.applies_not"],
                "unsure": "" if part.sure else say["benefits.unsure"],
                "lines": [[say[f"benefits.line.{line.word}"], amount(line.amount_fen)] for line in part.lines],
                "notes": [say[f"benefits.note.{note}"] for note in part.notes],
                "sources": [
                    [
                        say[f"benefits.p.{row.code}"], f"{row.source} {row.article}".strip(),
                        f"{row.valid_from} – {row.valid_until or ''}", say[f"benefits.confidence.{row.confidence.value}"],
                    ]
                    for row in part.parameters
                ],
            }
            for part in sheet.parts
        ],
    }  # fmt: skip
