"""P6 for the other formats: before the end nobody reads what is secret, whoever he is and wherever he looks.

A sealed round with real envelopes and a secret reserve, a clock with a secret floor, proxy maxima with rights of priority. Everything
that reaches a watcher, a bidder and an operator is collected (REST, pages, room frames, both languages), with the logs, the metrics
and the database; sealed amounts are looked for in all of it, the rest wherever the rules keep it secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import connect

from engine.evidence.verification import verify_log
from engine.journal.postgres import PostgresLog
from engine.journal.secrecy import Vault, read_log_key
from engine.journal.streams import LOTS
from engine.runtime.book import rebuild
from engine.runtime.rulebook import LOT_RULES
from engine.values import LotId
from gateway.accounts.model import Role
from tests.gateway.conftest import Person, Town, wish
from tests.gateway.test_formats_api import MINUTE_US, Round

SEALED = (371_594_826, 482_615_937)
"""In fen; the reserve lies between them."""
RESERVE = 419_283_746
FLOOR = 263_748_591
MAXIMUM = 593_826_174
OPEN_RESERVE = 817_263_549
"""Of the ascending session, above the maximum: a maximum that reaches it would show it, by rule."""
LOT_PATHS = (
    "/lots/{lot}", "/lots/{lot}/room", "/api/v1/lots/{lot}", "/api/v1/lots/{lot}/events", "/api/v1/lots/{lot}/chain",
)  # fmt: skip
PATHS = ("/", "/api/v1/lots", "/board", "/wall", "/api/openapi.json")


def spellings(fen: int) -> list[str]:
    """Return how an amount may be written: digits in fen, yuan with and without groups, and each as bytes in hexadecimal."""
    plain = [str(fen), f"{fen / 100:,.2f}", f"{fen / 100:.2f}"]
    return [*plain, *(text.encode().hex() for text in plain)]


class Listener:
    """Somebody's socket to the room: every frame he gets."""

    def __init__(self, person: Person, socket: Any) -> None:
        self.person = person
        self.socket = socket
        self.frames: list[str] = []

    async def until(self, wanted: dict[str, int]) -> None:
        """Read on until each lot was heard of at this place of its log or later."""
        left = dict(wanted)
        async with asyncio.timeout(60):
            while left:
                self.frames.append(str(await self.socket.recv()))
                frame = json.loads(self.frames[-1])
                if frame.get("seq", -1) >= left.get(frame.get("lot", ""), 2**60):
                    del left[frame["lot"]]


class Market:
    """Three sessions with secrets, the people around them, and everything that reached somebody."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.sealed, self.falling, self.ascending = Round(town), Round(town), Round(town)

    @property
    def lots(self) -> tuple[str, ...]:
        return (self.sealed.lot, self.falling.lot, self.ascending.lot)

    async def open(self) -> Market:
        sale = await self.sealed.open()
        for other in (self.falling, self.ascending):
            other.operator, other.seller, other.officers, other.buyers, other.keys = (
                sale.operator, sale.seller, sale.officers, sale.buyers, sale.keys,
            )  # fmt: skip
        self.rich, self.rival = sale.buyers
        self.watcher = await self.town.person(None)
        holder = (await self.town.person(Role.BIDDER)).account
        assert holder is not None
        self.holder = holder
        await self.publish(self.sealed, {"format": {"format": "sealed", "pricing": "second"}}, 60, RESERVE)
        clock = {"start": str(FLOOR + 600_000_000), "step": "100000000", "step_us": 10 * MINUTE_US, "floor": str(FLOOR)}
        await self.publish(
            self.falling, {"format": {"format": "falling", "clock": clock, "secret_floor": True}}, 70, None
        )
        priority = {
            "mode": "P3", "holders": [{"party": holder.party, "rank": 1, "ground": "completer"}], "window_us": MINUTE_US,
            "notified": "by letter",
        }  # fmt: skip
        play = {"format": {"format": "ascending"}, "priority": priority}
        await self.publish(self.ascending, play, 60, OPEN_RESERVE, proxy=True, show_reserve_met=False)
        return self

    async def publish(self, sale: Round, play: dict[str, Any], minutes: int, reserve: int | None, **terms: Any) -> None:
        now_us = self.town.services.now_us
        assert sale.seller.account is not None
        people: dict[str, Any] = {}
        if play["format"]["format"] == "sealed":
            first, second, recovery = (officer.account.id for officer in sale.officers if officer.account)
            people = {"officers": [first, second], "recovery": recovery}
        body = wish(
            lot=sale.lot,
            seller=sale.seller.account.id,
            subject={"title_zh": "标的", "title_en": "A lot"},
            terms={
                "closing": {"opens_at_us": now_us, "closes_at_us": now_us + minutes * MINUTE_US},
                "increment": {"kind": "fixed", "step": "100"},
                "start_price": "100",
                "reserve": None if reserve is None else {"amount": str(reserve), "public": False},
                "admission": "open",
                **terms,
            },
            play=play,
            **people,
        )
        status, answer = await sale.operator.post("/api/v1/sessions", body)
        assert status == 200, answer
        await sale.until("open")
        for buyer in sale.buyers:
            assert (await sale.act(buyer, "admission"))[0] == 200

    async def bid(self) -> None:
        """Let both bidders do what they do, refusals included."""
        for buyer, amount in zip((self.rich, self.rival), SEALED, strict=True):
            envelope = await self.sealed.envelope(buyer, amount)
            assert (await self.sealed.act(buyer, "envelopes", envelope=envelope))[0] == 200
            assert (await self.sealed.act(buyer, "envelopes", envelope=envelope))[0] == 409
        assert (await self.falling.act(self.rival, "takes", shown="1"))[1]["code"] == "price_not_reached"
        assert (await self.ascending.act(self.rich, "bids", maximum=str(MAXIMUM)))[0] == 200
        assert (await self.ascending.act(self.rival, "bids", amount="40000"))[0] == 200
        assert (await self.ascending.act(self.rich, "bids", maximum=str(MAXIMUM + 100)))[0] == 200

    async def listen(self, stack: AsyncExitStack, person: Person) -> Listener:
        address = f"ws://127.0.0.1:{self.town.services.config.live_port}/live"
        headers = person.headers if person.account is not None else None
        socket = await stack.enter_async_context(connect(address, additional_headers=headers, compression=None))
        listener = Listener(person, socket)
        for lot in self.lots:
            await socket.send(json.dumps({"t": "join", "lot": lot}))
        await socket.send('{"t":"hall"}')
        await listener.until(dict.fromkeys(self.lots, 0))
        return listener

    async def last_shown(self) -> dict[str, int]:
        """Return the place of the last public line of the ascending session; sealed bids and refusals are told to nobody."""
        _, events = await self.watcher.get(f"/api/v1/lots/{self.ascending.lot}/events")
        return {self.ascending.lot: max(row["seq"] for row in events["rows"])}

    async def read(self, person: Person, *paths: str) -> str:
        """Return all that somebody gets from these addresses, in both languages."""
        texts = []
        for path in [one.format(lot=lot) for one in paths for lot in (self.lots if "{lot}" in one else ("",))]:
            for language in ("zh", "en"):
                headers = {**person.headers, "Accept-Language": language}
                async with self.town.http.get(person.base + path, headers=headers) as answer:
                    assert answer.status == 200, path
                    texts.append(await answer.text())
        return "\n".join(texts)


def find_none(text: str, secrets: list[str], where: str) -> None:
    for secret in secrets:
        place = text.find(secret)
        assert place < 0, f"{where}: {text[max(0, place - 200) : place + 60]}"


async def database_text(town: Town) -> str:
    """Return every row of every table: what a back-up holds, and whoever may read everything."""
    pool = town.services.pool
    tables = await pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN "
        "('pg_catalog', 'information_schema')"
    )
    texts = [row[0] for table in tables for row in await pool.fetch(f"SELECT t::text FROM {table['name']} t")]
    assert any("lot.envelope_taken" in text for text in texts), "the log was read"
    return "\n".join(texts)


async def plain_reader_text(town: Town) -> str:
    """Return everything that the role `ortoo_reader` may read, column by column."""
    texts = []
    async with town.services.pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL ROLE ortoo_reader")
        columns = await connection.fetch(
            "SELECT c.oid::regclass::text AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY attnum) AS readable"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            " AND has_column_privilege(c.oid, a.attnum, 'SELECT') GROUP BY c.oid"
        )
        for table in columns:
            rows = await connection.fetch(f"SELECT ROW({table['readable']})::text FROM {table['name']}")
            texts += [row[0] for row in rows]
        assert {"event", "hall_lot"} <= {table["name"] for table in columns}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT body FROM event")
    assert any("lot.bid_accepted" in text for text in texts), "the log was read"
    return "\n".join(texts)


async def test_nothing_secret_reaches_anybody_before_the_end(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    market = await Market(town).open()
    rich, rival, operator = market.rich, market.rival, market.sealed.operator
    sealed = [text for fen in SEALED for text in spellings(fen)]
    maxima = [*spellings(MAXIMUM), *spellings(MAXIMUM + 100)]
    floors = [text for fen in (RESERVE, FLOOR, OPEN_RESERVE) for text in spellings(fen)]
    assert rich.account is not None and rival.account is not None
    names_of_rich = [rich.account.id, rich.account.login, rich.account.display_name]
    names_of_rival = [rival.account.id, rival.account.login, rival.account.display_name]
    holder = [market.holder.id, market.holder.login, market.holder.display_name]
    hidden = {
        "watcher": [*names_of_rich, *names_of_rival, *holder],
        "rival": [*names_of_rich, *holder],
        "operator": [*names_of_rich, *names_of_rival, *holder],
    }
    async with AsyncExitStack() as stack:
        people = {"watcher": market.watcher, "rival": rival, "operator": operator}
        heard = {name: await market.listen(stack, person) for name, person in people.items()}
        await market.bid()
        for name, listener in heard.items():
            await listener.until(await market.last_shown())
            again = await market.listen(stack, listener.person)
            text = "\n".join([*listener.frames, *again.frames, await market.read(listener.person, *PATHS, *LOT_PATHS)])
            find_none(text, [*sealed, *maxima, *floors, *hidden[name]], name)
    # The desk knows who bids, and the reserve; nothing more.
    desk = await market.read(operator, "/desk", "/desk/lots/{lot}", "/api/v1/lots/{lot}/bidders", "/metrics")
    assert rival.account.display_name in desk
    find_none(desk, [*sealed, *maxima], "desk")
    metrics = await market.read(operator, "/metrics")
    outside = metrics + caplog.text
    find_none(outside, [*sealed, *maxima, *floors, *names_of_rich, *names_of_rival, *holder], "logs and metrics")
    find_none(await database_text(town), [*sealed, *maxima, *floors], "database")
    everybody = [*names_of_rich, *names_of_rival, *holder]
    find_none(await plain_reader_text(town), [*sealed, *maxima, *floors, *everybody], "plain reader")
    # What lies there hidden was lost to nobody: the log alone, with its key, rebuilds the sessions, and verifies.
    services, vault = town.services, Vault(read_log_key(town.services.config.log_key_path))
    state = services.engine.state(LotId(market.ascending.lot))
    assert state is not None and (state.leader_maximum, state.terms.reserve and state.terms.reserve.amount) == (
        MAXIMUM + 100,
        OPEN_RESERVE,
    )
    log = PostgresLog(services.pricing.dsn, LOTS, vault)
    stored = await log.load(LOTS.stream(state.lot_id))
    await log.close()
    assert stored is not None and rebuild(LOT_RULES, stored).state == state
    assert (await verify_log(services.reader.shard_page, services.reader.snapshots(), [])).clean
