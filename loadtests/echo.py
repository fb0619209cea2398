"""The bare WebSocket echo: the server's own WebSocket stack and settings, and nothing behind it. The floor of
the benchmark.
"""

from __future__ import annotations

import asyncio
import json
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from loadtests.stack import LISTENER_OPTIONS, calm_garbage_collector

PATH = b"/live"


class Echo(WSListener):
    """Sends every text frame back as it came."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer one frame."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())


def accept(request: WSUpgradeRequest) -> WSListener | None:
    """Route an upgrade: only /live is served."""
    return Echo() if request.path == PATH else None


async def serve() -> None:
    """Listen on a free port of 127.0.0.1, print it, and go on until stdin ends."""
    server = await ws_create_server(accept, "127.0.0.1", 0, **LISTENER_OPTIONS)
    print(json.dumps({"live": server.sockets[0].getsockname()[1]}), flush=True)
    calm_garbage_collector()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
