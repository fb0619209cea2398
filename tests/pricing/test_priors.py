"""Tables with sources: every row says where it comes from and how sure it is; operators' changes stay within bounds."""

from __future__ import annotations

import pytest

from pricing.priors.tables import EDITABLE, Edit, EditRefused, bounds_of, digest_bytes, edited, packaged_priors


def edit(**changes):
    row = {
        "table": "royalty",
        "code": "software",
        "field": "median_percent",
        "value": 7.5,
        "source": "本市场 12 笔成交",
        "date": "2026-10",
        "confidence": "seen",
    }
    return Edit(**{**row, **changes})


def test_every_row_names_its_source_date_and_confidence_and_lies_within_its_bounds():
    priors = packaged_priors()
    for table, fields in EDITABLE.items():
        for row in getattr(priors, table):
            assert row.source and row.date and row.confidence in ("seen", "recalled", "assumed")
            for field in fields:
                low, high = bounds_of(table, field, getattr(row, "code", ""))
                value = getattr(row, field)
                assert value is None or low <= value <= high, (table, row, field)


def test_a_change_replaces_one_number_with_its_source_and_gives_other_bytes():
    before = packaged_priors()
    after = edited(before, [edit()], "2026-11-01+1")
    assert after.royalty_of("software").median_percent == 7.5
    assert after.royalty_of("software").confidence == "seen"
    assert after.royalty_of("food") == before.royalty_of("food")
    assert digest_bytes(after) != digest_bytes(before)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"table": "nothing"}, "field"), ({"field": "code"}, "field"), ({"code": "unknown"}, "code"), ({"value": 101.0}, "value"),
        ({"value": float("nan")}, "value"), ({"source": " "}, "source"), ({"confidence": "sure"}, "confidence"),
    ],
)  # fmt: skip
def test_a_change_that_names_nothing_or_leaves_its_bounds_is_refused(changes, why):
    with pytest.raises(EditRefused, match=why):
        edited(packaged_priors(), [edit(**changes)], "x")
