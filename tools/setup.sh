#!/usr/bin/env bash
# Makes .venv from the lock files; run again it does nothing. `setup.sh runtime|dev|browser`.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-runtime}
python=${PYTHON:-python3}

if [ "$what" = browser ]; then
    if command -v chromium >/dev/null || [ -n "${ORTOO_CHROMIUM:-}" ]; then exit 0; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing Chromium and Chinese fonts for the browser tests (once, about a minute)"
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-noto-cjk; } \
            >/tmp/ortoo-chromium-install.log 2>&1 && exit 0
        echo "setup: Chromium could not be installed (/tmp/ortoo-chromium-install.log)"
    fi
    echo "setup: no Chromium here: browser tests will be SKIPPED (install the package chromium, or set ORTOO_CHROMIUM)"
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Python 3.11 or newer is needed"; exit 1; }
lock=requirements/$what.lock
mkdir -p var
exec 9>var/setup.lock
flock 9 2>/dev/null || true
stamp=.venv/.installed-$(cat requirements/runtime.lock "$lock" pyproject.toml | sha256sum | cut -c1-16)-$what
if [ -e "$stamp" ]; then
    .venv/bin/python tools/compile_layout.py
    exit 0
fi
if [ ! -x .venv/bin/python ]; then
    echo "setup: making the virtual environment"
    "$python" -m venv .venv
fi
echo "setup: installing $(grep -cE '^[a-z0-9].*==' "$lock") pinned packages ($what); the first time this takes a minute or two"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r "$lock"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
pwd >"$site/ortoo.pth"
cat >.venv/bin/ortoo <<SCRIPT
#!$(pwd)/.venv/bin/python
import sys
from gateway.cli import main
sys.exit(main())
SCRIPT
chmod +x .venv/bin/ortoo
.venv/bin/python tools/compile_layout.py
touch "$stamp"
