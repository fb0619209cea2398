"""Opens the demonstration market: accounts, lots, the live session, and the lines that a newcomer reads in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from engine.journal.embedded import PostgresUnavailable
from engine.journal.log import JournalUnavailable
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.model import Account, Role
from gateway.config import ConfigurationInvalid, read_config
from gateway.demo.bank import account_numbers, sandbox_bank
from gateway.demo.fair import PARTIES, open_fair
from gateway.demo.lots import LOTS
from gateway.demo.notices import publish_notices
from gateway.demo.recorded import bidders_recorded
from gateway.demo.session import LIVE_NAME, fill_market, play_for_ever
from gateway.errors import Refused
from gateway.http.logs import set_up_logs
from gateway.pricing.beside import pricing_beside
from gateway.probing.child import probing
from gateway.serve import calm_garbage_collector, running
from gateway.services import Services

VISITORS: Final = (
    ("operator", "演示交易机构", Role.OPERATOR),
    ("supervisor", "演示监管单位", Role.SUPERVISOR),
    ("registrar1", "演示登记员甲", Role.REGISTRAR),
    ("registrar2", "演示登记员乙", Role.REGISTRAR),
    ("seller", "包头稀土材料研究所（演示）", Role.SELLER),
    ("bidder1", "草原合作社（演示）", Role.BIDDER),
    ("bidder2", "青山新材料公司（演示）", Role.BIDDER),
)
_ORIGIN: Final = Origin(NOBODY, "demo")
BANK_PORT: Final = 8090
"""Where the sandbox bank listens, if nobody else does."""


def main(arguments: Sequence[str]) -> int:
    """Run the demonstration until it is stopped; 1 when it cannot start, with the reason."""
    parser = argparse.ArgumentParser(prog="ortoo demo", description=__doc__)
    parser.add_argument("--http-port", type=int, default=None, help="port of the pages (default 8080, else a free one)")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_open(options.http_port))
    except (PostgresUnavailable, JournalUnavailable, ConfigurationInvalid, OSError) as problem:
        print(f"ortoo demo: {problem}", file=sys.stderr)
        return 1
    return 0


async def _open(http_port: int | None) -> None:
    set_up_logs("text", "warning")
    config = read_config()
    if http_port is not None:
        config = config.model_copy(update={"http_port": http_port})
    if not (_is_free(config.host, config.http_port) and _is_free(config.host, config.live_port)):
        _say("端口被占用，改用空闲端口 / the usual ports are taken, using free ones")
        config = config.model_copy(update={"http_port": 0, "live_port": 0})
    own_bank = not config.bank_url
    bank_port = BANK_PORT if _is_free("127.0.0.1", BANK_PORT) else _free_port()
    if own_bank:
        config = config.model_copy(update={"bank_url": f"http://127.0.0.1:{bank_port}"})
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(running(config, report=_say, on_end=stopping.set))
        _say("正在准备演示账户与标的 / preparing demonstration accounts and lots")
        password = _password(config.data_dir / "demo-password")
        accounts = {login: await _account(services, login, shown, role, password) for login, shown, role in VISITORS}
        recorded = [
            await _account(
                services,
                f"recorded{number:02d}",
                f"历史竞买人 {number}（演示）",
                Role.BIDDER,
                secrets.token_urlsafe(20),
            )
            for number in range(1, bidders_recorded() + 1)
        ]
        parties = [account.party for account in recorded]
        bank = account_numbers([login for login, _, role in VISITORS if role is Role.BIDDER])
        accounts = await open_fair(services, accounts, bank)
        await publish_notices(services, accounts["seller"])
        await fill_market(services, accounts["seller"].party, parties)
        if own_bank:
            names = {number: PARTIES[login].name_zh for login, number in bank.items()}
            await stack.enter_async_context(sandbox_bank(services.config, bank_port, names))
        await stack.enter_async_context(probing(services.config))
        await stack.enter_async_context(pricing_beside(services.config, services.pricing))
        calm_garbage_collector()
        _welcome(services, password)
        player = asyncio.create_task(play_for_ever(services, accounts["seller"].party, parties))
        await stopping.wait()
        player.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await player
        _say("正在关闭 / closing")


async def _account(services: Services, login: str, shown: str, role: Role, password: str) -> Account:
    found = await services.accounts.by_login(login)
    if found is not None:
        return found
    try:
        return await services.accounts.register(login, shown, password, _ORIGIN, role=role)
    except Refused as refused:
        raise OSError(f"the demonstration account {login} cannot be made: {refused.code.value}") from refused


def _password(path: Path) -> str:
    """Return the demonstration password of this data directory: drawn at the first start, kept for the next."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    drawn = "-".join(secrets.token_hex(2) for _ in range(3))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(drawn + "\n")
    return drawn


def _is_free(host: str, port: int) -> bool:
    import socket

    if port == 0:
        return True
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _welcome(services: Services, password: str) -> None:
    config = services.config
    address = f"http://{config.host}:{config.http_port}"
    print(
        f"""
  敖尔图演示市场已开放 / The Ortoo demonstration market is open

    大厅        Hall           {address}/
    实时竞价    Live session   {address}/lots/{current_live(services)}/room
    公示栏      Board          {address}/board
    大屏        Wall           {address}/wall
    操作台      Desk           {address}/desk
    沙箱银行    Sandbox bank   {config.bank_url}/

    演示账户    Logins         {", ".join(login for login, _, _ in VISITORS)}
    密码        Password       {password}

  {len(LOTS)} 个演示标的,内容均为虚构;实时场次的出价来自真实历史拍卖记录(金额已缩放)。
  {len(LOTS)} invented lots; bids of the live session follow really recorded auctions (amounts scaled).
  Ctrl-C 关闭 / closes the market.
""",
        flush=True,
    )


def current_live(services: Services) -> str:
    """Return the lot of the live session that runs, or that comes next."""
    running_now = [
        state.lot_id
        for state in services.engine.lots()
        if state.lot_id.startswith(LIVE_NAME) and not state.phase.is_final
    ]
    return running_now[0] if running_now else f"{LIVE_NAME}-1"


def _say(line: str) -> None:
    print(f"  {line}", flush=True)
