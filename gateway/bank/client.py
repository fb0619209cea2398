"""The adapter to a bank with an HTTP interface, as the sandbox bank has one: every call signed, every silence `BankUnavailable`."""

from __future__ import annotations

import logging
import time
from datetime import date
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from gateway.bank.signing import sign
from settlement.bank.port import BankUnavailable, Payout, PayoutResult, PayoutState

CALL_S: Final = 10.0
ANSWER_MAX: Final = 65_536
STATEMENT_MAX: Final = 2_000_000

log = logging.getLogger(__name__)


class HttpBank:
    """Implements `Bank`."""

    def __init__(self, url: str, secret: bytes, call_s: float = CALL_S) -> None:
        """Make the adapter; connections open with the first call.

        Args:
            url: Where the bank is, without a path.
            secret: Shared with the bank.
            call_s: How long one call may take.
        """
        self._url = url.rstrip("/")
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=call_s)
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def pay(self, payout: Payout) -> PayoutResult:
        """Order a payment; the bank pays once for an order id, however often it is sent."""
        body = msgspec.json.encode({**msgspec.to_builtins(payout), "amount_fen": str(payout.amount_fen)})
        status, answer = await self._call("POST", "/bank/v1/payouts", body)
        if status in (400, 409, 413, 422):  # the bank will never take this order as it is
            return PayoutResult(order_id=payout.order_id, state=PayoutState.FAILED, reason=_code(answer))
        return self._result(status, answer, payout.order_id)

    async def look_up(self, order_id: str) -> PayoutResult | None:
        """Return what became of an order."""
        status, answer = await self._call("GET", f"/bank/v1/payouts/{quote(order_id, safe='')}")
        if status == 404 and _code(answer) == "NO_SUCH_ORDER":
            return None
        return self._result(status, answer, order_id)

    async def statement(self, day: date) -> bytes:
        """Return the statement file of a day.

        Raises:
            BankUnavailable: no answer.
        """
        status, answer = await self._call("GET", f"/bank/v1/statements/{day.isoformat()}", answer_max=STATEMENT_MAX)
        if status != 200:
            raise BankUnavailable(f"status {status}")
        return answer

    async def name_virtual_account(self, number: str, label: str) -> None:
        """Tell the bank that a sub-account number is in use.

        Raises:
            BankUnavailable: no answer.
        """
        body = msgspec.json.encode({"number": number, "label": label})
        status, _ = await self._call("PUT", "/bank/v1/virtual-accounts", body)
        if status != 200:
            raise BankUnavailable(f"status {status}")

    async def _call(self, method: str, path: str, body: bytes = b"", answer_max: int = ANSWER_MAX) -> tuple[int, bytes]:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = sign(self._secret, method, path, body, time.time_ns() // 1_000_000_000)
        try:
            async with self._http.request(
                method, URL(self._url + path, encoded=True), data=body or None, headers=headers, allow_redirects=False
            ) as response:
                answer = await response.content.read(answer_max + 1)
                while len(answer) <= answer_max and (more := await response.content.read(answer_max)):
                    answer += more
                if len(answer) > answer_max:
                    raise BankUnavailable("the answer is too long")
                return response.status, answer
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise BankUnavailable(type(problem).__name__) from None

    def _result(self, status: int, answer: bytes, order_id: str) -> PayoutResult:
        if status == 401:
            log.error("bank_refuses_our_signature")
        if status != 200:
            raise BankUnavailable(f"status {status}")
        try:
            result = msgspec.json.decode(answer, type=PayoutResult)
        except msgspec.MsgspecError:
            raise BankUnavailable("the answer cannot be read") from None
        if result.order_id != order_id:
            raise BankUnavailable("the answer is about another order")
        return result


def _code(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer, type=dict[str, str]).get("code", ""))[:64]
    except msgspec.MsgspecError:
        return ""
