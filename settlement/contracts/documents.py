"""A contract as documents: DOCX to work on, PDF to keep. Labels in Chinese and English, the text itself is Chinese."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import docx
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from docx.text.run import Run

from settlement.contracts.drafting import Clause, Draft, side_words
from settlement.contracts.facts import ContractFacts, Side

TEMPLATE: Final = Path(__file__).parent / "contract.typ"
_FONT: Final = "SimSun"
_QUIET: Final = RGBColor(0x5B, 0x64, 0x72)


def party_rows(side: Side, role: str, role_en: str) -> list[list[str]]:
    """Return what is written about a side: label in both languages, value."""
    profile = side.profile
    rows = [
        [f"{role} {role_en}", side.name],
        ["统一社会信用代码 Credit code", side.credit_code],
        ["法定代表人 Legal representative", profile.legal_representative],
        ["地址 Address", profile.address],
        ["联系人 Contact", side.contact],
        ["电话 Telephone", side.phone],
    ]
    return [row for row in rows if row[1]]


def parties(facts: ContractFacts) -> list[list[list[str]]]:
    """Return the rows of both sides; others who buy together stand with the buyer."""
    seller, buyer = side_words(facts.kind)
    rows = party_rows(facts.buyer, f"乙方（{buyer}）", "Party B")
    if facts.co_buyers:
        rows.append(["联合受让 Together with", "、".join(facts.co_buyers)])
    return [party_rows(facts.seller, f"甲方（{seller}）", "Party A"), rows]


def cited(clause: Clause) -> str:
    """Return the articles of a clause as they are printed under it."""
    return "；".join(article.cited for article in clause.articles)


def contract_data(draft: Draft, *, version: int, text: str, signed_on: str) -> dict[str, Any]:
    """Return what `contract.typ` shows."""
    facts = draft.facts
    return {
        "parties": parties(facts),
        "version": str(version),
        "text": text,
        "signed_on": signed_on,
        "templates": draft.templates,
        "demonstration": facts.demonstration,
        "clauses": [
            {"title": clause.zh, "title_en": clause.en, "lines": clause.text.split("\n"), "cited": cited(clause)}
            for clause in draft.clauses
        ],
        "seals": [[facts.seller.name, facts.seller.seal_name], [facts.buyer.name, facts.buyer.seal_name]],
    }


def contract_docx(draft: Draft, *, number: str, version: int, text: str) -> bytes:
    """Return the contract as DOCX.

    Args:
        draft: The contract.
        number: Its id in the market.
        version: Which version of it.
        text: Digest of its text, printed at the end, so that a printed copy can be told from another version.
    """
    document = docx.Document()
    _prepare(document, draft, number)
    title = document.add_heading(level=0)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _write(title.add_run(draft.title), size=20)
    subtitle = document.add_paragraph()
    subtitle.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _write(subtitle.add_run(f"{draft.title_en} · {number} · 第 {version} 版 Version {version}"), size=9, quiet=True)
    if draft.facts.demonstration:
        _write(document.add_paragraph().add_run("演示数据，不具有法律效力 Demonstration only"), size=10.5)
    for rows in parties(draft.facts):
        table = document.add_table(rows=0, cols=2, style="Table Grid")
        for label, value in rows:
            cells = table.add_row().cells
            _write(cells[0].paragraphs[0].add_run(label), size=9, quiet=True)
            _write(cells[1].paragraphs[0].add_run(value), size=10.5)
        document.add_paragraph()
    for place, clause in enumerate(draft.clauses, start=1):
        _clause(document, place, clause)
    _seals(document, draft.facts)
    _write(document.add_paragraph().add_run(f"文本摘要 SHA-256 of the text: {text}"), size=8, quiet=True)
    written = BytesIO()
    document.save(written)
    return written.getvalue()


def _prepare(document: Document, draft: Draft, number: str) -> None:
    style = document.styles["Normal"]
    style.font.name = _FONT
    style.font.size = Pt(10.5)
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FONT)
    document.core_properties.title = f"{draft.title} {number}"
    document.core_properties.author = draft.facts.seller.name
    document.core_properties.comments = ""


def _clause(document: Document, place: int, clause: Clause) -> None:
    heading = document.add_heading(level=2)
    _write(heading.add_run(f"第 {place} 条　{clause.zh}"), size=12)
    _write(heading.add_run(f"  {clause.en}"), size=9, quiet=True)
    for line in clause.text.split("\n"):
        _write(document.add_paragraph().add_run(line), size=10.5)
    if clause.articles:
        _write(document.add_paragraph().add_run(f"依据 Based on: {cited(clause)}"), size=8, quiet=True)


def _seals(document: Document, facts: ContractFacts) -> None:
    table = document.add_table(rows=2, cols=2, style="Table Grid")
    for column, (name, side) in enumerate(
        (("甲方（签章） Party A", facts.seller), ("乙方（签章） Party B", facts.buyer))
    ):
        _write(table.cell(0, column).paragraphs[0].add_run(f"{name}\n{side.name}"), size=10.5)
        signed = f"已签章 Sealed: {side.seal_name}\n{facts.signed_on}" if side.seal_name else "\n\n年　　月　　日"
        _write(table.cell(1, column).paragraphs[0].add_run(signed), size=10.5)


def _write(run: Run, *, size: float, quiet: bool = False) -> None:
    run.font.name = _FONT
    run.font.size = Pt(size)
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FONT)
    if quiet:
        run.font.color.rgb = _QUIET
