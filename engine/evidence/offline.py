"""Checking a receipt or a certificate without the market: with the document, public chains and the market's key, on any machine."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from engine.canonical import canonical_bytes
from engine.evidence.receipts import RECEIPT_TAG
from engine.journal.digests import chain_digest, content_digest, first_digest
from engine.journal.records import lot_stream
from engine.values import LotId

CERTIFICATE_TAG: Final = b"ortoo/certificate/v1\n"


def check_certificate(statement: dict[str, Any], public_key: bytes | None = None) -> list[str]:
    """Return what is wrong with the signed statement of a certificate of publicity; empty when the market made it so.

    Args:
        statement: The document as downloaded. Whether it is still in force only the market can say.
        public_key: The market's key from a source you trust; None takes the one in the statement, which proves less.
    """
    try:
        plain = {name: value for name, value in statement.items() if name != "signature"}
        key = public_key or b64decode(plain["key"])
        if plain["kind"] != "ortoo.certificate" or b64decode(plain["key"]) != key:
            return ["no certificate of this market: another kind, or another key"]
        signed = CERTIFICATE_TAG + canonical_bytes(plain)
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(statement["signature"]), signed)
    except InvalidSignature:
        return ["the signature is not the market's, or the statement was changed"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"not a certificate ({type(error).__name__})"]
    return []


def check_receipt(receipt: dict[str, Any], public_key: bytes | None = None) -> list[str]:
    """Return what is wrong with a receipt by itself: signature, content, digest. Empty when it is sound.

    Args:
        receipt: The document as downloaded.
        public_key: The market's key from a source you trust; None takes the one in the receipt, which proves less.
    """
    try:
        statement = {name: value for name, value in receipt.items() if name != "signature"}
        key = public_key or b64decode(statement["key"])
        problems = []
        if b64decode(statement["key"]) != key:
            problems.append("the receipt names another key than the market's")
        try:
            signed = RECEIPT_TAG + canonical_bytes(statement)
            Ed25519PublicKey.from_public_bytes(key).verify(b64decode(receipt["signature"]), signed)
        except InvalidSignature:
            problems.append("the signature is not the market's")
        header = canonical_bytes(statement["header"])
        content = content_digest(bytes.fromhex(statement["salt"]), header, statement["body"].encode())
        if content.hex() != statement["content"]:
            problems.append("the content was changed")
        if chain_digest(bytes.fromhex(statement["previous"]), content).hex() != statement["digest"]:
            problems.append("the digest was changed")
        return problems
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"not a receipt ({type(error).__name__})"]


def check_against_chain(receipt: dict[str, Any], chain: dict[str, Any]) -> list[str]:
    """Return why the lot's chain does not contain the receipt's event; empty when it does."""
    try:
        lot_id, place = LotId(chain["lot"]), receipt["header"]["stream_seq"]
        if receipt["header"]["stream"] != lot_stream(lot_id):
            return ["the chain is of another lot"]
        contents = [bytes.fromhex(content) for content in chain["contents"]]
    except (KeyError, TypeError, ValueError) as error:
        return [f"not a chain ({type(error).__name__})"]
    if not 1 <= place <= len(contents):
        return ["the log no longer reaches this event"]
    head = first_digest(lot_stream(lot_id))
    for content in contents[:place]:
        previous, head = head, chain_digest(head, content)
    if contents[place - 1].hex() != receipt["content"] or head.hex() != receipt["digest"]:
        return ["the log holds something else in this place, or before it"]
    if previous.hex() != receipt["previous"]:
        return ["what stands before this event was changed"]
    return []


def read_document(text: bytes) -> dict[str, Any]:
    """Read a downloaded document.

    Raises:
        msgspec.DecodeError: it is not JSON.
    """
    document: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    return document
