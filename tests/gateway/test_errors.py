"""One table of codes: nothing missing, nothing that the catalogues or the documents do not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rules.rejections import RETRY, Reject, Retry
from gateway.errors import ERRORS, Code, markdown_table, status_of
from gateway.http.openapi import all_refusals
from gateway.pages.i18n import catalogue

ROOT = Path(__file__).resolve().parents[2]


def test_every_code_of_the_engine_and_of_the_gateway_is_there_once():
    assert set(ERRORS) == {code.value for code in Code} | {code.value for code in Reject}
    assert len(ERRORS) == len(Code) + len(Reject)


def test_the_gateways_codes_come_before_the_engines_in_their_order():
    assert list(ERRORS) == [code.value for code in (*Code, *Reject)]


@pytest.mark.parametrize("code", Reject)
def test_retry_is_what_the_engine_says(code):
    assert ERRORS[code].retry is RETRY[code]


@pytest.mark.parametrize("entry", ERRORS.values(), ids=lambda entry: entry.code)
def test_entries_make_sense(entry):
    assert entry.status is None or 400 <= entry.status < 600
    assert entry.meaning.endswith(".")
    assert entry.text_key == f"error.{entry.code}"
    # 4000-4499: come back; 4500-4999: do not.
    assert (
        entry.close is None or (4000 <= entry.close < 4500) == (entry.retry is not Retry.NEVER) or entry.close == 4509
    )
    if entry.status in (503, 504) and entry.code not in (Reject.LOT_UNREADABLE, Code.TOO_MANY_CONNECTIONS):
        assert entry.retry is Retry.SAME_ID


def test_codes_of_frames_have_no_http_status():
    with pytest.raises(AssertionError):
        status_of(Code.SLOW)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_has_a_text(language):
    texts = catalogue(language)
    assert [e.text_key for e in ERRORS.values() if not texts.get(e.text_key)] == []


def test_the_protocol_lists_every_code():
    text = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    missing = [line for line in markdown_table().splitlines() if line not in text]
    assert missing == [], "paste the output of: python -m gateway.errors"


def test_every_code_of_http_is_documented_by_an_endpoint_or_belongs_to_pages():
    of_pages = {
        Code.TOO_MANY_CONNECTIONS, Code.METHOD_NOT_ALLOWED, Code.REGISTRATION_CLOSED, Code.NAME_TAKEN,
        Reject.ROUND_UNFIT,  # only the prober sends rounds, and not over HTTP
    }  # fmt: skip
    with_status = {code for code, entry in ERRORS.items() if entry.status is not None}
    assert with_status - all_refusals() == {code.value for code in of_pages}
