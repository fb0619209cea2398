"""`ortoo reference-receiver`: a registrar's system to build against, as a process of its own (docs/REGISTRATION.md)."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.reference_receiver.books import Books
from gateway.reference_receiver.faults import Faults
from gateway.reference_receiver.sending import Courier
from gateway.reference_receiver.site import build_app
from gateway.registrar.keys import KeysUnusable, read_keys


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 1 when it cannot start, with the reason."""
    parser = argparse.ArgumentParser(prog="ortoo reference-receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--data", type=Path, default=Path("var/reference-receiver.sqlite"), help="file of the books")
    parser.add_argument(
        "--keys-file", type=Path, default=Path("var/registrar-keys.json"), help="keys shared with the market"
    )
    parser.add_argument("--answers", default="", help="the market's webhook: http…/api/v1/registrar/answers")
    parser.add_argument("--pull", default="", help="the market's feed, to pull from it: http…/api/v1/registrar/feed")
    parser.add_argument("--system", default="reference", help="name of this system in its answers")
    parser.add_argument("--series", default="2026150199", help="first ten digits of its numbers")
    parser.add_argument(
        "--certificate", type=Path, help="TLS certificate chain (PEM); with --certificate-key it speaks HTTPS"
    )
    parser.add_argument("--certificate-key", type=Path, help="TLS key (PEM)")
    faults = parser.add_argument_group("what goes wrong on purpose")
    faults.add_argument("--lose-percent", type=int, default=0, help="answers that are lost, both ways")
    faults.add_argument("--delay-ms", type=int, default=0, help="longest delay of an answer")
    faults.add_argument(
        "--repeat-percent", type=int, default=0, help="answers that are sent again though they were taken"
    )
    faults.add_argument("--shuffle", action="store_true", help="answers leave in any order")
    faults.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except (OSError, KeysUnusable, ssl.SSLError) as problem:
        print(f"ortoo reference-receiver: {problem}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    keys = read_keys(options.keys_file)
    faults = Faults(options.lose_percent, options.delay_ms, options.repeat_percent, options.shuffle, options.seed)
    books = Books(options.data, system=options.system, series=options.series, certificate=certificate)
    tls: ssl.SSLContext | None = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.certificate_key)
    runner = web.AppRunner(build_app(books, keys, faults), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, ssl_context=tls)
    await site.start()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    port = runner.addresses[0][1]
    print(json.dumps({"url": f"{'https' if tls else 'http'}://{options.host}:{port}"}), flush=True)
    courier = Courier(books, keys, faults)
    async with asyncio.TaskGroup() as work:
        tasks = []
        if options.answers:
            tasks.append(work.create_task(courier.send_for_ever(options.answers)))
        if options.pull:
            tasks.append(work.create_task(courier.pull_for_ever(options.pull)))
        await stopping.wait()
        for task in tasks:
            task.cancel()
    await runner.cleanup()
    books.close()


def certificate(number: str, package: dict[str, Any]) -> bytes:
    """Return a certificate: the smallest PDF that shows the number; a real system sends its own."""
    text = f"Registration {number} of {package['registration']} (reference receiver, without effect)"
    stream = f"BT /F1 12 Tf 40 780 Td ({text}) Tj ET".encode("ascii", "replace")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    pdf, places = b"%PDF-1.4\n", []
    for number_of, body in enumerate(objects, start=1):
        places.append(len(pdf))
        pdf += b"%d 0 obj%s endobj\n" % (number_of, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return pdf + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        len(pdf),
    )
