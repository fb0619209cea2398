"""The naive way behind the same WebSocket stack: for each bid one transaction that locks the lot's row, a
pool of ten connections, then a loop over the watchers. Frames as in the room protocol. Like the server it
records refused bids too. It checks less (no accounts, no limits, no digests), which favours it; its rows are
as durable (synchronous_commit on).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from loadtests.stack import LISTENER_OPTIONS, calm_garbage_collector

POOL_SIZE = 10
SCHEMA = """
CREATE SCHEMA IF NOT EXISTS naive;
CREATE TABLE IF NOT EXISTS naive.lot (lot text PRIMARY KEY, seq bigint NOT NULL, price bigint NOT NULL);
CREATE TABLE IF NOT EXISTS naive.bid (
    lot text NOT NULL, seq bigint NOT NULL, id uuid NOT NULL UNIQUE, amount bigint NOT NULL,
    accepted boolean NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (lot, seq));
"""

INSERT = "INSERT INTO naive.bid (lot, seq, id, amount, accepted) VALUES ($1, $2, $3, $4, $5)"


class Bid(msgspec.Struct, tag_field="t", tag="bid"):
    """A bid as the client sends it."""

    id: UUID
    lot: str
    amount: str


class Join(msgspec.Struct, tag_field="t", tag="join"):
    """A wish to watch a lot."""

    lot: str


DECODER = msgspec.json.Decoder(Bid | Join)


class Market:
    """All lots, behind a pool of connections."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._running: set[asyncio.Task[None]] = set()
        self.watchers: dict[str, set[WSTransport]] = {}

    def take(self, transport: WSTransport, bid: Bid) -> None:
        """Start the transaction of one bid."""
        task = asyncio.get_running_loop().create_task(self._place(transport, bid))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _place(self, transport: WSTransport, bid: Bid) -> None:
        amount = int(bid.amount)
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT seq, price FROM naive.lot WHERE lot = $1 FOR UPDATE", bid.lot)
            if row is None:
                return
            seq, accepted = row["seq"] + 1, amount > row["price"]
            price = amount if accepted else row["price"]
            await connection.execute(INSERT, bid.lot, seq, bid.id, amount, accepted)
            await connection.execute("UPDATE naive.lot SET seq = $2, price = $3 WHERE lot = $1", bid.lot, seq, price)
        answer = {
            "t": "accepted" if accepted else "rejected",
            "id": str(bid.id),
            "lot": bid.lot,
            "seq": seq,
            "price": str(price),
        }
        _send(transport, answer if accepted else {**answer, "code": "bid_below_minimum"})
        if accepted:
            for watcher in list(self.watchers.get(bid.lot, ())):
                _send(watcher, {"t": "change", "lot": bid.lot, "prev": seq - 1, "seq": seq, "price": bid.amount})


class Visitor(WSListener):
    """One connection."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        message = DECODER.decode(frame.get_payload_as_bytes())
        if isinstance(message, Bid):
            self._market.take(transport, message)
        else:
            self._market.watchers.setdefault(message.lot, set()).add(transport)
            _send(transport, {"t": "snapshot", "lot": message.lot, "seq": 0})

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget a watcher."""
        for watchers in self._market.watchers.values():
            watchers.discard(transport)


def _send(transport: WSTransport, message: dict[str, Any]) -> None:
    if not transport.is_disconnected:
        transport.send(WSMsgType.TEXT, msgspec.json.encode(message))


async def serve(dsn: str, lots: list[str]) -> None:
    """Listen on a free port of 127.0.0.1, print it, and go on until stdin ends."""
    async with asyncpg.create_pool(dsn, min_size=POOL_SIZE, max_size=POOL_SIZE) as pool:
        await pool.execute(SCHEMA)
        await pool.executemany(
            "INSERT INTO naive.lot VALUES ($1, 0, 0) ON CONFLICT DO NOTHING", [(lot,) for lot in lots]
        )
        market = Market(pool)

        def accept(request: WSUpgradeRequest) -> WSListener | None:
            return Visitor(market) if request.path == b"/live" else None

        server = await ws_create_server(accept, "127.0.0.1", 0, **LISTENER_OPTIONS)
        print(json.dumps({"live": server.sockets[0].getsockname()[1]}), flush=True)
        calm_garbage_collector()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        server.close()


def main() -> None:
    """Entry of `python -m loadtests.naive`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--lots", required=True, help="comma-separated")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.dsn, chosen.lots.split(",")))


if __name__ == "__main__":
    main()
