"""Where a deal stands, and for each place: who has to act, by when, how he is reminded, what happens when he does not.

Nothing waits silently: `WAITS` has a row for every phase that waits, and tests/settlement/deals/test_waits.py walks all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Phase(StrEnum):
    """Where a deal stands: exactly one of these at any instant."""

    CONFIRMING = "confirming"
    """The deal confirmation (成交确认书) is to be written and signed by the market."""
    DRAFTING = "drafting"
    """The contract is being drawn up; the seller says how the price is paid where the notice left it open."""
    SIGNING = "signing"
    CONCLUDING = "concluding"
    """Both have signed; the log is being told."""
    PAYING = "paying"
    """The buyer pays what is due before the hand-over; the money stays in escrow."""
    CERTIFYING = "certifying"
    """The trade certificate (交易鉴证书) is to be issued."""
    DELIVERING = "delivering"
    """The seller hands over and brings proof; for a patent the register's (专利法 art. 10)."""
    ACCEPTING = "accepting"
    """The hand-over is looked at: by the buyer; where a register's proof is needed, by an operator."""
    RELEASING = "releasing"
    """The money goes to the seller."""
    REGISTERING = "registering"
    """The contract is to be registered (技术合同认定登记)."""
    DISTRIBUTING = "distributing"
    """The seller distributes the income to the completers."""
    PERFORMING = "performing"
    """Later instalments and royalties."""
    DISPUTED = "disputed"
    """The buyer says that what was handed over is not what was sold."""
    DECIDING = "deciding"
    """An operator decides whether there is a default, and whose."""
    DEFAULTING = "defaulting"
    """A side is in default; the log is being told."""
    RESELLING = "reselling"
    """The buyer has defaulted: sold again, and the shortfall counted (domain.md §6.2)."""
    REFUNDING = "refunding"
    """Undone; the buyer's money goes back."""
    ARCHIVED = "archived"
    DEFAULTED = "defaulted"
    RESCINDED = "rescinded"

    @property
    def is_final(self) -> bool:
        """Nothing follows."""
        return self in FINAL


FINAL: Final = frozenset({Phase.ARCHIVED, Phase.DEFAULTED, Phase.RESCINDED})
BEFORE_SIGNED: Final = frozenset({Phase.CONFIRMING, Phase.DRAFTING, Phase.SIGNING, Phase.CONCLUDING})
EARNING: Final = frozenset({Phase.REGISTERING, Phase.DISTRIBUTING, Phase.PERFORMING})
"""Delivered: royalties are reported, later money goes on to the seller as it comes."""
TAKES_MONEY: Final = frozenset(
    {
        Phase.CONCLUDING, Phase.PAYING, Phase.CERTIFYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.RELEASING, *EARNING,
        Phase.DISPUTED, Phase.DECIDING,
    }
)  # fmt: skip


class Owner(StrEnum):
    """Who has to act."""

    MARKET = "market"
    """The machine itself; an operator if it has not done it by the deadline."""
    SELLER = "seller"
    BUYER = "buyer"
    BOTH = "both"
    OPERATOR = "operator"
    REGISTRAR = "registrar"


class Missed(StrEnum):
    """What happens when nobody has acted by the deadline."""

    ESCALATES = "escalates"
    """An operator is told, and again after every further period."""
    DEFAULT = "default"
    """Who has not signed is in default; if neither has, an operator decides."""
    GRACE = "grace"
    """Late is recorded and told; after the time of grace an operator decides."""
    ACCEPTED = "accepted"
    """Silence is acceptance, except where a register's proof is needed."""


class Reminder(StrEnum):
    """How the owner is reminded."""

    INBOX = "inbox"
    """A notice in the product, when it becomes his turn and once more before the deadline."""
    QUEUE = "queue"
    """The operator's queue, by deadline, with what is overdue on top and in the metrics."""


class Wait(Struct, frozen=True):
    """One row."""

    owner: Owner
    length: str
    """Which length of the deal's rules sets the deadline; `hour`: one hour; `sign_by`: the day in the deal; `line`: the schedule's."""
    missed: Missed
    reminder: Reminder


WAITS: Final[Mapping[Phase, Wait]] = {
    Phase.CONFIRMING: Wait(Owner.MARKET, "hour", Missed.ESCALATES, Reminder.QUEUE),
    Phase.DRAFTING: Wait(Owner.SELLER, "sign_by", Missed.ESCALATES, Reminder.INBOX),
    Phase.SIGNING: Wait(Owner.BOTH, "sign_by", Missed.DEFAULT, Reminder.INBOX),
    Phase.CONCLUDING: Wait(Owner.MARKET, "hour", Missed.ESCALATES, Reminder.QUEUE),
    Phase.PAYING: Wait(Owner.BUYER, "line", Missed.GRACE, Reminder.INBOX),
    Phase.CERTIFYING: Wait(Owner.MARKET, "hour", Missed.ESCALATES, Reminder.QUEUE),
    Phase.DELIVERING: Wait(Owner.SELLER, "deliver_days", Missed.ESCALATES, Reminder.INBOX),
    Phase.ACCEPTING: Wait(Owner.BUYER, "accept_working_days", Missed.ACCEPTED, Reminder.INBOX),
    Phase.RELEASING: Wait(Owner.MARKET, "operator_working_days", Missed.ESCALATES, Reminder.QUEUE),
    Phase.REGISTERING: Wait(Owner.REGISTRAR, "register_days", Missed.ESCALATES, Reminder.INBOX),
    Phase.DISTRIBUTING: Wait(Owner.SELLER, "distribute_days", Missed.ESCALATES, Reminder.INBOX),
    Phase.PERFORMING: Wait(Owner.BUYER, "line", Missed.ESCALATES, Reminder.INBOX),
    Phase.DISPUTED: Wait(Owner.OPERATOR, "operator_working_days", Missed.ESCALATES, Reminder.QUEUE),
    Phase.DECIDING: Wait(Owner.OPERATOR, "operator_working_days", Missed.ESCALATES, Reminder.QUEUE),
    Phase.DEFAULTING: Wait(Owner.MARKET, "hour", Missed.ESCALATES, Reminder.QUEUE),
    Phase.RESELLING: Wait(Owner.OPERATOR, "resale_days", Missed.ESCALATES, Reminder.QUEUE),
    Phase.REFUNDING: Wait(Owner.MARKET, "operator_working_days", Missed.ESCALATES, Reminder.QUEUE),
}
"""The seller registers (domain.md §5.2); the registrar decides: both see the deal while it is REGISTERING."""
