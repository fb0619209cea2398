"""Which terms can be published; and that every listing that can be published can hold its session and count its deposits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.rules.auction.terms import Admission, FixedIncrement, PercentIncrement, terms_problems
from engine.rules.listing import commands as c
from engine.rules.listing.deposits import deposit_cap, deposit_for
from engine.rules.listing.sessions import lot_of, session_terms
from engine.rules.listing.state import ListingRejected
from engine.rules.listing.terms import (
    DepositTerms,
    ExtensionTerms,
    FixedDeposit,
    ListingTerms,
    OfferedMode,
    OfferTerms,
    OpenLicenceTerms,
    SaleWay,
    SeatMethod,
    SessionTerms,
    ShareDeposit,
)
from engine.rules.listing.terms_checking import listing_terms_problems
from engine.values import AMOUNT_MAX, Amount, Currency, DurationUs, InstantUs, ListingId, is_lot_id
from tests.engine.rules.listing.transcript import (
    HOUR_US,
    LISTING,
    PRICE,
    SESSION,
    SUBJECT,
    Record,
    disclosed,
    open_licence,
    posted,
    submission,
)


def deposit(**more: object) -> DepositTerms:
    return replace(DepositTerms(size=ShareDeposit(share_bps=1_000), cap_bps=3_000), **more)


@pytest.mark.parametrize("terms", [disclosed(), posted(), open_licence(), disclosed(deposit=None, extension=None)])
def test_terms_that_can_be_published(terms: ListingTerms) -> None:
    assert listing_terms_problems(terms) == []


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        (disclosed(rule_version="listing/0"), "rule_version: unknown"),
        (posted(currency=Currency("", 2)), "currency: malformed"),
        (posted(list_price=None, offers=None), "list_price: needed"),
        (posted(list_price=Amount(0)), "list_price: out_of_range"),
        (posted(list_price=Amount(AMOUNT_MAX + 1)), "list_price: out_of_range"),
        (posted(withdrawal_cost=Amount(-1)), "withdrawal_cost: out_of_range"),
        (posted(code_seed=-1), "code_seed: out_of_range"),
        (disclosed(disclosure_working_days=0), "disclosure_working_days: out_of_range"),
        (disclosed(session=None), "session: needed"),
        (disclosed(deposit=None, admission=Admission.OPEN), "admission: disclosed_needs_approval"),
        (posted(admission=Admission.LISTING), "admission: only_of_a_session"),
        (disclosed(decide_working_days=3), "decide_working_days: no_time_for_the_deposit"),
        (disclosed(decide_working_days=0, deposit=None), "decide_working_days: out_of_range"),
        (posted(disclosure_working_days=5), "disclosure_working_days: only_where_disclosed"),
        (posted(extension=ExtensionTerms(cycle_working_days=5, cycles_max=1)), "extension: only_where_disclosed"),
        (posted(session=SESSION), "session: only_where_disclosed"),
        (posted(always_bid=True), "always_bid: only_where_disclosed"),
        (disclosed(extension=ExtensionTerms(cycle_working_days=0, cycles_max=1)), "extension: cycle_out_of_range"),
        (disclosed(extension=ExtensionTerms(cycle_working_days=5, cycles_max=0)), "extension: cycles_out_of_range"),
        (posted(seats=0), "seats: out_of_range"),
        (posted(mode=OfferedMode.EXCLUSIVE, seats=2), "seats: only_plain_and_open_licences"),
        (disclosed(mode=OfferedMode.PLAIN, seats=3, seat_method=SeatMethod.BIDDING), "seats: more_than_a_session_can_sell"),
        (posted(seats=3, seat_method=SeatMethod.BIDDING), "seat_method: bidding_needs_a_session"),
        (posted(mode=OfferedMode.OPEN), "mode: open_licence_conflict"),
        (open_licence(open_licence=None), "open_licence: statement_needed"),
        (posted(open_licence=OpenLicenceTerms(statement_no="1")), "open_licence: only_with_an_open_licence"),
        (open_licence(open_licence=OpenLicenceTerms(statement_no=" ")), "open_licence: statement_number"),
        (open_licence(list_price=Amount(2_000_000_001)), "list_price: above_the_open_licence_fee_cap"),
        (open_licence(admission=Admission.APPROVED), "admission: open_licence_is_open"),
        (open_licence(offers=OfferTerms()), "offers: only_beside_a_posted_price"),
        (posted(offers=OfferTerms(must_rise=True, one_standing=False)), "offers: rising_needs_one_standing"),
        (posted(offers=OfferTerms(expires_after_us=DurationUs(0))), "offers: expiry_out_of_range"),
        (posted(offers=OfferTerms(lowest=Amount(0))), "offers: lowest_out_of_range"),
        (posted(deposit=deposit()), "deposit: needs_approval"),
        (disclosed(deposit=deposit(cap_bps=999)), "deposit: above_the_cap"),
        (disclosed(deposit=deposit(cap_bps=0)), "deposit: cap_out_of_range"),
        (disclosed(deposit=deposit(size=ShareDeposit(share_bps=0))), "deposit: out_of_range"),
        (disclosed(deposit=deposit(size=FixedDeposit(Amount(30_000_01)))), "deposit: above_the_cap"),
        (disclosed(deposit=deposit(due_working_days=0)), "deposit: days_out_of_range"),
        (disclosed(suspension_max_us=DurationUs(0)), "suspension_max_us: out_of_range"),
        (disclosed(longest_us=DurationUs(0)), "longest_us: out_of_range"),
        (disclosed(outage_max_us=DurationUs(-1)), "outage_max_us: out_of_range"),
        (disclosed(session=replace(SESSION, opens_after_working_days=0)), "session: opens_after_out_of_range"),
        (disclosed(session=replace(SESSION, opens_at_minute=1_440)), "session: opens_at_out_of_range"),
        (disclosed(session=replace(SESSION, limited_cycle_us=None)), "session.closing: free_period_needs_cycle"),
        (disclosed(session=replace(SESSION, increment=FixedIncrement(Amount(0)))), "session.increment: out_of_range"),
    ],
)  # fmt: skip
def test_problems(terms: ListingTerms, problem: str) -> None:
    assert problem in listing_terms_problems(terms)


def test_terms_that_cannot_be_held_are_refused_with_every_problem() -> None:
    decision = Record(disclosed(session=None, seats=0), publish=False).submit_decision
    assert isinstance(decision, ListingRejected)
    assert str(decision.data["problems"]).split("; ") == [
        "session: needed", "seats: out_of_range", "seats: only_plain_and_open_licences", "seats: more_than_a_session_can_sell",
    ]  # fmt: skip


def test_a_listing_id_must_leave_room_for_its_sessions_and_a_subject_is_text() -> None:
    from engine.rules.listing.deciding import decide
    from tests.engine.rules.listing.transcript import CALENDAR

    for listing_id, subject, problem in (
        ("A", SUBJECT, "listing_id: malformed"),
        ("a" * 37, SUBJECT, "listing_id: malformed"),
        (LISTING, replace(SUBJECT, title_zh=" "), "subject: title_needed"),
        (LISTING, replace(SUBJECT, summary_zh="\x00"), "subject: control_characters"),
    ):
        command = replace(submission(posted()), subject=subject)
        decision = decide(None, ListingId(listing_id), command, InstantUs(1), CALENDAR)  # type: ignore[arg-type]
        assert isinstance(decision, ListingRejected) and decision.data == {"problems": problem}
    assert Record(posted()).say("03-02 10:00", submission(posted())) == "listing_exists"


amounts = st.integers(1, 10**12).map(Amount)
days = st.integers(-1, 30)
durations = st.one_of(st.none(), st.integers(-1, 72 * HOUR_US).map(DurationUs))
increments = st.one_of(
    st.integers(-1, 10**8).map(lambda step: FixedIncrement(Amount(step))), st.integers(-1, 10**7).map(PercentIncrement)
)
sessions = st.builds(
    SessionTerms,
    increment=increments,
    opens_after_working_days=days,
    opens_at_minute=st.integers(-1, 1_441),
    free_period_us=durations,
    limited_cycle_us=durations,
    open_for_us=durations,
    extension_us=durations,
    multiple_only=st.booleans(),
    jump_confirm_steps=st.one_of(st.none(), st.integers(0, 5)),
    proxy=st.booleans(),
)
sizes = st.one_of(
    st.builds(FixedDeposit, amounts),
    st.builds(ShareDeposit, share_bps=st.integers(0, 10_001), at_most=st.one_of(st.none(), amounts)),
)
deposits = st.builds(DepositTerms, size=sizes, cap_bps=st.integers(0, 10_001))
listings = st.builds(
    ListingTerms,
    mode=st.sampled_from(OfferedMode),
    way=st.sampled_from(SaleWay),
    list_price=st.one_of(st.none(), amounts),
    admission=st.sampled_from(Admission),
    disclosure_working_days=days,
    deposit=st.one_of(st.none(), deposits),
    session=st.one_of(st.none(), sessions),
    seats=st.one_of(st.none(), st.integers(0, 3)),
    offers=st.one_of(st.none(), st.just(OfferTerms())),
    code_seed=st.integers(0, 1_000),
)


@settings(max_examples=300, deadline=None)
@given(listings, sessions)
def test_every_listing_that_passes_can_hold_its_session(terms: ListingTerms, session: SessionTerms) -> None:
    made = replace(disclosed(), session=session, deposit=terms.deposit, code_seed=terms.code_seed)
    for each in (terms, made):
        if listing_terms_problems(each) == [] and each.session is not None:
            for opens_at_us in (0, 1_800_000_000_000_000):
                held = session_terms(each, each.list_price or PRICE, InstantUs(opens_at_us))
                assert terms_problems(held) == []
                assert (held.admission, held.code_seed) == (Admission.LISTING, each.code_seed)


@settings(max_examples=200, deadline=None)
@given(deposits, amounts, amounts)
def test_a_deposit_never_exceeds_the_cap_at_any_price(terms: DepositTerms, first: Amount, later: Amount) -> None:
    listing = disclosed(list_price=first, deposit=terms)
    if listing_terms_problems(listing) == []:
        for price in (first, later):
            amount = deposit_for(listing, price)
            assert amount is None or 0 < amount <= deposit_cap(terms, price)
            assert amount is None or amount * 10_000 <= price * terms.cap_bps


@pytest.mark.parametrize(
    ("size", "price", "amount"),
    [
        (ShareDeposit(share_bps=1_000), 100_000_00, 10_000_00),
        (ShareDeposit(share_bps=1_000), 100_000_01, 10_000_01),
        (ShareDeposit(share_bps=3_000), 100_000_01, 30_000_00),
        (ShareDeposit(share_bps=2_000, at_most=Amount(5_000_00)), 100_000_00, 5_000_00),
        (FixedDeposit(Amount(20_000_00)), 100_000_00, 20_000_00),
        (FixedDeposit(Amount(20_000_00)), 50_000_00, 15_000_00),
    ],
    ids=["a tenth", "rounded up", "the cap rounds down", "at most", "fixed", "fixed, shrunk by a lower price"],
)
def test_the_amount_of_a_deposit(size: FixedDeposit | ShareDeposit, price: int, amount: int) -> None:
    assert deposit_for(disclosed(deposit=deposit(size=size)), Amount(price)) == amount


def test_every_session_of_the_longest_id_is_a_lot() -> None:
    assert is_lot_id(lot_of(ListingId("a" * 36), 1)) and is_lot_id(lot_of(ListingId("a" * 36), 9_999))  # type: ignore[arg-type]


def test_seats_are_not_revised_below_those_that_are_given() -> None:
    record = Record(posted(seats=2))
    record.take("03-02 10:00", "A")
    for terms, says in ((posted(seats=1), "terms_invalid"), (posted(seats=3), "revised")):
        command = c.ReviseListing(terms=terms, subject=SUBJECT, reason="调整", approval_no="N")
        assert record.say("03-02 11:00", command) == says


def test_the_document_names_tests_that_exist() -> None:
    root = Path(__file__).parents[4]
    text = (root / "docs" / "RULES-LISTING.md").read_text(encoding="utf-8")
    assert text.count("::test_") > 40
    for row in text.splitlines():
        file = ""
        for named, name in re.findall(r"`(?:tests/[\w/]+/)?(test_\w+\.py)?(?:::(test_\w+))?`", row):
            file = named or file or "test_transcripts.py"
            sources = [path.read_text(encoding="utf-8") for path in (root / "tests").rglob(file)]
            assert sources, row
            assert not name or any(f"def {name}(" in source for source in sources), f"{file}::{name}"
