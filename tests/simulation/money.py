"""Random operations of deposits, deals and the ledger, with crashes: `python -m tests.simulation.money --operations 1000000 --seed 1`.

The real rules (`decide`, `step`, `evolve`), the real postings and the real machine of orders run over a store in memory that commits like a
database: what a transaction wrote is there as a whole, or, after a crash at any write of it, not at all. After every operation the
ledger sums to zero, no floored account is overdrawn, every deposit is in one state that its history leads to, and the money of each
deposit and deal stands where that state says. A deal that has ended with its deposit and its orders is retired: nothing of it may be
left but what somebody earned, and its sub-accounts go into one for each account, so that a million operations look at no more than a
hundred. Planted bugs prove that it can see (`--plant`).
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from settlement.deals import acts as da
from settlement.deals import events as de
from settlement.deals.answers import Refused as DealRefused
from settlement.deals.deal import DealSide
from settlement.deals.evolving import evolve as evolve_deal
from settlement.deals.money import entry_of as deal_entry
from settlement.deals.money import pay_outs_of as deal_pay_outs
from settlement.deals.payment import (
    EntryRoyalty,
    Instalments,
    LineKind,
    Part,
    PaymentTerms,
    Royalty,
    RoyaltyBase,
    Trigger,
)
from settlement.deals.process import Process
from settlement.deals.stepping import step
from settlement.deposits import acts as a
from settlement.deposits import events as e
from settlement.deposits.events import DepositState as S
from settlement.deposits.evolving import Deposit
from settlement.deposits.evolving import evolve as evolve_deposit
from settlement.deposits.money import FORFEIT, entry_of, pay_outs_of
from settlement.deposits.rules import Refused, decide
from settlement.deposits.terms import DepositTerms, ForfeitBy, SurplusPolicy
from settlement.ledger import postings
from settlement.ledger.chart import CHART, Account, Side
from settlement.ledger.postings import Entry, Sub, check
from tests.settlement.conftest import BUYER, CALENDAR, START_US
from tests.settlement.deals.conftest import SELLER, a_deal

HOUR_US: Final = 3_600_000_000
DEALS_OPEN: Final = 12
AMOUNT: Final = 30_000
PRICE: Final = 100_000
BALANCES_KEPT: Final = 80
"""Sub-accounts that returned to zero are dropped above this, to keep every check quick."""
LOOK_WHOLE: Final = 10_000
"""After so many operations the sum of all entries is compared with the balances, too, and whether a deal never ends."""
LIFE_MAX: Final = 20_000
"""Operations after which a deal that has not ended waits for something that does not come."""
SURPLUS: Final = 0.1
"""Share of payments that are made although nothing is owed. More of them than the bank can send back would be all that there is."""
EARNED: Final = frozenset({Account.FEE_INCOME, Account.FORFEIT_INCOME})
"""Where money of a retired deal may stand: commissions, deposits that the venue keeps."""
OVER: Final = (S.RELEASED, S.FORFEITED, S.PARTLY_DEDUCTED, S.LAPSED, S.CONVERTED)
SENSE: Final = 0.85
"""Share of operations on something that can still change; the others hit anything."""
CRASH: Final = 0.1
"""Share of operations that die at one of their writes."""
PARTS: Final = Instalments(
    parts=(
        Part(share_bps=3_000, after=Trigger.SIGNING, days=5),
        Part(share_bps=3_000, after=Trigger.DELIVERY, days=30),
        Part(share_bps=4_000, after=Trigger.DELIVERY, days=90),
    )
)
ROYALTY: Final = Royalty(base=RoyaltyBase.SALES, rates_bps=(300, 500), months=12, periods=2)
PAYMENTS: Final[Mapping[str, PaymentTerms | None]] = {
    "ONE_TIME": None,
    "INSTALMENT": PARTS,
    "ROYALTY": ROYALTY,
    "ROYALTY_PLUS_ENTRY": EntryRoyalty(working_days=5, royalty=ROYALTY),
}
PLANTS: Final = ("half_transaction", "double_posting", "lost_conversion")


class Crash(Exception):
    """The process died here."""


class Overdrawn(Exception):
    """A floored sub-account would go below zero: the transaction is refused as by the database."""


class Store:
    """A database in memory: committed state, and a transaction that is kept as a whole or dropped."""

    def __init__(self, plant: str) -> None:
        self.deposits: dict[str, Deposit] = {}
        self.deals: dict[str, Process] = {}
        self.balances: dict[Sub, int] = {}
        self.keys: set[str] = set()
        self.orders: dict[str, tuple[Sub, int, str]] = {}
        self.posted: Counter[Account] = Counter()
        """What all entries of committed transactions say of each account: counted beside the balances."""
        self._plant = plant
        self._undo: list[tuple[dict[Any, Any] | set[str], Any, Any]] = []
        self.crash_at: int | None = None

    def begin(self, crash_at: int | None) -> None:
        self._undo, self.crash_at, self._writes = [], crash_at, 0
        self._entries: list[Entry] = []

    def commit(self) -> None:
        for entry in self._entries:
            for line in entry.lines:
                self.posted[line.sub.account] += line.amount_fen

    def roll_back(self) -> None:
        if self._plant == "half_transaction":
            return
        for where, name, before in reversed(self._undo):
            if isinstance(where, set):
                where.discard(name)
            elif before is None:
                where.pop(name, None)
            else:
                where[name] = before

    def put(self, where: dict[Any, Any], name: Any, value: Any) -> None:
        """Write one row; the process may die here."""
        self._writes += 1
        if self.crash_at is not None and self._writes >= self.crash_at:
            raise Crash
        self._undo.append((where, name, where.get(name)))
        where[name] = value

    def post(self, entry: Entry) -> None:
        check(entry)
        if entry.key in self.keys:
            raise Overdrawn(f"{entry.key} was posted")
        self._undo.append((self.keys, entry.key, None))
        self.keys.add(entry.key)
        self._entries.append(entry)
        for line in entry.lines:
            amount = line.amount_fen
            balance = self.balances.get(line.sub, 0) + amount
            kind = CHART[line.sub.account]
            if kind.floored and balance * (1 if kind.side is Side.DEBIT else -1) < 0:
                raise Overdrawn(str(line.sub))
            self.put(self.balances, line.sub, balance)
            if self._plant == "double_posting" and amount < 0:
                self.balances[line.sub] += amount
                self._plant = ""


class World:
    """The market's money, and people and a bank that do anything at any time."""

    def __init__(self, seed: int, plant: str = "") -> None:
        self.random = random.Random(seed)
        self.store = Store(plant)
        self.now_us = START_US
        self.number = 0
        self.done: Counter[str] = Counter()
        self.since: dict[str, int] = {}
        """After how many operations each deal was struck."""
        self.states: set[S] = set()
        self.phases: set[str] = set()
        self._plant = plant

    def run(self, operations: int) -> None:
        """Do so many operations; every one is checked."""
        for _ in range(operations):
            self.now_us += self.random.choice((1, 1, HOUR_US, 30 * HOUR_US))
            name = self._choose()
            self.store.begin(self.random.randint(1, 5) if self.random.random() < CRASH else None)
            try:
                done = getattr(self, f"_{name}")()
                self.store.commit()
            except Crash:
                self.store.roll_back()
                done = "crash"
            except Overdrawn:
                self.store.roll_back()
                done = "overdrawn"
            self.done[f"{name}:{done}"] += 1
            self.check_touched()
            if sum(self.done.values()) % LOOK_WHOLE == 0:
                self.check_whole()
            if len(self.store.balances) > BALANCES_KEPT:
                self.store.balances = {sub: amount for sub, amount in self.store.balances.items() if amount}

    def _choose(self) -> str:
        weights = (4, 34, 14, 34, 8, 16 if self.store.orders else 0)
        return self.random.choices(("open", "deposit", "receive", "deal", "pay_deal", "bank"), weights=weights)[0]

    def _one_of(self, ids: Iterable[str], likely: Iterable[str]) -> str:
        """Return one of some ids: mostly one for which the operation makes sense, sometimes any."""
        makes_sense = list(likely)
        return self.random.choice(makes_sense if makes_sense and self.random.random() < SENSE else list(ids))

    # Operations

    def _open(self) -> str:
        """A new buyer has to pay a deposit, and a deal is struck that it belongs to; ended ones are forgotten to keep it quick."""
        if len(self.store.deals) >= DEALS_OPEN:
            return self._forget()
        self.number += 1
        by = self.random.choice(list(ForfeitBy))
        policy = self.random.choice(list(SurplusPolicy))
        terms = DepositTerms(seller_id=SELLER, forfeit_by=by, surplus_policy=policy)
        deposit_id, deal_id = f"d{self.number}", f"DA-{self.number}"
        require = a.RequireDeposit(
            subject=f"lot/{self.number}", party_id=BUYER, amount_fen=AMOUNT, due_at_us=self.now_us + 400 * HOUR_US,
            virtual_account=str(self.number), terms=terms,
        )  # fmt: skip
        self.act_on_deposit(deposit_id, require)
        mode = self.random.choice(("PLAIN", "TRANSFER"))
        payment = self.random.choice(tuple(PAYMENTS))
        deal = a_deal(
            id=deal_id,
            price_fen=PRICE,
            mode=mode,
            payment=payment,
            deposit_ids=(deposit_id,),
            sign_by_us=self.now_us + 200 * HOUR_US,
        )
        self.act_on_deal(deal_id, da.OpenDeal(deal=deal, virtual_account=deal_id))
        self.since[deal_id] = sum(self.done.values())
        return "opened"

    def _forget(self) -> str:
        """Retire what has ended: its money has gone where it belongs, and none is left between."""
        store = self.store
        ended = [name for name, deal in store.deals.items() if self._is_over(deal)]
        for name in ended:
            gone = store.deals.pop(name)
            self.since.pop(name)
            store.deposits.pop(f"d{name[3:]}", None)
            for sub in [sub for sub in store.balances if name == sub.deal or f"d{name[3:]}" == sub.deposit]:
                amount = store.balances.pop(sub)
                assert not amount or sub.account in EARNED, f"{sub} has {amount} left after {gone}"
                whole = Sub(sub.account)
                store.balances[whole] = store.balances.get(whole, 0) + amount
        return "forgotten" if ended else "full"

    def _is_over(self, deal: Process) -> bool:
        """Tell whether neither the deal nor its deposit waits for anybody, the bank included."""
        deposit = self.store.deposits.get(f"d{deal.id[3:]}")
        if not deal.phase.is_final or (deposit is not None and deposit.state not in OVER):
            return False
        return not any(
            state in ("placed", "failed") and deal.id in (source.deal, f"DA-{source.deposit[1:]}")
            for source, _, state in self.store.orders.values()
        )

    def _deposit(self) -> str:
        if not self.store.deposits:
            return "none"
        alive = (name for name, deposit in self.store.deposits.items() if deposit.state not in OVER)
        one = self._one_of(self.store.deposits, alive)
        deal_id = f"DA-{one[1:]}"
        deposit = self.store.deposits[one]
        release = a.ScheduleRelease(reason="x", starts_us=self.now_us, by_us=self.now_us + HOUR_US, certain=True)
        propose = a.ProposeForfeit(reason="x", appeal_until_us=self.now_us + HOUR_US)
        deduct = a.DeductShortfall(
            first_price_fen=PRICE, second_price_fen=self.random.choice((50_000, 90_000)), costs_fen=500
        )
        decide_appeal = a.DecideAppeal(upheld=self.random.random() < 0.5, reason="x")
        convert = a.ConvertDeposit(deal_ref=deal_id)
        start = a.StartRelease(order_id=f"{one}-{deposit.seq + 1}")
        likely: dict[S, tuple[a.Act, ...]] = {
            S.PAID: (a.HoldDeposit(checked_by="x"),),
            S.HELD: (convert, convert, convert, release, propose),
            S.CONVERTED: (a.UndoConversion(reason="x"), propose),
            S.RELEASE_DUE: (start, start, a.BlockRelease(block="b", reason="x"), a.UnblockRelease(block="b")),
            S.FORFEIT_PENDING: (
                a.AppealForfeit(text="x"), decide_appeal, a.LiftForfeit(reason="x"), a.ForfeitDeposit(), deduct,
            ),
        }  # fmt: skip
        every = (
            *(act for acts in likely.values() for act in acts), a.LapseDeposit(reason=a.NOT_PAID),
        )  # fmt: skip
        act = self.random.choice(likely.get(deposit.state, every) if self.random.random() < SENSE else every)
        return self.act_on_deposit(one, act)

    def _receive(self) -> str:
        if not self.store.deposits:
            return "none"
        waiting = (name for name, deposit in self.store.deposits.items() if deposit.state in (S.REQUIRED, S.PAID))
        one = self._one_of(self.store.deposits, waiting)
        self.number += 1
        amount = self.random.choice((AMOUNT, AMOUNT, AMOUNT // 3, AMOUNT + 5))
        ref = f"in{self.number if self.random.random() < 0.9 else self.random.randint(1, self.number)}"
        act = a.ReceivePayment(
            bank_ref=ref, booked_at_us=self.now_us, amount_fen=amount, payer_name="x", payer_account="1"
        )
        return self.act_on_deposit(one, act)

    def _pay_deal(self) -> str:
        if not self.store.deals:
            return "none"
        owing = (name for name, deal in self.store.deals.items() if deal.open_fen)
        one = self._one_of(self.store.deals, owing)
        if not self.store.deals[one].open_fen and self.random.random() >= SURPLUS:
            return "nothing owed"
        self.number += 1
        amount = self.random.choice((PRICE, PRICE, PRICE // 3, PRICE - AMOUNT))
        act = da.TakeMoney(
            ref=f"in{self.number}", amount_fen=amount, booked_at_us=self.now_us, payer_name="x", payer_account="1"
        )
        return self.act_on_deal(one, act)

    def _deal(self) -> str:
        if not self.store.deals:
            return "none"
        alive = (name for name, deal in self.store.deals.items() if not deal.phase.is_final)
        one = self._one_of(self.store.deals, alive)
        process = self.store.deals[one]
        side = self.random.choice(list(DealSide))
        likely: dict[str, da.Act] = {
            "confirming": da.ConfirmDeal(document_digest="", signature="", key=""),
            "drafting": da.SupplyDraft(contract_ref="C", contract_digest="t")
            if process.payment is not None or (terms := PAYMENTS[process.deal.payment]) is None
            else da.ProposePayment(payment=terms),
            "signing": da.SignContract(side=side, party_id="x", contract_digest="t"),
            "concluding": da.NoteSigned(contract_ref="C"),
            "certifying": da.IssueCertificate(number="1", document_digest="", signature="", key=""),
            "delivering": da.HandOver(proof_ref="p", proof_digest=""),
            "accepting": da.AcceptDelivery(by_operator=True, reason="x"),
            "disputed": da.DecideDispute(delivered=self.random.random() < 0.7, reason="x"),
            "deciding": da.DecideDefault(side=self.random.choice((None, *DealSide)), reason="x"),
            "defaulting": da.NoteDefault(side=process.default_side or side, reason="x"),
            "reselling": da.RecordResale(
                second_price_fen=self.random.choice((60_000, PRICE)), costs_fen=100, deposit_fen=self.random.choice((0, AMOUNT))
            ),
            "registering": da.NoteRegistered(number="R"),
            "distributing": da.NoteDistributed(ref="P"),
            "performing": da.ReportRoyalty(period=_next_period(process), base_fen=self.random.choice((0, PRICE, 10 * PRICE))),
        }  # fmt: skip
        rare = self.random.choice(
            (
                da.RefuseToSign(side=side, reason="x"), da.RescindDeal(reason="x"), da.DisputeDelivery(reason="x"), da.Wake(),
                da.WaiveResale(reason="x"), da.MoveDeadline(deadline_us=process.deadline_us + HOUR_US, reason="x"),
            )
        )  # fmt: skip
        act = likely.get(process.phase.value, da.Wake()) if self.random.random() < 0.75 else rare
        return self.act_on_deal(one, act)

    def _bank(self) -> str:
        """The bank pays, cannot pay, or a failed order is issued anew; told twice it changes nothing."""
        if not self.store.orders:
            return "none"
        order_id = self.random.choice(list(self.store.orders))
        source, amount, state = self.store.orders[order_id]
        if state == "failed":
            again = f"{order_id}~"
            self.store.put(self.store.orders, order_id, (source, amount, "replaced"))
            self.place(again, source, amount)
            return self.follow(order_id, again, "reissued")
        if state != "placed":
            del self.store.orders[order_id]
            return "told again"
        settled = self.random.random() < 0.8
        make = postings.payout_settled if settled else postings.payout_failed
        self.store.put(self.store.orders, order_id, (source, amount, "settled" if settled else "failed"))
        self.store.post(make(f"payout:{order_id}:{settled}", source, "", order_id, amount))
        return self.follow(order_id, "", "settled" if settled else "failed")

    def follow(self, order_id: str, again: str, how: str) -> str:
        """Let the deposit or the deal follow its order, in the same transaction."""
        source = self.store.orders[order_id][0]
        act: Any
        if source.deal in self.store.deals:
            act = da.PayoutEnded(
                order_id=again or order_id, settled=how == "settled", instead_of=order_id if again else ""
            )
            assert self.act_on_deal(source.deal, act) != "refused", "a deal follows its order"
        deposit = self.store.deposits.get(source.deposit)
        if deposit is not None and deposit.order_id == order_id:
            act = {
                "settled": a.FinishRelease(order_id=order_id, bank_ref="b"), "failed": a.FailRelease(order_id=order_id, reason="x"),
                "reissued": a.ReissueRelease(order_id=again, instead_of=order_id),
            }[how]  # fmt: skip
            assert self.act_on_deposit(source.deposit, act) != "refused", "a deposit follows its order"
        return how

    # The transaction

    def act_on_deposit(self, deposit_id: str, act: a.Act) -> str:
        """Decide, evolve, post, order: as `settlement.deposits.store` does."""
        store, before = self.store, self.store.deposits.get(deposit_id)
        if isinstance(act, a.ReceivePayment) and f"credit:{act.bank_ref}" in store.keys:
            return "repeated"
        decision = decide(before, act, self.now_us)
        if isinstance(decision, Refused):
            return "refused"
        deposit = before
        for event in decision:
            was, deposit = deposit, evolve_deposit(deposit, event, deposit_id)
            entry = None if was is None else entry_of(was, event)
            if entry is not None:
                store.post(entry)
            for out in () if was is None else pay_outs_of(was, event):
                order_id = event.order_id if isinstance(event, e.ReleaseStarted) else f"{deposit_id}-{deposit.seq}"
                self.place(f"{order_id}f" if out.kind == FORFEIT else order_id, out.source, out.amount_fen)
        assert deposit is not None
        store.put(store.deposits, deposit_id, deposit)
        self.states.add(deposit.state)
        if before is not None:
            self.follow_deposit(before, deposit)
        return "done"

    def follow_deposit(self, before: Deposit, after: Deposit) -> None:
        """As `settlement.deals.deals.Deals` does in the deposit's transaction."""
        was, now = before.state is S.CONVERTED, after.state is S.CONVERTED
        deal_id = after.deal_ref or before.deal_ref
        if was is now or deal_id not in self.store.deals or self._plant == "lost_conversion":
            return
        act: da.Act = da.LoseDeposit(deposit_id=after.id, amount_fen=after.amount_fen)
        if now:
            act = da.TakeMoney(
                ref=f"deposit:{after.id}", amount_fen=after.amount_fen, booked_at_us=self.now_us, deposit_id=after.id
            )
        if self.act_on_deal(deal_id, act) == "refused":
            raise Overdrawn("the deal does not follow: the whole transaction is undone")

    def act_on_deal(self, deal_id: str, act: da.Act) -> str:
        """Step, evolve, post, order: as `settlement.deals.store` does."""
        store, before = self.store, self.store.deals.get(deal_id)
        decision = step(before, act, self.now_us, CALENDAR)
        if isinstance(decision, DealRefused):
            return "refused"
        process, wanted = before, []
        for event in decision:
            was, process = process, evolve_deal(process, event, self.now_us)
            if was is not None:
                entry = deal_entry(was, event)
                if entry is not None:
                    store.post(entry)
                wanted += deal_pay_outs(was, event)
        for pay_out in wanted:
            assert process is not None
            order_id = f"{deal_id}-{process.seq + 1}"
            placed = de.PayoutPlaced(
                order_id=order_id, kind=pay_out.kind, amount_fen=pay_out.amount_fen, party_id=pay_out.party_id
            )
            process = evolve_deal(process, placed, self.now_us)
            self.place(order_id, pay_out.source, pay_out.amount_fen)
        assert process is not None
        store.put(store.deals, deal_id, process)
        self.phases.add(process.phase.value)
        return "done"

    def place(self, order_id: str, source: Sub, amount: int) -> None:
        """Write an order with its posting."""
        self.store.post(postings.payout_ordered(f"payout:{order_id}:ordered", source, "", order_id, amount))
        self.store.put(self.store.orders, order_id, (source, amount, "placed"))

    # What must hold

    def check_touched(self) -> None:
        """Look at everything; there are few deals at a time, so this is quick."""
        store = self.store
        assert sum(store.balances.values()) == 0, "the ledger sums to zero"
        held: Counter[tuple[Account, str]] = Counter()
        for sub, amount in store.balances.items():
            assert amount <= 0 or sub.account is Account.BANK, f"{sub} is overdrawn"
            held[sub.account, sub.deal if sub.account is Account.PRICE_ESCROW else sub.deposit] -= amount
        for deposit in store.deposits.values():
            inside = deposit.held and deposit.state in (S.HELD, S.RELEASE_DUE, S.FORFEIT_PENDING)
            assert held[Account.DEPOSIT_HELD, deposit.id] == (deposit.amount_fen if inside else 0), deposit
        for process in store.deals.values():
            assert held[Account.PRICE_ESCROW, process.id] == process.escrow_fen, process
            assert process.received_fen == (
                process.escrow_fen + process.price_released_fen + process.buyer_fee_released_fen + process.refunded_fen
                + self._damages(process)
            ), process  # fmt: skip

    def check_whole(self) -> None:
        """Compare the balances with what all entries ever posted say, account by account; and every deal comes to an end."""
        balances: Counter[Account] = Counter()
        for sub, amount in self.store.balances.items():
            balances[sub.account] += amount
        operations = sum(self.done.values())
        for deal_id, deal in self.store.deals.items():
            assert operations - self.since[deal_id] < LIFE_MAX, f"does not end: {deal}"
        assert +balances == +self.store.posted and -balances == -self.store.posted, (balances, self.store.posted)

    def _damages(self, process: Process) -> int:
        return sum(
            order.amount_fen for order in process.orders if order.kind == "damages" and order.state != "replaced"
        )


def _next_period(process: Process) -> int:
    """Return the first period that is not reported; 0 if there is none."""
    open_lines = [one for one in process.lines if one.kind is LineKind.ROYALTY and one.amount_fen is None]
    return min((line.period for line in open_lines), default=0)


def main(arguments: Sequence[str]) -> int:
    """Run and print what was done; 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="tests.simulation.money", description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=PLANTS, default="", help="a planted bug that must be caught")
    options = parser.parse_args(arguments)
    world = World(options.seed, options.plant)
    try:
        world.run(options.operations)
        world.check_whole()
    except AssertionError as broken:
        print(f"BROKEN after {sum(world.done.values())} operations: {broken}")
        return 1
    done = sum(count for name, count in world.done.items() if name.endswith(":done") or name.endswith(":opened"))
    crashes = sum(count for name, count in world.done.items() if name.endswith(":crash"))
    print(
        f"{options.operations} operations, {done} changed something, {crashes} crashes, {len(world.states)} states of deposits,"
        f" {len(world.phases)} phases of deals: the ledger sums to zero"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
