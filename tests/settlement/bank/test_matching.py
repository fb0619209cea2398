"""For which deposit is this money? Tables of the rules, and what holds for every table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.values import InstantUs
from settlement.bank.matching import Candidate, Outcome, Standing, fold_name, is_payer, judge, named_in, words_of
from settlement.bank.port import Credit

DUE = 1_000
O = Outcome  # noqa: E741
ONE = Candidate(
    deposit_id="dep-a1", virtual_account="6200010000000011", amount_fen=500_00, due_at_us=DUE, standing=Standing.OPEN,
    names=("内蒙古草原科技有限公司",),
)  # fmt: skip
TWO = replace(ONE, deposit_id="dep-b2", virtual_account="6200010000000029")
FITS = Credit(
    bank_ref="r1", booked_at_us=InstantUs(DUE), amount_fen=500_00, payer_name="内蒙古草原科技有限公司", payer_account="1",
    virtual_account=ONE.virtual_account, purpose="",
)  # fmt: skip
NO_ACCOUNT = replace(FITS, virtual_account="")


@pytest.mark.parametrize(
    ("credit", "candidate", "reasons"),
    [
        (FITS, ONE, [O.MATCHED]),
        (replace(FITS, virtual_account="6200 0100 0000 0011"), ONE, [O.MATCHED]),
        (replace(FITS, payer_name="内蒙古草原科技　有限责任公司"), ONE, [O.MATCHED]),
        (replace(FITS, amount_fen=499_99), ONE, [O.PART_PAYMENT]),
        (replace(FITS, amount_fen=500_01), ONE, [O.OVERPAID]),
        (replace(FITS, booked_at_us=InstantUs(DUE + 1)), ONE, [O.LATE]),
        (replace(FITS, payer_name="张三"), ONE, [O.WRONG_PAYER]),
        (replace(FITS, payer_name=" —"), ONE, [O.PAYER_UNKNOWN]),
        (FITS, replace(ONE, names=()), [O.WRONG_PAYER]),
        (FITS, replace(ONE, names=("别的", "内蒙古草原科技有限公司")), [O.MATCHED]),
        (FITS, replace(ONE, standing=Standing.PAID), [O.ALREADY_PAID]),
        (FITS, replace(ONE, standing=Standing.LAPSED), [O.LATE]),
        # A deal takes parts, what is too much and what is late; whose money it is stays a question.
        (replace(FITS, amount_fen=1), replace(ONE, any_amount=True), [O.MATCHED]),
        (replace(FITS, amount_fen=10**9, booked_at_us=InstantUs(DUE + 1)), replace(ONE, any_amount=True), [O.MATCHED]),
        (replace(FITS, payer_name="张三"), replace(ONE, any_amount=True), [O.WRONG_PAYER]),
        (FITS, replace(ONE, any_amount=True, standing=Standing.PAID), [O.ALREADY_PAID]),
        (
            replace(FITS, booked_at_us=InstantUs(DUE + 1), payer_name="张三", amount_fen=1),
            replace(ONE, standing=Standing.PAID),
            [O.LATE, O.WRONG_PAYER, O.PART_PAYMENT, O.ALREADY_PAID],
        ),
    ],
)
def test_one_deposit_is_meant_and_every_reason_is_named(credit: Credit, candidate: Candidate, reasons: list[Outcome]):
    judged = judge(credit, [candidate])
    assert list(judged.reasons) == reasons and judged.outcome is reasons[0]
    assert judged.deposit_id == candidate.deposit_id and judged.candidates == (candidate.deposit_id,)


@pytest.mark.parametrize(
    ("credit", "candidates", "outcome", "meant", "listed"),
    [
        (replace(FITS, virtual_account="999"), [], O.UNKNOWN_ACCOUNT, "", ()),
        # A wrong number is never guessed away, but the likely deposit is shown.
        (replace(FITS, virtual_account="999"), [ONE], O.UNKNOWN_ACCOUNT, "", ("dep-a1",)),
        (NO_ACCOUNT, [], O.UNIDENTIFIED, "", ()),
        (NO_ACCOUNT, [ONE], O.MATCHED, "dep-a1", ("dep-a1",)),
        (replace(NO_ACCOUNT, payer_name="张三"), [ONE], O.UNIDENTIFIED, "", ()),
        (replace(NO_ACCOUNT, amount_fen=1), [ONE], O.UNIDENTIFIED, "", ()),
        (NO_ACCOUNT, [ONE, TWO], O.AMBIGUOUS, "", ("dep-a1", "dep-b2")),
        # A deposit that is paid does not make the other one certain: the answer would depend on what came first.
        (NO_ACCOUNT, [replace(ONE, standing=Standing.PAID), TWO], O.AMBIGUOUS, "", ("dep-a1", "dep-b2")),
        (replace(NO_ACCOUNT, purpose="保证金 dep-b2"), [ONE, TWO], O.MATCHED, "dep-b2", ("dep-b2",)),
        (replace(NO_ACCOUNT, purpose="保证金DEP-B2，谢谢"), [ONE, TWO], O.MATCHED, "dep-b2", ("dep-b2",)),
        (replace(NO_ACCOUNT, purpose="投标 6200010000000011"), [ONE, TWO], O.MATCHED, "dep-a1", ("dep-a1",)),
        (replace(NO_ACCOUNT, purpose="dep-a1 dep-b2"), [ONE, TWO], O.AMBIGUOUS, "", ("dep-a1", "dep-b2")),
        (replace(NO_ACCOUNT, purpose="dep-b2", amount_fen=1), [ONE, TWO], O.PART_PAYMENT, "dep-b2", ("dep-b2",)),
        # Part of a longer word is no reference.
        (replace(NO_ACCOUNT, purpose="xdep-b2x", payer_name="张三"), [ONE, TWO], O.UNIDENTIFIED, "", ()),
    ],
)
def test_the_way_to_a_deposit(
    credit: Credit, candidates: list[Candidate], outcome: Outcome, meant: str, listed: tuple[str, ...]
):
    judged = judge(credit, candidates)
    assert (judged.outcome, judged.deposit_id, judged.candidates) == (outcome, meant, listed)


def test_a_payment_of_ours_that_comes_back_is_named_so():
    back = replace(NO_ACCOUNT, purpose="退汇 dep-a1-5")
    assert judge(back, [], names_order=True).outcome is O.RETURNED_PAYOUT


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("（内蒙古）草原科技有限公司", "(内蒙古)草原科技有限公司", True),
        ("草原科技有限责任公司", "草原科技有限公司", True),
        ("草原科技股份有限公司", "草原科技有限公司", False),
        ("ＡＢＣ　Ｃｏ．，Ｌｔｄ．", "abc co ltd", True),  # noqa: RUF001
        ("ABC Company Limited", "ABC Co., Ltd.", True),
        ("欧阳·娜仁", "欧阳娜仁", True),
        ("张三", "张三丰", False),
        ("", "", False),
        ("——", "——", False),
    ],
)
def test_names_are_compared_without_width_spaces_punctuation_and_kind_of_limited(one: str, other: str, same: bool):
    assert is_payer(one, [other]) is same is is_payer(other, [one])


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once_and_spaces_never_matter(name: str):
    folded = fold_name(name)
    assert fold_name(folded) == folded
    assert fold_name(" ".join(name)) == folded


@given(st.text(max_size=300))
def test_words_of_any_purpose_are_bounded(purpose: str):
    assert len(words_of(purpose)) <= 20 and all(len(word) <= 64 for word in words_of(purpose))
    assert named_in(purpose, []) == []


CANDIDATES = st.builds(
    Candidate,
    deposit_id=st.sampled_from(["dep-a1", "dep-b2", "dep-c3"]),
    virtual_account=st.sampled_from(["11111", "22222", "33333"]),
    amount_fen=st.integers(1, 3),
    due_at_us=st.integers(1, 3),
    standing=st.sampled_from(Standing),
    names=st.sampled_from([("甲",), ("乙",), ()]),
)
CREDITS = st.builds(
    Credit,
    bank_ref=st.just("r"),
    booked_at_us=st.integers(1, 3),
    amount_fen=st.integers(1, 3),
    payer_name=st.sampled_from(["甲", "乙", ""]),
    payer_account=st.just("9"),
    virtual_account=st.sampled_from(["", "11111", "22222", "44444"]),
    purpose=st.sampled_from(["", "dep-a1", "dep-b2 x", "33333"]),
)


@given(CREDITS, st.lists(CANDIDATES, max_size=4, unique_by=lambda one: one.deposit_id), st.randoms())
def test_money_goes_by_itself_only_where_everything_fits_and_order_does_not_matter(credit, candidates, random):
    judged = judge(credit, candidates)
    shuffled = list(candidates)
    random.shuffle(shuffled)
    again = judge(credit, shuffled)
    assert (again.outcome, again.reasons, again.deposit_id) == (judged.outcome, judged.reasons, judged.deposit_id)
    if judged.outcome is Outcome.MATCHED:
        [meant] = [one for one in candidates if one.deposit_id == judged.deposit_id]
        assert meant.standing is Standing.OPEN and meant.amount_fen == credit.amount_fen
        assert credit.booked_at_us <= meant.due_at_us and is_payer(credit.payer_name, meant.names)
    else:
        assert judged.reasons and Outcome.MATCHED not in judged.reasons
