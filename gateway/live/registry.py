"""Who is connected: sessions by account and by login session, and the wheel on which each connection's turn comes round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from engine.values import InstantUs, PartyId
from gateway.accounts.identities import subjects_of
from gateway.live.limits import Budget
from gateway.live.session import RoomSession
from gateway.live.settings import LiveSettings

SPOKES: Final = 50
"""Parts of the wheel. One spoke is served every `TURN_S`, so each connection's turn comes every 5 s."""
TURN_S: Final = 0.1
CUT_KEPT_US: Final = 900_000_000


class Registry:
    """The open connections of this process."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._spokes: tuple[dict[RoomSession, None], ...] = tuple({} for _ in range(SPOKES))
        self._budgets: dict[PartyId, Budget] = {}
        self._of_subject: dict[str, dict[RoomSession, None]] = {}
        """Connections by what their visitors stand on: login session, token, account."""
        self._count = 0
        self.accounts: dict[PartyId, int] = {}
        """Accounts that are connected now, with how many connections."""
        self.cut: dict[PartyId, InstantUs] = {}
        """Accounts whose last connection broke off without a goodbye, and when; who comes back is taken off."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RoomSession]:
        for spoke in self._spokes:
            yield from list(spoke)

    def add(self, session: RoomSession) -> None:
        """Take up a new connection."""
        self._spokes[session.number % SPOKES][session] = None
        self._count += 1

    def remove(self, session: RoomSession, now_us: int) -> None:
        """Forget a connection; one that is not there is no error."""
        spoke = self._spokes[session.number % SPOKES]
        if session not in spoke:
            return
        del spoke[session]
        self._count -= 1
        visitor = session.visitor
        if visitor is not None:
            for subject in subjects_of(visitor.caller):
                sessions = self._of_subject.get(subject, {})
                sessions.pop(session, None)
                if not sessions:
                    self._of_subject.pop(subject, None)
            if session.counted:
                self._count_off(session, visitor.caller.login_id, now_us)

    def identify(self, session: RoomSession) -> bool:
        """Note whose connection it is; False if the account has too many."""
        visitor = session.visitor
        assert visitor is not None
        if len(self._of_subject.get(visitor.caller.login_id, ())) >= self._settings.connections_per_account:
            return False
        for subject in subjects_of(visitor.caller):
            self._of_subject.setdefault(subject, {})[session] = None
        login = visitor.caller.login_id
        session.counted = True
        self.accounts[login] = self.accounts.get(login, 0) + 1
        self.cut.pop(login, None)
        return True

    def _count_off(self, session: RoomSession, login: PartyId, now_us: int) -> None:
        left = self.accounts[login] - 1
        if left:
            self.accounts[login] = left
            return
        del self.accounts[login]
        if not session.parted and not session.ending:
            self.cut[login] = InstantUs(now_us)

    def budget(self, party_id: PartyId) -> Budget:
        """Return the bid budget of a party; the API takes from the same one."""
        budget = self._budgets.get(party_id)
        if budget is None:
            budget = self._budgets[party_id] = Budget(self._settings.bids)
        return budget

    def standing_on(self, subject: str) -> list[RoomSession]:
        """Return the connections of a login session (by digest), a token or an account (by id)."""
        return list(self._of_subject.get(subject, ()))

    def spoke(self, turn: int) -> Iterable[RoomSession]:
        """Return the connections whose turn it is."""
        return list(self._spokes[turn % SPOKES])

    def forget_old(self, now_us: int) -> None:
        """Drop the budgets that are whole again (a new one is the same), and who was cut off long ago."""
        for login, cut_at_us in list(self.cut.items()):
            if now_us - cut_at_us > CUT_KEPT_US:
                del self.cut[login]
        for party_id, budget in list(self._budgets.items()):
            if budget.whole_at_us <= now_us:
                del self._budgets[party_id]
