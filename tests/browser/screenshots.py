"""`python -m tests.browser.screenshots`: renders the README's pictures from the running product (`make screenshots`)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WAIT_FOR_BIDS_MS = 60_000


def main() -> int:
    """Open a demonstration market of our own, take the pictures, close it."""
    if not CHROMIUM:
        print("no Chromium: install the package chromium, or set ORTOO_CHROMIUM")
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="ortoo-pictures-")
    environment = {**os.environ, "ORTOO_DATA_DIR": directory, "ORTOO_HTTP_PORT": "0", "ORTOO_LIVE_PORT": "0"}
    command = [sys.executable, "-m", "gateway.cli", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as market:
        assert market.stdout is not None
        try:
            said = ""
            for line in market.stdout:
                said += line
                if "Password" in line:
                    break
            address = re.search(r"Hall\s+(http://\S+)/", said)
            room = re.search(r"Live session\s+(\S+)", said)
            password = re.search(r"Password\s+(\S+)", said)
            assert address and room and password, said
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                _take(browser, address[1], room[1], password[1])
                browser.close()
        finally:
            market.send_signal(signal.SIGINT)
            market.wait(30)
            shutil.rmtree(directory, ignore_errors=True)
    print(f"pictures are in {PICTURES}")
    return 0


def _take(browser: Any, address: str, room: str, password: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page.goto(f"{address}/login?next={room.removeprefix(address)}")
    page.fill("#f-login", "bidder1")
    page.fill("#f-password", password)
    page.click("main form button")
    page.click(".room__admission button")
    page.wait_for_timeout(WAIT_FOR_BIDS_MS)
    page.locator(".quick button").first.click()
    page.wait_for_timeout(1_500)
    page.screenshot(path=PICTURES / "room.png")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / "room-phone.png")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{address}/")
    page.screenshot(path=PICTURES / "hall.png")


if __name__ == "__main__":
    sys.exit(main())
