"""For which deposit is this money? Pure rules over a credit and the deposits it may be for.

The way: sub-account number, else a reference in the purpose, else amount and payer. Money is given to a deposit by itself only when
everything fits: one deposit, still open, in time, exact amount, from the party itself. Anything else waits for a person, with every
reason named. The answer depends on what the bank says and on the deposit, never on the order in which messages arrive, except that
of two payments that both fit the first one counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from settlement.bank.port import Credit


class Outcome(StrEnum):
    """Why money, or a message of the bank, waits for a person; MATCHED: it does not. Names on disk, never renamed.

    The texts are `bank.outcome.<name>` (short), `bank.why.<name>` and `bank.todo.<name>` in the catalogues.
    """

    MATCHED = "matched"
    RETURNED_PAYOUT = "returned_payout"
    """A payment of ours came back (退汇): the purpose names our order."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """The sub-account number belongs to no deposit."""
    UNIDENTIFIED = "unidentified"
    """No sub-account number, and nothing else tells for what it is."""
    AMBIGUOUS = "ambiguous"
    """It may be for several deposits."""
    LATE = "late"
    """Booked after the deposit was due, or told after it had lapsed."""
    ALREADY_PAID = "already_paid"
    """The deposit does not wait for money any more."""
    WRONG_PAYER = "wrong_payer"
    """Somebody else paid (第三方付款)."""
    PAYER_UNKNOWN = "payer_unknown"
    """The bank does not say who paid."""
    PART_PAYMENT = "part_payment"
    OVERPAID = "overpaid"
    CONTENT_DIFFERS = "content_differs"
    """The bank tells the same booking twice with different content."""
    UNKNOWN_ORDER = "unknown_order"
    """The result of a payment that the market never ordered."""
    ORDER_DIFFERS = "order_differs"
    """Two final results of one order that contradict each other."""
    UNKNOWN_DEBIT = "unknown_debit"
    """Money left the account and no order explains it."""
    MISREAD = "misread"
    """A signed message that cannot be understood."""


class Standing(StrEnum):
    """How a deposit stands as far as money coming in is concerned."""

    OPEN = "open"
    PAID = "paid"
    LAPSED = "lapsed"


class Candidate(Struct, frozen=True, kw_only=True):
    """A deposit, or the price of a deal, that money may be for."""

    deposit_id: str
    """Id of the deposit or of the deal; their forms differ."""
    virtual_account: str
    amount_fen: int
    """What is asked in all."""
    due_at_us: int
    standing: Standing
    names: tuple[str, ...]
    """Names under which the party may pay: its registered name and former ones."""
    any_amount: bool = False
    """A deal: it takes parts, more than is owed (the rest goes back), and what is late."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What the rules say: the first reason, all reasons, and the deposits it may be for, the likeliest first."""

    outcome: Outcome
    reasons: tuple[Outcome, ...]
    deposit_id: str = ""
    """Set when exactly one deposit is meant, also when money does not go there by itself."""
    candidates: tuple[str, ...] = ()


WORDS_MAX: Final = 20
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._~-]{3,63}")
_COMPANY: Final = (
    ("有限责任公司", "有限公司"),
    ("companylimited", "ltd"),
    ("coltd", "ltd"),
    ("limited", "ltd"),
    ("incorporated", "inc"),
    ("corporation", "corp"),
)


def fold_name(name: str) -> str:
    """Return a name for comparison: width, case, spaces and punctuation do not matter, nor which form of "limited" is written.

    `（内蒙古）草原　有限责任公司` and `(内蒙古)草原有限公司` are the same; 股份有限公司 stays another kind of company.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(char for char in text if unicodedata.category(char)[0] in "LN")
    for variant, common in _COMPANY:
        text = text.replace(variant, common)
    return text


def is_payer(payer_name: str, names: Sequence[str]) -> bool:
    """Tell whether the payer is the party. A name without letters is nobody."""
    folded = fold_name(payer_name)
    return bool(folded) and any(folded == fold_name(name) for name in names)


def digits_of(text: str) -> str:
    """Return an account number for comparison: people write it with spaces and hyphens."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum()).casefold()


def judge(credit: Credit, candidates: Sequence[Candidate], *, names_order: bool = False) -> Judgement:
    """Return for which deposit money is, or why a person has to say.

    Args:
        credit: What the bank told.
        candidates: The deposits that the sub-account number, the purpose, or the amount points to; more than those do no harm.
        names_order: The purpose holds the id of a payment of ours.
    """
    if credit.virtual_account:
        meant = [one for one in candidates if digits_of(one.virtual_account) == digits_of(credit.virtual_account)]
        if not meant:
            return _undecided(Outcome.UNKNOWN_ACCOUNT, _likely(credit, candidates))
    else:
        meant = named_in(credit.purpose, candidates) or _likely(credit, candidates)
        if not meant:
            return _undecided(Outcome.RETURNED_PAYOUT if names_order else Outcome.UNIDENTIFIED, [])
    if len(meant) > 1:
        named = named_in(credit.purpose, meant)
        if len(named) != 1:
            return _undecided(Outcome.AMBIGUOUS, meant)
        meant = named
    return _one(credit, meant[0])


def words_of(purpose: str) -> tuple[str, ...]:
    """Return the words of a purpose that may be references: Latin letters and digits with what joins them, at most `WORDS_MAX`."""
    return tuple(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFKC", purpose))))[:WORDS_MAX]


def named_in(purpose: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the deposits whose id or sub-account number the purpose holds as a whole word."""
    words = {word.casefold() for word in words_of(purpose)}
    return [
        one
        for one in candidates
        if one.deposit_id.casefold() in words or one.virtual_account.casefold() in words - {""}
    ]


def _likely(credit: Credit, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the deposits of the payer that ask for this amount, whatever their state: the answer must not depend on it."""
    return [one for one in candidates if one.amount_fen == credit.amount_fen and is_payer(credit.payer_name, one.names)]


def _one(credit: Credit, meant: Candidate) -> Judgement:
    reasons = []
    if not meant.any_amount and (credit.booked_at_us > meant.due_at_us or meant.standing is Standing.LAPSED):
        reasons.append(Outcome.LATE)
    if not fold_name(credit.payer_name):
        reasons.append(Outcome.PAYER_UNKNOWN)
    elif not is_payer(credit.payer_name, meant.names):
        reasons.append(Outcome.WRONG_PAYER)
    if not meant.any_amount and credit.amount_fen < meant.amount_fen:
        reasons.append(Outcome.PART_PAYMENT)
    elif not meant.any_amount and credit.amount_fen > meant.amount_fen:
        reasons.append(Outcome.OVERPAID)
    if meant.standing is Standing.PAID:
        reasons.append(Outcome.ALREADY_PAID)  # last: the only reason that depends on what came before
    reasons = reasons or [Outcome.MATCHED]
    return Judgement(
        outcome=reasons[0], reasons=tuple(reasons), deposit_id=meant.deposit_id, candidates=(meant.deposit_id,)
    )


def _undecided(outcome: Outcome, candidates: Sequence[Candidate]) -> Judgement:
    return Judgement(outcome=outcome, reasons=(outcome,), candidates=tuple(one.deposit_id for one in candidates))
