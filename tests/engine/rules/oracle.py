"""A second, slow and obvious model of an ascending auction, written from the texts (the issue, the domain rules), not from the code.

It keeps nothing but what was accepted, and works everything else out from the beginning each time it is asked: who leads, the
price, when bidding ends. Names, codes and terms are the product's vocabulary; no rule is imported from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from engine.rules.auction.terms import ExtensionFrom, FixedIncrement, PercentIncrement, Terms

LARGEST = 10**30


@dataclass(frozen=True)
class Offer:
    """A bid as it came in."""

    at: int
    bidder: str
    amount: int | None
    maximum: int | None
    confirmed: bool = False


@dataclass(frozen=True)
class Ended:
    """How a session ended. No winner: it passed."""

    at: int
    winner: str | None
    price: int | None
    why: str


@dataclass
class Wish:
    """What one bidder authorises now, and since when (by count of accepted bids) he stands there."""

    most: int
    since: int


@dataclass
class Oracle:
    """One session. `admitted` may bid; `seller` may not."""

    terms: Terms
    admitted: set[str]
    seller: str = "seller"
    held: list[Offer] = field(default_factory=list)
    """Accepted bids."""
    prices: list[int] = field(default_factory=list)
    """The price after each of them."""

    # Who leads, and at what price

    def step(self, price: int) -> int:
        """Increment at a price."""
        increment = self.terms.increment
        if isinstance(increment, FixedIncrement):
            return increment.step
        if isinstance(increment, PercentIncrement):
            return max(1, ceil(Fraction(price * increment.rate_ppm, 1_000_000)))
        return [step for low, step in increment.steps if low <= price][-1]

    def wishes(self) -> dict[str, Wish]:
        """What each bidder authorises. A raise or a first bid counts from when it came; lowering keeps the place in line."""
        found: dict[str, Wish] = {}
        for number, offer in enumerate(self.held):
            most = max(amount for amount in (offer.amount, offer.maximum) if amount is not None)
            before = found.get(offer.bidder)
            leads_already = before is not None and self._leader_among(found) == offer.bidder
            if before is None or most > before.most:
                # A leader who raises was there first at any amount that another reaches later.
                found[offer.bidder] = Wish(most, number)
            elif leads_already and offer.amount is None:
                found[offer.bidder] = Wish(most, before.since)
        return found

    @staticmethod
    def _leader_among(wishes: dict[str, Wish]) -> str | None:
        # The highest; of equals the earlier.
        return min(wishes, key=lambda name: (-wishes[name].most, wishes[name].since), default=None)

    @property
    def leader(self) -> str | None:
        return self._leader_among(self.wishes())

    @property
    def leader_maximum(self) -> int | None:
        leader = self.leader
        return None if leader is None else self.wishes()[leader].most

    @property
    def price(self) -> int | None:
        return self.prices[-1] if self.prices else None

    def opening(self) -> int:
        """The least first bid."""
        reserve = self.terms.reserve
        least = self.terms.start_price
        if reserve is not None and reserve.public:
            least = max(least, reserve.amount)
        return least if self.terms.first_bid_at_start else least + self.step(least)

    def minimum(self) -> int:
        return max(1, self.opening()) if self.price is None else self.price + self.step(self.price)

    def price_from_the_beginning(self) -> int:
        """The price that all accepted bids together lead to: never lower than it was, and no higher than it has to be."""
        wishes, leader = self.wishes(), self.leader
        assert leader is not None
        most = wishes[leader].most
        reasons = [max(1, self.opening()), *self.prices]
        # What the leader offered openly shows.
        reasons += [offer.amount for offer in self.held if offer.bidder == leader and offer.amount is not None]
        others = [wish.most for name, wish in wishes.items() if name != leader]
        if others:
            second = max(others)
            reasons.append(min(most, second + self.step(second)))
        reserve = self.terms.reserve
        if reserve is not None and not reserve.public and most >= reserve.amount:
            reasons.append(reserve.amount)
        return max(reasons)

    # When bidding ends

    def free_until(self) -> int | None:
        free = self.terms.closing.free_period_us
        return None if free is None else self.terms.closing.opens_at_us + free

    def price_moves(self) -> list[int]:
        """Instants of the accepted bids that changed the price; a silent change of a maximum moves nothing."""
        before = [None, *self.prices]
        return [offer.at for offer, old, new in zip(self.held, before, self.prices, strict=False) if old != new]

    def end(self) -> int | None:
        """When bidding ends as things stand; None: nothing has set an end yet."""
        return self._end_and_extensions()[0]

    def _end_and_extensions(self) -> tuple[int | None, int]:
        closing, moves = self.terms.closing, self.price_moves()
        free_until, cycle = self.free_until(), closing.limited_cycle_us
        if closing.closes_at_us is not None:
            end = self._capped(closing.closes_at_us)
        elif free_until is not None and cycle is not None:
            if not self.held and not closing.limited_if_no_free_bid:
                return free_until, 0
            end = self._capped(free_until + cycle)
            moves = [at for at in moves if at >= free_until]
        elif moves and closing.first_bid_clock_us is not None:
            end = self._capped(moves[0] + closing.first_bid_clock_us)
            moves = moves[1:]
        else:
            return closing.hard_end_us, 0
        extensions = 0
        for at in moves:
            longer = self._extended(end, at)
            if longer > end and (closing.extensions_max is None or extensions < closing.extensions_max):
                end, extensions = longer, extensions + 1
        return end, extensions

    def _extended(self, end: int, at: int) -> int:
        closing = self.terms.closing
        length = closing.limited_cycle_us or closing.extension_us
        if length is None:
            return end
        # A cycle is its own window: a bid moves the end when it falls into the cycle that runs last.
        window = closing.limited_cycle_us or closing.extension_window_us or length
        if end - at > window:
            return end
        return max(end, self._capped((at if closing.extension_from is ExtensionFrom.BID_TIME else end) + length))

    def _capped(self, instant: int) -> int:
        hard_end = self.terms.closing.hard_end_us
        return instant if hard_end is None else min(instant, hard_end)

    def ended_by(self, at: int) -> Ended | None:
        """How the session has ended by an instant; None if it has not."""
        end = self.end()
        if end is None or at < end:
            return None
        reserve = self.terms.reserve
        if self.price is None:
            return Ended(end, None, None, "no_bid")
        if reserve is not None and self.price < reserve.amount:
            return Ended(end, None, None, "reserve_not_met")
        return Ended(end, self.leader, self.price, "sold")

    # Whether a bid holds

    def judge(self, offer: Offer) -> str:
        """Take a bid; `"accepted"`, or the code of the first reason against it."""
        problem = self._untimely(offer) or self._unqualified(offer) or self._malformed(offer) or self._too_low(offer)
        if problem is not None:
            return problem
        self.held.append(offer)
        self.prices.append(self.price_from_the_beginning())
        return "accepted"

    def _untimely(self, offer: Offer) -> str | None:
        if offer.at < self.terms.closing.opens_at_us:
            return "not_started"
        return "late" if self.ended_by(offer.at) is not None else None

    def _unqualified(self, offer: Offer) -> str | None:
        if offer.bidder == self.seller:
            return "seller_may_not_bid"
        if offer.bidder not in self.admitted:
            return "not_admitted"
        free_until = self.free_until()
        if not self.terms.closing.require_free_bid or free_until is None or offer.at < free_until:
            return None
        bid_freely = any(held.bidder == offer.bidder and held.at < free_until for held in self.held)
        return None if bid_freely else "free_bid_required"

    def _malformed(self, offer: Offer) -> str | None:
        given = [amount for amount in (offer.amount, offer.maximum) if amount is not None]
        if not given:
            return "amount_missing"
        if any(not 1 <= amount <= LARGEST for amount in given):
            return "amount_out_of_range"
        if offer.maximum is not None and not self.terms.proxy:
            return "proxy_not_allowed"
        if offer.amount is not None and offer.maximum is not None and offer.maximum < offer.amount:
            return "maximum_below_amount"
        return None

    def _too_low(self, offer: Offer) -> str | None:
        if offer.bidder == self.leader:
            if offer.amount is None:
                assert offer.maximum is not None
                return self._own_maximum(offer.maximum)
            if not self.terms.leader_may_raise:
                return "already_leading"
        # What is offered openly must itself be enough, whatever maximum stands behind it.
        offered = offer.amount if offer.amount is not None else offer.maximum
        assert offered is not None
        if offered < self.minimum():
            return "bid_below_minimum"
        for amount in (offer.amount, offer.maximum):
            if amount is not None and not self._on_the_steps(amount):
                return "not_a_multiple"
        jump = self.terms.jump_confirm_steps
        if jump is not None and offer.amount is not None and not offer.confirmed:
            least = self.minimum()
            if offer.amount > least + jump * self.step(least):
                return "jump_needs_confirmation"
        return None

    def _own_maximum(self, maximum: int) -> str | None:
        held, price = self.leader_maximum, self.price
        assert held is not None and price is not None
        if maximum == held:
            return "maximum_unchanged"
        if maximum < held:
            if not self.terms.proxy_lowering:
                return "maximum_not_lowerable"
            return "maximum_below_price" if maximum < price else None
        return None if self._on_the_steps(maximum) else "not_a_multiple"

    def _on_the_steps(self, amount: int) -> bool:
        if not self.terms.multiple_only:
            return True
        reserve = self.terms.reserve
        base = self.price
        if base is None:
            base = self.terms.start_price
            if reserve is not None and reserve.public:
                base = max(base, reserve.amount)
        return (amount - base) % self.step(base) == 0
