"""The state of a deal: frozen, rebuilt by `evolving.evolve` from its history alone."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from settlement.deals.deal import Deal, DealSide
from settlement.deals.events import Pot
from settlement.deals.payment import Line, LineKind, PaymentTerms, Trigger, owed_fen, paid_of
from settlement.deals.phases import WAITS, Phase, Wait

OPEN_ORDERS: Final = frozenset({"placed", "failed"})


class Signature(Struct, frozen=True, kw_only=True):
    """Who signed which text, and when."""

    side: DealSide
    party_id: str
    contract_digest: str


class Order(Struct, frozen=True, kw_only=True):
    """An order to the bank. `state`: placed, settled, failed, replaced."""

    order_id: str
    kind: str
    amount_fen: int
    party_id: str
    state: str = "placed"


class Process(Struct, frozen=True, kw_only=True):
    """A deal after event `seq`. Amounts in fen, instants in microseconds; 0 and empty mean: not yet."""

    deal: Deal
    seq: int
    phase: Phase
    since_us: int
    """Since when it stands there."""
    virtual_account: str
    """Sub-account number that its buyer pays to."""
    deadline_us: int
    reminded: bool = False
    escalations: int = 0
    """How often the wait now was escalated."""
    back_to: Phase = Phase.SIGNING
    """Where it stands again if no default is found."""
    confirmation: str = ""
    """Digest of the deal confirmation, hexadecimal."""
    payment: PaymentTerms | None = None
    contract_ref: str = ""
    contract_digest: str = ""
    signatures: tuple[Signature, ...] = ()
    lines: tuple[Line, ...] = ()
    late: tuple[int, ...] = ()
    """Numbers of lines that were late."""
    buyer_fee_fen: int = 0
    seller_fee_fen: int = 0
    broker_fee_fen: int = 0
    received_fen: int = 0
    """Counted towards lines: paid in and converted, without what was too much."""
    pots: tuple[Pot, ...] = ()
    """What stands in escrow now."""
    price_released_fen: int = 0
    """Of price, royalties and interest, gone out of escrow."""
    buyer_fee_released_fen: int = 0
    seller_fee_taken_fen: int = 0
    broker_taken_fen: int = 0
    refunded_fen: int = 0
    payer_name: str = ""
    payer_account: str = ""
    """Where the last payment came from."""
    certificate_no: str = ""
    proof_ref: str = ""
    proof_digest: str = ""
    delivered_at: int = 0
    """Sequence number of the accepted delivery; 0: not delivered."""
    orders: tuple[Order, ...] = ()
    registration_no: str = ""
    distribution_ref: str = ""
    default_side: DealSide | None = None
    default_cause: str = ""
    reason: str = ""
    """Last reason given: refusal, dispute, default, rescission."""
    shortfall_fen: int = 0
    still_due_fen: int = 0

    @property
    def id(self) -> str:
        """Id of the deal."""
        return self.deal.id

    @property
    def wait(self) -> Wait | None:
        """Who has to act, and by which clock; None at the end."""
        return WAITS.get(self.phase)

    @property
    def escrow_fen(self) -> int:
        """What stands in escrow."""
        return sum(pot.amount_fen for pot in self.pots)

    @property
    def paid(self) -> tuple[int, ...]:
        """How much of each line is paid, in their order."""
        return paid_of(self.lines, self.received_fen)

    @property
    def open_fen(self) -> int:
        """What is known to be owed and not paid."""
        return max(0, owed_fen(self.lines) - self.received_fen)

    @property
    def upfront_fen(self) -> int:
        """What is due before the hand-over: the first payment and the buyer's fee."""
        return sum(line.known_fen for line in upfront(self.lines))

    def settled_fen(self, *, fees: bool) -> int:
        """Return the sum of the lines that are paid in full: the buyer's fee, or all others."""
        return sum(
            line.known_fen
            for line, paid in zip(self.lines, self.paid, strict=True)
            if paid == line.known_fen and (line.kind is LineKind.BUYER_FEE) is fees
        )

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """Orders to the bank that have not ended."""
        return tuple(order for order in self.orders if order.state in OPEN_ORDERS)

    def signed_by(self, side: DealSide) -> bool:
        """Tell whether a side has signed."""
        return any(signature.side is side for signature in self.signatures)

    def next_line(self) -> Line | None:
        """Return the first line that has a due day and is not paid in full."""
        return next(
            (
                line
                for line, paid in zip(self.lines, self.paid, strict=True)
                if line.due_at_us and (line.amount_fen is None or paid < line.amount_fen)
            ),
            None,
        )

    def all_paid(self) -> bool:
        """Tell whether nothing is to be paid any more: every line is known and paid."""
        return all(line.amount_fen is not None for line in self.lines) and self.open_fen == 0


def upfront(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return the lines that are due before the hand-over: the first price line and the fee beside it."""
    price = next((line for line in lines if line.kind in (LineKind.PRICE, LineKind.ENTRY)), None)
    fees = tuple(line for line in lines if line.kind is LineKind.BUYER_FEE)
    return (price, *fees) if price is not None and price.after is Trigger.SIGNING else fees
