"""What the market signs and what both sides sign: canonical JSON whose digest stands in the history, so that anyone can check it.

A person reads these facts on the pages; typeset documents are made from them elsewhere and carry the same digest.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.canonical import canonical_bytes
from settlement.deals.payment import PaymentTerms
from settlement.deals.process import Process
from settlement.deals.store import Document

SIGNED_TAG: Final = b"ortoo/deal-document/v1\n"
"""Stands before a document's bytes where the market signs them."""
CONFIRMATION, CONTRACT, CERTIFICATE = "confirmation", "contract", "certificate"


def confirmation_of(process: Process, origin: str) -> Document:
    """Return the deal confirmation (成交确认书): the contract is formed at its legal moment (合同编通则解释 art. 4 ¶2)."""
    deal = process.deal
    return _document(
        CONFIRMATION, origin, process,
        rule_version=deal.rule_version, process_version=deal.process_version, calendar_version=deal.calendar_version,
        source=msgspec.to_builtins(deal.source), legal_moment_us=str(deal.struck_at_us), sign_by_us=str(deal.sign_by_us),
    )  # fmt: skip


def contract_of(process: Process, payment: PaymentTerms, origin: str) -> Document:
    """Return the contract's text as facts: what the notice and the bids have fixed, and how the price is paid."""
    return _document(
        CONTRACT, origin, process,
        confirmation=process.confirmation, mode=process.deal.mode, payment=_digits(msgspec.to_builtins(payment)),
        achievement={
            "id": process.deal.achievement_id, "version": process.deal.achievement_version,
            "digest": process.deal.achievement_digest,
        },
    )  # fmt: skip


def certificate_of(process: Process, number: str, origin: str) -> Document:
    """Return the trade certificate (交易鉴证书): the contract stands and what was due is paid."""
    return _document(
        CERTIFICATE, origin, process,
        number=number, contract_ref=process.contract_ref, contract_digest=process.contract_digest,
        paid_fen=str(process.received_fen), confirmation=process.confirmation,
    )  # fmt: skip


def _document(kind: str, origin: str, process: Process, **facts: Any) -> Document:
    deal = process.deal
    body = {
        "kind": f"ortoo.deal-{kind}", "v": 1, "origin": origin, "deal": deal.id, "way": deal.way.value,
        "struck_by": deal.struck_by, "title": deal.title_zh, "title_en": deal.title_en, "seller": deal.seller_id,
        "buyers": list(deal.buyers), "price_fen": str(deal.price_fen), **facts,
    }  # fmt: skip
    return Document(kind, canonical_bytes(body))


def _digits(value: Any) -> Any:
    """Write amounts as strings of digits, as everywhere on the wire."""
    if isinstance(value, dict):
        return {name: str(part) if name.endswith("_fen") else _digits(part) for name, part in value.items()}
    return [_digits(part) for part in value] if isinstance(value, list) else value
