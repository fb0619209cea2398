"""A line to a database whose machine is gone is ended by the kernel in seconds; a commit is never cancelled for being slow."""

from __future__ import annotations

import asyncio
import socket

from engine.journal import embedded
from engine.journal.postgres import DEAD_LINE, connect


async def test_a_connection_over_tcp_is_watched_by_the_kernel(
    postgres: embedded.EmbeddedPostgres, fresh_database: str
) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(postgres.socket_dir / ".s.PGSQL.5432")
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = fresh_database.partition("@/")[2].partition("?")[0]
    connection = await connect(f"postgresql://{embedded.USER}@127.0.0.1:{port}/{database}")
    line: socket.socket = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    assert [line.getsockopt(level, option) for level, option, _ in DEAD_LINE] == [value for *_, value in DEAD_LINE]
    await connection.close()
    server.close()
    await server.wait_closed()
