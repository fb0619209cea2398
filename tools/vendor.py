"""Copies the browser's libraries out of node_modules and writes down what they are. `npm ci && python tools/vendor.py`.

Running the market needs neither npm nor a network: the copies are committed, and a test compares their hashes.
"""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENDOR: Final = ROOT / "gateway" / "static" / "vendor"
FILES: Final = {
    "@fontsource/noto-sans-mongolian": (
        ("files/noto-sans-mongolian-mongolian-400-normal.woff2", "mongolian-400.woff2"),
        ("LICENSE", "LICENSE"),
    ),
    "lit-html": (("lit-html.js", "lit-html.js"), ("LICENSE", "LICENSE")),
    "uplot": (("dist/uPlot.esm.js", "uPlot.esm.js"), ("dist/uPlot.min.css", "uPlot.min.css"), ("LICENSE", "LICENSE")),
}


def main() -> None:
    """Copy the files and write VENDORED.json."""
    entries = []
    for package, files in FILES.items():
        home = ROOT / "node_modules" / package
        described = json.loads((home / "package.json").read_text(encoding="utf-8"))
        for source, name in files:
            target = VENDOR / package / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / source, target)
            if target.suffix == ".js":
                # The map is not shipped; a comment naming it would make browsers look for it.
                lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
                target.write_text("".join(line for line in lines if "sourceMappingURL" not in line), encoding="utf-8")
            entries.append(
                {
                    "package": package,
                    "version": described["version"],
                    "licence": described["license"],
                    "file": f"{package}/{name}",
                    "sha256": sha256(target.read_bytes()).hexdigest(),
                }
            )
    (VENDOR / "VENDORED.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
