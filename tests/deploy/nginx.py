"""The delivered nginx configuration with the paths and ports of a test in the places that an installation fills in."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")
DELIVERED = Path(__file__).parents[2] / "deploy" / "nginx"
UP_S = 10.0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Front:
    """A configured nginx under a directory of its own."""

    def __init__(self, folder: Path, pages: list[int], live: list[int]) -> None:
        self.port = free_port()
        self.folder = folder
        self.main = folder / "nginx.conf"
        (folder / "tls").mkdir()
        _certificate(folder / "tls")
        upstreams = (DELIVERED / "upstreams.conf").read_text()
        for name, ports in (("ortoo_pages", pages), ("ortoo_live", live)):
            servers = "".join(f"    server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;\n" for port in ports)
            upstreams, changed = re.subn(
                rf"(upstream {name} {{\n    least_conn;\n)(    server [^\n]+\n)+", rf"\g<1>{servers}", upstreams
            )
            assert changed == 1
        (folder / "upstreams.conf").write_text(upstreams)
        site = (DELIVERED / "ortoo.conf").read_text()
        for old, new in {
            "/etc/nginx/ortoo/": f"{folder}/",
            "/var/cache/nginx/ortoo": f"{folder}/cache",
            "    listen [::]:443 ssl http2;\n": "",
            "    listen [::]:80;\n": "",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
        }.items():
            assert old in site, old
            site = site.replace(old, new)
        (folder / "ortoo.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.main.write_text(
            f"{user}\ndaemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
            f"events {{ worker_connections 512; }}\nhttp {{\naccess_log off;\n{temporary}include {folder}/ortoo.conf;\n}}\n"
        )

    def check(self) -> str:
        """`nginx -t`; what it complains about, warnings too."""
        done = subprocess.run(
            [NGINX, "-t", "-q", "-e", str(self.folder / "error.log"), "-c", str(self.main)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it."""
        process = await asyncio.create_subprocess_exec(
            NGINX, "-e", str(self.folder / "error.log"), "-c", str(self.main)
        )
        try:
            async with asyncio.timeout(UP_S):
                while not await self._answers():
                    await asyncio.sleep(0.02)
            yield
        finally:
            process.terminate()
            await process.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "market.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "market.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "market.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
