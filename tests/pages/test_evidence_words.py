"""Everything that an evidence file may print has a name in both languages."""

from __future__ import annotations

import pytest

from engine.evidence.editions import Edition
from engine.rules.auction.events import WIRE_NAMES
from engine.rules.listing.events import LISTING_WIRE_NAMES
from engine.rules.publicity.commands import Ground
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.rules.publicity.state import ObjectionPhase
from gateway.evidence.certificates import Standing
from gateway.evidence.papers import event_name
from gateway.pages.i18n import catalogue
from settlement.contracts import life
from settlement.deals import events as deals
from settlement.deposits import events as deposits
from settlement.evidence import Kind
from settlement.ledger.postings import Fact
from settlement.registration import events as registrations


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_step_entry_and_standing_has_a_name(language: str) -> None:
    texts = catalogue(language)
    for table in (WIRE_NAMES, LISTING_WIRE_NAMES, NOTICE_WIRE_NAMES):
        for wire, _ in table.values():
            assert event_name(wire, language) != wire, wire
    for steps in (deals.WIRE_NAMES, deposits.WIRE_NAMES, life.WIRE_NAMES, registrations.WIRE_NAMES):
        assert {f"evidence.step.{wire}" for wire in steps.values()} <= texts.keys()
    for prefix, names in (
        ("evidence.money.", Fact), ("evidence.settled.", Kind), ("evidence.edition.", Edition), ("evidence.note.", Edition),
        ("certificate.standing.", Standing), ("evidence.ground.", Ground),
    ):  # fmt: skip
        assert {prefix + one.value for one in names} <= texts.keys(), prefix
    assert {
        f"evidence.objection.{one.value}" for one in ObjectionPhase if one is not ObjectionPhase.LEAD
    } <= texts.keys()
