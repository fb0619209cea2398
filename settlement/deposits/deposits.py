"""What the market does with deposits. Every method returns what changed, or a refusal; nothing is raised for what a person may do wrong.

A method with `on` runs inside the caller's transaction when it is given one. `key` makes an act idempotent; acts of clocks need none,
their state does it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import asyncpg
from msgspec import Struct

from engine.calendar import Calendar, period_end
from engine.values import InstantUs
from settlement.bank.port import Credit
from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import DepositState
from settlement.deposits.evolving import Deposit
from settlement.deposits.finding import PAGE_MAX, Finding
from settlement.deposits.rules import Refusal, Refused
from settlement.deposits.store import MARKET, QUERIES, Asked, Changed, Listener, Payee, Shelf
from settlement.deposits.terms import DEFAULT_TERMS, HOUR_US, DepositTerms
from settlement.deposits.virtual_accounts import SERIAL_DIGITS, virtual_account
from settlement.ledger.book import Connection
from settlement.payouts.payouts import OrderState, PayoutOrder, Payouts

DRAWS: Final = 20

Outcome = Changed | Refused


class Received(Struct, frozen=True, kw_only=True):
    """What became of a payment."""

    deposit: Deposit
    taken_fen: int
    """What counts towards the deposit."""
    surplus_fen: int
    """What was too much; it was ordered to be paid back."""
    complete: bool
    """All of the deposit is there now."""
    repeated: bool = False
    """This very payment had been taken before; nothing changed."""


async def no_account(_: str) -> Payee | None:
    """Know nobody's verified bank account."""
    return None


class Deposits(Finding):
    """All deposits of the market."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        payouts: Payouts,
        *,
        calendar: Callable[[], Calendar],
        virtual_prefix: str,
        verified_account: Callable[[str], Awaitable[Payee | None]] = no_account,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Make the service.

        Args:
            pool: The database.
            payouts: Where orders to the bank are written.
            calendar: The holiday table known now.
            virtual_prefix: Digits of the range of sub-account numbers.
            verified_account: The verified bank account of a party, None if it has none.
            now_us: The market's clock.
        """
        super().__init__(pool, Shelf(pool, payouts), now_us)
        self._calendar = calendar
        self._prefix = virtual_prefix
        self._verified_account = verified_account
        self.woken = asyncio.Event()
        """Set when something may be due for the clocks at once."""
        payouts.subscribe(self._payout_ended)

    def subscribe(self, listener: Listener) -> None:
        """Tell somebody, in the same transaction, what became of deposits."""
        self._shelf.listeners.append(listener)

    # Asking for it and receiving it

    async def require(
        self,
        deposit_id: str,
        subject: str,
        party_id: str,
        amount_fen: int,
        due_at_us: int,
        terms: DepositTerms = DEFAULT_TERMS,
        *,
        on: Connection | None = None,
    ) -> Outcome:
        """Ask a party for a deposit. The same again changes nothing; the id with other content is refused (`key_reused`).

        Args:
            deposit_id: At most 48 characters of `A-Za-z0-9._-`.
            subject: Stream name of what it is for, such as `listing/abc`.
            party_id: Who pays.
            amount_fen: How much.
            due_at_us: Payments that the bank booked until then are in time.
            terms: What the notice says.
            on: The caller's transaction.
        """
        for _ in range(DRAWS):
            account = virtual_account(self._prefix, secrets.randbelow(10**SERIAL_DIGITS))
            act = a.RequireDeposit(
                subject=subject, party_id=party_id, amount_fen=amount_fen, due_at_us=due_at_us,
                virtual_account=account, terms=terms,
            )  # fmt: skip
            try:
                return await self._do(deposit_id, act, key="require", on=on)
            except asyncpg.UniqueViolationError as taken:
                if (
                    taken.constraint_name == "deposit_pkey"
                ):  # two ask at the same moment: the other one's row is there now
                    continue
                if taken.constraint_name != "deposit_virtual_account":
                    raise
        raise RuntimeError("the range of virtual accounts is full")

    async def move_due(
        self,
        deposit_id: str,
        due_at_us: int,
        *,
        paused: bool = False,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """Set another due time; `paused`: no time runs until it is set again."""
        return await self._do(deposit_id, a.MoveDue(due_at_us=due_at_us, paused=paused), key=key, on=on)

    async def receive(
        self, connection: Connection, deposit_id: str, credit: Credit, *, from_suspense: bool = False
    ) -> Received | Refused:
        """Take a payment for a deposit, in the caller's transaction.

        Too much is paid back by itself, a part waits for the rest. Refused with nothing changed, so that the caller puts the money into
        suspense: `no_such_deposit`, `wrong_state` (data `state`: paid twice, lapsed, …), `late`, `key_reused` (this bank reference
        was taken for something else).

        Args:
            connection: Inside the transaction that records the bank's event.
            deposit_id: Which deposit.
            credit: The payment; `bank_ref` is its identity.
            from_suspense: The money stands in suspense under this bank reference and leaves it now.
        """
        act = a.ReceivePayment(
            bank_ref=credit.bank_ref, booked_at_us=credit.booked_at_us, amount_fen=credit.amount_fen,
            payer_name=credit.payer_name, payer_account=credit.payer_account, from_suspense=from_suspense,
        )  # fmt: skip
        done = await self._do(deposit_id, act, key=f"credit:{credit.bank_ref}", on=connection)
        if isinstance(done, Refused):
            return done
        self.woken.set()
        for event in done.events:
            if isinstance(event, e.PaymentReceived):
                return Received(
                    deposit=done.deposit, taken_fen=event.taken_fen, surplus_fen=event.surplus_fen,
                    complete=event.complete,
                )  # fmt: skip
        return Received(deposit=done.deposit, taken_fen=0, surplus_fen=0, complete=False, repeated=True)

    async def hold(self, deposit_id: str, *, actor: str = MARKET, on: Connection | None = None) -> Outcome:
        """Hold a deposit that is paid: somebody has looked at who paid it."""
        return await self._do(deposit_id, a.HoldDeposit(checked_by=actor), actor=actor, on=on)

    async def hold_if_own(self, deposit_id: str) -> Outcome | None:
        """Hold a deposit that was paid from the party's own verified account; None: it waits for an operator, or is not paid."""
        deposit = await self._shelf.read(deposit_id)
        if deposit is None or deposit.state is not DepositState.PAID:
            return None
        checked_by = await self._checked_by(deposit)
        if checked_by is None:
            await self._pool.execute(QUERIES["mark_checked"], deposit.id, self._now_us())
            return None
        return await self._do(deposit.id, a.HoldDeposit(checked_by=checked_by))

    async def _checked_by(self, deposit: Deposit) -> str | None:
        if not deposit.terms.own_account_only:
            return "terms"
        account = await self._verified_account(deposit.party_id)
        same = account is not None and _digits(account[1]) == _digits(deposit.payer_account) != ""
        return "own_account" if same else None

    async def look_again(self, party_id: str) -> None:
        """Check the payer of what this party has paid once more: its verified bank account has changed."""
        await self._pool.execute(QUERIES["recheck_party"], party_id)
        self.woken.set()

    async def lapse(self, deposit_id: str) -> Outcome:
        """Close a deposit that was not paid in time; what was paid in part goes back."""
        return await self._pay_out(deposit_id, a.LapseDeposit(reason=a.NOT_PAID))

    # Giving it back

    async def schedule_release(
        self,
        deposit_id: str,
        from_us: int,
        reason: str,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """Start the release clock of a deposit at `from_us`. One that is not paid yet is not needed any more and lapses."""
        deposit = await self._shelf.read(deposit_id, on)
        if deposit is None:
            return Refused(Refusal.NO_SUCH_DEPOSIT)
        if deposit.state is DepositState.LAPSED:
            return Changed(deposit, repeated=True)
        if deposit.state is DepositState.REQUIRED:
            lapsed = await self._pay_out(deposit_id, a.LapseDeposit(reason=a.NOT_NEEDED), actor=actor, on=on)
            if isinstance(lapsed, Changed):
                return lapsed
            # The last payment came in between: it goes back like any other.
            deposit = await self._shelf.read(deposit_id, on) or deposit
        by_us, certain, version = self._clock_end(deposit.terms, from_us)
        act = a.ScheduleRelease(reason=reason, starts_us=from_us, by_us=by_us, certain=certain, calendar=version)
        done = await self._do(deposit_id, act, actor=actor, key=key, on=on)
        self.woken.set()
        return done

    async def release_subject(
        self,
        subject: str,
        from_us: int,
        reason: str,
        *,
        keep: Collection[str] = (),
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> list[Outcome]:
        """Start the release clock of every deposit of a subject that is still open, in the order of their ids.

        Deposits in `keep`, and those that go back or are being decided already, stay as they are.
        """
        done: list[Outcome] = []
        for deposit_id in await self._open_of(subject, on):
            deposit = None if deposit_id in keep else await self._shelf.read(deposit_id, on)
            if deposit is not None and deposit.state in (DepositState.REQUIRED, DepositState.PAID, DepositState.HELD):
                done.append(await self.schedule_release(deposit_id, from_us, reason, actor=actor, key=key, on=on))
        return done

    async def release(self, deposit_id: str) -> Outcome:
        """Order the pay-back of a deposit whose time has come and that nothing blocks."""
        deposit = await self._shelf.read(deposit_id)
        if deposit is None:
            return Refused(Refusal.NO_SUCH_DEPOSIT)
        return await self._pay_out(deposit_id, a.StartRelease(order_id=f"{deposit_id}-{deposit.seq + 1}"))

    async def block(
        self, deposit_id: str, block: str, reason: str, *, actor: str = MARKET, on: Connection | None = None
    ) -> Outcome:
        """Let nothing be released while a reason of this name stands (an objection, an appeal, an inquiry)."""
        return await self._do(deposit_id, a.BlockRelease(block=block, reason=reason), actor=actor, on=on)

    async def unblock(
        self, deposit_id: str, block: str, *, actor: str = MARKET, on: Connection | None = None
    ) -> Outcome:
        """Take such a reason away."""
        done = await self._do(deposit_id, a.UnblockRelease(block=block), actor=actor, on=on)
        self.woken.set()
        return done

    async def block_subject(
        self, subject: str, block: str, reason: str, *, actor: str = MARKET, on: Connection | None = None
    ) -> list[Outcome]:
        """Block every open deposit of a subject."""
        return [await self.block(one, block, reason, actor=actor, on=on) for one in await self._open_of(subject, on)]

    async def unblock_subject(
        self, subject: str, block: str, *, actor: str = MARKET, on: Connection | None = None
    ) -> list[Outcome]:
        """Take a block away from every open deposit of a subject."""
        return [await self.unblock(one, block, actor=actor, on=on) for one in await self._open_of(subject, on)]

    async def count_again(self, deposit_id: str) -> Outcome:
        """Count the end of a clock again that ran past the holiday table, by the table known now."""
        deposit = await self._shelf.read(deposit_id)
        if deposit is None:
            return Refused(Refusal.NO_SUCH_DEPOSIT)
        by_us, certain, version = self._clock_end(deposit.terms, deposit.release_starts_us)
        if version == deposit.release_calendar:
            return Refused(Refusal.TOO_EARLY)
        return await self._do(deposit_id, a.RecountRelease(by_us=by_us, certain=certain, calendar=version))

    # The winner, and the defaulting winner

    async def convert(
        self,
        deposit_id: str,
        deal_ref: str,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """Make the winner's deposit part of the price of the deal."""
        return await self._do(deposit_id, a.ConvertDeposit(deal_ref=deal_ref), actor=actor, key=key, on=on)

    async def undo_conversion(
        self,
        deposit_id: str,
        reason: str,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """The deal is undone without the buyer's fault: a held deposit again, which can then be released."""
        return await self._do(deposit_id, a.UndoConversion(reason=reason), actor=actor, key=key, on=on)

    async def propose_forfeit(
        self,
        deposit_id: str,
        reason: str,
        appeal_until_us: int,
        *,
        note: str = "",
        recorded_earlier: bool = False,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """Let a deposit be lost for a reason, after its party had time to appeal."""
        act = a.ProposeForfeit(
            reason=reason, appeal_until_us=appeal_until_us, note=note, recorded_earlier=recorded_earlier
        )
        return await self._do(deposit_id, act, actor=actor, key=key, on=on)

    async def appeal(self, deposit_id: str, party_id: str, text: str, *, actor: str) -> Outcome:
        """Object to a forfeiture. Somebody else's deposit is `no_such_deposit`."""
        if await self.own(deposit_id, party_id) is None:
            return Refused(Refusal.NO_SUCH_DEPOSIT)
        return await self._do(deposit_id, a.AppealForfeit(text=text), actor=actor)

    async def decide_appeal(self, deposit_id: str, *, upheld: bool, reason: str, actor: str) -> Outcome:
        """Decide an appeal; an upheld one puts the deposit back where it stood."""
        done = await self._do(deposit_id, a.DecideAppeal(upheld=upheld, reason=reason), actor=actor)
        self.woken.set()
        return done

    async def lift_forfeit(self, deposit_id: str, reason: str, *, actor: str) -> Outcome:
        """Take a proposal back without an appeal."""
        return await self._do(deposit_id, a.LiftForfeit(reason=reason), actor=actor)

    async def forfeit(self, deposit_id: str) -> Outcome:
        """Take what is lost and was not appealed against in time; the seller's part is ordered to his verified account."""
        return await self._pay_out(deposit_id, a.ForfeitDeposit())

    async def deduct(
        self, deposit_id: str, *, first_price_fen: int, second_price_fen: int, costs_fen: int, actor: str
    ) -> Outcome:
        """Take the shortfall of a second sale out of a deposit; the rest goes back or stays, by its terms (domain.md §6.2)."""
        act = a.DeductShortfall(first_price_fen=first_price_fen, second_price_fen=second_price_fen, costs_fen=costs_fen)
        return await self._pay_out(deposit_id, act, actor=actor)

    def _clock_end(self, terms: DepositTerms, from_us: int) -> tuple[int, bool, str]:
        """Return when a release clock ends, whether the holiday table reaches so far, and which table was used."""
        if terms.release_hours is not None:
            return from_us + terms.release_hours * HOUR_US, True, ""
        assert terms.release_working_days is not None, "terms have one clock"
        calendar = self._calendar()
        end = period_end(calendar, InstantUs(from_us), working_days=terms.release_working_days)
        return end.ends_at_us, end.certain, calendar.version

    async def _open_of(self, subject: str, on: Connection | None) -> list[str]:
        found: list[str] = []
        while rows := await (on or self._pool).fetch(
            QUERIES["open_of_subject"], subject, found[-1] if found else "", PAGE_MAX
        ):
            found += [row["id"] for row in rows]
        return found

    async def _pay_out(
        self,
        deposit_id: str,
        act: a.Act,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
    ) -> Outcome:
        """Do an act that pays money out: back to where it came from, or, if that is unknown or not his, to a party's verified account."""
        deposit = await self._shelf.read(deposit_id, on)
        payees: dict[str, Payee] = {}
        if deposit is not None:
            for party in (deposit.party_id, deposit.terms.seller_id):
                payee = await self._verified_account(party) if party else None
                payees |= {} if payee is None else {party: payee}
        return await self._do(deposit_id, act, actor=actor, key=key, on=on, payees=payees)

    async def _do(
        self,
        deposit_id: str,
        act: a.Act,
        *,
        actor: str = MARKET,
        key: str | None = None,
        on: Connection | None = None,
        payees: dict[str, Payee] | None = None,
    ) -> Outcome:
        asked = Asked(at_us=self._now_us(), actor=actor, key=key, payees=payees or {})
        return await self._shelf.act(deposit_id, act, asked, on)

    async def _payout_ended(self, connection: Connection, order: PayoutOrder, at_us: int) -> None:
        """Follow what became of the order of a release, in the same transaction."""
        if order.kind != "release":
            return
        act: a.Act
        if order.state is OrderState.SETTLED:
            act = a.FinishRelease(order_id=order.order_id, bank_ref=order.bank_ref)
        elif order.state is OrderState.FAILED:
            act = a.FailRelease(order_id=order.order_id, reason=order.reason)
        else:
            act = a.ReissueRelease(order_id=order.order_id, instead_of=order.instead_of or "")
        done = await self._shelf.act(order.source.deposit, act, Asked(at_us=at_us), connection)
        if isinstance(done, Refused):
            raise RuntimeError(f"deposit {order.source.deposit} does not follow its order: {done.code.value}")


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isalnum()).upper()
